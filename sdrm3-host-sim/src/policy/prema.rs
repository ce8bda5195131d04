//! PREMA: predictive multi-task scheduling with tokens (Choi and Rhu, HPCA 2020).
//!
//! A waiting task earns tokens by its priority and by how much waiting slows it down; only tasks with
//! many tokens are candidates, and of them the shortest runs:
//!
//! ```text
//! tokens(j)    = priority(j)                                            when j arrives
//! tokens(j)   += priority(j) * waited(j) / isolated(j)                  at each scheduling event
//! threshold    = the largest of {1, 3, 9} that the largest tokens(j) reaches
//! next         = argmin of ToGo(j) over the j with tokens(j) >= threshold
//! ```
//!
//! `waited` is the time since `j` last ran (or arrived), `isolated` its whole network's time alone.
//! So short jobs go first until a long or important one has waited enough to shut them out.
//!
//! **Differences to the original.** One NPU, preempted within a layer, becomes several accelerators
//! and the boundaries of segments: a scheduling event is any decision at which some accelerator is
//! idle, and the chosen job takes the fastest idle one. The choice among checkpointing, draining and
//! killing a running task has no counterpart. Priorities low, medium and high (1, 3, 9) are read off a
//! model's weight in UXCost: below one, one, above. Candidates *reach* the threshold: by the paper's
//! "exceed" nobody would be one at first. The paper's latency predictor is the table.

use std::collections::{HashMap, HashSet};

use sdrm3_core::{
    AcceleratorState, Activity, Event, Frame, Instant, JobView, Offer, Policy, Progress, Score,
};

use super::Tables;

/// Priorities low, medium and high, which are the thresholds as well.
const LEVELS: [f64; 3] = [1.0, 3.0, 9.0];

/// PREMA's tokens over the accelerators of a platform.
#[derive(Clone, Debug)]
pub struct Prema<'a> {
    tables: &'a Tables<'a>,
    tokens: HashMap<Frame, f64>,
    candidates: HashSet<Frame>,
    last_event: Option<Instant>,
    newcomers_raise: bool,
}

impl<'a> Prema<'a> {
    /// For these tables.
    pub fn new(tables: &'a Tables<'a>) -> Self {
        Self {
            tables,
            tokens: HashMap::new(),
            candidates: HashSet::new(),
            last_event: None,
            newcomers_raise: true,
        }
    }

    /// As the program of Sparse-DySta has PREMA: what a newcomer brings along does not raise the threshold
    /// before the next event.
    #[must_use]
    pub fn as_in_dysta(mut self) -> Self {
        self.newcomers_raise = false;
        self
    }

    fn priority(&self, job: &JobView<'_>) -> f64 {
        match self.tables.models[usize::from(job.frame.model.0)].weight_percent {
            0..100 => LEVELS[0],
            100 => LEVELS[1],
            _ => LEVELS[2],
        }
    }

    /// What waiting has earned the job since the last event.
    fn earned(&self, job: &JobView<'_>, now: Instant) -> f64 {
        let model = &self.tables.models[usize::from(job.frame.model.0)];
        let isolated = model.subnetworks[usize::from(job.subnetwork)].segments[0].info().togo;
        let waited = now.saturating_since(job.ready_since);
        self.priority(job) * waited.as_nanos() as f64 / isolated.as_nanos().max(1) as f64
    }
}

/// The largest level that these tokens reach.
fn threshold(most: f64) -> f64 {
    LEVELS.into_iter().rev().find(|&level| most >= level).unwrap_or(LEVELS[0])
}

