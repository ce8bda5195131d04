//! Random draws that depend on seed, model and frame number only, never on the schedule: every
//! policy faces the same frames.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sdrm3_core::{Branch, ModelId, Path, Probability, Segment};

use crate::scenario::Parent;

/// The source of all random draws of a run.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    seed: u64,
}

/// What a draw is for; each purpose has draws of its own.
#[derive(Clone, Copy, Debug)]
enum Purpose {
    Cascade = 1,
    Jitter = 2,
    Branch = 3,
    Bias = 4,
    Noise = 5,
}

impl Draw {
    /// Draws of this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Whether a frame of the parent gives rise to one of the dependent model `child`.
    pub fn gives_rise(&self, parent: &Parent, child: usize, frame: u32) -> bool {
        frame.is_multiple_of(parent.every)
            && self.unit(Purpose::Cascade, child, u64::from(frame)) < parent.probability
    }

    /// Whether a frame branches (skips or exits) behind a segment.
    pub fn branch(&self, model: usize, frame: u32, segment: u16, probability: f64) -> bool {
        let place = u64::from(frame) << 16 | u64::from(segment);
        self.unit(Purpose::Branch, model, place) < probability
    }

    /// How a frame goes on behind a segment of its network.
    pub fn path<const A: usize>(
        &self,
        segment: &Segment<A>,
        model: ModelId,
        frame: u32,
        position: u16,
    ) -> Path {
        let happens = |probability: Probability| {
            self.branch(usize::from(model.0), frame, position, probability.as_f64())
        };
        match segment.info().branch {
            Branch::Skip { segments, probability } if happens(probability) => Path::Skip(segments),
            Branch::Exit { probability } if happens(probability) => Path::Exit,
            _ => Path::Next,
        }
    }

    /// How late a frame arrives, as a share of the most it may: 0 to 1.
    pub fn jitter(&self, model: usize, frame: u64) -> f64 {
        self.unit(Purpose::Jitter, model, frame)
    }

    /// How far a model's latencies on an accelerator are from the table, as a share of the most: -1 to 1.
    pub fn bias(&self, model: usize, accelerator: u8) -> f64 {
        2.0 * self.unit(Purpose::Bias, model, u64::from(accelerator)) - 1.0
    }

    /// How far a block that ends with this segment is from that, as a share of the most: -1 to 1.
    pub fn noise(&self, model: usize, frame: u32, segment: u16) -> f64 {
        2.0 * self.unit(Purpose::Noise, model, u64::from(frame) << 16 | u64::from(segment)) - 1.0
    }

    /// A uniform number in 0..1. A stream cipher mixes its key thoroughly, so neighbouring frames
    /// have independent draws.
    fn unit(&self, purpose: Purpose, model: usize, frame: u64) -> f64 {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&frame.to_le_bytes());
        key[16..24].copy_from_slice(&(model as u64).to_le_bytes());
        key[24] = purpose as u8;
        ChaCha8Rng::from_seed(key).random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_is_the_same_whenever_it_is_asked_for() {
        let draw = Draw::new(7);
        let first: Vec<f64> = (0..5).map(|frame| draw.jitter(3, frame)).collect();
        let again: Vec<f64> = (0..5).rev().map(|frame| draw.jitter(3, frame)).rev().collect();
        assert_eq!(first, again);
        assert_ne!(draw.jitter(3, 0), draw.jitter(4, 0), "another model");
        assert_ne!(draw.jitter(3, 0), Draw::new(8).jitter(3, 0), "another seed");
    }

    #[test]
    fn the_share_of_cascades_is_their_probability() {
        let draw = Draw::new(1);
        for p in [0.0, 0.25, 0.5, 1.0] {
            let hits = |every| {
                let parent = Parent { index: 0, probability: p, every };
                (0..10_000).filter(|&frame| draw.gives_rise(&parent, 2, frame)).count() as f64
            };
            assert!((hits(1) / 10_000.0 - p).abs() < 0.02, "{} of 10000 at {p}", hits(1));
            assert!((hits(5) / 2_000.0 - p).abs() < 0.05, "{} of every fifth at {p}", hits(5));
        }
    }
}
