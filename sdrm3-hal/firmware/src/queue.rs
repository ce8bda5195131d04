//! A timer as an accelerator: a block takes its time, then an interrupt says that it is done.

use core::ops::Range;

use sdrm3_core::{Dispatch, Duration, Instant, Outcome, Ticket};
use sdrm3_hal::AcceleratorQueue;
use sdrm3_hal::handover::{Handover, Signal};
use sdrm3_hal::queue::{
    CancelOutcome, Capabilities, Completion, ErrorKind, ErrorType, Granularity, Health, Pump,
};

use crate::board;
use crate::workload::ACCELERATORS;

// ANCHOR: latch
/// An interrupt has come.
pub static EVENT: Signal = Signal::new();

/// When the block of each accelerator ended, from its interrupt to its queue.
static ENDED: [Handover<Instant, 1>; ACCELERATORS] = [const { Handover::new(&EVENT) }; ACCELERATORS];

/// The interrupt's part: notes when the accelerator ended its block.
pub fn latch(accelerator: usize, at: Instant) {
    if let Some(ended) = ENDED.get(accelerator) {
        // There is one block at a time, so there is room.
        let _ = ended.push(at);
    }
}
// ANCHOR_END: latch

fn unlatch(accelerator: usize) -> Option<Instant> {
    ENDED.get(accelerator).and_then(Handover::pop)
}

/// The queue of one timer; one block at a time.
#[derive(Debug)]
pub struct TimerQueue {
    accelerator: usize,
    /// The block's ticket and start.
    in_flight: Option<(Ticket, Instant)>,
    /// Why the block was ended before its time.
    ended: Option<ErrorKind>,
    spurious: u32,
    failed: u32,
}

impl TimerQueue {
    /// The queue of that timer.
    pub const fn new(accelerator: usize) -> Self {
        Self { accelerator, in_flight: None, ended: None, spurious: 0, failed: 0 }
    }

    fn end(&mut self, why: ErrorKind) {
        board::stop(self.accelerator);
        self.ended = self.in_flight.map(|_| why);
    }
}

/// When the device is hot, and its accelerators run at half their pace.
const HOT: Range<Instant> = Instant::from_millis(800)..Instant::from_millis(1_300);

/// What a block takes: up to an eighth less or more than its table says, by the number of its dispatch.
fn duration(block: &Dispatch, now: Instant) -> Duration {
    let expected = u64::from(block.expected.latency_ns) + u64::from(block.switch.latency_ns);
    let sixteenths = 14 + u64::from(block.ticket.sequence.wrapping_mul(0x9e37_79b9) >> 30);
    let pace = if HOT.contains(&now) { 2 } else { 1 };
    Duration::from_nanos(expected * pace * sixteenths / 16)
}

impl ErrorType for TimerQueue {
    type Error = ErrorKind;
}

impl AcceleratorQueue for TimerQueue {
    fn capabilities(&self) -> Capabilities {
        Capabilities::plain(1).with_granularity(Granularity::Slice)
    }

    fn submit(&mut self, now: Instant, block: &Dispatch) -> Result<(), ErrorKind> {
        if self.in_flight.is_some() {
            return Err(ErrorKind::Full);
        }
        if unlatch(self.accelerator).is_some() {
            self.spurious += 1;
        }
        self.in_flight = Some((block.ticket, now));
        board::start(self.accelerator, duration(block, now));
        Ok(())
    }

    fn poll(&mut self, _: Instant) -> Pump<ErrorKind> {
        let Some((ticket, started)) = self.in_flight else { return Pump::Idle };
        let result = match (unlatch(self.accelerator), self.ended.take()) {
            (Some(at), _) => Ok(Outcome::finished(at)),
            (None, Some(why)) => Err(why),
            (None, None) => return Pump::Waiting,
        };
        self.in_flight = None;
        self.failed += u32::from(result.is_err());
        Pump::Done(Completion { ticket, started, result })
    }

    fn cancel(&mut self, _: Instant, ticket: Ticket) -> CancelOutcome {
        if self.in_flight.is_none_or(|(ours, _)| ours != ticket) {
            return CancelOutcome::Unknown;
        }
        self.end(ErrorKind::Cancelled);
        CancelOutcome::StopsAtBoundary
    }

    fn reset(&mut self, _: Instant) -> Result<(), ErrorKind> {
        self.end(ErrorKind::Reset);
        Ok(())
    }

    fn health(&self) -> Health {
        let mut health = Health::default();
        (health.spurious, health.failed) = (self.spurious, self.failed);
        health
    }
}
