//! Frames, jobs and the pool that holds the jobs.
//!
//! A frame is one input of one model; while the scheduler has it, it is a job. Its life:
//!
//! ```text
//!            1 release                2 dispatch
//!   (free) -------------> Ready  ------------------> Running
//!      ^                  |   ^                         |
//!      |      5 drop      |   |  3 complete (more left) |
//!      +------------------+   +-------------------------+
//!      |                      |  6 fault (segment lost) |
//!      |                      +-------------------------+
//!      |  4 complete (last segment, exit)               |
//!      +------------------------------------------------+
//! ```
//!
//! 1 `release`, `release_child`, `readmit`; 2 and 5 `poll`; 3 and 4 `complete`; 6 `fault`; at the end of a run `close`
//! frees what is left. A job that runs is never dropped: accelerators are not preempted.

use crate::correction::{self, Correction};
use crate::score::{self, Inverse, Togo};
use crate::time::{Duration, Instant};
use crate::workload::{AcceleratorId, ModelId, Placement, Segment, SegmentInfo};

/// One input of one model, and until when its result is worth something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Frame {
    /// When the input was there.
    pub release: Instant,
    /// When its result is due.
    pub deadline: Instant,
    /// When the frame at the root of its cascade was released; its own release if it is a root.
    pub origin: Instant,
    /// Number of the frame within its model, from 0; a dependent has the number of its parent's.
    pub number: u32,
    /// The model.
    pub model: ModelId,
}

/// Names a job; a job that has ended is never taken for the one that has its place now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JobId {
    pub(crate) index: u16,
    pub(crate) generation: u16,
}

impl JobId {
    /// A name as it was written down elsewhere, in a trace; one that was not given out is stale.
    pub const fn new(index: u16, generation: u16) -> Self {
        Self { index, generation }
    }

    /// Place in the pool, below its capacity.
    pub const fn index(self) -> u16 {
        self.index
    }

    /// How many jobs had that place before, modulo 65 536.
    pub const fn generation(self) -> u16 {
        self.generation
    }
}

/// Where a job stands between [`JobPool::insert`] and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It waits, and none of it has run.
    Fresh,
    /// The same, but a newer frame has taken its place.
    Superseded,
    /// It waits to go on.
    Started,
    Running,
}

impl State {
    pub(crate) fn has_started(self) -> bool {
        matches!(self, Self::Started | Self::Running)
    }
}

/// A frame in the scheduler's hands; a frame's fields lie flat, for want of room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job<'w, const ACCS: usize> {
    pub(crate) release: Instant,
    pub(crate) deadline: Instant,
    pub(crate) origin: Instant,
    pub(crate) number: u32,
    /// The next segment to run, or the first of the block that runs.
    pub(crate) segment: &'w Segment<ACCS>,
    /// Its index; below the sub-network's length.
    pub(crate) position: u16,
    pub(crate) model: ModelId,
    pub(crate) subnetwork: u8,
    pub(crate) state: State,
    pub(crate) ready: Ready,
    /// The figure of each accelerator that decisions read, corrected: worked out when that changes.
    pub(crate) pairs: [u32; ACCS],
    /// Where latencies are made ready: the accelerator where the next segment takes least energy, [`NOWHERE`] unless it is
    /// one alone.
    pub(crate) most_frugal: AcceleratorId,
}

/// The figure of each pair of job and accelerator that decisions read: worked out when an event changes the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prepared {
    /// The latency preference: what [`Policy::above`](crate::Policy::above) is given.
    LatencyPreference,
    /// The latency: [`JobView::latencies_16_ns`].
    Latency,
}

/// What a decision reads of a job whatever the accelerator: worked out when an event changes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    /// Since when the job waits, or did before it ran.
    pub(crate) since: Instant,
    /// Bits of `ToGo`, corrected; where latencies are made ready, the least work behind the next segment instead.
    work: u32,
    mean_latency: Inverse,
    /// With more slack than this, in nanoseconds, nothing ends the frame, for time is not short and nobody took it out;
    /// and what a decision reads of it needs no closer look: it has waited for less than 2^32 ns, and where latency
    /// preferences are made ready its slack is over a quarter of its work.
    tight_ns: u32,
    /// The accelerators that can run the next segment and may; bit `a` is accelerator `a`.
    pub(crate) may_run: u32,
}

