//! `cargo xtask bench`: the package beside other clients that wait for a job, in one run on one machine. The
//! scripts in benches/peers measure; this runs them, keeps all figures in one file in the target folder, and writes
//! docs/benchmarks.md from it.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use super::report;
use crate::browser::Browser;
use crate::node::NodePackage;
use crate::process::{KEY, find_on_path};
use crate::{build, workspace};

#[derive(clap::Args)]
#[group(id = "field")]
pub(super) struct Arguments {
    /// Measure these parts anew and keep the others' figures: bytes, start, cpu, crossings, memory, instructions
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    only: Vec<String>,
    /// Few repetitions; the page is printed and not written
    #[arg(long)]
    quick: bool,
}

/// What can be measured by itself.
struct Part {
    name: &'static str,
    /// Under which name its figures are kept, its script, and what that is told.
    scripts: &'static [(&'static str, &'static str, &'static [&'static str])],
}

const PARTS: [Part; 6] = [
    Part {
        name: "bytes",
        scripts: &[("bytes", "bytes", &[])],
    },
    Part {
        name: "start",
        scripts: &[
            ("node", "start-node", &[]),
            ("workerd", "start-workerd", &[]),
            ("chromium", "start-chromium", &[]),
        ],
    },
    Part {
        name: "cpu",
        scripts: &[("cpu", "cpu", &[])],
    },
    Part {
        name: "crossings",
        scripts: &[("crossings", "crossings", &[])],
    },
    Part {
        name: "memory",
        scripts: &[("memory", "memory", &[])],
    },
    Part {
        name: "instructions",
        scripts: &[("instructions", "cpu", &["--instructions"])],
    },
];

const FOLDER: &str = "benches/peers";

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let parts = chosen(&arguments.only)?;
    build::all()?;
    NodePackage::install(FOLDER)?;
    NodePackage::install("tests")?;
    let browser = if parts.iter().any(|part| part.name == "start") {
        Some(Browser::find()?)
    } else {
        None
    };
    let machine = measure("machine", &[], None, "machine")?;
    let mut figures = if arguments.only.is_empty() || arguments.quick {
        Map::new()
    } else {
        kept(&machine)?
    };
    figures.insert("machine".to_owned(), machine);
    let build = of_this_build()?;
    for part in parts {
        eprintln!("{}:", part.name);
        for (name, script, told) in part.scripts {
            let quick = arguments.quick.then_some("--quick");
            let told: Vec<_> = told.iter().copied().chain(quick).collect();
            let figure = measure(script, &told, browser.as_ref(), part.name)?;
            figures.insert((*name).to_owned(), figure);
            figures.insert(format!("{name} of"), json!(build));
        }
        if !arguments.quick {
            // What is measured is kept, whatever becomes of the rest.
            let text = serde_json::to_string_pretty(&figures)?;
            fs::write(place()?, text).context("cannot keep the figures")?;
        }
    }
    let page = report::page(&figures, build)?;
    if arguments.quick {
        println!("{page}");
        return Ok(());
    }
    report::write(&page, &figures)?;
    eprintln!("docs/benchmarks.md and its charts are written");
    Ok(())
}

/// All of them, or those that are named. Without valgrind there are no instructions to count.
fn chosen(only: &[String]) -> Result<Vec<&'static Part>> {
    let names = PARTS.map(|part| part.name);
    if let Some(unknown) = only.iter().find(|name| !names.contains(&name.as_str())) {
        bail!(
            "no part is called {unknown}: --only takes {}",
            names.join(", ")
        );
    }
    let can_count = find_on_path("valgrind").is_some();
    if !can_count && only.iter().any(|name| name == "instructions") {
        bail!("valgrind is needed to count instructions: install it, or leave this part out");
    }
    if !can_count && only.is_empty() {
        eprintln!("Without valgrind no instructions are counted");
    }
    let wanted = |part: &&Part| match only {
        [] => part.name != "instructions" || can_count,
        only => only.iter().any(|name| name == part.name),
    };
    Ok(PARTS.iter().filter(wanted).collect())
}

fn place() -> Result<PathBuf> {
    Ok(workspace::state_dir()?.join("bench.json"))
}

/// The figures of the last run. Those of another machine stand beside none of this one.
fn kept(machine: &Value) -> Result<Map<String, Value>> {
    let cure = "run `cargo xtask bench` without --only first";
    let text = fs::read_to_string(place()?)
        .with_context(|| format!("there are no figures to keep: {cure}"))?;
    let kept: Map<String, Value> =
        serde_json::from_str(&text).with_context(|| format!("the figures are damaged: {cure}"))?;
    if kept.get("machine") != Some(machine) {
        bail!("the figures are of another machine or other versions: {cure}");
    }
    Ok(kept)
}

/// Tells builds of the package apart.
fn of_this_build() -> Result<u64> {
    let dist = workspace::root().join("pkg/dist");
    let mut hasher = DefaultHasher::new();
    for name in ["iacrea-video.wasm", "index.js", "slim.js"] {
        let path = dist.join(name);
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        bytes.hash(&mut hasher);
    }
    // What JSON can hold without loss.
    Ok(hasher.finish() >> 12)
}

/// Runs one script to its end; it prints one JSON, and says on standard error what it is at.
fn measure(script: &str, told: &[&str], browser: Option<&Browser>, part: &str) -> Result<Value> {
    let mut node = Command::new("node");
    node.arg(format!("measure/{script}.mjs"))
        .args(told)
        .current_dir(workspace::root().join(FOLDER))
        .env_remove(KEY)
        .stderr(Stdio::inherit());
    if let Some(browser) = browser {
        let switches = json!(Browser::switches());
        node.env("CHROME", &browser.chrome)
            .env("CHROME_ARGS", switches.to_string());
    }
    let output = node.output().context("cannot start node")?;
    if !output.status.success() {
        bail!(
            "measure/{script}.mjs failed ({}): see its message above, then repeat with `cargo xtask bench --only {part}`",
            output.status
        );
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("measure/{script}.mjs printed no JSON"))
}
