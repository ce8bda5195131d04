//! The tables of the page.

use sdrm3_core::Workload;

use super::verdict::percent;
use super::{ModelRun, Run, escape};
use crate::report::matrix::{Matrix, lowest};
use crate::scenario::ACCELERATORS;

/// A table; the first column is of names, the others of figures. Cells are markup.
fn table(caption: &str, header: &[String], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let head: String = header.iter().map(|cell| format!("<th scope=\"col\">{cell}</th>")).collect();
    let row = |cells: Vec<String>| {
        let cells = cells.iter().enumerate().map(|(column, cell)| match column {
            0 => format!("<th scope=\"row\">{cell}</th>"),
            _ => format!("<td>{cell}</td>"),
        });
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    let body: String = rows.into_iter().map(row).collect();
    format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table>\n\
         <caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>"
    )
}

fn texts(header: &[&str]) -> Vec<String> {
    header.iter().map(ToString::to_string).collect()
}

fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".into(), |value| format!("{value:.digits$}"))
}

fn rate(share: Option<f64>) -> String {
    share.map_or_else(|| "–".into(), percent)
}

/// The figures of a run, large.
pub(super) fn figures(run: &Run) -> String {
    let metrics = &run.metrics;
    let energy: f64 = run.models.iter().map(|model| model.energy_nj as f64 / 1e6).sum();
    let counted = |value: f64| run.counted().map(|_| value);
    let tile = |value: String, name: &str| format!("<div><dd>{value}</dd><dt>{name}</dt></div>\n");
    let tiles = [
        tile(figure(run.counted(), 4), "UXCost"),
        tile(figure(counted(run.violation_rate_sum), 4), "violation rates, summed"),
        tile(figure(counted(run.energy_norm_sum), 4), "normalised energies, summed"),
        tile(rate(metrics.deadline_miss_rate), "deadlines missed"),
        tile(
            if energy < 1e3 { format!("{energy:.1} mJ") } else { format!("{:.2} J", energy / 1e3) },
            "energy",
        ),
        tile(figure(counted(run.xrbench_score), 1), "XRBench score, of 100"),
        tile(run.decisions.to_string(), "blocks dispatched"),
    ];
    format!("<dl class=\"tiles\">\n{}</dl>", tiles.concat())
}

/// A row for each model of a run.
pub(super) fn models(run: &Run, workload: &Workload<'_, ACCELERATORS>) -> String {
    let rows = run.models.iter().zip(workload.models).map(|(model, row)| {
        let metrics = &model.metrics;
        let deadline = row.deadline.map(|deadline| deadline.as_nanos() as f64 / 1e6);
        let missed = rate(metrics.deadline_miss_rate);
        vec![
            escape(&model.name),
            model.frames.to_string(),
            model.completed.to_string(),
            model.dropped.to_string(),
            model.unfinished.to_string(),
            if model.violated > 0 { format!("<strong class=\"bad\">{missed}</strong>") } else { missed },
            figure(metrics.latency_p50_ms, 2),
            figure(metrics.latency_p95_ms, 2),
            figure(metrics.latency_p99_ms, 2),
            deadline.map_or_else(|| "parent’s".into(), |ms| format!("{ms:.2}")),
            format!("{:.2}", metrics.starvation_ms),
            format!("{:.1}", model.energy_nj as f64 / 1e6),
            figure(metrics.energy_per_completed_frame_nj.map(|nj| nj / 1e6), 2),
            figure(model.share_of_worst(), 3),
        ]
    });
    let header = [
        "model",
        "frames",
        "completed",
        "dropped",
        "unfinished",
        "missed",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "deadline ms",
        "longest wait ms",
        "energy mJ",
        "mJ per frame",
        "of the worst",
    ];
    table("Models", &texts(&header), rows)
}

/// Counts some of a model's frames.
type Count = fn(&ModelRun) -> u32;

