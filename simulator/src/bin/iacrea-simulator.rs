//! The pretend server as a program: prints its address alone on a line, then serves until it is stopped.
//! It listens on the loopback interface only.

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::process::ExitCode;

use iacrea_simulator::http::{Config, serve};
use tokio::net::TcpListener;

const USAGE: &str = "usage: iacrea-simulator [--port N] [--media DIR]\n\
    --port N     the port on 127.0.0.1 (default 0: any free one)\n\
    --media DIR  the folder served under /media";

fn main() -> ExitCode {
    match arguments().and_then(|(port, config)| run(port, config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> io::Result<(u16, Config)> {
    let usage = || io::Error::new(io::ErrorKind::InvalidInput, USAGE);
    let mut port = 0;
    let mut config = Config::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or_else(usage)?;
        match argument.as_str() {
            "--port" => port = value.parse().map_err(|_| usage())?,
            "--media" => config.media = Some(value.into()),
            _ => return Err(usage()),
        }
    }
    Ok((port, config))
}

fn run(port: u16, config: Config) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let mut out = io::stdout();
        writeln!(out, "http://{}", listener.local_addr()?)?;
        out.flush()?;
        serve(listener, config).await
    })
}
