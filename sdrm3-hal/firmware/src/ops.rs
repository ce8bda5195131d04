//! The calls of the scheduler, one function each, so that a measurement finds them in the program.

use sdrm3_core::{
    AcceleratorId, Action, Config, Error, Fault, Frame, Instant, JobId, Leftover, MapScore, ModelId, Outcome,
    Refused, Report, Scheduler, Ticket, Workload, WorkloadError,
};

use crate::workload::ACCELERATORS;

/// The size that the limits are about: 8 models, 16 jobs, 4 accelerators.
pub type Full = Scheduler<'static, MapScore, 8, 16, ACCELERATORS>;

type Table = Workload<'static, ACCELERATORS>;

/// Everything switched on.
#[inline(never)]
pub fn new(workload: &'static Table) -> Result<Full, WorkloadError<'static>> {
    Full::new(workload, MapScore::default(), Config::FULL)
}

#[inline(never)]
pub fn poll(scheduler: &mut Full, now: Instant) -> Action {
    scheduler.poll(now)
}

#[inline(never)]
pub fn release(scheduler: &mut Full, model: ModelId, now: Instant) -> Result<(Frame, JobId), Refused> {
    scheduler.release(model, now)
}

#[inline(never)]
pub fn release_child(
    scheduler: &mut Full,
    model: ModelId,
    parent: &Frame,
    now: Instant,
) -> Result<(Frame, JobId), Refused> {
    scheduler.release_child(model, parent, now)
}

#[inline(never)]
pub fn lose_child(
    scheduler: &mut Full,
    model: ModelId,
    parent: &Frame,
    now: Instant,
) -> Result<Frame, Refused> {
    scheduler.lose_child(model, parent, now)
}

#[inline(never)]
pub fn give_up(scheduler: &mut Full, frame: Frame, now: Instant) {
    scheduler.give_up(frame, now);
}

#[inline(never)]
pub fn complete(
    scheduler: &mut Full,
    ticket: Ticket,
    outcome: Outcome,
    now: Instant,
) -> Result<Report, Error> {
    scheduler.complete(ticket, outcome, now)
}

#[inline(never)]
pub fn fault(
    scheduler: &mut Full,
    accelerator: AcceleratorId,
    fault: Fault,
    now: Instant,
) -> Result<Option<JobId>, Error> {
    scheduler.fault(accelerator, fault, now)
}

#[inline(never)]
pub fn restore(scheduler: &mut Full, accelerator: AcceleratorId, now: Instant) -> Result<(), Error> {
    scheduler.restore(accelerator, now)
}

#[inline(never)]
pub fn set_active(scheduler: &mut Full, model: ModelId, active: bool, now: Instant) -> Result<bool, Error> {
    scheduler.set_active(model, active, now)
}

#[inline(never)]
pub fn close(scheduler: &mut Full, end: Instant) -> Option<Leftover> {
    scheduler.close(end)
}
