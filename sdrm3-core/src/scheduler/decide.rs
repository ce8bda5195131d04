//! The decision: which ready job goes to which idle accelerator.

use super::{InFlight, Scheduler, segments_of};
use crate::correction::Correction;
use crate::event::{Action, Dispatch, DropReason, Event, NextWake, Ticket};
use crate::frame_drop::Search;
use crate::job::{JobId, JobPool, JobView, State};
use crate::policy::{AcceleratorState, Activity, Offer, Policy};
use crate::score::Score;
use crate::time::{Duration, Instant};
use crate::workload::{AcceleratorId, Branch, Cost, Placement, Workload};

/// The best pair of job and accelerator so far.
#[derive(Clone, Copy)]
struct Choice<'a> {
    score: Score,
    job: JobView<'a>,
    accelerator: usize,
    latency_ns: u32,
    switch: Cost,
    block: u16,
}

impl Choice<'_> {
    /// The documented order: whether `self` goes before `other`.
    fn before(&self, other: &Self) -> bool {
        self.score > other.score || (self.score == other.score && self.tie() < other.tie())
    }

    /// Unique among the pairs of a decision, and free of the order in which jobs came.
    fn tie(&self) -> impl Ord + use<> {
        let frame = self.job.frame;
        (frame.deadline, frame.release, frame.model, frame.number, self.latency_ns, self.accelerator)
    }
}

enum Decision<'a> {
    Drop(JobId, DropReason),
    Dispatch(Choice<'a>),
    Wait(NextWake),
}

