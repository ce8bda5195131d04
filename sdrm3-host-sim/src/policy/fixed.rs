//! Static assignment: every model has its accelerator, chosen before anything runs.
//!
//! What a system without a scheduler does. A model is bound to the accelerator on which its whole
//! (heaviest) network has the least energy-delay product,
//!
//! ```text
//! home(m) = argmin over a of (sum over layers of lat(l,a)) * (sum over layers of en(l,a)),
//! ```
//!
//! among those that run all of its layers, else among those that run the most; of equal accelerators
//! on the one with the least work from the models before. Each accelerator serves its models first
//! come, first served, frame by frame: a frame that has begun is finished first. A layer that cannot
//! run at home goes to the fastest idle accelerator that runs it. Nothing moves when an accelerator is
//! lost or slow, or idle beside a busy one: that is the point of the comparison.

use std::cmp::Reverse;

use sdrm3_core::{AcceleratorState, Instant, JobView, Model, Offer, Placement, Policy, Score};

use super::Tables;
use crate::scenario::ACCELERATORS;

/// Every model on an accelerator of its own choice.
#[derive(Clone, Debug)]
pub struct Static {
    /// Per model, the index of its accelerator.
    homes: Vec<usize>,
}

impl Static {
    /// Binds the models of these tables.
    pub fn new(tables: &Tables<'_>) -> Self {
        let mut loads = vec![0.0; tables.accelerators.len()];
        let mut bind = |model| {
            let (home, delay) = home(model, &loads);
            loads[home] += delay as f64 / model.period.as_nanos() as f64;
            home
        };
        Self { homes: tables.models.iter().map(&mut bind).collect() }
    }
}

/// The accelerator for a model, and its network's time there, given how busy each is by now.
fn home(model: &Model<'_, ACCELERATORS>, loads: &[f64]) -> (usize, u64) {
    let segments = model.subnetworks.first().map_or(&[][..], |heaviest| heaviest.segments);
    let rank = |on: usize| {
        let placements = segments.iter().map(|segment| segment.placements()[on]);
        let runs = placements.clone().filter(Placement::runs).count();
        let delay: u64 = placements.clone().map(|placement| u64::from(placement.latency_ns)).sum();
        let energy: u64 = placements.map(|placement| u64::from(placement.energy_nj)).sum();
        ((Reverse(runs), u128::from(delay) * u128::from(energy)), delay)
    };
    let homes = (0..loads.len()).map(|on| (rank(on), on));
    let best = homes.min_by(|(a, i), (b, j)| a.0.cmp(&b.0).then(loads[*i].total_cmp(&loads[*j])));
    best.map_or((0, 0), |((_, delay), on)| (on, delay))
}

impl Policy for Static {
    type Weighed = Score;

    fn weigh(&self, job: &JobView<'_>, _: &[AcceleratorState], _: Instant) -> Score {
        let came = i64::try_from(job.frame.release.as_nanos()).unwrap_or(i64::MAX);
        Score(if job.started { i64::MAX - came } else { -came })
    }

    fn score(&self, weighed: Score, job: &JobView<'_>, offer: &Offer<'_>) -> Option<Score> {
        let home = self.homes[usize::from(job.frame.model.0)];
        let at_home = usize::from(offer.accelerator.0) == home;
        (at_home || !job.placements[home].runs()).then_some(weighed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::PolicyName;
    use super::super::story::Story;

    #[test]
    fn models_stay_at_home_while_another_accelerator_idles() {
        let story = Story::new(2, 90).once("a", 0, 80, &[&[10, 11], &[10, 9]]).once(
            "b",
            5,
            80,
            &[&[10, 12], &[10, 12]],
        );
        let told = story.told(PolicyName::Static);
        assert_eq!(told, ["0 a 0+1 on 0", "10 a 1+1 on 0", "20 b 0+1 on 0", "30 b 1+1 on 0"]);
    }

    #[test]
    fn equal_accelerators_share_the_models() {
        let equal: &[&[u32]] = &[&[10, 10]];
        let story = Story::new(2, 90).once("a", 0, 80, equal).once("b", 0, 80, equal).once("c", 5, 80, equal);
        assert_eq!(story.told(PolicyName::Static), ["0 a 0+1 on 0", "0 b 0+1 on 1", "10 c 0+1 on 0"]);
    }

    #[test]
    fn what_cannot_run_at_home_goes_elsewhere() {
        let story = Story::new(2, 90).once("a", 0, 80, &[&[10, 0], &[0, 30], &[10, 40]]);
        let told = story.told(PolicyName::Static);
        assert_eq!(told, ["0 a 0+1 on 0", "10 a 1+1 on 1", "40 a 2+1 on 0"]);
    }

    #[test]
    fn models_of_a_lost_accelerator_are_lost_with_it() {
        let story = Story::new(2, 90)
            .model("a", "fps = 20\nphase_ms = 10.0", &[&[5, 6]])
            .change("at_ms = 1.0\naccelerator = 0\nlost = true");
        let told = story.told(PolicyName::Static);
        assert_eq!(told, ["10 a 0+1 on 0", "60 a drop"], "the attempt that finds it lost starts nothing");
    }
}
