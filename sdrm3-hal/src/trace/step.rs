//! Calls and answers as values, and the scheduler that tells of them.

use core::ops::Deref;

use sdrm3_core::{
    AcceleratorId, Action, Duration, Error, Fault, Frame, Instant, JobId, Leftover, ModelId, Outcome, Policy,
    Refused, Report, Scheduler, Ticket,
};

use super::Sink;

/// A call to a scheduler, but for its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs)] // each is the method of that name, with its arguments
pub enum Call {
    Poll,
    Release(ModelId),
    ReleaseChild(ModelId, Frame),
    Readmit(Frame),
    LoseChild(ModelId, Frame),
    GiveUp(Frame),
    Complete(Ticket, Outcome),
    Fault(AcceleratorId, Fault),
    Restore(AcceleratorId),
    Bar(ModelId, AcceleratorId, bool),
    SetActive(ModelId, bool),
    SetPeriod(ModelId, Duration),
    Freeze(bool),
    Close,
}

/// What a scheduler answered to a [`Call`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Answer {
    /// To `Poll`.
    Action(Action),
    /// To `Release`, `ReleaseChild` and `Readmit`.
    Admitted(Result<(Frame, JobId), Refused>),
    /// To `LoseChild`.
    Lost(Result<Frame, Refused>),
    /// To `Complete`.
    Completed(Result<Report, Error>),
    /// To `Fault`.
    Faulted(Result<Option<JobId>, Error>),
    /// To `Restore` and `SetPeriod`.
    Done(Result<(), Error>),
    /// To `Bar` and `SetActive`.
    Changed(Result<bool, Error>),
    /// To `Close`.
    Left(Option<Leftover>),
    /// To `GiveUp` and `Freeze`.
    Nothing,
}

/// A call, when it was made, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Step {
    /// The time that the call was given.
    pub now: Instant,
    /// The call.
    pub call: Call,
    /// The answer.
    pub answer: Answer,
}

impl Call {
    /// Makes the call; what it costs is said of the scheduler's method.
    pub fn make<P: Policy, const MODELS: usize, const JOBS: usize, const ACCS: usize>(
        &self,
        to: &mut Scheduler<'_, P, MODELS, JOBS, ACCS>,
        now: Instant,
    ) -> Answer {
        match *self {
            Self::Poll => Answer::Action(to.poll(now)),
            Self::Release(model) => Answer::Admitted(to.release(model, now)),
            Self::ReleaseChild(model, parent) => Answer::Admitted(to.release_child(model, &parent, now)),
            Self::Readmit(frame) => Answer::Admitted(to.readmit(frame, now)),
            Self::LoseChild(model, parent) => Answer::Lost(to.lose_child(model, &parent, now)),
            Self::GiveUp(frame) => {
                to.give_up(frame, now);
                Answer::Nothing
            }
            Self::Complete(ticket, outcome) => Answer::Completed(to.complete(ticket, outcome, now)),
            Self::Fault(accelerator, fault) => Answer::Faulted(to.fault(accelerator, fault, now)),
            Self::Restore(accelerator) => Answer::Done(to.restore(accelerator, now)),
            Self::Bar(model, accelerator, barred) => Answer::Changed(to.bar(model, accelerator, barred, now)),
            Self::SetActive(model, active) => Answer::Changed(to.set_active(model, active, now)),
            Self::SetPeriod(model, period) => Answer::Done(to.set_period(model, period, now)),
            Self::Freeze(frozen) => {
                to.freeze_tuner(frozen);
                Answer::Nothing
            }
            Self::Close => Answer::Left(to.close(now)),
        }
    }
}

/// A scheduler that tells a [`Sink`] of every call and its answer; otherwise it is the scheduler.
///
/// What only reads is reached through `Deref`. To be replayed, a trace must begin with a fresh scheduler.
#[derive(Clone, Debug)]
pub struct Traced<'w, P, S, const MODELS: usize, const JOBS: usize, const ACCS: usize> {
    scheduler: Scheduler<'w, P, MODELS, JOBS, ACCS>,
    sink: S,
}

impl<'w, P, S, const MODELS: usize, const JOBS: usize, const ACCS: usize> Deref
    for Traced<'w, P, S, MODELS, JOBS, ACCS>
{
    type Target = Scheduler<'w, P, MODELS, JOBS, ACCS>;

    fn deref(&self) -> &Self::Target {
        &self.scheduler
    }
}