impl<P: Policy, const MODELS: usize, const JOBS: usize, const ACCS: usize>
    Scheduler<'_, P, MODELS, JOBS, ACCS>
{
    /// Decides what to do next. Call it after every event and at the time of the last
    /// [`NextWake`], again and again until it answers [`Action::Wait`].
    ///
    /// A frame that has not started by its deadline, whose model is switched off, that a newer one
    /// supersedes, that nothing in service can run when its deadline has passed, or that the policy gives
    /// up, is dropped; so is one that smart frame drop chooses. Else
    /// the pair of ready job and idle accelerator with the highest score is dispatched. Equal scores are
    /// decided by, in this order: the earlier deadline, the earlier release, the lower model, the lower
    /// frame number, the lower latency, the lower accelerator.
    ///
    /// O(JOBS x ACCS) calls of the policy, never more; a time before one given earlier counts as
    /// that one.
    pub fn poll(&mut self, now: Instant) -> Action {
        self.now = self.now.max(now);
        let now = self.now;
        self.tune(now);
        self.policy.prepare(views(self.workload, &self.jobs, &self.corrections), &self.accelerators, now);
        match self.decide(now) {
            Decision::Drop(id, reason) => self.drop_job(id, reason, now),
            Decision::Dispatch(choice) => {
                let dispatch = self.describe(&choice);
                self.dispatch(dispatch, now)
            }
            Decision::Wait(wake) => Action::Wait(wake),
        }
    }

    fn decide(&self, now: Instant) -> Decision<'_> {
        let mut best: Option<Choice<'_>> = None;
        let mut wake = NextWake::Idle;
        let mut search = Search::default();
        for job in views(self.workload, &self.jobs, &self.corrections) {
            if let Some(reason) = self.reason_to_drop(&job, now) {
                return Decision::Drop(job.id, reason);
            }
            if self.config.frame_drop {
                self.consider_dropping(&job, &mut search, now);
            }
            let weighed = self.policy.weigh(&job, now);
            let barred = self.barred(&job);
            for (index, (state, placement)) in self.accelerators.iter().zip(job.placements).enumerate() {
                if state.activity != Activity::Idle || !placement.runs() || barred >> index & 1 != 0 {
                    continue;
                }
                let offer = self.offer(index, state, placement, &job);
                let Some(score) = self.policy.score(weighed, &job, &offer) else { continue };
                let (latency_ns, switch) = (offer.latency_ns, offer.switch);
                let block = self.policy.block(&job, &offer);
                let choice = Choice { score, job, accelerator: index, latency_ns, switch, block };
                if best.as_ref().is_none_or(|best| choice.before(best)) {
                    best = Some(choice);
                }
            }
            if (!job.started && self.config.stale_drop) || !self.is_placeable(&job) {
                wake = earlier(wake, job.frame.deadline);
            }
        }
        if let Some(id) = self.smart_drop(search) {
            return Decision::Drop(id, DropReason::Infeasible);
        }
        best.map_or(Decision::Wait(wake), Decision::Dispatch)
    }

    /// Why a waiting frame ends here, whatever the others do.
    fn reason_to_drop(&self, job: &JobView<'_>, now: Instant) -> Option<DropReason> {
        if !self.models.get(usize::from(job.frame.model.0)).is_some_and(|state| state.active) {
            return Some(DropReason::Withdrawn);
        }
        if job.superseded {
            return Some(DropReason::Superseded);
        }
        if !job.started && now >= job.frame.deadline && self.config.stale_drop {
            return Some(DropReason::Stale);
        }
        if now >= job.frame.deadline && !self.is_placeable(job) {
            return Some(DropReason::Unplaceable);
        }
        self.policy.abandons(job, now).then_some(DropReason::Abandoned)
    }

    /// The accelerators that a job's model is barred from.
    fn barred(&self, job: &JobView<'_>) -> u32 {
        self.models.get(usize::from(job.frame.model.0)).map_or(0, |state| state.barred)
    }

    /// Whether some accelerator in service can run the job's next segment, now or when it is free. O(ACCS).
    fn is_placeable(&self, job: &JobView<'_>) -> bool {
        let barred = self.barred(job);
        let mut pairs = self.accelerators.iter().zip(job.placements).enumerate();
        pairs.any(|(index, (state, placement))| {
            state.activity != Activity::OutOfService && placement.runs() && barred >> index & 1 == 0
        })
    }

    /// Smart frame drop, a waiting frame: conditions 1 and 3.
    fn consider_dropping(&self, job: &JobView<'_>, search: &mut Search, now: Instant) {
        if job.fastest_togo <= job.slack(now) {
            return;
        }
        search.infeasible();
        if let Some(state) = self.models.get(usize::from(job.frame.model.0)).filter(|state| state.may_lose) {
            search.candidate(job.togo.saturating_add(state.dependents), &job.frame, job.id);
        }
    }

    /// Smart frame drop: running frames count towards condition 2; then the verdict.
    fn smart_drop(&self, mut search: Search) -> Option<JobId> {
        if !self.config.frame_drop {
            return None;
        }
        for (state, slot) in self.accelerators.iter().zip(&self.slots) {
            let (Activity::Busy { until }, Some(block)) = (state.activity, slot.in_flight) else { continue };
            let Some(job) = self.jobs.get(block.job) else { continue };
            let segments = segments_of(self.workload, job.frame.model, job.subnetwork);
            let behind = segments.get(usize::from(block.first) + usize::from(block.count));
            let left = behind.map_or(Duration::ZERO, |segment| segment.info().fastest_togo);
            let correction = self.corrections.get(usize::from(job.frame.model.0));
            let left = correction.map_or(left, |correction| correction.fastest_work(left));
            if until.saturating_add(left) > job.frame.deadline {
                search.infeasible();
            }
        }
        search.verdict()
    }

    fn offer<'a>(
        &'a self,
        index: usize,
        state: &AcceleratorState,
        placement: &'a Placement,
        job: &JobView<'_>,
    ) -> Offer<'a> {
        let (mut latency_ns, mut latency_preference) = (placement.latency_ns, placement.latency_preference);
        if let Some(correction) =
            self.corrections.get(usize::from(job.frame.model.0)).filter(|_| self.config.correction)
        {
            latency_ns = correction.latency(index, latency_ns);
            latency_preference = correction.preference(index, latency_preference);
        }
        Offer {
            accelerator: state.id,
            placement,
            latency_ns,
            latency_preference,
            switch: self.switch_cost(index, state, job),
            accelerators: &self.accelerators,
        }
    }

    /// What moving the accelerator to the job costs.
    fn switch_cost(&self, index: usize, state: &AcceleratorState, job: &JobView<'_>) -> Cost {
        let (Some(accelerator), Some(slot)) = (self.workload.accelerators.get(index), self.slots.get(index))
        else {
            return Cost::NONE;
        };
        if state.last_job == Some(job.id) {
            return Cost::NONE;
        }
        let mut bytes = slot.resident_bytes.saturating_add(job.segment.activation_bytes);
        let mut entry = Cost::NONE;
        if slot.last_model != Some(job.frame.model) {
            bytes = bytes.saturating_add(job.weight_bytes);
        }
        if let Some(last) = slot.last_model {
            entry = self.workload.switch_entry(accelerator, last, job.frame.model);
        }
        let moved = accelerator.switch_cost(bytes);
        Cost {
            latency_ns: moved.latency_ns.saturating_add(entry.latency_ns),
            energy_nj: moved.energy_nj.saturating_add(entry.energy_nj),
        }
    }

    /// The chosen block: as long as the policy asks, but ended where the network may branch or the
    /// accelerator cannot go on. O(segments of the block).
    fn describe(&self, choice: &Choice<'_>) -> Dispatch {
        let job = &choice.job;
        let segments = segments_of(self.workload, job.frame.model, job.subnetwork);
        let mut expected = Cost::NONE;
        let mut count = 0;
        for segment in segments.iter().skip(usize::from(job.segment_index)) {
            let Some(on) = segment.placements().get(choice.accelerator).filter(|on| on.runs()) else { break };
            expected.latency_ns = expected.latency_ns.saturating_add(on.latency_ns);
            expected.energy_nj = expected.energy_nj.saturating_add(on.energy_nj);
            count += 1;
            if count >= choice.block || segment.info().branch != Branch::Next {
                break;
            }
        }
        let accelerator = AcceleratorId(choice.accelerator as u8);
        Dispatch {
            ticket: Ticket { accelerator, sequence: self.next_sequence },
            job: job.id,
            frame: job.frame,
            subnetwork: job.subnetwork,
            first: job.segment_index,
            count,
            expected,
            switch: choice.switch,
            score: choice.score,
        }
    }

    fn dispatch(&mut self, dispatch: Dispatch, now: Instant) -> Action {
        let Dispatch { ticket, job: id, first, count, expected, switch, .. } = dispatch;
        let index = usize::from(ticket.accelerator.0);
        self.next_sequence = self.next_sequence.wrapping_add(1);
        if let Some(job) = self.jobs.get_mut(id) {
            job.state = State::Running(ticket.accelerator);
            job.started = true;
        }
        if let (Some(slot), Some(state)) = (self.slots.get_mut(index), self.accelerators.get_mut(index)) {
            let corrected = match self.corrections.get(usize::from(dispatch.frame.model.0)) {
                Some(correction) if self.config.correction => correction.latency(index, expected.latency_ns),
                _ => expected.latency_ns,
            };
            let plus_switch =
                |latency_ns| Duration::from_nanos(u64::from(latency_ns) + u64::from(switch.latency_ns));
            let expected = plus_switch(expected.latency_ns);
            slot.in_flight =
                Some(InFlight { ticket, job: id, first, count, switch, expected, dispatched: now });
            slot.last_model = Some(dispatch.frame.model);
            state.activity = Activity::Busy { until: now.saturating_add(plus_switch(corrected)) };
            state.last_job = Some(id);
        }
        self.policy.observe(&Event::Dispatched(dispatch), now);
        Action::Dispatch(dispatch)
    }

    fn drop_job(&mut self, id: JobId, reason: DropReason, now: Instant) -> Action {
        let Some(job) = self.jobs.remove(id) else { return Action::Wait(NextWake::Idle) };
        self.forget(id);
        self.count_drop(job.frame, reason, now);
        Action::Drop(job.frame, reason)
    }
}

