//! The simulation: virtual time, simulated accelerators, and the firmware's own runtime between them.

mod accelerator;
mod agenda;
mod draw;
mod execution;
mod observer;
mod watch;

pub use accelerator::SimulatedAccelerator;
pub use agenda::releases;
pub use draw::Draw;
pub use execution::{Execution, Recording};
pub use observer::{ModelStats, Observer, Recorder, Stats, Tuned, reason_name};
pub use watch::{Candidate, Decision, Terms, Waiting, Watch, Watched};

use sdrm3_check::Planted;
use sdrm3_check::ledger::{Broken, Ledger};
use sdrm3_check::witness::Witness;
use sdrm3_core::{
    AcceleratorId, Config, Duration, Instant, ModelId, Policy, Scheduler, Tally, Tuner, UxCost, Workload,
};
use sdrm3_hal::trace::Sink;
use sdrm3_hal::{Runtime, Supervision, Trouble, Wake};

use crate::scenario::{ACCELERATORS, AcceleratorChange, MODELS, ModelChange, Platform, Scenario, What};
pub(crate) use agenda::{Agenda, Entry};

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
    /// What frames really do, if it was recorded; else it is drawn.
    pub recording: Option<&'a Recording>,
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
    /// UXCost and its factors.
    pub uxcost: UxCost,
    /// What the tallies do not hold.
    pub stats: Stats,
    /// The tuner at the end.
    pub tuner: Tuner,
    /// Anomalies that the runtime survived; none without faults.
    pub trouble: Trouble,
}

impl Outcome {
    /// UXCost, if any frame was counted: else it says nothing.
    pub fn counted(&self) -> Option<f64> {
        self.tallies.iter().any(|tally| tally.frames > 0).then(|| self.uxcost.value())
    }

    /// XRBench's score: `100 * mean over models of (mean over frames run of rt * energy score) *
    /// (1 - drop rate)`, see [`ModelStats`].
    pub fn xrbench_score(&self) -> f64 {
        let scores: Vec<f64> = self
            .tallies
            .iter()
            .zip(&self.stats.models)
            .filter(|(tally, _)| tally.frames > 0)
            .map(|(tally, stats)| {
                let run = f64::from(tally.completed);
                let mean = if run > 0.0 { stats.xrbench_sum / run } else { 0.0 };
                mean * (1.0 - f64::from(tally.dropped) / f64::from(tally.frames))
            })
            .collect();
        // A sum of no floats is -0.
        100.0 * scores.iter().fold(0.0, |sum, score| sum + score) / scores.len().max(1) as f64
    }
}

/// Runs a cell under a policy, telling `recorder` of every event.
///
/// # Panics
///
/// If a frame is lost without account: that would be a bug of ours.
pub fn simulate<P: Policy>(
    cell: &Cell<'_>,
    policy: P,
    config: Config,
    recorder: &mut impl Recorder,
) -> Outcome {
    simulate_traced(cell, policy, config, recorder, &mut ())
}

/// The same, telling `sink` of every call to the scheduler and its answer.
///
/// # Panics
///
/// As [`simulate`].
pub fn simulate_traced<P: Policy>(
    cell: &Cell<'_>,
    policy: P,
    config: Config,
    recorder: &mut impl Recorder,
    sink: &mut impl Sink,
) -> Outcome {
    simulate_and(cell, policy, config, recorder, sink, |_, _| ()).0
}

/// The same, with every event and every choice held against what the scheduler promises (see
/// [`sdrm3_check`]): how many events there were, or the first promise that was broken.
///
/// # Panics
///
/// As [`simulate`].
pub fn simulate_checked<P: Policy>(
    cell: &Cell<'_>,
    policy: P,
    config: Config,
    recorder: &mut impl Recorder,
    sink: &mut impl Sink,
    planted: Planted,
) -> (Outcome, Result<u64, Broken>) {
    let witness = Witness::new(policy, Ledger::new(cell.workload, config, JOBS)).with_planted(planted);
    simulate_and(cell, witness, config, recorder, sink, Witness::verdict)
}

