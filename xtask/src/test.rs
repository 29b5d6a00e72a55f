//! `cargo xtask test`: every check and every test there is, cheap ones first, one section after the
//! other. It ends with the count, and after a failure with the command that repeats it.

use std::cell::OnceCell;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use wasm_bindgen_cli_support::Bindgen;

use crate::browser::{self, Browser, WebKit};
use crate::node::{self, NodePackage};
use crate::process::{self, cargo, run as run_program};
use crate::target::{Purpose, Toolchain};
use crate::{budget, build, soak, supply, traps, workspace};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run these sections only; may be repeated
    #[arg(long, value_name = "SECTION")]
    only: Vec<String>,
    /// Run the slow ones too: every consumer of the package instead of some of each kind
    #[arg(long)]
    all: bool,
    /// Go on after a section has failed
    #[arg(long)]
    keep_going: bool,
    /// Name the sections and end
    #[arg(long)]
    list: bool,
}

struct Section {
    name: &'static str,
    title: &'static str,
    run: fn(&Machine) -> Result<()>,
}

const SECTIONS: [Section; 23] = [
    Section {
        name: "format",
        title: "cargo fmt",
        run: format,
    },
    Section {
        name: "lint",
        title: "clippy on the host",
        run: lint,
    },
    Section {
        name: "native",
        title: "native tests, in virtual time",
        run: native,
    },
    Section {
        name: "fuzz",
        title: "libFuzzer on what the core reads, for a moment",
        run: fuzz,
    },
    Section {
        name: "supply",
        title: "what comes from others",
        run: supply,
    },
    Section {
        name: "docs",
        title: "rustdoc on the host",
        run: docs,
    },
    Section {
        name: "crate",
        title: "the crate as crates.io would get it",
        run: published_crate,
    },
    Section {
        name: "build",
        title: "the package and the page, tsc --strict",
        run: package,
    },
    Section {
        name: "types",
        title: "types as users see them",
        run: types,
    },
    Section {
        name: "node",
        title: "the package in Node against the simulator",
        run: in_node,
    },
    Section {
        name: "life",
        title: "sleep, memory and traps, in Chromium and in Node",
        run: over_a_life,
    },
    Section {
        name: "edge",
        title: "the proxy in Node and on workerd",
        run: on_the_edge,
    },
    Section {
        name: "durable",
        title: "watching in Durable Objects, on a workerd that is killed again and again",
        run: in_durable_objects,
    },
    Section {
        name: "consumers",
        title: "the packed tarball in its users' tools and runtimes",
        run: in_consumers,
    },
    Section {
        name: "browser",
        title: "the page in Chromium",
        run: in_browser,
    },
    Section {
        name: "engines",
        title: "the page in Firefox and WebKitGTK",
        run: in_engines,
    },
    Section {
        name: "secrets",
        title: "the key, in all that can be seen",
        run: secrets,
    },
    Section {
        name: "hostile",
        title: "the package before a server that does everything wrong, in each engine",
        run: before_a_hostile_server,
    },
    Section {
        name: "lint-wasm",
        title: "clippy for wasm32",
        run: lint_wasm,
    },
    Section {
        name: "docs-wasm",
        title: "rustdoc for wasm32",
        run: docs_wasm,
    },
    Section {
        name: "wasm-node",
        title: "the crate as wasm in Node",
        run: wasm_in_node,
    },
    Section {
        name: "wasm-browser",
        title: "the crate as wasm in Chromium: window, dedicated and service worker",
        run: wasm_in_browser,
    },
    Section {
        name: "examples",
        title: "the Rust wasm app in Chromium",
        run: examples,
    },
];

/// What the machine offers, looked for when a section first needs it.
struct Machine {
    toolchain: OnceCell<Toolchain>,
    /// This program, asked for before any section could replace its file.
    program: PathBuf,
    /// Whether the slow ones run too.
    all: bool,
}

impl Machine {
    fn toolchain(&self) -> Result<&Toolchain> {
        if let Some(toolchain) = self.toolchain.get() {
            return Ok(toolchain);
        }
        let toolchain = Toolchain::find()?;
        Ok(self.toolchain.get_or_init(|| toolchain))
    }
}

