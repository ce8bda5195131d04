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
//! 3. order    frames without comfort first: those that have started and whose laxity is below the careful B,
//!             then the others, both by least laxity  slack - tail - fastest;  then the comfortable ones, by least
//!             work  fastest
//! ```
//!
//! `C`, the comfort, is by how much the rest may take longer than at best, for others are in the way. `B`
//! is how long a frame that has just become urgent may have to wait, since nothing is preempted. The policy is
//! *confident* until a frame is lost, and again when 8,192 in a row were in time, else *careful*:
//!
//! ```text
//!              C         B, each segment on its fastest accelerator
//! careful      2         the longest segment of the workload
//! confident    1.5       as long as all A accelerators can be blocked at once: the longest segment of a model,
//!                        A-th longest among the models
//! ```
//!
//! What has started and could not afford to be passed by goes on, for under overload a frame that is begun,
//! passed by and given up has taken time from the others for nothing. Slack is spent on energy, which is all that
//! it is good for, and a frame is not put on a bad accelerator because the good one is busy for a moment.
//!
//! A decision takes O(jobs x accelerators), and no division. Most frames are comfortable on the most frugal
//! accelerator: that one is asked first.

use crate::correction;
use crate::event::{DropReason, Event, Progress, Report};
use crate::job::JobView;
use crate::policy::{AcceleratorState, Activity, Offer, Policy};
use crate::score::Score;
use crate::time::{Duration, Instant};
use crate::workload::{AcceleratorId, ModelId, Placement, Workload};

/// Frames without comfort go before all others.
const URGENT: i64 = 1 << 40;

/// And those of them that go on before these.
const STARTED: i64 = 1 << 41;

/// Times are in units of 16 ns: so 32 bits hold 68 s, and sums of the longest are no trouble.
const UNIT_BITS: u32 = 4;

/// The longest wait: 17 s, as long as the longest segment.
const LONGEST_WAIT: u32 = 1 << 30;

/// More time than this is as good as this: too little for the longest wait.
const LONGEST_LIMIT: u32 = LONGEST_WAIT + LONGEST_WAIT / 2 - 1;

/// How many frames in time make a careful policy confident.
const CAREFUL_FOR: u16 = 8_192;

/// The latency where a segment cannot run, and the wait for what is not in service: past every limit, and the
/// sum of both still fits.
const CLOSED: u32 = LONGEST_LIMIT + 1;

/// The policy, for a workload of at most `MODELS` models and `ACCS` accelerators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Gated<const MODELS: usize, const ACCS: usize> {
    /// The comfort `C` of the careful policy in sixteenths, that of the confident one is three quarters of it; 32,
    /// which is twice the time at best, unless set otherwise.
    pub comfort: u16,
    /// `B` of the careful policy, and of the confident one.
    longest: u32,
    blocked: u32,
    /// How many frames have to be in time until it is confident; 0: it is.
    careful_for: u16,
    /// By model.
    tails: [u32; MODELS],
    /// By accelerator.
    waits: [u32; ACCS],
    /// The accelerators that are idle or busy; bit `a` is accelerator `a`.
    open: u32,
}

impl<const MODELS: usize, const ACCS: usize> Gated<MODELS, ACCS> {
    /// The policy for this workload. O(tables + models squared).
    pub fn new(workload: &Workload<'_, ACCS>) -> Self {
        // The longest segment of each model.
        let mut longest = [0; MODELS];
        for (longest, model) in longest.iter_mut().zip(workload.models) {
            for segment in model.subnetworks.iter().flat_map(|subnetwork| subnetwork.segments) {
                let least = segment.placements().iter().filter(|on| on.runs()).map(|on| on.latency_ns).min();
                *longest = (least.unwrap_or(0) >> UNIT_BITS).max(*longest);
            }
        }
        let as_long = |least: u32| longest.iter().filter(|other| **other >= least).count();
        let all_blocked = longest.iter().filter(|own| as_long(**own) >= workload.accelerators.len());
        let mut tails = [0; MODELS];
        // A chain of cascades is no longer than there are models.
        for _ in workload.models {
            for (model, index) in workload.models.iter().zip(0u8..) {
                let Some(cascade) = model.cascade.filter(|_| model.deadline.is_none()) else { continue };
                let behind = tails.get(usize::from(index)).copied().unwrap_or(0);
                let work = fastest(workload, ModelId(index)).saturating_add(behind);
                if let Some(tail) = tails.get_mut(usize::from(cascade.parent.0)) {
                    *tail = work.max(*tail);
                }
            }
        }
        Self {
            comfort: 32,
            longest: longest.iter().copied().max().unwrap_or(0),
            blocked: all_blocked.copied().max().unwrap_or(0),
            careful_for: 0,
            tails,
            waits: [0; ACCS],
            open: 0,
        }
    }

