//! An accelerator under virtual time: one more implementation of the queue trait.

use sdrm3_core::{Dispatch, Duration, Instant, Outcome, Path, Ticket};
use sdrm3_hal::AcceleratorQueue;
use sdrm3_hal::queue::{CancelOutcome, Capabilities, Completion, ErrorKind, ErrorType, Health, Pump};

use super::Execution;

/// A queue of depth one. Each block takes what [`Execution`] says, at the accelerator's speed.
#[derive(Debug)]
pub struct SimulatedAccelerator<'a> {
    execution: Execution<'a>,
    running: Option<Running>,
    decision: Duration,
    speed: f64,
    lost: bool,
    health: Health,
}

#[derive(Debug)]
struct Running {
    ticket: Ticket,
    started: Instant,
    finished: Instant,
    result: Result<Path, ErrorKind>,
}

impl<'a> SimulatedAccelerator<'a> {
    /// An idle accelerator at full speed; every dispatch is delayed by the time of a decision.
    pub fn new(execution: Execution<'a>, decision_ns: u32) -> Self {
        let decision = Duration::from_nanos(u64::from(decision_ns));
        Self { execution, running: None, decision, speed: 1.0, lost: false, health: Health::default() }
    }

    /// Blocks submitted from now on run at this share of full speed.
    pub fn set_speed(&mut self, speed: f64) {
        self.speed = speed;
    }

    /// It is gone, with what it ran, or back.
    pub fn set_lost(&mut self, lost: bool, now: Instant) {
        self.lost = lost;
        if lost {
            self.lose(now, ErrorKind::Gone);
        }
    }

    /// When something will have happened that [`poll`](AcceleratorQueue::poll) reports.
    pub fn next_event(&self) -> Option<Instant> {
        self.running.as_ref().map(|running| running.finished)
    }

    /// The running block ends now, without a result.
    fn lose(&mut self, now: Instant, why: ErrorKind) {
        if let Some(running) = &mut self.running
            && running.finished > now
        {
            running.started = running.started.min(now);
            running.finished = now;
            running.result = Err(why);
        }
    }
}

impl ErrorType for SimulatedAccelerator<'_> {
    type Error = ErrorKind;
}

impl AcceleratorQueue for SimulatedAccelerator<'_> {
    fn capabilities(&self) -> Capabilities {
        Capabilities::plain(1)
    }

    fn submit(&mut self, now: Instant, block: &Dispatch) -> Result<(), ErrorKind> {
        if self.running.is_some() {
            return Err(ErrorKind::Full);
        }
        if self.lost {
            return Err(ErrorKind::Gone);
        }
        let (latency_ns, path) = self.execution.run(block);
        let nanos = (latency_ns + u64::from(block.switch.latency_ns)) as f64 / self.speed;
        let started = now.saturating_add(self.decision);
        let finished = started.saturating_add(Duration::from_nanos(nanos.round() as u64));
        self.running = Some(Running { ticket: block.ticket, started, finished, result: Ok(path) });
        Ok(())
    }

    fn poll(&mut self, now: Instant) -> Pump<ErrorKind> {
        match self.running.take() {
            None => Pump::Idle,
            Some(running) if running.finished > now => {
                self.running = Some(running);
                Pump::Waiting
            }
            Some(Running { ticket, started, finished, result }) => {
                self.health.failed += u32::from(result.is_err());
                let result = result.map(|path| Outcome::finished(finished).with_path(path));
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
        if self.lost { Err(ErrorKind::Gone) } else { Ok(()) }
    }

    fn health(&self) -> Health {
        self.health
    }
}
