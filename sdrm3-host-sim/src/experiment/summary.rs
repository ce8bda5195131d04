//! What an experiment says: means over cells with confidence intervals over seeds, wins and losses.
//!
//! Every policy runs every cell on every seed. A figure is first averaged over the cells, for each seed
//! alone; the mean of these is given with its 95 % interval by Student's t, over as many values as there
//! are seeds. Geometric means are means of logarithms. A cell in which no frame was counted under some policy is in
//! no mean of UXCost, and neither won nor lost.
//!
//! How the subject does against another policy is a matter of the cells: of each the geometric mean over the seeds
//! of the subject's UXCost over the other's is one value, and the interval is over as many values as there are cells.
//! These are the cells on which no policy was designed, if there are any.

use serde::Serialize;

use crate::report::Run;

/// The runs of a cell.
#[derive(Clone, Debug)]
pub struct CellResult {
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the platform.
    pub platform: String,
    /// Whether a policy was designed on it.
    pub design: bool,
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
    /// The lower end; of one value nothing is known.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
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
    /// UXCost of the subject over that of this one: geometric mean and interval over the cells compared on. `None` of
    /// the subject.
    pub ours_over_it: Option<Estimate>,
    /// Share of violated frames.
    pub miss_rate: Option<Estimate>,
    /// Energy per completed frame in millijoules, geometric mean over the cells that have it under every policy.
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
    /// Whether a policy was designed on it.
    pub design: bool,
    /// See [`utilisation`](super::utilisation).
    pub utilisation: f64,
    /// Whether it is in means of UXCost: under every policy some frame was counted.
    pub counts: bool,
    /// Whether the subject is compared with others on it: it counts, and no policy was designed on it or one on all.
    pub compared: bool,
    /// The lower bound, geometric mean over the seeds.
    pub bound: Option<f64>,
    /// UXCost of the subject, geometric mean over the seeds.
    pub uxcost: Option<f64>,
    /// The best of the others.
    pub best: Option<String>,
    /// UXCost of the subject over that of the best of the others; above one is a loss.
    pub ratio: Option<Estimate>,
    /// UXCost of every policy, in the order of the means.
    pub policies: Vec<CellUxCost>,
}

/// UXCost of a policy in a cell.
#[derive(Clone, Debug, Serialize)]
pub struct CellUxCost {
    /// Name of the policy.
    pub policy: String,
    /// Geometric mean over the seeds.
    pub uxcost: Option<Estimate>,
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
    /// How many cells the subject is compared with others on, see [`Self::compared`].
    pub compared_cells: usize,
    /// How many cells have a bound.
    pub bounded_cells: usize,
    /// How many cells have an energy per completed frame under every policy.
    pub frame_mj_cells: usize,
    /// By policy, the best UXCost first.
    pub policies: Vec<PolicySummary>,
    /// By cell, losses first.
    pub cells: Vec<Comparison>,
}

