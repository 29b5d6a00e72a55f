//! Where the shipped module can stop with a trap, read from the binary itself: each place with the
//! function it is in and what leads there, held against a list that gives a reason for each. And the
//! shipped module with a trap that tests can set off anywhere. A place without a reason is a failure.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use walrus::ir::{BinaryOp, Instr, InstrSeqId, Value};
use walrus::{
    ConstExpr, ElementItems, ExportItem, FunctionId, FunctionKind, GlobalId, LocalFunction, Module,
    ValType,
};

use crate::build;
use crate::target::Toolchain;

/// Why something that the module holds does not happen, or what comes of it.
struct Reason {
    /// How the paths of the functions begin, without angle brackets.
    functions: &'static [&'static str],
    /// How the path of what they call there begins: "trap" is the bare instruction, which is all that a
    /// build without messages has; "" is anything.
    causes: &'static [&'static str],
    why: &'static str,
}

const REASONS: &[Reason] = &[
    Reason {
        functions: &[""],
        causes: &[
            "alloc::raw_vec::capacity_overflow",
            "alloc::raw_vec::handle_error",
            "alloc::alloc::handle_alloc_error",
            "wasm_bindgen::__rt::malloc_failure",
        ],
        why: "memory is at its end: a body is cut at maxResponseBytes, and the host may refuse memory all the same",
    },
    Reason {
        functions: &[
            "alloc::boxed::box_new_uninit",
            "alloc::raw_vec::",
            "alloc::string::String",
            "alloc::vec::Vec",
            "[&str]::concat",
            "alloc::slice::impl [T]::concat",
            "alloc::str::impl",
            "alloc::str::join_generic_copy",
            "core::option::Optionalloc::vec::Vec",
            "hashbrown::raw::",
            "iacrea_video::core::answer::",
            "iacrea_video::web::convert::written",
            "u8 as [_]::to_vec_in::ConvertVec",
            "__wbindgen_malloc",
            "__wbindgen_realloc",
            "dlmalloc::",
            "rlsf::",
            "__rustc::__rdl_",
            "__rustc::__rg_",
        ],
        causes: &["trap", "core::option::expect_failed", "core::panicking::"],
        why: "the same, or a size beyond what memory can have; the allocator's checks of its own state",
    },
    Reason {
        functions: &["iacrea_video::core::error::find"],
        causes: &["trap", "core::option::expect_failed"],
        why: "a search for no letters at all: the words that are looked for are constants",
    },
    Reason {
        functions: &[
            "alloc::vec::Vec",
            "client_poll",
            "iacrea_video::core::session::Session",
            "iacrea_video::web::driver::Client::carry",
        ],
        causes: &[
            "alloc::vec::Vec_, _::insert_mut::assert_failed",
            "alloc::vec::Vec_, _::remove::assert_failed",
        ],
        why: "a video is put where a search among the videos says that it belongs, and taken out where it was found; \
              the first of a list is taken from one that is not empty",
    },
    Reason {
        functions: &["__externref_table_"],
        causes: &["trap", "__rustc::__rust_abort"],
        why: "the host's table of values cannot grow further; its slots are reused",
    },
    Reason {
        functions: &[
            "alloc::rc::Weak",
            "alloc::vec::Vec",
            "client_",
            "js_sys::futures::JsFuture",
            "js_sys::futures::jspi::task_waker::",
            "js_sys::futures::queue::Queue",
            "js_sys::futures::task::singlethread::Task",
            "wasm_bindgen::convert::closures::",
            "iacrea_video::web::exports::Client as wasm_bindgen::convert::traits::RefFromWasmAbi",
            "core::option::Option&",
            "iacrea_video::web::exports::Client::get_status",
            "iacrea_video::web::exports::Client::told",
            "iacrea_video::core::machine::Job",
            "iacrea_video::core::machine::Machine::answered",
            "iacrea_video::core::machine::Machine::current",
            "iacrea_video::core::machine::Machine::join",
            "iacrea_video::core::machine::Machine::step",
            "iacrea_video::core::machine::Update as core::clone::Clone",
            "iacrea_video::core::session::Session",
            "iacrea_video::web::attempt::",
            "iacrea_video::web::driver::",
        ],
        causes: &["trap"],
        why: "more than two thousand million owners of one value",
    },
    Reason {
        functions: &[
            "alloc::rc::Rcwasm_bindgen::__rt::WasmRefCell",
            "client_getStatus",
            "core::cell::RefCell",
            "iacrea_video::web::driver::",
            "iacrea_video::web::timer::Hints::listen",
            "js_sys::futures::",
            "std::thread::local::LocalKey",
            "wasm_bindgen::__rt::WasmRefCell",
        ],
        causes: &[
            "core::cell::panic_already",
            "wasm_bindgen::__rt::borrow_fail",
            "trap",
        ],
        why: "a borrow is held across no call of a user's code: the tests call back in from each callback, and from \
              timers of any make",
    },
    Reason {
        functions: &[
            "core::pin::Pin",
            "futures_core::task::",
            "iacrea_video::web::attempt::",
            "iacrea_video::web::driver::Client::send",
            "iacrea_video::web::exports::Client::get_status",
            "iacrea_video::web::exports::Client::told",
            "iacrea_video::web::fetch::",
            "js_sys::futures::JsFuture",
        ],
        causes: &["core::panicking::", "core::option::", "trap"],
        why: "a future is polled by its task alone, and not after its end",
    },
    Reason {
        functions: &[
            "core::cell::lazy::LazyCell",
            "js_sys::global",
            "wasm_bindgen::__rt::LazyCell",
            "std::sys::thread_local::",
            "std::thread::local::",
        ],
        causes: &[""],
        why: "what makes these values neither panics nor asks for itself",
    },
    Reason {
        functions: &[""],
        causes: &["core::cell::lazy::panic_poisoned"],
        why: "what makes these values neither panics nor asks for itself",
    },
    Reason {
        functions: &["serde_wasm_bindgen::ser::MapSerializer"],
        causes: &["wasm_bindgen::throw_"],
        why: "a value comes after its key",
    },
    Reason {
        functions: &[
            "core::option::Option",
            "core::result::Result",
            "wasm_bindgen::__rt::maybe_catch_unwind",
            "wasm_bindgen::convert::closures::",
            "__wbg_client_free",
            "__wbg_limit_free",
            "__wbg_poll_free",
            "client_",
            "gloo_timers::",
            "iacrea_video::web::driver::Client::carry",
            "iacrea_video::web::fetch::Transport::ask",
            "iacrea_video::web::exports::Client::get_status",
            "js_sys::futures::JsFuture",
            "poll_",
        ],
        causes: &["wasm_bindgen::throw_", "wasm_bindgen::__rt::throw_null"],
        why: "an object after it was freed, a closure after it was called: the package frees last, and once",
    },
    Reason {
        functions: &["iacrea_video::web::driver::Client::carry"],
        causes: &["wasm_bindgen::throw_val"],
        why: "a host without AbortController: told as \"internal\"",
    },
    Reason {
        functions: &[
            "client_getStatus",
            "iacrea_video::web::driver::Client::carry",
            "js_sys::futures::jspi::",
        ],
        causes: &["js_sys::futures::jspi::__wbindgen"],
        why: "an import that does not return; nothing here suspends the stack",
    },
    Reason {
        functions: &[
            "char as core::str::pattern::Pattern",
            "core::str::",
            "core::slice::",
            "core::unicode::printable::",
            "iacrea_video::core::snapshot::",
        ],
        causes: &[
            "core::slice::",
            "core::str::slice_error_fail",
            "core::panicking::",
            "core::option::unwrap_failed",
            "trap",
        ],
        why: "the standard library searches a text by bounds that it has computed itself",
    },
    Reason {
        functions: &["core::fmt::num::", "core::result::Result", "itoa::"],
        causes: &[
            "core::panicking::",
            "core::result::unwrap_failed",
            "core::slice::",
        ],
        why: "a number is written into a buffer made for the longest",
    },
    Reason {
        functions: &["hifijson::", "iacrea_video::core::json::"],
        causes: &["core::slice::", "core::result::unwrap_failed", "trap"],
        why: "a text is cut where it was looked at last, and a number has digits and signs alone",
    },
    Reason {
        functions: &["js_sys::Uint8Array::"],
        causes: &["core::panicking::assert_failed", "trap"],
        why: "js-sys makes the buffer as long as the array that it copies",
    },
    Reason {
        functions: &["iacrea_video::web::convert::failure_to_js"],
        causes: &["core::result::unwrap_failed", "trap"],
        why: "writing to a String does not fail",
    },
    Reason {
        functions: &["std::panicking::"],
        causes: &["alloc::alloc::"],
        why: "part of a panic that has begun",
    },
];

