//! The licences of others: which crates the package's modules are made of, and the terms that are to be
//! passed on with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process::{cargo, output};
use crate::supply::{SHIPPED, tree};
use crate::workspace;

/// What comes with the compiler, of which cargo knows nothing.
struct Part {
    title: &'static str,
    /// What these crates are called in a module.
    crates: &'static [&'static str],
    /// In whose names its terms are, which are MIT's for all of them, or MIT's where there is a choice.
    holders: &'static str,
}

/// The standard library, and the crates that it is made of in turn.
const STANDARD: [Part; 4] = [
    Part {
        title: "Rust's standard library",
        crates: &["alloc", "core", "std", "panic_abort", "__rustc"],
        holders: "The Rust Project Contributors",
    },
    Part {
        title: "dlmalloc",
        crates: &["dlmalloc"],
        holders: "2014 Alex Crichton",
    },
    Part {
        title: "hashbrown",
        crates: &["hashbrown"],
        holders: "2016 Amanieu d'Antras",
    },
    Part {
        title: "compiler_builtins with libm",
        crates: &["compiler_builtins", "libm"],
        holders: "2016-2025 Jorge Aparicio, 2005-2020 Rich Felker and others",
    },
];

/// Fails where a function of a module stems from a crate that the notices do not name.
pub(crate) fn cover<'a>(paths: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut known: BTreeSet<String> = STANDARD
        .iter()
        .flat_map(|part| part.crates)
        .map(|name| (*name).to_owned())
        .collect();
    for (_, selection) in SHIPPED {
        for name in tree(selection, "normal,no-proc-macro")?.into_keys() {
            known.insert(name.replace('-', "_"));
        }
    }
    let unknown: BTreeSet<&str> = paths
        .flat_map(crates_in)
        .filter(|name| !known.contains(*name) && !name.starts_with("iacrea_"))
        .collect();
    ensure!(
        unknown.is_empty(),
        "the notices do not name {}, of which there is code in a module: read its licence, and add it in xtask/src/licences.rs",
        unknown.into_iter().collect::<Vec<_>>().join(", ")
    );
    Ok(())
}

/// The crates that the path of a function names: each name before a `::` that no other is before.
fn crates_in(path: &str) -> impl Iterator<Item = &str> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    path.match_indices("::").filter_map(move |(at, _)| {
        let before = path.get(..at)?;
        let name = before.rsplit(|letter| !is_part(letter)).next()?;
        let begin = before.strip_suffix(name)?;
        let is_crate =
            name.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '_');
        (is_crate && !begin.ends_with("::")).then_some(name)
    })
}

/// A text that names each of them above its terms; terms that several have are there once.
pub(crate) fn notices() -> Result<String> {
    let mut crates = BTreeMap::new();
    for (place, selection) in SHIPPED {
        if place != "crate" {
            crates.append(&mut tree(selection, "normal,no-proc-macro")?);
        }
    }
    let metadata = output(cargo("metadata").args([
        "--format-version=1",
        "--locked",
        "--all-features",
        "--filter-platform=wasm32-unknown-unknown",
    ]))?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata is no JSON")?;
    let packages = metadata.get("packages").and_then(Value::as_array);
    let packages = packages.context("cargo metadata names no packages")?;

    let mut names = BTreeMap::<String, Vec<String>>::new();
    for Part { title, holders, .. } in &STANDARD {
        names
            .entry(mit(holders)?)
            .or_default()
            .push((*title).to_owned());
    }
    for (name, version) in crates {
        let is_it = |package: &&Value| {
            let has = |key, value: &str| package.get(key).and_then(Value::as_str) == Some(value);
            has("name", &name) && has("version", &version)
        };
        let package = packages.iter().find(is_it);
        let terms = package
            .map(terms)
            .context("cargo metadata does not know it");
        let terms = terms
            .flatten()
            .with_context(|| format!("the licence of {name}"))?;
        let names = names.entry(terms).or_default();
        names.push(format!("{name} {version}"));
        if name == "unicode-ident" {
            // Its terms hold for Unicode's tables, of which the standard library has others.
            names.push("the tables of characters in Rust's core".to_owned());
        }
    }
    let mut text = "The WebAssembly modules beside this file are made of these too, each under the terms below its name.\n".to_owned();
    let mut sections: Vec<_> = names
        .into_iter()
        .map(|(terms, names)| (names, terms))
        .collect();
    sections.sort();
    for (names, terms) in sections {
        text.push_str(&format!("\n--- {} ---\n\n{terms}\n", names.join(", ")));
    }
    Ok(text)
}

