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
//!   end(a)   = wait(a) + lat(a)
//!
//! 1. gate     fastest > slack: it cannot be in time any more and is given up
//! 2. place    a is comfortable if  1.5 wait(a) + lat(a) + C rest <= slack - C tail - B
//!             of the comfortable accelerators the one of least energy, without any the one where the
//!             segment ends first; if that one is busy, the frame waits for it. A frame that would be late there,
//!             end(a) + rest > slack,  is held back while where it is fastest is busy: that may end sooner
//! 3. order    frames without comfort first: those that have started and whose laxity, slack - tail - fastest, is
//!             below the longest segment of the workload, by least  laxity - sufferage;  then the others, by least
//!             slack - tail - fastest / 4 - sufferage,  where the sufferage is how much later the segment ends at its
//!             second place;  then the comfortable ones, by least work  fastest;  and frames of hopeless models behind
//!             all others
//! ```
//!
//! `C`, the comfort, is by how much the rest may take longer than at best, for others are in the way: 1.5. `B` is how
//! long a frame that has just become urgent may have to wait, since nothing is preempted: as long as all A accelerators
//! can be blocked at once, each by another model, which is the longest segment of a model, A-th longest among the
//! models.
//!
//! Two things are learnt. When a frame is lost the policy is *in haste*, no accelerator is comfortable, until 8,192
//! were in time: slack was spent that was not there. A model that has lost four frames in a row is *hopeless* until one
//! is in time: what it takes would be lost for the others as well. Its losses say nothing about the slack of others:
//! the fourth ends the haste, and those behind it make none.
//!
//! What has started and could not afford to be passed by goes on, for under overload a frame that is begun, passed by
//! and given up has taken time from the others for nothing. The others go by deadline, for by laxity the longest work
//! goes first when not all can be in time; but a quarter of the work counts, for by deadline alone long frames begin too
//! late where there are several accelerators (Dhall and Liu, 1978). Of two that want the same accelerator it is for the one
//! that has no good second place (the sufferage of Maheswaran et al., HCW 1999). Slack is spent on energy, which is
//! all that it is good for, and a frame is not put on a bad accelerator because the good one is busy for a moment.
//!
//! A decision takes O(jobs x accelerators), and no division. Latencies, `rest` and the most frugal accelerator are made
//! ready when an event changes a job ([`Policy::PREPARED`]). Most frames are comfortable there: it is asked first.

use core::hint::cold_path;

use crate::correction::{self, CLOSED};
use crate::event::{DropReason, Event, Progress, Report};
use crate::job::{JobView, Prepared};
use crate::policy::{AcceleratorState, Activity, Offer, Policy, Wanted};
use crate::score::Score;
use crate::time::{Duration, Instant};
use crate::workload::{AcceleratorId, ModelId, Placement, Workload};

/// Frames without comfort go before all others.
const URGENT: i64 = 1 << 40;

/// And those of them that go on before these.
const STARTED: i64 = 1 << 41;

/// Frames of hopeless models go behind all others.
const HOPELESS: i64 = 1 << 42;

/// Times are in units of 16 ns.
const UNIT_BITS: u32 = 4;

/// More time than this, 17 s, counts as this.
const LONGEST: u32 = Duration::MOST_16_NS;

/// Nobody waits so long, 8.6 s. With the longest latency, which is below 2^30, any other wait is less than [`CLOSED`].
const TOO_LONG: u32 = 1 << 29;

/// The policy, for a workload of at most `MODELS` models and `ACCS` accelerators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Gated<const MODELS: usize, const ACCS: usize> {
    /// The comfort `C` in sixteenths: [`COMFORT`](Self::COMFORT) unless set otherwise.
    pub comfort: u16,
    /// How many frames have to be in time until it is not in haste any more; 0: it never is.
    pub haste: u16,
    /// How many frames a model loses in a row until it is hopeless, at least 1; [`u8::MAX`]: it never is.
    pub hopeless_after: u8,
    /// Whether a frame is held back that would be late.
    holds: bool,
    /// Whether sufferage counts.
    suffers: bool,
    /// How many frames still have to be in time until it is not in haste any more; 0: it is not.
    hasty_for: u16,
    /// `B`.
    blocked: u32,
    /// [`LONGEST`] less the longest segment. What has started goes on if `LONGEST` less its laxity is more.
    goes_on_above: u32,
    /// How many frames it lost in a row. By model.
    lost_in_row: [u8; MODELS],
    /// By model.
    tails: [u32; MODELS],
    /// By accelerator.
    waits: [u32; ACCS],
}

