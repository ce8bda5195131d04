//! Runs as a matrix of cells (scenario and platform) by policies: what every comparison shows.

use super::{Run, geometric_mean};

/// Runs by cell and policy, with their means over the cells that count.
#[derive(Debug)]
pub(super) struct Matrix<'a> {
    pub(super) policies: Vec<&'a str>,
    pub(super) cells: Vec<Cell<'a>>,
    /// Geometric mean of UXCost, per policy; without a cell that counts, there is none of any policy.
    pub(super) means: Vec<Option<f64>>,
    /// Share of violated frames over all cells and models, per policy.
    pub(super) misses: Vec<Option<f64>>,
    pub(super) bound: Option<Bounded>,
}

/// A row of the matrix.
#[derive(Debug)]
pub(super) struct Cell<'a> {
    pub(super) scenario: &'a str,
    pub(super) platform: &'a str,
    /// UXCost per policy, where a frame was counted.
    pub(super) costs: Vec<Option<f64>>,
    pub(super) bound: Option<f64>,
}

/// What a lower bound adds.
#[derive(Debug)]
pub(super) struct Bounded {
    /// Geometric mean of the bound.
    pub(super) mean: Option<f64>,
    /// Geometric mean of UXCost over the bound, per policy.
    pub(super) times: Vec<Option<f64>>,
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
            let of = |policy: &&str| here.iter().find(|run| run.policy == **policy)?.counted();
            let bound = here.first().and_then(|run| run.bound);
            Cell { scenario, platform, costs: policies.iter().map(of).collect(), bound }
        };
        let cells: Vec<Cell<'_>> = pairs.iter().map(cell).collect();
        let mean = |value: &dyn Fn(&Cell<'_>) -> Option<f64>| -> Option<f64> {
            let values: Option<Vec<f64>> = cells.iter().filter(|cell| cell.counts()).map(value).collect();
            values.filter(|values| !values.is_empty()).map(geometric_mean)
        };
        let mean_of = |value: &dyn Fn(&Cell<'_>, usize) -> Option<f64>| -> Vec<Option<f64>> {
            (0..policies.len()).map(|policy| mean(&|cell| value(cell, policy))).collect()
        };
        let means = mean_of(&|cell, policy| cell.costs[policy]);
        let times = mean_of(&|cell, policy| cell.times_the_bound(policy));
        let bounded = cells.iter().all(|cell| cell.bound.is_some());
        let bound = bounded.then(|| Bounded { mean: mean(&|cell| cell.bound), times });
        let misses = policies.iter().map(|policy| miss_rate(runs, policy)).collect();
        Self { policies, cells, means, misses, bound }
    }

    /// Who wins, and by how much; nothing for a single policy, or without a cell that counts.
    pub(super) fn verdict(&self) -> Option<String> {
        let order = self.by_mean();
        let (&best, others) = order.split_first()?;
        others.first()?;
        let ahead: Vec<String> =
            others.iter().map(|other| self.ahead(best, *other)).collect::<Option<_>>()?;
        let name = self.policies[best];
        Some(format!("{name} serves these workloads best: its UXCost is {}.", ahead.join(", ")))
    }

    /// Where the mean of a policy lies beside that of another, which is no better.
    pub(super) fn ahead(&self, policy: usize, other: usize) -> Option<String> {
        let (below, other) = (self.below(policy, other)?, self.policies[other]);
        Some(match below == 0.0 {
            true => format!("that of {other}"),
            false => format!("{below:.1} % below {other}"),
        })
    }

    /// By how many percent the mean of a policy is below that of another.
    fn below(&self, policy: usize, other: usize) -> Option<f64> {
        let (mean, other) = (self.means[policy]?, self.means[other]?);
        Some(if other > 0.0 { 100.0 * (1.0 - mean / other) } else { 0.0 })
    }

    /// Which cells are neither in the means nor in the verdict, and why.
    pub(super) fn left_out(&self) -> Option<String> {
        const NAMED: usize = 3;
        let out: Vec<&Cell<'_>> = self.cells.iter().filter(|cell| !cell.counts()).collect();
        let name = |cell: &&Cell<'_>| {
            let costs = cell.costs.iter().zip(&self.policies);
            let policies: Vec<&str> =
                costs.filter(|(cost, _)| cost.is_none()).map(|(_, policy)| *policy).collect();
            let under = match policies.len() == self.policies.len() {
                true => String::new(),
                false => format!(" under {}", policies.join(", ")),
            };
            format!("{} on {}{under}", cell.scenario, cell.platform)
        };
        let mut names: Vec<String> = out.iter().take(NAMED).map(name).collect();
        if out.len() > NAMED {
            names.push(format!("{} more", out.len() - NAMED));
        }
        (!out.is_empty()).then(|| {
            let names = names.join("; ");
            format!("Left out, for no frame was due and counted there: {names}. Give a longer --duration-ms.")
        })
    }

    /// How many cells are in the means.
    pub(super) fn counting(&self) -> usize {
        self.cells.iter().filter(|cell| cell.counts()).count()
    }

    /// Indices of the policies, the best mean first.
    pub(super) fn by_mean(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.policies.len()).collect();
        let mean = |policy: usize| self.means[policy].unwrap_or(f64::INFINITY);
        order.sort_by(|&a, &b| mean(a).total_cmp(&mean(b)));
        order
    }
}

impl Cell<'_> {
    /// Whether it is in means and verdicts: under every policy some frame was counted, so that what they come to
    /// can be compared.
    fn counts(&self) -> bool {
        self.costs.iter().all(Option::is_some)
    }

    /// The lowest UXCost.
    pub(super) fn best(&self) -> Option<f64> {
        lowest(&self.costs)
    }

    /// UXCost of a policy over the bound; 1 where both are 0.
    pub(super) fn times_the_bound(&self, policy: usize) -> Option<f64> {
        let cost = self.costs[policy]?;
        Some(match self.bound? {
            bound if bound > 0.0 => cost / bound,
            _ if cost > 0.0 => f64::INFINITY,
            _ => 1.0,
        })
    }
}

pub(super) fn lowest(values: &[Option<f64>]) -> Option<f64> {
    values.iter().flatten().copied().reduce(f64::min)
}

/// Share of violated frames under a policy, over all runs and models.
fn miss_rate(runs: &[Run], policy: &str) -> Option<f64> {
    let models = runs.iter().filter(|run| run.policy == policy).flat_map(|run| &run.models);
    let (violated, frames) = models.fold((0u64, 0u64), |(violated, frames), model| {
        (violated + u64::from(model.violated), frames + u64::from(model.frames))
    });
    (frames > 0).then(|| violated as f64 / frames as f64)
}
