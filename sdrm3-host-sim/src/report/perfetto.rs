//! A run as a trace for the Perfetto UI, in the JSON of the Trace Event Format.
//!
//! Three groups of tracks: the accelerators, with a slice for each block that names the frame, the score and
//! its terms; the models, with a slice for each frame from its release to its end, on as many lanes as it has
//! frames at once; and the scheduler's counters. Arrows lead from a frame to its blocks, in their order; marks
//! stand where a frame is dropped, misses its deadline or changes its sub-network, and where an accelerator
//! fails. Events are written as they become known, so that memory does not grow with the run: readers sort by
//! time, and of equal times keep the order of the file.

mod counters;
mod lanes;
mod write;

use std::io::{self, Write};

use sdrm3_core::{
    AcceleratorId, Dispatch, DropReason, Event, Fault, Frame, Instant, Leftover, Progress, Report, Weights,
    Workload,
};

use self::counters::Counters;
use self::lanes::{Lanes, Open};
use self::write::{Args, Events};
use crate::engine::{Recorder, Terms, Watch, reason_name};
use crate::scenario::ACCELERATORS;

/// The groups of tracks.
const ON_ACCELERATORS: u32 = 1;
const OF_MODELS: u32 = 2;
const OF_SCHEDULER: u32 = 3;

/// The track of the first accelerator, of the first model, and how many lanes a model has room for.
const FIRST_ACCELERATOR: u32 = 10;
const FIRST_MODEL: u32 = 1_000;
const LANES: u32 = 1_000;

/// Writes a run as it goes on.
#[derive(Debug)]
pub struct PerfettoTrace<'a, W: Write> {
    workload: &'a Workload<'a, ACCELERATORS>,
    watch: &'a Watch,
    out: Events<W>,
    lanes: Lanes,
    counters: Counters,
    /// What each accelerator runs.
    blocks: Vec<Option<Block>>,
    /// The sub-network that each model used last.
    subnetworks: Vec<u8>,
}

/// A block that runs.
#[derive(Clone, Copy, Debug)]
struct Block {
    dispatch: Dispatch,
    at: Instant,
    terms: Option<Terms>,
    candidates: usize,
}

impl<'a, W: Write> PerfettoTrace<'a, W> {
    /// Begins a trace of a run of this workload, decided under this watch; `about` says what run it is,
    /// `weights` those that the policy starts with, if it has some.
    pub fn new(
        workload: &'a Workload<'a, ACCELERATORS>,
        watch: &'a Watch,
        about: &[(&str, String)],
        weights: Option<Weights>,
        out: W,
    ) -> Self {
        let mut trace = Self {
            workload,
            watch,
            out: Events::begin(out, about),
            lanes: Lanes::new(workload.models.len()),
            counters: Counters::new(workload),
            blocks: vec![None; workload.accelerators.len()],
            subnetworks: vec![0; workload.models.len()],
        };
        let groups = [(ON_ACCELERATORS, "accelerators"), (OF_MODELS, "models"), (OF_SCHEDULER, "scheduler")];
        for (pid, name) in groups {
            trace.out.name_group(pid, name);
        }
        for (accelerator, tid) in workload.accelerators.iter().zip(FIRST_ACCELERATOR..) {
            trace.out.name_track(ON_ACCELERATORS, tid, accelerator.name);
        }
        if let Some(weights) = weights {
            trace.weights(weights, Instant::ZERO);
        }
        trace
    }

    /// Ends the trace at the end of the run.
    pub fn finish(mut self, end: Instant) -> io::Result<W> {
        for index in 0..self.blocks.len() {
            if let Some(block) = self.blocks.get_mut(index).and_then(Option::take) {
                self.slice(&block, end, "still running at the end");
            }
        }
        self.counters.finish(end, &mut self.out);
        self.out.end()
    }

