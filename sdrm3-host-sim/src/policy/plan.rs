//! Where the rest of a job would run, as Band plans it (`heft` and `lst`).
//!
//! Band (Jeong et al., MobiSys 2022) cuts a model into unit subgraphs, merges neighbouring ones that it
//! places on the same worker, and asks before every decision for the cheapest chain of subgraphs, given
//! for how long each worker is still busy. Here a unit is a segment and a worker an accelerator:
//!
//! ```text
//! end(i) = min over a of (max(end(i-1), wait(a)) + lat(i,a)),    end(0) = 0
//! ```
//!
//! Without costs between workers this greedy chain is the cheapest one. Behind the busy times it is
//! the table's sum of fastest latencies, which weighs segments that may be skipped.

use sdrm3_core::{
    AcceleratorId, AcceleratorState, Activity, Branch, Frame, Instant, JobId, JobView, Segment,
};

use super::Tables;
use crate::scenario::ACCELERATORS;

/// For how many nanoseconds each accelerator takes no other block; `None`: nobody knows.
pub(super) type Waits = Vec<Option<u64>>;

/// The waits as the scheduler expects them.
pub(super) fn waits(accelerators: &[AcceleratorState], now: Instant) -> Waits {
    let wait = |state: &AcceleratorState| match state.activity {
        Activity::Idle => Some(0),
        Activity::Busy { until } => Some(until.saturating_since(now).as_nanos()),
        Activity::Resting | Activity::OutOfService => None,
    };
    accelerators.iter().map(wait).collect()
}

/// Neighbouring segments on one accelerator: a subgraph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The accelerator's index.
    pub(super) on: usize,
    /// How many segments.
    pub(super) count: u16,
    /// Their latency in nanoseconds.
    pub(super) latency_ns: u64,
}

/// The cheapest chain of subgraphs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// When the last segment ends, in nanoseconds from now.
    pub(super) ends_in: u64,
    /// The subgraph to run first.
    pub(super) first: Run,
    /// The one behind it, if any.
    pub(super) next: Option<Run>,
}

/// Plans the segments; `None` when one of them can run nowhere now.
pub(super) fn plan(segments: &[Segment<ACCELERATORS>], waits: &[Option<u64>]) -> Option<Plan> {
    let all_free = waits.iter().flatten().max().copied()?;
    let (mut end, mut runs) = (0, Vec::<Run>::new());
    // Where the last segment ran, if its run may go on.
    let mut last = None;
    for segment in segments {
        if end >= all_free && runs.len() > 2 {
            end += segment.info().fastest_togo.as_nanos();
            break;
        }
        let ends = |(on, wait): (usize, &Option<u64>)| {
            let placement = segment.placements().get(on).filter(|placement| placement.runs())?;
            let latency = u64::from(placement.latency_ns);
            // Of equal ends the one that goes on where the last segment ran.
            Some(((*wait)?.max(end).saturating_add(latency), last != Some(on), on, latency))
        };
        let (ends, moves, on, latency_ns) = waits.iter().enumerate().filter_map(ends).min()?;
        end = ends;
        match runs.last_mut().filter(|_| !moves) {
            Some(run) => {
                run.count += 1;
                run.latency_ns += latency_ns;
            }
            None => runs.push(Run { on, count: 1, latency_ns }),
        }
        // A block ends where the network may branch.
        last = (segment.info().branch == Branch::Next).then_some(on);
    }
    let first = *runs.first()?;
    Some(Plan { ends_in: end, first, next: runs.get(1).copied() })
}

/// A ready job, kept for the length of a decision.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) id: JobId,
    pub(super) frame: Frame,
    /// The segments that are left.
    pub(super) segments: &'a [Segment<ACCELERATORS>],
}

/// The ready jobs, the oldest first.
pub(super) fn candidates<'a, 'j>(
    tables: &Tables<'a>,
    jobs: impl Iterator<Item = JobView<'j>>,
) -> Vec<Candidate<'a>> {
    let mut jobs: Vec<_> = jobs.collect();
    jobs.sort_by_key(|job| (job.frame.release, job.frame.model, job.frame.number));
    let candidate =
        |job: &JobView<'_>| Candidate { id: job.id, frame: job.frame, segments: rest(tables, job) };
    jobs.iter().map(candidate).collect()
}

/// The segments that a job has left.
pub(super) fn rest<'a>(tables: &Tables<'a>, job: &JobView<'_>) -> &'a [Segment<ACCELERATORS>] {
    let model = &tables.models[usize::from(job.frame.model.0)];
    &model.subnetworks[usize::from(job.subnetwork)].segments[usize::from(job.segment_index)..]
}

/// The one dispatch that a policy has decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) job: JobId,
    pub(super) on: AcceleratorId,
    pub(super) block: u16,
}

impl Choice {
    /// The job's first subgraph.
    pub(super) fn of(job: &Candidate<'_>, plan: &Plan) -> Self {
        Self { job: job.id, on: AcceleratorId(plan.first.on as u8), block: plan.first.count }
    }

    /// Whether that pair of job and accelerator is the one.
    pub(super) fn is(&self, job: &JobView<'_>, on: AcceleratorId) -> bool {
        self.job == job.id && self.on == on
    }
}

#[cfg(test)]
mod tests {
    use sdrm3_core::{Cost, SegmentSpec};

    use super::*;

    fn network<const N: usize>(latencies: [[u32; 2]; N]) -> [Segment<ACCELERATORS>; N] {
        Segment::table(latencies.map(|on| {
            let mut costs = [Cost::NONE; ACCELERATORS];
            costs[0] = Cost::new(on[0], 1);
            costs[1] = Cost::new(on[1], 1);
            SegmentSpec::new(costs)
        }))
    }

    #[test]
    fn neighbours_on_one_accelerator_are_one_subgraph() {
        let segments = network([[10, 20], [10, 20], [30, 5], [30, 5], [30, 5], [10, 20]]);
        let plan = plan(&segments, &[Some(0), Some(0)]).unwrap();
        assert_eq!(plan.first, Run { on: 0, count: 2, latency_ns: 20 });
        assert_eq!(plan.next, Some(Run { on: 1, count: 3, latency_ns: 15 }));
        assert_eq!(plan.ends_in, 45);
    }

    #[test]
    fn a_busy_fast_accelerator_is_worth_a_wait_up_to_a_point() {
        let segments = network([[10, 50]]);
        let first = |wait| plan(&segments, &[Some(wait), Some(0)]).map(|plan| (plan.first.on, plan.ends_in));
        assert_eq!(first(30), Some((0, 40)));
        assert_eq!(first(45), Some((1, 50)));
    }

    #[test]
    fn what_runs_nowhere_now_has_no_plan() {
        let segments = network([[10, 0], [10, 10]]);
        assert_eq!(plan(&segments, &[None, Some(0)]), None);
        assert_eq!(plan(&segments, &[None, None]), None);
    }
}
