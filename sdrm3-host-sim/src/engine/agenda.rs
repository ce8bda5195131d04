//! What is going to happen, in order of time; equal times in order of entry.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use sdrm3_core::Instant;

use super::Draw;
use crate::scenario::ModelSpec;

/// A frame that is going to arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// Index of its model.
    pub(super) index: usize,
    /// Its number.
    pub(super) frame: u64,
}

/// Entries keyed by (time, class, sequence). The class of an arrival is its model: frames that arrive
/// together are released in the scenario's order, whatever happened before.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Reverse<(Instant, Entry)>>,
}

impl Agenda {
    /// Enters the arrival of a model's frame of that number.
    ///
    /// Times are computed from the number, so that a day of frames does not drift.
    pub(super) fn push_frame(&mut self, index: usize, model: &ModelSpec, frame: u64, draw: Draw) {
        let jitter = if model.jitter_ms > 0.0 { model.jitter_ms * draw.jitter(index, frame) } else { 0.0 };
        let nanos = (model.phase_ms + jitter) * 1e6 + frame as f64 * 1e9 / model.fps;
        self.heap.push(Reverse((Instant::from_nanos(nanos.round() as u64), Entry { index, frame })));
    }

    /// When the next entry is due.
    pub(super) fn next_time(&self) -> Instant {
        self.heap.peek().map_or(Instant::MAX, |Reverse((at, _))| *at)
    }

    /// Takes out the next entry that is due by `now`.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Entry> {
        if self.next_time() > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, entry))| entry)
    }
}
