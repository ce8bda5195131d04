//! The runtime: a scheduler, the queues of its accelerators, and the application's say.
//!
//! `supervision` holds the rules for accelerators that go wrong, `recovery` applies them, `cascade`
//! follows frames that depend on others, `inputs` is where frames come from, `run` makes an async task of
//! it all.

mod cascade;
mod inputs;
mod recovery;
#[cfg(feature = "async")]
mod run;
mod supervision;

pub use inputs::{Input, Inputs, Timetable};
pub use supervision::{Bars, Rest, Supervision, Timeouts};

use core::fmt;

use heapless::Vec;
use sdrm3_core::{
    Action, Activity, Dispatch, DropReason, Duration, Error, Event, Frame, Instant, ModelId, NextWake,
    Outcome, Policy, Progress, Refused, Scheduler, Ticket,
};

use crate::queue::{AcceleratorQueue, Completion, Error as _, ErrorKind, Pump};
use crate::trace::{Sink, Traced};
use supervision::Lane;

/// What the application adds: whether a frame gives rise to another, and what to do with events.
pub trait Application {
    /// Whether `parent` gives rise to a frame of the dependent model `child`.
    ///
    /// Asked once per parent's frame and child, when the parent is complete (a face was found: verify
    /// it), lost, or left when the run ends. For a frame without a result the answer decides only whether
    /// a lost dependent frame is counted; an application that cannot know says `false`.
    fn gives_rise(&mut self, parent: &Frame, child: ModelId) -> bool;

    /// Hears of everything that happened, in order.
    fn event(&mut self, event: &Event, now: Instant) {
        let _ = (event, now);
    }
}

/// When to call [`Runtime::poll`] again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Wake {
    /// At once: a queue needs the CPU.
    Now,
    /// At this instant, or at an interrupt of an accelerator before.
    At(Instant),
    /// At the next release or interrupt.
    OnEvent,
}

/// Anomalies that the runtime has survived, since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Trouble {
    /// Completions of tickets that were not in flight: ignored.
    pub stale_completions: u32,
    /// Completions whose outcome cannot be: the block runs again.
    pub bad_outcomes: u32,
    /// Blocks that a queue refused: dispatched again later.
    pub refused_blocks: u32,
    /// Blocks that ended with an error: run again.
    pub failed_blocks: u32,
    /// Blocks that were late.
    pub timeouts: u32,
    /// Graces given to late blocks that show progress.
    pub extensions: u32,
    /// Cancellations asked for.
    pub cancels: u32,
    /// Resets asked for.
    pub resets: u32,
    /// Blocks that not even a reset brought back: run again elsewhere.
    pub written_off: u32,
    /// Times that an accelerator was taken out of service.
    pub quarantines: u32,
    /// Times that one was given a block on trial.
    pub returns: u32,
    /// Times that a model was barred from an accelerator.
    pub barred: u32,
    /// Times that one was let in again.
    pub let_in: u32,
    /// Inputs that were lost in their hand-over: never released, and not counted as frames.
    pub lost_inputs: u32,
    /// Inputs of models that are unknown or run on frames of another one.
    pub refused_inputs: u32,
}

/// Counts one more.
fn count(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}

/// That scheduler and queues do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SetupError {
    /// How many accelerators the workload has.
    pub accelerators: usize,
    /// How many queues were given.
    pub queues: usize,
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the workload has {} accelerators but {} queues were given; give one each, in the same order",
            self.accelerators, self.queues
        )
    }
}

impl core::error::Error for SetupError {}

/// What polling one queue came to.
struct Collected {
    /// Blocks have ended: the scheduler has something to decide.
    completions: bool,
    /// The queue needs the CPU.
    call_again: bool,
}

/// Drives one queue per accelerator with a scheduler.
///
/// Call [`release`](Self::release) when an input is there, and [`poll`](Self::poll) after releases, on
/// interrupts of accelerators and at the wake it asked for. Time is an argument; if it goes back, the
/// latest time stands. A [`Sink`] hears of every call to the scheduler: a
/// [`Recorder`](crate::trace::Recorder) writes a trace; by default there is none, and it costs nothing.
#[derive(Clone, Debug)]
pub struct Runtime<'w, P, Q, const MODELS: usize, const JOBS: usize, const ACCS: usize, S = ()> {
    scheduler: Traced<'w, P, S, MODELS, JOBS, ACCS>,
    queues: Vec<Q, ACCS>,
    lanes: Vec<Lane<MODELS>, ACCS>,
    supervision: Supervision,
    trouble: Trouble,
    now: Instant,
}

impl<'w, P, Q, const MODELS: usize, const JOBS: usize, const ACCS: usize>
    Runtime<'w, P, Q, MODELS, JOBS, ACCS>
where
    P: Policy,
    Q: AcceleratorQueue,
{
    /// A runtime of this scheduler and one queue per accelerator, in the workload's order, under
    /// [`Supervision::DEFAULT`].
    pub fn new(
        scheduler: Scheduler<'w, P, MODELS, JOBS, ACCS>,
        queues: Vec<Q, ACCS>,
    ) -> Result<Self, SetupError> {
        Self::traced(scheduler, queues, ())
    }
}

