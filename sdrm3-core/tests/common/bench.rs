//! A scheduler under a random trace, and a second book of everything that it has in its hands.

use std::collections::BTreeMap;

use sdrm3_core::{
    Action, Activity, Branch, Config, Dispatch, DropReason, Duration, Frame, Instant, JobId, ModelId,
    NextWake, Outcome, Path, Policy, Progress, Refusal, Scheduler, Tally, Workload,
};

use crate::random::{ACCS, Case, JOBS, MODELS, Step};

pub(crate) struct Bench<'w, P> {
    pub(crate) scheduler: Scheduler<'w, P, MODELS, JOBS, ACCS>,
    pub(crate) now: Instant,
    /// Jobs that wait, with their next segment.
    ready: BTreeMap<JobId, (Frame, usize)>,
    running: Vec<Dispatch>,
    released: u32,
    completed: u32,
    dropped: u32,
}

impl<'w, P: Policy> Bench<'w, P> {
    pub(crate) fn new(workload: &'w Workload<'w, ACCS>, policy: P, config: Config) -> Self {
        Self {
            scheduler: Scheduler::new(workload, policy, config).expect("random tables are valid"),
            now: Instant::ZERO,
            ready: BTreeMap::new(),
            running: Vec::new(),
            released: 0,
            completed: 0,
            dropped: 0,
        }
    }

    pub(crate) fn release(&mut self, model: usize) {
        match self.scheduler.release(ModelId(model as u8), self.now) {
            Ok((frame, id)) => {
                self.released += 1;
                self.ready.insert(id, (frame, 0));
            }
            Err(refused) => {
                assert_eq!(refused.why, Refusal::Full { capacity: JOBS });
                assert_eq!(self.ready.len() + self.running.len(), JOBS, "full is full");
            }
        }
    }

    /// Ends the block of this index, now; `branches` takes the branch behind it, if there is one.
    fn end(&mut self, case: &Case, index: usize, branches: bool) {
        let block = self.running.remove(index);
        let segments = &case.models[usize::from(block.frame.model.0)].segments;
        let mut next = usize::from(block.first) + usize::from(block.count);
        let path = match segments[next - 1].branch {
            Branch::Skip { segments, .. } if branches => {
                next += usize::from(segments);
                Path::Skip(segments)
            }
            Branch::Exit { .. } if branches => {
                next = segments.len();
                Path::Exit
            }
            _ => Path::Next,
        };
        let outcome = Outcome::finished(self.now).with_path(path);
        let report = self.scheduler.complete(block.ticket, outcome, self.now).expect("it is in flight");
        let late = self.now > block.frame.deadline;
        let progress = match (next == segments.len(), late) {
            (false, _) => Progress::More,
            (true, false) => Progress::InTime,
            (true, true) => Progress::Late,
        };
        assert_eq!(report.progress, progress);
        if progress == Progress::More {
            self.ready.insert(block.job, (block.frame, next));
        } else {
            self.completed += 1;
        }
    }

    /// Ends the block that the tables expect to end first, at that time; false if none runs.
    pub(crate) fn complete_first(&mut self, case: &Case) -> bool {
        let until = |block: &Dispatch| match self.scheduler.accelerators()
            [usize::from(block.ticket.accelerator.0)]
        .activity
        {
            Activity::Busy { until } => (until, block.ticket.accelerator),
            other => panic!("an accelerator with a block in flight is {other:?}"),
        };
        let first = (0..self.running.len()).min_by_key(|&index| until(&self.running[index]));
        let Some(index) = first else { return false };
        self.now = until(&self.running[index]).0;
        self.end(case, index, false);
        true
    }

    /// Time never goes back, nor past the end of time.
    pub(crate) fn step(&mut self, case: &Case, step: Step) {
        match step {
            Step::Pass(nanos) => self.now = self.now.saturating_add(Duration::from_nanos(nanos)),
            Step::PassToDeadline(choice) => {
                let ready = self.ready.values().map(|(frame, _)| frame.deadline);
                let deadlines: Vec<Instant> =
                    ready.chain(self.running.iter().map(|block| block.frame.deadline)).collect();
                if let Some(deadline) = deadlines.get(choice % deadlines.len().max(1)) {
                    self.now = self.now.max(*deadline);
                }
            }
            Step::Release(choice) => self.release(choice % case.models.len()),
            Step::Complete(choice) if !self.running.is_empty() => {
                self.end(case, choice / 2 % self.running.len(), choice % 2 == 1);
            }
            Step::Complete(_) => {}
        }
    }

    /// How many pairs of ready job and idle accelerator that can run its next segment there are.
    fn pairs(&self, case: &Case) -> usize {
        let idle = |index: usize| {
            self.scheduler.accelerators().get(index).is_some_and(|state| state.activity == Activity::Idle)
        };
        let of_job = |(frame, next): &(Frame, usize)| {
            let costs = case.models[usize::from(frame.model.0)].segments[*next].costs;
            (0..ACCS).filter(|&index| costs[index].latency_ns > 0 && idle(index)).count()
        };
        self.ready.values().map(of_job).sum()
    }

    /// Polls until it is told to wait, within the documented bound, and keeps the book. `see` gets
    /// every action and how many pairs there were to choose from.
    pub(crate) fn poll(&mut self, case: &Case, mut see: impl FnMut(&P, &Action, usize)) {
        let bound = self.ready.len() + self.scheduler.accelerators().len() + 1;
        for _ in 0..bound {
            let pairs = self.pairs(case);
            let action = self.scheduler.poll(self.now);
            see(self.scheduler.policy(), &action, pairs);
            match action {
                Action::Dispatch(block) => {
                    let job = self.ready.remove(&block.job);
                    assert_eq!(job, Some((block.frame, usize::from(block.first))), "a ready job");
                    assert!(self.now < block.frame.deadline || block.first > 0, "a stale frame starts");
                    self.running.push(block);
                }
                Action::Drop(frame, why) => {
                    let due = frame.deadline <= self.now;
                    assert!(due || why != DropReason::Stale, "stale before its deadline");
                    let job = self.ready.iter().find(|(_, (ready, _))| *ready == frame);
                    let id = *job.expect("only a ready job is dropped").0;
                    self.ready.remove(&id);
                    self.dropped += 1;
                }
                Action::Wait(wake) => {
                    if let NextWake::At(at) = wake {
                        assert!(at > self.now, "a wake lies ahead");
                    }
                    return;
                }
            }
        }
        panic!("more than {bound} actions at one instant");
    }

    pub(crate) fn check_conservation(&self) {
        let sum = |count: fn(&Tally) -> u32| self.scheduler.tallies().iter().map(count).sum::<u32>();
        let held = self.ready.len() + self.running.len();
        assert_eq!(self.scheduler.jobs_in_flight(), held);
        assert_eq!(sum(|t| t.frames), self.released);
        assert_eq!(sum(|t| t.completed), self.completed);
        assert_eq!(sum(|t| t.dropped), self.dropped);
        assert_eq!(self.released, self.completed + self.dropped + held as u32, "frames are conserved");
        for tally in self.scheduler.tallies() {
            assert!(tally.violated >= tally.dropped && tally.violated <= tally.frames);
        }
    }
}
