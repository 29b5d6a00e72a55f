//! `cargo xtask test`: the gate, which a change must pass, and with `--all` every check and every test
//! there is. Each section runs, whatever became of those before; the end lists what failed, with the
//! command that repeats it. HACKING.md says which section catches what.

mod files;

use std::cell::{OnceCell, RefCell};
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use wasm_bindgen_cli_support::Bindgen;

use crate::browser::{self, Browser, WebKit};
use crate::node::{self, NodePackage};
use crate::process::{self, cargo, run as run_program};
use crate::target::{Purpose, Toolchain};
use crate::{budget, build, soak, supply, traps, workspace};
use files::TestFile;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run this section only, or this file (tests/node/abort.test.mjs); may be repeated
    #[arg(long, value_name = "SECTION or FILE")]
    only: Vec<String>,
    /// Run all that a release needs, beside the gate: other engines, every consumer, load, fuzzing
    #[arg(long)]
    all: bool,
    /// Name the sections and end
    #[arg(long)]
    list: bool,
}

struct Section {
    name: &'static str,
    title: &'static str,
    when: When,
    run: fn(&Machine) -> Result<()>,
}

/// The gate has what catches most in least time.
#[derive(Clone, Copy, PartialEq)]
enum When {
    Gate,
    /// With `--all`, or when it is named.
    All,
}

const fn gate(name: &'static str, title: &'static str, run: fn(&Machine) -> Result<()>) -> Section {
    Section {
        name,
        title,
        when: When::Gate,
        run,
    }
}

const fn all(name: &'static str, title: &'static str, run: fn(&Machine) -> Result<()>) -> Section {
    Section {
        name,
        title,
        when: When::All,
        run,
    }
}

const SECTIONS: [Section; 25] = [
    gate("format", "cargo fmt", format),
    gate("lint", "clippy on the host", lint),
    gate("native", "native tests, in virtual time", native),
    all(
        "fuzz",
        "libFuzzer on what the core reads, for a moment",
        fuzz,
    ),
    gate("supply", "what comes from others", supply),
    gate("docs", "rustdoc on the host", docs),
    all(
        "crate",
        "the crate as crates.io would get it",
        published_crate,
    ),
    gate("build", "the package and the page, tsc --strict", package),
    gate("types", "types as users see them", types),
    gate(
        "node",
        "the package in Node, in virtual time where it can be",
        in_node,
    ),
    gate(
        "life",
        "sleep, memory and traps, in Chromium and in Node",
        over_a_life,
    ),
    all(
        "traps",
        "every place of the module that could trap has a reason not to",
        every_trap,
    ),
    gate(
        "server",
        "the demo's server, and the simulator over sockets",
        on_a_server,
    ),
    gate("edge", "the proxy in Node and on workerd", on_the_edge),
    gate(
        "durable",
        "watching in Durable Objects on workerd",
        in_durable_objects,
    ),
    gate(
        "consumers",
        "the packed tarball in its users' tools and runtimes",
        in_consumers,
    ),
    gate("browser", "the page in Chromium", in_browser),
    all("engines", "the page in Firefox and WebKitGTK", in_engines),
    gate("secrets", "the key, in all that can be seen", secrets),
    all(
        "hostile",
        "the package before a server that does everything wrong",
        before_a_hostile_server,
    ),
    gate("lint-wasm", "clippy for wasm32", lint_wasm),
    all("docs-wasm", "rustdoc for wasm32", docs_wasm),
    gate("wasm-node", "the crate as wasm in Node", wasm_in_node),
    all(
        "wasm-browser",
        "the crate as wasm in Chromium: window, dedicated and service worker",
        wasm_in_browser,
    ),
    all(
        "examples",
        "the Rust programs: as wasm in Chromium, and with reqwest",
        examples,
    ),
];

/// How many unsteady files a run may have: each may be chance, more of them are not.
const UNSTEADY_ALLOWED: usize = 2;

