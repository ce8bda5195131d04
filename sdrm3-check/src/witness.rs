//! A policy that is watched: what it scores, what is chosen of it, and all that happens.

use std::cell::RefCell;
use std::cmp::Reverse;

use sdrm3_core::{
    AcceleratorId, AcceleratorState, Dispatch, Event, Frame, Instant, JobView, Offer, Policy, Score, Weights,
};

use crate::ledger::{Broken, Ledger};

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
    broken: Option<Broken>,
    had_equals: bool,
}

impl<'w, P, const A: usize> Witness<'w, P, A> {
    /// Watches a policy from its scheduler's start on.
    pub const fn new(policy: P, ledger: Ledger<'w, A>) -> Self {
        Self { policy, ledger, pairs: RefCell::new(Vec::new()), broken: None, had_equals: false }
    }

    /// The book of all events.
    pub const fn ledger(&self) -> &Ledger<'w, A> {
        &self.ledger
    }

    /// How many pairs the latest decision looked at.
    pub fn pairs(&self) -> usize {
        self.pairs.borrow().len()
    }

    /// Whether the latest choice had others of its score beside it.
    pub const fn had_equals(&self) -> bool {
        self.had_equals
    }

    /// The first promise that was broken.
    pub fn verdict(&self) -> Result<(), Broken> {
        self.broken.clone().map_or(Ok(()), Err)
    }

    /// The pair that runs is the first of all, in the documented order.
    fn check_choice(&mut self, block: &Dispatch) -> Result<(), &'static str> {
        let pairs = self.pairs.get_mut();
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
        let score = self.policy.score(weighed, job, offer)?;
        let (accelerator, latency_ns) = (offer.accelerator, offer.latency_ns);
        self.pairs.borrow_mut().push(Pair { frame: job.frame, accelerator, latency_ns, score });
        Some(score)
    }

    fn prepare<'a>(
        &mut self,
        jobs: impl Iterator<Item = JobView<'a>>,
        accelerators: &[AcceleratorState],
        now: Instant,
    ) {
        self.pairs.get_mut().clear();
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
        let mut kept = self.ledger.hear(event, now);
        if let (Event::Dispatched(block), true) = (event, kept.is_ok()) {
            let choice = self.check_choice(block);
            kept = choice.map_err(|promise| Broken { promise, event: Some(*event), at: now });
        }
        self.broken = self.broken.take().or(kept.err());
        self.policy.observe(event, now);
    }
}
