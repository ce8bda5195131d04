//! How frames come in, and how they are counted.

use super::{Refusal, Refused, Scheduler, segments_of};
use crate::event::{DropReason, Event, Leftover};
use crate::job::{Frame, Job, JobId, State};
use crate::policy::{Activity, Policy};
use crate::supernet;
use crate::time::{Duration, Instant};
use crate::workload::{Model, ModelId};

impl<'w, P: Policy, const MODELS: usize, const JOBS: usize, const ACCS: usize>
    Scheduler<'w, P, MODELS, JOBS, ACCS>
{
    /// Takes in the next frame of a model. O(JOBS x ACCS).
    ///
    /// On `Err` nothing has changed; a frame without room, or with an earlier time, is handed back, to be
    /// [tried again](Self::readmit) or [given up](Self::give_up).
    pub fn release(&mut self, model: ModelId, now: Instant) -> Result<(Frame, JobId), Refused> {
        let (row, number) = self.row(model)?;
        let changed = self.models.get(usize::from(model.0)).map(|state| state.deadline);
        let changed = changed.filter(|deadline| *deadline != Duration::ZERO);
        let (None, Some(deadline)) = (row.cascade, changed.or(row.deadline)) else {
            return Err(Refused { frame: None, why: Refusal::NeedsParent });
        };
        let frame =
            Frame { release: now, deadline: now.saturating_add(deadline), origin: now, number, model };
        self.admit(frame, now)
    }

    /// Takes in the frame of a dependent model that a completed frame of its parent gives rise to.
    /// O(JOBS x ACCS). On `Err` nothing has changed.
    pub fn release_child(
        &mut self,
        model: ModelId,
        parent: &Frame,
        now: Instant,
    ) -> Result<(Frame, JobId), Refused> {
        let frame = self.child_of(model, parent, now)?;
        self.admit(frame, now)
    }

    /// Takes in a frame that was refused, as it was handed back: its release, its deadline and its number stay.
    /// To be tried before the next frame of its model is released, which would have the same number. O(JOBS x
    /// ACCS). On `Err` nothing has changed.
    pub fn readmit(&mut self, frame: Frame, now: Instant) -> Result<(Frame, JobId), Refused> {
        self.row(frame.model)?;
        self.admit(frame, now)
    }

    /// Counts the frame of a dependent model whose parent's frame was lost: violated. O(models x depth of cascades).
    /// On `Err` nothing has changed; a time before one given earlier counts as that one.
    pub fn lose_child(&mut self, model: ModelId, parent: &Frame, now: Instant) -> Result<Frame, Refused> {
        let now = now.max(self.now);
        let frame = self.child_of(model, parent, now)?;
        self.count_lost(frame, DropReason::ParentLost, now);
        Ok(frame)
    }

    /// Counts a refused frame as dropped and violated. O(models x depth of cascades). A time before one given
    /// earlier counts as that one.
    pub fn give_up(&mut self, frame: Frame, now: Instant) {
        self.count_lost(frame, DropReason::NoRoom, now);
    }

    /// Ends the run for one frame that is left, if any; call until `None`. O(JOBS + ACCS).
    ///
    /// A frame whose deadline was due by `end` is violated; one that had more time is taken out of
    /// the count. Blocks that still run are forgotten: their tickets are stale.
    pub fn close(&mut self, end: Instant) -> Option<Leftover> {
        let (id, job) = self.jobs.iter().next()?;
        let frame = job.frame();
        for index in 0..self.slots.len() {
            if self.slots.get(index).and_then(|slot| slot.in_flight).is_some_and(|block| block.job == id) {
                self.vacate(index, None, 0);
            }
        }
        self.jobs.remove(id);
        self.forget(id);
        let overdue = frame.deadline <= end;
        if let Some(tally) = self.tallies.get_mut(usize::from(frame.model.0)) {
            tally.violated = tally.violated.saturating_add(u32::from(overdue));
            tally.frames = tally.frames.saturating_sub(u32::from(!overdue));
        }
        let leftover = if overdue { Leftover::Overdue(frame) } else { Leftover::LeftOut(frame) };
        self.policy.observe(&Event::Unfinished(leftover), end);
        Some(leftover)
    }

    /// The model's row, if it is active, and the number of its next frame.
    fn row(&self, model: ModelId) -> Result<(&'w Model<'w, ACCS>, u32), Refused> {
        let refuse = |why| Refused { frame: None, why };
        let state = self.models.get(usize::from(model.0)).ok_or(refuse(Refusal::UnknownModel(model)))?;
        let row = self.workload.model(model).ok_or(refuse(Refusal::UnknownModel(model)))?;
        if state.active { Ok((row, state.number)) } else { Err(refuse(Refusal::Inactive)) }
    }

    fn child_of(&self, model: ModelId, parent: &Frame, now: Instant) -> Result<Frame, Refused> {
        let (row, _) = self.row(model)?;
        if row.cascade.is_none_or(|cascade| cascade.parent != parent.model) {
            return Err(Refused { frame: None, why: Refusal::NotAChild });
        }
        let deadline = row.deadline.map_or(parent.deadline, |d| parent.origin.saturating_add(d));
        Ok(Frame { release: now, deadline, origin: parent.origin, number: parent.number, model })
    }

    fn admit(&mut self, frame: Frame, now: Instant) -> Result<(Frame, JobId), Refused> {
        let refuse = |why| Err(Refused { frame: Some(frame), why });
        if now < self.now {
            return refuse(Refusal::TimeWentBack { last: self.now });
        }
        let subnetwork = self.choose_subnetwork(&frame, now);
        let Some(first) = segments_of(self.workload, frame.model, subnetwork).first() else {
            return refuse(Refusal::UnknownModel(frame.model));
        };
        let Some(id) = self.jobs.insert(Job::new(frame, subnetwork, first, now)) else {
            return refuse(Refusal::Full { capacity: JOBS });
        };
        self.now = now;
        self.count_frame(&frame);
        if let Some(state) = self.models.get_mut(usize::from(frame.model.0)) {
            state.subnetwork = subnetwork;
        }
        self.let_the_latest_win(frame.model, frame.number);
        self.prepare_jobs(frame.model);
        self.policy.observe(&Event::Released(frame, id), now);
        Ok((frame, id))
    }

    /// Frames of a model that wait lose their place to a newer one, if it says so: to that of this number, or that
    /// to another. Frames of a dependent may come in another order than their parents. O(JOBS).
    pub(super) fn let_the_latest_win(&mut self, model: ModelId, number: u32) {
        if !self.workload.model(model).is_some_and(|model| model.latest_wins) {
            return;
        }
        let ours = self.jobs.iter().filter(|(_, job)| job.model == model);
        // Numbers wrap around.
        let behind = |number: u32, newest: u32| newest.wrapping_sub(number) as i32 > 0;
        let newest = ours.map(|(_, job)| job.number);
        let newest = newest.fold(number, |newest, other| if behind(newest, other) { other } else { newest });
        for job in self.jobs.iter_mut().filter(|job| job.model == model) {
            if job.state == State::Fresh && behind(job.number, newest) {
                job.state = State::Superseded;
            }
        }
    }

    /// The sub-network for a new frame. O(JOBS + log sub-networks).
    fn choose_subnetwork(&self, frame: &Frame, now: Instant) -> u8 {
        let index = usize::from(frame.model.0);
        match (self.workload.model(frame.model), self.models.get(index)) {
            (Some(model), Some(state)) if self.config.supernet && model.subnetworks.len() > 1 => {
                let available = self.available(frame, None, now);
                supernet::select(model.subnetworks, available, state.subnetwork, state.lightest)
            }
            _ => 0,
        }
    }

    /// The time that a frame has, less what is spent on others that are due no later, at the pace of
    /// the model's table; those that the policy is about to give up take none. O(JOBS).
    pub(super) fn available(&self, frame: &Frame, own: Option<JobId>, now: Instant) -> Duration {
        let others = self.jobs.iter().filter(|&(id, job)| Some(id) != own && job.deadline <= frame.deadline);
        let given_up = |id, job: &Job<'w, ACCS>| {
            job.state != State::Running && self.policy.abandons(&self.view(id, job), now)
        };
        let others = others.filter(|&(id, job)| !given_up(id, job));
        let backlog = others
            .map(|(_, job)| self.corrected(job.model, job.segment.info().togo).as_nanos())
            .fold(0, u64::saturating_add);
        let in_service =
            self.accelerators.iter().filter(|state| state.activity != Activity::OutOfService).count();
        let wait = Duration::from_nanos(backlog).divided_by(in_service as u16);
        let left = frame.deadline.saturating_since(now).saturating_sub(wait);
        self.models.get(usize::from(frame.model.0)).map_or(left, |model| model.correction.by_table(left))
    }

    pub(super) fn corrected(&self, model: ModelId, work: Duration) -> Duration {
        self.models.get(usize::from(model.0)).map_or(work, |model| model.correction.work(work))
    }

    fn count_frame(&mut self, frame: &Frame) {
        let index = usize::from(frame.model.0);
        if let (Some(tally), Some(state)) = (self.tallies.get_mut(index), self.models.get_mut(index)) {
            tally.frames = tally.frames.saturating_add(1);
            // A frame that is given up late has a number that was passed already.
            if frame.number == state.number {
                state.number = state.number.wrapping_add(1);
            }
        }
    }

    /// Counts a frame that never became a job.
    fn count_lost(&mut self, frame: Frame, reason: DropReason, now: Instant) {
        self.now = self.now.max(now);
        self.count_frame(&frame);
        self.count_drop(frame, reason, self.now);
    }

    /// Counts a frame that ends without a result.
    pub(super) fn count_drop(&mut self, frame: Frame, reason: DropReason, now: Instant) {
        if let Some(tally) = self.tallies.get_mut(usize::from(frame.model.0)) {
            if reason == DropReason::Withdrawn {
                tally.frames = tally.frames.saturating_sub(1);
            } else {
                tally.dropped = tally.dropped.saturating_add(1);
                tally.violated = tally.violated.saturating_add(1);
            }
        }
        if reason != DropReason::Withdrawn {
            self.remember(frame.model, true);
        }
        self.policy.observe(&Event::Dropped(frame, reason), now);
    }

    /// Remembers whether a model's frame was lost, for the budgets of smart drops.
    pub(super) fn remember(&mut self, model: ModelId, lost: bool) {
        if let Some(state) = self.models.get_mut(usize::from(model.0)) {
            state.history.record(lost);
        }
        self.refresh_budget(model);
    }

    /// Whether budgets allow a drop, of a model and those it depends on; a model that is switched off
    /// has nothing to lose. O(models x depth of cascades).
    pub(super) fn refresh_budget(&mut self, model: ModelId) {
        let mut at = Some(model);
        while let Some((id, row)) = at.and_then(|id| Some((id, self.workload.model(id)?))) {
            let dependents_may = self
                .workload
                .children(id)
                .filter_map(|(child, _)| self.models.get(usize::from(child.0)))
                .all(|child| child.may_lose || !child.active);
            if let Some(state) = self.models.get_mut(usize::from(id.0)) {
                state.may_lose = dependents_may && state.history.allows(row.drop_budget);
            }
            at = row.cascade.map(|cascade| cascade.parent);
        }
    }
}
