//! The reference's policies, each as a [`Policy`] of core.
//!
//! The reference keeps its waiting requests in the order in which they came, those of equal arrival as in
//! the file, and goes through them in that order. Core has no such order: it hands policies the jobs in
//! none that means anything, and decides between equal scores by the earlier deadline first. So here
//! every policy brings the order of the file along.

use sdrm3_core::{AcceleratorState, Activity, Event, Instant, JobId, JobView, Offer, Policy, Score};

use crate::case::{Case, Request};

/// A policy whose equal scores go to the request that stands first in the file.
///
/// First come, first served, shortest job first and PREMA are the shipped policies in this wrapper. Without
/// it they agree with the reference as long as no two requests come at the same instant or have equal work
/// left. The scheduler still compares the scores of all ready jobs; it meets no two that are equal.
#[derive(Debug)]
pub(crate) struct InFileOrder<'a, P> {
    pub(crate) case: &'a Case,
    pub(crate) policy: P,
}

impl<P: Policy> Policy for InFileOrder<'_, P> {
    type Weighed = P::Weighed;

    fn weigh(&self, job: &JobView<'_>, accelerators: &[AcceleratorState], now: Instant) -> P::Weighed {
        self.policy.weigh(job, accelerators, now)
    }

    fn score(&self, weighed: P::Weighed, job: &JobView<'_>, offer: &Offer<'_>) -> Option<Score> {
        let Score(score) = self.policy.score(weighed, job, offer)?;
        let ranks = self.case.requests.len() as i64;
        let rank = self.case.place(&job.frame) as i64;
        let finer = score.checked_mul(ranks).and_then(|score| score.checked_sub(rank));
        Some(Score(finer.expect("a score times the number of requests fits into 64 bits")))
    }

    fn prepare<'j>(
        &mut self,
        jobs: impl Iterator<Item = JobView<'j>>,
        accelerators: &[AcceleratorState],
        now: Instant,
    ) {
        self.policy.prepare(jobs, accelerators, now);
    }

    fn observe(&mut self, event: &Event, now: Instant) {
        self.policy.observe(event, now);
    }
}

/// A policy whose choice depends on the order in which it meets the requests, so that no score could
/// express it: it chooses before the decision, and offers the scheduler its one candidate.
///
/// The reference goes through the requests in order, the best score so far in hand. A request takes the
/// place of the best if its score is higher, or if it is equal and did not come later. So far this is the
/// highest score; but **while the score in hand is negative, any other takes its place**, however low. So
/// when all requests score negative, the last of them is chosen and not the best.
#[derive(Debug)]
pub(crate) struct LastAmongNegatives<'a> {
    case: &'a Case,
    score: fn(&Request, &JobView<'_>, Instant) -> f64,
    chosen: Option<JobId>,
}

impl Policy for LastAmongNegatives<'_> {
    type Weighed = ();

    fn weigh(&self, _: &JobView<'_>, _: &[AcceleratorState], _: Instant) {}

    fn score(&self, (): (), job: &JobView<'_>, _: &Offer<'_>) -> Option<Score> {
        (self.chosen == Some(job.id)).then_some(Score::ZERO)
    }

    fn prepare<'j>(
        &mut self,
        jobs: impl Iterator<Item = JobView<'j>>,
        accelerators: &[AcceleratorState],
        now: Instant,
    ) {
        if !is_decision(accelerators) {
            return;
        }
        let scored = jobs.map(|job| {
            let score = (self.score)(self.case.request(&job.frame), &job, now);
            (self.case.place(&job.frame), job.frame.release, score, job.id)
        });
        let mut in_order: Vec<_> = scored.collect();
        in_order.sort_unstable_by_key(|&(place, ..)| place);
        let mut best = None;
        for (_, release, score, job) in in_order {
            let takes_the_place = best.is_none_or(|(best_release, highest, _)| {
                if score == highest { best_release == release } else { highest < 0.0 || highest < score }
            });
            if takes_the_place {
                best = Some((release, score, job));
            }
        }
        self.chosen = best.map(|(.., job)| job);
    }
}

/// The reference's SDRM3: urgency plus starvation, with neither a preference nor an energy term.
///
/// Its urgency is `min(1, ToGo / slack)` for any slack, where [`MapScore`](sdrm3_core::MapScore)
/// saturates: a request that is late has a **negative** urgency, the more so the less it is late, and at
/// a slack of exactly zero it divides by zero. With plain numbers the reference stops there, so its cases
/// hold no such decision; with numpy's it goes on with infinity, thus with an urgency of one, as here.
///
/// Its starvation is the time since the request last ran by the estimate of its next layer: core's, with
/// one accelerator. Alpha is one.
pub(crate) fn sdrm3(case: &Case) -> LastAmongNegatives<'_> {
    let score = |_: &Request, job: &JobView<'_>, now| {
        let togo_us = (job.segment.togo.as_nanos() / 1_000) as f64;
        let next_us = f64::from(job.segment.mean_latency_ns / 1_000);
        (togo_us / slack_us(job, now)).min(1.0) + waited_us(job, now) / next_us
    };
    LastAmongNegatives { case, score, chosen: None }
}

/// The reference's Planaria: priority by slack, as one accelerator cannot be split.
///
/// Late requests score negative, those that are least late lowest, and a slack of zero gives infinity
/// (see [`sdrm3`]): a request is most urgent just before its deadline and least urgent just after it.
pub(crate) fn planaria(case: &Case) -> LastAmongNegatives<'_> {
    let score =
        |request: &Request, job: &JobView<'_>, now| f64::from(request.row.priority) / slack_us(job, now);
    LastAmongNegatives { case, score, chosen: None }
}

/// Whether something can be chosen: the scheduler has its policy prepare also when all accelerators are
/// busy, which must neither count as a decision of the reference's nor cost time.
fn is_decision(accelerators: &[AcceleratorState]) -> bool {
    accelerators.iter().any(|accelerator| accelerator.activity == Activity::Idle)
}

/// What is left until the deadline, negative once it has passed; [`JobView::slack`] ends at zero.
fn slack_us(job: &JobView<'_>, now: Instant) -> f64 {
    let left = job.frame.deadline.saturating_since(now).as_nanos() / 1_000;
    let late = now.saturating_since(job.frame.deadline).as_nanos() / 1_000;
    left as f64 - late as f64
}

/// How long ago the request last ran, or came.
fn waited_us(job: &JobView<'_>, now: Instant) -> f64 {
    (now.saturating_since(job.ready_since).as_nanos() / 1_000) as f64
}
