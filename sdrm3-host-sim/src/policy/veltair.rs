//! Veltair: layer blocks whose size follows the load (Liu et al., ASPLOS 2022).
//!
//! Scheduled layer by layer, tenants meet at every layer and conflict; scheduled model by model, each
//! holds its resources for too long. Veltair schedules blocks: a block ends before a *pivot*, a layer
//! that needs more than a threshold, and the threshold follows the load. With `lat(l,a)` and
//! `fast(l) = min over a of lat(l,a)`, for a job of `m` with deadline `D(m)` after its release:
//!
//! ```text
//! need(l,a) = lat(l,a) / fast(l)                       what layer l pays for running on a; 1 at best
//! room(m)   = max(1, D(m) / sum over l of fast(l))     what every layer may pay with m still in time
//! load      = min(1, other jobs / accelerators in service)
//! threshold = 1 + (room(m) - 1) * (1 - load)
//! block     = segments from the next one on while need(l,a) <= threshold, at least one
//! ```
//!
//! Alone, a job runs as one block, as far as its deadline bears the accelerator; under full load a block ends as
//! soon as another accelerator would serve it better. Blocks are served first come, first served, on
//! the fastest idle accelerator.
//!
//! **Differences to the original.** There a resource is a number of CPU cores, and a layer needs the
//! fewest with which it keeps its share of the deadline; here it is one accelerator of several kinds,
//! and the need is how much slower than at best it runs there, with the same share of the deadline.
//! Adaptive compilation, which chooses among code versions by measured interference, has no
//! counterpart: the simulated accelerators share no caches.

use sdrm3_core::{AcceleratorState, Activity, Instant, JobView, Offer, Policy, Score, Segment};

use super::Tables;
use super::plan::rest;
use crate::scenario::ACCELERATORS;

/// Veltair's adaptive layer blocks.
#[derive(Clone, Debug)]
pub struct Veltair<'a> {
    tables: &'a Tables<'a>,
    /// Jobs waiting or running, and accelerators that could run them.
    jobs: usize,
    in_service: usize,
}

impl<'a> Veltair<'a> {
    /// For these tables.
    pub fn new(tables: &'a Tables<'a>) -> Self {
        Self { tables, jobs: 0, in_service: tables.accelerators.len() }
    }

    /// What a layer may pay for its accelerator, in multiples of its fastest latency.
    fn threshold(&self, job: &JobView<'_>) -> f64 {
        let model = &self.tables.models[usize::from(job.frame.model.0)];
        let fastest = model.subnetworks[usize::from(job.subnetwork)].segments[0].info().fastest_togo;
        let deadline = job.frame.deadline.saturating_since(job.frame.release);
        let room = (deadline.as_nanos() as f64 / fastest.as_nanos().max(1) as f64).max(1.0);
        let load = (self.jobs.saturating_sub(1) as f64 / self.in_service.max(1) as f64).min(1.0);
        1.0 + (room - 1.0) * (1.0 - load)
    }
}

/// What the layer pays for running there; `None` if it cannot.
fn need(segment: &Segment<ACCELERATORS>, on: usize) -> Option<f64> {
    let runs = segment.placements().iter().filter(|placement| placement.runs());
    let fastest = runs.map(|placement| placement.latency_ns).min()?;
    let placement = segment.placements().get(on).filter(|placement| placement.runs())?;
    Some(f64::from(placement.latency_ns) / f64::from(fastest))
}

impl Policy for Veltair<'_> {
    type Weighed = Score;

    fn prepare<'j>(
        &mut self,
        jobs: impl Iterator<Item = JobView<'j>>,
        accelerators: &[AcceleratorState],
        _: Instant,
    ) {
        let busy = |state: &&AcceleratorState| matches!(state.activity, Activity::Busy { .. });
        let in_service = |state: &&AcceleratorState| state.activity != Activity::OutOfService;
        self.jobs = jobs.count() + accelerators.iter().filter(busy).count();
        self.in_service = accelerators.iter().filter(in_service).count();
    }

    fn weigh(&self, job: &JobView<'_>, _: &[AcceleratorState], _: Instant) -> Score {
        Score(-i64::try_from(job.frame.release.as_nanos()).unwrap_or(i64::MAX))
    }

    fn score(&self, weighed: Score, _: &JobView<'_>, _: &Offer<'_>) -> Option<Score> {
        Some(weighed)
    }

    fn block(&self, job: &JobView<'_>, offer: &Offer<'_>) -> u16 {
        let (threshold, on) = (self.threshold(job), usize::from(offer.accelerator.0));
        let fits = |segment: &&Segment<ACCELERATORS>| need(segment, on).is_some_and(|need| need <= threshold);
        1 + rest(self.tables, job).iter().skip(1).take_while(fits).count() as u16
    }
}

#[cfg(test)]
mod tests {
    use super::super::PolicyName;
    use super::super::story::Story;

    /// Its last two layers want accelerator 1, which is 1.5 and 3 times as fast.
    const LAYERS: &[&[u32]] = &[&[4, 8], &[4, 8], &[6, 4], &[6, 2]];

    #[test]
    fn alone_a_model_is_one_block() {
        let story = Story::new(2, 90).once("a", 0, 80, LAYERS);
        assert_eq!(story.told(PolicyName::Veltair), ["0 a 0+4 on 0"], "80 / 14 bears 3 times");
    }

    #[test]
    fn the_deadline_limits_a_block_even_without_load() {
        let story = Story::new(2, 90).once("a", 0, 28, LAYERS);
        let told = story.told(PolicyName::Veltair);
        assert_eq!(told, ["0 a 0+3 on 0", "14 a 3+1 on 1"], "28 / 14 bears 1.5 times, not 3");
    }

    #[test]
    fn blocks_shrink_as_the_load_grows_and_grow_back() {
        let story =
            Story::new(2, 90).once("a", 0, 80, LAYERS).once("b", 0, 80, LAYERS).once("c", 0, 80, LAYERS);
        let told = story.told(PolicyName::Veltair);
        assert_eq!(told[0], "0 a 0+2 on 0", "two others for two accelerators: full load");
        assert!(told.contains(&"14 c 0+4 on 1".into()), "one other is left: {told:?}");
    }
}
