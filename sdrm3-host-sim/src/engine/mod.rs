//! The simulation: virtual time, simulated accelerators, and the firmware's own runtime between them.

mod accelerator;
mod agenda;
mod draw;
mod observer;

pub use accelerator::SimulatedAccelerator;
pub use draw::Draw;
pub use observer::{LatencySample, ModelStats, Recorder, Stats};

use sdrm3_core::{Duration, Instant, ModelId, Policy, Scheduler, Tally, UxCost, Workload};
use sdrm3_hal::{Runtime, Trouble, Wake};

use crate::scenario::{ACCELERATORS, MODELS, Platform, Scenario};
use agenda::{Agenda, Entry};

/// Frames that may be under way at once; frames beyond are dropped, and counted.
pub const JOBS: usize = 256;

/// One run: what runs, where, for how long, on which random draws.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'a> {
    /// The models.
    pub scenario: &'a Scenario,
    /// The accelerators.
    pub platform: &'a Platform,
    /// Their tables (see [`build`](crate::scenario::build)).
    pub workload: &'a Workload<'a, ACCELERATORS>,
    /// Length in virtual time.
    pub duration: Duration,
    /// Seed of all random draws.
    pub seed: u64,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Per model, in the scenario's order.
    pub tallies: Vec<Tally>,
    /// Per model, what the tallies do not hold.
    pub stats: Vec<ModelStats>,
    /// Blocks dispatched.
    pub decisions: u64,
    /// Segments run.
    pub segments: u64,
    /// Anomalies that the runtime survived; none without faults.
    pub trouble: Trouble,
}

impl Outcome {
    /// UXCost and its factors.
    pub fn uxcost(&self) -> UxCost {
        UxCost::of(&self.tallies)
    }

    /// XRBench's score: `100 * mean over models of (mean over frames run of rt * energy score) *
    /// (1 - drop rate)`, see [`Stats`].
    pub fn xrbench_score(&self) -> f64 {
        let scores: Vec<f64> = self
            .tallies
            .iter()
            .zip(&self.stats)
            .filter(|(tally, _)| tally.frames > 0)
            .map(|(tally, stats)| {
                let run = f64::from(tally.completed);
                let mean = if run > 0.0 { stats.xrbench_sum / run } else { 0.0 };
                mean * (1.0 - f64::from(tally.dropped) / f64::from(tally.frames))
            })
            .collect();
        100.0 * scores.iter().sum::<f64>() / scores.len().max(1) as f64
    }
}

/// Runs a cell under a policy, telling `recorder` of every event.
///
/// # Panics
///
/// If a frame is lost without account: that would be a bug of ours.
pub fn simulate<P: Policy>(cell: &Cell<'_>, policy: P, recorder: &mut impl Recorder) -> Outcome {
    let end = Instant::ZERO.saturating_add(cell.duration);
    let scheduler = Scheduler::<P, MODELS, JOBS, ACCELERATORS>::new(cell.workload, policy)
        .expect("the workload was checked when it was built, within these capacities");
    let queues = (cell.platform.accelerators.iter())
        .map(|_| SimulatedAccelerator::new(cell.platform.decision_ns))
        .collect();
    let mut runtime = Runtime::new(scheduler, queues).expect("one queue was made per accelerator");
    let draw = Draw::new(cell.seed);
    let mut observer = Stats::new(cell.scenario, draw, recorder);
    let mut agenda = Agenda::default();
    for (index, model) in cell.scenario.models.iter().enumerate() {
        if model.parent.is_none() {
            agenda.push_frame(index, model, 0, draw);
        }
    }

    let mut wake = Instant::MAX;
    loop {
        let device = runtime.queues().iter().filter_map(SimulatedAccelerator::next_event).min();
        let next = agenda.next_time().min(device.unwrap_or(Instant::MAX)).min(wake);
        if next > end {
            break;
        }
        while let Some(Entry { index, frame }) = agenda.pop_due(next) {
            // A frame that arrives at the very end belongs to the next run.
            if next == end {
                continue;
            }
            agenda.push_frame(index, &cell.scenario.models[index], frame + 1, draw);
            if let Err(refused) = runtime.release(ModelId(index as u8), next, &mut observer)
                && let Some(frame) = refused.frame
            {
                runtime.give_up(frame, next, &mut observer);
            }
        }
        wake = match runtime.poll(next, &mut observer) {
            Wake::At(at) => at,
            Wake::OnEvent => Instant::MAX,
            Wake::Now => next.saturating_add(Duration::from_nanos(1)),
        };
    }
    runtime.close(end, &mut observer);

    let tallies = runtime.scheduler().tallies().to_vec();
    let (stats, decisions, segments) = observer.finish();
    for (tally, stats) in tallies.iter().zip(&stats) {
        let accounted = tally.completed + tally.dropped + stats.unfinished;
        assert_eq!(tally.frames, accounted, "frames are conserved");
    }
    Outcome { tallies, stats, decisions, segments, trouble: runtime.trouble() }
}
