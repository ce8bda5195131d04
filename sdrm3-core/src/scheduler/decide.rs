//! The decision: which ready job goes to which idle accelerator.
//!
//! One pass over the ready jobs: what ends a frame, then its best pair, then the best of all. Most frames
//! are at ease; the others get a closer look, out of line. A switch only takes from a score: what it costs is
//! worked out for pairs that would be the best without.
//! Accelerators are bits of a mask, so that only pairs that can be are looked at; the best pair is kept by
//! name, and what is asked once per decision (the block, the wake, ties) is worked out behind the loop.
//! `cargo run --release -p sdrm3-core --example decision_cost` measures it on the host.

use core::hint::cold_path;

use super::{InFlight, ModelState, Scheduler, segments_of};
use crate::event::{Action, Dispatch, DropReason, Event, NextWake, Ticket};
use crate::frame_drop::Search;
use crate::job::{Job, JobId, JobView, Prepared, State};
use crate::policy::{Activity, Offer, Policy, Wanted};
use crate::score::{self, Score};
use crate::time::{Duration, Instant};
use crate::workload::{AcceleratorId, Branch, Cost, Workload};

/// The best pair of job and accelerator so far: places and score only, so that a better one replaces
/// it with a few stores.
#[derive(Clone, Copy, Debug)]
struct Choice {
    score: Score,
    /// The job's place in the pool.
    job: u16,
    /// The accelerators where it has that score; bit `a` is accelerator `a`. None at first: then any other
    /// pair is better.
    on: u32,
}

enum Decision {
    Drop(JobId, DropReason),
    Dispatch(Choice),
    Wait(NextWake),
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
    /// frame number, the lower place in the pool if one frame was given twice, the lower latency, the lower
    /// accelerator.
    ///
    /// O(JOBS x ACCS) calls of the policy, never more; a time before one given earlier counts as
    /// that one.
    pub fn poll(&mut self, now: Instant) -> Action {
        self.now = self.now.max(now);
        let now = self.now;
        self.tune(now);
        let (workload, models) = (self.workload, &self.models);
        let views = self.jobs.ready().map(|(id, job)| view::<P, ACCS>(workload, models, id, job));
        self.policy.prepare(views, &self.accelerators, now);
        match self.decide(now) {
            Decision::Drop(id, reason) => self.drop_job(id, reason, now),
            Decision::Dispatch(choice) => self.dispatch(&choice, now),
            Decision::Wait(wake) => Action::Wait(wake),
        }
    }

    fn decide(&self, now: Instant) -> Decision {
        let mut best = Choice { score: Score(i64::MIN), job: 0, on: 0 };
        let mut search = Search::default();
        for (job, place) in self.jobs.places() {
            let Some(job) = job.as_ref().filter(|job| job.state != State::Running) else { continue };
            let view = self.view(self.jobs.id_of(place), job);
            let pairs = job.ready.may_run & self.idle;
            if job.is_at_ease(now) && !self.policy.abandons(&view, now) {
                if pairs != 0 {
                    let weighed = self.policy.weigh(&view, &self.accelerators, now);
                    self.best_pair(job, place, weighed, pairs, &mut best);
                }
            } else if let Some(reason) = self.look_closer(place, now, &mut search, &mut best) {
                return Decision::Drop(self.jobs.id_of(place), reason);
            }
        }
        if let Some(id) = self.smart_drop(search) {
            return Decision::Drop(id, DropReason::Infeasible);
        }
        if best.on != 0 { Decision::Dispatch(best) } else { Decision::Wait(self.next_wake()) }
    }

    /// Looks for a better choice among the accelerators of `pairs`, which are one at least.
    #[inline(always)]
    fn best_pair(&self, job: &Job<'w, ACCS>, place: u16, weighed: P::Weighed, pairs: u32, best: &mut Choice) {
        match self.policy.wanted(weighed) {
            Wanted::Anywhere => {}
            Wanted::On(accelerator, score) => {
                let on = pairs & 1 << (accelerator.0 & 31);
                if on != 0 {
                    self.improve(best, Choice { score, job: place, on });
                }
                return;
            }
            Wanted::Nowhere => return,
        }
        let base = match P::PREPARED {
            Prepared::LatencyPreference => self.policy.base(weighed),
            Prepared::Latency => None,
        };
        let Some(base) = base else { return self.best_by_score(place, weighed, pairs, pairs, best) };
        let (most, on) = most_above(&self.policy, weighed, job, pairs);
        let score = Score(base.0 + i64::from(most));
        if pairs & self.switching == 0 {
            self.improve(best, Choice { score, job: place, on });
        } else if score >= best.score {
            self.best_by_score(place, weighed, on, pairs, best);
        }
    }

