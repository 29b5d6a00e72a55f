//! What is left of a panic. Its message would go to a standard error that no host of the module has, and after it
//! comes a trap in any case. So a panic is made that trap and nothing else: all that composed its message falls out.

use std::collections::HashSet;

use walrus::ir::Instr;
use walrus::{FunctionBuilder, FunctionId, FunctionKind, Module};

use crate::traps::{for_each, never_returns, path};

/// How the paths of the standard library's functions begin with which a panic begins.
const BEGINNINGS: [&str; 11] = [
    "alloc::alloc::handle_alloc_error",
    "alloc::raw_vec::",
    "alloc::vec::",
    "core::cell::",
    "core::option::",
    "core::panicking::",
    "core::result::",
    "core::slice::",
    "core::str::",
    "std::alloc::",
    "std::panicking::",
];

/// Makes a trap of each function with which a panic begins; and of all that formats, if nothing but a panic does.
pub(crate) fn silence(module: &mut Module) {
    let begins = |path: &str| {
        BEGINNINGS
            .iter()
            .any(|beginning| path.starts_with(beginning))
    };
    let panics: Vec<FunctionId> = module
        .funcs
        .iter_local()
        .filter(|(id, function)| never_returns(function) && begins(&path(module, *id)))
        .map(|(id, _)| id)
        .collect();
    for id in panics {
        make_trap(module, id);
    }
    // Those are reached through tables, so no optimiser can know.
    let formats: HashSet<FunctionId> = module
        .funcs
        .iter_local()
        .map(|(id, _)| id)
        .filter(|id| is_formatting(&path(module, *id)))
        .collect();
    if !is_called_from_elsewhere(module, &formats) {
        for id in formats {
            make_trap(module, id);
        }
    }
}

fn is_formatting(path: &str) -> bool {
    let of_trait = [" as core::fmt::", " as core::panic::"];
    path.starts_with("core::fmt::") || of_trait.iter().any(|part| path.contains(part))
}

fn is_called_from_elsewhere(module: &Module, these: &HashSet<FunctionId>) -> bool {
    let mut is_called = false;
    for (id, function) in module.funcs.iter_local() {
        if !these.contains(&id) {
            for_each(function, &mut |instr| {
                is_called |= matches!(instr, Instr::Call(call) if these.contains(&call.func));
            });
        }
    }
    is_called
}

fn make_trap(module: &mut Module, id: FunctionId) {
    let ty = module.types.get(module.funcs.get(id).ty());
    let (parameters, results) = (ty.params().to_vec(), ty.results().to_vec());
    let mut trap = FunctionBuilder::new(&mut module.types, &parameters, &results);
    trap.func_body().unreachable();
    let arguments = parameters.iter().map(|ty| module.locals.add(*ty)).collect();
    module.funcs.get_mut(id).kind = FunctionKind::Local(trap.local_func(arguments));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use walrus::{InstrSeqBuilder, ModuleConfig};

    fn function(
        module: &mut Module,
        name: &str,
        build: &dyn Fn(&mut InstrSeqBuilder),
    ) -> FunctionId {
        let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
        builder.name(name.to_owned());
        build(&mut builder.func_body());
        builder.finish(vec![], &mut module.funcs)
    }

    /// How many instructions the silenced module has in a function.
    fn length(module: &Module, id: FunctionId) -> usize {
        let function = module.funcs.get(id).kind.unwrap_local();
        function.block(function.entry_block()).len()
    }

    #[test]
    fn a_panic_is_a_trap_and_what_may_return_is_left_alone() {
        let mut module = Module::with_config(ModuleConfig::new());
        let hook = function(&mut module, "hook", &|body| {
            body.unreachable();
        });
        let ends = |body: &mut InstrSeqBuilder| {
            body.call(hook).unreachable();
        };
        let panic = function(&mut module, "core::panicking::panic_fmt", &ends);
        let own = function(&mut module, "iacrea_video::core::option::panic", &ends);
        let may_return = function(&mut module, "core::option::map", &|body| {
            body.call(hook);
        });
        silence(&mut module);
        assert_eq!(
            [panic, own, may_return].map(|id| length(&module, id)),
            [1, 2, 1]
        );
        let kept = module.funcs.get(may_return).kind.unwrap_local();
        let first = kept.block(kept.entry_block()).instrs.first();
        assert!(matches!(first, Some((Instr::Call(_), _))));
    }

    #[test]
    fn what_formats_is_a_trap_if_nothing_but_a_panic_formats() {
        for is_used in [false, true] {
            let mut module = Module::with_config(ModuleConfig::new());
            let write = function(&mut module, "core::fmt::write", &|body| {
                body.i32_const(7).drop();
            });
            let display = function(&mut module, "<u8 as core::fmt::Display>::fmt", &|body| {
                body.call(write);
            });
            let ends = |body: &mut InstrSeqBuilder| {
                body.call(write).unreachable();
            };
            function(&mut module, "core::panicking::panic_fmt", &ends);
            if is_used {
                function(&mut module, "iacrea_video::core::written", &|body| {
                    body.call(display);
                });
            }
            silence(&mut module);
            let length = if is_used { 2 } else { 1 };
            assert_eq!(self::length(&module, write), length);
        }
    }
}
