//! How a scheduler chooses: the trait that every policy implements, and MapScore as published.
//!
//! A decision asks the policy once per ready job ([`Policy::weigh`], where the divisions belong) and
//! once per pair of ready job and idle accelerator ([`Policy::score`], which should only multiply and
//! add). The pair with the highest score is dispatched; ties have a fixed order
//! (see [`Scheduler::poll`](crate::Scheduler::poll)). A policy whose scores of a job differ little between
//! accelerators may say so, and is asked for the difference only where no switch costs ([`Policy::base`]): half
//! the arithmetic, and no switch is worked out that cannot matter. One that wants each job in one place only is
//! not asked for pairs at all ([`Policy::wanted`]).
//!
//! # For authors of a policy
//!
//! - Scores must not depend on the order of calls: jobs come in no meaningful order.
//! - `None` from `score` means "not this accelerator, now": the job waits for a better one.
//! - Time that passes without an event does not wake the scheduler. A policy whose `None` turns into
//!   a score merely because time passes must not rely on being asked at that instant.
//! - On a device all of it is on the decision path: bounded work, no allocation, no panic.

use crate::event::Event;
use crate::job::{JobId, JobView, Prepared};
use crate::score::{self, Score};
use crate::time::Instant;
use crate::tuner::Weights;
use crate::workload::{AcceleratorId, Cost, Placement};

/// An accelerator as a policy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct AcceleratorState {
    /// Names the accelerator.
    pub id: AcceleratorId,
    /// What it is doing.
    pub activity: Activity,
    /// The job whose segment it ran last, if any: going on with it costs no switch.
    pub last_job: Option<JobId>,
}

/// What an accelerator is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Activity {
    /// Nothing: it can be given a segment.
    Idle,
    /// It runs a segment that is expected to end then.
    Busy {
        /// Dispatch plus switch plus what the tables say of the block, corrected by what was measured.
        until: Instant,
    },
    /// It takes nothing for a while.
    Resting,
    /// It takes nothing until it is restored.
    OutOfService,
}

/// An idle accelerator, offered to a job.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Offer<'a> {
    /// The accelerator.
    pub accelerator: AcceleratorId,
    /// What the table says of the job's next segment there; it can run there.
    pub placement: &'a Placement,
    /// Its latency there in nanoseconds, corrected by what was measured.
    pub latency_ns: u32,
    /// `LatPref`, Q8.24, corrected by what was measured.
    pub latency_preference: u32,
    /// What moving the accelerator to this job costs; nothing when it ran the job last.
    pub switch: Cost,
    /// All accelerators, busy ones included, by ascending id.
    pub accelerators: &'a [AcceleratorState],
}

/// Where a policy wants a job, idle accelerator or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Ask of each.
    Anywhere,
    /// There only, with that score.
    On(AcceleratorId, Score),
    /// It waits.
    Nowhere,
}

/// Chooses what runs next, and where.
pub trait Policy {
    /// What is made ready for it; there is room for one figure of each pair. With the latencies
    /// [`base`](Self::base) and [`at_most`](Self::at_most) are not asked, [`Offer::latency_preference`] takes a division,
    /// and [`JobView::urgency`] is worked out from the start.
    const PREPARED: Prepared = Prepared::LatencyPreference;

    /// What [`weigh`](Self::weigh) finds out about a job for all its pairs.
    type Weighed: Copy;

    /// Weighs one ready job, once per decision; `accelerators` are all, by ascending id. O(1), or
    /// O(ACCS) if all are looked at.
    fn weigh(&self, job: &JobView<'_>, accelerators: &[AcceleratorState], now: Instant) -> Self::Weighed;

    /// Scores one ready job on one idle accelerator that can run it; `None`: not there, now. O(1).
    fn score(&self, weighed: Self::Weighed, job: &JobView<'_>, offer: &Offer<'_>) -> Option<Score>;

    /// Where the job is wanted, if that is known, whatever a switch costs. [`score`](Self::score) has to tell the same,
    /// for it may be asked instead. O(1).
    fn wanted(&self, weighed: Self::Weighed) -> Wanted {
        let _ = weighed;
        Wanted::Anywhere
    }

    /// A score that the job has wherever it switches for free, if [`above`](Self::above) can tell the rest:
    /// then `score` is `Some(base + above)` there, and no more than that where a switch costs; it may be asked all
    /// the same. `None`: ask `score`. O(1).
    fn base(&self, weighed: Self::Weighed) -> Option<Score> {
        let _ = weighed;
        None
    }

    /// By how much a pair that switches for free scores above [`base`](Self::base); the latency preference is
    /// that of [`Offer`]. O(1).
    fn above(&self, weighed: Self::Weighed, placement: &Placement, latency_preference: u32) -> u32 {
        let _ = (weighed, placement, latency_preference);
        0
    }

    /// What [`score`](Self::score) does not exceed on a pair, whatever a switch costs there: it is not asked of pairs that
    /// could not be the best. `None`: it is. Unless told otherwise, what the pair scores if the switch is free. O(1).
    fn at_most(&self, weighed: Self::Weighed, on: &Placement, latency_preference: u32) -> Option<Score> {
        let base = self.base(weighed)?;
        Some(Score(base.0 + i64::from(self.above(weighed, on, latency_preference))))
    }

    /// Looks at all ready jobs before a decision, for policies that compare them; also when no accelerator
    /// is idle. At most O(jobs).
    fn prepare<'a>(
        &mut self,
        jobs: impl Iterator<Item = JobView<'a>>,
        accelerators: &[AcceleratorState],
        now: Instant,
    ) {
        let _ = (jobs, accelerators, now);
    }

