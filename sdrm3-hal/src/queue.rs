//! The queue of one accelerator: blocks go in, completions come out.
//!
//! The trait follows what real drivers can do. Most accelerators hold one command stream, cannot
//! preempt it, and lose it on a reset; some are pumped by the CPU; an interrupt can arrive after the
//! timeout that gave up on it. So a block is named by a [`Ticket`] that is never used twice, fullness
//! is a value, and [`poll`](AcceleratorQueue::poll) says whether to sleep or to call again.
//!
//! # For users of a queue
//!
//! - Call `poll` until it answers [`Pump::Idle`] or [`Pump::Waiting`], at every interrupt of the
//!   device and before sleeping. On [`Pump::CallAgain`] do not sleep.
//! - Every accepted ticket is answered by exactly one completion, whatever happens in between. Do not
//!   count on it before it comes: `cancel` and `reset` produce it as well, through `poll`.
//!
//! # For authors of a driver
//!
//! - `submit` must be all or nothing, must not block or spin, and must answer an error of kind
//!   [`ErrorKind::Full`] when there is no room. A block that has finished but was not collected may
//!   take room.
//! - Every accepted ticket must be completed exactly once, in order of start, also after `cancel`,
//!   `reset` or a loss of power (with an error). A late interrupt for a ticket that is gone must be
//!   dropped and counted in [`Health::spurious`].
//! - `poll` must do a bounded amount of work, and must answer `Waiting` only if an event will follow.
//! - Times must be the device's (taken in its interrupt), so that estimates exclude our own latency.
//! - No memory of the caller may be kept past a call: tickets name blocks, not pointers. Caches must be
//!   cleaned before the start and invalidated before the completion.
//! - `reset` must complete everything in flight with an error; if it resets siblings too, they must
//!   complete theirs.
//! - Nothing may allocate or panic.

use sdrm3_core::{Dispatch, Instant, ModelId, Outcome, Ticket};

/// What a failure means to a user of any queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ErrorKind {
    /// No room for another block; try again after a completion.
    Full,
    /// Powered down or not yet set up; try again when it is ready. The runtime does so behind short rests, for
    /// as long as it is told so: a driver that has waited long enough says [`Gone`](Self::Gone).
    NotReady,
    /// The device did not answer in time.
    Timeout,
    /// The connection to the device failed.
    Bus,
    /// What the device answered fails its check.
    Corrupt,
    /// The device reports that the block failed (command, memory, watchdog).
    Device,
    /// The block was cancelled.
    Cancelled,
    /// The block was in flight when the device was reset.
    Reset,
    /// The device lost power or is gone.
    Gone,
    /// The device cannot run this block at all.
    Unsupported,
    /// Anything else.
    Other,
}

impl ErrorKind {
    /// Whether trying again soon may help; if not, the runtime takes the accelerator out of service for
    /// longer, or bars the model from it that it does not support.
    pub const fn is_transient(self) -> bool {
        !matches!(self, Self::Gone | Self::Unsupported | Self::Timeout)
    }
}

/// An error of a queue.
pub trait Error: core::error::Error {
    /// What it means to a user of any queue.
    fn kind(&self) -> ErrorKind;
}

impl core::fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Full => "the queue is full",
            Self::NotReady => "the accelerator is not ready",
            Self::Timeout => "the accelerator did not answer in time",
            Self::Bus => "the connection to the accelerator failed",
            Self::Corrupt => "the accelerator's answer fails its check",
            Self::Device => "the accelerator reports a failure",
            Self::Cancelled => "the block was cancelled",
            Self::Reset => "the accelerator was reset",
            Self::Gone => "the accelerator is gone",
            Self::Unsupported => "the accelerator cannot run this block",
            Self::Other => "the queue failed",
        })
    }
}

impl core::error::Error for ErrorKind {}

impl Error for ErrorKind {
    fn kind(&self) -> ErrorKind {
        *self
    }
}

