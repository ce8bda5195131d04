//! The runtime: a scheduler, the queues of its accelerators, and the application's say.

use core::fmt;

use heapless::Vec;
use sdrm3_core::{
    AcceleratorId, Action, Activity, DropReason, Duration, Error, Event, Fault, Frame, Instant, Leftover,
    ModelId, NextWake, Outcome, Policy, Progress, Refused, Scheduler,
};

use crate::queue::{AcceleratorQueue, Completion, Error as _, Pump};
use crate::trace::{Sink, Traced};

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
#[derive(Debug)]
pub struct Runtime<'w, P, Q, const MODELS: usize, const JOBS: usize, const ACCS: usize, S = ()> {
    scheduler: Traced<'w, P, S, MODELS, JOBS, ACCS>,
    queues: Vec<Q, ACCS>,
    /// Accelerators that refused or failed a block for a passing reason: tried again at the next poll.
    resting: Vec<AcceleratorId, ACCS>,
    trouble: Trouble,
    now: Instant,
}

impl<'w, P, Q, const MODELS: usize, const JOBS: usize, const ACCS: usize>
    Runtime<'w, P, Q, MODELS, JOBS, ACCS>
where
    P: Policy,
    Q: AcceleratorQueue,
{
    /// A runtime of this scheduler and one queue per accelerator, in the workload's order.
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
        let (resting, trouble) = (Vec::new(), Trouble::default());
        let scheduler = Traced::new(scheduler, sink);
        Ok(Self { scheduler, queues, resting, trouble, now: Instant::ZERO })
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

    /// Collects completions, then dispatches and drops until there is nothing to do.
    ///
    /// Work is bounded: each queue is polled at most once more than it is deep, and as often again if it
    /// took a block; at most one dispatch per accelerator and one drop per frame, each decision
    /// O(JOBS x ACCS).
    pub fn poll(&mut self, now: Instant, application: &mut impl Application) -> Wake {
        let now = self.advance(now);
        while let Some(accelerator) = self.resting.pop() {
            self.restore(accelerator, now, application);
        }
        let mut call_again = false;
        for index in 0..self.queues.len() {
            call_again |= self.collect(index, now, application).call_again;
        }
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
                    let accelerator = block.ticket.accelerator;
                    let index = usize::from(accelerator.0);
                    let Some(queue) = self.queues.get_mut(index) else { continue };
                    match queue.submit(now, &block) {
                        // An accelerator takes one block per poll: there is a place for each.
                        Ok(()) => _ = fed.push(index),
                        Err(error) => {
                            self.trouble.refused_blocks = self.trouble.refused_blocks.saturating_add(1);
                            self.take_out(accelerator, error.kind().is_transient(), now, application);
                        }
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
        match wake {
            _ if call_again || !self.resting.is_empty() => Wake::Now,
            NextWake::At(at) => Wake::At(at),
            NextWake::Idle => Wake::OnEvent,
        }
    }

    /// Puts an accelerator back into service; nothing happens if it is in service.
    pub fn restore(&mut self, accelerator: AcceleratorId, now: Instant, application: &mut impl Application) {
        let now = self.advance(now);
        let state = self.scheduler.accelerators().get(usize::from(accelerator.0));
        let out =
            state.is_some_and(|state| matches!(state.activity, Activity::Resting | Activity::OutOfService));
        if out && self.scheduler.restore(accelerator, now).is_ok() {
            application.event(&Event::Restored(accelerator), now);
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

    /// Ends the run: every frame that is left is reported as overdue or left out. Frames that depend on
    /// it are lost: all of an overdue frame's, and of one that is left out those that were due before.
    pub fn close(&mut self, end: Instant, application: &mut impl Application) {
        while let Some(leftover) = self.scheduler.close(end) {
            application.event(&Event::Unfinished(leftover), end);
            match leftover {
                Leftover::Overdue(frame) => self.lose_children(frame, Instant::MAX, end, application),
                Leftover::LeftOut(frame) => self.lose_children(frame, end, end, application),
            }
        }
    }

    fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    /// Collects what one queue has: at most one completion more than it is deep, so that a stale one
    /// hides none that is due.
    fn collect(&mut self, index: usize, now: Instant, application: &mut impl Application) -> Collected {
        let mut collected = Collected { completions: false, call_again: false };
        let depth = self.queues.get(index).map_or(0, |queue| queue.capabilities().depth);
        for _ in 0..=depth.max(1) {
            let Some(queue) = self.queues.get_mut(index) else { return collected };
            match queue.poll(now) {
                Pump::Idle | Pump::Waiting => return collected,
                Pump::CallAgain => return Collected { call_again: true, ..collected },
                Pump::Done(completion) if self.is_expected(index, &completion) => {
                    self.completed(completion, now, application);
                    collected.completions = true;
                }
                Pump::Done(_) => {
                    self.trouble.stale_completions = self.trouble.stale_completions.saturating_add(1);
                }
            }
        }
        Collected { call_again: true, ..collected } // there may be more
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
        match result.map(|outcome| self.scheduler.complete(ticket, outcome, now)) {
            Ok(Ok(report)) => {
                application.event(&Event::Completed(report), now);
                if report.progress != Progress::More {
                    self.release_children(report.frame, now, application);
                }
            }
            Ok(Err(_)) => {
                self.trouble.bad_outcomes = self.trouble.bad_outcomes.saturating_add(1);
                self.take_out(ticket.accelerator, true, now, application);
            }
            Err(error) => {
                self.trouble.failed_blocks = self.trouble.failed_blocks.saturating_add(1);
                self.take_out(ticket.accelerator, error.kind().is_transient(), now, application);
            }
        }
    }

    /// Takes an accelerator out of service: until the next poll if the cause may pass, else until it
    /// is restored.
    fn take_out(
        &mut self,
        accelerator: AcceleratorId,
        passing: bool,
        now: Instant,
        application: &mut impl Application,
    ) {
        let fault = if passing { Fault::Resting } else { Fault::OutOfService };
        if let Ok(job) = self.scheduler.fault(accelerator, fault, now) {
            application.event(&Event::Faulted(accelerator, fault, job), now);
        }
        if passing && !self.resting.contains(&accelerator) {
            // There is a place for every accelerator.
            let _ = self.resting.push(accelerator);
        }
    }

    fn release_children(&mut self, parent: Frame, now: Instant, application: &mut impl Application) {
        for (child, _) in self.scheduler.workload().children(parent.model) {
            if !application.gives_rise(&parent, child) {
                continue;
            }
            match self.scheduler.release_child(child, &parent, now) {
                Ok((frame, job)) => application.event(&Event::Released(frame, job), now),
                Err(Refused { frame: Some(frame), .. }) => self.give_up(frame, now, application),
                Err(Refused { frame: None, .. }) => {}
            }
        }
    }

    /// Reports a lost frame that the scheduler has counted, and loses those that depend on it.
    fn lose(&mut self, frame: Frame, reason: DropReason, now: Instant, application: &mut impl Application) {
        application.event(&Event::Dropped(frame, reason), now);
        self.lose_children(frame, Instant::MAX, now, application);
    }

    /// Counts the frames that depend on one, directly or not, as lost: those that are due by then.
    fn lose_children(
        &mut self,
        frame: Frame,
        due_by: Instant,
        now: Instant,
        application: &mut impl Application,
    ) {
        // Cascades have no cycles, so each model is met at most once.
        let mut lost = Vec::<Frame, MODELS>::new();
        let _ = lost.push(frame);
        while let Some(parent) = lost.pop() {
            for (model, row) in self.scheduler.workload().children(parent.model) {
                if !application.gives_rise(&parent, model) {
                    continue;
                }
                let deadline = row.deadline.map_or(parent.deadline, |d| parent.origin.saturating_add(d));
                let frame = if deadline > due_by {
                    // It had more time; a frame that depends on it may have had less.
                    Frame { release: now, deadline, model, ..parent }
                } else if let Ok(frame) = self.scheduler.lose_child(model, &parent, now) {
                    application.event(&Event::Dropped(frame, DropReason::ParentLost), now);
                    frame
                } else {
                    continue;
                };
                let _ = lost.push(frame);
            }
        }
    }
}
