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

    // No crate, so cargo does not know it.
    let std = mit("The Rust Project Contributors")?;
    let mut names = BTreeMap::from([(std, vec!["Rust's standard library".to_owned()])]);
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
        names
            .entry(terms)
            .or_default()
            .push(format!("{name} {version}"));
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
        ] {
            assert_eq!(text.matches(&format!(" {name}")).count(), 1, "{name}");
        }
        // The last three bring no text.
        for holder in [
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
        assert!(!text.contains("iacrea"), "it is under its own licence");
        assert!(!text.contains("Apache License"), "MIT can be chosen");
    }
}