/// Runs the sections.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.list {
        for section in &SECTIONS {
            println!("{:<14}{}", section.name, section.title);
        }
        return Ok(());
    }
    let known = |name: &String| SECTIONS.iter().any(|section| section.name == name);
    if let Some(unknown) = arguments.only.iter().find(|name| !known(name)) {
        bail!("no section is called {unknown}: `cargo xtask test --list` names them");
    }
    let chosen = |section: &&Section| {
        arguments.only.is_empty() || arguments.only.iter().any(|name| name == section.name)
    };
    let machine = Machine {
        toolchain: OnceCell::new(),
        program: env::current_exe().context("cannot find this program's own file")?,
        all: arguments.all,
    };
    let started = Instant::now();
    let mut passed = Vec::new();
    let mut failed = Vec::new();
    for section in SECTIONS.iter().filter(chosen) {
        eprintln!("\n=== {}: {}", section.name, section.title);
        let begun = Instant::now();
        let outcome = (section.run)(&machine);
        let seconds = begun.elapsed().as_secs_f32();
        match outcome {
            Ok(()) => {
                eprintln!("=== {} passed in {seconds:.1} s", section.name);
                passed.push((section, seconds));
            }
            Err(error) => {
                eprintln!("=== {} FAILED in {seconds:.1} s: {error:#}", section.name);
                failed.push(section);
                if !arguments.keep_going {
                    break;
                }
            }
        }
    }
    eprintln!();
    for (section, seconds) in &passed {
        eprintln!("{:<14}{seconds:>7.1} s", section.name);
    }
    eprintln!("{:<14}{:>7.1} s", "all", started.elapsed().as_secs_f32());
    println!("sections: {} passed, {} failed", passed.len(), failed.len());
    if failed.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = failed.iter().map(|section| section.name).collect();
    bail!(
        "failed: {}; repeat with `cargo xtask test --only {}`",
        names.join(", "),
        names.join(" --only ")
    )
}

const SEE_ABOVE: &str = "see its messages above";

fn format(_: &Machine) -> Result<()> {
    run_program(
        cargo("fmt").args(["--all", "--check"]),
        "run `cargo fmt --all`",
    )
}

fn lint(_: &Machine) -> Result<()> {
    let mut clippy = cargo("clippy");
    clippy.args([
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ]);
    run_program(&mut clippy, SEE_ABOVE)
}

fn lint_wasm(machine: &Machine) -> Result<()> {
    let toolchain = machine.toolchain()?;
    let libraries = [&WASM_PACKAGES[..], &["--lib"]].concat();
    // With what the npm package is made of, then as Rust programs get it, with a program and the tests.
    let exported = [&libraries[..], &["--features", "iacrea-video/npm"]].concat();
    let app = ["--package", "iacrea-video-wasm-app"];
    let plain = [&libraries[..], &app].concat();
    let tests = vec!["--package", "iacrea-video-tests", "--tests"];
    for selection in [exported, plain, tests] {
        let mut clippy = toolchain.clippy()?;
        clippy.args(selection).args(["--", "-D", "warnings"]);
        run_program(&mut clippy, SEE_ABOVE)?;
    }
    Ok(())
}

/// Packs the crate and compiles what was packed, apart from the workspace, for the host and for wasm32.
/// Of what would be missing from it cargo only warns, so here a warning is a failure.
fn published_crate(machine: &Machine) -> Result<()> {
    const PACK: [&str; 4] = ["--package", "iacrea-video", "--allow-dirty", "--quiet"];
    let mut pack = cargo("package");
    let packed = pack.args(PACK).output();
    let packed = packed.context("cannot start `cargo package`")?;
    if !packed.status.success() || !packed.stderr.is_empty() {
        let said = String::from_utf8_lossy(&packed.stderr);
        bail!("`cargo package` is to have nothing to say, but says: {said}");
    }
    let toolchain = machine.toolchain()?;
    for features in ["", "npm"] {
        let mut pack = toolchain.cargo("package", Purpose::Check)?;
        pack.args(PACK).args(["--features", features]);
        run_program(&mut pack, SEE_ABOVE)?;
    }
    Ok(())
}

fn fuzz(_: &Machine) -> Result<()> {
    soak::briefly()
}

fn supply(machine: &Machine) -> Result<()> {
    supply::check(machine.all)
}

fn docs(_: &Machine) -> Result<()> {
    let mut doc = cargo("doc");
    doc.args(["--workspace", "--no-deps", "--all-features"])
        .env("RUSTDOCFLAGS", "-D warnings");
    run_program(&mut doc, SEE_ABOVE)
}

