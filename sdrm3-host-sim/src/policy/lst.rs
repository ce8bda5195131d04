//! Least slack time first, as Band runs it (Jeong et al., MobiSys 2022).
//!
//! Each waiting job's cheapest chain of subgraphs is planned (see `plan`), the time until each worker
//! is free included:
//!
//! ```text
//! expected(j) = end of the cheapest chain of j's remaining subgraphs, waiting included
//! slack(j)    = deadline(j) - now - expected(j)
//! ```
//!
//! Jobs are looked at by rising slack. One whose slack is negative is given up: it counts as
//! violated and does not run. One whose first worker is idle is dispatched there, whole subgraph; any
//! other waits for its worker while the next job is looked at.
//!
//! **Differences to the original.** A unit subgraph is a segment, and estimates are the tables', as for
//! `heft`. Band gives up a job only when it is about to place it with some worker idle, and so does
//! this. A dependent frame has no job until its parent's result is there, so its needs are not seen.

use sdrm3_core::{AcceleratorState, Instant, JobId, JobView, Offer, Policy, Score};

use super::Tables;
use super::plan::{Choice, candidates, plan, waits};

/// Band's least slack time first.
#[derive(Clone, Debug)]
pub struct Lst<'a> {
    tables: &'a Tables<'a>,
    choice: Option<Choice>,
    hopeless: Vec<JobId>,
}

impl<'a> Lst<'a> {
    /// For these tables.
    pub fn new(tables: &'a Tables<'a>) -> Self {
        Self { tables, choice: None, hopeless: Vec::new() }
    }
}

impl Policy for Lst<'_> {
    type Weighed = Score;

    fn prepare<'j>(
        &mut self,
        jobs: impl Iterator<Item = JobView<'j>>,
        accelerators: &[AcceleratorState],
        now: Instant,
    ) {
        self.choice = None;
        self.hopeless.clear();
        let waits = waits(accelerators, now);
        if !waits.contains(&Some(0)) {
            return;
        }
        let jobs = candidates(self.tables, jobs).into_iter().filter_map(|job| {
            let plan = plan(job.segments, &waits)?;
            let slack = i128::from(job.frame.deadline.as_nanos()) - i128::from(now.as_nanos() + plan.ends_in);
            Some((slack, job, plan))
        });
        let (hopeless, hopeful): (Vec<_>, Vec<_>) = jobs.partition(|&(slack, ..)| slack < 0);
        self.hopeless.extend(hopeless.iter().map(|(_, job, _)| job.id));
        let at_once = hopeful.iter().enumerate().filter(|(_, (.., plan))| waits[plan.first.on] == Some(0));
        let first = at_once.min_by_key(|&(age, &(slack, ..))| (slack, age));
        self.choice = first.map(|(_, (_, job, plan))| Choice::of(job, plan));
    }

    fn weigh(&self, _: &JobView<'_>, _: &[AcceleratorState], _: Instant) -> Score {
        Score::ZERO
    }

    fn score(&self, weighed: Score, job: &JobView<'_>, offer: &Offer<'_>) -> Option<Score> {
        self.choice.filter(|choice| choice.is(job, offer.accelerator)).map(|_| weighed)
    }

    fn abandons(&self, job: &JobView<'_>, _: Instant) -> bool {
        self.hopeless.contains(&job.id)
    }

    fn block(&self, _: &JobView<'_>, _: &Offer<'_>) -> u16 {
        self.choice.map_or(1, |choice| choice.block)
    }
}

#[cfg(test)]
mod tests {
    use super::super::PolicyName;
    use super::super::story::Story;

    #[test]
    fn the_least_slack_goes_first_not_the_earliest_deadline() {
        let story = Story::new(1, 90).once("early", 0, 30, &[&[5]]).once("long", 0, 40, &[&[25]]);
        assert_eq!(story.told(PolicyName::Lst), ["0 long 0+1 on 0", "25 early 0+1 on 0"]);
    }

    #[test]
    fn a_job_waits_for_the_accelerator_on_which_it_ends_first() {
        let story = Story::new(2, 90).once("a", 0, 80, &[&[10, 40]]).once("b", 5, 80, &[&[10, 40]]);
        assert_eq!(story.told(PolicyName::Lst), ["0 a 0+1 on 0", "10 b 0+1 on 0"]);
    }

    #[test]
    fn what_cannot_be_in_time_any_more_is_given_up() {
        let story = Story::new(1, 90).once("a", 0, 20, &[&[15]]).once("b", 1, 20, &[&[10]]);
        assert_eq!(story.told(PolicyName::Lst), ["0 a 0+1 on 0", "15 b drop"]);
    }
}