impl<'w, P: Policy, S: Sink, const MODELS: usize, const JOBS: usize, const ACCS: usize>
    Traced<'w, P, S, MODELS, JOBS, ACCS>
{
    /// This scheduler, telling this sink.
    pub const fn new(scheduler: Scheduler<'w, P, MODELS, JOBS, ACCS>, sink: S) -> Self {
        Self { scheduler, sink }
    }

    /// The scheduler, for what only reads.
    pub const fn scheduler(&self) -> &Scheduler<'w, P, MODELS, JOBS, ACCS> {
        &self.scheduler
    }

    /// The sink.
    pub const fn sink(&self) -> &S {
        &self.sink
    }

    /// The sink, to end a trace or to drain it.
    pub const fn sink_mut(&mut self) -> &mut S {
        &mut self.sink
    }

    fn told<A: Copy>(&mut self, now: Instant, call: Call, answer: A, as_answer: fn(A) -> Answer) -> A {
        self.sink.record(&Step { now, call, answer: as_answer(answer) });
        answer
    }

    /// [`Scheduler::poll`].
    pub fn poll(&mut self, now: Instant) -> Action {
        let answer = self.scheduler.poll(now);
        self.told(now, Call::Poll, answer, Answer::Action)
    }

    /// [`Scheduler::release`].
    pub fn release(&mut self, model: ModelId, now: Instant) -> Result<(Frame, JobId), Refused> {
        let answer = self.scheduler.release(model, now);
        self.told(now, Call::Release(model), answer, Answer::Admitted)
    }

    /// [`Scheduler::release_child`].
    pub fn release_child(
        &mut self,
        model: ModelId,
        parent: &Frame,
        now: Instant,
    ) -> Result<(Frame, JobId), Refused> {
        let answer = self.scheduler.release_child(model, parent, now);
        self.told(now, Call::ReleaseChild(model, *parent), answer, Answer::Admitted)
    }

    /// [`Scheduler::readmit`].
    pub fn readmit(&mut self, frame: Frame, now: Instant) -> Result<(Frame, JobId), Refused> {
        let answer = self.scheduler.readmit(frame, now);
        self.told(now, Call::Readmit(frame), answer, Answer::Admitted)
    }

    /// [`Scheduler::lose_child`].
    pub fn lose_child(&mut self, model: ModelId, parent: &Frame, now: Instant) -> Result<Frame, Refused> {
        let answer = self.scheduler.lose_child(model, parent, now);
        self.told(now, Call::LoseChild(model, *parent), answer, Answer::Lost)
    }

    /// [`Scheduler::give_up`].
    pub fn give_up(&mut self, frame: Frame, now: Instant) {
        self.scheduler.give_up(frame, now);
        self.told(now, Call::GiveUp(frame), (), |()| Answer::Nothing);
    }

    /// [`Scheduler::complete`].
    pub fn complete(&mut self, ticket: Ticket, outcome: Outcome, now: Instant) -> Result<Report, Error> {
        let answer = self.scheduler.complete(ticket, outcome, now);
        self.told(now, Call::Complete(ticket, outcome), answer, Answer::Completed)
    }

    /// [`Scheduler::fault`].
    pub fn fault(
        &mut self,
        accelerator: AcceleratorId,
        fault: Fault,
        now: Instant,
    ) -> Result<Option<JobId>, Error> {
        let answer = self.scheduler.fault(accelerator, fault, now);
        self.told(now, Call::Fault(accelerator, fault), answer, Answer::Faulted)
    }

    /// [`Scheduler::restore`].
    pub fn restore(&mut self, accelerator: AcceleratorId, now: Instant) -> Result<(), Error> {
        let answer = self.scheduler.restore(accelerator, now);
        self.told(now, Call::Restore(accelerator), answer, Answer::Done)
    }

    /// [`Scheduler::bar`].
    pub fn bar(
        &mut self,
        model: ModelId,
        accelerator: AcceleratorId,
        barred: bool,
        now: Instant,
    ) -> Result<bool, Error> {
        let answer = self.scheduler.bar(model, accelerator, barred, now);
        self.told(now, Call::Bar(model, accelerator, barred), answer, Answer::Changed)
    }

    /// [`Scheduler::set_active`].
    pub fn set_active(&mut self, model: ModelId, active: bool, now: Instant) -> Result<bool, Error> {
        let answer = self.scheduler.set_active(model, active, now);
        self.told(now, Call::SetActive(model, active), answer, Answer::Changed)
    }

    /// [`Scheduler::set_period`].
    pub fn set_period(&mut self, model: ModelId, period: Duration, now: Instant) -> Result<(), Error> {
        let answer = self.scheduler.set_period(model, period, now);
        self.told(now, Call::SetPeriod(model, period), answer, Answer::Done)
    }

    /// [`Scheduler::freeze_tuner`]; the time only dates the record.
    pub fn freeze_tuner(&mut self, frozen: bool, now: Instant) {
        self.scheduler.freeze_tuner(frozen);
        self.told(now, Call::Freeze(frozen), (), |()| Answer::Nothing);
    }

    /// [`Scheduler::close`].
    pub fn close(&mut self, end: Instant) -> Option<Leftover> {
        let answer = self.scheduler.close(end);
        self.told(end, Call::Close, answer, Answer::Left)
    }
}