impl Estimate {
    /// The mean of values, one per seed or cell; `None` without any.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n.max(2) - 1) as f64;
        let half = (n > 1).then(|| student(n - 1) * (variance / n as f64).sqrt());
        Some(Self { mean, low: half.map(|half| mean - half), high: half.map(|half| mean + half) })
    }

    /// The geometric mean of what these are the logarithms of.
    pub fn geometric(logarithms: &[f64]) -> Option<Self> {
        let Self { mean, low, high } = Self::of(logarithms)?;
        Some(Self { mean: mean.exp(), low: low.map(f64::exp), high: high.map(f64::exp) })
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
        let all_design = cells.iter().all(|cell| cell.design);
        let is_compared = |cell: &&CellResult| cell.counts() && (all_design || !cell.design);
        let compared: Vec<&CellResult> = cells.iter().filter(is_compared).collect();
        let mut policies: Vec<(usize, PolicySummary)> = names
            .iter()
            .enumerate()
            .map(|(index, name)| {
                let ours_over_it = (index != subject).then(|| ours_over(&compared, subject, index)).flatten();
                (index, PolicySummary { ours_over_it, ..of_policy(cells, index, name, first.len()) })
            })
            .collect();
        let uxcost = |policy: &PolicySummary| policy.uxcost.map_or(f64::INFINITY, |uxcost| uxcost.mean);
        policies.sort_by(|(_, a), (_, b)| uxcost(a).total_cmp(&uxcost(b)));
        let order: Vec<usize> = policies.iter().map(|(index, _)| *index).collect();
        let bounded_cells = cells.iter().filter(|cell| cell.is_bounded()).count();
        let frame_mj_cells = cells.iter().filter(|cell| cell.has_frame_mj()).count();
        let of_cell = |cell: &CellResult| {
            let compared = is_compared(&cell);
            Comparison { compared, ..compare(cell, names, subject, rivals, &order) }
        };
        let compared_cells = compared.len();
        let mut cells: Vec<Comparison> = cells.iter().map(of_cell).collect();
        let ratio = |cell: &Comparison| cell.ratio.map_or(0.0, |ratio| ratio.mean);
        cells.sort_by(|a, b| ratio(b).total_cmp(&ratio(a)));
        Self {
            experiment: experiment.into(),
            subject: names[subject].clone(),
            seed: first.first().map_or(0, |run| run.seed),
            seeds: first.len(),
            duration_ms: first.first().map_or(0, |run| run.duration_ms),
            compared_cells,
            bounded_cells,
            frame_mj_cells,
            policies: policies.into_iter().map(|(_, policy)| policy).collect(),
            cells,
        }
    }

    /// Cells where the subject is more than 2 % worse than the best of the others, within that, and better; of those
    /// compared on.
    pub fn losses_ties_wins(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        for ratio in self.cells.iter().filter(|cell| cell.compared).filter_map(|cell| cell.ratio) {
            counts[if ratio.mean > 1.02 { 0 } else { 1 + usize::from(ratio.mean < 0.98) }] += 1;
        }
        counts
    }

    /// Which cells the subject is compared on, in words.
    pub fn compared(&self) -> String {
        let (compared, all) = (self.compared_cells, self.cells.len());
        match self.cells.iter().filter(|cell| cell.design).count() {
            0 if compared == all => "all cells".into(),
            0 => format!("{compared} of {all} cells"),
            design if design == all => {
                format!("{compared} of {all} cells, on all of which a policy was designed")
            }
            _ => format!("{compared} of {all} cells, on which no policy was designed"),
        }
    }
}

impl CellResult {
    fn counts(&self) -> bool {
        self.runs.iter().flatten().all(|run| run.counted().is_some())
    }

    fn is_bounded(&self) -> bool {
        self.counts() && self.runs.iter().flatten().all(|run| run.bound.is_some_and(|bound| bound > 0.0))
    }

    /// Whether a frame was completed, with energy, under every policy on every seed.
    fn has_frame_mj(&self) -> bool {
        self.runs.iter().flatten().all(|run| frame_mj(run).is_some())
    }

    /// Of UXCost, by seed; `None` if there is a seed on which no frame was counted.
    fn logarithms(&self, policy: usize) -> Option<Vec<f64>> {
        self.runs[policy].iter().map(|run| run.counted().map(logarithm)).collect()
    }

    /// Logarithms of one policy's UXCost over another's, by seed.
    fn ratios(&self, policy: usize, other: usize) -> Option<Vec<f64>> {
        let (ours, theirs) = (self.logarithms(policy)?, self.logarithms(other)?);
        Some(ours.iter().zip(&theirs).map(|(ours, theirs)| ours - theirs).collect())
    }
}

/// Logarithm of the energy per completed frame in millijoules.
fn frame_mj(run: &Run) -> Option<f64> {
    let nj = run.metrics.energy_per_completed_frame_nj.filter(|nj| *nj > 0.0)?;
    Some((nj / 1e6).ln())
}