/// The earlier of a wake and an instant.
fn earlier(wake: NextWake, at: Instant) -> NextWake {
    match wake {
        NextWake::At(known) if known <= at => wake,
        _ => NextWake::At(at),
    }
}

/// All ready jobs as policies see them.
fn views<'a, const JOBS: usize, const ACCS: usize>(
    workload: &'a Workload<'a, ACCS>,
    jobs: &'a JobPool<JOBS>,
    corrections: &'a [Correction<ACCS>],
) -> impl Iterator<Item = JobView<'a>> {
    jobs.iter().filter(|(_, job)| job.state == State::Ready).filter_map(|(id, job)| {
        let subnetwork = workload.model(job.frame.model)?.subnetworks.get(usize::from(job.subnetwork))?;
        let segment = subnetwork.segments.get(usize::from(job.segment))?;
        let correction = corrections.get(usize::from(job.frame.model.0))?;
        Some(JobView {
            id,
            frame: job.frame,
            ready_since: job.ready_since,
            started: job.started,
            superseded: job.superseded,
            subnetwork: job.subnetwork,
            segment_index: job.segment,
            segments_left: (subnetwork.segments.len() - usize::from(job.segment)) as u16,
            togo: correction.work(segment.info().togo),
            fastest_togo: correction.fastest_work(segment.info().fastest_togo),
            weight_bytes: subnetwork.weight_bytes,
            segment: segment.info(),
            placements: segment.placements(),
        })
    })
}