impl Ready {
    const fn since(since: Instant) -> Self {
        Self { since, work: 0, mean_latency: Inverse::of(1), tight_ns: u32::MAX, may_run: 0 }
    }

    /// What is left until the deadline, in nanoseconds, if that is enough to be at ease.
    ///
    /// The difference of one that has passed wraps to a long one, except in the last 4.29 s of all time, when nobody is at
    /// ease: asked once for all jobs.
    #[inline(always)]
    fn slack_at_ease(&self, deadline: Instant, now: Instant) -> Option<u32> {
        let slack = deadline.as_nanos().wrapping_sub(now.as_nanos());
        let is_narrow = now.as_nanos() >> 32 != u64::from(u32::MAX) && slack >> 32 == 0;
        (is_narrow && slack as u32 > self.tight_ns).then_some(slack as u32)
    }
}

impl<'w, const ACCS: usize> Job<'w, ACCS> {
    /// The frame's job, waiting since `now` for the first segment of a sub-network; [`prepare`](Self::prepare)
    /// it before the next decision.
    pub(crate) const fn new(frame: Frame, subnetwork: u8, segment: &'w Segment<ACCS>, now: Instant) -> Self {
        let Frame { release, deadline, origin, number, model } = frame;
        Self {
            release,
            deadline,
            origin,
            number,
            segment,
            position: 0,
            model,
            subnetwork,
            state: State::Fresh,
            ready: Ready::since(now),
            pairs: [0; ACCS],
            most_frugal: NOWHERE,
        }
    }

    /// Works out what decisions read: the segment, the model's correction or what it may has changed. O(ACCS).
    pub(crate) fn prepare(
        &mut self,
        correction: &Correction<ACCS>,
        active: bool,
        barred: u32,
        pairs: Prepared,
    ) {
        let info = self.segment.info();
        let fastest = correction.fastest_work(info.fastest_togo);
        let is_wanted = active && self.state != State::Superseded;
        let may_wait = self.deadline.saturating_since(self.ready.since);
        let may_run = info.runs_on & !barred;
        let (work, least_slack);
        match pairs {
            Prepared::LatencyPreference => {
                self.pairs = correction.preferences(self.segment);
                let togo = correction.work(info.togo);
                work = Togo::of(togo).to_bits();
                least_slack = fastest.max(Duration::from_nanos(togo.as_nanos() >> 2 | 1));
            }
            Prepared::Latency => {
                let placements = self.segment.placements();
                self.pairs = correction::latencies_16_ns(placements, correction.factors(), may_run);
                self.most_frugal = most_frugal(placements, may_run);
                work = correction::rest_16_ns(fastest, &self.pairs);
                least_slack = fastest;
            }
        }
        self.ready = Ready {
            since: self.ready.since,
            work,
            mean_latency: Inverse::of(info.mean_latency_ns),
            tight_ns: match u32::try_from(least_slack.as_nanos()) {
                Ok(least_slack) if is_wanted && may_wait.as_nanos() >> 32 == 0 => least_slack,
                _ => u32::MAX,
            },
            may_run,
        };
    }

    /// Whether all is well with the waiting frame: nobody took it out, and it can still meet its deadline.
    /// Never said too early; the rest is worth a closer look.
    #[inline(always)]
    pub(crate) fn is_at_ease(&self, now: Instant) -> bool {
        self.ready.slack_at_ease(self.deadline, now).is_some()
    }

    pub(crate) const fn frame(&self) -> Frame {
        let Self { release, deadline, origin, number, model, .. } = *self;
        Frame { release, deadline, origin, number, model }
    }
}

/// No accelerator: there are 32 at most. An `Option` would take the place in a job where a free one is known by.
const NOWHERE: AcceleratorId = AcceleratorId(u8::MAX);

