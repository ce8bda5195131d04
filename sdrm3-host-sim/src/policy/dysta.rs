//! Dysta: dynamic and static scheduling of sparse networks (Fan et al., MICRO 2023).
//!
//! At every layer boundary the task with the smallest score runs:
//!
//! ```text
//! gamma(j)   = measured latency / table latency of j's last block        1 before the first
//! remain(j)  = gamma(j) * ToGo(j)
//! slack(j)   = max(0, deadline(j) - now - remain(j))
//! penalty(j) = (time since j last ran / isolated(j)) / number of tasks
//! score(j)   = remain(j) + eta * (slack(j) + penalty(j))                  eta = 0.01
//! ```
//!
//! It is shortest remaining time first, tilted towards tight deadlines, and towards the task that ran
//! last: going on with it saves a preemption. The static level are the tables' estimates per
//! sub-network (the paper: per sparsity pattern), the dynamic level is gamma, the latency predictor.
//!
//! **Differences to the original.** Gamma is a ratio of latencies, monitored through
//! [`Policy::observe`]; the hardware of the paper monitors sparsity, of which latency is a linear
//! function. Several accelerators: the chosen task takes the fastest idle one. The released program
//! adds the penalty, a ratio, to seconds, which suits its networks of some tenths of a second and not
//! ours of milliseconds: here times count in mean isolated latencies of the workload's models.

use std::collections::HashMap;

use sdrm3_core::{
    AcceleratorState, Activity, Dispatch, Duration, Event, Frame, Instant, JobView, Offer, Policy, Progress,
    Report, Score,
};

use super::Tables;

const ETA: f64 = 0.01;
/// Scores are counted in units of 10^-12.
const SCALE: f64 = 1e12;

/// Dysta's score and latency predictor.
#[derive(Clone, Debug)]
pub struct Dysta<'a> {
    tables: &'a Tables<'a>,
    /// Of each frame that has run a block.
    gamma: HashMap<Frame, f64>,
    /// What runs on each accelerator, and since when.
    running: Vec<Option<(Dispatch, Instant)>>,
    tasks: usize,
    /// The unit of time: the mean isolated latency, in nanoseconds.
    unit: f64,
}

impl<'a> Dysta<'a> {
    /// For these tables.
    pub fn new(tables: &'a Tables<'a>) -> Self {
        let running = vec![None; tables.accelerators.len()];
        let isolated: Vec<f64> = (0..tables.models.len()).map(|model| isolated(tables, model, 0)).collect();
        let unit = (isolated.iter().sum::<f64>() / isolated.len().max(1) as f64).max(1.0);
        Self { tables, gamma: HashMap::new(), running, tasks: 1, unit }
    }

    fn monitor(&mut self, report: &Report) {
        let Some((block, since)) = self.running[usize::from(report.ticket.accelerator.0)].take() else {
            return;
        };
        if report.progress != Progress::More {
            self.gamma.remove(&report.frame);
            return;
        }
        let taken = report.finished.saturating_since(since).as_nanos() as f64;
        let run = taken - f64::from(block.switch.latency_ns);
        self.gamma.insert(report.frame, run.max(0.0) / f64::from(block.expected.latency_ns.max(1)));
    }
}

/// What the network takes alone, in nanoseconds.
fn isolated(tables: &Tables<'_>, model: usize, subnetwork: usize) -> f64 {
    tables.models[model].subnetworks[subnetwork].segments[0].info().togo.as_nanos() as f64
}

impl Policy for Dysta<'_> {
    type Weighed = Score;

    fn prepare<'j>(
        &mut self,
        jobs: impl Iterator<Item = JobView<'j>>,
        accelerators: &[AcceleratorState],
        _: Instant,
    ) {
        let running = accelerators.iter().filter(|state| matches!(state.activity, Activity::Busy { .. }));
        self.tasks = jobs.count() + running.count();
    }

    fn weigh(&self, job: &JobView<'_>, _: &[AcceleratorState], now: Instant) -> Score {
        let time = |duration: Duration| duration.as_nanos() as f64 / self.unit;
        let isolated =
            isolated(self.tables, usize::from(job.frame.model.0), usize::from(job.subnetwork)) / self.unit;
        let remain = self.gamma.get(&job.frame).copied().unwrap_or(1.0) * time(job.togo);
        let slack = (time(job.slack(now)) - remain).max(0.0);
        let waited = time(now.saturating_since(job.ready_since));
        let penalty = waited / isolated.max(1e-9) / self.tasks.max(1) as f64;
        Score(-((remain + ETA * (slack + penalty)) * SCALE) as i64)
    }

    fn score(&self, weighed: Score, _: &JobView<'_>, _: &Offer<'_>) -> Option<Score> {
        Some(weighed)
    }

    fn observe(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Dispatched(block) => {
                self.running[usize::from(block.ticket.accelerator.0)] = Some((*block, now));
            }
            Event::Completed(report) => self.monitor(report),
            Event::Dropped(frame, _) => {
                self.gamma.remove(frame);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::PolicyName;
    use super::super::story::Story;

    #[test]
    fn the_shortest_remaining_goes_first_and_a_running_one_is_gone_on_with() {
        let story = Story::new(1, 90).once("long", 0, 80, &[&[8], &[8], &[8]]).once("short", 9, 80, &[&[12]]);
        let told = story.told(PolicyName::Dysta);
        assert_eq!(
            told[..3],
            ["0 long 0+1 on 0", "8 long 1+1 on 0", "16 long 2+1 on 0"],
            "8 left against 12"
        );
    }

    #[test]
    fn of_equal_work_the_tighter_deadline_goes_first() {
        let story = Story::new(1, 90).once("loose", 0, 80, &[&[10]]).once("tight", 0, 40, &[&[10]]);
        assert_eq!(story.told(PolicyName::Dysta), ["0 tight 0+1 on 0", "10 loose 0+1 on 0"]);
    }

    #[test]
    fn a_job_that_turns_out_slow_is_predicted_to_stay_slow() {
        // `slow` has 6 ms left at 12 ms, 12 as measured; `other` has 9.
        let story = |speed: &str| {
            let change = format!("at_ms = 0.0\naccelerator = 0\nspeed = {speed}");
            Story::new(1, 90)
                .once("slow", 0, 80, &[&[6], &[6]])
                .once("other", 1, 80, &[&[9]])
                .change(&change)
                .told(PolicyName::Dysta)
        };
        assert_eq!(story("1.0")[1], "6 slow 1+1 on 0");
        assert_eq!(story("0.5")[1], "12 other 0+1 on 0");
    }
}
