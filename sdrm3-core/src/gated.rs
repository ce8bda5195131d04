//! The gated policy: every frame that can still be in time, at the least energy that leaves it so.
//!
//! The published score adds urgency, waiting and energy into one number. Under load its urgency chases
//! frames that are lost, and it places a segment on whatever is idle. Here three questions are asked, one
//! after the other, of each waiting frame:
//!
//! ```text
//! with latencies corrected by what was measured, and
//!   slack    = deadline - now
//!   fastest  = sum over the remaining segments of the least latency;  rest: the same without the next one
//!   tail     = fastest work of the longest chain of models that follow it by the same deadline
//!   wait(a)  = how long accelerator a is still busy, 0 if it is idle
//!
//! 1. gate     fastest > slack: it cannot be in time any more and is given up
//! 2. place    a is comfortable if  1.5 wait(a) + lat(a) + C rest <= slack - C tail - B
//!             of the comfortable accelerators the one of least energy, without any the one where the
//!             segment ends first; if that one is busy, the frame waits for it
//! 3. order    frames without comfort first: those that have started, then the others, both by least
//!             laxity  slack - tail - fastest;  then the comfortable ones, by least work  fastest
//! ```
//!
//! `C`, the comfort, is by how much the rest may take longer than at best, for others are in the way. `B`
//! is the longest segment of the workload on its fastest accelerator: so long may a frame that has just
//! become urgent have to wait, since nothing is preempted. What has started goes on, for under overload a frame
//! that is begun, passed by and given up has taken time from the others for nothing. Slack is spent on energy, which is all that it is
//! good for, and a frame is not put on a bad accelerator because the good one is busy for a moment.
//!
//! A decision takes O(jobs x accelerators), and no division.

use crate::job::JobView;
use crate::policy::{AcceleratorState, Activity, Offer, Policy};
use crate::score::Score;
use crate::time::{Duration, Instant};
use crate::workload::{AcceleratorId, ModelId, Workload};

/// Frames without comfort go before all others.
const URGENT: i64 = 1 << 40;

/// And those of them that have started before these.
const STARTED: i64 = 1 << 41;

/// The accelerator takes nothing, or not this.
const CLOSED: u32 = u32::MAX;

/// Segments that take longer, in nanoseconds, are taken to take so long, and waits half of it: sums of both fit 32 bits.
const LONGEST: u32 = 1 << 31;

/// No accelerator.
const NOWHERE: u8 = u8::MAX;

/// The policy, for a workload of at most `MODELS` models and `ACCS` accelerators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Gated<const MODELS: usize, const ACCS: usize> {
    /// The comfort `C` in sixteenths; 32, which is twice the time at best, unless set otherwise.
    pub comfort: u16,
    /// `B`, in nanoseconds.
    longest_ns: u32,
    /// By model, in nanoseconds.
    tail_ns: [u32; MODELS],
    /// By accelerator, in nanoseconds.
    wait_ns: [u32; ACCS],
}

impl<const MODELS: usize, const ACCS: usize> Gated<MODELS, ACCS> {
    /// The policy for this workload. O(tables + models squared).
    pub fn new(workload: &Workload<'_, ACCS>) -> Self {
        let mut longest_ns = 0;
        for model in workload.models {
            for segment in model.subnetworks.iter().flat_map(|subnetwork| subnetwork.segments) {
                let least = segment.placements().iter().filter(|on| on.runs()).map(|on| on.latency_ns).min();
                longest_ns = least.unwrap_or(0).max(longest_ns);
            }
        }
        let mut tail_ns = [0; MODELS];
        // A chain of cascades is no longer than there are models.
        for _ in workload.models {
            for (model, index) in workload.models.iter().zip(0u8..) {
                let Some(cascade) = model.cascade.filter(|_| model.deadline.is_none()) else { continue };
                let behind = tail_ns.get(usize::from(index)).copied().unwrap_or(0);
                let work = fastest(workload, ModelId(index)).saturating_add(behind);
                if let Some(tail) = tail_ns.get_mut(usize::from(cascade.parent.0)) {
                    *tail = work.max(*tail);
                }
            }
        }
        Self { comfort: 32, longest_ns, tail_ns, wait_ns: [CLOSED; ACCS] }
    }

    /// The same without comfort: every frame goes where it ends first.
    #[must_use]
    pub const fn in_haste(mut self) -> Self {
        self.longest_ns = u32::MAX;
        self
    }

