//! What comes from others: which crates become part of what is shipped, and that every crate and
//! every npm package is pinned by a lock file, to a registry, with a checksum. A dependency that
//! nobody has justified in HACKING.md fails the tests; nothing here asks the network but cargo-deny.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::process::{cargo, output, run};
use crate::tool::Tool;
use crate::workspace;

const DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
    ask: &["--version"],
    // It need not be a library for building other crates' files.
    options: &["--no-default-features"],
};
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// The table in HACKING.md begins behind this heading.
const HEADING: &str = "## What is shipped, crate by crate\n";
/// What the table calls them, and how cargo names the dependencies of each.
pub(crate) const SHIPPED: [(&str, &[&str]); 3] = [
    (
        "module",
        &["iacrea-video-npm", "--target=wasm32-unknown-unknown"],
    ),
    (
        "simulator",
        &["iacrea-simulator-npm", "--target=wasm32-unknown-unknown"],
    ),
    ("crate", &["iacrea-video"]),
];
/// Crates that run inside the compiler and leave nothing but what they wrote.
const COMPILER: &str = "compiler";

/// Crate to where it is shipped.
type Places = BTreeMap<String, BTreeSet<String>>;

pub(crate) fn check(with_deny: bool) -> Result<()> {
    crates_come_from_the_registry()?;
    npm_packages_are_pinned("pkg")?;
    npm_packages_are_pinned("tests")?;
    npm_packages_are_pinned("benches/peers")?;
    let hacking = read("HACKING.md")?;
    let table = justified(&hacking)?;
    let found = shipped()?;
    if let Some(difference) = difference(&table, &found) {
        bail!("{difference}: correct the table of HACKING.md if it is worth that");
    }
    eprintln!("{} crates are shipped, each justified", found.len());
    if with_deny {
        deny()
    } else {
        eprintln!("Licences and origins of all crates: `cargo xtask test --all --only supply`");
        Ok(())
    }
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(workspace::root().join(path)).with_context(|| format!("cannot read {path}"))
}

/// Each is of this workspace or of the registry, and the lock file is not older than the manifests.
fn crates_come_from_the_registry() -> Result<()> {
    let text =
        output(cargo("metadata").args(["--format-version=1", "--locked", "--all-features"]))?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata is no JSON")?;
    let packages = metadata.get("packages").and_then(Value::as_array);
    let packages = packages.context("cargo metadata names no packages")?;
    let members = metadata.get("workspace_members").and_then(Value::as_array);
    let members = members.context("cargo metadata names no members")?;
    let text = |package: &Value, key| package.get(key)?.as_str().map(str::to_owned);
    for package in packages {
        let is_member = package.get("id").is_some_and(|id| members.contains(id));
        let source = text(package, "source");
        ensure!(
            is_member || source.as_deref() == Some(REGISTRY),
            "{} comes from {}",
            text(package, "name").unwrap_or_default(),
            source.as_deref().unwrap_or("a folder"),
        );
        if is_member {
            let manifest = text(package, "manifest_path").context("a member has a manifest")?;
            let manifest = fs::read_to_string(&manifest).context(manifest)?;
            ensure!(
                manifest.contains("[lints]\nworkspace = true\n"),
                "{} does not take the workspace's lints, which forbid unsafe code",
                text(package, "name").unwrap_or_default(),
            );
        }
    }
    Ok(())
}

/// Exact versions in the manifest, and a checksum for each package in the lock file.
fn npm_packages_are_pinned(folder: &str) -> Result<()> {
    let json = |file: &str| -> Result<Value> {
        let path = format!("{folder}/{file}");
        serde_json::from_str(&read(&path)?).with_context(|| format!("{path} is no JSON"))
    };
    let manifest = json("package.json")?;
    let wanted = manifest.get("devDependencies").and_then(Value::as_object);
    for (name, version) in wanted.context("there are devDependencies")? {
        let version = version.as_str().unwrap_or_default();
        let number = version
            .rsplit_once('@')
            .map_or(version, |(_, number)| number);
        ensure!(
            number.split('.').count() == 3
                && number.bytes().all(|b| b.is_ascii_digit() || b == b'.'),
            "{folder}/package.json: {name} is not pinned but \"{version}\"",
        );
    }
    let lock = json("package-lock.json")?;
    let locked = lock.get("packages").and_then(Value::as_object);
    for (path, package) in locked.context("the lock file holds packages")? {
        let sum = package.get("integrity").and_then(Value::as_str);
        ensure!(
            path.is_empty() || sum.is_some_and(|sum| sum.starts_with("sha512-")),
            "{folder}/package-lock.json: {path} has no checksum",
        );
        let elsewhere = package.get("resolved").or(package.get("link"));
        ensure!(
            elsewhere.is_none(),
            "{folder}/package-lock.json: {path} is bound to an address",
        );
    }
    Ok(())
}

/// The crates that are part of what is shipped, by cargo's own word.
fn shipped() -> Result<Places> {
    let mut places = Places::new();
    for (place, selection) in SHIPPED {
        let all = tree(selection, "normal")?;
        let linked = tree(selection, "normal,no-proc-macro")?;
        for name in all.into_keys() {
            let place = if linked.contains_key(&name) {
                place
            } else {
                COMPILER
            };
            places.entry(name).or_default().insert(place.to_owned());
        }
    }
    // What is linked anywhere is more than a plug-in.
    for wheres in places.values_mut().filter(|wheres| wheres.len() > 1) {
        wheres.remove(COMPILER);
    }
    Ok(places)
}