impl Reason {
    fn covers(&self, function: &str, cause: &str) -> bool {
        let begins = |text: &str, beginnings: &[&str]| {
            beginnings
                .iter()
                .any(|beginning| text.starts_with(beginning))
        };
        begins(function, self.functions) && begins(cause, self.causes)
    }
}

/// Holds the module of the last build against the list, prints what is there, and fails for a place
/// without a reason.
pub(crate) fn check(toolchain: &Toolchain) -> Result<()> {
    let places = places(&build::named(toolchain)?);
    let mut unexplained = Vec::new();
    let mut explained: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (function, cause) in &places {
        match REASONS.iter().find(|reason| reason.covers(function, cause)) {
            Some(reason) => {
                explained.entry(reason.why).or_default().insert(function);
            }
            None => unexplained.push(format!("{function} <- {cause}")),
        }
    }
    for (why, functions) in explained {
        println!("{:>3} functions: {why}", functions.len());
    }
    if unexplained.is_empty() {
        return Ok(());
    }
    bail!(
        "the module can trap where xtask/src/traps.rs knows no reason why it does not: {}",
        unexplained.join("; ")
    )
}

/// Each function that can trap, with what leads there.
fn places(module: &Module) -> BTreeSet<(String, String)> {
    let ends: HashSet<FunctionId> = module
        .funcs
        .iter_local()
        .filter(|(_, function)| never_returns(function))
        .map(|(id, _)| id)
        .collect();
    let mut places = BTreeSet::new();
    let mut seen = HashSet::new();
    let mut waiting = entrances(module);
    while let Some(id) = waiting.pop() {
        // What follows on a panic is no place of its own.
        if ends.contains(&id) || !seen.insert(id) {
            continue;
        }
        let FunctionKind::Local(function) = &module.funcs.get(id).kind else {
            continue;
        };
        let mut before: Option<&Instr> = None;
        for_each(function, &mut |instr| {
            let cause = match (instr, before) {
                (Instr::Call(call), _) if ends.contains(&call.func) => {
                    Some(path(module, call.func))
                }
                (Instr::Unreachable(_), Some(Instr::Call(call))) if ends.contains(&call.func) => {
                    None
                }
                (Instr::Unreachable(_), _) => Some("trap".to_owned()),
                _ => None,
            };
            if let Some(cause) = cause {
                places.insert((path(module, id), cause));
            }
            if let Instr::Call(call) = instr {
                waiting.push(call.func);
            }
            before = Some(instr);
        });
    }
    places
}

