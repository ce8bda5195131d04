//! The curves: frames that wait, UXCost so far, power.

use std::io::Write;

use sdrm3_core::{Event, Instant, Leftover, Progress, Tally, UxCost, Workload};

use super::OF_SCHEDULER;
use super::write::Events;
use crate::scenario::ACCELERATORS;

/// Of this length are the windows over which power is taken, and so often UXCost is written.
const WINDOW_NS: u64 = 10_000_000;

#[derive(Debug)]
pub(super) struct Counters {
    /// Frames that wait: how many there are, and how many were written last.
    waiting: usize,
    written: Option<usize>,
    now: Instant,
    /// Energy of the blocks that ended in this window, in nanojoules.
    energy_nj: u64,
    window: u64,
    /// What became of each model's frames so far: those that have ended.
    tallies: Vec<Tally>,
    weights_percent: Vec<u16>,
}

impl Counters {
    pub(super) fn new(workload: &Workload<'_, ACCELERATORS>) -> Self {
        Self {
            waiting: 0,
            written: None,
            now: Instant::ZERO,
            energy_nj: 0,
            window: 0,
            tallies: vec![Tally::default(); workload.models.len()],
            weights_percent: workload.models.iter().map(|model| model.weight_percent).collect(),
        }
    }

    /// Time has come so far: what is known of the time before is written.
    pub(super) fn at(&mut self, now: Instant, out: &mut Events<impl Write>) {
        if now <= self.now {
            return;
        }
        if self.written != Some(self.waiting) {
            out.counter(OF_SCHEDULER, "waiting frames", self.now, self.waiting as f64);
            self.written = Some(self.waiting);
        }
        let window = now.as_nanos() / WINDOW_NS;
        if window > self.window {
            self.end_window(out);
            // Nothing was spent in the windows between, if there are some.
            if window > self.window + 1 {
                out.counter(OF_SCHEDULER, "power, W", start_of(self.window + 1), 0.0);
            }
            self.window = window;
        }
        self.now = now;
    }

    fn end_window(&mut self, out: &mut Events<impl Write>) {
        let power = self.energy_nj as f64 / WINDOW_NS as f64;
        out.counter(OF_SCHEDULER, "power, W", start_of(self.window), power);
        out.counter(OF_SCHEDULER, "UXCost so far", start_of(self.window + 1), self.uxcost());
        self.energy_nj = 0;
    }

    fn uxcost(&self) -> f64 {
        UxCost::of(self.tallies.iter().zip(self.weights_percent.iter().copied())).value()
    }

    pub(super) fn ready(&mut self, frames: usize, running: usize) {
        self.waiting = frames.saturating_sub(running);
    }

    /// A block that took this has ended.
    pub(super) fn spent(&mut self, energy_nj: u32) {
        self.energy_nj += u64::from(energy_nj);
    }

    pub(super) fn count(&mut self, event: &Event) {
        let (frame, ended, violated) = match event {
            Event::Completed(report) => {
                (&report.frame, report.progress != Progress::More, report.progress == Progress::Late)
            }
            Event::Dropped(frame, _) | Event::Unfinished(Leftover::Overdue(frame)) => (frame, true, true),
            _ => return,
        };
        let Some(tally) = self.tallies.get_mut(usize::from(frame.model.0)) else { return };
        tally.frames += u32::from(ended);
        tally.violated += u32::from(violated);
        if let Event::Completed(report) = event {
            tally.energy_nj += u64::from(report.energy_nj);
            tally.worst_energy_nj += u64::from(report.worst_energy_nj);
        }
    }

    /// The run has ended.
    pub(super) fn finish(&mut self, end: Instant, out: &mut Events<impl Write>) {
        self.at(end.saturating_add(sdrm3_core::Duration::from_nanos(1)), out);
        let power = self.energy_nj as f64 / WINDOW_NS as f64;
        if power > 0.0 {
            out.counter(OF_SCHEDULER, "power, W", start_of(self.window), power);
        }
        out.counter(OF_SCHEDULER, "UXCost so far", end, self.uxcost());
    }
}

fn start_of(window: u64) -> Instant {
    Instant::from_nanos(window * WINDOW_NS)
}