impl Policy for Prema<'_> {
    type Weighed = Option<Score>;

    fn prepare<'j>(
        &mut self,
        jobs: impl Iterator<Item = JobView<'j>>,
        accelerators: &[AcceleratorState],
        now: Instant,
    ) {
        if accelerators.iter().all(|state| state.activity != Activity::Idle) {
            return;
        }
        let is_event = self.last_event != Some(now);
        self.last_event = Some(now);
        let (mut most, mut waiting) = (0.0, Vec::new());
        for job in jobs {
            let earned = if is_event { self.earned(&job, now) } else { 0.0 };
            let before = self.tokens.get(&job.frame);
            let known = before.is_some();
            let tokens = before.map_or_else(|| self.priority(&job), |before| before + earned);
            self.tokens.insert(job.frame, tokens);
            if known || self.newcomers_raise {
                most = tokens.max(most);
            }
            waiting.push((job.frame, tokens));
        }
        let enough = |&(frame, tokens): &(Frame, f64)| (tokens >= threshold(most)).then_some(frame);
        self.candidates = waiting.iter().filter_map(enough).collect();
    }

    fn weigh(&self, job: &JobView<'_>, _: &[AcceleratorState], _: Instant) -> Option<Score> {
        let left = i64::try_from(job.togo.as_nanos()).unwrap_or(i64::MAX);
        self.candidates.contains(&job.frame).then_some(Score(-left))
    }

    fn score(&self, weighed: Option<Score>, _: &JobView<'_>, _: &Offer<'_>) -> Option<Score> {
        weighed
    }

    fn observe(&mut self, event: &Event, _: Instant) {
        let ended = match event {
            Event::Completed(report) if report.progress != Progress::More => &report.frame,
            Event::Dropped(frame, _) => frame,
            _ => return,
        };
        self.tokens.remove(ended);
    }
}

#[cfg(test)]
mod tests {
    use super::super::PolicyName;
    use super::super::story::Story;
    use super::*;

    #[test]
    fn the_threshold_is_a_priority_level() {
        let levels = [0.5, 1.0, 2.9, 3.0, 8.9, 9.0, 100.0].map(threshold);
        assert_eq!(levels, [1.0, 1.0, 1.0, 3.0, 3.0, 9.0, 9.0]);
    }

    #[test]
    fn the_shortest_goes_first_until_a_long_one_has_waited_enough() {
        // Four layers of 5 ms against a stream of 5 ms jobs that alone would fill the accelerator.
        let long: &[&[u32]] = &[&[5], &[5], &[5], &[5]];
        let story = Story::new(1, 60)
            .model("stream", "fps = 200\ndeadline_ms = 50.0", &[&[5]])
            .once("long", 0, 60, long);
        let told = story.told(PolicyName::Prema);
        let served = |name: &str| told.iter().position(|line| line.contains(name)).expect("it is served");
        assert!(served("stream") == 0 && served("long") > 1, "shortest first: {told:?}");
        assert!(
            told[served("long")].starts_with("20 "),
            "3 * (1 + 5/20 + 10/20 + 15/20 + 20/20) > 9: {told:?}"
        );
        let sjf = story.told(PolicyName::Sjf);
        assert!(!sjf.iter().any(|line| line.contains("long 0")), "starved by shortest job first: {sjf:?}");
    }

    /// Both accelerators come free at 10 ms; had `long` earned 6.75 tokens there, it would shut the other out.
    #[test]
    fn two_decisions_at_one_instant_earn_tokens_once() {
        let story = Story::new(2, 60)
            .once("first", 0, 50, &[&[10, 10]])
            .once("second", 0, 50, &[&[10, 10]])
            .once("long", 1, 50, &[&[4, 4]])
            .once("short", 9, 50, &[&[3, 3]])
            .once("other", 9, 50, &[&[3, 3]]);
        let told = story.told(PolicyName::Prema);
        assert_eq!(told[2..], ["10 short 0+1 on 0", "10 other 0+1 on 1", "13 long 0+1 on 0"]);
    }

    #[test]
    fn a_high_priority_shuts_low_ones_out() {
        let story = Story::new(1, 60)
            .model("low", "fps = 1\nweight = 0.5\ndeadline_ms = 50.0", &[&[2], &[2]])
            .model("high", "fps = 1\nweight = 2.0\ndeadline_ms = 50.0", &[&[10], &[10]]);
        assert_eq!(story.told(PolicyName::Prema)[..2], ["0 high 0+1 on 0", "10 high 1+1 on 0"]);
    }
}