    /// The same for any policy, and on accelerators that may not switch for free; `first` is where to begin: a good pair
    /// saves looking closer at the others.
    #[inline(never)]
    fn best_by_score(&self, place: u16, weighed: P::Weighed, first: u32, pairs: u32, best: &mut Choice) {
        let Some(job) = self.jobs.at(place) else { return };
        let id = self.jobs.id_of(place);
        let view = self.view(id, job);
        let mut most = Choice { score: best.score, job: place, on: 0 };
        let (mut left, mut next) = (pairs, first);
        while left != 0 {
            let index = score::highest_bit(next) as usize;
            left &= !(1 << (index & 31));
            next = left;
            let (Some(on), Some(&preference)) = (job.segment.placements().get(index), job.pairs.get(index))
            else {
                continue;
            };
            let at_most = match P::PREPARED {
                Prepared::LatencyPreference => self.policy.at_most(weighed, on, preference),
                Prepared::Latency => None,
            };
            if at_most.is_some_and(|at_most| at_most < most.score) {
                continue;
            }
            let Some(offer) = self.offer(index, id, job) else { continue };
            let Some(score) = self.policy.score(weighed, &view, &offer) else { continue };
            if score > most.score {
                (most.score, most.on) = (score, 0);
            }
            if score == most.score {
                most.on |= 1 << (index & 31);
            }
        }
        if most.on != 0 {
            self.improve(best, most);
        }
    }

    /// Takes the better one of two choices.
    #[inline(always)]
    fn improve(&self, best: &mut Choice, other: Choice) {
        if other.score >= best.score && (other.score > best.score || self.is_first(&other, best)) {
            *best = other;
        }
    }

    /// All about a waiting frame that is not at ease: why it ends, if it does.
    #[inline(never)]
    fn look_closer(
        &self,
        place: u16,
        now: Instant,
        search: &mut Search,
        best: &mut Choice,
    ) -> Option<DropReason> {
        let job = self.jobs.at(place)?;
        let model = self.models.get(usize::from(job.model.0))?;
        let view = self.view(self.jobs.id_of(place), job);
        if let Some(reason) = self.reason_to_drop(&view, model, job.ready.may_run, now) {
            return Some(reason);
        }
        // Smart frame drop, a waiting frame: conditions 1 and 3.
        if self.config.frame_drop && view.fastest_togo > view.slack(now) {
            search.infeasible();
            if model.may_lose {
                search.candidate(view.togo.saturating_add(model.dependents), &view.frame, view.id);
            }
        }
        let pairs = job.ready.may_run & self.idle;
        if pairs != 0 {
            let weighed = self.policy.weigh(&view, &self.accelerators, now);
            self.best_by_score(place, weighed, pairs, pairs, best);
        }
        None
    }

    /// The accelerators in service; bit `a` is accelerator `a`. O(ACCS).
    fn in_service(&self) -> u32 {
        let states = self.accelerators.iter().zip(0..);
        states.fold(0, |mask, (state, index)| {
            mask | u32::from(state.activity != Activity::OutOfService) << (index & 31)
        })
    }

    /// Why a waiting frame ends here, whatever the others do.
    fn reason_to_drop(
        &self,
        view: &JobView<'_>,
        model: &ModelState<ACCS>,
        may_run: u32,
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
            if may_run & self.in_service() == 0 {
                return Some(DropReason::Unplaceable);
            }
        }
        self.policy.abandons(view, now).then_some(DropReason::Abandoned)
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
    fn next_wake(&self) -> NextWake {
        let in_service = self.in_service();
        let mut first = None;
        for (job, _) in self.jobs.places() {
            let Some(job) = job.as_ref().filter(|job| job.state != State::Running) else { continue };
            let ends =
                !job.state.has_started() && self.config.stale_drop || job.ready.may_run & in_service == 0;
            if ends && first.is_none_or(|first| job.deadline < first) {
                first = Some(job.deadline);
            }
        }
        first.map_or(NextWake::Idle, NextWake::At)
    }

