//! What the scheduler refuses, and why; on any of these nothing has changed.

use core::fmt;

use crate::event::{Path, Ticket};
use crate::job::Frame;
use crate::time::Instant;
use crate::workload::{AcceleratorId, ModelId};

/// Why a frame was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Refusal {
    /// All places for jobs are taken; try again after a completion or drop, or give the frame up.
    Full {
        /// How many places there are.
        capacity: usize,
    },
    /// The workload has no such model.
    UnknownModel(ModelId),
    /// The model runs on frames of another one: `release_child` takes its frames.
    NeedsParent,
    /// The model does not run on frames of that parent.
    NotAChild,
    /// The model is switched off.
    Inactive,
    /// The time given lies before one given earlier.
    TimeWentBack {
        /// The latest time given so far.
        last: Instant,
    },
}

/// Why a frame was not taken in, and the frame, if it came to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Refused {
    /// The frame, of [`Refusal::Full`] and [`Refusal::TimeWentBack`]; the others come before there is one.
    pub frame: Option<Frame>,
    /// Why.
    pub why: Refusal,
}

/// What is wrong with a completion, a fault, or a change of the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// No block with this ticket is in flight: completed before, lost to a fault, or never dispatched.
    StaleTicket(Ticket),
    /// The workload has no such accelerator.
    UnknownAccelerator(AcceleratorId),
    /// The workload has no such model.
    UnknownModel(ModelId),
    /// A period of zero was given for the model.
    ZeroPeriod(ModelId),
    /// The model has no period to change: it runs on frames of another one.
    FollowsParent(ModelId),
    /// The outcome skips past the end of the network.
    SkipBeyondEnd {
        /// The completion.
        ticket: Ticket,
        /// How it says the network went on.
        path: Path,
    },
    /// The time given lies before one given earlier.
    TimeWentBack {
        /// The time given.
        now: Instant,
        /// The latest time given so far.
        last: Instant,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { capacity } => write!(f, "all {capacity} places for jobs are taken"),
            Self::UnknownModel(ModelId(index)) => write!(f, "the workload has no model {index}"),
            Self::NeedsParent => {
                f.write_str("the model runs on frames of another one; release it as a child of such a frame")
            }
            Self::NotAChild => f.write_str("the model does not run on frames of that parent"),
            Self::Inactive => f.write_str("the model is switched off"),
            Self::TimeWentBack { last } => {
                write!(f, "the time lies before {} ns, which was given earlier", last.as_nanos())
            }
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.frame {
            Some(frame) => {
                write!(f, "frame {} of model {} refused: {}", frame.number, frame.model.0, self.why)
            }
            None => write!(f, "frame refused: {}", self.why),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StaleTicket(Ticket { accelerator, sequence }) => {
                write!(f, "no block {sequence} is in flight on accelerator {}", accelerator.0)
            }
            Self::UnknownAccelerator(AcceleratorId(index)) => {
                write!(f, "the workload has no accelerator {index}")
            }
            Self::UnknownModel(ModelId(index)) => write!(f, "the workload has no model {index}"),
            Self::ZeroPeriod(ModelId(index)) => {
                write!(f, "the period of model {index} is to be zero; give the time between frames")
            }
            Self::FollowsParent(ModelId(index)) => write!(
                f,
                "frames of model {index} come with those of its parent; change the period of the model at its root"
            ),
            Self::SkipBeyondEnd { ticket, path } => {
                write!(f, "block {} says {path:?}, which is past the end of its network", ticket.sequence)
            }
            Self::TimeWentBack { now, last } => {
                write!(f, "the time went back from {} ns to {} ns", last.as_nanos(), now.as_nanos())
            }
        }
    }
}

impl core::error::Error for Refused {}
impl core::error::Error for Error {}
