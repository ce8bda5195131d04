//! Where frames are drawn: a model's frames may overlap, and slices of a track may not.

use std::collections::HashMap;

use sdrm3_core::{Frame, Instant};

use super::{FIRST_MODEL, LANES};

/// A frame that has not ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    /// Its track.
    pub(super) lane: u32,
    pub(super) release: Instant,
    /// Names its arrow.
    pub(super) flow: u64,
    /// The latest point of its arrow, held back: track and time.
    pub(super) held: Option<(u32, Instant)>,
}

#[derive(Debug)]
pub(super) struct Lanes {
    open: HashMap<(u8, u32), Open>,
    /// Of each model, whether each of its lanes is taken.
    taken: Vec<Vec<bool>>,
    flows: u64,
}

impl Lanes {
    pub(super) fn new(models: usize) -> Self {
        Self { open: HashMap::new(), taken: vec![Vec::new(); models], flows: 0 }
    }

    /// The lowest free lane for a frame, and whether it was never used.
    pub(super) fn open(&mut self, frame: &Frame, now: Instant) -> (u32, bool) {
        let model = usize::from(frame.model.0);
        let lanes = &mut self.taken[model];
        let free = lanes.iter().position(|taken| !taken).unwrap_or(lanes.len());
        let is_new = free == lanes.len();
        if is_new {
            lanes.push(true);
        }
        lanes[free] = true;
        self.flows += 1;
        let lane = track(model, free);
        let open = Open { lane, release: now, flow: self.flows, held: None };
        self.open.insert((frame.model.0, frame.number), open);
        (lane, is_new)
    }

    pub(super) fn get_mut(&mut self, frame: &Frame) -> Option<&mut Open> {
        self.open.get_mut(&(frame.model.0, frame.number))
    }

    pub(super) fn close(&mut self, frame: &Frame) -> Option<Open> {
        let open = self.open.remove(&(frame.model.0, frame.number))?;
        let model = usize::from(frame.model.0);
        self.taken[model][(open.lane - track(model, 0)) as usize] = false;
        Some(open)
    }

    /// The frame's lane; the model's first one for a frame that was never released, and whether that was
    /// never used.
    pub(super) fn of(&mut self, frame: &Frame) -> (u32, bool) {
        if let Some(open) = self.get_mut(frame) {
            return (open.lane, false);
        }
        let model = usize::from(frame.model.0);
        let is_new = self.taken[model].is_empty();
        if is_new {
            self.taken[model].push(false);
        }
        (track(model, 0), is_new)
    }

    /// How many frames have not ended.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }
}

fn track(model: usize, lane: usize) -> u32 {
    FIRST_MODEL + model as u32 * LANES + lane as u32
}
