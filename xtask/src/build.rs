//! `cargo xtask build`: from the Rust sources to the npm package in pkg/dist and the demo page in
//! www/dist. A step whose input is unchanged is skipped. What is shipped never names a folder of
//! the machine that built it.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Instant, SystemTime};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wasm_bindgen_cli_support::Bindgen;

use crate::budget;
use crate::glue::{self, IMPORT_MODULE, Names};
use crate::licences;
use crate::node::{self, NodePackage};
use crate::panics;
use crate::process::run as run_program;
use crate::target::{Purpose, Toolchain, build_machine_paths};
use crate::workspace::{self, write_if_changed};

/// One of the two WebAssembly modules.
struct Module {
    /// The stem of the generated files.
    name: &'static str,
    package: &'static str,
    /// The file name cargo gives it.
    library: &'static str,
    /// The file name in the package.
    file: &'static str,
}

const VIDEO: Module = Module {
    name: "video",
    package: "iacrea-video-npm",
    library: "iacrea_video_npm.wasm",
    file: "iacrea-video.wasm",
};
const SIMULATOR: Module = Module {
    name: "simulator",
    package: "iacrea-simulator-npm",
    library: "iacrea_simulator_npm.wasm",
    file: "simulator.wasm",
};
/// The entries as ES modules, one for each condition that needs its own.
const ENTRIES: [&str; 13] = [
    "index",
    "index.workerd",
    "index.edge-light",
    "machine",
    "machine.workerd",
    "machine.edge-light",
    "slim",
    "edge",
    "edge.workerd",
    "cloudflare",
    "simulator",
    "simulator.workerd",
    "simulator.edge-light",
];
/// The declarations that users' compilers read; those of all other modules stay here.
const DECLARATIONS: [&str; 17] = [
    "index",
    "machine",
    "slim",
    "edge",
    "cloudflare",
    "simulator",
    "client",
    "dispose",
    "error",
    "proxy",
    "simulate",
    "types",
    "wasm",
    "watch-routes",
    "watcher",
    "webhook",
    "workflow",
];

/// What is asked of wasm-opt. The features are those that rustc's wasm32-unknown-unknown assumes of every
/// engine; it must assume no more.
pub(crate) const OPTIMISE: [&str; 13] = [
    "-Oz",
    // A large function does not become part of its only caller: that is a few bytes less before compression,
    // and a thirtieth more after it.
    "--one-caller-inline-max-function-size",
    "20",
    // Again and again, until nothing gets smaller.
    "--converge",
    // The stack comes first, and a kilobyte of it is always left.
    "--low-memory-unused",
    "--strip-producers",
    "--strip-target-features",
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Make the sizes of this build the budget that later ones must keep to
    #[arg(long)]
    record_sizes: bool,
}

/// Builds everything and prints the sizes.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let toolchain = all()?;
    if arguments.record_sizes {
        budget::record(toolchain.library())
    } else {
        budget::print()
    }
}

/// Builds everything.
pub(crate) fn all() -> Result<Toolchain> {
    // What is quickest to find wanting comes first.
    node::require()?;
    let toolchain = Toolchain::find()?;
    with(&toolchain)?;
    Ok(toolchain)
}

/// The same with a toolchain that was found before.
pub(crate) fn with(toolchain: &Toolchain) -> Result<()> {
    let started = Instant::now();
    let _lock = workspace::lock()?;
    let tools = NodePackage::install("pkg")?;
    let modules = [VIDEO, SIMULATOR];
    compile(toolchain, &modules)?;
    for module in &modules {
        prepare(module, toolchain, &tools)?;
    }
    bundle(&tools)?;
    assemble_page()?;
    refuse_machine_paths()?;
    eprintln!(
        "Built pkg/dist and www/dist in {:.1} s",
        started.elapsed().as_secs_f32()
    );
    Ok(())
}

/// Where its files are.
const FOLDERS: [&str; 4] = ["", "generated", "cjs", "cjs/generated"];

fn dist() -> PathBuf {
    workspace::root().join("pkg/dist")
}

fn generated(file: &str) -> PathBuf {
    workspace::root().join("pkg/src/generated").join(file)
}

/// The optimised module, kept so that sizes and checks read bytes and not text.
fn optimised(module: &Module) -> Result<PathBuf> {
    Ok(workspace::state_dir()?.join(format!("{}.wasm", module.name)))
}

/// The bytes that users get.
pub(crate) fn shipped() -> Result<PathBuf> {
    optimised(&VIDEO)
}