impl<'w, P, Q, S, const MODELS: usize, const JOBS: usize, const ACCS: usize>
    Runtime<'w, P, Q, MODELS, JOBS, ACCS, S>
where
    P: Policy,
    Q: AcceleratorQueue,
    S: Sink,
{
    /// The same, with a sink that hears of every call to the scheduler.
    pub fn traced(
        scheduler: Scheduler<'w, P, MODELS, JOBS, ACCS>,
        queues: Vec<Q, ACCS>,
        sink: S,
    ) -> Result<Self, SetupError> {
        let (accelerators, given) = (scheduler.accelerators().len(), queues.len());
        if accelerators != given {
            return Err(SetupError { accelerators, queues: given });
        }
        let mut lanes = Vec::new();
        for state in scheduler.accelerators() {
            // There is a place for every accelerator.
            let _ = lanes.push(Lane::new(Ticket { accelerator: state.id, sequence: 0 }));
        }
        let scheduler = Traced::new(scheduler, sink);
        let (supervision, trouble) = (Supervision::DEFAULT, Trouble::default());
        Ok(Self { scheduler, queues, lanes, supervision, trouble, now: Instant::ZERO })
    }

    /// Under these rules, from the next block on.
    #[must_use]
    pub const fn with_supervision(mut self, supervision: Supervision) -> Self {
        self.supervision = supervision;
        self
    }

    /// The rules for accelerators that go wrong.
    pub const fn supervision(&self) -> Supervision {
        self.supervision
    }

    /// The scheduler: its tallies, its UXCost, its policy.
    pub const fn scheduler(&self) -> &Scheduler<'w, P, MODELS, JOBS, ACCS> {
        self.scheduler.scheduler()
    }

    /// The sink, to end its trace or to drain it.
    pub const fn sink_mut(&mut self) -> &mut S {
        self.scheduler.sink_mut()
    }

    /// The queues, in the workload's order.
    pub fn queues(&self) -> &[Q] {
        &self.queues
    }

    /// The queues, in the workload's order, for what the runtime does not do itself (power, reset).
    pub fn queues_mut(&mut self) -> &mut [Q] {
        &mut self.queues
    }

    /// Anomalies so far.
    pub const fn trouble(&self) -> Trouble {
        self.trouble
    }

    /// Takes in the next frame of a model. O(JOBS).
    ///
    /// # Errors
    ///
    /// The frame, handed back: try again, or [give it up](Self::give_up).
    pub fn release(
        &mut self,
        model: ModelId,
        now: Instant,
        application: &mut impl Application,
    ) -> Result<Frame, Refused> {
        let now = self.advance(now);
        let (frame, job) = self.scheduler.release(model, now)?;
        application.event(&Event::Released(frame, job), now);
        Ok(frame)
    }

    /// Counts a refused frame, and those that would have followed from it, as lost.
    pub fn give_up(&mut self, frame: Frame, now: Instant, application: &mut impl Application) {
        let now = self.advance(now);
        self.scheduler.give_up(frame, now);
        self.lose(frame, DropReason::NoRoom, now, application);
    }

    /// Collects completions, sees to accelerators that are late or at rest, then dispatches and drops
    /// until there is nothing to do.
    ///
    /// Work is bounded: each queue is polled at most once more than it is deep, as often again if it took a
    /// block, and as often again if its block is late; at most one cancellation and one reset per accelerator; at
    /// most one dispatch per accelerator and one more for each model that it turns out not to support, and one
    /// drop per frame, each decision O(JOBS x ACCS).
    pub fn poll(&mut self, now: Instant, application: &mut impl Application) -> Wake {
        let now = self.advance(now);
        let mut call_again = false;
        for index in 0..self.queues.len() {
            call_again |= self.collect(index, now, application).call_again;
        }
        call_again |= self.supervise(now, application);
        let mut fed = Vec::<usize, ACCS>::new();
        let wake = loop {
            let (windows, weights) = (self.scheduler.windows(), self.scheduler.policy().weights());
            let action = self.scheduler.poll(now);
            if self.scheduler.windows() != windows {
                application.event(&Event::Window(self.scheduler.last_window()), now);
            }
            if let Some(weights) = self.scheduler.policy().weights().filter(|new| Some(*new) != weights) {
                application.event(&Event::Tuned(weights), now);
            }
            match action {
                Action::Dispatch(block) => {
                    application.event(&Event::Dispatched(block), now);
                    if self.submit(&block, now, application) {
                        // An accelerator takes one block per poll: there is a place for each.
                        let _ = fed.push(usize::from(block.ticket.accelerator.0));
                    }
                }
                Action::Drop(frame, DropReason::Withdrawn) => {
                    application.event(&Event::Dropped(frame, DropReason::Withdrawn), now);
                }
                Action::Drop(frame, reason) => self.lose(frame, reason, now, application),
                Action::Wait(wake) => break wake,
            }
        };
        // A queue that is pumped by the CPU says so only when it is polled behind its submission.
        for index in fed {
            let collected = self.collect(index, now, application);
            call_again |= collected.call_again || collected.completions;
        }
        let at = match wake {
            NextWake::At(at) => at,
            NextWake::Idle => Instant::MAX,
        };
        match self.lanes.iter().map(Lane::wake).fold(at, Instant::min) {
            _ if call_again => Wake::Now,
            Instant::MAX => Wake::OnEvent,
            at => Wake::At(at),
        }
    }

    /// Switches a model on or off: see [`Scheduler::set_active`].
    ///
    /// # Errors
    ///
    /// The model is unknown.
    pub fn set_active(
        &mut self,
        model: ModelId,
        active: bool,
        now: Instant,
        application: &mut impl Application,
    ) -> Result<(), Error> {
        let now = self.advance(now);
        if self.scheduler.set_active(model, active, now)? {
            application.event(&Event::Activated(model, active), now);
        }
        Ok(())
    }

    /// Changes the frame rate of a model: see [`Scheduler::set_period`].
    ///
    /// # Errors
    ///
    /// The model is unknown or runs on frames of another one, or the period is zero.
    pub fn set_period(&mut self, model: ModelId, period: Duration, now: Instant) -> Result<(), Error> {
        let now = self.advance(now);
        self.scheduler.set_period(model, period, now)
    }

    /// Stops or resumes online tuning.
    pub fn freeze_tuner(&mut self, frozen: bool) {
        self.scheduler.freeze_tuner(frozen, self.now);
    }

    fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    /// Gives a block to its queue. The answer is whether it took it.
    fn submit(&mut self, block: &Dispatch, now: Instant, application: &mut impl Application) -> bool {
        let accelerator = block.ticket.accelerator;
        let index = usize::from(accelerator.0);
        let (Some(queue), Some(lane)) = (self.queues.get_mut(index), self.lanes.get_mut(index)) else {
            return false;
        };
        match queue.submit(now, block) {
            Ok(()) => {
                let activity = self.scheduler.accelerators().get(index).map(|state| state.activity);
                let Some(Activity::Busy { until }) = activity else { return true };
                lane.accepted(block, until.saturating_since(now), self.supervision.timeouts, now);
                true
            }
            Err(error) => {
                count(&mut self.trouble.refused_blocks);
                self.refused(accelerator, block.frame.model, error.kind(), now, application);
                false
            }
        }
    }

    /// Collects what one queue has: at most one completion more than it is deep, so that a stale one
    /// hides none that is due.
    fn collect(&mut self, index: usize, now: Instant, application: &mut impl Application) -> Collected {
        let mut collected = Collected { completions: false, call_again: true };
        let depth = self.queues.get(index).map_or(0, |queue| queue.capabilities().depth);
        for _ in 0..=depth.max(1) {
            let Some(queue) = self.queues.get_mut(index) else { return collected };
            match queue.poll(now) {
                Pump::Idle | Pump::Waiting => return Collected { call_again: false, ..collected },
                Pump::CallAgain => break,
                Pump::Done(completion) if self.is_expected(index, &completion) => {
                    self.completed(completion, now, application);
                    collected.completions = true;
                }
                Pump::Done(_) => count(&mut self.trouble.stale_completions),
            }
        }
        // It needs the CPU, or there may be more: that can wait when nothing of ours is in flight there.
        collected.call_again = self.lanes.get(index).is_some_and(Lane::is_running);
        collected
    }

    /// Whether a completion, of whatever result, answers a ticket that this queue has in flight.
    fn is_expected(&self, index: usize, completion: &Completion<Q::Error>) -> bool {
        let ticket = completion.ticket;
        usize::from(ticket.accelerator.0) == index && self.scheduler.is_in_flight(ticket)
    }

    fn completed(
        &mut self,
        completion: Completion<Q::Error>,
        now: Instant,
        application: &mut impl Application,
    ) {
        let Completion { ticket, started, result } = completion;
        let result = result.map(|outcome| Outcome { started: Some(started), ..outcome });
        let accelerator = ticket.accelerator;
        let Some(lane) = self.lanes.get_mut(usize::from(accelerator.0)) else { return };
        match result.map(|outcome| self.scheduler.complete(ticket, outcome, now)) {
            Ok(Ok(report)) => {
                lane.succeeded();
                application.event(&Event::Completed(report), now);
                if report.progress != Progress::More {
                    self.release_children(report.frame, now, application);
                }
            }
            Ok(Err(_)) => {
                count(&mut self.trouble.bad_outcomes);
                self.failed(accelerator, ErrorKind::Corrupt, now, application);
            }
            Err(error) => {
                count(&mut self.trouble.failed_blocks);
                self.failed(accelerator, error.kind(), now, application);
            }
        }
    }
}
