//! What an experiment says: means over cells with confidence intervals over seeds, wins and losses.
//!
//! Every policy runs every cell on every seed. A figure is first averaged over the cells, for each seed
//! alone; the mean of these is given with its 95 % interval by Student's t, over as many values as there
//! are seeds. Geometric means are means of logarithms. A cell in which no frame was counted under some policy is in
//! no mean of UXCost, and neither won nor lost.

use serde::Serialize;

use crate::report::Run;

/// The runs of a cell.
#[derive(Clone, Debug)]
pub struct CellResult {
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the platform.
    pub platform: String,
    /// See [`utilisation`](super::utilisation).
    pub utilisation: f64,
    /// Whether a model of it has several sub-networks.
    pub has_supernet: bool,
    /// By policy, then by seed.
    pub runs: Vec<Vec<Run>>,
}

/// A mean and its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// The lower end; the mean itself, if there is but one value.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// What became of a policy.
#[derive(Clone, Debug, Serialize)]
pub struct PolicySummary {
    /// Name of the policy.
    pub policy: String,
    /// UXCost, geometric mean; `None` if no cell counts.
    pub uxcost: Option<Estimate>,
    /// UXCost over the lower bound, geometric mean over the cells that have one.
    pub times_bound: Option<Estimate>,
    /// Share of violated frames.
    pub miss_rate: Option<Estimate>,
    /// Energy per completed frame in millijoules, geometric mean.
    pub frame_mj: Option<Estimate>,
    /// Accuracy given up by lighter sub-networks, in percentage points, over the cells with supernets.
    pub accuracy_loss: Option<Estimate>,
}

/// A cell, and how the subject stands there.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the platform.
    pub platform: String,
    /// See [`utilisation`](super::utilisation).
    pub utilisation: f64,
    /// The lower bound, geometric mean over the seeds.
    pub bound: Option<f64>,
    /// UXCost of the subject, geometric mean over the seeds.
    pub uxcost: Option<f64>,
    /// Whether it is in means of UXCost: under every policy some frame was counted.
    pub counts: bool,
    /// The best of the others.
    pub best: Option<String>,
    /// UXCost of the subject over that of the best of the others; above one is a loss.
    pub ratio: Option<Estimate>,
}

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Name of the experiment.
    pub experiment: String,
    /// The policy that is compared with the others.
    pub subject: String,
    /// First seed.
    pub seed: u64,
    /// How many seeds.
    pub seeds: usize,
    /// Virtual time of each run, in milliseconds.
    pub duration_ms: u32,
    /// By policy, the best UXCost first.
    pub policies: Vec<PolicySummary>,
    /// By cell, losses first.
    pub cells: Vec<Comparison>,
}

impl Estimate {
    /// The mean of values, one per seed; `None` without any.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n.max(2) - 1) as f64;
        let half = if n > 1 { student(n - 1) * (variance / n as f64).sqrt() } else { 0.0 };
        Some(Self { mean, low: mean - half, high: mean + half })
    }

    /// The geometric mean of what these are the logarithms of.
    pub fn geometric(logarithms: &[f64]) -> Option<Self> {
        let Self { mean, low, high } = Self::of(logarithms)?;
        Some(Self { mean: mean.exp(), low: low.exp(), high: high.exp() })
    }
}

/// The 97.5 % quantile of Student's t.
fn student(freedom: usize) -> f64 {
    const FIRST: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
    // Beyond ten degrees of freedom the first two terms of its expansion are right to 0.003.
    let n = freedom as f64;
    FIRST.get(freedom.wrapping_sub(1)).copied().unwrap_or(1.96 + 2.3722 / n + 2.8225 / (n * n))
}

impl Summary {
    /// Of the cells of an experiment; `names` are the policies, `rivals` tells which of them the subject,
    /// given by its index, is held against.
    pub fn new(
        experiment: &str,
        cells: &[CellResult],
        names: &[String],
        subject: usize,
        rivals: &[bool],
    ) -> Self {
        let first = cells.first().and_then(|cell| cell.runs.first()).map_or(&[][..], Vec::as_slice);
        let mut policies: Vec<PolicySummary> = names
            .iter()
            .enumerate()
            .map(|(index, name)| of_policy(cells, index, name, first.len()))
            .collect();
        let uxcost = |policy: &PolicySummary| policy.uxcost.map_or(f64::INFINITY, |uxcost| uxcost.mean);
        policies.sort_by(|a, b| uxcost(a).total_cmp(&uxcost(b)));
        let mut cells: Vec<Comparison> =
            cells.iter().map(|cell| compare(cell, names, subject, rivals)).collect();
        let ratio = |cell: &Comparison| cell.ratio.map_or(0.0, |ratio| ratio.mean);
        cells.sort_by(|a, b| ratio(b).total_cmp(&ratio(a)));
        Self {
            experiment: experiment.into(),
            subject: names[subject].clone(),
            seed: first.first().map_or(0, |run| run.seed),
            seeds: first.len(),
            duration_ms: first.first().map_or(0, |run| run.duration_ms),
            policies,
            cells,
        }
    }

