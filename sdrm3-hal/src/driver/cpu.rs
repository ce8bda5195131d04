//! The CPU as an accelerator: a kernel that runs in slices, the fall-back when no accelerator is left.
//!
//! # For users
//!
//! [`poll`](AcceleratorQueue::poll) runs one slice of the block in flight and answers
//! [`Pump::CallAgain`], so a super-loop or a task of low priority goes on between slices. How long a slice
//! takes at worst is the kernel's promise: everything else on this CPU, the other queues' completions
//! included, waits that long. Choose it like a critical section, for instance one row of a layer.
//!
//! Give the tables the cost of the whole block on the CPU, with the time that its slices wait for others.
//!
//! ```
//! use sdrm3_core::{Dispatch, Path};
//! use sdrm3_hal::driver::cpu::{CpuQueue, Step};
//!
//! /// One row of the output per slice.
//! fn run_row(_block: &Dispatch, _row: u32) { /* multiply, add, store */ }
//!
//! let cpu = CpuQueue::new(|block: &Dispatch, row: u32| {
//!     run_row(block, row);
//!     if row == 63 { Step::Done(Path::Next) } else { Step::More }
//! });
//! ```
//!
//! # Times
//!
//! A block begins at the `now` of the call that ran its first slice. It ends at the `now` of the call behind
//! the one that ran its last, which hands out the completion: a call knows only when it began.
//!
//! # Work per call
//!
//! `poll`: one slice, or one completion. Everything else O(1).

use sdrm3_core::{Dispatch, Instant, Outcome, Path, Ticket};

use crate::queue::{
    AcceleratorQueue, CancelOutcome, Capabilities, Completion, ErrorKind, ErrorType, Granularity, Health,
    Pump,
};

/// What a slice came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Step {
    /// There are more.
    More,
    /// It was the last one, and the network goes on like this.
    Done(Path),
    /// The block failed: [`ErrorKind::Device`], or [`ErrorKind::Unsupported`] for a block that this kernel
    /// cannot run.
    Failed(ErrorKind),
}

/// Runs blocks on the CPU. A closure `|block, slice| step` is one.
pub trait Kernel {
    /// Runs a slice of a block, counted from 0. Must take a bounded time, stated by its author.
    ///
    /// After slice `n` of a block follows slice `n + 1` of the same block, or slice 0 of any block: a block
    /// that was cancelled or reset is given up without a word.
    fn step(&mut self, block: &Dispatch, slice: u32) -> Step;
}

impl<F: FnMut(&Dispatch, u32) -> Step> Kernel for F {
    fn step(&mut self, block: &Dispatch, slice: u32) -> Step {
        self(block, slice)
    }
}

/// The block in flight.
#[derive(Clone, Copy, Debug)]
struct Running {
    block: Dispatch,
    slices: u32,
    started: Option<Instant>,
    /// How it has ended.
    end: Option<Result<Path, ErrorKind>>,
}

/// A queue of depth one that runs a [`Kernel`].
#[derive(Debug)]
pub struct CpuQueue<K> {
    kernel: K,
    running: Option<Running>,
    health: Health,
}

impl<K: Kernel> CpuQueue<K> {
    /// A queue that runs this kernel.
    pub const fn new(kernel: K) -> Self {
        Self { kernel, running: None, health: Health::ZERO }
    }

    /// The kernel.
    pub const fn kernel(&mut self) -> &mut K {
        &mut self.kernel
    }

    fn running(&mut self, ticket: Ticket) -> Option<&mut Running> {
        self.running.as_mut().filter(|running| running.block.ticket == ticket)
    }
}

impl<K> ErrorType for CpuQueue<K> {
    type Error = ErrorKind;
}

impl<K: Kernel> AcceleratorQueue for CpuQueue<K> {
    fn capabilities(&self) -> Capabilities {
        Capabilities::plain(1).with_granularity(Granularity::Slice).with_progress()
    }

    fn submit(&mut self, _: Instant, block: &Dispatch) -> Result<(), ErrorKind> {
        if self.running.is_some() {
            return Err(ErrorKind::Full);
        }
        self.running = Some(Running { block: *block, slices: 0, started: None, end: None });
        Ok(())
    }

    fn poll(&mut self, now: Instant) -> Pump<ErrorKind> {
        let Some(running) = &mut self.running else { return Pump::Idle };
        let Some(end) = running.end else {
            running.started.get_or_insert(now);
            running.end = match self.kernel.step(&running.block, running.slices) {
                Step::More => None,
                Step::Done(path) => Some(Ok(path)),
                Step::Failed(kind) => Some(Err(kind)),
            };
            running.slices = running.slices.saturating_add(1);
            return Pump::CallAgain;
        };
        let started = running.started.unwrap_or(now).min(now);
        let ticket = running.block.ticket;
        self.running = None;
        if end.is_err() {
            self.health.failed = self.health.failed.saturating_add(1);
        }
        let result = end.map(|path| Outcome::finished(now).with_start(started).with_path(path));
        Pump::Done(Completion { ticket, started, result })
    }

    fn cancel(&mut self, _: Instant, ticket: Ticket) -> CancelOutcome {
        let Some(running) = self.running(ticket) else { return CancelOutcome::Unknown };
        if running.end.is_some() {
            return CancelOutcome::RunsToEnd;
        }
        running.end = Some(Err(ErrorKind::Cancelled));
        if running.slices == 0 { CancelOutcome::Removed } else { CancelOutcome::StopsAtBoundary }
    }

    fn reset(&mut self, _: Instant) -> Result<(), ErrorKind> {
        self.health.resets = self.health.resets.saturating_add(1);
        if let Some(running) = &mut self.running {
            running.end = Some(Err(ErrorKind::Reset));
        }
        Ok(())
    }

    /// How many slices have run.
    fn progress(&self, ticket: Ticket) -> Option<u32> {
        self.running.filter(|running| running.block.ticket == ticket).map(|running| running.slices)
    }

    fn health(&self) -> Health {
        self.health
    }
}
