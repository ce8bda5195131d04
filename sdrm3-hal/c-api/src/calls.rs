//! What the C calls need of a scheduler, whatever its size: one table of functions per size, so that a
//! firmware that uses one size links that one only.

use sdrm3_core::{
    AcceleratorId, Action, Duration, Error, Fault, Frame, Instant, Leftover, MapScore, ModelId, Outcome,
    Policy, Refused, Report, Scheduler, Tally, Ticket, UxCost, Weights,
};

pub(crate) trait Calls {
    fn release(&mut self, model: ModelId, now: Instant) -> Result<Frame, Refused>;
    fn release_child(&mut self, model: ModelId, parent: &Frame, now: Instant) -> Result<Frame, Refused>;
    fn lose_child(&mut self, model: ModelId, parent: &Frame, now: Instant) -> Result<Frame, Refused>;
    fn readmit(&mut self, frame: Frame, now: Instant) -> Result<Frame, Refused>;
    fn give_up(&mut self, frame: Frame, now: Instant);
    fn poll(&mut self, now: Instant) -> Action;
    fn complete(&mut self, ticket: Ticket, outcome: Outcome, now: Instant) -> Result<Report, Error>;
    fn fault(&mut self, accelerator: AcceleratorId, fault: Fault, now: Instant) -> Result<(), Error>;
    fn restore(&mut self, accelerator: AcceleratorId, now: Instant) -> Result<(), Error>;
    fn bar(&mut self, model: ModelId, on: AcceleratorId, barred: bool, now: Instant) -> Result<(), Error>;
    fn set_active(&mut self, model: ModelId, active: bool, now: Instant) -> Result<(), Error>;
    fn set_period(&mut self, model: ModelId, period: Duration, now: Instant) -> Result<(), Error>;
    fn freeze_tuner(&mut self, frozen: bool);
    fn weights(&self) -> Weights;
    fn tallies(&self) -> &[Tally];
    fn uxcost(&self) -> UxCost;
    fn close(&mut self, end: Instant) -> Option<Leftover>;
}

impl<const MODELS: usize, const JOBS: usize, const ACCS: usize> Calls
    for Scheduler<'static, MapScore, MODELS, JOBS, ACCS>
{
    fn release(&mut self, model: ModelId, now: Instant) -> Result<Frame, Refused> {
        Ok(self.release(model, now)?.0)
    }

    fn release_child(&mut self, model: ModelId, parent: &Frame, now: Instant) -> Result<Frame, Refused> {
        Ok(self.release_child(model, parent, now)?.0)
    }

    fn lose_child(&mut self, model: ModelId, parent: &Frame, now: Instant) -> Result<Frame, Refused> {
        self.lose_child(model, parent, now)
    }

    fn readmit(&mut self, frame: Frame, now: Instant) -> Result<Frame, Refused> {
        Ok(self.readmit(frame, now)?.0)
    }

    fn give_up(&mut self, frame: Frame, now: Instant) {
        self.give_up(frame, now);
    }

    fn poll(&mut self, now: Instant) -> Action {
        self.poll(now)
    }

    fn complete(&mut self, ticket: Ticket, outcome: Outcome, now: Instant) -> Result<Report, Error> {
        self.complete(ticket, outcome, now)
    }

    fn fault(&mut self, accelerator: AcceleratorId, fault: Fault, now: Instant) -> Result<(), Error> {
        self.fault(accelerator, fault, now).map(|_| ())
    }

    fn restore(&mut self, accelerator: AcceleratorId, now: Instant) -> Result<(), Error> {
        self.restore(accelerator, now)
    }

    fn bar(&mut self, model: ModelId, on: AcceleratorId, barred: bool, now: Instant) -> Result<(), Error> {
        self.bar(model, on, barred, now).map(|_| ())
    }

    fn set_active(&mut self, model: ModelId, active: bool, now: Instant) -> Result<(), Error> {
        self.set_active(model, active, now).map(|_| ())
    }

    fn set_period(&mut self, model: ModelId, period: Duration, now: Instant) -> Result<(), Error> {
        self.set_period(model, period, now)
    }

    fn freeze_tuner(&mut self, frozen: bool) {
        self.freeze_tuner(frozen);
    }

    fn weights(&self) -> Weights {
        self.policy().weights().unwrap_or_default()
    }

    fn tallies(&self) -> &[Tally] {
        self.tallies()
    }

    fn uxcost(&self) -> UxCost {
        self.uxcost()
    }

    fn close(&mut self, end: Instant) -> Option<Leftover> {
        self.close(end)
    }
}
