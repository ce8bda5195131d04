//! The decision: which ready job goes to which idle accelerator.
//!
//! One pass over the ready jobs: what ends a frame, then its best pair, then the best of all. Accelerators
//! are bits of a mask, so that only pairs that can be are looked at; the best pair is kept by name, and
//! what is asked once per decision (the block, the wake, ties) is worked out behind the loop.
//! `cargo run --release -p sdrm3-core --example decision_cost` measures it on the host.

use super::{InFlight, ModelState, Scheduler, segments_of};
use crate::correction::Factor;
use crate::event::{Action, Dispatch, DropReason, Event, NextWake, Ticket};
use crate::frame_drop::Search;
use crate::job::{Job, JobId, JobView, State};
use crate::policy::{Activity, Offer, Policy};
use crate::score::Score;
use crate::time::{Duration, Instant};
use crate::workload::{AcceleratorId, Branch, Cost, Placement, Workload};

/// The best pair of job and accelerator so far: names and score only, so that a better one replaces
/// it with a few stores.
#[derive(Clone, Copy)]
struct Choice {
    score: Score,
    job: JobId,
    accelerator: usize,
}

enum Decision {
    Drop(JobId, DropReason),
    Dispatch(Choice),
    Wait(NextWake),
}

/// Accelerators as bits.
#[derive(Clone, Copy)]
struct Masks {
    idle: u32,
    in_service: u32,
}

