//! What makes a cell less like its tables, by strength: the axes of robustness curves.

use super::Setup;
use crate::scenario::{AcceleratorChange, Change, What};

/// A kind of disturbance; its strength, from 0 to 0.9, replaces what the cell has of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// Latencies of each pair of model and accelerator are off by up to this share.
    Bias,
    /// Latencies of each block are off by up to this share.
    Noise,
    /// After a quarter of the run the first accelerator is slower by this share of its speed.
    Throttling,
    /// Frames come up to this share of their period late.
    Jitter,
}

impl Disturbance {
    /// All, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Bias, Self::Noise, Self::Throttling, Self::Jitter];

    /// The strengths of a curve.
    pub const STRENGTHS: [f64; 5] = [0.0, 0.1, 0.2, 0.3, 0.5];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bias => "latency bias",
            Self::Noise => "latency noise",
            Self::Throttling => "throttling",
            Self::Jitter => "jitter",
        }
    }

    /// The cell under it, for runs of this length.
    pub fn applied(self, setup: &Setup, strength: f64, duration_ms: u32) -> Setup {
        let mut setup = setup.clone();
        let scenario = &mut setup.scenario;
        match self {
            Self::Bias => scenario.error.bias = strength,
            Self::Noise => scenario.error.noise = strength,
            Self::Jitter => {
                for model in scenario.models.iter_mut().filter(|model| model.parent.is_none()) {
                    model.jitter_ms = strength * 1e3 / model.fps;
                }
            }
            Self::Throttling => {
                let is_speed = |what| matches!(what, What::Accelerator(_, AcceleratorChange::Speed(_)));
                scenario.changes.retain(|change| !is_speed(change.what));
                if strength > 0.0 {
                    scenario.changes.push(Change {
                        at_ms: f64::from(duration_ms) / 4.0,
                        what: What::Accelerator(0, AcceleratorChange::Speed(1.0 - strength)),
                        origin: scenario.models[0].origin.clone(),
                    });
                }
            }
        }
        setup
    }
}