    #[inline(always)]
    fn offer<'a>(&'a self, index: usize, id: JobId, job: &'a Job<'w, ACCS>) -> Option<Offer<'a>> {
        let placement = job.segment.placements().get(index)?;
        Some(Offer {
            accelerator: AcceleratorId(index as u8),
            placement,
            latency_ns: self.latency_ns(job, index),
            latency_preference: match P::PREPARED {
                Prepared::LatencyPreference => job.pairs.get(index).copied()?,
                Prepared::Latency => {
                    model_of(&self.models, job)?.correction.preference(index, placement.latency_preference)
                }
            },
            switch: if self.switching >> (index & 31) & 1 == 0 {
                Cost::NONE
            } else {
                self.switch_cost(index, id, job)
            },
            accelerators: &self.accelerators,
        })
    }

    /// The corrected latency of a job's next segment on an accelerator.
    fn latency_ns(&self, job: &Job<'_, ACCS>, index: usize) -> u32 {
        let latency_ns = job.segment.placements().get(index).map_or(0, |placement| placement.latency_ns);
        model_of(&self.models, job).map_or(latency_ns, |model| model.correction.latency(index, latency_ns))
    }

    /// Of the accelerators where a choice has its score, the one that is expected to be fastest; of equal ones
    /// the first.
    #[inline(always)]
    fn fastest_of(&self, choice: &Choice) -> usize {
        if choice.on.is_power_of_two() {
            choice.on.trailing_zeros() as usize
        } else {
            self.fastest_of_many(choice)
        }
    }

    #[cold]
    #[inline(never)]
    fn fastest_of_many(&self, choice: &Choice) -> usize {
        let Some(job) = self.jobs.at(choice.job) else { return ACCS };
        let (mut fastest, mut least_ns) = (ACCS, u32::MAX);
        for index in (0..ACCS).filter(|index| choice.on >> (index & 31) & 1 != 0) {
            let latency_ns = self.latency_ns(job, index);
            if fastest == ACCS || latency_ns < least_ns {
                (fastest, least_ns) = (index, latency_ns);
            }
        }
        fastest
    }

    /// What moving the accelerator, which does not switch for free, to the job costs.
    #[inline(never)]
    fn switch_cost(&self, index: usize, id: JobId, job: &Job<'_, ACCS>) -> Cost {
        let (Some(accelerator), Some(slot), Some(state)) =
            (self.workload.accelerators.get(index), self.slots.get(index), self.accelerators.get(index))
        else {
            return Cost::NONE;
        };
        if state.last_job == Some(id) {
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
    fn is_first(&self, one: &Choice, other: &Choice) -> bool {
        let (Some(one), Some(this)) = (self.jobs.at(one.job), self.jobs.at(other.job)) else { return true };
        let named = |job: &Job<'_, ACCS>| u64::from(job.model.0) << 32 | u64::from(job.number);
        let less = |one: u64, other: u64, then: bool| one < other || one == other && then;
        let released = less(one.release.as_nanos(), this.release.as_nanos(), named(one) < named(this));
        other.on == 0 || less(one.deadline.as_nanos(), this.deadline.as_nanos(), released)
    }

    /// A job as policies see it; what a policy does not read costs nothing.
    #[inline(always)]
    pub(super) fn view<'a>(&'a self, id: JobId, job: &'a Job<'w, ACCS>) -> JobView<'a> {
        view::<P, ACCS>(self.workload, &self.models, id, job)
    }

    /// Dispatches the chosen pair: a block as long as the policy asks, but ended where the network may
    /// branch or the accelerator cannot go on. O(segments of the block).
    #[inline(always)]
    fn dispatch(&mut self, choice: &Choice, now: Instant) -> Action {
        let index = self.fastest_of(choice);
        let id = self.jobs.id_of(choice.job);
        let Some(job) = self.jobs.at(choice.job) else { return Action::Wait(NextWake::Idle) };
        let Some(offer) = self.offer(index, id, job) else { return Action::Wait(NextWake::Idle) };
        let longest = self.policy.block(&self.view(id, job), &offer);
        let (mut count, switch) = (1, offer.switch);
        let mut expected = Cost::new(offer.placement.latency_ns, offer.placement.energy_nj);
        if longest > 1 && job.segment.info().branch == Branch::Next {
            let segments = segments_of(self.workload, job.model, job.subnetwork);
            for segment in segments.iter().skip(usize::from(job.position) + 1) {
                let Some(on) = segment.placements().get(index).filter(|on| on.runs()) else { break };
                expected.latency_ns = expected.latency_ns.saturating_add(on.latency_ns);
                expected.energy_nj = expected.energy_nj.saturating_add(on.energy_nj);
                count += 1;
                if count >= longest || segment.info().branch != Branch::Next {
                    break;
                }
            }
        }
        let had_started = job.state.has_started();
        let corrected_ns = model_of(&self.models, job)
            .map_or(expected.latency_ns, |model| model.correction.latency(index, expected.latency_ns));
        let takes = Duration::from_nanos(u64::from(corrected_ns) + u64::from(switch.latency_ns));

        let sequence = self.next_sequence;
        self.next_sequence = sequence.wrapping_add(1);
        if let (Some(slot), Some(state)) = (self.slots.get_mut(index), self.accelerators.get_mut(index)) {
            slot.in_flight =
                Some(InFlight { sequence, job: id, count, switch, dispatched: now, had_started });
            state.last_job = Some(id);
            self.set_activity(index, Activity::Busy { until: now.saturating_add(takes) });
        }
        let Some(job) = self.jobs.at_mut(choice.job) else { return Action::Wait(NextWake::Idle) };
        job.state = State::Running;
        // Put together last: until then it lies where it is.
        let block = Dispatch {
            ticket: Ticket { accelerator: AcceleratorId(index as u8), sequence },
            job: id,
            frame: job.frame(),
            subnetwork: job.subnetwork,
            first: job.position,
            count,
            expected,
            switch,
            score: choice.score,
        };
        self.policy.observe(&Event::Dispatched(block), now);
        Action::Dispatch(block)
    }

    fn drop_job(&mut self, id: JobId, reason: DropReason, now: Instant) -> Action {
        let Some(job) = self.jobs.remove(id) else { return Action::Wait(NextWake::Idle) };
        self.forget(id);
        self.count_drop(job.frame(), reason, now);
        Action::Drop(job.frame(), reason)
    }
}

