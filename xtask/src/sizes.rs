//! Where the bytes of the shipped module are: each function with its size and the crate it stems from, and
//! the sections that are no code.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use wasmparser::{Name, NameSectionReader, Parser, Payload, TypeRef};

use crate::build;
use crate::node::NodePackage;
use crate::process;
use crate::target::Toolchain;
use crate::workspace;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many of the largest functions to list
    #[arg(long, default_value_t = 60)]
    top: usize,
}

/// Builds, and prints both tables.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let toolchain = build::all()?;
    let sections = read(&optimised_with_names(&toolchain)?)?;
    print!("{}", report(&sections, arguments.top));
    Ok(())
}

/// The shipped module, but for the names of its functions.
fn optimised_with_names(toolchain: &Toolchain) -> Result<Vec<u8>> {
    let folder = workspace::state_dir()?;
    let (named, optimised) = (folder.join("named.wasm"), folder.join("sized.wasm"));
    build::named(toolchain)?.emit_wasm_file(&named)?;
    let mut wasm_opt = NodePackage::install("pkg")?.tool("wasm-opt");
    wasm_opt
        .arg(&named)
        .args(build::OPTIMISE)
        .arg("--debuginfo");
    wasm_opt.arg("--output").arg(&optimised);
    process::run(&mut wasm_opt, "remove pkg/node_modules, then repeat")?;
    fs::read(&optimised).with_context(|| format!("cannot read {}", optimised.display()))
}

/// Bytes of a module.
#[derive(Default)]
struct Sections {
    /// Path of each function, with the bytes of its body.
    functions: Vec<(String, usize)>,
    /// Bytes of the other sections, by name.
    others: Vec<(&'static str, usize)>,
}

fn read(module: &[u8]) -> Result<Sections> {
    let mut sections = Sections::default();
    let (mut bodies, mut names) = (Vec::new(), BTreeMap::new());
    let mut imported = 0;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        match &payload {
            Payload::ImportSection(reader) => {
                for import in reader.clone().into_imports() {
                    imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(body.range().len()),
            Payload::CustomSection(custom) if custom.name() == "name" => {
                let data = wasmparser::BinaryReader::new(custom.data(), custom.data_offset());
                for subsection in NameSectionReader::new(data) {
                    if let Name::Function(map) = subsection? {
                        for naming in map {
                            let naming = naming?;
                            names.insert(naming.index, naming.name);
                        }
                    }
                }
            }
            _ => {}
        }
        let section = match &payload {
            Payload::ImportSection(reader) => ("imports", reader.range()),
            Payload::ExportSection(reader) => ("exports", reader.range()),
            Payload::ElementSection(reader) => ("elements of tables", reader.range()),
            Payload::TypeSection(reader) => ("types", reader.range()),
            Payload::FunctionSection(reader) => ("signatures", reader.range()),
            Payload::DataSection(reader) => ("data", reader.range()),
            _ => continue,
        };
        sections.others.push((section.0, section.1.len()));
    }
    for (index, size) in (imported..).zip(bodies) {
        let name = names.get(&index).copied().unwrap_or("(without a name)");
        sections
            .functions
            .push((format!("{:#}", rustc_demangle::demangle(name)), size));
    }
    Ok(sections)
}

/// The crate whose code a function is: of `<T as Trait>::method` the crate of `T`.
fn crate_of(path: &str) -> &str {
    let path = path.trim_start_matches(['<', '&', '(']);
    let path = path.strip_prefix("mut ").unwrap_or(path);
    let path = path.strip_prefix("dyn ").unwrap_or(path);
    if path.starts_with("__") {
        return "wasm-bindgen's exports";
    }
    path.split("::")
        .next()
        .filter(|_| path.contains("::"))
        .unwrap_or("other")
}

fn report(sections: &Sections, top: usize) -> String {
    let mut text = String::new();
    let mut line = |bytes: usize, share: usize, what: &str| {
        let percent = 100.0 * bytes as f64 / share as f64;
        text.push_str(&format!("{bytes:>8} {percent:>5.1} %  {what}\n"));
    };
    let mut crates = BTreeMap::<&str, usize>::new();
    for (path, size) in &sections.functions {
        *crates.entry(crate_of(path)).or_default() += size;
    }
    let code: usize = crates.values().sum();
    let others = sections.others.iter().map(|(name, size)| (*name, *size));
    let all = code + others.clone().map(|(_, size)| size).sum::<usize>();
    let mut parts: Vec<_> = crates.into_iter().chain(others).collect();
    parts.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    line(all, all, "the module, before compression");
    for (name, size) in parts {
        line(size, all, name);
    }
    let mut functions: Vec<_> = sections.functions.iter().collect();
    functions.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    line(code, all, "its functions, of which the largest are");
    for (path, size) in functions.into_iter().take(top) {
        line(*size, all, path);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_belong_to_the_crate_of_their_type() {
        for (path, name) in [
            ("iacrea_video::core::json::read", "iacrea_video"),
            ("<alloc::vec::Vec<T> as core::clone::Clone>::clone", "alloc"),
            ("<&mut serde_json::Value as X>::y", "serde_json"),
            ("__wbindgen_malloc", "wasm-bindgen's exports"),
            ("memcpy", "other"),
        ] {
            assert_eq!(crate_of(path), name);
        }
    }

    #[test]
    fn the_largest_come_first_and_shares_are_of_the_whole() {
        let sections = Sections {
            functions: vec![("a::small".into(), 10), ("b::large".into(), 30)],
            others: vec![("data", 60)],
        };
        let text = report(&sections, 1);
        let lines: Vec<_> = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(lines[0], "100 100.0 % the module, before compression");
        assert_eq!(
            lines[1..4],
            ["60 60.0 % data", "30 30.0 % b", "10 10.0 % a"]
        );
        assert_eq!(lines[5..], ["30 30.0 % b::large"]);
    }
}
