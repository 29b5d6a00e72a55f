//! `cargo xtask demo`: builds, then starts the server of www/server, which serves the demo page and
//! everything it needs from one address on this machine.

use std::env;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::node::NodePackage;
use crate::process::KEY;
use crate::{build, workspace};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Port on 127.0.0.1; 0 picks a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Serve the page alone, as any static host would: its simulator runs in the page
    #[arg(long = "static")]
    page_alone: bool,
    /// Let the Worker of examples/cloudflare-worker serve the page and watch its videos, on workerd
    #[arg(long, conflicts_with = "page_alone")]
    edge: bool,
    /// Where --edge keeps what it watches; a folder in target/ by default
    #[arg(long, value_name = "DIR", requires = "edge")]
    storage: Option<PathBuf>,
    /// Serve what the last build left
    #[arg(long, hide = true)]
    no_build: bool,
}

/// Builds and serves until SIGINT or SIGTERM.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    // What is in use is reported before the build and not after it.
    if let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, arguments.port)) {
        let port = arguments.port;
        match error.kind() {
            ErrorKind::AddrInUse => bail!(
                "port {port} is in use: stop what uses it, or repeat with `--port 0` for a free one"
            ),
            _ => bail!("cannot listen on port {port} ({error}): repeat with another `--port`"),
        }
    }
    let mut server = Command::new("node");
    server
        .arg(workspace::root().join("www/server/demo.mjs"))
        .args(["--port", &arguments.port.to_string()]);
    if arguments.page_alone {
        server.arg("--static");
    }
    if arguments.edge {
        let folder = match &arguments.storage {
            Some(folder) => folder.clone(),
            None => default_storage()?,
        };
        server.args(["--edge", "--storage"]).arg(&folder);
        // As its input, and so the Worker's: the lock holds until the last of both has ended, however that is.
        server.stdin(Stdio::from(lock(&folder)?));
    }
    if !arguments.no_build {
        build::all()?;
    }
    if arguments.edge {
        NodePackage::install("tests")?;
    }
    become_it(&mut server)
}

/// What is real and what is simulated are kept apart: neither service knows the other's videos.
fn default_storage() -> Result<PathBuf> {
    let is_real = env::var(KEY).is_ok_and(|key| !key.trim().is_empty());
    let name = if is_real { "real" } else { "simulated" };
    Ok(workspace::state_dir()?.join("edge").join(name))
}

/// One storage serves one Worker.
fn lock(folder: &Path) -> Result<File> {
    let cannot = || format!("cannot keep videos in {}", folder.display());
    fs::create_dir_all(folder).with_context(cannot)?;
    let lock = File::create(folder.join("lock")).with_context(cannot)?;
    if lock.try_lock().is_err() {
        bail!(
            "another demo keeps its videos in {}: stop it, or name another folder with `--storage`",
            folder.display()
        );
    }
    Ok(lock)
}

/// The server takes this program's place, with its signals and its output.
#[cfg(unix)]
fn become_it(server: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt as _;
    Err(server.exec()).context("cannot start node")
}

#[cfg(not(unix))]
fn become_it(server: &mut Command) -> Result<()> {
    let status = server.status().context("cannot start node")?;
    anyhow::ensure!(status.success(), "the server ended: see its messages above");
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_storage_serves_one_worker() {
        let folder = env::temp_dir().join(format!("iacrea-storage-{}", std::process::id()));
        let first = lock(&folder).unwrap();
        let refusal = lock(&folder).err().unwrap();
        assert!(refusal.to_string().contains("`--storage`"), "{refusal}");
        drop(first);
        assert!(lock(&folder).is_ok());
        fs::remove_dir_all(folder).unwrap();
    }
}