impl<'w, P: Policy, const MODELS: usize, const JOBS: usize, const ACCS: usize>
    Scheduler<'w, P, MODELS, JOBS, ACCS>
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
        let (workload, models) = (self.workload, &self.models);
        let views = self
            .jobs
            .ready()
            .filter_map(|(id, job)| Some(view(workload, id, job, models.get(usize::from(job.model.0))?)));
        self.policy.prepare(views, &self.accelerators, now);
        match self.decide(now) {
            Decision::Drop(id, reason) => self.drop_job(id, reason, now),
            Decision::Dispatch(choice) => self.dispatch(choice, now),
            Decision::Wait(wake) => Action::Wait(wake),
        }
    }

    fn decide(&self, now: Instant) -> Decision {
        let masks = self.masks();
        let mut best: Option<Choice> = None;
        let mut search = Search::default();
        for (id, job) in self.jobs.ready() {
            let Some(model) = self.models.get(usize::from(job.model.0)) else { continue };
            let may_run = job.segment.info().runs_on & !model.barred;
            let view = view(self.workload, id, job, model);
            if let Some(reason) = self.reason_to_drop(&view, model, may_run & masks.in_service != 0, now) {
                return Decision::Drop(id, reason);
            }
            // In most decisions even the expected work fits.
            let slack = view.slack(now);
            if view.togo > slack && self.config.frame_drop {
                self.consider_dropping(id, now, &mut search);
            }
            let pairs = may_run & masks.idle;
            if pairs == 0 {
                continue;
            }
            let weighed = self.policy.weigh(&view, now);
            let on = if pairs & self.switching == 0 {
                self.best_pair(&view, job, model, weighed, pairs, |_| Cost::NONE)
            } else {
                self.best_switching_pair(id, weighed, pairs)
            };
            let Some((score, accelerator)) = on else { continue };
            if best
                .is_none_or(|best| score > best.score || score == best.score && self.is_first(id, best.job))
            {
                best = Some(Choice { score, job: id, accelerator });
            }
        }
        if let Some(id) = self.smart_drop(search) {
            return Decision::Drop(id, DropReason::Infeasible);
        }
        best.map_or_else(|| Decision::Wait(self.next_wake(masks)), Decision::Dispatch)
    }

    /// The accelerator of `pairs` where the job scores highest; of equal ones the fastest, then the first.
    #[inline(always)]
    fn best_pair(
        &self,
        view: &JobView<'_>,
        job: &Job<'_, ACCS>,
        model: &ModelState<ACCS>,
        weighed: P::Weighed,
        pairs: u32,
        switch: impl Fn(usize) -> Cost,
    ) -> Option<(Score, usize)> {
        // No accelerator: any score is as good.
        let mut best = (Score(i64::MIN), ACCS);
        let (mut index, mut left) = (0, pairs);
        let mut rows = job.segment.placements().iter().zip(model.correction.on());
        while left != 0
            && let Some((placement, factor)) = rows.next()
        {
            if left & 1 != 0 {
                let offer = self.offer(index, placement, *factor, switch(index));
                if let Some(score) = self.policy.score(weighed, view, &offer)
                    && score >= best.0
                    && (score > best.0 || is_faster(job, model, index, best.1))
                {
                    best = (score, index);
                }
            }
            index += 1;
            left >>= 1;
        }
        (best.1 < ACCS).then_some(best)
    }

    /// The same where an accelerator does not switch for free; out of line, for it is much longer.
    #[inline(never)]
    fn best_switching_pair(&self, id: JobId, weighed: P::Weighed, pairs: u32) -> Option<(Score, usize)> {
        let (job, model) = self.look_up(id)?;
        let view = view(self.workload, id, job, model);
        self.best_pair(&view, job, model, weighed, pairs, |index| self.switch_cost(index, id, job))
    }

    /// The accelerators that are idle, and those in service. O(ACCS).
    fn masks(&self) -> Masks {
        let mut masks = Masks { idle: 0, in_service: 0 };
        let mut bit = 1;
        for state in &self.accelerators {
            if state.activity == Activity::Idle {
                masks.idle |= bit;
            }
            if state.activity != Activity::OutOfService {
                masks.in_service |= bit;
            }
            bit <<= 1;
        }
        masks
    }

    /// Why a waiting frame ends here, whatever the others do.
    fn reason_to_drop(
        &self,
        view: &JobView<'_>,
        model: &ModelState<ACCS>,
        placeable: bool,
        now: Instant,
    ) -> Option<DropReason> {
        if !model.active {
            return Some(DropReason::Withdrawn);
        }
        if view.superseded {
            return Some(DropReason::Superseded);
        }
        if now >= view.frame.deadline {
            if !view.started && self.config.stale_drop {
                return Some(DropReason::Stale);
            }
            if !placeable {
                return Some(DropReason::Unplaceable);
            }
        }
        self.policy.abandons(view, now).then_some(DropReason::Abandoned)
    }

    /// Smart frame drop, a waiting frame: conditions 1 and 3.
    #[cold]
    #[inline(never)]
    fn consider_dropping(&self, id: JobId, now: Instant, search: &mut Search) {
        let Some((job, model)) = self.look_up(id) else { return };
        let view = view(self.workload, id, job, model);
        if view.fastest_togo <= view.slack(now) {
            return;
        }
        search.infeasible();
        if model.may_lose {
            search.candidate(view.togo.saturating_add(model.dependents), &view.frame, id);
        }
    }

    /// Smart frame drop: running frames count towards condition 2; then the verdict.
    fn smart_drop(&self, mut search: Search) -> Option<JobId> {
        if !search.has_candidate() {
            return None;
        }
        for (state, slot) in self.accelerators.iter().zip(&self.slots) {
            let (Activity::Busy { until }, Some(block)) = (state.activity, slot.in_flight) else { continue };
            let Some(job) = self.jobs.get(block.job) else { continue };
            let segments = segments_of(self.workload, job.model, job.subnetwork);
            let behind = segments.get(usize::from(job.position) + usize::from(block.count));
            let left = behind.map_or(Duration::ZERO, |segment| segment.info().fastest_togo);
            let model = self.models.get(usize::from(job.model.0));
            let left = model.map_or(left, |model| model.correction.fastest_work(left));
            if until.saturating_add(left) > job.deadline {
                search.infeasible();
            }
        }
        search.verdict()
    }

    /// When a waiting frame will be stale, or dropped because nothing in service can run it. O(JOBS).
    #[inline(never)]
    fn next_wake(&self, masks: Masks) -> NextWake {
        let wakes = self.jobs.ready().filter(|(_, job)| {
            let barred = self.models.get(usize::from(job.model.0)).map_or(0, |model| model.barred);
            let unplaceable = job.segment.info().runs_on & !barred & masks.in_service == 0;
            !job.started && self.config.stale_drop || unplaceable
        });
        wakes.map(|(_, job)| job.deadline).min().map_or(NextWake::Idle, NextWake::At)
    }

    #[inline(always)]
    fn offer<'a>(
        &'a self,
        index: usize,
        placement: &'a Placement,
        factor: Factor,
        switch: Cost,
    ) -> Offer<'a> {
        Offer {
            accelerator: AcceleratorId(index as u8),
            placement,
            latency_ns: factor.latency(placement.latency_ns),
            latency_preference: factor.preference(placement.latency_preference),
            switch,
            accelerators: &self.accelerators,
        }
    }

    /// What moving the accelerator to the job costs.
    fn switch_cost(&self, index: usize, id: JobId, job: &Job<'_, ACCS>) -> Cost {
        let (Some(accelerator), Some(slot), Some(state)) =
            (self.workload.accelerators.get(index), self.slots.get(index), self.accelerators.get(index))
        else {
            return Cost::NONE;
        };
        if self.switching >> index & 1 == 0 || state.last_job == Some(id) {
            return Cost::NONE;
        }
        let mut bytes = slot.resident_bytes.saturating_add(job.segment.info().activation_bytes);
        let mut entry = Cost::NONE;
        if slot.last_model != Some(job.model) {
            bytes = bytes.saturating_add(weight_bytes(self.workload, job));
        }
        if let Some(last) = slot.last_model {
            entry = self.workload.switch_entry(accelerator, last, job.model);
        }
        let moved = accelerator.switch_cost(bytes);
        Cost {
            latency_ns: moved.latency_ns.saturating_add(entry.latency_ns),
            energy_nj: moved.energy_nj.saturating_add(entry.energy_nj),
        }
    }

    /// The documented order of two jobs whose best pairs have equal scores: whether `one` goes first.
    #[cold]
    #[inline(never)]
    fn is_first(&self, one: JobId, other: JobId) -> bool {
        let order = |id| self.jobs.get(id).map(|job| (job.deadline, job.release, job.model, job.number));
        order(one) < order(other)
    }

    fn look_up(&self, id: JobId) -> Option<(&Job<'w, ACCS>, &ModelState<ACCS>)> {
        let job = self.jobs.get(id)?;
        Some((job, self.models.get(usize::from(job.model.0))?))
    }

    /// Dispatches the chosen pair: a block as long as the policy asks, but ended where the network may
    /// branch or the accelerator cannot go on. O(segments of the block).
    #[inline(never)]
    fn dispatch(&mut self, choice: Choice, now: Instant) -> Action {
        let index = choice.accelerator;
        let Some((job, model)) = self.look_up(choice.job) else { return Action::Wait(NextWake::Idle) };
        let (Some(placement), Some(factor)) =
            (job.segment.placements().get(index), model.correction.on().get(index))
        else {
            return Action::Wait(NextWake::Idle);
        };
        let offer = self.offer(index, placement, *factor, self.switch_cost(index, choice.job, job));
        let job = view(self.workload, choice.job, job, model);
        let longest = self.policy.block(&job, &offer);
        let switch = offer.switch;
        let (frame, subnetwork, first) = (job.frame, job.subnetwork, job.segment_index);
        let (waited_since, had_started) = (job.ready_since, job.started);

        let segments = segments_of(self.workload, frame.model, subnetwork);
        let mut expected = Cost::NONE;
        let mut count = 0;
        for segment in segments.iter().skip(usize::from(first)) {
            let Some(on) = segment.placements().get(index).filter(|on| on.runs()) else { break };
            expected.latency_ns = expected.latency_ns.saturating_add(on.latency_ns);
            expected.energy_nj = expected.energy_nj.saturating_add(on.energy_nj);
            count += 1;
            if count >= longest || segment.info().branch != Branch::Next {
                break;
            }
        }
        let corrected = factor.latency(expected.latency_ns);
        let plus_switch =
            |latency_ns| Duration::from_nanos(u64::from(latency_ns) + u64::from(switch.latency_ns));

        let ticket = Ticket { accelerator: AcceleratorId(index as u8), sequence: self.next_sequence };
        self.next_sequence = self.next_sequence.wrapping_add(1);
        if let Some(job) = self.jobs.get_mut(choice.job) {
            job.state = State::Running;
            job.since = now;
            job.started = true;
        }
        if let (Some(slot), Some(state)) = (self.slots.get_mut(index), self.accelerators.get_mut(index)) {
            slot.in_flight = Some(InFlight {
                sequence: ticket.sequence,
                job: choice.job,
                count,
                switch,
                waited_since,
                had_started,
            });
            slot.last_model = Some(frame.model);
            state.activity = Activity::Busy { until: now.saturating_add(plus_switch(corrected)) };
            state.last_job = Some(choice.job);
        }
        let dispatch = Dispatch {
            ticket,
            job: choice.job,
            frame,
            subnetwork,
            first,
            count,
            expected,
            switch,
            score: choice.score,
        };
        self.policy.observe(&Event::Dispatched(dispatch), now);
        Action::Dispatch(dispatch)
    }

    fn drop_job(&mut self, id: JobId, reason: DropReason, now: Instant) -> Action {
        let Some(job) = self.jobs.remove(id) else { return Action::Wait(NextWake::Idle) };
        self.forget(id);
        self.count_drop(job.frame(), reason, now);
        Action::Drop(job.frame(), reason)
    }
}