/// What the machine offers, looked for when a section first needs it, and what has become of the run.
struct Machine {
    toolchain: OnceCell<Toolchain>,
    /// This program, asked for before any section could replace its file.
    program: PathBuf,
    /// Whether the slow ones run too.
    all: bool,
    /// The test files that were named; of all sections, if empty.
    files: Vec<String>,
    /// Whether `pkg/dist` and `www/dist` could be made of these sources.
    build: OnceCell<Result<(), String>>,
    unsteady: RefCell<Vec<String>>,
    failed_files: RefCell<Vec<String>>,
}

impl Machine {
    fn toolchain(&self) -> Result<&Toolchain> {
        if let Some(toolchain) = self.toolchain.get() {
            return Ok(toolchain);
        }
        let toolchain = Toolchain::find()?;
        Ok(self.toolchain.get_or_init(|| toolchain))
    }

    /// Builds the package and the page, once, whether or not that succeeds.
    fn build(&self) -> Result<()> {
        let build = || build::with(self.toolchain()?);
        let built = self
            .build
            .get_or_init(|| build().map_err(|error| format!("{error:#}")));
        built
            .clone()
            .map_err(|error| anyhow!("the package could not be built: {error}"))
    }

    /// Whether a test file is to run, as far as `--all` decides that.
    fn wants(&self, name: &str) -> bool {
        self.all || !name.ends_with(FULL_TEST_FILE) || self.files.iter().any(|file| file == name)
    }

    /// Runs test files, of which those that were named if any were, and remembers which of them failed.
    fn run_files(&self, mut files: Vec<TestFile>, at_once: usize) -> Result<()> {
        if files.iter().any(|file| self.files.contains(&file.name)) {
            files.retain(|file| self.files.contains(&file.name));
        }
        let outcome = files::run(files, at_once)?;
        self.unsteady.borrow_mut().extend(outcome.unsteady);
        if outcome.failed.is_empty() {
            return Ok(());
        }
        let message = format!("{} failed twice", outcome.failed.join(", "));
        self.failed_files.borrow_mut().extend(outcome.failed);
        bail!(message)
    }
}

/// Runs the sections.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.list {
        for Section {
            name, title, when, ..
        } in &SECTIONS
        {
            let note = if *when == When::All {
                " (with --all)"
            } else {
                ""
            };
            println!("{name:<14}{title}{note}");
        }
        return Ok(());
    }
    let (files, names): (Vec<_>, Vec<_>) = arguments
        .only
        .iter()
        .cloned()
        .partition(|name| name.contains('/'));
    let known = |name: &String| SECTIONS.iter().any(|section| section.name == name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        bail!("no section is called {unknown}: `cargo xtask test --list` names them");
    }
    if let Some(missing) = files
        .iter()
        .find(|file| !workspace::root().join(file).is_file())
    {
        bail!("there is no {missing}: test files are named by their path in the repository");
    }
    let chosen = |section: &&Section| {
        let is_named = names.iter().any(|name| name == section.name);
        let has_file = files
            .iter()
            .any(|file| section_of(file) == Some(section.name));
        let is_due = section.when == When::Gate || arguments.all;
        is_named || has_file || (arguments.only.is_empty() && is_due)
    };
    let machine = Machine {
        toolchain: OnceCell::new(),
        program: env::current_exe().context("cannot find this program's own file")?,
        all: arguments.all,
        files: files.clone(),
        build: OnceCell::new(),
        unsteady: RefCell::default(),
        failed_files: RefCell::default(),
    };
    let started = Instant::now();
    let mut lines = Vec::new();
    let mut repeat = Vec::new();
    let (mut passed, mut failed) = (0, Vec::new());
    for section in SECTIONS.iter().filter(chosen) {
        eprintln!("\n=== {}: {}", section.name, section.title);
        let begun = Instant::now();
        let outcome = (section.run)(&machine);
        let seconds = begun.elapsed().as_secs_f32();
        let files = machine.failed_files.take();
        let mark = if outcome.is_ok() { "" } else { "  FAILED" };
        lines.push(format!("{:<14}{seconds:>7.1} s{mark}", section.name));
        match outcome {
            Ok(()) => {
                eprintln!("=== {} passed in {seconds:.1} s", section.name);
                passed += 1;
            }
            Err(error) => {
                eprintln!("=== {} FAILED in {seconds:.1} s: {error:#}", section.name);
                if files.is_empty() {
                    repeat.push(section.name.to_owned());
                }
                repeat.extend(files);
                failed.push(format!("{}: {error:#}", section.name));
            }
        }
    }
    let unsteady = machine.unsteady.take();
    lines.push(format!(
        "{:<14}{:>7.1} s",
        "all",
        started.elapsed().as_secs_f32()
    ));
    eprintln!("\n{}", lines.join("\n"));
    for file in &unsteady {
        println!(
            "unsteady: {file} failed, and passed when it ran again alone: a bug to mend before anything else"
        );
    }
    for failure in &failed {
        println!("failed: {failure}");
    }
    println!("sections: {passed} passed, {} failed", failed.len());
    if !failed.is_empty() {
        bail!(
            "repeat what failed with `cargo xtask test --only {}`",
            repeat.join(" --only ")
        );
    }
    if unsteady.len() > UNSTEADY_ALLOWED {
        bail!(
            "{} unsteady files are no chance: repeat them with `cargo xtask test --only {}`",
            unsteady.len(),
            unsteady.join(" --only ")
        );
    }
    Ok(())
}

