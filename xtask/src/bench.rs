//! `cargo xtask bench`: what is measured, printed, and written and drawn into the documentation.

mod charts;
mod field;
mod pace;
mod report;

use anyhow::Result;
use plotters::style::RGBColor;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    field: field::Arguments,
}

#[derive(clap::Subcommand)]
enum What {
    /// Pauses between questions, ours and others', on a model of ten thousand videos: docs/pace.md
    Pace(pace::Arguments),
}

/// Without a subcommand the package is measured beside other clients.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.what {
        Some(What::Pace(arguments)) => pace::run(arguments),
        None => field::run(&arguments.field),
    }
}

/// Grey, blue and ochre that can be read on white and on black.
const INK: RGBColor = RGBColor(125, 133, 144);
const BLUE_INK: RGBColor = RGBColor(47, 129, 247);
const OCHRE: RGBColor = RGBColor(191, 135, 0);