fn docs_wasm(machine: &Machine) -> Result<()> {
    let mut doc = machine.toolchain()?.cargo("doc", Purpose::Check)?;
    doc.args(WASM_PACKAGES)
        .args(["--lib", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings");
    run_program(&mut doc, SEE_ABOVE)?;
    // What is written there for wasm32 compiles; it has no host to run in.
    let mut examples = wasm_tests(machine, "iacrea-video")?;
    run_program(examples.arg("--doc"), SEE_ABOVE)
}

const WASM_PACKAGES: [&str; 4] = ["--package", "iacrea-video", "--package", "iacrea-simulator"];

fn native(_: &Machine) -> Result<()> {
    run_program(
        cargo("test").args(["--workspace", "--all-features"]),
        SEE_ABOVE,
    )
}

fn wasm_in_node(machine: &Machine) -> Result<()> {
    node::require()?;
    let mut test = wasm_tests(machine, "iacrea-video-tests")?;
    run_program(test.args(["--test", "wasm_node"]), SEE_ABOVE)
}

fn wasm_in_browser(machine: &Machine) -> Result<()> {
    let browser = Browser::find()?;
    let mut test = wasm_tests(machine, "iacrea-video-tests")?;
    test.args(["--test", "wasm_browser"])
        .args(["--test", "wasm_dedicated_worker"])
        .args(["--test", "wasm_service_worker"]);
    test.env("CHROMEDRIVER", &browser.driver)
        .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", browser.capabilities()?)
        .env("WASM_BINDGEN_TEST_TIMEOUT", "120")
        .env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "30");
    run_program(&mut test, SEE_ABOVE)
}

/// `cargo test` of one package for wasm32, with this program as the runner.
fn wasm_tests(machine: &Machine, package: &str) -> Result<Command> {
    let runner = serde_json::json!([machine.program, "wasm-test-runner"]);
    let mut command = machine.toolchain()?.cargo("test", Purpose::Check)?;
    command
        .arg("--config")
        .arg(format!("target.wasm32-unknown-unknown.runner={runner}"))
        .args(["--package", package]);
    Ok(command)
}

fn package(machine: &Machine) -> Result<()> {
    let toolchain = machine.toolchain()?;
    build::with(toolchain)?;
    budget::check(toolchain.library())
}

fn types(_: &Machine) -> Result<()> {
    let tools = NodePackage::install("pkg")?;
    NodePackage::install("tests")?;
    NodePackage::install("benches/peers")?;
    for project in [
        "../tests/types",
        "../tests/edge",
        "../tests/durable",
        "../tests/examples",
        "../tests/package",
        "../tests/browser",
        "../tests/engines",
        "../tests/secrets",
        "../tests/life",
        "../tests/hostile",
        "../benches/peers",
        "../www",
    ] {
        let mut tsc = tools.tool("tsc");
        run_program(tsc.args(["--noEmit", "--project", project]), SEE_ABOVE)?;
    }
    run_program(&mut node_tests("types")?, SEE_ABOVE)
}

fn in_node(_: &Machine) -> Result<()> {
    let simulator = simulator()?;
    let mut tests = node_tests("node")?;
    run_program(tests.env("SIMULATOR_BIN", simulator), SEE_ABOVE)
}

fn over_a_life(machine: &Machine) -> Result<()> {
    traps::check(machine.toolchain()?)?;
    let fused = workspace::state_dir()?.join("fused.wasm");
    traps::fused(&fused)?;
    let browser = Browser::find()?;
    let simulator = simulator()?;
    let mut tests = node_tests("life")?;
    chromium(&mut tests, &browser)
        .env("SIMULATOR_BIN", simulator)
        .env("FUSED_WASM", fused);
    if machine.all {
        tests.env("ALL", "1");
    }
    run_program(&mut tests, SEE_ABOVE)
}

fn on_the_edge(_: &Machine) -> Result<()> {
    let simulator = simulator()?;
    let mut tests = node_tests("edge")?;
    run_program(tests.env("SIMULATOR_BIN", simulator), SEE_ABOVE)
}

/// With `--all` it is killed oftener, while more videos run.
fn in_durable_objects(machine: &Machine) -> Result<()> {
    let simulator = simulator()?;
    let mut tests = node_tests("durable")?;
    tests.env("SIMULATOR_BIN", simulator);
    if machine.all {
        tests.env("ALL", "1");
    }
    run_program(&mut tests, SEE_ABOVE)
}

fn in_consumers(machine: &Machine) -> Result<()> {
    let browser = Browser::find()?;
    let simulator = simulator()?;
    let mut tests = node_tests("package")?;
    chromium(&mut tests, &browser).env("SIMULATOR_BIN", simulator);
    if machine.all {
        tests.env("ALL", "1");
    }
    run_program(&mut tests, SEE_ABOVE)
}

/// Tells Node tests which Chromium to run, and how.
fn chromium<'a>(tests: &'a mut Command, browser: &Browser) -> &'a mut Command {
    let switches = serde_json::json!(Browser::switches());
    tests
        .env("CHROME", &browser.chrome)
        .env("CHROME_ARGS", switches.to_string())
}

fn in_browser(machine: &Machine) -> Result<()> {
    let browser = Browser::find()?;
    let simulator = simulator()?;
    let mut tests = node_tests("browser")?;
    chromium(&mut tests, &browser)
        .env("SIMULATOR_BIN", simulator)
        .env("XTASK_BIN", &machine.program)
        .env("SCREENSHOTS", workspace::root().join("tests/screenshots"));
    run_program(&mut tests, SEE_ABOVE)
}

