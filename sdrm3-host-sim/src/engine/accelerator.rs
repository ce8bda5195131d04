//! An accelerator under virtual time: one more implementation of the queue trait.

use sdrm3_core::{Dispatch, Duration, Instant, Outcome, Ticket};
use sdrm3_hal::AcceleratorQueue;
use sdrm3_hal::queue::{CancelOutcome, Capabilities, Completion, ErrorKind, ErrorType, Pump};

/// A queue of depth one that runs each block for as long as the tables expect.
#[derive(Debug)]
pub struct SimulatedAccelerator {
    running: Option<Running>,
    decision: Duration,
}

#[derive(Debug)]
struct Running {
    ticket: Ticket,
    started: Instant,
    finished: Instant,
    lost: Option<ErrorKind>,
}

impl SimulatedAccelerator {
    /// An idle accelerator; every dispatch is delayed by the time of a decision.
    pub fn new(decision_ns: u32) -> Self {
        Self { running: None, decision: Duration::from_nanos(u64::from(decision_ns)) }
    }

    /// When something will have happened that [`poll`](AcceleratorQueue::poll) reports.
    pub fn next_event(&self) -> Option<Instant> {
        self.running.as_ref().map(|running| running.finished)
    }

    /// The running block ends now, without a result.
    fn lose(&mut self, now: Instant, why: ErrorKind) {
        if let Some(running) = &mut self.running
            && running.lost.is_none()
            && running.finished > now
        {
            running.finished = now;
            running.lost = Some(why);
        }
    }
}

impl ErrorType for SimulatedAccelerator {
    type Error = ErrorKind;
}

impl AcceleratorQueue for SimulatedAccelerator {
    fn capabilities(&self) -> Capabilities {
        Capabilities::plain(1)
    }

    fn submit(&mut self, now: Instant, block: &Dispatch) -> Result<(), ErrorKind> {
        if self.running.is_some() {
            return Err(ErrorKind::Full);
        }
        let nanos = u64::from(block.expected.latency_ns) + u64::from(block.switch.latency_ns);
        let started = now.saturating_add(self.decision);
        let finished = started.saturating_add(Duration::from_nanos(nanos));
        self.running = Some(Running { ticket: block.ticket, started, finished, lost: None });
        Ok(())
    }

    fn poll(&mut self, now: Instant) -> Pump<ErrorKind> {
        match self.running.take() {
            None => Pump::Idle,
            Some(running) if running.finished > now => {
                self.running = Some(running);
                Pump::Waiting
            }
            Some(Running { ticket, started, finished, lost }) => {
                let result = lost.map_or(Ok(Outcome::finished(finished)), Err);
                Pump::Done(Completion { ticket, started, result })
            }
        }
    }

    fn cancel(&mut self, _: Instant, ticket: Ticket) -> CancelOutcome {
        match &self.running {
            Some(running) if running.ticket == ticket => CancelOutcome::RunsToEnd,
            _ => CancelOutcome::Unknown,
        }
    }

    fn reset(&mut self, now: Instant) -> Result<(), ErrorKind> {
        self.lose(now, ErrorKind::Reset);
        Ok(())
    }
}