/// The highest difference from the base among `pairs`, and the accelerators that have it. A call of its own where
/// registers are few: its loop then has all of them.
#[cfg_attr(target_pointer_width = "32", inline(never))]
fn most_above<P: Policy, const ACCS: usize>(
    policy: &P,
    weighed: P::Weighed,
    job: &Job<'_, ACCS>,
    pairs: u32,
) -> (u32, u32) {
    let rows = job.segment.placements().iter().zip(&job.pairs).enumerate();
    // A first one of no difference at all is above none.
    let (mut most, mut on) = (0, 0);
    let mut look = |index: usize, placement, preference| {
        let bit = 1 << (index & 31);
        let above = policy.above(weighed, placement, preference);
        if above > most {
            (most, on) = (above, bit);
        } else if above == most {
            cold_path();
            on |= bit;
        }
    };
    // All of them is the dearest case: it needs no test of each.
    if pairs == every(ACCS) {
        rows.for_each(|(index, (placement, &preference))| look(index, placement, preference));
    } else {
        let wanted = rows.filter(|(index, _)| pairs >> (index & 31) & 1 != 0);
        wanted.for_each(|(index, (placement, &preference))| look(index, placement, preference));
    }
    (most, on)
}

/// The mask of so many accelerators.
const fn every(accelerators: usize) -> u32 {
    if accelerators >= 32 { u32::MAX } else { (1 << accelerators) - 1 }
}

/// The state of a job's model.
#[inline(always)]
fn model_of<'a, const ACCS: usize>(
    models: &'a [ModelState<ACCS>],
    job: &Job<'_, ACCS>,
) -> Option<&'a ModelState<ACCS>> {
    models.get(usize::from(job.model.0))
}

/// Bytes of weights to fetch when an accelerator moves to the job from another model.
fn weight_bytes<const ACCS: usize>(workload: &Workload<'_, ACCS>, job: &Job<'_, ACCS>) -> u32 {
    let subnetworks = workload.model(job.model).map_or(&[][..], |model| model.subnetworks);
    subnetworks.get(usize::from(job.subnetwork)).map_or(0, |subnetwork| subnetwork.weight_bytes)
}

#[inline(always)]
fn view<'a, P: Policy, const ACCS: usize>(
    workload: &'a Workload<'a, ACCS>,
    models: &'a [ModelState<ACCS>],
    id: JobId,
    job: &'a Job<'_, ACCS>,
) -> JobView<'a> {
    let model = model_of(models, job);
    let subnetworks = workload.model(job.model).map_or(&[][..], |model| model.subnetworks);
    let subnetwork = subnetworks.get(usize::from(job.subnetwork));
    let segments = subnetwork.map_or(0, |subnetwork| subnetwork.segments.len());
    let segment = job.segment.info();
    JobView {
        id,
        frame: job.frame(),
        ready_since: job.ready.since,
        started: job.state.has_started(),
        superseded: job.state == State::Superseded,
        subnetwork: job.subnetwork,
        segment_index: job.position,
        segments_left: segments.saturating_sub(usize::from(job.position)) as u16,
        togo: model.map_or(segment.togo, |model| model.correction.work(segment.togo)),
        fastest_togo: model
            .map_or(segment.fastest_togo, |model| model.correction.fastest_work(segment.fastest_togo)),
        weight_bytes: weight_bytes(workload, job),
        segment,
        placements: job.segment.placements(),
        factors: model.map_or(&[], |model| model.correction.factors()),
        latencies: match P::PREPARED {
            Prepared::LatencyPreference => None,
            Prepared::Latency => Some(&job.pairs),
        },
        most_frugal: job.most_frugal,
        ready: &job.ready,
    }
}
