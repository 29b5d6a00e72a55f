//! `cargo xtask demo`: builds, then starts the server of www/server, which serves the demo page and
//! everything it needs from one address on this machine.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::node::NodePackage;
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
    let mut server = server(arguments);
    // A port that is in use is reported before the build and not after it.
    if let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, arguments.port)) {
        bail!(
            "cannot listen on port {} ({error}): stop what uses it, or repeat with `--port 0` for a free one",
            arguments.port
        );
    }
    if !arguments.no_build {
        build::all()?;
    }
    NodePackage::install("www")?;
    if arguments.edge {
        NodePackage::install("tests")?;
    }
    become_it(&mut server)
}

fn server(arguments: &Arguments) -> Command {
    let mut server = Command::new("node");
    server
        .arg(workspace::root().join("www/server/demo.mjs"))
        .args(["--port", &arguments.port.to_string()]);
    if arguments.page_alone {
        server.arg("--static");
    }
    if arguments.edge {
        server.arg("--edge");
    }
    if let Some(folder) = &arguments.storage {
        server.arg("--storage").arg(folder);
    }
    server
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