/// The names and versions of what a package depends on, whether directly or not; not those of this workspace.
pub(crate) fn tree(selection: &[&str], edges: &str) -> Result<BTreeMap<String, String>> {
    let mut tree = cargo("tree");
    tree.args([
        "--locked",
        "--prefix=none",
        "--format={p}",
        "--edges",
        edges,
        "--package",
    ]);
    let text = output(tree.args(selection))?;
    let lines = text
        .lines()
        .filter(|line| !line.contains(" (/") && !line.contains(":\\"));
    let crates = lines.filter_map(|line| {
        let (name, version) = line.split_once(" v")?;
        let version = version.split(' ').next()?;
        Some((name.to_owned(), version.to_owned()))
    });
    Ok(crates.collect())
}

/// What the table of HACKING.md says: crates, places, reason.
fn justified(hacking: &str) -> Result<Places> {
    let (_, rest) = hacking
        .split_once(HEADING)
        .with_context(|| format!("HACKING.md has no {}", HEADING.trim()))?;
    let table = rest.split("\n## ").next().unwrap_or_default();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let mut places = Places::new();
    for row in rows {
        let [crates, wheres, reason] = row.trim_matches('|').split('|').collect::<Vec<_>>()[..]
        else {
            bail!("not three columns: {row}");
        };
        ensure!(!reason.trim().is_empty(), "no reason: {row}");
        for name in crates.split(',') {
            let name = name.trim().trim_matches('`').to_owned();
            let wheres = wheres.split(',').map(|place| place.trim().to_owned());
            let earlier = places.insert(name, wheres.collect());
            ensure!(earlier.is_none(), "named twice: {row}");
        }
    }
    Ok(places)
}

fn difference(table: &Places, found: &Places) -> Option<String> {
    let joined = |places: &BTreeSet<String>| places.iter().cloned().collect::<Vec<_>>().join(", ");
    for (name, places) in found {
        match table.get(name) {
            None => {
                return Some(format!(
                    "{name} is shipped ({}) and not justified",
                    joined(places)
                ));
            }
            Some(said) if said != places => {
                return Some(format!(
                    "{name} is in {}, not in {}",
                    joined(places),
                    joined(said)
                ));
            }
            Some(_) => {}
        }
    }
    let gone = table.keys().find(|name| !found.contains_key(*name))?;
    Some(format!("{gone} is justified and not shipped any more"))
}

/// Licences, bans and sources by cargo-deny, once for everything and once, more strictly, for what
/// becomes the module; advisories where their database can be had.
fn deny() -> Result<()> {
    let program = DENY.path()?;
    let scopes: [&[&str]; 2] = [
        &["--workspace", "--config=deny.toml"],
        &["--manifest-path=Cargo.toml", "--config=deny.shipped.toml"],
    ];
    for scope in scopes {
        let deny = || {
            let mut deny = std::process::Command::new(&program);
            deny.current_dir(workspace::root())
                .arg("--locked")
                .args(scope)
                .arg("check");
            deny
        };
        run(
            deny().args(["bans", "licenses", "sources"]),
            "see its messages above",
        )?;
        let advisories = deny().arg("advisories").output();
        let advisories = advisories.context("cannot start cargo-deny")?;
        let said = String::from_utf8_lossy(&advisories.stderr);
        if said.contains("failed to fetch advisory database") {
            eprintln!("Not checked for known holes: the database of advisories cannot be fetched");
        } else if !advisories.status.success() {
            bail!("advisories: {said}");
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn places(of: &[(&str, &[&str])]) -> Places {
        let owned = |places: &&[&str]| places.iter().map(|place| (*place).to_owned()).collect();
        of.iter()
            .map(|(name, places)| ((*name).to_owned(), owned(places)))
            .collect()
    }

    const TABLE: &str = "# x\n\n## What is shipped, crate by crate\n\nWords | more.\n\n| crate | in | for |\n|---|---|---|\n\
        | `a`, `b-c` | module, crate | this |\n| `d` | compiler | that |\n\n## Next\n\n| `e` | module | not of it |\n";

    #[test]
    fn the_table_is_read_as_people_read_it() {
        let read = justified(TABLE).unwrap();
        let both: &[&str] = &["crate", "module"];
        assert_eq!(
            read,
            places(&[("a", both), ("b-c", both), ("d", &["compiler"])])
        );
        assert!(justified("# x\n").is_err());
        assert!(justified(&TABLE.replace("this", "")).is_err());
        assert!(justified(&TABLE.replace("`d`", "`a`")).is_err());
    }

    #[test]
    fn a_crate_that_is_new_gone_or_elsewhere_is_told() {
        let table = places(&[("a", &["module"]), ("b", &["crate"])]);
        assert_eq!(difference(&table, &table), None);
        for (found, word) in [
            (
                places(&[("a", &["module"]), ("b", &["crate"]), ("c", &["module"])]),
                "c is shipped",
            ),
            (
                places(&[("a", &["module"])]),
                "b is justified and not shipped",
            ),
            (
                places(&[("a", &["module", "crate"]), ("b", &["crate"])]),
                "a is in crate, module",
            ),
        ] {
            let told = difference(&table, &found).unwrap();
            assert!(told.starts_with(word), "{told}");
        }
    }
}
