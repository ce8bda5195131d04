//! Runs as a matrix of cells (scenario and platform) by policies: what every comparison shows.

use super::{Run, geometric_mean};

/// Runs by cell and policy, with their means.
#[derive(Debug)]
pub(super) struct Matrix<'a> {
    pub(super) policies: Vec<&'a str>,
    pub(super) cells: Vec<Cell<'a>>,
    /// Geometric mean of UXCost over the cells, per policy.
    pub(super) means: Vec<f64>,
    /// Share of violated frames over all cells and models, per policy.
    pub(super) misses: Vec<f64>,
    pub(super) bound: Option<Bounded>,
}

/// A row of the matrix.
#[derive(Debug)]
pub(super) struct Cell<'a> {
    pub(super) scenario: &'a str,
    pub(super) platform: &'a str,
    /// UXCost per policy.
    pub(super) costs: Vec<f64>,
    pub(super) bound: Option<f64>,
}

/// What a lower bound adds.
#[derive(Debug)]
pub(super) struct Bounded {
    /// Geometric mean of the bound over the cells.
    pub(super) mean: f64,
    /// Geometric mean of UXCost over the bound, per policy.
    pub(super) times: Vec<f64>,
}

impl<'a> Matrix<'a> {
    pub(super) fn new(runs: &'a [Run]) -> Self {
        let mut policies: Vec<&str> = Vec::new();
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for run in runs {
            if !policies.contains(&run.policy.as_str()) {
                policies.push(&run.policy);
            }
            if !pairs.contains(&(&run.scenario, &run.platform)) {
                pairs.push((&run.scenario, &run.platform));
            }
        }
        let cell = |&(scenario, platform): &(&'a str, &'a str)| {
            let here: Vec<&Run> =
                runs.iter().filter(|run| run.scenario == scenario && run.platform == platform).collect();
            let of = |policy: &&str| {
                here.iter().find(|run| run.policy == **policy).map_or(f64::NAN, |run| run.uxcost)
            };
            let bound = here.first().and_then(|run| run.bound);
            Cell { scenario, platform, costs: policies.iter().map(of).collect(), bound }
        };
        let cells: Vec<Cell<'_>> = pairs.iter().map(cell).collect();
        let mean_of = |value: &dyn Fn(&Cell<'_>, usize) -> f64| -> Vec<f64> {
            (0..policies.len()).map(|p| geometric_mean(cells.iter().map(|cell| value(cell, p)))).collect()
        };
        let means = mean_of(&|cell, p| cell.costs[p]);
        let times = mean_of(&|cell, p| cell.times_the_bound(p).unwrap_or(f64::NAN));
        let bounds: Option<Vec<f64>> = cells.iter().map(|cell| cell.bound).collect();
        let bound = bounds.map(|bounds| Bounded { mean: geometric_mean(bounds), times });
        let misses = policies.iter().map(|policy| miss_rate(runs, policy)).collect();
        Self { policies, cells, means, misses, bound }
    }

    /// Who wins, and by how much; nothing for a single policy.
    pub(super) fn verdict(&self) -> Option<String> {
        let order = self.by_mean();
        let (&best, others) = order.split_first()?;
        others.first()?;
        let ahead = |&other: &usize| {
            let below = 100.0 * (1.0 - self.means[best] / self.means[other]);
            format!("{below:.1} % below {}", self.policies[other])
        };
        let ahead: Vec<String> = others.iter().map(ahead).collect();
        let name = self.policies[best];
        Some(format!("{name} serves these workloads best: its UXCost is {}.", ahead.join(", ")))
    }

    /// Indices of the policies, the best mean first.
    pub(super) fn by_mean(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.policies.len()).collect();
        order.sort_by(|&a, &b| self.means[a].total_cmp(&self.means[b]));
        order
    }
}

impl Cell<'_> {
    /// The lowest UXCost.
    pub(super) fn best(&self) -> f64 {
        lowest(&self.costs)
    }

    /// UXCost of a policy over the bound; 1 where both are 0.
    pub(super) fn times_the_bound(&self, policy: usize) -> Option<f64> {
        let cost = self.costs[policy];
        Some(match self.bound? {
            bound if bound > 0.0 => cost / bound,
            _ if cost > 0.0 => f64::INFINITY,
            _ => 1.0,
        })
    }
}

pub(super) fn lowest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Share of violated frames under a policy, over all runs and models.
fn miss_rate(runs: &[Run], policy: &str) -> f64 {
    let models = runs.iter().filter(|run| run.policy == policy).flat_map(|run| &run.models);
    let (violated, frames) = models.fold((0u64, 0u64), |(violated, frames), model| {
        (violated + u64::from(model.violated), frames + u64::from(model.frames))
    });
    violated as f64 / frames.max(1) as f64
}