    /// The same without comfort: every frame goes where it ends first, and what has started always goes on.
    #[must_use]
    pub const fn in_haste(mut self) -> Self {
        (self.longest, self.blocked) = (u32::MAX, u32::MAX);
        self
    }

    /// The same without time kept for what may block a frame, `B`; and what has started is passed by like others.
    #[must_use]
    pub const fn without_reserve(mut self) -> Self {
        (self.longest, self.blocked) = (0, 0);
        self
    }

    /// The same without confidence: always careful.
    #[must_use]
    pub const fn always_careful(mut self) -> Self {
        self.careful_for = u16::MAX;
        self
    }

    /// A frame was lost, or was in time.
    fn learn(&mut self, lost: bool) {
        self.careful_for = match self.careful_for {
            u16::MAX => u16::MAX,
            _ if lost => CAREFUL_FOR,
            frames => frames.saturating_sub(1),
        };
    }

    /// `C` in sixteenths, and `B`.
    #[inline(always)]
    fn comfort_and_blocking(&self) -> (u32, u32) {
        let comfort = u32::from(self.comfort);
        if self.careful_for == 0 { (comfort * 3 / 4, self.blocked) } else { (comfort, self.longest) }
    }

    /// What the segment and all behind it may take to be comfortable, of the slack without `B`, plus one; 0: too
    /// little is left for anything.
    #[inline(always)]
    fn limit(&self, slack: u32, rest: u32) -> u32 {
        let (comfort, _) = self.comfort_and_blocking();
        let spare = u32::try_from((u64::from(rest) * u64::from(comfort)) >> 4).ok();
        let limit = spare.and_then(|spare| slack.checked_sub(spare));
        limit.map_or(0, |limit| limit.min(LONGEST_LIMIT) + 1)
    }

    /// Of the comfortable accelerators the one of least energy; of equal ones where the segment ends first, of
    /// those the first. A call of its own: its loop then has all registers.
    #[inline(never)]
    fn most_frugal(&self, latencies: &[u32; ACCS], placements: &[Placement], limit: u32) -> Option<u8> {
        let (mut least, mut first, mut most_frugal) = (u32::MAX, CLOSED, None);
        for (index, ((&wait, &latency), on)) in self.waits.iter().zip(latencies).zip(placements).enumerate() {
            let end = wait + latency;
            if end + wait / 2 < limit && (on.energy_nj < least || on.energy_nj == least && end < first) {
                (least, first, most_frugal) = (on.energy_nj, end, Some(index as u8));
            }
        }
        most_frugal
    }

    /// The most frugal of these accelerators, of equal ones where the segment ends first, if it is comfortable even
    /// with all work still to come behind the segment: so it mostly is, and then the others need no look.
    #[inline(always)]
    fn at_leisure(&self, job: &JobView<'_>, runs_on: u32, limit: u32) -> Option<u8> {
        if limit == 0 {
            return None;
        }
        let (mut least, mut place) = (u32::MAX, ACCS);
        for (index, on) in job.placements.iter().enumerate() {
            if runs_on >> (index & 31) & 1 != 0
                && (on.energy_nj < least
                    || on.energy_nj == least && self.ends_sooner(job.placements, job.factors, index, place))
            {
                (least, place) = (on.energy_nj, index);
            }
        }
        let wait = self.waits.get(place)?;
        (wait + wait / 2 + job.latency_16_ns(place)? < limit).then_some(place as u8)
    }

    /// Whether a segment ends sooner on one accelerator than on another, which may be none.
    #[cold]
    #[inline(never)]
    fn ends_sooner(&self, placements: &[Placement], factors: &[u16], one: usize, other: usize) -> bool {
        let end = |index: usize| {
            let latency = correction::scale_to_16_ns(placements.get(index)?.latency_ns, *factors.get(index)?);
            Some(self.waits.get(index)? + latency)
        };
        end(other).is_none_or(|other| end(one).is_some_and(|one| one < other))
    }

