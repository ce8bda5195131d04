//! What goes into and comes out of the scheduler, as values: the whole trace of a run.

use crate::job::{Frame, JobId};
use crate::score::Score;
use crate::time::Instant;
use crate::tuner::Weights;
use crate::uxcost::UxCost;
use crate::workload::{AcceleratorId, Cost, ModelId};

/// Names one dispatch: exactly one completion or fault answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ticket {
    /// Where it runs.
    pub accelerator: AcceleratorId,
    /// Number of the dispatch, modulo 2^32.
    pub sequence: u32,
}

/// A block of segments of one job, to be run on one accelerator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Dispatch {
    /// Names the dispatch, and its accelerator.
    pub ticket: Ticket,
    /// The job.
    pub job: JobId,
    /// Its frame.
    pub frame: Frame,
    /// Sub-network to run, counted from the heaviest.
    pub subnetwork: u8,
    /// First segment of the block.
    pub first: u16,
    /// How many segments, at least 1.
    pub count: u16,
    /// What the tables expect of the block, without the switch.
    pub expected: Cost,
    /// What moving the accelerator to this job is expected to cost.
    pub switch: Cost,
    /// Why it was chosen.
    pub score: Score,
}

impl Dispatch {
    /// One segment of a job, expected to take nothing: for tests of drivers, and for traces.
    pub const fn new(ticket: Ticket, job: JobId, frame: Frame, first: u16) -> Self {
        let (expected, switch, score) = (Cost::NONE, Cost::NONE, Score::ZERO);
        Self { ticket, job, frame, subnetwork: 0, first, count: 1, expected, switch, score }
    }
}

/// What the scheduler wants done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use = "a dispatch or drop that is not carried out loses a frame"]
pub enum Action {
    /// Run this block.
    Dispatch(Dispatch),
    /// This frame has ended without a result.
    Drop(Frame, DropReason),
    /// Nothing until then.
    Wait(NextWake),
}

/// When to call [`poll`](crate::Scheduler::poll) again if nothing else happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NextWake {
    /// At this instant at the latest.
    At(Instant),
    /// Only after a release, a completion or a fault.
    Idle,
}

/// Why a frame ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DropReason {
    /// It had not started when its deadline came.
    Stale,
    /// Smart frame drop: it could not meet its deadline any more, and others needed the room.
    Infeasible,
    /// A newer frame of its model took its place.
    Superseded,
    /// Its model was switched off: it is not counted.
    Withdrawn,
    /// The policy gave it up.
    Abandoned,
    /// The frame it depends on ended without a result.
    ParentLost,
    /// There was no room for it, and its owner gave it up.
    NoRoom,
    /// Its deadline has passed, and no accelerator in service can run its next segment.
    Unplaceable,
}

impl DropReason {
    /// Its number in traces: a new reason takes the next one, and none is ever used again.
    pub const fn code(self) -> u8 {
        match self {
            Self::Stale => 0,
            Self::Infeasible => 1,
            Self::Superseded => 2,
            Self::Withdrawn => 3,
            Self::Abandoned => 4,
            Self::ParentLost => 5,
            Self::NoRoom => 6,
            Self::Unplaceable => 7,
        }
    }

    /// The reason of that number.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Stale,
            1 => Self::Infeasible,
            2 => Self::Superseded,
            3 => Self::Withdrawn,
            4 => Self::Abandoned,
            5 => Self::ParentLost,
            6 => Self::NoRoom,
            7 => Self::Unplaceable,
            _ => return None,
        })
    }
}

/// How a network went on after a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Path {
    /// With the next segment.
    #[default]
    Next,
    /// That many segments were skipped.
    Skip(u16),
    /// The result is there: an early exit.
    Exit,
}

/// What an accelerator reports of a block that it ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Outcome {
    /// How the network went on.
    pub path: Path,
    /// When it began, by the device's clock, if known: for the online latency correction. A start after the
    /// end teaches nothing.
    pub started: Option<Instant>,
    /// When it ended, by the device's clock. An end after `now` counts as `now`: a device whose clock is
    /// ahead makes no frame late.
    pub finished: Instant,
    /// Energy that it took, the switch included, if measured; else the tables count.
    pub energy_nj: Option<u32>,
}

impl Outcome {
    /// A block that ended then, went on with the next segment, and whose energy was not measured.
    pub const fn finished(at: Instant) -> Self {
        Self { path: Path::Next, started: None, finished: at, energy_nj: None }
    }

