//! `codegen`: the tables of a scenario on a platform as source code.

use std::io::Write;

use bumpalo::Bump;
use clap::Args;

use super::Failure;
use super::cells::DEFAULT_PLATFORM;
use super::output::Writing;
use crate::codegen::rust;
use crate::network::Library;
use crate::replay::Origin;
use crate::scenario::{CostTable, Platform, Scenario, build};

/// Options of `codegen`.
#[derive(Args, Clone, Debug)]
pub(super) struct Options {
    /// Scenario, built in or a file
    #[arg(long, value_name = "NAME|FILE.toml")]
    scenario: String,
    /// Platform, built in or a file
    #[arg(long, value_name = "NAME|FILE.toml", default_value = DEFAULT_PLATFORM)]
    platform: String,
    /// Measured costs that replace the built-in cost model for the networks they name
    #[arg(long, value_name = "FILE.csv")]
    costs: Option<String>,
    /// Layer table of networks beside the built-in ones; repeat for several
    #[arg(long, value_name = "FILE.csv")]
    networks: Vec<String>,
    /// Write the code there instead of to standard output
    #[arg(long, value_name = "FILE.rs")]
    out: Option<String>,
    #[command(flatten)]
    writing: Writing,
}

/// Writes the code; how large the tables are goes to standard error.
pub(super) fn codegen(options: &Options, text: &mut impl Write) -> Result<(), Failure> {
    let (scenario, platform) = (Scenario::load(&options.scenario)?, Platform::load(&options.platform)?);
    let out = options.writing.optional("--out", options.out.as_deref())?;
    let library = Library::load(options.networks.iter().map(String::as_str))?;
    let costs = options.costs.as_deref().map(CostTable::load).transpose()?;
    let memory = Bump::new();
    let workload = build(&scenario, &platform, &library, costs.as_ref(), &memory)?;
    let origin = Origin {
        scenario: Some(options.scenario.clone()),
        platform: Some(options.platform.clone()),
        costs: options.costs.clone(),
        networks: options.networks.clone(),
        ..Origin::default()
    };
    let tables = rust::tables(&workload, &origin);
    match out {
        Some(mut file) => {
            file.write(tables.code.as_bytes())?;
            file.finish()?;
        }
        None => text.write_all(tables.code.as_bytes())?,
    }
    let (segments, bytes, checksum) = (tables.segments, tables.bytes, workload.checksum());
    eprintln!("{segments} segments in {bytes} bytes of flash, checksum {checksum:016x}");
    Ok(())
}