const SEE_ABOVE: &str = "see its messages above";

fn format(_: &Machine) -> Result<()> {
    run_program(
        cargo("fmt").args(["--all", "--check"]),
        "run `cargo fmt --all`",
    )
}

/// These bring a TLS stack and an HTTP server, which take their time to compile, and hold few lines.
const WITHOUT_HEAVY: [&str; 4] = [
    "--exclude",
    "iacrea-video-reqwest",
    "--exclude",
    "wasm-test-runner",
];

fn lint(machine: &Machine) -> Result<()> {
    let mut clippy = cargo("clippy");
    clippy.args(["--workspace", "--all-targets", "--all-features"]);
    if !machine.all {
        clippy.args(WITHOUT_HEAVY);
    }
    run_program(clippy.args(["--", "-D", "warnings"]), SEE_ABOVE)
}

fn lint_wasm(machine: &Machine) -> Result<()> {
    let toolchain = machine.toolchain()?;
    // What the npm package is made of; with `--all` also as Rust programs get it, with a program and the tests.
    let mut selections = vec![MODULES.to_vec()];
    if machine.all {
        selections.push(vec!["--package", "iacrea-video-wasm-app"]);
        selections.push(vec!["--package", "iacrea-video-tests", "--tests"]);
    }
    for selection in selections {
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
        .args(WITHOUT_HEAVY)
        .env("RUSTDOCFLAGS", "-D warnings");
    run_program(&mut doc, SEE_ABOVE)
}

fn docs_wasm(machine: &Machine) -> Result<()> {
    let mut doc = machine.toolchain()?.cargo("doc", Purpose::Check)?;
    doc.args(["--package", "iacrea-video", "--no-deps"])
        .args(MODULES)
        .env("RUSTDOCFLAGS", "-D warnings");
    run_program(&mut doc, SEE_ABOVE)?;
    // What is written there for wasm32 compiles; it has no host to run in.
    let mut examples = wasm_tests(machine, "iacrea-video")?;
    run_program(examples.arg("--doc"), SEE_ABOVE)
}

/// The two modules of the npm package.
const MODULES: [&str; 4] = [
    "--package",
    "iacrea-video-npm",
    "--package",
    "iacrea-simulator-npm",
];

fn native(machine: &Machine) -> Result<()> {
    let mut tests = cargo("test");
    tests.args(["--workspace", "--all-features"]);
    tests.args(WITHOUT_HEAVY);
    if machine.all {
        tests.env("ALL", "1");
    }
    run_program(&mut tests, SEE_ABOVE)
}

fn wasm_in_node(machine: &Machine) -> Result<()> {
    node::require()?;
    let test = wasm_test(machine, "node")?;
    machine.run_files(vec![test], 1)
}

fn wasm_in_browser(machine: &Machine) -> Result<()> {
    let browser = Browser::find()?;
    let capabilities = browser.capabilities()?;
    let mut files = Vec::new();
    for name in ["browser", "dedicated_worker", "service_worker"] {
        let mut file = wasm_test(machine, name)?;
        file.command
            .env("CHROMEDRIVER", &browser.driver)
            .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", &capabilities)
            .env("WASM_BINDGEN_TEST_TIMEOUT", "120")
            .env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "30");
        files.push(file);
    }
    machine.run_files(files, 1)
}