impl<const MODELS: usize, const ACCS: usize> Gated<MODELS, ACCS> {
    /// One and a half times the time at best, in sixteenths.
    pub const COMFORT: u16 = 24;

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
                let work = (fastest(workload, ModelId(index)) + behind).min(LONGEST);
                if let Some(tail) = tails.get_mut(usize::from(cascade.parent.0)) {
                    *tail = work.max(*tail);
                }
            }
        }
        Self {
            comfort: Self::COMFORT,
            haste: 8_192,
            hopeless_after: 4,
            holds: true,
            suffers: true,
            hasty_for: 0,
            blocked: all_blocked.copied().max().unwrap_or(0),
            goes_on_above: LONGEST - longest.iter().copied().max().unwrap_or(0),
            lost_in_row: [0; MODELS],
            tails,
            waits: [0; ACCS],
        }
    }

    /// The same without comfort, always in haste: every frame goes where it ends first.
    #[must_use]
    pub const fn in_haste(mut self) -> Self {
        self.blocked = u32::MAX;
        self
    }

    /// The same without time kept for what may block a frame, `B`.
    #[must_use]
    pub const fn without_reserve(mut self) -> Self {
        self.blocked = 0;
        self
    }

    /// The same, but a frame that would be late wherever it ends first does not wait.
    #[must_use]
    pub const fn without_hold(mut self) -> Self {
        self.holds = false;
        self
    }

    /// The same, whatever a frame suffers at its second place.
    #[must_use]
    pub const fn without_sufferage(mut self) -> Self {
        self.suffers = false;
        self
    }

    /// The same, but what has started is passed by like others.
    #[must_use]
    pub const fn without_persistence(mut self) -> Self {
        self.goes_on_above = u32::MAX;
        self
    }

    /// A frame of a model was lost, or was in time.
    fn learn(&mut self, model: ModelId, lost: bool) {
        let Some(in_row) = self.lost_in_row.get_mut(usize::from(model.0)) else { return };
        if lost {
            *in_row = in_row.saturating_add(1).min(u8::MAX - 1);
            if *in_row < self.hopeless_after {
                self.hasty_for = self.haste;
            } else if *in_row == self.hopeless_after {
                self.hasty_for = 0;
            }
        } else {
            *in_row = 0;
            self.hasty_for = self.hasty_for.saturating_sub(1);
        }
    }

    /// What the segment may take to be comfortable with this slack and this work behind it, plus one; 0: none is.
    #[inline(always)]
    fn limit(&self, slack: u32, rest: u32) -> u32 {
        if self.hasty_for > 0 {
            return 0;
        }
        let Some(slack) = slack.checked_sub(self.blocked) else { return 0 };
        let spare = u32::try_from((u64::from(rest) * u64::from(self.comfort)) >> 4).ok();
        spare.and_then(|spare| slack.checked_sub(spare)).map_or(0, |limit| limit + 1)
    }

    /// The most frugal accelerator of all, if it is comfortable: so it mostly is, and then the others need no look.
    #[inline(always)]
    fn at_leisure(&self, job: &JobView<'_>, latencies: &[u32; ACCS], limit: u32) -> Option<AcceleratorId> {
        let index = usize::from(job.most_frugal.0);
        let (wait, latency) = (self.waits.get(index)?, latencies.get(index)?);
        (wait + wait / 2 + latency < limit).then_some(job.most_frugal)
    }

    /// Of the comfortable accelerators the one of least energy; of equal ones where the segment ends first, of
    /// those the first. A call of its own: its loop then has all registers.
    #[inline(never)]
    fn most_frugal(
        &self,
        latencies: &[u32; ACCS],
        placements: &[Placement],
        limit: u32,
    ) -> Option<AcceleratorId> {
        let (mut least, mut first, mut most_frugal) = (u32::MAX, CLOSED, None);
        for (((&wait, &latency), on), index) in self.waits.iter().zip(latencies).zip(placements).zip(0..) {
            let end = wait + latency;
            if end + wait / 2 < limit && (on.energy_nj < least || on.energy_nj == least && end < first) {
                (least, first, most_frugal) = (on.energy_nj, end, Some(AcceleratorId(index)));
            }
        }
        most_frugal
    }

    /// Where the segment ends first, `ACCS` if nowhere or if the frame is held back for it would be late even so; and
    /// how much later it ends at its second place, if it has one. A call of its own: its loop then has all registers.
    #[inline(never)]
    fn first_end(&self, latencies: &[u32; ACCS], last: u32) -> (usize, u32) {
        let (mut on, mut first, mut second) = (ACCS, CLOSED, CLOSED);
        for (index, (&latency, &wait)) in latencies.iter().zip(&self.waits).enumerate() {
            let end = wait + latency;
            if end < first {
                cold_path();
                (on, first, second) = (index, end, first);
            } else if end < second {
                cold_path();
                second = end;
            }
        }
        if first > last && self.holds && self.is_awaited(latencies) {
            on = ACCS;
        }
        (on, if second == CLOSED || !self.suffers { 0 } else { second - first })
    }

    /// Where a frame goes, idle or not, and how much it is wanted there, above `base`.
    #[inline(always)]
    fn place(
        &self,
        job: &JobView<'_>,
        (latencies, rest): (&[u32; ACCS], u32),
        now: Instant,
        tail: u32,
        base: i64,
    ) -> Wanted {
        let (slack, fastest) = match job.at_ease(now) {
            Some((slack_ns, fastest_ns)) => (slack_ns >> UNIT_BITS, fastest_ns >> UNIT_BITS),
            None => (job.slack(now).in_16_ns(), job.fastest_togo.in_16_ns()),
        };
        let limit = self.limit(slack, rest + tail);
        if limit > 0 {
            let at_leisure = self.at_leisure(job, latencies, limit);
            let on = at_leisure.or_else(|| self.most_frugal(latencies, job.placements, limit));
            if let Some(on) = on {
                return Wanted::On(on, Score(base - i64::from(fastest)));
            }
        }
        let (on, sufferage) = self.first_end(latencies, slack.saturating_sub(rest));
        if on >= ACCS {
            return Wanted::Nowhere;
        }
        // The longest time less what is left until then, or less the laxity: no less than zero.
        let (mut urgency, mut hurry) = (URGENT, LONGEST + tail + fastest / 4 - slack);
        let no_laxity = LONGEST + (fastest + tail).min(LONGEST) - slack;
        if no_laxity > self.goes_on_above && job.started {
            cold_path();
            (urgency, hurry) = (URGENT + STARTED, no_laxity);
        }
        Wanted::On(AcceleratorId(on as u8), Score(base + urgency + i64::from(hurry + sufferage)))
    }

    /// Whether an accelerator where the segment is fastest is busy: so that its end is an occasion to look again.
    #[cold]
    #[inline(never)]
    fn is_awaited(&self, latencies: &[u32; ACCS]) -> bool {
        let least = latencies.iter().min();
        let mut places = self.waits.iter().zip(latencies);
        places.any(|(wait, latency)| (1..CLOSED).contains(wait) && Some(latency) == least)
    }
}

