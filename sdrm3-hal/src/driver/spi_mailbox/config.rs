//! How patient the driver is, and what it is given.

use core::convert::Infallible;

use embedded_hal::digital::{self, OutputPin};
use sdrm3_core::Duration;

use crate::queue::Granularity;

/// How patient the driver is, and what it says of the device.
///
/// Times count between calls of `poll`, by their `now`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Config {
    /// A request is sent again after this time. Longer than the device takes to arm its reply; 1 ms.
    pub retry: Duration,
    /// A request that is not answered for so long, and was sent four times, is given up, and with it
    /// everything in flight; 10 ms.
    pub patience: Duration,
    /// The same for the greeting, as the device may have to start first: longer than it takes to; 100 ms.
    pub start_up: Duration,
    /// A device that has not been heard for so long while it holds blocks is asked for its state; 2 ms.
    /// Less than half of [`Timeouts::grace`](crate::Timeouts::grace), so that each grace of a late block
    /// brings news of it.
    pub heartbeat: Duration,
    /// How long the reset pin is held; 100 us.
    pub pulse: Duration,
    /// After how much the device can stop a running block; a whole block.
    pub granularity: Granularity,
    /// Whether the device measures energy; no.
    pub energy: bool,
    /// Queues that are reset together; alone.
    pub reset_domain: Option<u8>,
}

impl Config {
    /// The values that its fields name last.
    pub const fn new() -> Self {
        Self {
            retry: Duration::from_millis(1),
            patience: Duration::from_millis(10),
            start_up: Duration::from_millis(100),
            heartbeat: Duration::from_millis(2),
            pulse: Duration::from_micros(100),
            granularity: Granularity::Block,
            energy: false,
            reset_domain: None,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// No reset pin: the device is reset by command alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoReset {}

impl digital::ErrorType for NoReset {
    type Error = Infallible;
}

impl OutputPin for NoReset {
    fn set_low(&mut self) -> Result<(), Infallible> {
        match *self {}
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        match *self {}
    }
}
