//! An experiment for people, for documents, for programs.

use std::io::{self, Write};

use super::{Format, NOTHING, figure, markdown, table};
use crate::experiment::{Comparison, Estimate, PolicySummary, Summary};

/// Writes what an experiment says; of CSV, a row per policy and figure, of the means and of each cell.
pub fn write_experiment(summary: &Summary, format: Format, out: &mut impl Write) -> io::Result<()> {
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, summary)?;
            writeln!(out)
        }
        Format::Csv => csv(summary, out),
        Format::Table => {
            title(summary, out)?;
            let (header, rows) = cells(summary);
            writeln!(out, "{}\n", table(&header, rows))?;
            writeln!(out, "{}", table(&POLICIES, summary.policies.iter().map(policy)))?;
            writeln!(out, "\n{}", note(summary))
        }
        Format::Markdown => {
            title(summary, out)?;
            let (header, rows) = cells(summary);
            writeln!(out, "{}", markdown(&header, 2, rows))?;
            writeln!(out, "{}", markdown(&POLICIES, 1, summary.policies.iter().map(policy)))?;
            writeln!(out, "{}", note(summary))
        }
    }
}

const POLICIES: [&str; 13] = [
    "policy",
    "UXCost",
    "95 %",
    "ours/it",
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

fn title(summary: &Summary, out: &mut impl Write) -> io::Result<()> {
    let Summary { experiment, subject, seed, seeds, duration_ms, cells, .. } = summary;
    let [losses, ties, wins] = summary.losses_ties_wins();
    writeln!(
        out,
        "Experiment {experiment}: {} cells, {seeds} seeds from {seed}, {duration_ms} ms each\n\n{subject} against the \
         best of the others, over {}: {losses} losses, {ties} within 2 %, {wins} wins; losses first\n",
        cells.len(),
        summary.compared()
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

/// What the tables are of.
fn note(summary: &Summary) -> String {
    let bounded = match summary.bounded_cells {
        0 => "only with --bound, and over cells that have a bound".to_string(),
        cells => format!("over the {cells} of {} cells that have a bound", summary.cells.len()),
    };
    let energy = match summary.frame_mj_cells {
        cells if cells == summary.cells.len() => String::new(),
        cells => {
            format!(
                "; mJ a frame: over {cells} of {} cells, which have it under every policy",
                summary.cells.len()
            )
        }
    };
    format!(
        "Means over the cells, geometric of UXCost, bound and energy; 95 % intervals over the seeds, by Student's t: of \
         one seed there is none.\n{}\nx bound: {bounded}; points lost: accuracy, over the cells with \
         supernets{energy}.",
        ours_over_it(&summary.subject, &summary.compared())
    )
}

/// What the ratios to the other policies are of.
pub(super) fn ours_over_it(subject: &str, compared: &str) -> String {
    format!(
        "ours/it: UXCost of {subject} over that of the policy, geometric mean over {compared}; its 95 % interval is over \
         these cells."
    )
}

/// Mean and interval.
pub(super) fn pair(estimate: Option<Estimate>, scale: f64, digits: usize) -> [String; 2] {
    let mean = figure(estimate.map(|estimate| scale * estimate.mean), digits);
    let ends = estimate.and_then(|Estimate { low, high, .. }| low.zip(high));
    let interval = ends.map(|(low, high)| format!("{:.digits$}..{:.digits$}", scale * low, scale * high));
    [mean, interval.unwrap_or_else(|| NOTHING.into())]
}

/// The table of cells: behind what tells wins from losses, UXCost of every policy beside ours.
fn cells(summary: &Summary) -> (Vec<&str>, Vec<Vec<String>>) {
    let design = summary.cells.iter().any(|cell| cell.design);
    let mut header = vec!["scenario", "platform"];
    header.extend(design.then_some("designed on"));
    header.extend([
        "utilisation",
        "bound",
        "UXCost",
        "best other",
        "ratio",
        "95 %",
        "UXCost 95 %",
        "best other's",
    ]);
    let others = summary.policies.iter().map(|policy| policy.policy.as_str());
    header.extend(others.filter(|policy| *policy != summary.subject));
    let row = |cell: &Comparison| {
        let of = |name: &str| cell.policies.iter().find(|of| of.policy == name)?.uxcost;
        let mut row = vec![cell.scenario.clone(), cell.platform.clone()];
        row.extend(design.then(|| if cell.design { "yes" } else { "" }.to_string()));
        row.extend([format!("{:.2}", cell.utilisation), figure(cell.bound, 3), figure(cell.uxcost, 3)]);
        row.push(cell.best.clone().unwrap_or_else(|| NOTHING.into()));
        row.extend(pair(cell.ratio, 1.0, 3));
        let [_, ours] = pair(of(&summary.subject), 1.0, 3);
        let best = cell.best.as_deref().and_then(of);
        row.extend([ours, figure(best.map(|best| best.mean), 3)]);
        let others = cell.policies.iter().filter(|of| of.policy != summary.subject);
        row.extend(others.map(|of| figure(of.uxcost.map(|uxcost| uxcost.mean), 3)));
        row
    };
    (header, summary.cells.iter().map(row).collect())
}

fn policy(policy: &PolicySummary) -> Vec<String> {
    let mut row = vec![policy.policy.clone()];
    row.extend(pair(policy.uxcost, 1.0, 3));
    row.extend(pair(policy.ours_over_it, 1.0, 3));
    row.extend(pair(policy.times_bound, 1.0, 3));
    row.extend(pair(policy.miss_rate, 100.0, 2));
    row.extend(pair(policy.frame_mj, 1.0, 3));
    row.extend(pair(policy.accuracy_loss, 1.0, 2));
    row
}

fn csv(summary: &Summary, out: &mut impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(["experiment", "scenario", "platform", "policy", "figure", "mean", "low", "high"])?;
    let mut write = |cell: [&str; 2], policy: &str, figure: &str, estimate: Option<Estimate>| {
        let Some(Estimate { mean, low, high }) = estimate else { return Ok(()) };
        let [scenario, platform] = cell;
        let [low, high] = [low, high].map(|end| end.map_or_else(String::new, |end| end.to_string()));
        let mean = mean.to_string();
        writer.write_record([&summary.experiment, scenario, platform, policy, figure, &mean, &low, &high])
    };
    for policy in &summary.policies {
        let figures = [
            ("uxcost", policy.uxcost),
            ("ours_over_it", policy.ours_over_it),
            ("times_bound", policy.times_bound),
            ("miss_rate", policy.miss_rate),
            ("frame_mj", policy.frame_mj),
            ("accuracy_loss", policy.accuracy_loss),
        ];
        for (figure, estimate) in figures {
            write(["", ""], &policy.policy, figure, estimate)?;
        }
    }
    for cell in &summary.cells {
        let names = [cell.scenario.as_str(), cell.platform.as_str()];
        let bound = cell.bound.map(|mean| Estimate { mean, low: None, high: None });
        write(names, "", "bound", bound)?;
        for of in &cell.policies {
            write(names, &of.policy, "uxcost", of.uxcost)?;
        }
        write(names, &summary.subject, "ratio", cell.ratio)?;
    }
    writer.flush()
}
