//! The decision: which ready job goes to which idle accelerator.

use super::{InFlight, Scheduler};
use crate::event::{Action, Dispatch, DropReason, Event, NextWake, Ticket};
use crate::job::{Job, JobId, JobPool, JobView, State};
use crate::policy::{AcceleratorState, Activity, Offer, Policy};
use crate::score::Score;
use crate::time::Instant;
use crate::workload::{Branch, Cost, Placement, Segment, Workload};

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
    /// A frame that has not started by its deadline, or that the policy gives up, is dropped. Else
    /// the pair of ready job and idle accelerator with the highest score is dispatched. Equal scores
    /// are decided by, in this order: the earlier deadline, the earlier release, the lower model, the
    /// lower frame number, the lower latency, the lower accelerator.
    ///
    /// O(JOBS x ACCS) calls of the policy, never more; a time before one given earlier counts as
    /// that one.
    pub fn poll(&mut self, now: Instant) -> Action {
        self.now = self.now.max(now);
        let now = self.now;
        self.policy.prepare(views(self.workload, &self.jobs), &self.accelerators, now);
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
        for job in views(self.workload, &self.jobs) {
            if !job.started && now >= job.frame.deadline {
                return Decision::Drop(job.id, DropReason::Stale);
            }
            if self.policy.abandons(&job, now) {
                return Decision::Drop(job.id, DropReason::Abandoned);
            }
            let weighed = self.policy.weigh(&job, now);
            for (index, (state, placement)) in self.accelerators.iter().zip(job.placements).enumerate() {
                if state.activity != Activity::Idle || !placement.runs() {
                    continue;
                }
                let switch = self.switch_cost(index, state, &job);
                let accelerators = &self.accelerators;
                let offer = Offer { accelerator: state.id, placement, switch, accelerators };
                let Some(score) = self.policy.score(weighed, &job, &offer) else { continue };
                let latency_ns = placement.latency_ns;
                let block = self.policy.block(&job, &offer);
                let choice = Choice { score, job, accelerator: index, latency_ns, switch, block };
                if best.as_ref().is_none_or(|best| choice.before(best)) {
                    best = Some(choice);
                }
            }
            if !job.started {
                wake = earlier(wake, job.frame.deadline);
            }
        }
        best.map_or(Decision::Wait(wake), Decision::Dispatch)
    }

    /// What moving the accelerator to the job costs.
    fn switch_cost(&self, index: usize, state: &AcceleratorState, job: &JobView<'_>) -> Cost {
        match (self.workload.accelerators.get(index), self.slots.get(index)) {
            (Some(accelerator), Some(slot)) if state.last_job != Some(job.id) => {
                accelerator.switch_cost(slot.resident_bytes.saturating_add(job.segment.activation_bytes))
            }
            _ => Cost::NONE,
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
        let accelerator = crate::workload::AcceleratorId(choice.accelerator as u8);
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
            slot.in_flight = Some(InFlight { ticket, job: id, first, count, switch });
            let nanos = u64::from(expected.latency_ns) + u64::from(switch.latency_ns);
            let until = now.saturating_add(crate::Duration::from_nanos(nanos));
            state.activity = Activity::Busy { until };
            state.last_job = Some(id);
        }
        self.policy.observe(&Event::Dispatched(dispatch), now);
        Action::Dispatch(dispatch)
    }

    fn drop_job(&mut self, id: JobId, reason: DropReason, now: Instant) -> Action {
        let Some(job) = self.jobs.remove(id) else { return Action::Wait(NextWake::Idle) };
        for (state, slot) in self.accelerators.iter_mut().zip(&mut self.slots) {
            if state.last_job == Some(id) {
                state.last_job = None;
                slot.resident_bytes = 0; // nobody needs what it left: no spill
            }
        }
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

fn segments_of<'a, const ACCS: usize>(
    workload: &Workload<'a, ACCS>,
    model: crate::ModelId,
    subnetwork: u8,
) -> &'a [Segment<ACCS>] {
    let subnetworks = workload.model(model).map_or(&[][..], |model| model.subnetworks);
    subnetworks.get(usize::from(subnetwork)).map_or(&[], |subnetwork| subnetwork.segments)
}

/// All ready jobs as policies see them.
fn views<'a, const JOBS: usize, const ACCS: usize>(
    workload: &'a Workload<'a, ACCS>,
    jobs: &'a JobPool<JOBS>,
) -> impl Iterator<Item = JobView<'a>> {
    jobs.iter().filter(|(_, job)| job.state == State::Ready).filter_map(|(id, job)| {
        let Job { frame, ready_since, segment: segment_index, subnetwork, started, .. } = *job;
        let segments = segments_of(workload, frame.model, subnetwork);
        let segment = segments.get(usize::from(segment_index))?;
        let placements: &[Placement] = segment.placements();
        let segments_left = (segments.len() - usize::from(segment_index)) as u16;
        let segment = segment.info();
        Some(JobView {
            id,
            frame,
            ready_since,
            started,
            subnetwork,
            segment_index,
            segments_left,
            segment,
            placements,
        })
    })
}