/// The accelerator of least energy among those of a mask; [`NOWHERE`] if there are several. O(ACCS).
fn most_frugal(placements: &[Placement], among: u32) -> AcceleratorId {
    let (mut least, mut on) = (u32::MAX, NOWHERE);
    for (place, index) in placements.iter().zip(0u8..).filter(|(_, index)| among >> (index & 31) & 1 != 0) {
        if place.energy_nj < least {
            (least, on) = (place.energy_nj, AcceleratorId(index));
        } else if place.energy_nj == least {
            on = NOWHERE;
        }
    }
    on
}

/// A ready job as a policy sees it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct JobView<'a> {
    /// Names the job.
    pub id: JobId,
    /// Its frame: model, number, release, deadline.
    pub frame: Frame,
    /// Since when it waits: its release, or the end of its last segment.
    pub ready_since: Instant,
    /// Whether a segment of it has run or was dispatched.
    pub started: bool,
    /// Sub-network, counted from the heaviest.
    pub subnetwork: u8,
    /// Index of its next segment.
    pub segment_index: u16,
    /// How many segments are left, the next included; at least 1.
    pub segments_left: u16,
    /// `ToGo`: expected work left at mean latencies, corrected by what was measured.
    pub togo: Duration,
    /// The same with each segment on its fastest accelerator.
    pub fastest_togo: Duration,
    /// Whether a newer frame of its model has taken its place.
    pub superseded: bool,
    /// Bytes of weights to fetch when an accelerator moves here from another model.
    pub weight_bytes: u32,
    /// What the table says of its next segment.
    pub segment: &'a SegmentInfo,
    /// The next segment's cost on each accelerator.
    pub placements: &'a [Placement],
    /// Its model's corrections, by accelerator.
    pub(crate) factors: &'a [u16],
    /// What was made ready of its pairs, if that is latencies.
    pub(crate) latencies: Option<&'a [u32]>,
    /// See [`Job`].
    pub(crate) most_frugal: AcceleratorId,
    /// What was made ready of it; read where it is used.
    pub(crate) ready: &'a Ready,
}

impl JobView<'_> {
    /// What is left until the deadline; zero once it has passed.
    pub fn slack(&self, now: Instant) -> Duration {
        self.frame.deadline.saturating_since(now)
    }

    /// Its slack, in nanoseconds, while all is well with it: see [`Job::is_at_ease`].
    #[inline(always)]
    fn slack_at_ease(&self, now: Instant) -> Option<u32> {
        self.ready.slack_at_ease(self.frame.deadline, now)
    }

    /// The same and its fastest work, corrected; known only where latencies are made ready.
    #[inline(always)]
    pub(crate) fn at_ease(&self, now: Instant) -> Option<(u32, u32)> {
        let slack = self.slack_at_ease(now).filter(|_| self.latencies.is_some())?;
        Some((slack, self.ready.tight_ns))
    }

    /// Latency of the next segment on an accelerator in nanoseconds, corrected by what was measured;
    /// `None` where it cannot run. O(1).
    pub fn latency_on(&self, accelerator: AcceleratorId) -> Option<u32> {
        let index = usize::from(accelerator.0);
        let runs = self.ready.may_run.checked_shr(u32::from(accelerator.0)).is_some_and(|mask| mask & 1 != 0);
        let (placement, factor) = (self.placements.get(index)?, self.factors.get(index)?);
        runs.then(|| correction::scale(placement.latency_ns, *factor))
    }

    /// What [`latencies_16_ns`](Self::latencies_16_ns) has, for a policy whose wrapper has it not made ready.
    #[inline(never)]
    pub(crate) fn work_out_latencies_16_ns<const ACCS: usize>(&self) -> [u32; ACCS] {
        correction::latencies_16_ns(self.placements, self.factors, self.ready.may_run)
    }

    /// Latency of the next segment on each accelerator in units of 16 ns, corrected by what was measured: below 2^30,
    /// and more than that where it cannot run or may not. `None` unless that is what the policy has
    /// [`PREPARED`](crate::Policy::PREPARED). O(1).
    #[inline(always)]
    pub fn latencies_16_ns(&self) -> Option<&[u32]> {
        self.latencies
    }

    /// The least work behind the next segment, if they are made ready.
    #[inline(always)]
    pub(crate) fn rest_16_ns(&self) -> u32 {
        self.ready.work
    }

    /// [`score::urgency`] of it: of `togo` and [`slack`](Self::slack).
    #[inline(always)]
    pub fn urgency(&self, now: Instant) -> u32 {
        if self.latencies.is_some() {
            return score::urgency(self.togo, self.slack(now));
        }
        let togo = Togo::from_bits(self.ready.work);
        match self.slack_at_ease(now) {
            Some(slack) => score::urgency_at_ease(togo, slack),
            None => score::any_urgency(togo, self.slack(now).as_nanos()),
        }
    }

    /// [`score::starvation`] of it: of the time since `ready_since` and the mean latency of its next segment.
    #[inline(always)]
    pub fn starvation(&self, now: Instant) -> u32 {
        if now < self.ready.since { 0 } else { self.starvation_by_now(now) }
    }

    /// The same at a time not before `ready_since`, which that of a decision never is.
    #[inline(always)]
    pub(crate) fn starvation_by_now(&self, now: Instant) -> u32 {
        let wait = now.as_nanos().wrapping_sub(self.ready.since.as_nanos());
        if self.slack_at_ease(now).is_some() || wait >> 32 == 0 {
            score::starvation_of_ready(wait as u32, self.ready.mean_latency)
        } else {
            score::any_starvation(now.saturating_since(self.ready.since).as_nanos(), self.ready.mean_latency)
        }
    }
}