/// Of what may be zero.
fn logarithm(value: f64) -> f64 {
    value.max(1e-12).ln()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn of_policy(cells: &[CellResult], policy: usize, name: &str, seeds: usize) -> PolicySummary {
    // The mean over the cells that have the figure, for each seed alone.
    let per_seed = |figure: &dyn Fn(&CellResult, &Run) -> Option<f64>| -> Vec<f64> {
        let of_seed = |seed: usize| {
            let values: Vec<f64> =
                cells.iter().filter_map(|cell| figure(cell, &cell.runs[policy][seed])).collect();
            (!values.is_empty()).then(|| mean(&values))
        };
        (0..seeds).filter_map(of_seed).collect()
    };
    let uxcost = |cell: &CellResult, run: &Run| Some(logarithm(run.counted()?)).filter(|_| cell.counts());
    let times = |cell: &CellResult, run: &Run| {
        Some(uxcost(cell, run)? - run.bound.filter(|_| cell.is_bounded())?.ln())
    };
    PolicySummary {
        policy: name.into(),
        uxcost: Estimate::geometric(&per_seed(&uxcost)),
        times_bound: Estimate::geometric(&per_seed(&times)),
        ours_over_it: None,
        miss_rate: Estimate::of(&per_seed(&|_, run| run.metrics.deadline_miss_rate)),
        frame_mj: Estimate::geometric(&per_seed(&|cell, run| frame_mj(run).filter(|_| cell.has_frame_mj()))),
        accuracy_loss: Estimate::of(&per_seed(&|cell, run| cell.has_supernet.then_some(run.accuracy_loss))),
    }
}

/// UXCost of the subject over that of another policy, over cells.
fn ours_over(cells: &[&CellResult], subject: usize, policy: usize) -> Option<Estimate> {
    let of_cell = |cell: &&CellResult| cell.ratios(subject, policy).map(|ratios| mean(&ratios));
    Estimate::geometric(&cells.iter().filter_map(of_cell).collect::<Vec<_>>())
}

fn compare(
    cell: &CellResult,
    names: &[String],
    subject: usize,
    rivals: &[bool],
    order: &[usize],
) -> Comparison {
    let uxcost = |policy: usize| cell.logarithms(policy).and_then(|values| Estimate::geometric(&values));
    let rivals = (0..names.len()).filter(|&policy| rivals[policy] && cell.counts());
    let costs = rivals.filter_map(|policy| Some((policy, uxcost(policy)?.mean)));
    let best = costs.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(policy, _)| policy);
    let bounds: Option<Vec<f64>> = cell.runs[subject].iter().map(|run| run.bound.map(logarithm)).collect();
    let of_policy = |&policy: &usize| CellUxCost { policy: names[policy].clone(), uxcost: uxcost(policy) };
    Comparison {
        scenario: cell.scenario.clone(),
        platform: cell.platform.clone(),
        design: cell.design,
        utilisation: cell.utilisation,
        counts: cell.counts(),
        compared: false,
        bound: bounds.map(|bounds| mean(&bounds).exp()),
        uxcost: uxcost(subject).map(|uxcost| uxcost.mean),
        best: best.map(|policy| names[policy].clone()),
        ratio: best.and_then(|policy| Estimate::geometric(&cell.ratios(subject, policy)?)),
        policies: order.iter().map(of_policy).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::report::{Metrics, ModelRun, RunMetrics};

    /// Ten values of a textbook: mean 5, standard deviation 1, so 2.262 / sqrt(10) to either side.
    #[test]
    fn an_interval_by_hand() {
        let spread = (9.0f64 / 10.0).sqrt();
        let values: Vec<f64> = (0..10).map(|i| if i < 5 { 5.0 - spread } else { 5.0 + spread }).collect();
        let Estimate { mean, low, high } = Estimate::of(&values).unwrap();
        let (low, high) = (low.unwrap(), high.unwrap());
        assert!((mean - 5.0).abs() < 1e-12);
        assert!((high - 5.0 - 2.262 / 10f64.sqrt()).abs() < 1e-3, "{high}");
        assert!((mean - low - (high - mean)).abs() < 1e-12);
    }

    #[test]
    fn one_value_has_no_interval_and_none_no_mean() {
        assert_eq!(Estimate::of(&[3.0]), Some(Estimate { mean: 3.0, low: None, high: None }));
        assert_eq!(Estimate::of(&[]), None);
    }

    /// Of a run in which one frame was counted, or none.
    fn run(uxcost: f64, bound: Option<f64>, frames: u32) -> Run {
        let model = ModelRun {
            name: "m".into(),
            frames,
            completed: frames,
            violated: 0,
            dropped: 0,
            unfinished: 0,
            left_out: 0,
            withdrawn: 0,
            energy_nj: 1,
            worst_energy_nj: 1,
            metrics: Metrics::default(),
            accuracy_loss: 0.0,
            subnetworks: Vec::new(),
            drops: BTreeMap::new(),
        };
        Run {
            scenario: "s".into(),
            platform: "p".into(),
            policy: "any".into(),
            seed: 1,
            duration_ms: 10,
            uxcost,
            violation_rate_sum: uxcost,
            energy_norm_sum: 1.0,
            bound,
            xrbench_score: 0.0,
            metrics: RunMetrics::default(),
            decisions: 0,
            alpha: None,
            beta: None,
            accuracy_loss: 0.0,
            models: vec![model],
        }
    }

    /// A cell by UXCost of ours and theirs on two seeds.
    fn cell(design: bool, ours: [f64; 2], theirs: [f64; 2]) -> CellResult {
        let runs = [ours, theirs].map(|costs| costs.map(|cost| run(cost, None, 1)).to_vec()).to_vec();
        let (scenario, platform) = ("s".into(), "p".into());
        CellResult { scenario, platform, design, utilisation: 0.5, has_supernet: false, runs }
    }

    fn summary(cells: &[CellResult]) -> Summary {
        Summary::new("e", cells, &["ours".into(), "theirs".into()], 0, &[false, true])
    }

    /// Ratios of the cells: 1/2 and 1/8, so 1/4 with a deviation of ln 4 / sqrt 2, over sqrt 2 cells: t is 12.706.
    #[test]
    fn a_rival_is_compared_cell_by_cell_by_hand() {
        let cells = [cell(false, [1.0, 4.0], [4.0, 4.0]), cell(false, [1.0, 1.0], [8.0, 8.0])];
        let summary = summary(&cells);
        let [ours, theirs] = &summary.policies[..] else { panic!("two") };
        assert_eq!((ours.policy.as_str(), ours.ours_over_it), ("ours", None));
        let Estimate { mean, low, high } = theirs.ours_over_it.unwrap();
        let factor = (12.706 * 4f64.ln() / 2.0).exp();
        assert!((mean - 0.25).abs() < 1e-12, "{mean}");
        assert!((low.unwrap() * factor / 0.25 - 1.0).abs() < 1e-9, "{low:?}");
        assert!((high.unwrap() / factor / 0.25 - 1.0).abs() < 1e-9, "{high:?}");
        // Of a cell the seeds are the values: 1/4 and 1.
        let ratio = summary.cells[0].ratio.unwrap();
        assert!((ratio.mean - 0.5).abs() < 1e-12 && ratio.high.unwrap() > 1e3, "{ratio:?}");
    }

    #[test]
    fn cells_that_a_policy_was_designed_on_are_compared_on_only_if_all_are() {
        let [good, bad] = [false, true].map(|design| move |ours| cell(design, [ours; 2], [1.0; 2]));
        let mixed = summary(&[bad(4.0), good(0.5), bad(1.0)]);
        assert_eq!((mixed.compared_cells, mixed.losses_ties_wins()), (1, [0, 0, 1]));
        assert_eq!(mixed.compared(), "1 of 3 cells, on which no policy was designed");
        let of = |summary: &Summary, name: &str| {
            summary.policies.iter().find(|policy| policy.policy == name).cloned().unwrap()
        };
        let theirs = of(&mixed, "theirs").ours_over_it.unwrap();
        assert!(
            (theirs.mean - 0.5).abs() < 1e-12 && theirs.low.is_none(),
            "{theirs:?}: of one cell no interval"
        );
        assert!(
            (of(&mixed, "ours").uxcost.unwrap().mean - 2f64.cbrt()).abs() < 1e-12,
            "means are over all cells"
        );
        let designed = summary(&[bad(4.0), bad(1.0)]);
        assert_eq!((designed.compared_cells, designed.losses_ties_wins()), (2, [1, 1, 0]));
        assert_eq!(designed.compared(), "2 of 2 cells, on all of which a policy was designed");
        assert_eq!(summary(&[good(1.0)]).compared(), "all cells");
    }

    #[test]
    fn a_cell_without_a_counted_frame_is_in_no_mean() {
        let mut empty = cell(false, [9.0; 2], [1.0; 2]);
        empty.runs[1][1] = run(0.0, None, 0);
        let with = summary(&[cell(false, [1.0; 2], [2.0; 2]), empty]);
        assert_eq!((with.compared_cells, with.losses_ties_wins()), (1, [0, 0, 1]));
        assert_eq!(with.compared(), "1 of 2 cells");
        let mean = |summary: &Summary| summary.policies[0].uxcost.map(|uxcost| uxcost.mean);
        assert_eq!(mean(&with), Some(1.0));
        let out = with.cells.iter().find(|cell| !cell.counts).unwrap();
        assert!((out.uxcost.unwrap() - 9.0).abs() < 1e-9 && out.ratio.is_none() && out.best.is_none());
        assert_eq!(out.policies.iter().map(|of| of.uxcost.is_some()).collect::<Vec<_>>(), [true, false]);
    }

    /// Theirs completes nothing in the dear cell: a mean of what is left would look frugal.
    #[test]
    fn energies_are_compared_over_the_cells_in_which_every_policy_completes_a_frame() {
        let energies = |ours: Option<f64>, theirs: Option<f64>| {
            let mut cell = cell(false, [1.0; 2], [1.0; 2]);
            for (runs, nj) in cell.runs.iter_mut().zip([ours, theirs]) {
                runs.iter_mut().for_each(|run| run.metrics.energy_per_completed_frame_nj = nj);
            }
            cell
        };
        let cheap = energies(Some(1e6), Some(2e6));
        let summary = summary(&[cheap.clone(), energies(Some(9e6), None), cheap]);
        let of = |name: &str| {
            let policy = summary.policies.iter().find(|policy| policy.policy == name).unwrap();
            policy.frame_mj.unwrap().mean
        };
        assert!((of("ours") - 1.0).abs() < 1e-12 && (of("theirs") - 2.0).abs() < 1e-12);
        assert_eq!(summary.frame_mj_cells, 2);
    }

    #[test]
    fn the_mean_over_the_bound_is_over_the_cells_that_have_one() {
        let mut bounded = cell(false, [2.0; 2], [3.0; 2]);
        for run in bounded.runs.iter_mut().flatten() {
            run.bound = Some(1.0);
        }
        let summary = summary(&[bounded, cell(false, [5.0; 2], [5.0; 2])]);
        assert_eq!(summary.bounded_cells, 1);
        let times = summary.policies.iter().map(|policy| policy.times_bound.unwrap().mean);
        let times: Vec<f64> = times.collect();
        assert!((times[0] - 2.0).abs() < 1e-12 && (times[1] - 3.0).abs() < 1e-12, "{times:?}");
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
