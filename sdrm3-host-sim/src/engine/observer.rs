//! What is measured while a run goes on, beyond the scheduler's own tallies.

use std::collections::BTreeMap;

use sdrm3_core::{DropReason, Event, Frame, Instant, Leftover, ModelId, Progress, Report, Weights};
use sdrm3_hal::Application;

use super::{Draw, JOBS};
use crate::scenario::{Parent, Scenario};

/// Hears of every event of a run.
pub trait Recorder {
    /// One event, at its time.
    fn record(&mut self, event: &Event, now: Instant);
}

/// Records nothing.
impl Recorder for () {
    fn record(&mut self, _: &Event, _: Instant) {}
}

/// Records, if there is something to record with.
impl<R: Recorder> Recorder for Option<R> {
    fn record(&mut self, event: &Event, now: Instant) {
        if let Some(recorder) = self {
            recorder.record(event, now);
        }
    }
}

/// Records with both.
impl<A: Recorder, B: Recorder> Recorder for (A, B) {
    fn record(&mut self, event: &Event, now: Instant) {
        self.0.record(event, now);
        self.1.record(event, now);
    }
}

/// Of one model, what the tallies do not hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelStats {
    /// Frames that were under way at the end, past their deadline: violated.
    pub unfinished: u32,
    /// Frames that were under way at the end and had more time: not counted as frames.
    pub left_out: u32,
    /// Frames that were withdrawn because the model was switched off: not counted as frames.
    pub withdrawn: u32,
    /// Sum over completed frames of XRBench's `rt * energy score`.
    pub xrbench_sum: f64,
    /// From release to result, in nanoseconds, of each completed frame.
    pub latencies_ns: Vec<u64>,
    /// Completed frames at each sub-network, from the heaviest; as long as needed.
    pub subnetworks: Vec<u32>,
    /// Dropped frames by reason.
    pub drops: BTreeMap<&'static str, u32>,
}

/// New weights set by online tuning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuned {
    /// When.
    pub at: Instant,
    /// Which.
    pub weights: Weights,
}

/// What is measured of a run, beyond the scheduler's tallies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Per model, in the scenario's order.
    pub models: Vec<ModelStats>,
    /// Blocks dispatched.
    pub decisions: u64,
    /// Segments run.
    pub segments: u64,
    /// The path of online tuning.
    pub tuned: Vec<Tuned>,
}

/// Gathers [`Stats`], answers for cascades and passes events on.
#[derive(Debug)]
pub struct Observer<'a, R> {
    parents: Vec<Option<Parent>>,
    draw: Draw,
    recorder: &'a mut R,
    stats: Stats,
    /// Energy spent so far by the job at each place of the pool.
    energy_nj: Vec<u64>,
}

impl<'a, R: Recorder> Observer<'a, R> {
    /// For a run of this scenario on these draws.
    pub fn new(scenario: &Scenario, draw: Draw, recorder: &'a mut R) -> Self {
        let models = vec![ModelStats::default(); scenario.models.len()];
        Self {
            parents: scenario.models.iter().map(|model| model.parent).collect(),
            draw,
            recorder,
            stats: Stats { models, ..Stats::default() },
            energy_nj: vec![0; JOBS],
        }
    }

    /// What was measured.
    pub fn finish(self) -> Stats {
        self.stats
    }

    fn completed(&mut self, report: &Report) {
        let energy = &mut self.energy_nj[usize::from(report.job.index())];
        *energy += u64::from(report.energy_nj);
        if report.progress == Progress::More {
            return;
        }
        let stats = &mut self.stats.models[usize::from(report.frame.model.0)];
        stats.xrbench_sum += xrbench(&report.frame, report.finished, *energy);
        stats.latencies_ns.push(report.finished.saturating_since(report.frame.release).as_nanos());
        let index = usize::from(report.subnetwork);
        if stats.subnetworks.len() <= index {
            stats.subnetworks.resize(index + 1, 0);
        }
        stats.subnetworks[index] += 1;
    }
}

/// The name of a reason in reports.
pub fn reason_name(reason: DropReason) -> &'static str {
    match reason {
        DropReason::Stale => "stale",
        DropReason::Infeasible => "infeasible",
        DropReason::Superseded => "superseded",
        DropReason::Withdrawn => "withdrawn",
        DropReason::Abandoned => "abandoned",
        DropReason::ParentLost => "parent lost",
        DropReason::NoRoom => "no room",
        _ => "other",
    }
}

impl<R: Recorder> Application for Observer<'_, R> {
    fn gives_rise(&mut self, parent: &Frame, child: ModelId) -> bool {
        let index = usize::from(child.0);
        self.parents[index].is_some_and(|Parent { probability, every, .. }| {
            parent.number.is_multiple_of(every) && self.draw.cascade(index, parent.number, probability)
        })
    }

    fn event(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Released(_, job) => self.energy_nj[usize::from(job.index())] = 0,
            Event::Dispatched(block) => {
                self.stats.decisions += 1;
                self.stats.segments += u64::from(block.count);
            }
            Event::Completed(report) => self.completed(report),
            Event::Dropped(frame, reason) => {
                let stats = &mut self.stats.models[usize::from(frame.model.0)];
                match reason {
                    DropReason::Withdrawn => stats.withdrawn += 1,
                    _ => *stats.drops.entry(reason_name(*reason)).or_default() += 1,
                }
            }
            Event::Unfinished(Leftover::Overdue(frame)) => {
                self.stats.models[usize::from(frame.model.0)].unfinished += 1;
            }
            Event::Unfinished(Leftover::LeftOut(frame)) => {
                self.stats.models[usize::from(frame.model.0)].left_out += 1;
            }
            Event::Tuned(weights) => self.stats.tuned.push(Tuned { at: now, weights: *weights }),
            _ => {}
        }
        self.recorder.record(event, now);
    }
}

/// XRBench's `rt * energy score` of a frame: `1 / (1 + exp(15 * (completion - deadline in ms)))` times
/// `(1500 - energy in mJ) / 1500`.
fn xrbench(frame: &Frame, finished: Instant, energy_nj: u64) -> f64 {
    let late_ms = (finished.as_nanos() as f64 - frame.deadline.as_nanos() as f64) / 1e6;
    let real_time = 1.0 / (1.0 + (15.0 * late_ms).exp());
    real_time * (1500.0 - energy_nj as f64 / 1e6) / 1500.0
}
