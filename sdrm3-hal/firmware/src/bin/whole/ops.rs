//! The other calls of the scheduler that do something, one function each. They stand here, as what the library has
//! more changes what the compiler makes of the rest of it: the code of `size` and the instructions of `cost`.

use sdrm3_core::{AcceleratorId, Duration, Error, Frame, Instant, JobId, ModelId, Refused, Ticket, UxCost};
use sdrm3_firmware::ops::Full;

#[inline(never)]
pub fn readmit(scheduler: &mut Full, frame: Frame, now: Instant) -> Result<(Frame, JobId), Refused> {
    scheduler.readmit(frame, now)
}

#[inline(never)]
pub fn is_in_flight(scheduler: &Full, ticket: Ticket) -> bool {
    scheduler.is_in_flight(ticket)
}

#[inline(never)]
pub fn bar(
    scheduler: &mut Full,
    model: ModelId,
    accelerator: AcceleratorId,
    barred: bool,
    now: Instant,
) -> Result<bool, Error> {
    scheduler.bar(model, accelerator, barred, now)
}

#[inline(never)]
pub fn set_period(scheduler: &mut Full, model: ModelId, period: Duration, now: Instant) -> Result<(), Error> {
    scheduler.set_period(model, period, now)
}

#[inline(never)]
pub fn freeze_tuner(scheduler: &mut Full, frozen: bool) {
    scheduler.freeze_tuner(frozen);
}

#[inline(never)]
pub fn latency_factor(scheduler: &Full, model: ModelId, accelerator: AcceleratorId) -> Option<f64> {
    scheduler.latency_factor(model, accelerator)
}

#[inline(never)]
pub fn uxcost(scheduler: &Full) -> UxCost {
    scheduler.uxcost()
}
