//! What is measured while a run goes on, beyond the scheduler's own tallies.

use std::collections::BTreeMap;

use sdrm3_core::{
    Dispatch, DropReason, Event, Frame, Instant, Leftover, ModelId, Progress, Report, Segment, Weights,
    Workload,
};
use sdrm3_hal::Application;

use super::{Cell, Draw, JOBS};
use crate::scenario::{ACCELERATORS, Parent};

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

/// Records with what is borrowed.
impl<R: Recorder + ?Sized> Recorder for &mut R {
    fn record(&mut self, event: &Event, now: Instant) {
        R::record(self, event, now);
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
    /// Sum over completed frames of their turnaround time over that on an empty platform, each layer on
    /// its fastest accelerator.
    pub turnaround_sum: f64,
    /// Sum over completed frames of the inverse: their progress, 1 at best.
    pub progress_sum: f64,
    /// The longest that a frame was ready without running, at one time, in nanoseconds.
    pub longest_wait_ns: u64,
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
    /// Of the job at each place of the pool.
    jobs: Vec<Progressing>,
    workload: &'a Workload<'a, ACCELERATORS>,
}

/// What a job has done so far.
#[derive(Clone, Copy, Debug, Default)]
struct Progressing {
    energy_nj: u64,
    /// Time that the layers it ran take on their fastest accelerators.
    fastest_ns: u64,
    /// The same for the block that is under way.
    block_ns: u64,
    /// Model and number of its frame.
    frame: Option<(ModelId, u32)>,
    /// Since when it is ready; `None` while it runs.
    ready: Option<Instant>,
}

impl<'a, R: Recorder> Observer<'a, R> {
    /// For a run of this cell on these draws.
    pub fn new(cell: &Cell<'a>, draw: Draw, recorder: &'a mut R) -> Self {
        let models = vec![ModelStats::default(); cell.scenario.models.len()];
        Self {
            parents: cell.scenario.models.iter().map(|model| model.parent).collect(),
            draw,
            recorder,
            stats: Stats { models, ..Stats::default() },
            jobs: vec![Progressing::default(); JOBS],
            workload: cell.workload,
        }
    }

    /// What was measured.
    pub fn finish(self) -> Stats {
        self.stats
    }

    fn dispatched(&mut self, block: &Dispatch, now: Instant) {
        self.stats.decisions += 1;
        self.stats.segments += u64::from(block.count);
        let subnetworks = self.workload.model(block.frame.model).map_or(&[][..], |model| model.subnetworks);
        let segments = subnetworks.get(usize::from(block.subnetwork)).map_or(&[][..], |sub| sub.segments);
        let run = segments.iter().skip(usize::from(block.first)).take(usize::from(block.count));
        let fastest = |segment: &Segment<ACCELERATORS>| {
            let runs = segment.placements().iter().filter(|place| place.runs());
            runs.map(|place| u64::from(place.latency_ns)).min().unwrap_or(0)
        };
        self.waited(usize::from(block.job.index()), now);
        self.jobs[usize::from(block.job.index())].block_ns = run.map(fastest).sum();
    }

    /// The job at this place waits no longer.
    fn waited(&mut self, place: usize, now: Instant) {
        let job = &mut self.jobs[place];
        if let (Some((model, _)), Some(since)) = (job.frame, job.ready.take()) {
            let longest = &mut self.stats.models[usize::from(model.0)].longest_wait_ns;
            *longest = (*longest).max(now.saturating_since(since).as_nanos());
        }
    }

    /// The frame has ended without a result, if it was admitted at all.
    fn ended(&mut self, frame: &Frame, now: Instant) {
        let key = Some((frame.model, frame.number));
        if let Some(place) = self.jobs.iter().position(|job| job.frame == key) {
            self.waited(place, now);
            self.jobs[place].frame = None;
        }
    }

    fn completed(&mut self, report: &Report, now: Instant) {
        let job = &mut self.jobs[usize::from(report.job.index())];
        job.energy_nj += u64::from(report.energy_nj);
        job.fastest_ns += job.block_ns;
        if report.progress == Progress::More {
            job.ready = Some(now);
            return;
        }
        let (energy_nj, fastest_ns) = (job.energy_nj, job.fastest_ns);
        job.frame = None;
        let stats = &mut self.stats.models[usize::from(report.frame.model.0)];
        stats.xrbench_sum += xrbench(&report.frame, report.finished, energy_nj);
        let latency_ns = report.finished.saturating_since(report.frame.release).as_nanos();
        stats.latencies_ns.push(latency_ns);
        // What takes no time, is as fast as it can be.
        let (took, alone) = (latency_ns.max(1) as f64, fastest_ns.max(1) as f64);
        stats.turnaround_sum += took / alone;
        stats.progress_sum += alone / took;
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
        DropReason::Unplaceable => "unplaceable",
        _ => "other",
    }
}

impl<R: Recorder> Application for Observer<'_, R> {
    fn gives_rise(&mut self, parent: &Frame, child: ModelId) -> bool {
        let index = usize::from(child.0);
        self.parents[index].is_some_and(|spec| self.draw.gives_rise(&spec, index, parent.number))
    }

    fn event(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Released(frame, job) => {
                let (key, ready) = (Some((frame.model, frame.number)), Some(now));
                self.jobs[usize::from(job.index())] =
                    Progressing { frame: key, ready, ..Progressing::default() };
            }
            Event::Dispatched(block) => self.dispatched(block, now),
            Event::Completed(report) => self.completed(report, now),
            // The frame is ready again, at the layer it was at.
            Event::Faulted(_, _, Some(lost)) => self.jobs[usize::from(lost.index())].ready = Some(now),
            Event::Dropped(frame, reason) => {
                self.ended(frame, now);
                let stats = &mut self.stats.models[usize::from(frame.model.0)];
                match reason {
                    DropReason::Withdrawn => stats.withdrawn += 1,
                    _ => *stats.drops.entry(reason_name(*reason)).or_default() += 1,
                }
            }
            Event::Unfinished(Leftover::Overdue(frame)) => {
                self.ended(frame, now);
                self.stats.models[usize::from(frame.model.0)].unfinished += 1;
            }
            Event::Unfinished(Leftover::LeftOut(frame)) => {
                self.ended(frame, now);
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