/// The terms under which a crate is passed on: MIT wherever there is a choice, and whatever else it says
/// holds beside its choice. One that brings no text gets the usual one, in the name of its authors.
fn terms(package: &Value) -> Result<String> {
    let text = |key| package.get(key).and_then(Value::as_str).unwrap_or_default();
    let licence = text("license");
    ensure!(
        licence.contains("MIT"),
        "{licence} is not MIT: read it, and say here what it asks for"
    );
    let manifest = Path::new(text("manifest_path"));
    let folder = manifest.parent().context("a manifest lies in a folder")?;
    let mut files = BTreeSet::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?
    {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_uppercase();
        if name.starts_with("LICEN") && !name.contains("APACHE") {
            files.insert(path);
        }
    }
    let mut texts = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file);
        let text = text.with_context(|| format!("cannot read {}", file.display()))?;
        texts.push(text.replace("\r\n", "\n").trim().to_owned());
    }
    if texts.is_empty() {
        let authors = package.get("authors").and_then(Value::as_array);
        let authors: Vec<_> = authors
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        ensure!(
            !authors.is_empty(),
            "it has neither a licence's text nor authors"
        );
        return mit(&authors.join(", "));
    }
    Ok(texts.join("\n\n"))
}

/// The text that this repository has, in the name of others.
fn mit(holders: &str) -> Result<String> {
    let ours = fs::read_to_string(workspace::root().join("LICENSE-MIT"))
        .context("cannot read LICENSE-MIT")?;
    let line = ours.lines().find(|line| line.starts_with("Copyright"));
    let line = line.context("LICENSE-MIT names nobody")?;
    Ok(ours
        .replace(line, &format!("Copyright (c) {holders}"))
        .trim()
        .to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn who_has_written_what_is_shipped_is_named_once_with_the_terms() {
        let text = notices().unwrap();
        for name in [
            "slab ",
            "serde_json ",
            "memchr ",
            "hifijson ",
            "Rust's standard library",
            "dlmalloc",
            "hashbrown",
            "compiler_builtins with libm",
            "the tables of characters in Rust's core",
        ] {
            assert_eq!(text.matches(&format!(" {name}")).count(), 1, "{name}");
        }
        assert!(text.contains("UNICODE LICENSE V3"));
        // Those from "Michael" on bring no text.
        for holder in [
            "2014 Alex Crichton",
            "2016 Amanieu d'Antras",
            "2016-2025 Jorge Aparicio, 2005-2020 Rich Felker and others",
            "2019 Carl Lerche",
            "Michael Färber <",
            "Rust and WebAssembly Working Group",
            "The Rust Project Contributors",
        ] {
            assert!(
                text.contains(&format!("Copyright (c) {holder}")),
                "{holder}"
            );
        }
        for (_, selection) in SHIPPED.iter().filter(|(place, _)| *place != "crate") {
            for (name, version) in tree(selection, "normal,no-proc-macro").unwrap() {
                assert!(text.contains(&format!("{name} {version}")), "{name}");
            }
        }
        assert!(!text.contains("iacrea"), "it is under its own licence");
        assert!(!text.contains("Apache License"), "MIT can be chosen");
    }

    #[test]
    fn a_crate_that_the_notices_do_not_name_is_refused_wherever_its_name_stands() {
        let named = [
            "core::ptr::drop_in_place<alloc::vec::Vec<iacrea_video::core::status::Status>>",
            "<&mut serde_wasm_bindgen::ser::Serializer as serde_core::ser::Serializer>::serialize_str",
            "<[u8] as alloc::slice::hack::ConvertVec>::to_vec::<alloc::alloc::Global>",
            "memcpy",
        ];
        cover(named.into_iter()).unwrap();
        for unknown in [
            "another::f",
            "core::ptr::drop_in_place<another::Type>",
            "<alloc::vec::Vec<another::Type> as core::ops::drop::Drop>::drop",
            "<u32 as another::Trait>::method",
        ] {
            let error = cover(named.into_iter().chain([unknown]))
                .unwrap_err()
                .to_string();
            assert!(error.contains("do not name another,"), "{error}");
        }
    }
}
