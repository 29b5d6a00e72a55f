//! The project's own commands: `cargo xtask build`, `cargo xtask test` and `cargo xtask demo`.
//! Each sets up what it needs on a bare machine and says so. Whatever goes wrong ends in one line
//! that names the cure; nothing here may need a tool that no line tells the user to install.

mod apt;
mod build;
mod glue;
mod node;
mod process;
mod target;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Build, test and show iacrea-video.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the npm package into pkg/dist and the demo page into www/dist
    Build,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Task::Build => build::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