/// Frames without a result, by reason.
pub(super) fn drops(run: &Run) -> String {
    let mut reasons: Vec<&str> = run.models.iter().flat_map(|model| model.drops.keys().copied()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let is_left = |of: Count| run.models.iter().any(|model| of(model) > 0);
    let others: [(&str, Count); 3] = [
        ("unfinished, overdue", |model| model.unfinished),
        ("unfinished, not counted", |model| model.left_out),
        ("withdrawn, not counted", |model| model.withdrawn),
    ];
    let others: Vec<_> = others.into_iter().filter(|(_, of)| is_left(*of)).collect();
    if reasons.is_empty() && others.is_empty() {
        return "<p>Every frame has a result.</p>".into();
    }
    let header =
        ["model"].into_iter().chain(reasons.iter().copied()).chain(others.iter().map(|(name, _)| *name));
    let header: Vec<String> = header.map(escape).collect();
    let rows = run.models.iter().map(|model| {
        let mut row = vec![escape(&model.name)];
        row.extend(reasons.iter().map(|reason| model.drops.get(reason).copied().unwrap_or(0).to_string()));
        row.extend(others.iter().map(|(_, of)| of(model).to_string()));
        row
    });
    table("Frames without a result, by reason", &header, rows)
}

/// The place of the timeline, and what steers it.
pub(super) fn timeline(slices: usize) -> String {
    if slices == 0 {
        return "<p>Nothing ran.</p>".into();
    }
    include_str!("timeline.html").into()
}

/// UXCost by policy.
type Costs<'a> = &'a [Option<f64>];

/// Up to so many cells are columns.
const MOST_COLUMNS: usize = 8;

/// UXCost of every cell under every policy: policies as rows as long as the cells fit beside each other.
pub(super) fn comparison(runs: &[Run]) -> String {
    let matrix = Matrix::new(runs);
    let order = matrix.by_mean();
    let mut columns: Vec<(String, Costs<'_>, Option<f64>)> = Vec::new();
    for cell in &matrix.cells {
        let name = format!("{} on {}", escape(cell.scenario), escape(cell.platform));
        columns.push((name, &cell.costs, cell.bound));
    }
    if matrix.cells.len() > 1 {
        columns.push((
            "geometric mean".into(),
            &matrix.means,
            matrix.bound.as_ref().and_then(|bound| bound.mean),
        ));
    }
    let cost = |costs: Costs<'_>, policy: usize| match costs[policy] {
        Some(cost) if Some(cost) == lowest(costs) => format!("<strong>{cost:.4}</strong>"),
        cost => figure(cost, 4),
    };
    let names = order.iter().map(|&policy| escape(matrix.policies[policy]));
    if matrix.cells.len() <= MOST_COLUMNS {
        let header = ["policy".to_string()].into_iter().chain(columns.iter().map(|(name, ..)| name.clone()));
        let row = |&policy: &usize| {
            let costs = columns.iter().map(|(_, costs, _)| cost(costs, policy));
            [escape(matrix.policies[policy])].into_iter().chain(costs).collect()
        };
        let mut rows: Vec<Vec<String>> = order.iter().map(row).collect();
        if matrix.bound.is_some() {
            let bounds = columns.iter().map(|(.., bound)| figure(*bound, 4));
            rows.push(["lower bound".to_string()].into_iter().chain(bounds).collect());
        }
        return table("UXCost", &header.collect::<Vec<_>>(), rows);
    }
    let bound = matrix.bound.is_some().then(|| "lower bound".to_string());
    let header = ["cell".to_string()].into_iter().chain(names).chain(bound);
    let rows = columns.iter().map(|(name, costs, bound)| {
        let costs = order.iter().map(|&policy| cost(costs, policy));
        let bound = matrix.bound.is_some().then(|| figure(*bound, 4));
        [name.clone()].into_iter().chain(costs).chain(bound).collect()
    });
    table("UXCost", &header.collect::<Vec<_>>(), rows)
}

/// Share of violated frames of each model, a table for each cell.
pub(super) fn misses(runs: &[Run]) -> String {
    let matrix = Matrix::new(runs);
    let order = matrix.by_mean();
    let of_cell = |scenario: &str, platform: &str| {
        let here: Vec<&Run> =
            runs.iter().filter(|run| run.scenario == scenario && run.platform == platform).collect();
        let models = here.first().map_or(&[][..], |run| &run.models);
        let header = ["policy".into()].into_iter().chain(models.iter().map(|model| escape(&model.name)));
        let rows = order.iter().filter_map(|&policy| {
            let run = here.iter().find(|run| run.policy == matrix.policies[policy])?;
            let rates = run.models.iter().map(|model| rate(model.metrics.deadline_miss_rate));
            Some([escape(&run.policy)].into_iter().chain(rates).collect::<Vec<_>>())
        });
        let cell = format!("{} on {}", escape(scenario), escape(platform));
        let table = table(&cell, &header.collect::<Vec<_>>(), rows);
        format!("<details open><summary>{cell}</summary>\n{table}</details>\n")
    };
    matrix.cells.iter().map(|cell| of_cell(cell.scenario, cell.platform)).collect()
}
