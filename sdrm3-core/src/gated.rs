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

/// The accelerator takes nothing.
const CLOSED: u32 = u32::MAX;

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
    fn comforted(&self, nanos: u32) -> i64 {
        (i64::from(nanos) * i64::from(self.comfort)) >> 4
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
                Activity::Busy { until } if until < now => nanos(now.saturating_since(until)).min(CLOSED - 1),
                Activity::Busy { until } => nanos(until.saturating_since(now)).min(CLOSED - 1),
                Activity::Resting | Activity::OutOfService => CLOSED,
            };
        }
    }

    fn weigh(&self, job: &JobView<'_>, _: &[AcceleratorState], now: Instant) -> Self::Weighed {
        let fastest = nanos(job.fastest_togo);
        let tail = self.tail_ns.get(usize::from(job.frame.model.0)).copied().unwrap_or(0);
        let slack = i64::from(nanos(job.slack(now)));
        let on = |index| job.latency_on(AcceleratorId(index));
        let next = (0u8..).take(ACCS).filter_map(on).min()?;
        let rest = fastest.saturating_sub(next);
        let limit = slack - self.comforted(tail) - self.comforted(rest) - i64::from(self.longest_ns);

        // Energy, end, accelerator; and end, accelerator.
        let mut frugal: Option<(u32, i64, u8)> = None;
        let mut first: Option<(i64, u8)> = None;
        for ((&wait, placement), index) in self.wait_ns.iter().zip(job.placements).zip(0u8..) {
            let Some(latency) = on(index).filter(|_| wait != CLOSED) else { continue };
            let (wait, energy) = (i64::from(wait), placement.energy_nj);
            let end = wait + i64::from(latency);
            let is_comfortable = end + wait / 2 <= limit;
            if is_comfortable && frugal.is_none_or(|(least, least_end, _)| (energy, end) < (least, least_end))
            {
                frugal = Some((energy, end, index));
            }
            if first.is_none_or(|(least, _)| end < least) {
                first = Some((end, index));
            }
        }
        if let Some((.., index)) = frugal {
            return Some((AcceleratorId(index), Score(-i64::from(fastest))));
        }
        let laxity = slack - i64::from(tail) - i64::from(fastest);
        let urgency = if job.started { URGENT + STARTED } else { URGENT };
        first.map(|(_, index)| (AcceleratorId(index), Score(urgency - laxity)))
    }

    fn score(&self, weighed: Self::Weighed, _: &JobView<'_>, offer: &Offer<'_>) -> Option<Score> {
        weighed.filter(|(place, _)| *place == offer.accelerator).map(|(_, score)| score)
    }

    fn abandons(&self, job: &JobView<'_>, now: Instant) -> bool {
        job.fastest_togo > job.slack(now)
    }
}