    fn model(&self, frame: &Frame) -> &'a str {
        self.workload.model(frame.model).map_or("?", |model| model.name)
    }

    fn subnetwork(&self, frame: &Frame, index: u8) -> &'a str {
        let subnetworks = self.workload.model(frame.model).map_or(&[][..], |model| model.subnetworks);
        subnetworks.get(usize::from(index)).map_or("?", |subnetwork| subnetwork.name)
    }

    fn weights(&mut self, weights: Weights, now: Instant) {
        self.out.counter(OF_SCHEDULER, "alpha", now, weights.alpha.as_f64());
        self.out.counter(OF_SCHEDULER, "beta", now, weights.beta.as_f64());
    }

    fn released(&mut self, frame: &Frame, now: Instant) {
        let (lane, is_new) = self.lanes.open(frame, now);
        if is_new {
            self.out.name_track(OF_MODELS, lane, self.model(frame));
        }
        let args = Args::default()
            .number("frame", f64::from(frame.number))
            .number("deadline_us", micros(frame.deadline));
        self.out.begin_slice(
            OF_MODELS,
            lane,
            "frame",
            &format!("{} {}", self.model(frame), frame.number),
            now,
            &args,
        );
    }

    fn dispatched(&mut self, dispatch: &Dispatch, now: Instant) {
        let decision = self.watch.decision();
        let terms = decision.chosen(dispatch).and_then(|pair| pair.terms);
        let candidates = decision.candidates.len();
        drop(decision);
        if let Some(block) = self.blocks.get_mut(usize::from(dispatch.ticket.accelerator.0)) {
            *block = Some(Block { dispatch: *dispatch, at: now, terms, candidates });
        }
        self.uses(&dispatch.frame, dispatch.subnetwork, now);
    }

    /// The frame runs this sub-network: a mark, if its model used another one last.
    fn uses(&mut self, frame: &Frame, subnetwork: u8, now: Instant) {
        let Some(last) = self.subnetworks.get_mut(usize::from(frame.model.0)) else { return };
        let last = std::mem::replace(last, subnetwork);
        if last != subnetwork {
            let (from, to) = (self.subnetwork(frame, last), self.subnetwork(frame, subnetwork));
            let name = format!("sub-network {from} to {to}");
            self.mark(frame, &name, now, &Args::default());
        }
    }

    /// A mark on the frame's lane.
    fn mark(&mut self, frame: &Frame, name: &str, at: Instant, args: &Args) {
        let (lane, is_new) = self.lanes.of(frame);
        if is_new {
            self.out.name_track(OF_MODELS, lane, self.model(frame));
        }
        self.out.mark(OF_MODELS, lane, name, at, args);
    }

    fn completed(&mut self, report: &Report, now: Instant) {
        let Some(block) = self.take(report.ticket.accelerator) else { return };
        let is_last = report.progress != Progress::More;
        self.slice(&block, report.finished, "");
        self.counters.spent(report.energy_nj);
        self.arrow(&block, is_last);
        self.uses(&report.frame, report.subnetwork, now);
        if is_last {
            let late = report.progress == Progress::Late;
            if late {
                let over = report.finished.saturating_since(report.frame.deadline);
                let args = Args::default().number("late_us", over.as_nanos() as f64 / 1e3);
                self.mark(&report.frame, "deadline missed", report.frame.deadline, &args);
            }
            self.ended(&report.frame, report.finished);
        }
    }

    fn take(&mut self, accelerator: AcceleratorId) -> Option<Block> {
        self.blocks.get_mut(usize::from(accelerator.0)).and_then(Option::take)
    }

    /// The slice of a block, and within it that of the switch to its job.
    fn slice(&mut self, block: &Block, end: Instant, note: &str) {
        let Block { dispatch, at, terms, candidates } = block;
        let tid = track_of(dispatch.ticket.accelerator);
        let mut args = Args::default()
            .number("frame", f64::from(dispatch.frame.number))
            .number("first_segment", f64::from(dispatch.first))
            .number("segments", f64::from(dispatch.count))
            .text("subnetwork", self.subnetwork(&dispatch.frame, dispatch.subnetwork));
        match terms {
            Some(terms) => {
                let [urgency, starvation, energy] = terms.summands();
                args = args
                    .number("score", urgency + starvation + energy)
                    .number("urgency", terms.urgency)
                    .number("latency_preference", terms.latency_preference)
                    .number("starvation", terms.starvation)
                    .number("energy_preference", terms.energy_preference)
                    .number("switch", terms.switch);
            }
            None => args = args.number("score", dispatch.score.0 as f64),
        }
        args = args
            .number("candidates", *candidates as f64)
            .number("slack_us", micros(dispatch.frame.deadline) - micros(*at))
            .number("expected_us", f64::from(dispatch.expected.latency_ns) / 1e3)
            .number("switch_us", f64::from(dispatch.switch.latency_ns) / 1e3)
            .number("switch_nj", f64::from(dispatch.switch.energy_nj))
            .number("energy_nj", f64::from(dispatch.expected.energy_nj));
        if !note.is_empty() {
            args = args.text("note", note);
        }
        self.out.slice(ON_ACCELERATORS, tid, "block", self.model(&dispatch.frame), *at..end, &args);
        if dispatch.switch.latency_ns > 0 {
            let switched =
                at.saturating_add(sdrm3_core::Duration::from_nanos(u64::from(dispatch.switch.latency_ns)));
            let args = Args::default().number("switch_nj", f64::from(dispatch.switch.energy_nj));
            self.out.slice(ON_ACCELERATORS, tid, "switch", "switch", *at..switched.min(end), &args);
        }
    }

    /// The next point of the arrow from the frame over its blocks. The last point ends it, and which is the
    /// last is known only when the frame ends: each is held back until the next.
    fn arrow(&mut self, block: &Block, is_last: bool) {
        let Some(open) = self.lanes.get_mut(&block.dispatch.frame) else { return };
        let (lane, release, id) = (open.lane, open.release, open.flow);
        let held = open.held.replace((track_of(block.dispatch.ticket.accelerator), block.at));
        match held {
            None => self.out.flow('s', OF_MODELS, lane, id, release),
            Some((tid, at)) => self.out.flow('t', ON_ACCELERATORS, tid, id, at),
        }
        if is_last {
            self.end_arrow(&block.dispatch.frame);
        }
    }

    fn end_arrow(&mut self, frame: &Frame) {
        if let Some(Open { flow, held, .. }) = self.lanes.get_mut(frame)
            && let Some((tid, at)) = held.take()
        {
            self.out.flow('f', ON_ACCELERATORS, tid, *flow, at);
        }
    }

    /// The frame has ended: its slice does.
    fn ended(&mut self, frame: &Frame, now: Instant) {
        self.end_arrow(frame);
        if let Some(open) = self.lanes.close(frame) {
            self.out.end_slice(OF_MODELS, open.lane, now);
        }
    }

    fn faulted(&mut self, accelerator: AcceleratorId, fault: Fault, now: Instant) {
        let name = match fault {
            Fault::BlockLost => "fault: block lost",
            Fault::NotTaken => "fault: block not taken",
            Fault::Resting => "fault: resting",
            Fault::OutOfService => "fault: out of service",
            _ => "fault",
        };
        // A block that was not taken has not run.
        if let Some(block) = self.take(accelerator).filter(|block| block.at < now) {
            self.slice(&block, now, "lost");
            self.arrow(&block, false);
        }
        self.out.mark(ON_ACCELERATORS, track_of(accelerator), name, now, &Args::default());
    }
}