/// Whether a job's next segment is expected to be faster on accelerator `one` than on `other`, if there
/// is such.
#[cold]
#[inline(never)]
fn is_faster<const ACCS: usize>(
    job: &Job<'_, ACCS>,
    model: &ModelState<ACCS>,
    one: usize,
    other: usize,
) -> bool {
    let latency_ns = |index: usize| {
        let (placement, factor) = (job.segment.placements().get(index)?, model.correction.on().get(index)?);
        Some(factor.latency(placement.latency_ns))
    };
    latency_ns(other).is_none_or(|other| latency_ns(one) < Some(other))
}

/// Bytes of weights to fetch when an accelerator moves to the job from another model.
fn weight_bytes<const ACCS: usize>(workload: &Workload<'_, ACCS>, job: &Job<'_, ACCS>) -> u32 {
    let subnetworks = workload.model(job.model).map_or(&[][..], |model| model.subnetworks);
    subnetworks.get(usize::from(job.subnetwork)).map_or(0, |subnetwork| subnetwork.weight_bytes)
}

/// A job as policies see it; what a policy does not read costs nothing.
#[inline(always)]
fn view<'a, const ACCS: usize>(
    workload: &'a Workload<'a, ACCS>,
    id: JobId,
    job: &'a Job<'a, ACCS>,
    model: &'a ModelState<ACCS>,
) -> JobView<'a> {
    let subnetworks = workload.model(job.model).map_or(&[][..], |model| model.subnetworks);
    let subnetwork = subnetworks.get(usize::from(job.subnetwork));
    let segments = subnetwork.map_or(0, |subnetwork| subnetwork.segments.len());
    let segment = job.segment.info();
    JobView {
        id,
        frame: job.frame(),
        ready_since: job.since,
        started: job.started,
        superseded: job.superseded,
        subnetwork: job.subnetwork,
        segment_index: job.position,
        segments_left: segments.saturating_sub(usize::from(job.position)) as u16,
        togo: model.correction.work(segment.togo),
        fastest_togo: model.correction.fastest_work(segment.fastest_togo),
        weight_bytes: weight_bytes(workload, job),
        segment,
        placements: job.segment.placements(),
        runs_on: segment.runs_on & !model.barred,
        factors: model.correction.on(),
    }
}