/// A fixed number of places for jobs, named by index and generation.
#[derive(Clone, Debug)]
pub(crate) struct JobPool<'w, const N: usize, const ACCS: usize> {
    slots: [Option<Job<'w, ACCS>>; N],
    generations: [u16; N],
    /// No job lies at or above this index, so scans end here.
    top: usize,
}

impl<'w, const N: usize, const ACCS: usize> JobPool<'w, N, ACCS> {
    pub(crate) const fn new() -> Self {
        const { assert!(N > 0 && N <= 65_536, "JOBS must lie in 1..=65536") };
        Self { slots: [None; N], generations: [0; N], top: 0 }
    }

    /// Puts the job at the lowest free place; `None` when there is none. O(N).
    pub(crate) fn insert(&mut self, job: Job<'w, ACCS>) -> Option<JobId> {
        let mut places = self.slots.iter_mut().zip(&self.generations).enumerate();
        let (index, (slot, &generation)) = places.find(|(_, (slot, _))| slot.is_none())?;
        *slot = Some(job);
        self.top = self.top.max(index + 1);
        Some(JobId { index: index as u16, generation })
    }

    fn is_current(&self, id: JobId) -> bool {
        self.generations.get(usize::from(id.index)) == Some(&id.generation)
    }

    /// The name of the job at a place.
    #[inline(always)]
    pub(crate) fn id_of(&self, place: u16) -> JobId {
        let generation = self.generations.get(usize::from(place)).copied().unwrap_or(0);
        JobId { index: place, generation }
    }

