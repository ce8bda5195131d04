//! What comes out: one file per format.

mod comparison;
mod csv;
mod detail;
mod events;
mod json;
mod landscape;
mod run;
mod scatter;
mod table;
mod timeline;

pub use detail::write_detail;
pub use events::EventLog;
pub use landscape::{Landscape, write_landscape};
pub use run::{ModelRun, Run, geometric_mean};
pub use scatter::scatter;
pub use table::table;
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
    /// For spreadsheets, one row per run and model.
    Csv,
}

/// Writes the results of runs.
pub fn write_runs(runs: &[Run], format: Format, out: &mut impl Write) -> io::Result<()> {
    match format {
        Format::Table => comparison::write(runs, out),
        Format::Json => json::write(runs, out),
        Format::Csv => csv::write(runs, out),
    }
}
