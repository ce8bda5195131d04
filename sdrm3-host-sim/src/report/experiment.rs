//! An experiment for people, for documents, for programs.

use std::io::{self, Write};

use super::{Format, figure, markdown, table};
use crate::experiment::{Comparison, Estimate, PolicySummary, Summary};

/// Writes what an experiment says; of CSV, one row per policy.
pub fn write_experiment(summary: &Summary, format: Format, out: &mut impl Write) -> io::Result<()> {
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, summary)?;
            writeln!(out)
        }
        Format::Csv => csv(summary, out),
        Format::Table => {
            title(summary, out)?;
            writeln!(out, "{}\n", table(&CELLS, summary.cells.iter().map(cell)))?;
            writeln!(out, "{}", table(&POLICIES, summary.policies.iter().map(policy)))?;
            writeln!(out, "\n{}", NOTE)
        }
        Format::Markdown => {
            title(summary, out)?;
            writeln!(out, "{}", markdown(&CELLS, 2, summary.cells.iter().map(cell)))?;
            writeln!(out, "{}\n{}", markdown(&POLICIES, 1, summary.policies.iter().map(policy)), NOTE)
        }
    }
}

const CELLS: [&str; 8] =
    ["scenario", "platform", "utilisation", "bound", "UXCost", "best other", "ratio", "95 %"];
const POLICIES: [&str; 11] = [
    "policy",
    "UXCost",
    "95 %",
    "x bound",
    "95 %",
    "missed %",
    "95 %",
    "mJ a frame",
    "95 %",
    "points lost",
    "95 %",
];
const NOTE: &str = "Means over the cells, geometric of UXCost, bound and energy; 95 % intervals over the seeds, by \
                    Student's t.\nx bound: over the cells that have a bound; points lost: accuracy, over the cells \
                    with supernets.";

fn title(summary: &Summary, out: &mut impl Write) -> io::Result<()> {
    let Summary { experiment, subject, seed, seeds, duration_ms, cells, .. } = summary;
    let [losses, ties, wins] = summary.losses_ties_wins();
    writeln!(
        out,
        "Experiment {experiment}: {} cells, {seeds} seeds from {seed}, {duration_ms} ms each\n\n{subject} against the \
         best of the others: {losses} losses, {ties} within 2 %, {wins} wins; losses first\n",
        cells.len()
    )?;
    match cells.iter().filter(|cell| !cell.counts).count() {
        0 => Ok(()),
        cells => writeln!(
            out,
            "Left out of means and wins: {cells} cells in which no frame was due and counted under some policy. Give a \
             longer --duration-ms.\n"
        ),
    }
}

fn interval(estimate: &Estimate, scale: f64, digits: usize) -> String {
    format!("{:.digits$}..{:.digits$}", scale * estimate.low, scale * estimate.high)
}

fn cell(cell: &Comparison) -> Vec<String> {
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.3}"));
    vec![
        cell.scenario.clone(),
        cell.platform.clone(),
        format!("{:.2}", cell.utilisation),
        number(cell.bound),
        figure(cell.uxcost, 3),
        cell.best.clone().unwrap_or_default(),
        number(cell.ratio.map(|ratio| ratio.mean)),
        cell.ratio.map_or_else(String::new, |ratio| interval(&ratio, 1.0, 3)),
    ]
}

fn policy(policy: &PolicySummary) -> Vec<String> {
    let pair = |estimate: Option<Estimate>, scale: f64, digits: usize| match estimate {
        Some(estimate) => [format!("{:.digits$}", scale * estimate.mean), interval(&estimate, scale, digits)],
        None => [String::new(), String::new()],
    };
    let mut row = vec![policy.policy.clone()];
    row.extend(pair(policy.uxcost, 1.0, 3));
    row.extend(pair(policy.times_bound, 1.0, 3));
    row.extend(pair(policy.miss_rate, 100.0, 2));
    row.extend(pair(policy.frame_mj, 1.0, 3));
    row.extend(pair(policy.accuracy_loss, 1.0, 2));
    row
}

fn csv(summary: &Summary, out: &mut impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(["experiment", "policy", "figure", "mean", "low", "high"])?;
    for policy in &summary.policies {
        let figures = [
            ("uxcost", policy.uxcost),
            ("times_bound", policy.times_bound),
            ("miss_rate", policy.miss_rate),
            ("frame_mj", policy.frame_mj),
            ("accuracy_loss", policy.accuracy_loss),
        ];
        for (figure, estimate) in figures {
            let Some(Estimate { mean, low, high }) = estimate else { continue };
            let [mean, low, high] = [mean, low, high].map(|value| value.to_string());
            writer.write_record([&summary.experiment, &policy.policy, figure, &mean, &low, &high])?;
        }
    }
    writer.flush()
}
