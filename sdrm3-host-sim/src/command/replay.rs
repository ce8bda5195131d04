//! `replay`: a recorded run again, every answer compared.

use std::io::Write;

use bumpalo::Bump;
use clap::Args;
use sdrm3_core::Weights;
use sdrm3_hal::trace::{Ending, Mismatch, Trace};

use super::Failure;
use crate::input::{InputError, read_bytes};
use crate::network::Library;
use crate::policy::{Method, Parameters, Part, PolicyName};
use crate::replay::Origin;
use crate::scenario::{CostTable, Platform, Scenario, build};

const EXAMPLES: &str = "\
Examples:
  sdrm3-sim run --scenario vr_gaming --record run.trace && sdrm3-sim replay run.trace
  sdrm3-sim replay device.trace --scenario mine.toml --platform board.toml --costs measured.csv
  sdrm3-sim replay device.trace --torn                               # the device lost power while it wrote";

/// Options of `replay`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// Trace of `run --record`, or of a device
    #[arg(value_name = "FILE.trace")]
    trace: String,
    /// Scenario, built in or a file [default: the trace's]
    #[arg(long, value_name = "NAME|FILE.toml")]
    scenario: Option<String>,
    /// Platform, built in or a file [default: the trace's]
    #[arg(long, value_name = "NAME|FILE.toml")]
    platform: Option<String>,
    /// Policy [default: the trace's]
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// Measured costs [default: the trace's]
    #[arg(long, value_name = "FILE.csv")]
    costs: Option<String>,
    /// Layer table of networks beside the built-in ones [default: the trace's]
    #[arg(long, value_name = "FILE.csv")]
    networks: Vec<String>,
    /// Accept a trace that was not brought to its end: a device's, cut off by a reset
    #[arg(long)]
    torn: bool,
}

/// Replays, and writes what it came to.
pub(super) fn replay(options: &Options, text: &mut impl Write) -> Result<(), Failure> {
    let path = options.trace.as_str();
    let bytes = read_bytes(path)?;
    let trace = Trace::parse(&bytes).map_err(|error| {
        InputError::new(path, error.to_string(), "give a file of `run --record` or of a device")
    })?;
    let known = Origin::parse(path, trace.header().text)?;
    let given = |option: &Option<String>, known: Option<String>| option.clone().or(known);
    let scenario = given(&options.scenario, known.scenario).ok_or_else(|| {
        InputError::new(path, "the trace does not say of which scenario it is", "give --scenario")
    })?;
    let platform = given(&options.platform, known.platform).unwrap_or_else(|| Platform::DEFAULT.into());
    let policy = given(&options.policy, known.policy).unwrap_or_else(|| PolicyName::Sdrm3.name().into());
    let costs = given(&options.costs, known.costs);
    let networks = if options.networks.is_empty() { known.networks } else { options.networks.clone() };

    let memory = Bump::new();
    let library = Library::load(networks.iter().map(String::as_str))?;
    let costs = costs.as_deref().map(CostTable::load).transpose()?;
    let loaded = (Scenario::load(&scenario)?, Platform::load(&platform)?);
    costs.as_ref().map_or(Ok(()), |costs| costs.check_used([&loaded.0]))?;
    let workload = build(&loaded.0, &loaded.1, &library, costs.as_ref(), &memory)?;
    let without: Vec<Part> = known.without.iter().map(|name| Part::find(name)).collect::<Result<_, _>>()?;
    let parameters = Parameters::parse(known.param.iter().map(String::as_str))?;
    let method = Method::find(&policy, &without, parameters)?;
    let replayed = method.replay(&workload, &trace).map_err(|error| {
        let remedy = match error {
            Mismatch::Workload { .. } => "name its scenario, platform, costs and networks",
            Mismatch::Jobs { .. } => "traces with room for 4, 8, 16, 32, 64, 128 or 256 jobs are replayed",
            _ => "name its policy",
        };
        let what = match error {
            Mismatch::Weights { recorded, here } => {
                format!("the trace was recorded with {}, this policy has {}", words(recorded), words(here))
            }
            other => other.to_string(),
        };
        InputError::new(path, what, remedy)
    })?;

    let (records, decisions) = (replayed.records, replayed.decisions);
    if replayed.difference.is_none() {
        let ends = replayed.ending.to_string();
        let so_far = format!("{ends}; before it {decisions} decisions are identical");
        match replayed.ending {
            Ending::Whole => {}
            Ending::Torn { .. } if options.torn => {}
            Ending::Torn { .. } => {
                let remedy = "record it to its end, or accept the loss with --torn";
                return Err(InputError::new(path, so_far, remedy).into());
            }
            _ => return Err(InputError::new(path, so_far, "record it again").into()),
        }
    }
    writeln!(text, "scenario {scenario}\nplatform {platform}\npolicy {policy}")?;
    writeln!(text, "tables {:016x}", workload.checksum())?;
    writeln!(text, "records {records}\ndecisions {decisions}\nbytes {}", replayed.bytes)?;
    writeln!(text, "hash {:016x}", replayed.hash)?;
    if let Some(difference) = replayed.difference {
        writeln!(text, "verdict different\n{difference}")?;
        return Err(Failure::Differs);
    }
    let torn = if replayed.ending == Ending::Whole { "" } else { ", torn" };
    Ok(writeln!(text, "verdict identical{torn}")?)
}

fn words(weights: Option<Weights>) -> String {
    weights.map_or("no weights".into(), |Weights { alpha, beta }| {
        format!("weights of {} and {}", alpha.as_f64(), beta.as_f64())
    })
}
