//! The error of the doorbell queue.

use core::fmt;

use crate::queue::{self, ErrorKind};

/// Why a block ended without a result, or was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// All places are taken.
    Full,
    /// The device is in its reset.
    NotReady,
    /// The device cannot run the block; when refused: it is another device than this driver is for, or
    /// cannot do what it was said to.
    Unsupported,
    /// The device failed at the block, with this code of its own.
    Device(u32),
    /// The device's answer fails its check, or never came though later ones did.
    Corrupt,
    /// The block was cancelled.
    Cancelled,
    /// The device was reset, or reset itself.
    Reset,
    /// The device has no power, or does not come out of its reset.
    Gone,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(code) => write!(f, "{}, code {code:#x}", ErrorKind::Device),
            other => queue::Error::kind(other).fmt(f),
        }
    }
}

impl core::error::Error for Error {}

impl queue::Error for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Full => ErrorKind::Full,
            Self::NotReady => ErrorKind::NotReady,
            Self::Unsupported => ErrorKind::Unsupported,
            Self::Device(_) => ErrorKind::Device,
            Self::Corrupt => ErrorKind::Corrupt,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::Reset => ErrorKind::Reset,
            Self::Gone => ErrorKind::Gone,
        }
    }
}
