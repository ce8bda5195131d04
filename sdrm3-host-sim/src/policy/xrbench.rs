//! XRBench's runtime: whole models, each to the fastest idle accelerator (Kwon et al., MLSys 2023).
//!
//! The dispatch of the program that ships with the benchmark, with its default, latency-greedy choice:
//!
//! ```text
//! when   the runtime looks: at every frame of the fastest model, and whenever a model ends
//! which  by the names of the models, of each its oldest frame
//! where  argmin over idle a of sum over layers of lat(l,a)
//! what   the whole model, which keeps its accelerator to its end
//! ```
//!
//! A frame that arrives between two looks is not seen before the next one, even if everything idles.
//! Names are a priority in effect; the rest is oldest first. Deadlines play no part, but for stale frames.
//!
//! **Differences to the original.** Networks that may branch are whole models in pieces, on the same
//! accelerator. The program counts a parent's results instead of looking for the frame's own: once a
//! parent's frame was dropped, its dependents wait for a count that comes a period late, so that nearly
//! all of them are dropped from then on. That is a slip, not a policy; [`XrBench::as_shipped`] has it, to be
//! held against the program's figures (`tests/xrbench.rs`, which lists what else differs there).

use std::collections::HashMap;

use sdrm3_core::{
    AcceleratorId, AcceleratorState, Activity, Duration, Event, Frame, Instant, JobView, ModelId, Offer,
    Policy, Progress, Score,
};

use super::Tables;
use super::plan::{Choice, rest};

/// XRBench's latency-greedy runtime.
#[derive(Clone, Debug)]
pub struct XrBench<'a> {
    tables: &'a Tables<'a>,
    /// Per model, its place by name.
    ranks: Vec<usize>,
    /// The model whose frames make the runtime look, and their period.
    fastest: ModelId,
    period: Duration,
    looks: bool,
    looked: Option<Instant>,
    /// Where models that have begun are to be run to their end.
    homes: HashMap<Frame, AcceleratorId>,
    choice: Option<Choice>,
    counts_results: bool,
    /// Per model, results so far.
    results: Vec<u32>,
}

impl<'a> XrBench<'a> {
    /// For these tables.
    pub fn new(tables: &'a Tables<'a>) -> Self {
        let models = tables.models;
        let mut by_name: Vec<usize> = (0..models.len()).collect();
        by_name.sort_by_key(|&model| models[model].name);
        let mut ranks = vec![0; models.len()];
        by_name.iter().enumerate().for_each(|(rank, &model)| ranks[model] = rank);
        let roots = (0..models.len()).filter(|&model| models[model].cascade.is_none());
        let fastest = roots.min_by_key(|&model| models[model].period).unwrap_or(0);
        Self {
            tables,
            ranks,
            fastest: ModelId(fastest as u8),
            period: models.get(fastest).map_or(Duration::ZERO, |model| model.period),
            looks: false,
            looked: None,
            homes: HashMap::new(),
            choice: None,
            counts_results: false,
            results: vec![0; models.len()],
        }
    }

    /// With the program's way of telling whether a dependent frame may run.
    #[must_use]
    pub fn as_shipped(mut self) -> Self {
        self.counts_results = true;
        self
    }

    /// Whether the runtime has seen the frame, and takes its parent's result as there.
    fn may_run(&self, job: &JobView<'_>) -> bool {
        let parent = self.tables.models[usize::from(job.frame.model.0)].cascade.map(|cascade| cascade.parent);
        let counted = |parent: ModelId| self.results[usize::from(parent.0)] > job.frame.number;
        self.looked.is_some_and(|looked| job.frame.release <= looked)
            && (!self.counts_results || parent.is_none_or(counted))
    }

    /// The idle accelerator on which the rest of the job is fastest.
    fn best(&self, job: &JobView<'_>, accelerators: &[AcceleratorState]) -> Option<AcceleratorId> {
        let able = accelerators.iter().filter(|state| job.placements[usize::from(state.id.0)].runs());
        let home = self.homes.get(&job.frame);
        let at_home = |state: &&AcceleratorState| home.is_none_or(|home| *home == state.id);
        let in_service = |state: &AcceleratorState| state.activity != Activity::OutOfService;
        let stays = able.clone().filter(at_home).any(in_service);
        let latency = |on: &AcceleratorId| -> u64 {
            let on = usize::from(on.0);
            rest(self.tables, job).iter().map(|segment| u64::from(segment.placements()[on].latency_ns)).sum()
        };
        able.filter(|state| state.activity == Activity::Idle && (!stays || at_home(state)))
            .map(|state| state.id)
            .min_by_key(latency)
    }
}

