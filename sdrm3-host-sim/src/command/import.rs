//! `import`: files of other programs become files of ours.

mod files;
mod maestro;
mod models;

use std::io::Write;

use clap::{Args, Subcommand};

use super::Failure;

/// Options of `import`.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_help = models::EXAMPLES)]
pub(super) struct Options {
    #[command(subcommand)]
    from: Option<From>,
    #[command(flatten)]
    models: models::Options,
}

#[derive(Clone, Debug, Subcommand)]
enum From {
    /// Usage scenarios, networks, hardware and dataflows of MAESTRO and XRBench
    Maestro(maestro::Options),
}

/// Imports, and says what was written and what was not mapped.
pub(super) fn import(options: &Options, text: &mut impl Write) -> Result<(), Failure> {
    match &options.from {
        Some(From::Maestro(options)) => maestro::import(options, text),
        None => models::import(&options.models, text),
    }
}
