//! Which parts of the published method a scheduler uses beyond dispatching by score.

use crate::time::Duration;

/// Which parts are switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    /// Smart frame drop.
    pub frame_drop: bool,
    /// Supernet switching; without it every frame runs the heaviest sub-network.
    pub supernet: bool,
    /// Online latency correction.
    pub correction: bool,
    /// Online tuning of the policy's weights on windows of this length; `None`: they stay.
    pub tuning_window: Option<Duration>,
    /// Frames that have not started by their deadline are dropped; off only to compare with systems
    /// that serve every request however late.
    pub stale_drop: bool,
}

impl Config {
    /// Dispatch by score alone.
    pub const PLAIN: Self =
        Self { frame_drop: false, supernet: false, correction: false, tuning_window: None, stale_drop: true };

    /// The complete published method, tuned on windows of 400 ms: a multiple of the periods of 60, 30
    /// and 15 frames per second, so that windows hold the same frames.
    pub const FULL: Self = Self {
        frame_drop: true,
        supernet: true,
        correction: true,
        tuning_window: Some(Duration::from_millis(400)),
        stale_drop: true,
    };
}

impl Default for Config {
    /// [`Config::FULL`].
    fn default() -> Self {
        Self::FULL
    }
}
