//! Lower bounds on UXCost: for people, as JSON and as CSV.

use std::io::{self, Write};

use serde::Serialize;

use super::{Format, geometric_mean, markdown, table};
use crate::bound::Bound;
use crate::engine::Cell;

/// The bound of one cell as it is reported.
#[derive(Clone, Debug, Serialize)]
pub struct BoundReport {
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the platform.
    pub platform: String,
    /// Seed of the random draws.
    pub seed: u64,
    /// Virtual time, in milliseconds.
    pub duration_ms: u32,
    /// No policy has a UXCost below this: the product of the next two.
    pub bound: f64,
    /// Sum over models of the share of violated frames, where the product is least.
    pub violation_rate_sum: f64,
    /// Sum over models of energy over that on the worst accelerators, where the product is least.
    pub energy_norm_sum: f64,
    /// Per model, in the scenario's order.
    pub models: Vec<ModelBound>,
    /// Per accelerator, in the platform's order.
    pub accelerators: Vec<AcceleratorBound>,
}

/// What the bound takes for one model.
#[derive(Clone, Debug, Serialize)]
pub struct ModelBound {
    /// Its name.
    pub name: String,
    /// Share of its frames due within the run that are served in time; `None` without such frames.
    pub served: Option<f64>,
}

/// What the bound takes for one accelerator.
#[derive(Clone, Debug, Serialize)]
pub struct AcceleratorBound {
    /// Its name.
    pub name: String,
    /// Share of the run for which it is busy.
    pub utilisation: f64,
    /// By how many percent the bound falls when it has one percent more time; 0: it does not limit.
    pub limits: f64,
}

impl BoundReport {
    /// The report of a cell's bound.
    pub fn new(cell: &Cell<'_>, duration_ms: u32, bound: &Bound) -> Self {
        let model = |(spec, &served): (&crate::scenario::ModelSpec, _)| ModelBound {
            name: spec.name.clone(),
            served,
        };
        let accelerator = |((spec, &utilisation), &limits): ((&crate::scenario::AcceleratorSpec, _), _)| {
            AcceleratorBound { name: spec.name.clone(), utilisation, limits }
        };
        Self {
            scenario: cell.scenario.name.clone(),
            platform: cell.platform.name.clone(),
            seed: cell.seed,
            duration_ms,
            bound: bound.value(),
            violation_rate_sum: bound.violation_rate_sum,
            energy_norm_sum: bound.energy_norm_sum,
            models: cell.scenario.models.iter().zip(&bound.served).map(model).collect(),
            accelerators: (cell.platform.accelerators.iter().zip(&bound.utilisation).zip(&bound.limits))
                .map(accelerator)
                .collect(),
        }
    }
}

/// Writes bounds.
pub fn write_bounds(bounds: &[BoundReport], format: Format, out: &mut impl Write) -> io::Result<()> {
    match format {
        Format::Table => write_table(bounds, |header, rows| table(header, rows) + "\n", out),
        Format::Markdown => write_table(bounds, |header, rows| markdown(header, 2, rows), out),
        Format::Json => {
            #[derive(Serialize)]
            struct Document<'a> {
                bounds: &'a [BoundReport],
            }
            serde_json::to_writer_pretty(&mut *out, &Document { bounds })?;
            writeln!(out)
        }
        Format::Csv => write_csv(bounds, out),
    }
}

fn write_table(
    bounds: &[BoundReport],
    layout: fn(&[&str], Vec<Vec<String>>) -> String,
    out: &mut impl Write,
) -> io::Result<()> {
    if let Some(first) = bounds.first() {
        writeln!(
            out,
            "Lower bound on UXCost over {} ms of virtual time, seed {}\n",
            first.duration_ms, first.seed
        )?;
    }
    let percent = |share: f64| format!("{:.0}", 100.0 * share);
    let row = |cell: &BoundReport| {
        let served = cell
            .models
            .iter()
            .map(|model| format!("{} {}", model.name, model.served.map_or_else(|| "-".into(), percent)));
        let busy = cell.accelerators.iter().map(|accelerator| {
            format!("{} {} ({:.2})", accelerator.name, percent(accelerator.utilisation), accelerator.limits)
        });
        vec![
            cell.scenario.clone(),
            cell.platform.clone(),
            format!("{:.3}", cell.bound),
            format!("{:.3}", cell.violation_rate_sum),
            format!("{:.3}", cell.energy_norm_sum),
            served.collect::<Vec<_>>().join(", "),
            busy.collect::<Vec<_>>().join(", "),
        ]
    };
    let mut rows: Vec<Vec<String>> = bounds.iter().map(row).collect();
    if bounds.len() > 1 {
        let mean = geometric_mean(bounds.iter().map(|cell| cell.bound));
        let mut row = vec![String::new(); 7];
        (row[0], row[2]) = ("geometric mean".into(), format!("{mean:.3}"));
        rows.push(row);
    }
    let header = ["scenario", "platform", "bound", "sum R", "sum E", "served, %", "busy, % (limits)"];
    write!(out, "{}", layout(&header, rows))
}

/// One row per cell, model or accelerator: `what` says which.
#[derive(Serialize)]
struct Row<'a> {
    scenario: &'a str,
    platform: &'a str,
    seed: u64,
    duration_ms: u32,
    bound: f64,
    violation_rate_sum: f64,
    energy_norm_sum: f64,
    what: &'a str,
    name: &'a str,
    served: Option<f64>,
    utilisation: Option<f64>,
    limits: Option<f64>,
}

fn write_csv(bounds: &[BoundReport], out: &mut impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    for cell in bounds {
        let row = |what, name| Row {
            scenario: &cell.scenario,
            platform: &cell.platform,
            seed: cell.seed,
            duration_ms: cell.duration_ms,
            bound: cell.bound,
            violation_rate_sum: cell.violation_rate_sum,
            energy_norm_sum: cell.energy_norm_sum,
            what,
            name,
            served: None,
            utilisation: None,
            limits: None,
        };
        for model in &cell.models {
            writer.serialize(Row { served: model.served, ..row("model", &model.name) })?;
        }
        for accelerator in &cell.accelerators {
            let AcceleratorBound { utilisation, limits, .. } = *accelerator;
            let (utilisation, limits) = (Some(utilisation), Some(limits));
            writer.serialize(Row { utilisation, limits, ..row("accelerator", &accelerator.name) })?;
        }
    }
    writer.flush()
}