    /// So long may work take that takes this at best.
    fn comforted(&self, nanos: u32) -> u64 {
        (u64::from(nanos) * u64::from(self.comfort)) >> 4
    }
}

/// Fastest work of a model's frame in its heaviest sub-network, in nanoseconds.
fn fastest<const ACCS: usize>(workload: &Workload<'_, ACCS>, model: ModelId) -> u32 {
    let heaviest = workload.model(model).and_then(|model| model.subnetworks.first());
    let first = heaviest.and_then(|heaviest| heaviest.segments.first());
    first.map_or(0, |segment| nanos(segment.info().fastest_togo))
}

/// In nanoseconds, at most 4.29 s.
fn nanos(duration: Duration) -> u32 {
    u32::try_from(duration.as_nanos()).unwrap_or(u32::MAX)
}

impl<const MODELS: usize, const ACCS: usize> Policy for Gated<MODELS, ACCS> {
    /// Where it goes, idle or not, and how much it is wanted there.
    type Weighed = Option<(AcceleratorId, Score)>;

    fn prepare<'a>(
        &mut self,
        _: impl Iterator<Item = JobView<'a>>,
        accelerators: &[AcceleratorState],
        now: Instant,
    ) {
        for (wait, state) in self.wait_ns.iter_mut().zip(accelerators) {
            *wait = match state.activity {
                Activity::Idle => 0,
                // A block that is overdue is taken to need as long again as it is late.
                Activity::Busy { until } if until < now => {
                    nanos(now.saturating_since(until)).min(LONGEST / 2)
                }
                Activity::Busy { until } => nanos(until.saturating_since(now)).min(LONGEST / 2),
                Activity::Resting | Activity::OutOfService => CLOSED,
            };
        }
    }

    fn weigh(&self, job: &JobView<'_>, _: &[AcceleratorState], now: Instant) -> Self::Weighed {
        let fastest = nanos(job.fastest_togo);
        let slack = nanos(job.slack(now));
        let tail = self.tail_ns.get(usize::from(job.frame.model.0)).copied().unwrap_or(0);
        let mut latencies = [CLOSED; ACCS];
        let mut next = CLOSED;
        for (latency, on) in latencies.iter_mut().zip(job.latencies()) {
            let Some(on) = on else { continue };
            *latency = on.min(LONGEST);
            next = next.min(*latency);
        }
        let rest = fastest.saturating_sub(next);
        let spare = self.comforted(tail) + self.comforted(rest) + u64::from(self.longest_ns);
        // Comfortable is what takes less than this.
        let limit = u64::from(slack).checked_sub(spare).map_or(0, |most| (most as u32).saturating_add(1));

        // Energy, end, accelerator; and end, accelerator. Every end is less than these.
        let mut frugal = (u32::MAX, CLOSED, NOWHERE);
        let mut first = (CLOSED, NOWHERE);
        let rows = self.wait_ns.iter().zip(&latencies).zip(job.placements);
        for (((&wait, &latency), placement), index) in rows.zip(0u8..) {
            if wait == CLOSED || latency == CLOSED {
                continue;
            }
            let (end, energy) = (wait + latency, placement.energy_nj);
            let is_comfortable = end + wait / 2 < limit;
            if is_comfortable && (energy < frugal.0 || energy == frugal.0 && end < frugal.1) {
                frugal = (energy, end, index);
            }
            if end < first.0 {
                first = (end, index);
            }
        }
        if frugal.2 != NOWHERE {
            return Some((AcceleratorId(frugal.2), Score(-i64::from(fastest))));
        }
        let laxity = i64::from(slack) - i64::from(tail) - i64::from(fastest);
        let urgency = if job.started { URGENT + STARTED } else { URGENT };
        (first.1 != NOWHERE).then_some((AcceleratorId(first.1), Score(urgency - laxity)))
    }

    fn only(&self, weighed: Self::Weighed) -> Option<(AcceleratorId, Score)> {
        weighed
    }

    fn score(&self, weighed: Self::Weighed, _: &JobView<'_>, offer: &Offer<'_>) -> Option<Score> {
        weighed.filter(|(place, _)| *place == offer.accelerator).map(|(_, score)| score)
    }

    fn abandons(&self, job: &JobView<'_>, now: Instant) -> bool {
        job.fastest_togo > job.slack(now)
    }
}