/// The functions that JavaScript calls, and those that are called through the table.
fn entrances(module: &Module) -> Vec<FunctionId> {
    let exported = module
        .exports
        .iter()
        .filter_map(|export| match export.item {
            ExportItem::Function(id) => Some(id),
            _ => None,
        });
    let listed = module
        .elements
        .iter()
        .flat_map(|element| match &element.items {
            ElementItems::Functions(functions) => functions.clone(),
            ElementItems::Expressions(_, values) => values
                .iter()
                .filter_map(|value| match value {
                    ConstExpr::RefFunc(id) => Some(*id),
                    _ => None,
                })
                .collect(),
        });
    exported.chain(listed).collect()
}

/// Whether a call of it is the end.
pub(crate) fn never_returns(function: &LocalFunction) -> bool {
    let entry = function.entry_block();
    let mut returns = false;
    for_each(function, &mut |instr| {
        returns |= match instr {
            Instr::Return(_) => true,
            Instr::Br(br) => br.block == entry,
            Instr::BrIf(br) => br.block == entry,
            Instr::BrTable(br) => br.default == entry || br.blocks.contains(&entry),
            _ => false,
        };
    });
    let last = function.block(entry).instrs.last();
    !returns && matches!(last, Some((Instr::Unreachable(_), _)))
}

/// All instructions, in their order, those of inner blocks within those of outer ones.
pub(crate) fn for_each<'a>(function: &'a LocalFunction, act: &mut dyn FnMut(&'a Instr)) {
    fn walk<'a>(function: &'a LocalFunction, block: InstrSeqId, act: &mut dyn FnMut(&'a Instr)) {
        for (instr, _) in &function.block(block).instrs {
            act(instr);
            match instr {
                Instr::Block(inner) => walk(function, inner.seq, act),
                Instr::Loop(inner) => walk(function, inner.seq, act),
                Instr::IfElse(inner) => {
                    walk(function, inner.consequent, act);
                    walk(function, inner.alternative, act);
                }
                _ => {}
            }
        }
    }
    walk(function, function.entry_block(), act);
}