impl Policy for XrBench<'_> {
    type Weighed = Score;

    fn prepare<'j>(
        &mut self,
        jobs: impl Iterator<Item = JobView<'j>>,
        accelerators: &[AcceleratorState],
        now: Instant,
    ) {
        // The fastest model may be off, or its frames late by jitter: the runtime looks all the same.
        let overdue = self.looked.is_none_or(|looked| now.saturating_since(looked) >= self.period);
        if std::mem::take(&mut self.looks) || overdue {
            self.looked = Some(now);
        }
        self.choice = jobs
            .filter(|job| self.may_run(job))
            .filter_map(|job| {
                let on = self.best(&job, accelerators)?;
                let order = (!job.started, self.ranks[usize::from(job.frame.model.0)], job.frame.number);
                Some((order, Choice { job: job.id, on, block: u16::MAX }))
            })
            .min_by_key(|&(order, _)| order)
            .map(|(_, choice)| choice);
    }

    fn weigh(&self, _: &JobView<'_>, _: &[AcceleratorState], _: Instant) -> Score {
        Score::ZERO
    }

    fn score(&self, weighed: Score, job: &JobView<'_>, offer: &Offer<'_>) -> Option<Score> {
        self.choice.filter(|choice| choice.is(job, offer.accelerator)).map(|_| weighed)
    }

    fn block(&self, _: &JobView<'_>, _: &Offer<'_>) -> u16 {
        u16::MAX
    }

    fn observe(&mut self, event: &Event, _: Instant) {
        match event {
            Event::Released(frame, _) => self.looks |= frame.model == self.fastest,
            Event::Dispatched(block) => {
                self.homes.insert(block.frame, block.ticket.accelerator);
            }
            Event::Completed(report) if report.progress != Progress::More => {
                self.looks = true;
                self.results[usize::from(report.frame.model.0)] += 1;
                self.homes.remove(&report.frame);
            }
            Event::Dropped(frame, _) => {
                self.homes.remove(frame);
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
    fn a_whole_model_goes_to_the_fastest_idle_accelerator() {
        let layers: &[&[u32]] = &[&[5, 9], &[20, 4]];
        let story = Story::new(2, 60).once("a", 0, 50, layers).once("b", 0, 50, layers);
        assert_eq!(story.told(PolicyName::XrBench), ["0 a 0+2 on 1", "0 b 0+2 on 0"]);
    }

    #[test]
    fn names_decide_whatever_is_urgent() {
        let story = Story::new(1, 60).once("b", 0, 20, &[&[10]]).once("a", 0, 50, &[&[10]]);
        assert_eq!(story.told(PolicyName::XrBench), ["0 a 0+1 on 0", "10 b 0+1 on 0"]);
    }

    #[test]
    fn a_frame_between_two_looks_waits_for_the_second() {
        let story = Story::new(1, 40).model("tick", "fps = 50", &[&[4]]).once("other", 6, 30, &[&[4]]).once(
            "soon",
            22,
            15,
            &[&[4]],
        );
        let told = story.told(PolicyName::XrBench);
        assert_eq!(told, ["0 tick 0+1 on 0", "20 other 0+1 on 0", "24 soon 0+1 on 0", "28 tick 0+1 on 0"]);
    }

    #[test]
    fn it_looks_a_period_later_though_the_fastest_model_is_off() {
        let story = Story::new(1, 90)
            .model("tick", "fps = 50\nactive = false", &[&[4]])
            .once("first", 1, 80, &[&[2]])
            .once("second", 8, 80, &[&[4]])
            .once("third", 30, 50, &[&[4]]);
        let told = story.told(PolicyName::XrBench);
        assert_eq!(told, ["1 first 0+1 on 0", "30 second 0+1 on 0", "34 third 0+1 on 0"]);
    }
}