/// One file of tests/wasm.
fn wasm_test(machine: &Machine, name: &str) -> Result<TestFile> {
    let mut command = wasm_tests(machine, "iacrea-video-tests")?;
    command.args(["--test", &format!("wasm_{name}")]);
    Ok(TestFile {
        name: format!("tests/wasm/{name}.rs"),
        command,
    })
}

/// `cargo test` of one package for wasm32.
fn wasm_tests(machine: &Machine, package: &str) -> Result<Command> {
    let runner = executable("wasm-test-runner")?;
    let mut command = machine.toolchain()?.cargo("test", Purpose::Check)?;
    command
        .arg("--config")
        .arg(format!(
            "target.wasm32-unknown-unknown.runner={:?}",
            [runner]
        ))
        .args(["--package", package]);
    Ok(command)
}

fn package(machine: &Machine) -> Result<()> {
    machine.build()?;
    let mut smoke = Command::new("node");
    smoke.arg(workspace::root().join("tests/support/smoke.mjs"));
    run_program(&mut smoke, "the package that was built does not work")?;
    budget::check(machine.toolchain()?.library())
}

fn types(machine: &Machine) -> Result<()> {
    machine.build()?;
    let tools = NodePackage::install("pkg")?;
    NodePackage::install("tests")?;
    let mut projects = vec!["../tests", "../tests/types", "../www"];
    if machine.all {
        // Its npm packages are those of nine competitors.
        NodePackage::install("benches/peers")?;
        projects.push("../benches/peers");
    }
    for project in projects {
        let mut tsc = tools.tool("tsc");
        run_program(tsc.args(["--noEmit", "--project", project]), SEE_ABOVE)?;
    }
    node_tests(machine, "types", &[])
}

fn in_node(machine: &Machine) -> Result<()> {
    node_tests(machine, "node", &[])
}

fn on_a_server(machine: &Machine) -> Result<()> {
    node_tests(machine, "server", &[demo_program(machine)])
}

fn over_a_life(machine: &Machine) -> Result<()> {
    machine.build()?;
    let fused = workspace::state_dir()?.join("fused.wasm");
    traps::fused(&fused)?;
    let mut variables = chromium(&Browser::find()?);
    variables.push(("FUSED_WASM", fused.into()));
    node_tests(machine, "life", &variables)
}

/// The list of reasons knows the compilers that it was made with, so a newer one may fail here.
fn every_trap(machine: &Machine) -> Result<()> {
    machine.build()?;
    traps::check(machine.toolchain()?)
}

fn on_the_edge(machine: &Machine) -> Result<()> {
    node_tests(machine, "edge", &[])
}

fn in_durable_objects(machine: &Machine) -> Result<()> {
    node_tests(machine, "durable", &[])
}

fn in_consumers(machine: &Machine) -> Result<()> {
    node_tests(machine, "package", &chromium(&Browser::find()?))
}

fn in_browser(machine: &Machine) -> Result<()> {
    node_tests(machine, "browser", &chromium(&Browser::find()?))
}

fn in_engines(machine: &Machine) -> Result<()> {
    node_tests(machine, "engines", &other_engines()?)
}

/// In Node, Chromium and workerd; the other engines and the distribution of latencies with `--all`.
fn before_a_hostile_server(machine: &Machine) -> Result<()> {
    let mut variables = chromium(&Browser::find()?);
    if machine.all {
        variables.extend(other_engines()?);
    }
    node_tests(machine, "hostile", &variables)
}

fn secrets(machine: &Machine) -> Result<()> {
    let mut variables = chromium(&Browser::find()?);
    // It brings a TLS stack, which takes its time to compile.
    if machine.wants("tests/secrets/reqwest.full.test.mjs") {
        variables.push(("REQWEST_BIN", executable("iacrea-video-reqwest")?.into()));
    }
    node_tests(machine, "secrets", &variables)
}

