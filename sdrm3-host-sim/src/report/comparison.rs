//! The comparison of policies for people: UXCost, who wins, and by how much.

use std::io::{self, Write};

use super::matrix::{Cell, Matrix, lowest};
use super::{NOTHING, Run, figure, markdown, share, table};

/// Up to so many cells, policies are rows and cells are columns: it fits a terminal.
const FEW_CELLS: usize = 6;

/// As a plain table.
pub(super) fn write(runs: &[Run], out: &mut impl Write) -> io::Result<()> {
    let matrix = Matrix::new(runs);
    title(runs, &matrix, out)?;
    if matrix.cells.len() <= FEW_CELLS {
        let (header, rows) = policies_as_rows(&matrix);
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        writeln!(out, "{}", table(&header, rows))?;
    } else {
        let (header, rows) = cells_as_rows(&matrix);
        writeln!(out, "{}", table(&header, rows))?;
    }
    conclude(&matrix, out)
}

/// As Markdown, one row per cell.
pub(super) fn write_markdown(runs: &[Run], out: &mut impl Write) -> io::Result<()> {
    let matrix = Matrix::new(runs);
    title(runs, &matrix, out)?;
    let (header, rows) = cells_as_rows(&matrix);
    write!(out, "{}", markdown(&header, 2, rows))?;
    conclude(&matrix, out)
}

/// The verdict, and what it is not about.
fn conclude(matrix: &Matrix<'_>, out: &mut impl Write) -> io::Result<()> {
    matrix.verdict().iter().chain(&matrix.left_out()).try_for_each(|text| writeln!(out, "\n{text}"))
}

fn title(runs: &[Run], matrix: &Matrix<'_>, out: &mut impl Write) -> io::Result<()> {
    let Some(run) = runs.first() else { return Ok(()) };
    let on = match same_platform(&matrix.cells) {
        Some(platform) => format!(" on {platform}"),
        None => String::new(),
    };
    let Run { duration_ms, seed, .. } = run;
    writeln!(
        out,
        "UXCost{on} (lower is better, * is best) over {duration_ms} ms of virtual time, seed {seed}\n"
    )
}

fn same_platform<'a>(cells: &[Cell<'a>]) -> Option<&'a str> {
    let first = cells.first()?.platform;
    cells.iter().all(|cell| cell.platform == first).then_some(first)
}

/// A cost, marked when it is the best.
fn cost(value: Option<f64>, best: Option<f64>) -> String {
    let is_best = value.is_some() && value == best;
    format!("{}{}", figure(value, 3), if is_best { " *" } else { "  " })
}

fn cells_as_rows<'a>(matrix: &Matrix<'a>) -> (Vec<&'a str>, Vec<Vec<String>>) {
    let bounded = matrix.bound.is_some();
    // A column for the bound; behind each UXCost how many times the bound it is.
    let mut header = vec!["scenario", "platform"];
    header.extend(bounded.then_some("bound"));
    for policy in &matrix.policies {
        header.push(policy);
        header.extend(bounded.then_some("x bound"));
    }
    let row = |names: [&str; 2],
               bound: Option<f64>,
               costs: &[Option<f64>],
               times: &dyn Fn(usize) -> Option<f64>| {
        let best = lowest(costs);
        let mut row = names.map(String::from).to_vec();
        row.extend(bounded.then(|| figure(bound, 3)));
        for (policy, &value) in costs.iter().enumerate() {
            row.push(cost(value, best));
            row.extend(bounded.then(|| figure(times(policy), 2)));
        }
        row
    };
    let mut rows: Vec<Vec<String>> = matrix
        .cells
        .iter()
        .map(|cell| {
            row([cell.scenario, cell.platform], cell.bound, &cell.costs, &|policy| {
                cell.times_the_bound(policy)
            })
        })
        .collect();
    let mean = matrix.bound.as_ref().and_then(|bound| bound.mean);
    let times = |policy: usize| matrix.bound.as_ref()?.times[policy];
    rows.push(row(["geometric mean", ""], mean, &matrix.means, &times));
    let mut misses = vec!["violated frames".to_string(), String::new()];
    misses.extend(bounded.then(String::new));
    for &rate in &matrix.misses {
        misses.push(share(rate));
        misses.extend(bounded.then(String::new));
    }
    rows.push(misses);
    (header, rows)
}

fn policies_as_rows(matrix: &Matrix<'_>) -> (Vec<String>, Vec<Vec<String>>) {
    let one_platform = same_platform(&matrix.cells).is_some();
    let name = |cell: &Cell<'_>| match one_platform {
        true => cell.scenario.to_string(),
        false => format!("{} {}", cell.scenario, cell.platform),
    };
    let mut header = vec!["policy".to_string()];
    header.extend(matrix.cells.iter().map(name));
    header.push("geometric mean".into());
    header.extend(matrix.bound.is_some().then(|| "x bound".to_string()));
    header.push("violated frames".into());

    let best_mean = lowest(&matrix.means);
    let mut rows: Vec<Vec<String>> = matrix
        .by_mean()
        .into_iter()
        .map(|policy| {
            let mut row = vec![matrix.policies[policy].to_string()];
            row.extend(matrix.cells.iter().map(|cell| cost(cell.costs[policy], cell.best())));
            row.push(cost(matrix.means[policy], best_mean));
            row.extend(matrix.bound.as_ref().map(|bound| figure(bound.times[policy], 2)));
            row.push(share(matrix.misses[policy]));
            row
        })
        .collect();
    if let Some(bound) = &matrix.bound {
        let mut row = vec!["(lower bound)".to_string()];
        row.extend(matrix.cells.iter().map(|cell| cost(cell.bound, None)));
        let one = bound.mean.map_or(NOTHING, |_| "1.00");
        row.extend([cost(bound.mean, None), one.into(), String::new()]);
        rows.push(row);
    }
    (header, rows)
}
