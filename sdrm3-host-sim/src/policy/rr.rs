//! Round robin over the models.
//!
//! Each decision goes to the model that comes next, in the workload's order, behind the one served
//! last; of its frames to the oldest, on the fastest idle accelerator. What an operating system does
//! for threads, at the granularity of layers: every model with a frame gets its turn, however urgent.

use sdrm3_core::{AcceleratorState, Event, Instant, JobView, Offer, Policy, Score};

use super::Tables;

/// Round robin over the models, one segment a turn.
#[derive(Clone, Copy, Debug)]
pub struct RoundRobin {
    models: usize,
    /// Index of the model whose turn it is.
    turn: usize,
}

impl RoundRobin {
    /// The first model has the first turn.
    pub fn new(tables: &Tables<'_>) -> Self {
        Self { models: tables.models.len().max(1), turn: 0 }
    }
}

impl Policy for RoundRobin {
    type Weighed = Score;

    fn weigh(&self, job: &JobView<'_>, _: &[AcceleratorState], _: Instant) -> Score {
        let turns_to_wait = (usize::from(job.frame.model.0) + self.models - self.turn) % self.models;
        Score(-(turns_to_wait as i64) << 32 | -i64::from(job.frame.number))
    }

    fn score(&self, weighed: Score, _: &JobView<'_>, _: &Offer<'_>) -> Option<Score> {
        Some(weighed)
    }

    fn observe(&mut self, event: &Event, _: Instant) {
        if let Event::Dispatched(block) = event {
            self.turn = (usize::from(block.frame.model.0) + 1) % self.models;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::PolicyName;
    use super::super::story::Story;

    #[test]
    fn models_take_turns_however_urgent_one_is() {
        let story = Story::new(1, 90)
            .once("a", 0, 80, &[&[5], &[5], &[5]])
            .once("b", 0, 30, &[&[5], &[5]])
            .once("c", 0, 80, &[&[5], &[5]]);
        let turns = ["a 0", "b 0", "c 0", "a 1", "b 1", "c 1", "a 2"];
        let expected: Vec<String> =
            turns.iter().enumerate().map(|(n, turn)| format!("{} {turn}+1 on 0", 5 * n)).collect();
        assert_eq!(story.told(PolicyName::RoundRobin), expected);
    }

    #[test]
    fn a_turn_goes_to_the_oldest_frame_of_its_model() {
        let story = Story::new(1, 100).model("a", "fps = 100\ndeadline_ms = 90.0", &[&[12], &[12]]);
        let told = story.told(PolicyName::RoundRobin);
        assert_eq!(told[..4], ["0 a 0+1 on 0", "12 a 1+1 on 0", "24 a 0+1 on 0", "36 a 1+1 on 0"]);
    }
}