impl Error for core::convert::Infallible {
    fn kind(&self) -> ErrorKind {
        match *self {}
    }
}

/// Names the error of a queue, for all traits of this crate.
pub trait ErrorType {
    /// Its error.
    type Error: Error;
}

impl<T: ErrorType + ?Sized> ErrorType for &mut T {
    type Error = T::Error;
}

/// What a queue can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Capabilities {
    /// How many blocks it holds, the running one included; at least 1.
    pub depth: u8,
    /// After how much a running block can be stopped.
    pub granularity: Granularity,
    /// Whether [`progress`](AcceleratorQueue::progress) answers.
    pub progress: bool,
    /// Whether [`prepare`](AcceleratorQueue::prepare) does something.
    pub prepare: bool,
    /// Whether completions carry a measured energy.
    pub energy: bool,
    /// Queues with the same number are reset together; `None`: alone.
    pub reset_domain: Option<u8>,
}

/// The least that a running block runs on for, once it is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Granularity {
    /// A slice of a segment: it stops almost at once.
    Slice,
    /// A segment.
    Segment,
    /// All of it: only a reset stops it before its end.
    Block,
}

impl Capabilities {
    /// A queue of this depth that can do nothing beyond what it must.
    pub const fn plain(depth: u8) -> Self {
        Self {
            depth,
            granularity: Granularity::Block,
            progress: false,
            prepare: false,
            energy: false,
            reset_domain: None,
        }
    }

    /// That stops a cancelled block after this much.
    #[must_use]
    pub const fn with_granularity(mut self, granularity: Granularity) -> Self {
        self.granularity = granularity;
        self
    }

    /// That tells how far a block has come.
    #[must_use]
    pub const fn with_progress(mut self) -> Self {
        self.progress = true;
        self
    }

    /// That fetches weights ahead.
    #[must_use]
    pub const fn with_prepare(mut self) -> Self {
        self.prepare = true;
        self
    }

    /// That is reset together with the others of this number.
    #[must_use]
    pub const fn with_reset_domain(mut self, domain: u8) -> Self {
        self.reset_domain = Some(domain);
        self
    }

    /// That also measures energy.
    #[must_use]
    pub const fn with_energy(mut self) -> Self {
        self.energy = true;
        self
    }
}

/// The one answer to an accepted ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Completion<E> {
    /// The ticket.
    pub ticket: Ticket,
    /// When the device began with it.
    pub started: Instant,
    /// How it ended.
    pub result: Result<Outcome, E>,
}

/// What [`poll`](AcceleratorQueue::poll) found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub enum Pump<E> {
    /// Nothing in flight.
    Idle,
    /// In flight; an event of the device will follow.
    Waiting,
    /// In flight, and the CPU is needed: call again soon.
    CallAgain,
    /// A block has ended. There may be more.
    Done(Completion<E>),
}

impl<E> Pump<E> {
    /// The same, with another error in a completion.
    pub fn map_err<F>(self, change: impl FnOnce(E) -> F) -> Pump<F> {
        match self {
            Self::Idle => Pump::Idle,
            Self::Waiting => Pump::Waiting,
            Self::CallAgain => Pump::CallAgain,
            Self::Done(Completion { ticket, started, result }) => {
                Pump::Done(Completion { ticket, started, result: result.map_err(change) })
            }
        }
    }
}

/// How far a cancellation reaches. The completion comes through `poll` in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CancelOutcome {
    /// It had not started, and will not.
    Removed,
    /// It stops at the next boundary inside the block.
    StopsAtBoundary,
    /// It cannot be stopped and runs to its end.
    RunsToEnd,
    /// Only a reset stops it.
    NeedsReset,
    /// No such ticket is in flight.
    Unknown,
}

/// Whether a model's weights lie where the accelerator needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Residency {
    /// The queue does not know.
    Unknown,
    /// They do not.
    Absent,
    /// They are on their way.
    Loading,
    /// They do.
    Resident,
}

