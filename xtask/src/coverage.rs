//! `cargo xtask coverage`: which lines of the core the native tests run. Every one has to be, or else
//! this fails and names those that are not.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::process::{find_on_path, forget_outer_cargo, output, run as run_program};
use crate::tool::Tool;
use crate::{apt, workspace};

const TOOL: Tool = Tool {
    name: "cargo-llvm-cov",
    version: "0.9.1",
    ask: &["llvm-cov", "--version"],
    options: &[],
};
/// Everything but src/core: what is beside it is measured along, but no promise of this command.
const ELSEWHERE: &str = "/(tests|benches|simulator|examples|xtask)/";

/// Measures, prints the table, fails below all lines.
pub(crate) fn run() -> Result<()> {
    let llvm = Llvm::find()?;
    let mut measure = Command::new(TOOL.path()?);
    measure
        .args(["llvm-cov", "test", "--no-cfg-coverage"])
        .args([
            "--package",
            "iacrea-video",
            "--package",
            "iacrea-video-tests",
        ])
        .args(["--lib", "--test", "native"])
        .args(["--ignore-filename-regex", ELSEWHERE])
        .args(["--show-missing-lines", "--fail-uncovered-lines", "0"])
        .current_dir(workspace::root())
        .env("LLVM_COV", llvm.cov)
        .env("LLVM_PROFDATA", llvm.profdata)
        // Which lines run does not depend on how often.
        .env("QUICK_TESTS", "1");
    forget_outer_cargo(&mut measure);
    run_program(&mut measure, "each line named above needs a test")
}

/// The readers of what rustc's own LLVM writes: another version's do not understand it.
struct Llvm {
    cov: PathBuf,
    profdata: PathBuf,
}

impl Llvm {
    fn find() -> Result<Self> {
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
        let told = output(Command::new(&rustc).arg("-vV"))?;
        let field = |name| told.lines().find_map(|line| line.strip_prefix(name));
        let host = field("host: ").context("rustc names no host")?;
        let version = field("LLVM version: ").context("rustc names no LLVM")?;
        let major = version.split('.').next().unwrap_or(version);
        let sysroot = PathBuf::from(output(Command::new(rustc).args(["--print", "sysroot"]))?);
        let rustup = sysroot.join("lib/rustlib").join(host).join("bin");
        let debian = PathBuf::from(format!("/usr/lib/llvm-{major}/bin"));
        for folder in [&rustup, &debian] {
            if let Some(llvm) = Self::within(folder) {
                return Ok(llvm);
            }
        }
        if apt::is_available() {
            let package = format!("llvm-{major}");
            apt::install(&[&package], "reading the coverage that rustc writes")?;
        } else if find_on_path("rustup").is_some() {
            let mut add = Command::new("rustup");
            add.args(["component", "add", "llvm-tools"]);
            run_program(
                add.stdout(Stdio::inherit()),
                "it comes from rustup's server",
            )?;
        }
        [rustup, debian]
            .iter()
            .find_map(|folder| Self::within(folder))
            .with_context(|| {
                format!("no llvm-cov {major}: run `rustup component add llvm-tools`, then repeat")
            })
    }

    fn within(folder: &std::path::Path) -> Option<Self> {
        let [cov, profdata] = ["llvm-cov", "llvm-profdata"].map(|name| folder.join(name));
        (cov.is_file() && profdata.is_file()).then_some(Self { cov, profdata })
    }
}
