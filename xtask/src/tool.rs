//! Cargo commands of others that some of ours need: compiled once, in one version, into the target
//! folder. Nothing is looked for elsewhere, so that what runs here runs everywhere.

use std::env::consts::EXE_SUFFIX;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::process::{cargo, output, run};
use crate::workspace;

/// A program of crates.io.
pub(crate) struct Tool {
    /// Crate and program.
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// What asks it for its version; the answer is its name and that.
    pub(crate) ask: &'static [&'static str],
    /// More for `cargo install`.
    pub(crate) options: &'static [&'static str],
}

impl Tool {
    /// Where it is; compiles it if it is not there yet, or of another version.
    pub(crate) fn path(&self) -> Result<PathBuf> {
        let Self { name, version, .. } = self;
        let root = workspace::state_dir()?.join("tools");
        let program = root.join("bin").join(format!("{name}{EXE_SUFFIX}"));
        let told = || output(Command::new(&program).args(self.ask));
        if !told().is_ok_and(|told| told == format!("{name} {version}")) {
            eprintln!("Compiling {name} {version}, once; this takes some minutes");
            let mut install = cargo("install");
            install
                .args([name, "--version", version, "--locked", "--quiet", "--force"])
                .args(self.options)
                .arg("--root")
                .arg(&root);
            run(&mut install, "check the network, then repeat")?;
        }
        Ok(program)
    }
}