    /// Whether a waiting job is to be given up (dropped, violated). O(1).
    fn abandons(&self, job: &JobView<'_>, now: Instant) -> bool {
        let _ = (job, now);
        false
    }

    /// How many segments to dispatch as one block, at least 1; the scheduler ends a block where the
    /// network may branch or the accelerator cannot go on. O(1).
    fn block(&self, job: &JobView<'_>, offer: &Offer<'_>) -> u16 {
        let _ = (job, offer);
        1
    }

    /// The weights (alpha, beta) that online tuning may set; `None`: it has none.
    fn weights(&self) -> Option<Weights> {
        None
    }

    /// Sets the weights.
    fn set_weights(&mut self, weights: Weights) {
        let _ = weights;
    }

    /// Hears of everything that happened, for policies that learn. O(1).
    fn observe(&mut self, event: &Event, now: Instant) {
        let _ = (event, now);
    }
}

/// The published score.
///
/// `MapScore = Urgency * LatPref + alpha * Starv + beta * Energy`; the terms are in [`score`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MapScore {
    /// Alpha and beta; both are one unless given.
    pub weights: Weights,
}

/// What MapScore computes once per job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MapScoreWeighed {
    /// `Urgency`, Q4.28.
    pub urgency: u32,
    /// `alpha * Starv`, Q13.20.
    pub starvation_term: i64,
}

impl Policy for MapScore {
    type Weighed = MapScoreWeighed;

    #[inline(always)]
    fn weigh(&self, job: &JobView<'_>, _: &[AcceleratorState], now: Instant) -> MapScoreWeighed {
        MapScoreWeighed {
            urgency: job.urgency(now),
            starvation_term: score::starvation_term(self.weights.alpha, job.starvation_by_now(now)),
        }
    }

    #[inline(always)]
    fn score(&self, weighed: MapScoreWeighed, _: &JobView<'_>, offer: &Offer<'_>) -> Option<Score> {
        let free = self.at_most(weighed, offer.placement, offer.latency_preference)?;
        let switch = score::switch(offer.switch.energy_nj, offer.placement.energy_nj);
        Some(Score(free.0 + score::energy_term(self.weights.beta, 0, switch)))
    }

    #[inline(always)]
    fn base(&self, weighed: MapScoreWeighed) -> Option<Score> {
        // The other terms are below `urgency` and 2^29: together they fit 32 bits. Half of what would do, for a
        // test of the sign.
        (weighed.urgency < 1 << 31).then_some(Score(weighed.starvation_term))
    }

    #[inline(always)]
    fn above(&self, weighed: MapScoreWeighed, on: &Placement, latency_preference: u32) -> u32 {
        let urgency = score::urgency_term(weighed.urgency, latency_preference);
        (urgency + score::energy_term(self.weights.beta, on.energy_preference, 0)) as u32
    }

    #[inline(always)]
    fn at_most(&self, weighed: MapScoreWeighed, on: &Placement, latency_preference: u32) -> Option<Score> {
        let urgency = score::urgency_term(weighed.urgency, latency_preference);
        let energy = score::energy_term(self.weights.beta, on.energy_preference, 0);
        Some(Score(weighed.starvation_term + urgency + energy))
    }

    fn weights(&self) -> Option<Weights> {
        Some(self.weights)
    }

    fn set_weights(&mut self, weights: Weights) {
        self.weights = weights;
    }
}