/// Builds the app as `wasm-pack build --target web` does, then uses it.
fn examples(machine: &Machine) -> Result<()> {
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
    let mut variables = chromium(&Browser::find()?);
    variables.push(("WASM_APP", app.into()));
    node_tests(machine, "examples", &variables)?;
    let mut command = cargo("test");
    command.args(["--package", "iacrea-video-reqwest"]);
    let name = "examples/reqwest/tests/simulator.rs".to_owned();
    machine.run_files(vec![TestFile { name, command }], 1)
}

/// A variable of the environment, by which a test file learns where something is.
type Variable = (&'static str, OsString);

/// Which Chromium to run, and how.
fn chromium(browser: &Browser) -> Vec<Variable> {
    let switches = serde_json::json!(Browser::switches());
    vec![
        ("CHROME", browser.chrome.clone().into()),
        ("CHROME_ARGS", switches.to_string().into()),
    ]
}

/// Where Firefox and WebKitGTK are.
fn other_engines() -> Result<Vec<Variable>> {
    let firefox = browser::firefox()?;
    let webkit = WebKit::find()?;
    Ok(vec![
        ("FIREFOX", firefox.into()),
        ("WEBKIT_DRIVER", webkit.driver.into()),
        ("WEBKIT_BROWSER", webkit.browser.into()),
        ("XVFB", webkit.xvfb.into()),
    ])
}

/// This program, for the test of `cargo xtask demo`.
fn demo_program(machine: &Machine) -> Variable {
    ("XTASK_BIN", machine.program.clone().into())
}

/// How a test file's name ends.
const TEST_FILE: &str = ".test.mjs";
/// How the name of one ends that only `--all` runs.
const FULL_TEST_FILE: &str = ".full.test.mjs";

/// The section that runs a test file.
fn section_of(file: &str) -> Option<&'static str> {
    let (folder, name) = file
        .strip_prefix("tests/")
        .unwrap_or(file)
        .split_once('/')?;
    let wanted = match (folder, name) {
        ("package", _) => "consumers",
        ("wasm", "node.rs") => "wasm-node",
        ("wasm", _) => "wasm-browser",
        _ => folder,
    };
    SECTIONS
        .iter()
        .map(|section| section.name)
        .find(|name| *name == wanted)
}

/// The test files of one folder in tests/; they find pkg/dist and www/dist built.
fn node_tests(machine: &Machine, folder: &str, variables: &[Variable]) -> Result<()> {
    let dir = workspace::root().join("tests").join(folder);
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        let name = format!("tests/{folder}/{file}");
        if name.ends_with(TEST_FILE) && machine.wants(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        bail!("tests/{folder} holds no *{TEST_FILE}");
    }
    names.sort();
    machine.build()?;
    NodePackage::install("tests")?;
    // What hangs has failed; older versions have no such limit.
    let has_limit = node::require()? >= (20, 11);
    let files = names.into_iter().map(|name| {
        // One of them installs all consumers, others watch ten thousand videos.
        let limit_ms = match folder {
            "package" => 1_800_000,
            _ if name.ends_with(FULL_TEST_FILE) => 900_000,
            _ => 300_000,
        };
        let limit = format!("--test-timeout={limit_ms}");
        let mut command = Command::new("node");
        command.args(has_limit.then_some(&limit));
        command.args(["--test", "--test-reporter=spec", &name]);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        if machine.all {
            command.env("ALL", "1");
        }
        command.current_dir(workspace::root());
        TestFile { name, command }
    });
    // These wait more than they compute, so two files at once are no strain for two cores.
    machine.run_files(files.collect(), 2)
}

/// Builds the program of a package of that name; cargo says where it put it.
fn executable(name: &str) -> Result<PathBuf> {
    let mut build = cargo("build");
    build.args(["--package", name, "--bins"]);
    build.arg("--message-format=json-render-diagnostics");
    let messages = process::output(build.stderr(Stdio::inherit()))?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message.pointer("/target/name") == Some(&name.into()))
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
        .with_context(|| format!("cargo built no {name}"))
}
