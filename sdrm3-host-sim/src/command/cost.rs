//! `cost`: the built-in cost model, held against a reference or applied to a table of layers.

use std::io::Write;
use std::path::Path;

use clap::{ArgGroup, Args, ValueEnum};
use serde::Serialize;

use super::Failure;
use super::output::{Writing, undrawn};
use crate::cost::check::{self, Agreement, Report};
use crate::cost::{Array, Dataflow, UnknownDataflow, shapes};
use crate::input::Source;
use crate::report::{scatter, table};

const EXAMPLES: &str = "\
Examples:
  sdrm3-sim cost --layers networks.csv --dataflow ws --pes 2048 --noc-bw 128
  sdrm3-sim cost --check reference.csv --picture agreement.svg";

/// Options of `cost`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES, group(ArgGroup::new("what").args(["check", "layers"]).required(true)))]
pub(super) struct Options {
    /// Compare with reference costs: error and rank correlation of each dataflow
    /// (model,layer,name,k,c,y,x,r,s,dataflow,pes,noc_bw_per_cycle,latency_cycles,energy_nj)
    #[arg(long, value_name = "FILE.csv", conflicts_with = "layers")]
    check: Option<String>,
    /// Format of the comparison on standard output
    #[arg(long, value_enum, default_value_t, conflicts_with = "layers")]
    format: Format,
    /// Also draw the comparison, a dot for each layer
    #[arg(long, value_name = "FILE.svg", conflicts_with = "layers")]
    picture: Option<String>,
    #[command(flatten)]
    writing: Writing,
    /// Print this table with two more columns, latency_cycles and energy_nj
    /// (k,c,y,x,r,s, and stride and groups if they are not 1; all other columns stay)
    #[arg(long, value_name = "FILE.csv", requires_all = ["dataflow", "pes", "noc_bw"])]
    layers: Option<String>,
    /// How the array maps the loops of a layer: ws, os or rs
    #[arg(long, value_name = "NAME", requires = "layers", value_parser = dataflow)]
    dataflow: Option<Dataflow>,
    /// Processing elements of the array
    #[arg(long, value_name = "N", requires = "layers", value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    #[arg(allow_negative_numbers = true)]
    pes: Option<u32>,
    /// Bandwidth of its network-on-chip, in bytes per cycle
    #[arg(long, value_name = "N", requires = "layers", value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    #[arg(allow_negative_numbers = true)]
    noc_bw: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Table,
    /// For programs; errors are fractions
    Json,
}

fn dataflow(name: &str) -> Result<Dataflow, UnknownDataflow> {
    name.parse()
}

/// Compares or costs, to `text`.
pub(super) fn cost(options: &Options, text: &mut impl Write) -> Result<(), Failure> {
    let array = match (options.dataflow, options.pes, options.noc_bw) {
        (Some(dataflow), Some(pes), Some(noc_bytes_per_cycle)) => {
            Some(Array { dataflow, pes, noc_bytes_per_cycle })
        }
        _ => None,
    };
    if let (Some(path), Some(array)) = (&options.layers, array) {
        return Ok(text.write_all(&shapes::with_costs(&Source::read(path)?, &array)?)?);
    }
    let path = options.check.as_deref().unwrap_or_default();
    let picture = options.writing.optional("--picture", options.picture.as_deref())?;
    let rows = check::parse(&Source::read(path)?)?;
    let reports = check::check(&rows);
    if let Some(mut output) = picture {
        let file = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
        let title = format!("Built-in cost model against {file}: {} layers on arrays", rows.len());
        let svg = scatter(&rows, &title).map_err(undrawn("--picture"))?;
        output.write(svg.as_bytes())?;
        output.finish()?;
    }
    match options.format {
        Format::Table => write_table(&reports, text),
        Format::Json => write_json(&reports, text),
    }
}

fn write_table(reports: &[Report], text: &mut impl Write) -> Result<(), Failure> {
    let row = |report: &Report, what: &str, agreement: &Agreement| {
        let percent = |fraction: f64| format!("{:.4}", 100.0 * fraction);
        vec![
            report.dataflow.to_string(),
            report.rows.to_string(),
            what.to_string(),
            percent(agreement.median_error),
            percent(agreement.p90_error),
            format!("{:.6}", agreement.rank_correlation),
        ]
    };
    let rows = reports
        .iter()
        .flat_map(|report| [row(report, "latency", &report.latency), row(report, "energy", &report.energy)]);
    let header = ["dataflow", "rows", "of", "median error %", "p90 error %", "rank correlation"];
    Ok(writeln!(text, "{}", table(&header, rows))?)
}

/// Of the dataflows that occur.
fn write_json(reports: &[Report], text: &mut impl Write) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Document {
        #[serde(skip_serializing_if = "Option::is_none")]
        ws: Option<Entry>,
        #[serde(skip_serializing_if = "Option::is_none")]
        os: Option<Entry>,
        #[serde(skip_serializing_if = "Option::is_none")]
        rs: Option<Entry>,
    }
    #[derive(Serialize)]
    struct Entry {
        latency: Agreement,
        energy: Agreement,
    }
    let of = |dataflow| {
        let report = reports.iter().find(|report| report.dataflow == dataflow)?;
        Some(Entry { latency: report.latency, energy: report.energy })
    };
    let document = Document {
        ws: of(Dataflow::WeightStationary),
        os: of(Dataflow::OutputStationary),
        rs: of(Dataflow::RowStationary),
    };
    let json = serde_json::to_string(&document).map_err(std::io::Error::from)?;
    Ok(writeln!(text, "{json}")?)
}
