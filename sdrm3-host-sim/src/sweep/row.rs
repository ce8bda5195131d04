//! One cell: from its values to its row.

use bumpalo::Bump;
use sdrm3_core::{Duration, Workload};
use serde::Serialize;

use super::Key;
use crate::engine::Cell;
use crate::input::InputError;
use crate::network::Library;
use crate::policy::{Method, Parameters, Part};
use crate::report::Run;
use crate::scenario::{ACCELERATORS, CostTable, Platform, Scenario, build};

/// Format of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum RowFormat {
    /// For spreadsheets: one line per cell, with the figures of the run.
    #[default]
    Csv,
    /// For programs: one JSON object per line and cell, with the figures of each model.
    Jsonl,
}

impl RowFormat {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }

    /// The format of that name.
    pub fn find(name: &str) -> Option<Self> {
        [Self::Csv, Self::Jsonl].into_iter().find(|format| format.name() == name)
    }

    /// The line before the first row, with its end and with a column for each of these optional parameters; empty if
    /// there is none.
    pub fn head(self, optional: &[Key]) -> String {
        match self {
            Self::Csv => {
                let columns = Key::ALL.into_iter().filter(|key| !key.is_optional() || optional.contains(key));
                let keys = columns.map(Key::name).collect::<Vec<_>>().join(",");
                format!("cell,{keys},{}\n", FIGURES.join(","))
            }
            Self::Jsonl => String::new(),
        }
    }
}

/// What a cell runs.
#[derive(Clone, Debug)]
pub struct Setting {
    scenario: String,
    platform: String,
    fps_scale: f64,
    latency_bias: Option<f64>,
    latency_noise: Option<f64>,
    method: Method,
    duration_ms: u32,
    seed: u64,
}

impl Setting {
    /// From the values of a cell, each checked before.
    pub fn parse(values: &[(Key, String)]) -> Result<Self, InputError> {
        let given =
            |key: Key| values.iter().find(|(other, _)| *other == key).map(|(_, value)| value.as_str());
        let value = |key: Key| given(key).unwrap_or_default();
        let fail = |key: Key| {
            let what = format!("`{}` is no {}", value(key), key.name());
            InputError::new("--grid", what, format!("give {}", key.values()))
        };
        let share = |key: Key| given(key).map(|text| text.parse().map_err(|_| fail(key))).transpose();
        let named: Vec<String> = [Key::Alpha, Key::Beta, Key::WindowMs, Key::Comfort]
            .into_iter()
            .filter_map(|key| Some(format!("{}={}", key.name(), given(key)?)))
            .collect();
        let parts = value(Key::Without).split('+').filter(|&part| part != "none");
        let without = parts.map(Part::find).collect::<Result<Vec<_>, _>>()?;
        let parameters = Parameters::parse(named.iter().map(String::as_str))?;
        Ok(Self {
            scenario: value(Key::Scenario).into(),
            platform: value(Key::Platform).into(),
            fps_scale: value(Key::FpsScale).parse().map_err(|_| fail(Key::FpsScale))?,
            latency_bias: share(Key::LatencyBias)?,
            latency_noise: share(Key::LatencyNoise)?,
            method: Method::find(value(Key::Policy), &without, parameters)?,
            duration_ms: value(Key::DurationMs).parse().map_err(|_| fail(Key::DurationMs))?,
            seed: value(Key::Seed).parse().map_err(|_| fail(Key::Seed))?,
        })
    }

    /// Whether another runs on the same tables.
    pub fn shares_tables(&self, other: &Self) -> bool {
        let of = |setting: &Self| (setting.fps_scale, setting.latency_bias, setting.latency_noise);
        (&self.scenario, &self.platform, of(self)) == (&other.scenario, &other.platform, of(other))
    }

    /// The tables that it runs on, laid into `memory`.
    pub fn tables<'m>(
        &self,
        library: &Library,
        costs: Option<&CostTable>,
        memory: &'m Bump,
    ) -> Result<Tables<'m>, InputError> {
        let scenario = Scenario::load(&self.scenario)?
            .faster(self.fps_scale)
            .disturbed(self.latency_bias, self.latency_noise);
        let platform = Platform::load(&self.platform)?;
        let workload = build(&scenario, &platform, library, costs, memory)?;
        Ok(Tables { scenario, platform, workload })
    }

    /// Runs it on its tables.
    pub fn run(&self, tables: &Tables<'_>) -> Run {
        let cell = Cell {
            scenario: &tables.scenario,
            platform: &tables.platform,
            workload: &tables.workload,
            recording: None,
            duration: Duration::from_millis(u64::from(self.duration_ms)),
            seed: self.seed,
        };
        let outcome = self.method.run(&cell, &mut ());
        Run::new(&cell, &self.method, self.duration_ms, &outcome)
    }
}

/// A scenario on a platform, ready to run.
#[derive(Debug)]
pub struct Tables<'m> {
    scenario: Scenario,
    platform: Platform,
    workload: Workload<'m, ACCELERATORS>,
}

/// Columns behind the values.
const FIGURES: [&str; 12] = [
    "uxcost",
    "violation_rate_sum",
    "energy_norm_sum",
    "xrbench_score",
    "deadline_miss_rate",
    "energy_per_completed_frame_nj",
    "antt",
    "fairness",
    "starvation_ms",
    "decisions",
    "final_alpha",
    "final_beta",
];

#[derive(Serialize)]
struct Row<'a> {
    cell: usize,
    values: serde_json::Map<String, serde_json::Value>,
    run: &'a Run,
}

/// The row of a cell, without the end of its line.
pub fn row(
    format: RowFormat,
    cell: usize,
    values: &[(Key, String)],
    run: &Run,
) -> Result<String, InputError> {
    let fail = |error: String| InputError::new("sweep", error, "report it: a row can always be written");
    match format {
        RowFormat::Csv => {
            let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
            let figures = [
                Some(run.uxcost),
                Some(run.violation_rate_sum),
                Some(run.energy_norm_sum),
                Some(run.xrbench_score),
                run.metrics.deadline_miss_rate,
                run.metrics.energy_per_completed_frame_nj,
                run.metrics.antt,
                run.metrics.fairness,
                Some(run.metrics.starvation_ms),
                Some(run.decisions as f64),
                run.alpha,
                run.beta,
            ];
            let fields = [cell.to_string()].into_iter().chain(values.iter().map(|(_, value)| value.clone()));
            let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
            let record: Vec<String> = fields.chain(figures.map(number)).collect();
            writer.write_record(record).map_err(|error| fail(error.to_string()))?;
            let bytes = writer.into_inner().map_err(|error| fail(error.to_string()))?;
            let text = String::from_utf8(bytes).map_err(|error| fail(error.to_string()))?;
            Ok(text.trim_end_matches('\n').into())
        }
        RowFormat::Jsonl => {
            let value = |(key, text): &(Key, String)| {
                let number = text.parse::<u64>().ok().map(serde_json::Value::from);
                let number = number.or_else(|| text.parse::<f64>().ok().map(serde_json::Value::from));
                let text = || serde_json::Value::from(text.as_str());
                (key.name().to_string(), number.filter(|_| key.is_number()).unwrap_or_else(text))
            };
            let values = values.iter().map(value).collect();
            serde_json::to_string(&Row { cell, values, run }).map_err(|error| fail(error.to_string()))
        }
    }
}