/// Levels of power, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Power {
    /// Nothing is retained.
    Off,
    /// Memories are retained, nothing runs.
    Retained,
    /// Blocks run.
    On,
}

/// How a queue is doing, since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Health {
    /// Interrupts or answers for tickets that were gone.
    pub spurious: u32,
    /// Completions with an error.
    pub failed: u32,
    /// Answers that fail their check.
    pub corrupt: u32,
    /// Answers that were repeated, late or out of order: dropped.
    pub stale: u32,
    /// Requests that were made again, as no answer came.
    pub retries: u32,
    /// Transfers over the connection that failed.
    pub bus: u32,
    /// Resets of the device, asked for or found out.
    pub resets: u32,
}

impl Health {
    /// Nothing has happened yet.
    pub const ZERO: Self =
        Self { spurious: 0, failed: 0, corrupt: 0, stale: 0, retries: 0, bus: 0, resets: 0 };
}

/// The queue of one accelerator. The module's documentation holds the contract for both sides.
pub trait AcceleratorQueue: ErrorType {
    /// What it can do; constant over its life. O(1).
    fn capabilities(&self) -> Capabilities;

    /// Takes a block. All or nothing, never blocks.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Full`] when there is no room; on any error nothing was started and the ticket will
    /// not be completed.
    fn submit(&mut self, now: Instant, block: &Dispatch) -> Result<(), Self::Error>;

    /// Moves the queue on, and hands out at most one completion. Bounded work.
    fn poll(&mut self, now: Instant) -> Pump<Self::Error>;

    /// Tries to stop a block. Never blocks.
    fn cancel(&mut self, now: Instant, ticket: Ticket) -> CancelOutcome;

    /// Resets the device: everything in flight completes with an error. Idempotent.
    ///
    /// # Errors
    ///
    /// When the device does not come back.
    fn reset(&mut self, now: Instant) -> Result<(), Self::Error>;

    /// A number that grows while the block moves on: a slow block is not a hung one.
    fn progress(&self, ticket: Ticket) -> Option<u32> {
        let _ = ticket;
        None
    }

    /// Hints that this model is likely to run next, so that its weights may be fetched. For applications that know:
    /// the runtime does not call it.
    fn prepare(&mut self, now: Instant, model: ModelId) {
        let _ = (now, model);
    }

    /// Whether a model's weights are there.
    fn residency(&self, model: ModelId) -> Residency {
        let _ = model;
        Residency::Unknown
    }

    /// Sets the level of power. Idempotent; the driver counts its users.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] when a block is in flight that the level does not allow.
    fn set_power(&mut self, now: Instant, level: Power) -> Result<(), Self::Error> {
        let _ = (now, level);
        Ok(())
    }

    /// How it is doing.
    fn health(&self) -> Health {
        Health::default()
    }
}

impl<T: AcceleratorQueue + ?Sized> AcceleratorQueue for &mut T {
    fn capabilities(&self) -> Capabilities {
        T::capabilities(self)
    }

    fn submit(&mut self, now: Instant, block: &Dispatch) -> Result<(), Self::Error> {
        T::submit(self, now, block)
    }

    fn poll(&mut self, now: Instant) -> Pump<Self::Error> {
        T::poll(self, now)
    }

    fn cancel(&mut self, now: Instant, ticket: Ticket) -> CancelOutcome {
        T::cancel(self, now, ticket)
    }

    fn reset(&mut self, now: Instant) -> Result<(), Self::Error> {
        T::reset(self, now)
    }

    fn progress(&self, ticket: Ticket) -> Option<u32> {
        T::progress(self, ticket)
    }

    fn prepare(&mut self, now: Instant, model: ModelId) {
        T::prepare(self, now, model);
    }

    fn residency(&self, model: ModelId) -> Residency {
        T::residency(self, model)
    }

    fn set_power(&mut self, now: Instant, level: Power) -> Result<(), Self::Error> {
        T::set_power(self, now, level)
    }

    fn health(&self) -> Health {
        T::health(self)
    }
}
