//! What is measured while a run goes on, beyond the scheduler's own tallies.

use sdrm3_core::{Event, Frame, Instant, Leftover, ModelId, Progress};
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

/// A completed frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatencySample {
    /// From its release to its result, in nanoseconds.
    pub latency_ns: u64,
}

/// Of one model, what the tallies do not hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelStats {
    /// Frames that were under way at the end, past their deadline: violated.
    pub unfinished: u32,
    /// Frames that were under way at the end and had more time: not counted as frames.
    pub left_out: u32,
    /// Sum over completed frames of XRBench's `rt * energy score`.
    pub xrbench_sum: f64,
    /// Of each completed frame.
    pub latencies: Vec<LatencySample>,
}

/// Gathers [`ModelStats`], answers for cascades and passes events on.
#[derive(Debug)]
pub struct Stats<'a, R> {
    parents: Vec<Option<Parent>>,
    draw: Draw,
    recorder: &'a mut R,
    models: Vec<ModelStats>,
    /// Energy spent so far by the job at each place of the pool.
    energy_nj: Vec<u64>,
    decisions: u64,
    segments: u64,
}

impl<'a, R: Recorder> Stats<'a, R> {
    /// For a run of this scenario on these draws.
    pub fn new(scenario: &Scenario, draw: Draw, recorder: &'a mut R) -> Self {
        Self {
            parents: scenario.models.iter().map(|model| model.parent).collect(),
            draw,
            recorder,
            models: vec![ModelStats::default(); scenario.models.len()],
            energy_nj: vec![0; JOBS],
            decisions: 0,
            segments: 0,
        }
    }

    /// Per model; dispatched blocks; their segments.
    pub fn finish(self) -> (Vec<ModelStats>, u64, u64) {
        (self.models, self.decisions, self.segments)
    }
}

impl<R: Recorder> Application for Stats<'_, R> {
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
                self.decisions += 1;
                self.segments += u64::from(block.count);
            }
            Event::Completed(report) => {
                let energy = &mut self.energy_nj[usize::from(report.job.index())];
                *energy += u64::from(report.energy_nj);
                if report.progress != Progress::More {
                    let (frame, energy_nj) = (&report.frame, *energy);
                    let stats = &mut self.models[usize::from(frame.model.0)];
                    stats.xrbench_sum += xrbench(frame, report.finished, energy_nj);
                    let latency_ns = report.finished.saturating_since(frame.release).as_nanos();
                    stats.latencies.push(LatencySample { latency_ns });
                }
            }
            Event::Unfinished(Leftover::Overdue(frame)) => {
                self.models[usize::from(frame.model.0)].unfinished += 1;
            }
            Event::Unfinished(Leftover::LeftOut(frame)) => {
                self.models[usize::from(frame.model.0)].left_out += 1;
            }
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