fn in_engines(machine: &Machine) -> Result<()> {
    let mut tests = node_tests("engines")?;
    other_engines(&mut tests)?
        .env("SIMULATOR_BIN", simulator()?)
        .env("XTASK_BIN", &machine.program)
        .env("SCREENSHOTS", workspace::root().join("tests/screenshots"));
    run_program(&mut tests, SEE_ABOVE)
}

/// Tells Node tests where Firefox and WebKitGTK are.
fn other_engines(tests: &mut Command) -> Result<&mut Command> {
    let firefox = browser::firefox()?;
    let webkit = WebKit::find()?;
    Ok(tests
        .env("FIREFOX", firefox)
        .env("WEBKIT_DRIVER", webkit.driver)
        .env("WEBKIT_BROWSER", webkit.browser)
        .env("XVFB", webkit.xvfb))
}

/// In Node, Chromium and workerd; the other engines and the distribution of latencies with `--all`.
fn before_a_hostile_server(machine: &Machine) -> Result<()> {
    let browser = Browser::find()?;
    let mut tests = node_tests("hostile")?;
    chromium(&mut tests, &browser);
    if machine.all {
        other_engines(&mut tests)?.env("ALL", "1");
    }
    run_program(&mut tests, SEE_ABOVE)
}

fn secrets(machine: &Machine) -> Result<()> {
    let browser = Browser::find()?;
    let simulator = simulator()?;
    let example = executable("iacrea-video-reqwest", &[])?;
    let mut tests = node_tests("secrets")?;
    chromium(&mut tests, &browser)
        .env("SIMULATOR_BIN", simulator)
        .env("XTASK_BIN", &machine.program)
        .env("REQWEST_BIN", example);
    run_program(&mut tests, SEE_ABOVE)
}

/// Builds the app as `wasm-pack build --target web` does, then uses it.
fn examples(machine: &Machine) -> Result<()> {
    let browser = Browser::find()?;
    let toolchain = machine.toolchain()?;
    let mut build = toolchain.cargo("build", Purpose::Check)?;
    build.args(["--package", "iacrea-video-wasm-app"]);
    run_program(&mut build, SEE_ABOVE)?;
    let app = workspace::state_dir()?.join("wasm-app");
    Bindgen::new()
        .input_path(
            toolchain
                .artifacts(Purpose::Check)
                .join("iacrea_video_wasm_app.wasm"),
        )
        .web(true)?
        .omit_default_module_path(false)
        .typescript(false)
        .generate(&app)
        .context("wasm-bindgen cannot read the app")?;
    let switches = serde_json::json!(Browser::switches());
    let mut tests = node_tests("examples")?;
    tests
        .env("CHROME", browser.chrome)
        .env("CHROME_ARGS", switches.to_string())
        .env("SIMULATOR_BIN", simulator()?)
        .env("WASM_APP", app);
    run_program(&mut tests, SEE_ABOVE)
}

/// Node's test runner over the files of one folder in tests/; they find pkg/dist and www/dist built.
fn node_tests(folder: &str) -> Result<Command> {
    let dir = workspace::root().join("tests").join(folder);
    let mut files = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".test.mjs") {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!("tests/{folder} holds no *.test.mjs");
    }
    files.sort();
    NodePackage::install("tests")?;
    let mut tests = Command::new("node");
    // What hangs has failed; older versions cannot be told.
    if node::require()? >= (20, 11) {
        // The limit is each file's, and one of them installs all consumers.
        let limit = if folder == "package" {
            1_800_000
        } else {
            300_000
        };
        tests.arg(format!("--test-timeout={limit}"));
    }
    tests
        // These wait more than they compute, so two files at once are no strain for two cores.
        .args(["--test", "--test-reporter=spec", "--test-concurrency=2"])
        .args(files)
        .current_dir(workspace::root());
    Ok(tests)
}

/// Builds the pretend server. This program is named too, so that both share their dependencies
/// instead of compiling them with two sets of features.
fn simulator() -> Result<PathBuf> {
    executable("iacrea-simulator", &["--package", "xtask"])
}

/// Builds the program of a package of that name; cargo says where it put it.
fn executable(name: &str, along: &[&str]) -> Result<PathBuf> {
    let mut build = cargo("build");
    build.args(["--package", name]).args(along).args([
        "--bins",
        "--all-features",
        "--message-format=json-render-diagnostics",
    ]);
    let messages = process::output(build.stderr(Stdio::inherit()))?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message.pointer("/target/name") == Some(&name.into()))
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
        .with_context(|| format!("cargo built no {name}"))
}