/// The path that the source has for it. Compilers put angle brackets in different places of it, so they are left out.
pub(crate) fn path(module: &Module, id: FunctionId) -> String {
    let name = module.funcs.get(id).name.as_deref().unwrap_or("(no name)");
    let path = format!("{:#}", rustc_demangle::demangle(name));
    path.replace(['<', '>'], "")
}

/// The shipped module, with a counter in front of each function: the global `fuse`, which it exports,
/// goes down by one with each call, and the call that brings it to 0 traps.
pub(crate) fn fused(to: &Path) -> Result<()> {
    let shipped = build::shipped()?;
    let bytes = fs::read(&shipped).with_context(|| format!("cannot read {}", shipped.display()))?;
    let mut module = Module::from_buffer(&bytes)?;
    light(&mut module);
    module.emit_wasm_file(to)
}

fn light(module: &mut Module) {
    let zero = ConstExpr::Value(Value::I32(0));
    let fuse = module.globals.add_local(ValType::I32, true, false, zero);
    module.exports.add("fuse", fuse);
    for (_, function) in module.funcs.iter_local_mut() {
        burn(function, fuse);
    }
}

fn burn(function: &mut LocalFunction, fuse: GlobalId) {
    let mut left = function.builder_mut().func_body();
    left.global_get_at(0, fuse)
        .const_at(1, Value::I32(1))
        .binop_at(2, BinaryOp::I32Sub)
        .global_set_at(3, fuse)
        .global_get_at(4, fuse)
        .unop_at(5, walrus::ir::UnaryOp::I32Eqz)
        .if_else_at(
            6,
            None,
            |then| {
                then.unreachable();
            },
            |_| {},
        );
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use walrus::{FunctionBuilder, ModuleConfig};

    fn is_explained(function: &str, cause: &str) -> bool {
        REASONS.iter().any(|reason| reason.covers(function, cause))
    }

    #[test]
    fn a_panic_of_our_own_has_no_reason() {
        for cause in [
            "core::option::unwrap_failed",
            "core::result::unwrap_failed",
            "core::panicking::panic_bounds_check",
            "core::panicking::panic_const::panic_const_div_by_zero",
        ] {
            assert!(
                !is_explained("iacrea_video::core::machine::Machine::step", cause),
                "{cause}"
            );
            assert!(
                !is_explained("iacrea_video::core::progress::Progress::observe", cause),
                "{cause}"
            );
        }
        assert!(!is_explained(
            "iacrea_video::core::progress::Progress::observe",
            "trap"
        ));
    }

    #[test]
    fn what_an_export_reaches_is_found_and_what_follows_a_panic_is_not() {
        let mut module = Module::with_config(ModuleConfig::new());
        let mut function = |name: &str, build: &dyn Fn(&mut walrus::InstrSeqBuilder)| {
            let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
            builder.name(name.to_owned());
            build(&mut builder.func_body());
            builder.finish(vec![], &mut module.funcs)
        };
        let hook = function("hook", &|body| {
            body.unreachable();
        });
        let panic = function("panic", &|body| {
            body.call(hook).unreachable();
        });
        let inner = function("inner", &|body| {
            body.block(None, |block| {
                let end = block.id();
                block.i32_const(1).br_if(end).call(panic).unreachable();
            });
        });
        let outer = function("outer", &|body| {
            body.call(inner);
        });
        function("unused", &|body| {
            body.call(panic);
        });
        module.exports.add("outer", outer);
        let found: Vec<_> = places(&module).into_iter().collect();
        assert_eq!(found, [("inner".to_owned(), "panic".to_owned())]);
    }

    #[test]
    fn a_fuse_comes_before_everything_else_in_a_function() {
        let mut module = Module::with_config(ModuleConfig::new());
        let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
        builder.func_body().i32_const(7).drop();
        let id = builder.finish(vec![], &mut module.funcs);
        light(&mut module);
        let FunctionKind::Local(function) = &module.funcs.get(id).kind else {
            panic!("it is a local function");
        };
        let first = function.block(function.entry_block()).instrs.first();
        assert!(matches!(first, Some((Instr::GlobalGet(_), _))));
        assert!(module.exports.iter().any(|export| export.name == "fuse"));
    }
}
