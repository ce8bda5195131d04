//! What is going to happen, in order of time; equal times in order of class, then of entry.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use sdrm3_core::Instant;

use super::Draw;
use crate::scenario::Scenario;

/// Something that is going to happen. The order is that of equal times: scripted changes before
/// frames, both in the scenario's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Entry {
    /// A change of that index.
    Change(usize),
    /// A frame arrives.
    Frame {
        /// Index of its model.
        model: usize,
        /// How many frames of the model came before.
        number: u64,
        /// Of how many schedules of its model it is; it is void when there is a newer one.
        schedule: u32,
    },
}

/// When a model's frames come: `frames` from `start` on, once every period.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    start_ns: f64,
    fps: f64,
    /// Number of the first frame of this schedule.
    first: u64,
    /// Number of the next frame.
    next: u64,
    version: u32,
}

/// The frames that arrive by themselves before `end`, scripted changes aside: model, number and time.
pub fn releases(scenario: &Scenario, seed: u64, end: Instant) -> Vec<(usize, u32, Instant)> {
    let mut agenda = Agenda::new(scenario, Draw::new(seed));
    let mut frames = Vec::new();
    while agenda.next_time() < end {
        let at = agenda.next_time();
        if let Some(Entry::Frame { model, number, .. }) = agenda.pop_due(at) {
            frames.push((model, number as u32, at));
        }
    }
    frames
}

/// All that is going to happen.
#[derive(Debug)]
pub(crate) struct Agenda<'a> {
    scenario: &'a Scenario,
    draw: Draw,
    heap: BinaryHeap<Reverse<(Instant, Entry)>>,
    schedules: Vec<Schedule>,
    active: Vec<bool>,
}

impl<'a> Agenda<'a> {
    /// The frames and changes of a scenario.
    pub(crate) fn new(scenario: &'a Scenario, draw: Draw) -> Self {
        let schedule = |model: &crate::scenario::ModelSpec| Schedule {
            start_ns: model.phase_ms * 1e6,
            fps: model.fps,
            first: 0,
            next: 0,
            version: 0,
        };
        let mut agenda = Self {
            scenario,
            draw,
            heap: BinaryHeap::new(),
            schedules: scenario.models.iter().map(schedule).collect(),
            active: scenario.models.iter().map(|model| model.active).collect(),
        };
        for (index, change) in scenario.changes.iter().enumerate() {
            let at = Instant::from_nanos((change.at_ms * 1e6).round() as u64);
            agenda.heap.push(Reverse((at, Entry::Change(index))));
        }
        for model in 0..scenario.models.len() {
            agenda.push_frame(model);
        }
        agenda
    }

    /// When the next entry is due.
    pub(crate) fn next_time(&self) -> Instant {
        self.heap.peek().map_or(Instant::MAX, |Reverse((at, _))| *at)
    }

    /// Takes out the next entry that is due by `now`; behind a frame its successor is entered.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Entry> {
        while self.next_time() <= now {
            let Reverse((_, entry)) = self.heap.pop()?;
            let Entry::Frame { model, number, schedule } = entry else { return Some(entry) };
            if self.schedules[model].version == schedule {
                self.schedules[model].next = number + 1;
                self.push_frame(model);
                return Some(entry);
            }
        }
        None
    }

    /// The model's frames come at this rate from now on.
    pub(crate) fn set_fps(&mut self, model: usize, fps: f64, now: Instant) {
        self.schedules[model].fps = fps;
        self.restart(model, now);
    }

    /// The model's frames stop, or come from now on.
    pub(crate) fn set_active(&mut self, model: usize, active: bool, now: Instant) {
        if self.active[model] != active {
            self.active[model] = active;
            self.restart(model, now);
        }
    }

    fn restart(&mut self, model: usize, now: Instant) {
        let schedule = &mut self.schedules[model];
        // What is switched on or changed before its first frame is due still waits for it.
        schedule.start_ns = (now.as_nanos() as f64).max(self.scenario.models[model].phase_ms * 1e6);
        schedule.first = schedule.next;
        schedule.version += 1;
        self.push_frame(model);
    }

    /// Enters the model's next frame, if frames of it arrive by themselves.
    ///
    /// Times are computed from the number, so that a day of frames does not drift.
    fn push_frame(&mut self, model: usize) {
        let spec = &self.scenario.models[model];
        if spec.parent.is_some() || !self.active[model] {
            return;
        }
        let Schedule { start_ns, fps, first, next: number, version } = self.schedules[model];
        let jitter_ms =
            if spec.jitter_ms > 0.0 { spec.jitter_ms * self.draw.jitter(model, number) } else { 0.0 };
        let nanos = start_ns + jitter_ms * 1e6 + (number - first) as f64 * 1e9 / fps;
        let at = Instant::from_nanos(nanos.round() as u64);
        self.heap.push(Reverse((at, Entry::Frame { model, number, schedule: version })));
    }
}