    /// Cells where the subject is more than 2 % worse than the best of the others, within that, and better.
    pub fn losses_ties_wins(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        for ratio in self.cells.iter().filter_map(|cell| cell.ratio) {
            counts[if ratio.mean > 1.02 { 0 } else { 1 + usize::from(ratio.mean < 0.98) }] += 1;
        }
        counts
    }
}

impl CellResult {
    fn counts(&self) -> bool {
        self.runs.iter().flatten().all(|run| run.counted().is_some())
    }
}

/// Of what may be zero.
fn logarithm(value: f64) -> f64 {
    value.max(1e-12).ln()
}

fn of_policy(cells: &[CellResult], policy: usize, name: &str, seeds: usize) -> PolicySummary {
    // The mean over the cells that have the figure, for each seed alone.
    let per_seed = |figure: &dyn Fn(&CellResult, &Run) -> Option<f64>| -> Vec<f64> {
        let of_seed = |seed: usize| {
            let values: Vec<f64> =
                cells.iter().filter_map(|cell| figure(cell, &cell.runs[policy][seed])).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        (0..seeds).filter_map(of_seed).collect()
    };
    let positive = |value: f64| (value > 0.0).then(|| value.ln());
    let uxcost = |cell: &CellResult, run: &Run| Some(logarithm(run.counted()?)).filter(|_| cell.counts());
    let times = |cell: &CellResult, run: &Run| Some(uxcost(cell, run)? - positive(run.bound?)?);
    PolicySummary {
        policy: name.into(),
        uxcost: Estimate::geometric(&per_seed(&uxcost)),
        times_bound: Estimate::geometric(&per_seed(&times)),
        miss_rate: Estimate::of(&per_seed(&|_, run| run.metrics.deadline_miss_rate)),
        frame_mj: Estimate::geometric(&per_seed(&|_, run| {
            run.metrics.energy_per_completed_frame_nj.and_then(|nj| positive(nj / 1e6))
        })),
        accuracy_loss: Estimate::of(&per_seed(&|cell, run| cell.has_supernet.then_some(run.accuracy_loss))),
    }
}

fn compare(cell: &CellResult, names: &[String], subject: usize, rivals: &[bool]) -> Comparison {
    // None, if there is a seed on which no frame was counted.
    let logarithms = |policy: usize| -> Option<Vec<f64>> {
        cell.runs[policy].iter().map(|run| run.counted().map(logarithm)).collect()
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let ours = logarithms(subject);
    let others = (0..names.len()).filter(|&policy| rivals[policy] && cell.counts());
    let others = others.filter_map(|policy| Some((policy, logarithms(policy)?)));
    let best = others.min_by(|(_, a), (_, b)| mean(a).total_cmp(&mean(b)));
    let ratio = best.as_ref().zip(ours.as_ref()).and_then(|((_, theirs), ours)| {
        let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours - theirs).collect();
        Estimate::geometric(&ratios)
    });
    let bounds: Option<Vec<f64>> = cell.runs[subject].iter().map(|run| run.bound.map(logarithm)).collect();
    Comparison {
        scenario: cell.scenario.clone(),
        platform: cell.platform.clone(),
        utilisation: cell.utilisation,
        bound: bounds.map(|bounds| mean(&bounds).exp()),
        uxcost: ours.map(|ours| mean(&ours).exp()),
        counts: cell.counts(),
        best: best.map(|(policy, _)| names[policy].clone()),
        ratio,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten values of a textbook: mean 5, standard deviation 1, so 2.262 / sqrt(10) to either side.
    #[test]
    fn an_interval_by_hand() {
        let spread = (9.0f64 / 10.0).sqrt();
        let values: Vec<f64> = (0..10).map(|i| if i < 5 { 5.0 - spread } else { 5.0 + spread }).collect();
        let Estimate { mean, low, high } = Estimate::of(&values).unwrap();
        assert!((mean - 5.0).abs() < 1e-12);
        assert!((high - 5.0 - 2.262 / 10f64.sqrt()).abs() < 1e-3, "{high}");
        assert!((mean - low - (high - mean)).abs() < 1e-12);
    }

    #[test]
    fn one_seed_has_no_width_and_none_no_mean() {
        assert_eq!(Estimate::of(&[3.0]), Some(Estimate { mean: 3.0, low: 3.0, high: 3.0 }));
        assert_eq!(Estimate::of(&[]), None);
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (freedom, quantile) in
            [(1, 12.706), (10, 2.228), (11, 2.201), (19, 2.093), (30, 2.042), (1000, 1.962)]
        {
            assert!((student(freedom) - quantile).abs() < 3e-3, "{freedom}: {}", student(freedom));
        }
    }
}
