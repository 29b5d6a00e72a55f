//! The bytes of each entry, and the budget they must keep to: pkg/budget.json holds what was last
//! agreed to, once for each kind of standard library in the module. What grows by more than a
//! fiftieth is refused until somebody records it on purpose.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::node;
use crate::workspace;

/// Bytes as they are, after gzip -9, and after brotli 11.
type Sizes = [u64; 3];
/// Entry to sizes, within the kind of the standard library.
type Budget = BTreeMap<String, BTreeMap<String, Sizes>>;

const MEASURE: &str = include_str!("sizes.mjs");
/// Growth up to this share is noise of compilers.
const TOLERANCE: f64 = 0.02;

fn path() -> PathBuf {
    workspace::root().join("pkg/budget.json")
}

fn measure() -> Result<Vec<(String, Sizes)>> {
    let text = node::evaluate(MEASURE, &[workspace::root().join("pkg")])?;
    let rows: Vec<(String, u64, u64, u64)> =
        serde_json::from_str(&text).context("the sizes are no JSON")?;
    Ok(rows
        .into_iter()
        .map(|(name, raw, gzip, brotli)| (name, [raw, gzip, brotli]))
        .collect())
}

fn recorded() -> Result<Budget> {
    let path = path();
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no budget", path.display()))
}

/// Prints the table on standard output.
pub(crate) fn print() -> Result<()> {
    println!("{}", table(&measure()?, &BTreeMap::new()));
    Ok(())
}

/// Prints the table, and fails where an entry has outgrown its budget for `library`.
pub(crate) fn check(library: &str) -> Result<()> {
    let sizes = measure()?;
    let budget = recorded()?.remove(library).unwrap_or_default();
    println!("{}", table(&sizes, &budget));
    let over = outgrown(&sizes, &budget);
    if over.is_empty() {
        return Ok(());
    }
    bail!(
        "over the budget by more than {:.0} %: {}; if it is worth that, run `cargo xtask build --record-sizes`",
        TOLERANCE * 100.0,
        over.join(", ")
    )
}

/// Makes what is there now the budget for `library`.
pub(crate) fn record(library: &str) -> Result<()> {
    let sizes = measure()?;
    println!("{}", table(&sizes, &BTreeMap::new()));
    let mut budget = recorded().unwrap_or_default();
    budget.insert(library.to_owned(), sizes.into_iter().collect());
    let text = serde_json::to_string_pretty(&budget)?;
    workspace::write_if_changed(&path(), format!("{text}\n").as_bytes())
}

fn outgrown(sizes: &[(String, Sizes)], budget: &BTreeMap<String, Sizes>) -> Vec<String> {
    let over = |name: &String, now: &Sizes| match budget.get(name) {
        None => true, // an entry without a budget has none to keep to
        Some(allowed) => now
            .iter()
            .zip(allowed)
            .any(|(now, allowed)| *now as f64 > *allowed as f64 * (1.0 + TOLERANCE)),
    };
    sizes
        .iter()
        .filter(|(name, now)| over(name, now))
        .map(|(name, _)| name.clone())
        .collect()
}

fn table(sizes: &[(String, Sizes)], budget: &BTreeMap<String, Sizes>) -> String {
    let mut lines = vec![format!(
        "{:<26}{:>10}{:>10}{:>10}",
        "bytes", "raw", "gzip -9", "brotli 11"
    )];
    for (name, [raw, gzip, brotli]) in sizes {
        let change = match budget.get(name) {
            Some([_, _, was]) => {
                let percent = (*brotli as f64 / *was as f64 - 1.0) * 100.0;
                format!("   {percent:+.1} % of the budget")
            }
            None => String::new(),
        };
        lines.push(format!("{name:<26}{raw:>10}{gzip:>10}{brotli:>10}{change}"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_by_more_than_a_fiftieth_or_is_new_is_over_the_budget() {
        let budget = BTreeMap::from([("entry".to_owned(), [1_000, 500, 400])]);
        let over = |name: &str, sizes| !outgrown(&[(name.to_owned(), sizes)], &budget).is_empty();
        assert!(!over("entry", [1_020, 510, 408]));
        assert!(!over("entry", [10, 10, 10]));
        for sizes in [[1_021, 500, 400], [1_000, 511, 400], [1_000, 500, 409]] {
            assert!(over("entry", sizes), "{sizes:?}");
        }
        assert!(over("newcomer", [1, 1, 1]));
    }
}