    /// That began then.
    #[must_use]
    pub const fn with_start(mut self, at: Instant) -> Self {
        self.started = Some(at);
        self
    }

    /// With this path behind it.
    #[must_use]
    pub const fn with_path(mut self, path: Path) -> Self {
        self.path = path;
        self
    }

    /// With this measured energy.
    #[must_use]
    pub const fn with_energy(mut self, energy_nj: u32) -> Self {
        self.energy_nj = Some(energy_nj);
        self
    }
}

/// What the scheduler made of a completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Report {
    /// The dispatch that it answers.
    pub ticket: Ticket,
    /// The job, which may have ended.
    pub job: JobId,
    /// Its frame.
    pub frame: Frame,
    /// The sub-network that it runs, or the lighter one that it goes on with.
    pub subnetwork: u8,
    /// When the block ended, by the device's clock; no later than it was reported.
    pub finished: Instant,
    /// Energy spent, the switch included.
    pub energy_nj: u32,
    /// Energy of the same segments each on its worst accelerator, plus the switch.
    pub worst_energy_nj: u32,
    /// Whether the frame is complete, and in time.
    pub progress: Progress,
}

impl Report {
    /// That a block of a job has ended then, at no cost, and more are left: for tests, and for traces.
    pub const fn new(ticket: Ticket, job: JobId, frame: Frame, finished: Instant) -> Self {
        let (energy_nj, worst_energy_nj, progress) = (0, 0, Progress::More);
        Self { ticket, job, frame, subnetwork: 0, finished, energy_nj, worst_energy_nj, progress }
    }
}

/// How far a frame has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Progress {
    /// More segments are left.
    More,
    /// Complete, at or before its deadline.
    InTime,
    /// Complete, after its deadline.
    Late,
}

/// What happened to an accelerator, apart from completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Fault {
    /// The block it ran is lost; it can be given another.
    BlockLost,
    /// It did not take the block that was dispatched, and takes nothing until it is restored, which is
    /// expected soon. The dispatch is taken back: the frame waits since it did before, and has not started
    /// if it had not.
    NotTaken,
    /// The block it ran, if any, is lost, and it takes nothing until it is restored, which is expected
    /// soon: nothing else changes.
    Resting,
    /// The block it ran, if any, is lost, and it takes nothing until it is restored: the system has
    /// changed, and the tuner starts again.
    OutOfService,
}

impl Fault {
    /// Its number in traces: a new fault takes the next one, and none is ever used again.
    pub const fn code(self) -> u8 {
        match self {
            Self::BlockLost => 0,
            Self::Resting => 1,
            Self::OutOfService => 2,
            Self::NotTaken => 3,
        }
    }

    /// The fault of that number.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::BlockLost,
            1 => Self::Resting,
            2 => Self::OutOfService,
            3 => Self::NotTaken,
            _ => return None,
        })
    }
}

/// What is left of a run that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Leftover {
    /// Its deadline was due within the run: violated.
    Overdue(Frame),
    /// Its deadline lies behind the end of the run: left out of the count.
    LeftOut(Frame),
}

/// One entry of a trace.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event {
    /// A frame became a job.
    Released(Frame, JobId),
    /// A block was dispatched.
    Dispatched(Dispatch),
    /// A block was completed.
    Completed(Report),
    /// A frame ended without a result.
    Dropped(Frame, DropReason),
    /// An accelerator failed; the job that it ran, if any, is ready again.
    Faulted(AcceleratorId, Fault, Option<JobId>),
    /// An accelerator is in service again.
    Restored(AcceleratorId),
    /// The run ended before the frame did.
    Unfinished(Leftover),
    /// A window ended: UXCost of the frames that ended in it.
    Window(UxCost),
    /// Online tuning set other weights.
    Tuned(Weights),
    /// A model was switched on or off.
    Activated(ModelId, bool),
    /// A model was barred from an accelerator, or let in again.
    Barred(ModelId, AcceleratorId, bool),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_traces_are_read_back() {
        let reasons = (0..=u8::MAX).map_while(DropReason::from_code);
        assert_eq!(reasons.zip(0..).filter(|(reason, code)| reason.code() == *code).count(), 8);
        let faults = (0..=u8::MAX).map_while(Fault::from_code);
        assert_eq!(faults.zip(0..).filter(|(fault, code)| fault.code() == *code).count(), 4);
    }
}