    /// The latency of the next segment on each accelerator, `CLOSED` where it cannot run; the least of them; and
    /// where the segment ends first, `ACCS` if that is nowhere.
    #[inline(always)]
    fn look(&self, job: &JobView<'_>) -> ([u32; ACCS], u32, usize) {
        let (mut latencies, mut least) = ([CLOSED; ACCS], CLOSED);
        let (mut first, mut soonest) = (u32::MAX, ACCS);
        let rows = latencies.iter_mut().zip(job.placements).zip(job.factors).zip(&self.waits);
        for (index, (((latency, placement), &factor), &wait)) in rows.enumerate() {
            if job.ready.may_run >> (index & 31) & 1 != 0 {
                *latency = correction::scale_to_16_ns(placement.latency_ns, factor);
                least = least.min(*latency);
                if wait != CLOSED && wait + *latency < first {
                    (first, soonest) = (wait + *latency, index);
                }
            }
        }
        (latencies, least, soonest)
    }
}

/// Fastest work of a model's frame in its heaviest sub-network.
fn fastest<const ACCS: usize>(workload: &Workload<'_, ACCS>, model: ModelId) -> u32 {
    let heaviest = workload.model(model).and_then(|model| model.subnetworks.first());
    let first = heaviest.and_then(|heaviest| heaviest.segments.first());
    first.map_or(0, |segment| units(segment.info().fastest_togo))
}

/// In units of 16 ns, at most 68 s.
#[inline(always)]
fn units(duration: Duration) -> u32 {
    u32::try_from(duration.as_nanos() >> UNIT_BITS).unwrap_or(u32::MAX)
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
        let mut open = 0;
        for (index, (wait, state)) in self.waits.iter_mut().zip(accelerators).enumerate() {
            *wait = match state.activity {
                Activity::Idle => 0,
                // A block that is overdue is taken to need as long again as it is late.
                Activity::Busy { until } if until < now => {
                    units(now.saturating_since(until)).min(LONGEST_WAIT)
                }
                Activity::Busy { until } => units(until.saturating_since(now)).min(LONGEST_WAIT),
                Activity::Resting | Activity::OutOfService => CLOSED,
            };
            open |= u32::from(*wait != CLOSED) << (index & 31);
        }
        self.open = open;
    }

    // Inlined, so that only what it reads of the job is worked out.
    #[inline(always)]
    fn weigh(&self, job: &JobView<'_>, _: &[AcceleratorState], now: Instant) -> Self::Weighed {
        let (slack, fastest) = match job.at_ease(now) {
            Some((slack_ns, fastest_ns)) => (slack_ns >> UNIT_BITS, fastest_ns >> UNIT_BITS),
            None => (units(job.slack(now)), units(job.fastest_togo)),
        };
        let tail = self.tails.get(usize::from(job.frame.model.0)).copied().unwrap_or(0);
        let open = job.ready.may_run & self.open;
        let (_, blocking) = self.comfort_and_blocking();
        let unblocked = slack.checked_sub(blocking);
        if let Some(slack) = unblocked {
            let unhurried = self.limit(slack, fastest.saturating_add(tail));
            if let Some(index) = self.at_leisure(job, open, unhurried) {
                return Some((AcceleratorId(index), Score(-i64::from(fastest))));
            }
        }
        let (latencies, next, soonest) = self.look(job);
        let rest = fastest.saturating_sub(next).saturating_add(tail);
        let limit = unblocked.map_or(0, |slack| self.limit(slack, rest));
        let frugal = if limit > 0 { self.most_frugal(&latencies, job.placements, limit) } else { None };
        if let Some(index) = frugal {
            return Some((AcceleratorId(index), Score(-i64::from(fastest))));
        }
        if soonest == ACCS {
            return None;
        }
        let laxity = i64::from(slack) - i64::from(tail) - i64::from(fastest);
        let goes_on = job.started && laxity < i64::from(self.longest);
        let urgency = if goes_on { URGENT + STARTED } else { URGENT };
        Some((AcceleratorId(soonest as u8), Score(urgency - laxity)))
    }

    fn only(&self, weighed: Self::Weighed) -> Option<(AcceleratorId, Score)> {
        weighed
    }

    fn score(&self, weighed: Self::Weighed, _: &JobView<'_>, offer: &Offer<'_>) -> Option<Score> {
        weighed.filter(|(place, _)| *place == offer.accelerator).map(|(_, score)| score)
    }

    fn abandons(&self, job: &JobView<'_>, now: Instant) -> bool {
        job.at_ease(now).is_none() && job.fastest_togo > job.slack(now)
    }

    fn observe(&mut self, event: &Event, _: Instant) {
        match event {
            Event::Dropped(_, reason) if *reason != DropReason::Withdrawn => self.learn(true),
            Event::Completed(Report { progress: Progress::Late, .. }) => self.learn(true),
            Event::Completed(Report { progress: Progress::InTime, .. }) => self.learn(false),
            _ => {}
        }
    }
}
