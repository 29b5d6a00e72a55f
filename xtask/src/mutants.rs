//! `cargo xtask mutants`: whether the native tests notice when the core is broken. cargo-mutants breaks
//! it in every way that it knows, one at a time; what no test notices has to be explained in
//! docs/mutants.md, so that nothing loose is overlooked and no explanation outlives its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{cargo, forget_outer_cargo, run as run_program};
use crate::tool::Tool;
use crate::workspace;

const TOOL: Tool = Tool {
    name: "cargo-mutants",
    version: "27.1.0",
    ask: &["mutants", "--version"],
    options: &[],
};
/// Where the survivors are explained, one row each.
const PAGE: &str = "docs/mutants.md";
/// In percent; a tenth of what is lost is a lot.
const FEWEST_CAUGHT: usize = 95;
/// The core's own tests and those in virtual time.
const PACKAGES: [&str; 2] = ["iacrea-video", "iacrea-video-tests"];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Break this file only, as src/core/machine.rs
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
}

/// Breaks, tests, and holds what survives against the page.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let tool = TOOL.path()?;
    let mut sound = cargo("test");
    for package in PACKAGES {
        sound.args(["--package", package]);
    }
    // How often a random plan is played does not decide what notices a mutant.
    sound
        .args(["--lib", "--test", "native", "--quiet"])
        .env("QUICK_TESTS", "1");
    run_program(&mut sound, "the core has to be sound before it is broken")?;

    let results = workspace::state_dir()?.join("mutants");
    let file = arguments.file.as_deref().unwrap_or("src/core/*.rs");
    let mut mutants = Command::new(tool);
    mutants
        .args(["mutants", "--no-config", "--file", file])
        .args(["--baseline=skip", "--timeout=60", "--jobs=2"])
        .args(["--profile=mutants", "--test-package", &PACKAGES.join(",")])
        .args(["--cargo-test-arg=--lib", "--cargo-test-arg=--test=native"])
        .arg("--output")
        .arg(&results)
        .current_dir(workspace::root())
        .env("QUICK_TESTS", "1");
    forget_outer_cargo(&mut mutants);
    let status = mutants.status().context("cannot start cargo-mutants")?;
    // 2: some survived; 3: some did not come to an end, which is noticed too.
    ensure!(
        matches!(status.code(), Some(0 | 2 | 3)),
        "cargo-mutants failed ({status}): see its messages above"
    );
    let list = |name: &str| -> Result<Vec<String>> {
        let path = results.join("mutants.out").join(name);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(text.lines().map(str::to_owned).collect())
    };
    let missed = list("missed.txt")?;
    let caught = list("caught.txt")?.len() + list("timeout.txt")?.len();
    let all = caught + missed.len();
    ensure!(all > 0, "there was nothing to break");
    println!(
        "mutants: {caught} of {all} caught ({:.1} %), {} that do not compile left out",
        100.0 * caught as f64 / all as f64,
        list("unviable.txt")?.len()
    );
    let page = workspace::root().join(PAGE);
    let page = fs::read_to_string(&page).with_context(|| page.display().to_string())?;
    let explained = explained(&page)?;
    let mut survivors = BTreeSet::new();
    for survivor in &missed {
        let name = without_place(survivor);
        let why = explained.get(&name);
        println!(
            "  survived: {survivor}: {}",
            why.map_or("NOT EXPLAINED", |why| why)
        );
        survivors.insert(name);
    }
    if let Some(new) = survivors.iter().find(|name| !explained.contains_key(*name)) {
        bail!("`{new}` survives: give it a test, or a row in {PAGE} that says why none can notice");
    }
    let gone = explained.keys().find(|name| !survivors.contains(*name));
    if let (Some(gone), None) = (gone, &arguments.file) {
        bail!("`{gone}` survives no more: take its row out of {PAGE}");
    }
    ensure!(
        caught * 100 >= FEWEST_CAUGHT * all,
        "fewer than {FEWEST_CAUGHT} % are caught"
    );
    Ok(())
}

/// The name of a mutant as long as lines move: `src/core/a.rs:1:2: replace x` is `a.rs: replace x`.
fn without_place(mutant: &str) -> String {
    let (place, change) = mutant.split_once(": ").unwrap_or((mutant, ""));
    let path = place.split(':').next().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default();
    format!("{file}: {change}")
}

/// The rows of the page's table: a mutant and the reason.
fn explained(page: &str) -> Result<BTreeMap<String, String>> {
    let mut rows = BTreeMap::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        // A mutant may have strokes in it, so the code's own marks are what ends it.
        let (name, rest) = row
            .trim_start_matches("| `")
            .split_once("` | ")
            .with_context(|| format!("{PAGE}: no two columns: {row}"))?;
        let why = rest.trim_end_matches('|').trim();
        ensure!(!why.is_empty(), "{PAGE}: no reason: {row}");
        let earlier = rows.insert(name.replace("\\|", "|"), why.to_owned());
        ensure!(earlier.is_none(), "{PAGE}: named twice: {row}");
    }
    Ok(rows)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_mutant_is_known_by_its_change_wherever_its_line_moves() {
        let name = without_place("src/core/machine.rs:149:49: replace ^ with | in Machine::start");
        assert_eq!(name, "machine.rs: replace ^ with | in Machine::start");
        let page = "# x\n\n| mutant | why |\n|---|---|\n| `machine.rs: replace ^ with \\| in Machine::start` | any mix will do |\n";
        assert_eq!(
            explained(page).unwrap().get(&name).unwrap(),
            "any mix will do"
        );
    }

    #[test]
    fn a_row_without_a_reason_or_told_twice_is_refused() {
        assert!(explained("| `a.rs: delete !` | |\n").is_err());
        assert!(explained("| `a.rs: delete !` |\n").is_err());
        let row = "| `a.rs: delete !` | so |\n";
        assert!(explained(&row.repeat(2)).is_err());
    }
}
