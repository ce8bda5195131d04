//! One type of error for all queues.

use sdrm3_core::{Dispatch, Instant, ModelId, Ticket};

use crate::queue::{
    AcceleratorQueue, CancelOutcome, Capabilities, Error, ErrorKind, ErrorType, Health, Power, Pump,
    Residency,
};

/// A queue whose errors are reduced to their [kind](Error::kind), so that different drivers stand side by
/// side in one [`Runtime`](crate::Runtime) as `&mut dyn AcceleratorQueue<Error = ErrorKind>`.
///
/// ```
/// # use sdrm3_core::{Dispatch, Path};
/// use sdrm3_hal::AcceleratorQueue;
/// use sdrm3_hal::driver::cpu::{CpuQueue, Step};
/// use sdrm3_hal::driver::doorbell::{DoorbellQueue, Window};
/// use sdrm3_hal::middleware::Kinded;
/// use sdrm3_hal::queue::ErrorKind;
///
/// fn side_by_side(npu: DoorbellQueue<impl Window, 4>) {
///     let mut npu = Kinded(npu); // its errors have codes of the device
///     let mut cpu = CpuQueue::new(|_: &Dispatch, _| Step::Done(Path::Next)); // its errors are kinds
///     let queues: [&mut dyn AcceleratorQueue<Error = ErrorKind>; 2] = [&mut npu, &mut cpu];
/// }
/// ```
///
/// What is lost is the detail (a code, a bus error): [trace](super::Traced) the queue inside to log it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kinded<Q>(pub Q);

impl<Q> ErrorType for Kinded<Q> {
    type Error = ErrorKind;
}

impl<Q: AcceleratorQueue> AcceleratorQueue for Kinded<Q> {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn submit(&mut self, now: Instant, block: &Dispatch) -> Result<(), ErrorKind> {
        self.0.submit(now, block).map_err(|error| error.kind())
    }

    fn poll(&mut self, now: Instant) -> Pump<ErrorKind> {
        self.0.poll(now).map_err(|error| error.kind())
    }

    fn cancel(&mut self, now: Instant, ticket: Ticket) -> CancelOutcome {
        self.0.cancel(now, ticket)
    }

    fn reset(&mut self, now: Instant) -> Result<(), ErrorKind> {
        self.0.reset(now).map_err(|error| error.kind())
    }

    fn progress(&self, ticket: Ticket) -> Option<u32> {
        self.0.progress(ticket)
    }

    fn prepare(&mut self, now: Instant, model: ModelId) {
        self.0.prepare(now, model);
    }

    fn residency(&self, model: ModelId) -> Residency {
        self.0.residency(model)
    }

    fn set_power(&mut self, now: Instant, level: Power) -> Result<(), ErrorKind> {
        self.0.set_power(now, level).map_err(|error| error.kind())
    }

    fn health(&self) -> Health {
        self.0.health()
    }
}