/// The module that [`shipped`] is made of by stripping and optimising it, with the names of its functions.
pub(crate) fn named(toolchain: &Toolchain) -> Result<walrus::Module> {
    let compiled = toolchain.artifacts(Purpose::Ship).join(VIDEO.library);
    let mut output = Bindgen::new()
        .input_path(&compiled)
        .bundler(true)?
        .demangle(false)
        .generate_output()
        .with_context(|| format!("wasm-bindgen cannot read {}", compiled.display()))?;
    let mut module = std::mem::take(output.wasm_mut());
    panics::silence(&mut module);
    Ok(module)
}

fn compile(toolchain: &Toolchain, modules: &[Module]) -> Result<()> {
    let mut cargo = toolchain.cargo("build", Purpose::Ship)?;
    for module in modules {
        cargo.args(["--package", module.package]);
    }
    run_program(&mut cargo, "see the compiler's messages above")
}

/// Generates the glue and the inlined bytes of one module, unless they stem from the same input.
fn prepare(module: &Module, toolchain: &Toolchain, tools: &NodePackage) -> Result<()> {
    let compiled = toolchain.artifacts(Purpose::Ship).join(module.library);
    let input =
        fs::read(&compiled).with_context(|| format!("cannot read {}", compiled.display()))?;
    let wasm = optimised(module)?;
    let outputs = ["glue.js", "glue.d.ts", "inlined.js", "inlined.d.ts"]
        .map(|suffix| generated(&format!("{}.{suffix}", module.name)));
    // Beside what it vouches for: several target folders may fill this one.
    let stamp = generated(&format!("{}.stamp", module.name));
    let fingerprint = fingerprint(&input)?;
    let complete = wasm.is_file() && outputs.iter().all(|path| path.is_file());
    if complete && fs::read_to_string(&stamp).is_ok_and(|old| old == fingerprint) {
        return Ok(());
    }
    eprintln!(
        "Generating the glue of {} and optimising it",
        module.package
    );
    let [glue_js, glue_dts, inlined_js, inlined_dts] = outputs;

    let stem = format!("iacrea_{}", module.name);
    let scratch = workspace::state_dir()?.join(format!("{}-glue", module.name));
    let mut output = Bindgen::new()
        .input_bytes(&stem, input)
        .bundler(true)?
        .typescript(true)
        .demangle(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate_output()
        .with_context(|| format!("wasm-bindgen cannot read {}", compiled.display()))?;
    let mut names = Names::default();
    for import in output.wasm_mut().imports.iter_mut() {
        if import.module != format!("./{stem}_bg.js") {
            let (package, name, from) = (module.package, &import.name, &import.module);
            bail!("{package} imports {name} from {from}: only its own glue can be provided");
        }
        import.module = IMPORT_MODULE.to_owned();
        import.name = names.import(&import.name);
    }
    for export in output.wasm_mut().exports.iter_mut() {
        export.name = names.export(&export.name);
    }
    let functions = output.wasm_mut().funcs.iter();
    let paths: Vec<_> = functions
        .filter_map(|function| function.name.as_deref())
        .map(|name| format!("{:#}", rustc_demangle::demangle(name)))
        .collect();
    licences::cover(paths.iter().map(String::as_str))
        .with_context(|| format!("the licences of {}", module.package))?;
    panics::silence(output.wasm_mut());
    output.emit(&scratch)?;
    let read = |file: String| {
        let path = scratch.join(file);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let factory = glue::factory(&read(format!("{stem}_bg.js"))?, &names)
        .with_context(|| format!("the glue of {}", module.package))?;
    let declarations = glue::declarations(&read(format!("{stem}.d.ts"))?)
        .with_context(|| format!("the declarations of {}", module.package))?;
    write_if_changed(&glue_js, factory.as_bytes())?;
    write_if_changed(&glue_dts, declarations.as_bytes())?;

    let mut wasm_opt = tools.tool("wasm-opt");
    wasm_opt.arg(scratch.join(format!("{stem}_bg.wasm")));
    wasm_opt.args(OPTIMISE).arg("--strip-debug");
    wasm_opt.arg("--output").arg(&wasm);
    run_program(&mut wasm_opt, "remove pkg/node_modules, then repeat")?;
    let bytes = fs::read(&wasm).with_context(|| format!("cannot read {}", wasm.display()))?;
    write_if_changed(&inlined_js, inlined(&bytes)?.as_bytes())?;
    write_if_changed(
        &inlined_dts,
        b"/** The module, deflated (zlib), as base64. */\ndeclare const inlined: string;\nexport default inlined;\n",
    )?;
    fs::write(&stamp, fingerprint).with_context(|| format!("cannot write {}", stamp.display()))
}

/// How long a line of what is shipped may be: a terminal shows the whole line in which an error was made.
const LONGEST_LINE: usize = 200;

/// The script that holds a module. Its lines are continued, which a minifier undoes.
fn inlined(bytes: &[u8]) -> Result<String> {
    let text = STANDARD.encode(deflate(bytes)?);
    let mut script = String::from(
        "// Generated by `cargo xtask build`: the module, deflated (zlib), as base64.\nexport default \"\\\n",
    );
    let mut rest = text.as_str();
    while let Some((line, behind)) = rest.split_at_checked(LONGEST_LINE - 1) {
        script.push_str(line);
        script.push_str("\\\n");
        rest = behind;
    }
    script.push_str(rest);
    script.push_str("\";\n");
    Ok(script)
}

/// When this program was compiled. `main` reads it first of all: `cargo test` may replace the file later.
pub(crate) static COMPILED_AT: LazyLock<io::Result<SystemTime>> =
    LazyLock::new(|| env::current_exe()?.metadata()?.modified());

/// Stands for the module that went in, for the tools and for this program: they decide what comes out.
fn fingerprint(input: &[u8]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let lock = workspace::root().join("pkg/package-lock.json");
    fs::read(&lock)
        .with_context(|| format!("cannot read {}", lock.display()))?
        .hash(&mut hasher);
    match &*COMPILED_AT {
        Ok(time) => time.hash(&mut hasher),
        Err(error) => bail!("cannot read this program's own file: {error}"),
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// A twentieth smaller than zlib's best, which is what users download: brotli and gzip undo the
/// base64 around it but find nothing to gain inside.
fn deflate(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut deflated = Vec::new();
    zopfli::compress(
        zopfli::Options::default(),
        zopfli::Format::Zlib,
        bytes,
        &mut deflated,
    )?;
    Ok(deflated)
}

fn bundle(tools: &NodePackage) -> Result<()> {
    let dist = dist();
    // What an earlier build left there would be packed with the rest.
    if dist.is_dir() {
        fs::remove_dir_all(&dist).with_context(|| format!("cannot empty {}", dist.display()))?;
    }
    for file in ["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"] {
        let root = workspace::root();
        fs::copy(root.join(file), root.join("pkg").join(file))
            .with_context(|| format!("cannot copy {file} into pkg"))?;
    }
    for module in [VIDEO, SIMULATOR] {
        let wasm = optimised(&module)?;
        let bytes = fs::read(&wasm).with_context(|| format!("cannot read {}", wasm.display()))?;
        write_if_changed(&dist.join(module.file), &bytes)?;
    }
    let notices = licences::notices()?;
    write_if_changed(&dist.join("THIRD-PARTY-LICENSES.txt"), notices.as_bytes())?;
    let mut modules = esbuild(tools);
    modules.args(ENTRIES.map(|entry| format!("src/{entry}.ts")));
    modules.args([
        "--bundle",
        "--splitting",
        "--chunk-names=shared-[hash]",
        "--format=esm",
        "--platform=neutral",
        "--external:*.wasm",
        "--external:*.wasm?module",
        // What they share with nothing but each other: a chunk would have it in one line.
        "--external:*.inlined.js",
        "--external:cloudflare:workers",
        "--outdir=dist",
    ]);
    run_program(&mut modules, "see its messages above")?;
    for module in [VIDEO, SIMULATOR] {
        let file = format!("{}.inlined.js", module.name);
        let from = generated(&file);
        let script = fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
        write_if_changed(&dist.join("generated").join(&file), &script)?;
    }
    let mut common_js = esbuild(tools);
    common_js.args(common_js_modules()?);
    common_js.args(["--format=cjs", "--platform=node", "--outdir=dist/cjs"]);
    common_js.arg("--inject:src/text.node.ts");
    run_program(&mut common_js, "see its messages above")?;
    write_if_changed(
        &dist.join("cjs/package.json"),
        b"{ \"type\": \"commonjs\" }\n",
    )?;
    break_lines()?;
    let mut tsc = tools.tool("tsc");
    run_program(tsc.args(["--project", "."]), "see its messages above")?;
    let scratch = workspace::state_dir()?.join("declarations");
    let mut declarations = tools.tool("tsc");
    declarations.args(["--project", "tsconfig.types.json", "--outDir"]);
    run_program(declarations.arg(&scratch), "see its messages above")?;
    for name in DECLARATIONS {
        let file = format!("{name}.d.ts");
        let path = scratch.join(&file);
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        write_if_changed(&dist.join(&file), &text)?;
        // The same text, read as CommonJS because of the folder it lies in.
        write_if_changed(&dist.join("cjs").join(&file), &text)?;
    }
    Ok(())
}

/// esbuild breaks a line within an expression only. Where declarations follow each other in one that is too long, each
/// begins a line here. (With all its white space the package would be half as large again.)
fn break_lines() -> Result<()> {
    for script in scripts()? {
        let text = fs::read_to_string(&script)
            .with_context(|| format!("cannot read {}", script.display()))?;
        let lines: Vec<_> = text
            .split('\n')
            .map(|line| {
                // In a template a new line would be one more letter.
                if line.len() <= LONGEST_LINE / 2 || line.contains('`') {
                    return line.to_owned();
                }
                let declarations = [";var ", ";const ", ";function ", ";class "];
                declarations.iter().fold(line.to_owned(), |line, begin| {
                    line.replace(begin, &begin.replace(';', ";\n"))
                })
            })
            .collect();
        write_if_changed(&script, lines.join("\n").as_bytes())?;
    }
    Ok(())
}

/// All scripts of the package.
fn scripts() -> Result<Vec<PathBuf>> {
    let mut scripts = Vec::new();
    for folder in FOLDERS {
        for entry in fs::read_dir(dist().join(folder)).context("cannot list pkg/dist")? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "js") {
                scripts.push(path);
            }
        }
    }
    Ok(scripts)
}

/// What esbuild shall make CommonJS of, as `name=source`: all modules but those that only other hosts or
/// compilers read, and of an entry with a twin for Node that twin alone.
fn common_js_modules() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(workspace::root().join("pkg/src")).context("cannot list pkg/src")? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        if let Some(name) = file
            .strip_suffix(".ts")
            .filter(|name| !name.ends_with(".d"))
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    let elsewhere = |name: &str| {
        name.ends_with(".workerd")
            || name.ends_with(".edge-light")
            || [
                "inlined",
                "text.node",
                "types",
                "wasm",
                "wasm-import",
                "cloudflare",
                "watch-delivery",
                "watch-routes",
                "watch-viewers",
                "watcher",
                "workflow",
            ]
            .contains(&name)
    };
    let mut modules: Vec<_> = names
        .iter()
        .filter(|name| !elsewhere(name) && !names.contains(&format!("{name}.node")))
        .map(|name| match name.as_str() {
            "index.node" | "machine.node" | "simulator.node" => {
                format!("{}=src/{name}.ts", name.trim_end_matches(".node"))
            }
            _ => format!("{name}=src/{name}.ts"),
        })
        .collect();
    for module in [VIDEO, SIMULATOR] {
        let glue = format!("generated/{}.glue", module.name);
        modules.push(format!("{glue}=src/{glue}.js"));
    }
    Ok(modules)
}

fn esbuild(tools: &NodePackage) -> Command {
    let mut esbuild = tools.tool("esbuild");
    esbuild.args([
        "--target=es2022",
        "--minify-whitespace",
        "--minify-identifiers",
        // A line ends with the expression that goes beyond it.
        "--line-limit=50",
        "--legal-comments=none",
        "--log-level=warning",
    ]);
    esbuild
}

/// The page and the package beside it: what any static host can serve.
fn assemble_page() -> Result<()> {
    let page = workspace::root().join("www");
    let out = page.join("dist");
    let package = Path::new("iacrea-video");
    workspace::mirror(&page, &out, &|path| {
        let for_developers = path.ends_with("tsconfig.json") || path.ends_with("README.md");
        let elsewhere = [Path::new("dist"), Path::new("server"), package];
        for_developers || elsewhere.iter().any(|folder| path.starts_with(folder))
    })?;
    workspace::mirror(&dist(), &out.join(package), &|path| path.starts_with("cjs"))
}

fn refuse_machine_paths() -> Result<()> {
    let mut shipped = vec![optimised(&VIDEO)?, optimised(&SIMULATOR)?];
    for folder in FOLDERS {
        for entry in fs::read_dir(dist().join(folder)).context("cannot list pkg/dist")? {
            shipped.push(entry?.path());
        }
    }
    let paths = build_machine_paths()?;
    for file in shipped.iter().filter(|file| file.is_file()) {
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        for (path, _) in &paths {
            let needle = format!("{}{}", path.display(), std::path::MAIN_SEPARATOR);
            if bytes
                .windows(needle.len())
                .any(|window| window == needle.as_bytes())
            {
                bail!(
                    "{} names {}, a folder of this machine: keep it out of the build",
                    file.display(),
                    path.display()
                );
            }
        }
    }
    Ok(())
}
