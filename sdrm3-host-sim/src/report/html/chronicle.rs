//! What the page draws of a run: its frames, its blocks and why each was chosen, the path of the weights.

use std::collections::HashMap;

use sdrm3_core::{
    AcceleratorId, Dispatch, Event, Frame, Instant, Leftover, Progress, Report, Workload, score::SCORE_BITS,
};

use crate::engine::{Recorder, Watch};
use crate::scenario::ACCELERATORS;

/// How a frame ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Open,
    InTime,
    Late,
    Dropped,
}

/// A frame, times in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameLine {
    pub(super) model: u8,
    pub(super) number: u32,
    pub(super) release: u64,
    pub(super) deadline: u64,
    pub(super) end: u64,
    pub(super) how: End,
}

/// A block, times in nanoseconds, scores in thousandths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slice {
    pub(super) accelerator: u8,
    pub(super) start: u64,
    pub(super) end: u64,
    /// Place in the list of frames.
    pub(super) frame: u32,
    pub(super) first: u16,
    pub(super) segments: u16,
    /// How many blocks it stands for.
    pub(super) blocks: u16,
    pub(super) switch_ns: u32,
    pub(super) score: i64,
    /// Of urgency, starvation and energy.
    pub(super) summands: Option<[i64; 3]>,
    pub(super) candidates: u16,
    /// The best pair of another frame: place of the frame, accelerator, score.
    pub(super) runner_up: Option<(u32, u8, i64)>,
}

/// Writes it down while the run goes on.
#[derive(Debug)]
pub struct Chronicle<'a> {
    watch: &'a Watch,
    pub(super) frames: Vec<FrameLine>,
    pub(super) slices: Vec<Slice>,
    places: HashMap<(u8, u32), u32>,
    running: Vec<Option<Slice>>,
}

impl<'a> Chronicle<'a> {
    /// Of a run of this workload, decided under this watch.
    pub fn new(workload: &Workload<'_, ACCELERATORS>, watch: &'a Watch) -> Self {
        let running = vec![None; workload.accelerators.len()];
        Self { watch, frames: Vec::new(), slices: Vec::new(), places: HashMap::new(), running }
    }

    /// The run has ended: so have the blocks that are still running, as far as they are drawn.
    pub(super) fn finish(&mut self, end: Instant) {
        for index in 0..self.running.len() {
            self.end_block(AcceleratorId(index as u8), end);
        }
        self.slices.sort_by_key(|slice| (slice.start, slice.accelerator));
    }

    fn place(&self, frame: &Frame) -> Option<u32> {
        self.places.get(&(frame.model.0, frame.number)).copied()
    }

    fn released(&mut self, frame: &Frame) {
        self.places.insert((frame.model.0, frame.number), self.frames.len() as u32);
        self.frames.push(FrameLine {
            model: frame.model.0,
            number: frame.number,
            release: frame.release.as_nanos(),
            deadline: frame.deadline.as_nanos(),
            end: u64::MAX,
            how: End::Open,
        });
    }

    fn ended(&mut self, frame: &Frame, at: Instant, how: End) {
        if let Some(place) = self.places.remove(&(frame.model.0, frame.number))
            && let Some(line) = self.frames.get_mut(place as usize)
        {
            (line.end, line.how) = (at.as_nanos(), how);
        }
    }

    fn dispatched(&mut self, block: &Dispatch, now: Instant) {
        let watch = self.watch;
        let decision = watch.decision();
        let terms = decision.chosen(block).and_then(|pair| pair.terms);
        let thousandths = |score: i64| match terms {
            Some(_) => (score as f64 * 1e3 / f64::from(1u32 << SCORE_BITS)).round() as i64,
            None => score,
        };
        let runner_up = decision.runner_up(block).and_then(|pair| {
            Some((self.place(&pair.frame)?, pair.accelerator.0, thousandths(pair.score?.0)))
        });
        let slice = Slice {
            accelerator: block.ticket.accelerator.0,
            start: now.as_nanos(),
            end: now.as_nanos(),
            frame: self.place(&block.frame).unwrap_or(0),
            first: block.first,
            segments: block.count,
            blocks: 1,
            switch_ns: block.switch.latency_ns,
            score: thousandths(block.score.0),
            summands: terms.map(|terms| terms.summands().map(|term| (term * 1e3).round() as i64)),
            candidates: u16::try_from(decision.candidates.len()).unwrap_or(u16::MAX),
            runner_up,
        };
        if let Some(running) = self.running.get_mut(usize::from(slice.accelerator)) {
            *running = Some(slice);
        }
    }

    fn end_block(&mut self, accelerator: AcceleratorId, at: Instant) {
        if let Some(slice) = self.running.get_mut(usize::from(accelerator.0)).and_then(Option::take)
            && slice.start < at.as_nanos()
        {
            self.slices.push(Slice { end: at.as_nanos(), ..slice });
        }
    }

    fn completed(&mut self, report: &Report) {
        self.end_block(report.ticket.accelerator, report.finished);
        match report.progress {
            Progress::More => {}
            Progress::InTime => self.ended(&report.frame, report.finished, End::InTime),
            Progress::Late => self.ended(&report.frame, report.finished, End::Late),
        }
    }
}

impl Recorder for Chronicle<'_> {
    fn record(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Released(frame, _) => self.released(frame),
            Event::Dispatched(block) => self.dispatched(block, now),
            Event::Completed(report) => self.completed(report),
            Event::Dropped(frame, _) => self.ended(frame, now, End::Dropped),
            Event::Faulted(accelerator, ..) => self.end_block(*accelerator, now),
            Event::Unfinished(Leftover::Overdue(frame) | Leftover::LeftOut(frame)) => {
                self.ended(frame, now, End::Open);
            }
            _ => {}
        }
    }
}