/// Runs a cell, and looks at its policy and the totals at the end.
fn simulate_and<P: Policy, T>(
    cell: &Cell<'_>,
    policy: P,
    config: Config,
    recorder: &mut impl Recorder,
    sink: &mut impl Sink,
    look: impl FnOnce(&P, &[Tally]) -> T,
) -> (Outcome, T) {
    let end = Instant::ZERO.saturating_add(cell.duration);
    let scheduler = Scheduler::<P, MODELS, JOBS, ACCELERATORS>::new(cell.workload, policy, config)
        .expect("the workload was checked when it was built, within these capacities");
    let draw = Draw::new(cell.seed);
    let execution = Execution::new(cell, draw);
    let queues = (cell.platform.accelerators.iter())
        .map(|_| SimulatedAccelerator::new(execution, cell.platform.decision_ns))
        .collect();
    // Blocks take what they take: an estimate that is far off is what a run is to show.
    let runtime = Runtime::traced(scheduler, queues, sink).expect("one queue was made per accelerator");
    let runtime = runtime.with_supervision(Supervision::OFF);
    let observer = Observer::new(cell, draw, recorder);
    let mut run = Run { cell, runtime, observer, agenda: Agenda::new(cell.scenario, draw) };
    run.switch_off_what_starts_inactive();
    run.to(end);
    run.finish(end, look)
}

/// A run under way.
struct Run<'a, P, R, S> {
    cell: &'a Cell<'a>,
    runtime: Runtime<'a, P, SimulatedAccelerator<'a>, MODELS, JOBS, ACCELERATORS, S>,
    observer: Observer<'a, R>,
    agenda: Agenda<'a>,
}

impl<P: Policy, R: Recorder, S: Sink> Run<'_, P, R, S> {
    fn switch_off_what_starts_inactive(&mut self) {
        for (index, _) in self.cell.scenario.models.iter().enumerate().filter(|(_, model)| !model.active) {
            let id = ModelId(index as u8);
            let _ = self.runtime.set_active(id, false, Instant::ZERO, &mut self.observer);
        }
    }

    fn to(&mut self, end: Instant) {
        let mut wake = Instant::MAX;
        loop {
            let device = self.runtime.queues().iter().filter_map(SimulatedAccelerator::next_event).min();
            let now = self.agenda.next_time().min(device.unwrap_or(Instant::MAX)).min(wake);
            if now > end {
                return;
            }
            while let Some(entry) = self.agenda.pop_due(now) {
                // What comes at the very end belongs to the next run.
                if now < end {
                    self.apply(entry, now);
                }
            }
            wake = match self.runtime.poll(now, &mut self.observer) {
                Wake::At(at) => at,
                Wake::OnEvent => Instant::MAX,
                Wake::Now => now.saturating_add(Duration::from_nanos(1)),
            };
        }
    }

    fn apply(&mut self, entry: Entry, now: Instant) {
        match entry {
            Entry::Change(index) => self.change(&self.cell.scenario.changes[index].what, now),
            Entry::Frame { model, .. } => {
                let released = self.runtime.release(ModelId(model as u8), now, &mut self.observer);
                if let Err(refused) = released
                    && let Some(frame) = refused.frame
                {
                    self.runtime.give_up(frame, now, &mut self.observer);
                }
            }
        }
    }

    /// A change that the scenario scripts. Its models and accelerators were checked when it was read.
    fn change(&mut self, what: &What, now: Instant) {
        match *what {
            What::Model(index, ModelChange::Active(active)) => {
                let id = ModelId(index as u8);
                let _ = self.runtime.set_active(id, active, now, &mut self.observer);
                self.agenda.set_active(index, active, now);
            }
            What::Model(index, ModelChange::Fps(fps)) => {
                let period = Duration::from_nanos((1e9 / fps).round() as u64);
                let _ = self.runtime.set_period(ModelId(index as u8), period, now);
                self.agenda.set_fps(index, fps, now);
            }
            What::Accelerator(index, change) => {
                let Some(queue) = self.runtime.queues_mut().get_mut(index) else { return };
                match change {
                    AcceleratorChange::Speed(speed) => queue.set_speed(speed),
                    AcceleratorChange::Lost => queue.set_lost(true, now),
                    AcceleratorChange::Restored => {
                        queue.set_lost(false, now);
                        self.runtime.restore(AcceleratorId(index as u8), now, &mut self.observer);
                    }
                }
            }
        }
    }

    fn finish<T>(mut self, end: Instant, look: impl FnOnce(&P, &[Tally]) -> T) -> (Outcome, T) {
        self.runtime.close(end, &mut self.observer);
        let scheduler = self.runtime.scheduler();
        let tallies = scheduler.tallies().to_vec();
        let stats = self.observer.finish();
        for (tally, stats) in tallies.iter().zip(&stats.models) {
            let accounted = tally.completed + tally.dropped + stats.unfinished;
            assert_eq!(tally.frames, accounted, "frames are conserved");
        }
        let (uxcost, tuner) = (scheduler.uxcost(), *scheduler.tuner());
        let seen = look(scheduler.policy(), &tallies);
        (Outcome { tallies, uxcost, stats, tuner, trouble: self.runtime.trouble() }, seen)
    }
}
