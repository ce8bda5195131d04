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
//! 1 `release`, `release_child`; 2 and 5 `poll`; 3 and 4 `complete`; 6 `fault`. A job that runs
//! is never dropped: accelerators are not preempted.

use crate::time::{Duration, Instant};
use crate::workload::{AcceleratorId, ModelId, Placement, SegmentInfo};

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
    Ready,
    Running(AcceleratorId),
}

/// A frame in the scheduler's hands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) frame: Frame,
    pub(crate) ready_since: Instant,
    /// The next segment to run; below the sub-network's length.
    pub(crate) segment: u16,
    pub(crate) subnetwork: u8,
    pub(crate) started: bool,
    /// A newer frame has taken its place.
    pub(crate) superseded: bool,
    pub(crate) state: State,
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
}

impl JobView<'_> {
    /// What is left until the deadline; zero once it has passed.
    pub fn slack(&self, now: Instant) -> Duration {
        self.frame.deadline.saturating_since(now)
    }
}

#[derive(Debug)]
struct Slot {
    generation: u16,
    job: Option<Job>,
}

/// A fixed number of places for jobs, named by index and generation.
#[derive(Debug)]
pub(crate) struct JobPool<const N: usize> {
    slots: [Slot; N],
    /// No job lies at or above this index, so scans end here.
    top: usize,
}

impl<const N: usize> JobPool<N> {
    pub(crate) const fn new() -> Self {
        const { assert!(N > 0 && N <= 65_536, "JOBS must lie in 1..=65536") };
        Self { slots: [const { Slot { generation: 0, job: None } }; N], top: 0 }
    }

    /// Puts the job at the lowest free place; `None` when there is none. O(N).
    pub(crate) fn insert(&mut self, job: Job) -> Option<JobId> {
        let (index, slot) = self.slots.iter_mut().enumerate().find(|(_, slot)| slot.job.is_none())?;
        slot.job = Some(job);
        self.top = self.top.max(index + 1);
        Some(JobId { index: index as u16, generation: slot.generation })
    }

    pub(crate) fn get_mut(&mut self, id: JobId) -> Option<&mut Job> {
        let slot = self.slots.get_mut(usize::from(id.index))?;
        if slot.generation == id.generation { slot.job.as_mut() } else { None }
    }

    pub(crate) fn get(&self, id: JobId) -> Option<&Job> {
        let slot = self.slots.get(usize::from(id.index))?;
        if slot.generation == id.generation { slot.job.as_ref() } else { None }
    }

    /// Ends the job: its id is stale from now on. O(N) at worst, to lower the scan limit.
    pub(crate) fn remove(&mut self, id: JobId) -> Option<Job> {
        let slot = self.slots.get_mut(usize::from(id.index))?;
        if slot.generation != id.generation {
            return None;
        }
        let job = slot.job.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        while let Some(Slot { job: None, .. }) = self.top.checked_sub(1).and_then(|last| self.slots.get(last))
        {
            self.top -= 1;
        }
        Some(job)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Job> {
        self.slots.iter_mut().take(self.top).filter_map(|slot| slot.job.as_mut())
    }

    /// All jobs by ascending index. O(N), in practice up to the highest place in use.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (JobId, &Job)> {
        self.slots.iter().take(self.top).enumerate().filter_map(|(index, slot)| {
            let id = JobId { index: index as u16, generation: slot.generation };
            Some((id, slot.job.as_ref()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn job(number: u32) -> Job {
        let frame = Frame {
            release: Instant::ZERO,
            deadline: Instant::MAX,
            origin: Instant::ZERO,
            number,
            model: ModelId(0),
        };
        Job {
            frame,
            ready_since: Instant::ZERO,
            segment: 0,
            subnetwork: 0,
            started: false,
            superseded: false,
            state: State::Ready,
        }
    }

    fn numbers<const N: usize>(pool: &JobPool<N>) -> Vec<u32> {
        pool.iter().map(|(_, job)| job.frame.number).collect()
    }

    #[test]
    fn capacity_is_exactly_n_and_a_free_place_is_used_again() {
        let mut pool = JobPool::<2>::new();
        let first = pool.insert(job(1)).unwrap();
        pool.insert(job(2)).unwrap();
        assert_eq!(pool.insert(job(3)), None);

        pool.remove(first).unwrap();
        let third = pool.insert(job(3)).unwrap();
        assert_eq!(third.index(), first.index(), "the lowest free place");
        assert_eq!(numbers(&pool), [3, 2]);
    }

    #[test]
    fn an_ended_job_is_not_found_by_its_old_name() {
        let mut pool = JobPool::<1>::new();
        let old = pool.insert(job(1)).unwrap();
        pool.remove(old).unwrap();
        let new = pool.insert(job(2)).unwrap();
        assert!(pool.get(old).is_none() && pool.get_mut(old).is_none() && pool.remove(old).is_none());
        assert_eq!(pool.get(new).unwrap().frame.number, 2);
    }

    #[test]
    fn the_scan_limit_follows_the_highest_job() {
        let mut pool = JobPool::<4>::new();
        let ids = [1, 2, 3].map(|n| pool.insert(job(n)).unwrap());
        pool.remove(ids[1]).unwrap();
        assert_eq!(pool.top, 3);
        pool.remove(ids[2]).unwrap();
        assert_eq!(pool.top, 1, "both free places above the first job are passed over");
        pool.remove(ids[0]).unwrap();
        assert_eq!(pool.top, 0);
    }
}
