//! System packages on Debian and its kin, the one thing here that touches the machine outside the
//! repository. It says so before it does it, and asks for root only through sudo.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::process::{find_on_path, run};

/// Whether `apt-get` is here at all.
pub(crate) fn is_available() -> bool {
    find_on_path("apt-get").is_some()
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Installs `packages`; `purpose` says what for.
pub(crate) fn install(packages: &[&str], purpose: &str) -> Result<()> {
    let list = packages.join(" ");
    eprintln!("Installing system packages for {purpose} (this needs root): {list}");
    let by_hand =
        format!("run `apt-get install --no-install-recommends {list}` as root, then repeat");
    let elevate = if is_root() {
        None
    } else if let Some(sudo) = find_on_path("sudo") {
        Some(sudo)
    } else {
        bail!("no right to install system packages for {purpose}: {by_hand}");
    };
    // The lists of a fresh image are empty or old; with them the packages may not be found.
    apt_get(elevate.as_deref(), &["update", "-qq"], &by_hand)?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend_from_slice(packages);
    apt_get(elevate.as_deref(), &arguments, &by_hand)
}

fn apt_get(elevate: Option<&Path>, arguments: &[&str], by_hand: &str) -> Result<()> {
    let mut command = match elevate {
        Some(sudo) => {
            let mut command = Command::new(sudo);
            command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
            command
        }
        None => {
            let mut command = Command::new("apt-get");
            command.env("DEBIAN_FRONTEND", "noninteractive");
            command
        }
    };
    // Its chatter goes to stderr: stdout is for what a command promises to print.
    command
        .args(["-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=120"])
        .args(arguments)
        .stdout(std::io::stderr());
    run(&mut command, by_hand)
}