/// Fastest work of a model's frame in its heaviest sub-network.
fn fastest<const ACCS: usize>(workload: &Workload<'_, ACCS>, model: ModelId) -> u32 {
    let heaviest = workload.model(model).and_then(|model| model.subnetworks.first());
    let first = heaviest.and_then(|heaviest| heaviest.segments.first());
    first.map_or(0, |segment| segment.info().fastest_togo.in_16_ns())
}

impl<const MODELS: usize, const ACCS: usize> Policy for Gated<MODELS, ACCS> {
    type Weighed = Wanted;

    const PREPARED: Prepared = Prepared::Latency;

    fn prepare<'a>(
        &mut self,
        _: impl Iterator<Item = JobView<'a>>,
        accelerators: &[AcceleratorState],
        now: Instant,
    ) {
        for (wait, state) in self.waits.iter_mut().zip(accelerators) {
            *wait = match state.activity {
                Activity::Idle => 0,
                // A block that is overdue is taken to need as long again as it is late.
                Activity::Busy { until } if until < now => now.saturating_since(until).in_16_ns(),
                Activity::Busy { until } => until.saturating_since(now).in_16_ns(),
                Activity::Resting | Activity::OutOfService => CLOSED,
            };
            if *wait >= TOO_LONG {
                *wait = CLOSED;
            }
        }
    }

    // Inlined, so that only what it reads of the job is worked out.
    #[inline(always)]
    fn weigh(&self, job: &JobView<'_>, _: &[AcceleratorState], now: Instant) -> Self::Weighed {
        let model = usize::from(job.frame.model.0);
        let tail = self.tails.get(model).copied().unwrap_or(0);
        let hopeless = self.lost_in_row.get(model).is_some_and(|in_row| *in_row >= self.hopeless_after);
        let base = if hopeless { -HOPELESS } else { 0 };
        match job.latencies_16_ns().and_then(|latencies| latencies.try_into().ok()) {
            Some(latencies) => self.place(job, (latencies, job.rest_16_ns()), now, tail, base),
            None => {
                let latencies = job.work_out_latencies_16_ns();
                self.place(
                    job,
                    (&latencies, correction::rest_16_ns(job.fastest_togo, &latencies)),
                    now,
                    tail,
                    base,
                )
            }
        }
    }

    #[inline(always)]
    fn wanted(&self, weighed: Self::Weighed) -> Wanted {
        weighed
    }

    fn score(&self, weighed: Self::Weighed, _: &JobView<'_>, offer: &Offer<'_>) -> Option<Score> {
        match weighed {
            Wanted::On(place, score) if place == offer.accelerator => Some(score),
            _ => None,
        }
    }

    fn abandons(&self, job: &JobView<'_>, now: Instant) -> bool {
        job.at_ease(now).is_none() && job.fastest_togo > job.slack(now)
    }

    fn observe(&mut self, event: &Event, _: Instant) {
        match event {
            Event::Dropped(_, DropReason::Withdrawn | DropReason::ParentLost) => {}
            Event::Dropped(frame, _) => self.learn(frame.model, true),
            Event::Completed(Report { progress: Progress::Late, frame, .. }) => self.learn(frame.model, true),
            Event::Completed(Report { progress: Progress::InTime, frame, .. }) => {
                self.learn(frame.model, false);
            }
            _ => {}
        }
    }
}
