//! What is done about accelerators that are late, fail or refuse, by the rules of [`Supervision`].
//!
//! [`Supervision`]: super::Supervision

use sdrm3_core::{AcceleratorId, Activity, Duration, Error, Event, Fault, Instant, ModelId, Policy};

use super::supervision::Step;
use super::{Application, Runtime, count};
use crate::queue::{AcceleratorQueue, CancelOutcome, ErrorKind};
use crate::trace::Sink;

impl<P, Q, S, const MODELS: usize, const JOBS: usize, const ACCS: usize>
    Runtime<'_, P, Q, MODELS, JOBS, ACCS, S>
where
    P: Policy,
    Q: AcceleratorQueue,
    S: Sink,
{
    /// Puts an accelerator back into service; nothing happens if it is in service. The runtime does so by
    /// itself behind rests and quarantines.
    pub fn restore(&mut self, accelerator: AcceleratorId, now: Instant, application: &mut impl Application) {
        let now = self.advance(now);
        if self.put_back(accelerator, now, application)
            && let Some(lane) = self.lanes.get_mut(usize::from(accelerator.0))
        {
            lane.forgive();
        }
    }

    /// Bars a model from an accelerator for good, or lets it in again: see
    /// [`Scheduler::bar`](sdrm3_core::Scheduler::bar).
    ///
    /// # Errors
    ///
    /// Model or accelerator are unknown.
    pub fn bar(
        &mut self,
        model: ModelId,
        accelerator: AcceleratorId,
        barred: bool,
        now: Instant,
        application: &mut impl Application,
    ) -> Result<(), Error> {
        let now = self.advance(now);
        if self.scheduler.bar(model, accelerator, barred, now)? {
            application.event(&Event::Barred(model, accelerator, barred), now);
        }
        if let Some(lane) = self.lanes.get_mut(usize::from(accelerator.0)) {
            lane.bar(model, barred);
        }
        Ok(())
    }

    /// Takes the step that is due at each accelerator, if one is. The answer is whether a queue may have
    /// more to say than when it was polled.
    pub(super) fn supervise(&mut self, now: Instant, application: &mut impl Application) -> bool {
        let mut asked = false;
        for index in 0..self.lanes.len() {
            let accelerator = AcceleratorId(index as u8);
            self.let_in(accelerator, now, application);
            let Some(lane) = self.lanes.get_mut(index).filter(|lane| lane.due <= now) else { continue };
            match lane.step {
                Step::Free => {}
                // The rules have changed since it was accepted.
                Step::Running | Step::Suspected { .. } if self.supervision.timeouts.is_none() => {
                    lane.due = Instant::MAX;
                }
                Step::Running => {
                    count(&mut self.trouble.timeouts);
                    lane.step = Step::Suspected { progress: None, extensions: 0 };
                    asked |= self.suspect(accelerator, None, 0, now, application);
                }
                Step::Suspected { progress, extensions } => {
                    asked |= self.suspect(accelerator, progress, extensions, now, application);
                }
                Step::Stopping => asked |= self.reset_hung(accelerator, now, application),
                Step::Resetting => self.write_off(accelerator, now, application),
                Step::Resting => _ = self.put_back(accelerator, now, application),
                Step::Quarantined { reset: true } => asked |= self.reset_lost(accelerator, now),
                Step::Quarantined { reset: false } => {
                    count(&mut self.trouble.returns);
                    self.put_back(accelerator, now, application);
                }
            }
        }
        asked
    }

    /// A block is late. While it moves on it is given graces; else it is stopped. What its queue has only
    /// just asked the device is waited for, for a grace at most.
    fn suspect(
        &mut self,
        accelerator: AcceleratorId,
        before: Option<u32>,
        extensions: u8,
        now: Instant,
        application: &mut impl Application,
    ) -> bool {
        let index = usize::from(accelerator.0);
        let (grace, timeouts) = (self.grace(), self.supervision.timeouts);
        let more = timeouts.is_some_and(|timeouts| extensions < timeouts.extensions);
        if more && self.moved(index, before).is_none() && self.may_hear(index, now, application) {
            return true;
        }
        let progress = self.moved(index, before);
        let (Some(queue), Some(lane), Some(timeouts)) =
            (self.queues.get_mut(index), self.lanes.get_mut(index), timeouts)
        else {
            return false;
        };
        if let Some(progress) = progress.filter(|_| extensions < timeouts.extensions) {
            count(&mut self.trouble.extensions);
            let (progress, extensions) = (Some(progress), extensions.saturating_add(1));
            lane.go(Step::Suspected { progress, extensions }, now.saturating_add(grace));
            return false;
        }
        count(&mut self.trouble.cancels);
        match queue.cancel(now, lane.ticket) {
            CancelOutcome::Removed | CancelOutcome::StopsAtBoundary => {
                lane.go(Step::Stopping, now.saturating_add(grace));
            }
            CancelOutcome::RunsToEnd => {
                lane.go(Step::Stopping, lane.run_out.max(now.saturating_add(grace)));
            }
            CancelOutcome::NeedsReset | CancelOutcome::Unknown => {
                self.reset_hung(accelerator, now, application);
            }
        }
        true
    }

    /// How far a block has come, if that is not as far as before.
    fn moved(&self, index: usize, before: Option<u32>) -> Option<u32> {
        let progress = self.queues.get(index)?.progress(self.lanes.get(index)?.ticket);
        progress.filter(|progress| Some(*progress) != before)
    }

    /// Polls the queue of a block that has not moved once more: whether it still asks its device, and this is
    /// no longer than a grace behind the end of its time, or of its last grace.
    fn may_hear(&mut self, index: usize, now: Instant, application: &mut impl Application) -> bool {
        let latest = self.lanes.get(index).map_or(now, |lane| lane.due.saturating_add(self.grace()));
        let tells = self.queues.get(index).is_some_and(|queue| queue.capabilities().progress);
        if !tells || now >= latest {
            return false;
        }
        let collected = self.collect(index, now, application);
        collected.completions || collected.call_again
    }

    /// Resets an accelerator whose block does not end; the block is to complete with an error.
    fn reset_hung(
        &mut self,
        accelerator: AcceleratorId,
        now: Instant,
        application: &mut impl Application,
    ) -> bool {
        if !self.reset(accelerator, now) {
            self.write_off(accelerator, now, application);
            return true;
        }
        let grace = self.grace();
        if let Some(lane) = self.lanes.get_mut(usize::from(accelerator.0)) {
            lane.go(Step::Resetting, now.saturating_add(grace));
        }
        true
    }

    /// Resets an accelerator that does not come back by itself; a block is tried when it does.
    fn reset_lost(&mut self, accelerator: AcceleratorId, now: Instant) -> bool {
        let back = self.reset(accelerator, now);
        let (grace, rest) = (self.grace(), self.supervision.quarantine);
        if let Some(lane) = self.lanes.get_mut(usize::from(accelerator.0)) {
            if back {
                // Meanwhile the queue can say what it has left to say.
                lane.go(Step::Quarantined { reset: false }, now.saturating_add(grace));
            } else {
                lane.quarantine(rest, true, now);
            }
        }
        true
    }

    /// Resets a device. Siblings of its domain lose their blocks, through no fault of theirs; but a block
    /// that is reset on its own account is not pardoned for a sibling's reset, before or behind.
    fn reset(&mut self, accelerator: AcceleratorId, now: Instant) -> bool {
        count(&mut self.trouble.resets);
        let index = usize::from(accelerator.0);
        let Some(queue) = self.queues.get_mut(index) else { return false };
        let back = queue.reset(now).is_ok();
        let domain = queue.capabilities().reset_domain;
        for (other, (queue, lane)) in self.queues.iter().zip(&mut self.lanes).enumerate() {
            if other == index {
                lane.reset_by_sibling = false;
            } else if domain.is_some() && queue.capabilities().reset_domain == domain {
                lane.reset_by_sibling |= lane.is_running() && lane.step != Step::Resetting;
            }
        }
        back
    }

    /// Gives a block up that will not come back: the job is dispatched elsewhere, and what comes for its
    /// ticket later is stale.
    fn write_off(&mut self, accelerator: AcceleratorId, now: Instant, application: &mut impl Application) {
        count(&mut self.trouble.written_off);
        let Some(lane) = self.lanes.get_mut(usize::from(accelerator.0)) else { return };
        let model = lane.model;
        self.take_out(accelerator, true, now, application);
        self.blame(accelerator, model, now, application);
    }

    /// A queue did not take a block: the dispatch is taken back, and the accelerator left alone for as long
    /// as the reason asks for.
    pub(super) fn refused(
        &mut self,
        accelerator: AcceleratorId,
        model: ModelId,
        kind: ErrorKind,
        now: Instant,
        application: &mut impl Application,
    ) {
        self.fault(accelerator, Fault::NotTaken, now, application);
        let Some(lane) = self.lanes.get_mut(usize::from(accelerator.0)) else { return };
        if kind == ErrorKind::Unsupported {
            self.put_back(accelerator, now, application);
            self.unsupported(accelerator, model, now, application);
        } else {
            let on_trial = lane.is_on_trial();
            // A device may have to start first for its trial: its driver says when it is gone.
            if kind == ErrorKind::NotReady || kind.is_transient() && !on_trial {
                lane.rest(self.supervision.back_off, now);
            } else {
                // It did not come back by itself.
                self.take_out(accelerator, on_trial, now, application);
            }
            // What is full, starts or is gone takes no model's blocks.
            if !matches!(kind, ErrorKind::Full | ErrorKind::NotReady | ErrorKind::Bus | ErrorKind::Gone) {
                self.blame(accelerator, model, now, application);
            }
        }
    }

    /// A block that was in flight has failed: its job is ready again, and the accelerator left alone for as
    /// long as the reason asks for.
    pub(super) fn failed(
        &mut self,
        accelerator: AcceleratorId,
        kind: ErrorKind,
        now: Instant,
        application: &mut impl Application,
    ) {
        let Some(lane) = self.lanes.get_mut(usize::from(accelerator.0)) else { return };
        let model = lane.model;
        if kind == ErrorKind::Reset && lane.reset_by_sibling {
            lane.go(Step::Free, Instant::MAX);
            self.fault(accelerator, Fault::BlockLost, now, application);
        } else if kind == ErrorKind::Unsupported {
            lane.go(Step::Free, Instant::MAX);
            self.fault(accelerator, Fault::BlockLost, now, application);
            self.unsupported(accelerator, model, now, application);
        } else if kind.is_transient() && !lane.is_on_trial() {
            lane.rest(self.supervision.back_off, now);
            self.fault(accelerator, Fault::Resting, now, application);
            self.blame(accelerator, model, now, application);
        } else {
            // Nobody has reset a device yet that does not answer: it is reset before its trial.
            let mute = kind == ErrorKind::Timeout;
            self.take_out(accelerator, mute, now, application);
            self.blame(accelerator, model, now, application);
        }
    }

    /// Bars a model for good from an accelerator that cannot run it.
    fn unsupported(
        &mut self,
        accelerator: AcceleratorId,
        model: ModelId,
        now: Instant,
        application: &mut impl Application,
    ) {
        count(&mut self.trouble.barred);
        let _ = self.bar(model, accelerator, true, now, application);
    }

    /// Takes an accelerator out of service, for a rest that doubles each time in a row, and for a reset
    /// before its trial if it does not come back by itself.
    fn take_out(
        &mut self,
        accelerator: AcceleratorId,
        reset: bool,
        now: Instant,
        application: &mut impl Application,
    ) {
        count(&mut self.trouble.quarantines);
        if let Some(lane) = self.lanes.get_mut(usize::from(accelerator.0)) {
            lane.quarantine(self.supervision.quarantine, reset, now);
        }
        self.fault(accelerator, Fault::OutOfService, now, application);
    }

    /// Counts a failure of a model on an accelerator, and bars the pair if that was one too many.
    fn blame(
        &mut self,
        accelerator: AcceleratorId,
        model: ModelId,
        now: Instant,
        application: &mut impl Application,
    ) {
        let Some(lane) = self.lanes.get_mut(usize::from(accelerator.0)) else { return };
        if lane.blame(model, self.supervision.bars, now)
            && let Ok(true) = self.scheduler.bar(model, accelerator, true, now)
        {
            count(&mut self.trouble.barred);
            application.event(&Event::Barred(model, accelerator, true), now);
        }
    }

    /// Lets the models in again that were barred from an accelerator for failing, if it is time.
    /// O(MODELS squared).
    fn let_in(&mut self, accelerator: AcceleratorId, now: Instant, application: &mut impl Application) {
        let Some(lane) = self.lanes.get_mut(usize::from(accelerator.0)) else { return };
        if lane.parole > now {
            return;
        }
        while let Some(model) = lane.next_on_parole(self.supervision.bars) {
            if let Ok(true) = self.scheduler.bar(model, accelerator, false, now) {
                count(&mut self.trouble.let_in);
                application.event(&Event::Barred(model, accelerator, false), now);
            }
        }
    }

    fn fault(
        &mut self,
        accelerator: AcceleratorId,
        fault: Fault,
        now: Instant,
        application: &mut impl Application,
    ) {
        if let Ok(job) = self.scheduler.fault(accelerator, fault, now) {
            application.event(&Event::Faulted(accelerator, fault, job), now);
        }
    }

    /// Puts an accelerator back that rests or is out of service. The answer is whether it was.
    fn put_back(
        &mut self,
        accelerator: AcceleratorId,
        now: Instant,
        application: &mut impl Application,
    ) -> bool {
        let index = usize::from(accelerator.0);
        let state = self.scheduler.accelerators().get(index);
        let out =
            state.is_some_and(|state| matches!(state.activity, Activity::Resting | Activity::OutOfService));
        if let Some(lane) = self.lanes.get_mut(index).filter(|_| out) {
            lane.go(Step::Free, Instant::MAX);
        }
        let back = out && self.scheduler.restore(accelerator, now).is_ok();
        if back {
            application.event(&Event::Restored(accelerator), now);
        }
        back
    }

    /// At least a microsecond, so that the next step lies ahead.
    fn grace(&self) -> Duration {
        let grace = self.supervision.timeouts.map_or(Duration::ZERO, |timeouts| timeouts.grace);
        grace.max(Duration::from_micros(1))
    }
}