fn track_of(accelerator: AcceleratorId) -> u32 {
    FIRST_ACCELERATOR + u32::from(accelerator.0)
}

fn micros(at: Instant) -> f64 {
    at.as_nanos() as f64 / 1e3
}

impl<W: Write> Recorder for PerfettoTrace<'_, W> {
    fn record(&mut self, event: &Event, now: Instant) {
        self.counters.at(now, &mut self.out);
        match event {
            Event::Released(frame, _) => self.released(frame, now),
            Event::Dispatched(block) => self.dispatched(block, now),
            Event::Completed(report) => self.completed(report, now),
            Event::Dropped(frame, reason) => {
                let name = format!("dropped: {}", reason_name(*reason));
                let args = Args::default().number("frame", f64::from(frame.number));
                self.mark(frame, &name, now, &args);
                self.ended(frame, now);
            }
            Event::Unfinished(Leftover::Overdue(frame)) => {
                let args = Args::default().text("note", "unfinished at the end");
                self.mark(frame, "deadline missed", frame.deadline.min(now), &args);
                self.ended(frame, now);
            }
            Event::Unfinished(Leftover::LeftOut(frame)) => self.ended(frame, now),
            Event::Faulted(accelerator, fault, _) => self.faulted(*accelerator, *fault, now),
            Event::Restored(accelerator) => {
                self.out.mark(ON_ACCELERATORS, track_of(*accelerator), "restored", now, &Args::default());
            }
            Event::Barred(model, accelerator, barred) => {
                let model = self.workload.model(*model).map_or("?", |model| model.name);
                let name = if *barred { format!("{model} barred") } else { format!("{model} let in") };
                self.out.mark(ON_ACCELERATORS, track_of(*accelerator), &name, now, &Args::default());
            }
            Event::Tuned(weights) => self.weights(*weights, now),
            Event::Window(uxcost) => {
                self.out.counter(OF_SCHEDULER, "UXCost of the window", now, uxcost.value());
            }
            _ => {}
        }
        let withdrawn = matches!(event, Event::Dropped(_, DropReason::Withdrawn));
        if !withdrawn {
            self.counters.count(event);
        }
        self.counters.ready(self.lanes.len(), self.blocks.iter().flatten().count());
    }
}
