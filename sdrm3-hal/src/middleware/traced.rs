//! Reports what goes in and out of a queue.

use sdrm3_core::{Dispatch, Instant, ModelId, Ticket};

use crate::queue::{
    AcceleratorQueue, CancelOutcome, Capabilities, ErrorType, Health, Power, Pump, Residency,
};

/// A call of a queue, and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum QueueEvent<'a, E> {
    /// [`submit`](AcceleratorQueue::submit)
    Submit(&'a Dispatch, Result<(), &'a E>),
    /// [`poll`](AcceleratorQueue::poll)
    Poll(&'a Pump<E>),
    /// [`cancel`](AcceleratorQueue::cancel)
    Cancel(Ticket, CancelOutcome),
    /// [`reset`](AcceleratorQueue::reset)
    Reset(Result<(), &'a E>),
    /// [`prepare`](AcceleratorQueue::prepare)
    Prepare(ModelId),
    /// [`set_power`](AcceleratorQueue::set_power)
    SetPower(Power, Result<(), &'a E>),
}

/// Hears of every call. A closure `|event, now|` is one.
pub trait Tap<E> {
    /// A call was made at this time. Runs within it, so it must be quick: store or log, no more.
    fn event(&mut self, event: QueueEvent<'_, E>, now: Instant);
}

impl<E, F: FnMut(QueueEvent<'_, E>, Instant)> Tap<E> for F {
    fn event(&mut self, event: QueueEvent<'_, E>, now: Instant) {
        self(event, now);
    }
}

/// A queue that reports each call with its answer to a [`Tap`], and changes nothing.
///
/// Questions that change nothing (`capabilities`, `progress`, `residency`, `health`) are not reported.
///
/// ```
/// use sdrm3_core::{Dispatch, Instant, Path};
/// use sdrm3_hal::AcceleratorQueue;
/// use sdrm3_hal::driver::cpu::{CpuQueue, Step};
/// use sdrm3_hal::middleware::{QueueEvent, Traced};
/// use sdrm3_hal::queue::{ErrorKind, Pump};
///
/// let mut failures = 0;
/// let cpu = CpuQueue::new(|_: &Dispatch, _| Step::Done(Path::Next));
/// let mut cpu = Traced::new(cpu, |event: QueueEvent<'_, ErrorKind>, _: Instant| {
///     if let QueueEvent::Poll(Pump::Done(completion)) = event {
///         failures += u32::from(completion.result.is_err());
///     }
/// });
/// assert_eq!(cpu.poll(Instant::ZERO), Pump::Idle);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Traced<Q, T> {
    queue: Q,
    tap: T,
}

impl<Q: AcceleratorQueue, T: Tap<Q::Error>> Traced<Q, T> {
    /// This queue, with every call reported to that tap.
    pub const fn new(queue: Q, tap: T) -> Self {
        Self { queue, tap }
    }

    /// The queue, for what is not to be reported.
    pub const fn queue(&mut self) -> &mut Q {
        &mut self.queue
    }

    /// The tap.
    pub const fn tap(&mut self) -> &mut T {
        &mut self.tap
    }
}

impl<Q: ErrorType, T> ErrorType for Traced<Q, T> {
    type Error = Q::Error;
}

impl<Q: AcceleratorQueue, T: Tap<Q::Error>> AcceleratorQueue for Traced<Q, T> {
    fn capabilities(&self) -> Capabilities {
        self.queue.capabilities()
    }

    fn submit(&mut self, now: Instant, block: &Dispatch) -> Result<(), Self::Error> {
        let answer = self.queue.submit(now, block);
        self.tap.event(QueueEvent::Submit(block, answer.as_ref().copied()), now);
        answer
    }

    fn poll(&mut self, now: Instant) -> Pump<Self::Error> {
        let answer = self.queue.poll(now);
        self.tap.event(QueueEvent::Poll(&answer), now);
        answer
    }

    fn cancel(&mut self, now: Instant, ticket: Ticket) -> CancelOutcome {
        let answer = self.queue.cancel(now, ticket);
        self.tap.event(QueueEvent::Cancel(ticket, answer), now);
        answer
    }

    fn reset(&mut self, now: Instant) -> Result<(), Self::Error> {
        let answer = self.queue.reset(now);
        self.tap.event(QueueEvent::Reset(answer.as_ref().copied()), now);
        answer
    }

    fn progress(&self, ticket: Ticket) -> Option<u32> {
        self.queue.progress(ticket)
    }

    fn prepare(&mut self, now: Instant, model: ModelId) {
        self.queue.prepare(now, model);
        self.tap.event(QueueEvent::Prepare(model), now);
    }

    fn residency(&self, model: ModelId) -> Residency {
        self.queue.residency(model)
    }

    fn set_power(&mut self, now: Instant, level: Power) -> Result<(), Self::Error> {
        let answer = self.queue.set_power(now, level);
        self.tap.event(QueueEvent::SetPower(level, answer.as_ref().copied()), now);
        answer
    }

    fn health(&self) -> Health {
        self.queue.health()
    }
}
