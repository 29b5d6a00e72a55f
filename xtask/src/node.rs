//! Node and npm: that Node is new enough, and that each folder's pinned tools are installed from
//! its lock file. Nothing is installed globally, and no package's install script is run.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{find_on_path, output, run};
use crate::workspace;

const OLDEST: u32 = 20;
const CURE: &str = "install it from https://nodejs.org";

/// Fails unless Node is here and new enough; tells its version.
pub(crate) fn require() -> Result<(u32, u32)> {
    let Ok(version) = output(Command::new("node").arg("--version")) else {
        bail!("Node {OLDEST} or newer is needed, found none: {CURE}");
    };
    let mut numbers = version.trim_start_matches('v').split('.').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if major >= OLDEST => Ok((major, minor)),
        _ => bail!("Node {OLDEST} or newer is needed, found {version}: {CURE}"),
    }
}

/// A folder of the repository with a package.json and its lock file.
pub(crate) struct NodePackage {
    dir: PathBuf,
}

impl NodePackage {
    /// The folder `name`, its tools installed if they are missing or older than the lock file.
    pub(crate) fn install(name: &str) -> Result<NodePackage> {
        require()?;
        let dir = workspace::root().join(name);
        if !is_current(&dir) {
            eprintln!("Installing the npm packages of {name}/");
            // Some systems have npm in a package of its own.
            if find_on_path(npm()).is_none() {
                bail!("npm is needed too, found none: {CURE}, or as your system's package");
            }
            let mut npm = Command::new(npm());
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
                .current_dir(&dir);
            npm.stdout(std::io::stderr());
            run(&mut npm, "check the network, then repeat")?;
        }
        Ok(NodePackage { dir })
    }

    /// A tool of this package, to be run in its folder.
    pub(crate) fn tool(&self, name: &str) -> Command {
        let file = if cfg!(windows) {
            format!("{name}.cmd")
        } else {
            name.to_owned()
        };
        let mut command = Command::new(self.dir.join("node_modules/.bin").join(file));
        command.current_dir(&self.dir);
        command
    }
}

/// Runs a short script in Node and returns what it printed.
pub(crate) fn evaluate(script: &str, arguments: &[PathBuf]) -> Result<String> {
    let mut node = Command::new("node");
    node.args(["--input-type=module", "--eval", script, "--"])
        .args(arguments);
    output(&mut node)
}

fn npm() -> &'static str {
    if cfg!(windows) { "npm.cmd" } else { "npm" }
}

/// npm keeps its own copy of the lock file beside what it installed, written last.
fn is_current(dir: &Path) -> bool {
    let modified = |path: PathBuf| {
        path.metadata()
            .and_then(|meta| meta.modified())
            .context("no such file")
            .ok()
    };
    match (
        modified(dir.join("package-lock.json")),
        modified(dir.join("node_modules/.package-lock.json")),
    ) {
        (Some(lock), Some(installed)) => installed >= lock,
        _ => false,
    }
}
