//! The project's own commands: `cargo xtask build`, `cargo xtask test` and `cargo xtask demo`; and for
//! those who change the core `cargo xtask soak`, `cargo xtask coverage`, `cargo xtask mutants`,
//! `cargo xtask traps` and `cargo xtask sizes`.
//! Each sets up what it needs on a bare machine and says so. Whatever goes wrong ends in one line
//! that names the cure; nothing here may need a tool that no line tells the user to install.

mod apt;
mod bench;
mod browser;
mod budget;
mod build;
mod coverage;
mod demo;
mod glue;
mod licences;
mod mutants;
mod node;
mod panics;
mod process;
mod sizes;
mod soak;
mod supply;
mod target;
mod test;
mod tool;
mod traps;
mod workspace;

use std::process::ExitCode;
use std::sync::LazyLock;

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
    Build(build::Arguments),
    /// Run every check and every test
    Test(test::Arguments),
    /// Build, then serve the demo page on this machine
    Demo(demo::Arguments),
    /// Measure, print and draw
    Bench(bench::Arguments),
    /// List where the shipped module could trap, and why none of it happens
    Traps,
    /// List where the bytes of the shipped module are
    Sizes(sizes::Arguments),
    /// Run the random tests of the core for longer, each time with other seeds
    Soak(soak::Arguments),
    /// Measure which lines of the core the native tests run
    Coverage,
    /// Break the core in every way that cargo-mutants knows, and expect a test to notice
    Mutants(mutants::Arguments),
}

fn main() -> ExitCode {
    LazyLock::force(&build::COMPILED_AT);
    let outcome = match Cli::parse().command {
        Task::Build(arguments) => build::run(&arguments),
        Task::Test(arguments) => test::run(&arguments),
        Task::Demo(arguments) => demo::run(&arguments),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Traps => build::all().and_then(|toolchain| traps::check(&toolchain)),
        Task::Sizes(arguments) => sizes::run(&arguments),
        Task::Soak(arguments) => soak::run(&arguments),
        Task::Coverage => coverage::run(),
        Task::Mutants(arguments) => mutants::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
