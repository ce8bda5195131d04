//! Heterogeneous earliest finish time, as Band runs it (Jeong et al., MobiSys 2022; the list
//! scheduler HEFT is Topcuoglu et al., TPDS 2002).
//!
//! At every decision each waiting job's cheapest chain of subgraphs is planned (see `plan`), with the
//! time each worker is still busy and the subgraphs that other jobs have reserved there. The job whose
//! chain ends *last* goes first:
//!
//! ```text
//! wait(a)   = time until a is free + sum of the subgraphs that other jobs have reserved on a
//!           + sum of the first subgraphs of jobs passed over in this decision
//! cost(j)   = end of the cheapest chain of j's remaining subgraphs
//! next      = argmax over j of cost(j)
//! ```
//!
//! If the first worker of its chain is idle, its first subgraph is dispatched and the second one
//! reserved; if it is busy the job yields, its subgraph counts as waiting there, and the next job is
//! looked at. So an idle accelerator stays unused when all jobs finish earlier by waiting for another.
//!
//! **Differences to the original.** A unit subgraph is a segment, as every worker here runs nearly
//! every operator (Band cuts where the set of workers changes). Band adds a whole model's profile per
//! worker and moving averages; here the tables count. No window: all waiting jobs are looked at.
//! Deadlines play no part, as there; frames are dropped when stale, as for every policy.

use std::collections::HashMap;

use sdrm3_core::{AcceleratorState, Event, Frame, Instant, JobView, Offer, Policy, Progress, Score};

use super::Tables;
use super::plan::{Choice, Plan, Run, candidates, plan, waits};

/// Band's HEFT with reservation.
#[derive(Clone, Debug)]
pub struct Heft<'a> {
    tables: &'a Tables<'a>,
    /// Of each frame that has begun, the subgraph that it will want next.
    reserved: HashMap<Frame, Run>,
    choice: Option<(Choice, Plan)>,
}

impl<'a> Heft<'a> {
    /// For these tables.
    pub fn new(tables: &'a Tables<'a>) -> Self {
        Self { tables, reserved: HashMap::new(), choice: None }
    }
}

impl Policy for Heft<'_> {
    type Weighed = Score;

    fn prepare<'j>(
        &mut self,
        jobs: impl Iterator<Item = JobView<'j>>,
        accelerators: &[AcceleratorState],
        now: Instant,
    ) {
        self.choice = None;
        let mut waits = waits(accelerators, now);
        let idle: Vec<bool> = waits.iter().map(|&wait| wait == Some(0)).collect();
        if !idle.contains(&true) {
            return;
        }
        let mut jobs = candidates(self.tables, jobs);
        loop {
            let planned = jobs.iter().enumerate().filter_map(|(place, job)| {
                let mut waits = waits.clone();
                for (_, run) in self.reserved.iter().filter(|(frame, _)| **frame != job.frame) {
                    waits[run.on] = waits[run.on].map(|wait| wait + run.latency_ns);
                }
                Some((place, plan(job.segments, &waits)?))
            });
            // Of equal costs the oldest: `max_by_key` takes the last.
            let Some((place, plan)) = planned.max_by_key(|&(place, plan)| (plan.ends_in, usize::MAX - place))
            else {
                return;
            };
            let job = jobs.remove(place);
            if idle[plan.first.on] {
                self.choice = Some((Choice::of(&job, &plan), plan));
                return;
            }
            waits[plan.first.on] = waits[plan.first.on].map(|wait| wait + plan.first.latency_ns);
        }
    }

    fn weigh(&self, _: &JobView<'_>, _: &[AcceleratorState], _: Instant) -> Score {
        Score::ZERO
    }

    fn score(&self, weighed: Score, job: &JobView<'_>, offer: &Offer<'_>) -> Option<Score> {
        self.choice.filter(|(choice, _)| choice.is(job, offer.accelerator)).map(|_| weighed)
    }

    fn block(&self, _: &JobView<'_>, _: &Offer<'_>) -> u16 {
        self.choice.map_or(1, |(choice, _)| choice.block)
    }

    fn observe(&mut self, event: &Event, _: Instant) {
        match event {
            Event::Dispatched(block) => {
                self.reserved.remove(&block.frame);
                if let Some(next) = self.choice.and_then(|(_, plan)| plan.next) {
                    self.reserved.insert(block.frame, next);
                }
            }
            Event::Completed(report) if report.progress != Progress::More => {
                self.reserved.remove(&report.frame);
            }
            Event::Dropped(frame, _) => {
                self.reserved.remove(frame);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::PolicyName;
    use super::super::story::Story;

    #[test]
    fn an_idle_slow_accelerator_stays_unused_when_the_busy_fast_one_finishes_earlier() {
        let story = Story::new(2, 90).once("a", 0, 80, &[&[10, 40]]).once("b", 5, 80, &[&[10, 40]]);
        assert_eq!(story.told(PolicyName::Heft), ["0 a 0+1 on 0", "10 b 0+1 on 0"]);
        let slow = Story::new(2, 90).once("a", 0, 80, &[&[30, 40]]).once("b", 5, 80, &[&[30, 40]]);
        assert_eq!(slow.told(PolicyName::Heft), ["0 a 0+1 on 0", "5 b 0+1 on 1"], "35 to 65 or 5 to 45");
    }

    #[test]
    fn the_job_that_would_end_last_goes_first() {
        let story = Story::new(1, 90).once("short", 0, 80, &[&[10]]).once("long", 0, 80, &[&[30]]);
        assert_eq!(story.told(PolicyName::Heft), ["0 long 0+1 on 0", "30 short 0+1 on 0"]);
    }

    #[test]
    fn a_jobs_next_subgraph_is_reserved() {
        // `b` would end at 19 on 0, but behind what `a` has reserved there at 39; on 1 it ends at 38.
        let a: &[&[u32]] = &[&[90, 10], &[20, 90]];
        let story = Story::new(2, 90).once("a", 0, 80, a).once("b", 5, 80, &[&[14, 28]]);
        assert_eq!(story.told(PolicyName::Heft), ["0 a 0+1 on 1", "10 b 0+1 on 1", "10 a 1+1 on 0"]);
    }
}
