//! What comes out: one file per format.

mod bound;
mod comparison;
mod csv;
mod curves;
mod detail;
mod events;
mod experiment;
mod explain;
mod fault_map;
mod faults;
mod heatmap;
mod html;
mod inputs;
mod json;
mod junit;
mod landscape;
mod markup;
mod matrix;
mod metrics;
mod perfetto;
mod run;
mod scatter;
mod table;
mod timeline;

pub use bound::{AcceleratorBound, BoundReport, ModelBound, write_bounds};
pub use curves::{CurvePoint, Curves, draw_curves, write_curves};
pub use detail::write_detail;
pub use events::EventLog;
pub use experiment::write_experiment;
pub use explain::{Explain, Explanation, FrameName};
pub use fault_map::fault_map;
pub use faults::write_faults;
pub use heatmap::heatmap;
pub use html::{Chronicle, Origin, comparison_page, run_page};
pub use inputs::{InputFile, Inputs};
pub use junit::{Check, Unit, write_junit};
pub use landscape::{Landscape, write_landscape};
pub use metrics::{Metrics, RunMetrics};
pub use perfetto::PerfettoTrace;
pub use run::{ModelRun, Run, geometric_mean};
pub use scatter::scatter;
use table::{NOTHING, figure, share};
pub use table::{markdown, table};
pub use timeline::Timeline;

use std::io::{self, Write};

use clap::ValueEnum;

/// Format of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs, everything.
    Json,
    /// For spreadsheets.
    Csv,
    /// For documents.
    Markdown,
}

/// Writes the results of runs; as JSON also what they were made of.
pub fn write_runs(runs: &[Run], inputs: &Inputs, format: Format, out: &mut impl Write) -> io::Result<()> {
    match format {
        Format::Table => comparison::write(runs, out),
        Format::Json => json::write(runs, inputs, out),
        Format::Csv => csv::write(runs, out),
        Format::Markdown => comparison::write_markdown(runs, out),
    }
}
