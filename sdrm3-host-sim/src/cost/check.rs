//! How far the model lies from a table of reference costs.

use serde::{Deserialize, Serialize};

use super::{Array, Dataflow, Shape, cost};
use crate::input::{InputError, Source};

/// One layer on one array with its reference cost, a line of the table. Lengths as in [`Shape`],
/// with unit stride and one group.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Row {
    /// Network.
    pub model: String,
    /// Position of the layer in its network.
    pub layer: u32,
    /// Name of the layer.
    pub name: String,
    /// Output channels.
    pub k: u32,
    /// Input channels.
    pub c: u32,
    /// Input rows.
    pub y: u32,
    /// Input columns.
    pub x: u32,
    /// Kernel rows.
    pub r: u32,
    /// Kernel columns.
    pub s: u32,
    /// How the array maps loops.
    pub dataflow: Dataflow,
    /// Processing elements.
    pub pes: u32,
    /// Bandwidth of the network-on-chip in bytes per cycle.
    pub noc_bw_per_cycle: u32,
    /// Reference latency in cycles.
    pub latency_cycles: f64,
    /// Reference energy in nanojoules.
    pub energy_nj: f64,
}

impl Row {
    /// The layer.
    pub fn shape(&self) -> Shape {
        let &Self { k, c, y, x, r, s, .. } = self;
        Shape { k, c, y, x, r, s, stride: 1, groups: 1 }
    }

    /// The array.
    pub fn array(&self) -> Array {
        Array { dataflow: self.dataflow, pes: self.pes, noc_bytes_per_cycle: self.noc_bw_per_cycle }
    }
}

/// Agreement of one quantity over some rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Median of `|model - reference| / reference`.
    pub median_error: f64,
    /// 90th percentile of the same.
    pub p90_error: f64,
    /// Spearman's rank correlation between model and reference; `NaN` if either is constant.
    pub rank_correlation: f64,
}

/// Agreement on one dataflow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// Which dataflow.
    pub dataflow: Dataflow,
    /// Rows that have it.
    pub rows: usize,
    /// Agreement of the latency.
    pub latency: Agreement,
    /// Agreement of the energy.
    pub energy: Agreement,
}

const HEADER: &str = "model,layer,name,k,c,y,x,r,s,dataflow,pes,noc_bw_per_cycle,latency_cycles,energy_nj";

/// Reads a table: CSV whose header has the names of [`Row`]'s fields, and at least one row. Sizes are at
/// least 1, costs above 0.
pub fn parse(source: &Source) -> Result<Vec<Row>, InputError> {
    let mut rows = Vec::new();
    source.parse_csv(HEADER, |line, row: Row| {
        let fail = |what: String, remedy| Err(InputError::new(&source.origin, what, remedy).at_line(line));
        let sizes = [row.k, row.c, row.y, row.x, row.r, row.s, row.pes, row.noc_bw_per_cycle];
        if sizes.contains(&0) {
            return fail(format!("layer `{}` has a size of zero", row.name), "give sizes of at least 1");
        }
        for (column, value) in [("latency_cycles", row.latency_cycles), ("energy_nj", row.energy_nj)] {
            if value.is_nan() || value <= 0.0 || value.is_infinite() {
                return fail(format!("{column} is {value}"), "give a finite number above 0");
            }
        }
        rows.push(row);
        Ok(())
    })?;
    if rows.is_empty() {
        return Err(InputError::new(&source.origin, "the table has no rows", format!("expected: {HEADER}")));
    }
    Ok(rows)
}

/// Costs every row and compares, for each dataflow that occurs.
pub fn check(rows: &[Row]) -> Vec<Report> {
    let report = |dataflow| {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.dataflow == dataflow).collect();
        let costs = rows.iter().map(|row| cost(&row.shape(), &row.array()));
        let (cycles, energy): (Vec<f64>, Vec<f64>) = costs.map(|c| (c.cycles as f64, c.energy_nj)).unzip();
        let reference = |value: fn(&Row) -> f64| -> Vec<f64> { rows.iter().map(|row| value(row)).collect() };
        (!rows.is_empty()).then(|| Report {
            dataflow,
            rows: rows.len(),
            latency: agreement(&cycles, &reference(|row| row.latency_cycles)),
            energy: agreement(&energy, &reference(|row| row.energy_nj)),
        })
    };
    Dataflow::ALL.into_iter().filter_map(report).collect()
}

fn agreement(model: &[f64], reference: &[f64]) -> Agreement {
    let mut errors: Vec<f64> = model.iter().zip(reference).map(|(m, r)| ((m - r) / r).abs()).collect();
    errors.sort_by(f64::total_cmp);
    Agreement {
        median_error: quantile(&errors, 0.5),
        p90_error: quantile(&errors, 0.9),
        rank_correlation: correlation(&ranks(model), &ranks(reference)),
    }
}

/// Quantile of sorted, non-empty values, linear between neighbours.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let place = q * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

/// Ranks from 0; equal values share the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut next = 0;
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = next as f64 + (equal.len() - 1) as f64 / 2.0;
        equal.iter().for_each(|&place| ranks[place] = rank);
        next += equal.len();
    }
    ranks
}

/// Pearson's correlation.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let product = |a: &[f64], mean_a, b: &[f64], mean_b| -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum()
    };
    product(a, mean_a, b, mean_b) / (product(a, mean_a, a, mean_a) * product(b, mean_b, b, mean_b)).sqrt()
}
