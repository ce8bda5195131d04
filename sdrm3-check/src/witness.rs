//! A policy that is watched: what it scores, what is chosen of it, and all that happens.
//!
//! - The pair that runs is the first of all that were scored, in the documented order.
//! - A decision scores no more pairs than there is room for jobs times accelerators, and none twice.
//!
//! Under it every score is asked for: the shortcut of a policy that tells its base and the difference
//! ([`Policy::base`]) is what [`differential`](crate::differential) runs.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BTreeSet;

use sdrm3_core::{
    AcceleratorId, AcceleratorState, Dispatch, Event, Frame, Instant, JobView, Offer, Policy, Score, Tally,
    Weights,
};

use crate::ledger::{Broken, Ledger};
use crate::planted::Planted;

/// A pair of ready job and idle accelerator that was scored.
#[derive(Clone, Copy, Debug)]
struct Pair {
    frame: Frame,
    accelerator: AcceleratorId,
    latency_ns: u32,
    score: Score,
}

/// A policy, with a [`Ledger`] of all events, and every choice held against the documented order.
#[derive(Debug)]
pub struct Witness<'w, P, const A: usize> {
    policy: P,
    ledger: Ledger<'w, A>,
    /// Those of the latest decision.
    pairs: RefCell<Vec<Pair>>,
    /// How many pairs that decision asked for, also those that are not to be now.
    asked: Cell<usize>,
    broken: Option<Broken>,
    had_equals: bool,
    planted: Planted,
}

impl<'w, P, const A: usize> Witness<'w, P, A> {
    /// Watches a policy from its scheduler's start on.
    pub const fn new(policy: P, ledger: Ledger<'w, A>) -> Self {
        Self {
            policy,
            ledger,
            pairs: RefCell::new(Vec::new()),
            asked: Cell::new(0),
            broken: None,
            had_equals: false,
            planted: Planted::None,
        }
    }

    /// The same, with a bug to be found.
    pub fn with_planted(mut self, planted: Planted) -> Self {
        self.planted = planted;
        self
    }

    /// The book of all events.
    pub const fn ledger(&self) -> &Ledger<'w, A> {
        &self.ledger
    }

    /// How many pairs the latest decision asked for.
    pub const fn asked(&self) -> usize {
        self.asked.get()
    }

    /// How many of them had a score.
    pub fn scored(&self) -> usize {
        self.pairs.borrow().len()
    }

    /// Whether the latest choice had others of its score beside it.
    pub const fn had_equals(&self) -> bool {
        self.had_equals
    }

    /// How many events were held against the promises, if none was broken and these are the totals.
    pub fn verdict(&self, tallies: &[Tally]) -> Result<u64, Broken> {
        self.broken.clone().map_or(Ok(()), Err)?;
        self.ledger.settle(tallies)?;
        Ok(self.ledger.events())
    }

    /// The pair that runs is the first of all, in the documented order.
    fn check_choice(&mut self, block: &Dispatch) -> Result<(), &'static str> {
        let pairs = self.pairs.get_mut();
        let bound = self.ledger.room() * self.ledger.accelerators();
        let places: BTreeSet<_> =
            pairs.iter().map(|pair| (pair.frame.model, pair.frame.number, pair.accelerator)).collect();
        if places.len() < pairs.len() || self.asked.get() > bound {
            return Err("a decision looks at every pair once");
        }
        let order = |pair: &&Pair| {
            let Frame { deadline, release, model, number, .. } = pair.frame;
            (Reverse(pair.score), deadline, release, model, number, pair.latency_ns, pair.accelerator)
        };
        let first = pairs.iter().min_by_key(order).ok_or("what runs was scored")?;
        self.had_equals = pairs.iter().filter(|pair| pair.score == first.score).count() > 1;
        if (first.frame, first.accelerator, first.score)
            == (block.frame, block.ticket.accelerator, block.score)
        {
            Ok(())
        } else {
            Err("the pair with the highest score runs, in the documented order")
        }
    }
}

impl<P: Policy, const A: usize> Policy for Witness<'_, P, A> {
    type Weighed = P::Weighed;

    fn weigh(&self, job: &JobView<'_>, accelerators: &[AcceleratorState], now: Instant) -> P::Weighed {
        self.policy.weigh(job, accelerators, now)
    }

    fn score(&self, weighed: P::Weighed, job: &JobView<'_>, offer: &Offer<'_>) -> Option<Score> {
        self.asked.set(self.asked.get() + 1);
        let score = self.policy.score(weighed, job, offer)?;
        let (accelerator, latency_ns) = (offer.accelerator, offer.latency_ns);
        self.pairs.borrow_mut().push(Pair { frame: job.frame, accelerator, latency_ns, score });
        Some(self.planted.score(&job.frame, score))
    }

    fn prepare<'a>(
        &mut self,
        jobs: impl Iterator<Item = JobView<'a>>,
        accelerators: &[AcceleratorState],
        now: Instant,
    ) {
        self.pairs.get_mut().clear();
        self.asked.set(0);
        self.policy.prepare(jobs, accelerators, now);
    }

    fn abandons(&self, job: &JobView<'_>, now: Instant) -> bool {
        self.policy.abandons(job, now)
    }

    fn block(&self, job: &JobView<'_>, offer: &Offer<'_>) -> u16 {
        self.policy.block(job, offer)
    }

    fn weights(&self) -> Option<Weights> {
        self.policy.weights()
    }

    fn set_weights(&mut self, weights: Weights) {
        self.policy.set_weights(weights);
    }

    fn observe(&mut self, event: &Event, now: Instant) {
        for _ in 0..self.planted.times(event) {
            self.hear(event, now);
        }
        self.policy.observe(event, now);
    }
}

impl<P, const A: usize> Witness<'_, P, A> {
    fn hear(&mut self, event: &Event, now: Instant) {
        // Behind the first broken promise the book is wrong.
        if self.broken.is_some() {
            return;
        }
        let mut kept = self.ledger.hear(event, now);
        if let (Event::Dispatched(block), true) = (event, kept.is_ok()) {
            let choice = self.check_choice(block);
            kept = choice.map_err(|promise| Broken { promise, event: Some(*event), at: now });
        }
        self.broken = kept.err();
    }
}