    /// The job at a place.
    #[inline(always)]
    pub(crate) fn at(&self, place: u16) -> Option<&Job<'w, ACCS>> {
        self.slots.get(usize::from(place))?.as_ref()
    }

    /// The same, to change it.
    pub(crate) fn at_mut(&mut self, place: u16) -> Option<&mut Job<'w, ACCS>> {
        self.slots.get_mut(usize::from(place))?.as_mut()
    }

    pub(crate) fn get_mut(&mut self, id: JobId) -> Option<&mut Job<'w, ACCS>> {
        if self.is_current(id) { self.slots.get_mut(usize::from(id.index))?.as_mut() } else { None }
    }

    pub(crate) fn get(&self, id: JobId) -> Option<&Job<'w, ACCS>> {
        if self.is_current(id) { self.slots.get(usize::from(id.index))?.as_ref() } else { None }
    }

    /// Ends the job: its id is stale from now on. O(N) at worst, to lower the scan limit.
    pub(crate) fn remove(&mut self, id: JobId) -> Option<Job<'w, ACCS>> {
        let index = usize::from(id.index);
        let generation = self.generations.get_mut(index).filter(|current| **current == id.generation)?;
        let job = self.slots.get_mut(index)?.take()?;
        *generation = generation.wrapping_add(1);
        while let Some(None) = self.top.checked_sub(1).and_then(|last| self.slots.get(last)) {
            self.top -= 1;
        }
        Some(job)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Job<'w, ACCS>> {
        self.slots.iter_mut().take(self.top).flatten()
    }

    /// All jobs by ascending index. O(N), in practice up to the highest place in use.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (JobId, &Job<'w, ACCS>)> {
        let used = self.slots.get(..self.top).unwrap_or(&[]);
        used.iter().zip(&self.generations).enumerate().filter_map(|(index, (job, &generation))| {
            Some((JobId { index: index as u16, generation }, job.as_ref()?))
        })
    }

    /// The places in use, by ascending index, and the jobs there.
    #[inline(always)]
    pub(crate) fn places(&self) -> impl Iterator<Item = (&Option<Job<'w, ACCS>>, u16)> {
        let used = self.slots.get(..self.top).unwrap_or(&[]);
        used.iter().enumerate().map(|(place, job)| (job, place as u16))
    }

    /// Those that wait for an accelerator.
    pub(crate) fn ready(&self) -> impl Iterator<Item = (JobId, &Job<'w, ACCS>)> {
        self.iter().filter(|(_, job)| job.state != State::Running)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{Cost, SegmentSpec};
    use std::vec::Vec;

    static SEGMENTS: [Segment<1>; 1] = Segment::table([SegmentSpec::new([Cost::new(1, 1)])]);

    fn job(number: u32) -> Job<'static, 1> {
        let (zero, model) = (Instant::ZERO, ModelId(0));
        let frame = Frame { release: zero, deadline: Instant::MAX, origin: zero, number, model };
        Job::new(frame, 0, &SEGMENTS[0], zero)
    }

    fn numbers<const N: usize>(pool: &JobPool<'_, N, 1>) -> Vec<u32> {
        pool.iter().map(|(_, job)| job.number).collect()
    }

    #[test]
    fn capacity_is_exactly_n_and_a_free_place_is_used_again() {
        let mut pool = JobPool::<2, 1>::new();
        let first = pool.insert(job(1)).unwrap();
        pool.insert(job(2)).unwrap();
        assert_eq!(pool.insert(job(3)), None);

        pool.remove(first).unwrap();
        let third = pool.insert(job(3)).unwrap();
        assert_eq!(third.index(), first.index(), "the lowest free place");
        assert_eq!(numbers(&pool), [3, 2]);
    }

    #[test]
    fn the_largest_pool_is_looked_through_to_its_last_place() {
        const MOST: usize = 65_536;
        let look = || {
            let mut pool = std::boxed::Box::new(JobPool::<MOST, 1>::new());
            pool.slots = [Some(job(0)); MOST];
            pool.top = MOST;
            assert_eq!(pool.places().last().map(|(_, place)| place), Some(u16::MAX));
        };
        let roomy = std::thread::Builder::new().stack_size(64 << 20);
        roomy.spawn(look).unwrap().join().unwrap();
    }

    #[test]
    fn an_ended_job_is_not_found_by_its_old_name() {
        let mut pool = JobPool::<1, 1>::new();
        let old = pool.insert(job(1)).unwrap();
        pool.remove(old).unwrap();
        let new = pool.insert(job(2)).unwrap();
        assert!(pool.get(old).is_none() && pool.get_mut(old).is_none() && pool.remove(old).is_none());
        assert_eq!(pool.get(new).unwrap().number, 2);
    }

    #[test]
    fn the_scan_limit_follows_the_highest_job() {
        let mut pool = JobPool::<4, 1>::new();
        let ids = [1, 2, 3].map(|n| pool.insert(job(n)).unwrap());
        pool.remove(ids[1]).unwrap();
        assert_eq!(pool.top, 3);
        pool.remove(ids[2]).unwrap();
        assert_eq!(pool.top, 1, "both free places above the first job are passed over");
        pool.remove(ids[0]).unwrap();
        assert_eq!(pool.top, 0);
    }
}
