//! `merge`: the shards of a sweep become its result.

use clap::Args;

use super::Failure;
use super::output::Writing;
use crate::input::Source;
use crate::sweep::shard::Shards;

const EXAMPLES: &str = "\
Examples:
  sdrm3-sim merge part1.csv part2.csv part3.csv part4.csv --out whole.csv
  sdrm3-sim merge shards/*.csv --out whole.csv --force

The result is the same, byte for byte, as that of the sweep in one piece.";

/// Options of `merge`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// Files that `sweep --shard I/N` wrote: all N, in any order
    #[arg(value_name = "SHARD", required = true)]
    shards: Vec<String>,
    /// The result
    #[arg(long, value_name = "FILE")]
    out: String,
    #[command(flatten)]
    writing: Writing,
}

/// Puts shards together; what was done goes to standard error.
pub(super) fn merge(options: &Options) -> Result<(), Failure> {
    let shards = Shards::check(options.shards.iter().map(|path| Source::read(path)))?;
    let mut file = options.writing.file("--out", &options.out)?;
    shards.write(&mut file).map_err(|error| file.fails(&error))?;
    file.finish()?;
    eprintln!("{} cells of {} shards: {}", shards.cells(), options.shards.len(), options.out);
    Ok(())
}
