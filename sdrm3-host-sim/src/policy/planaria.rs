//! Planaria: spatial allocation by the resources that each deadline needs (Ghodrati et al., MICRO 2020).
//!
//! Whenever a task arrives or ends, the accelerators are dealt out anew, to waiting and running tasks:
//!
//! ```text
//! time(j,S)  = sum over j's remaining layers l of min over a in S of lat(l,a)
//! need(j)    = the fewest accelerators with time(j,S) <= slack(j);  none if all do not suffice
//!
//! all needs fit:      everybody gets its need;        score(j) = priority(j) / time(j,S)
//! they do not:        by falling score, to the end;   score(j) = priority(j) / (slack(j) * need(j))
//! nobody can be in time:  in proportion to            score(j) = priority(j) / time(j,all)
//! ```
//!
//! What is to spare goes to those in time, in proportion to their scores, the rest of it to the first.
//! A task runs on its own accelerators only and leaves them to nobody, so tight deadlines are isolated
//! from the others; who cannot be in time any more waits until there is room.
//!
//! **Differences to the original.** There one systolic array is fissioned into sixteen equal subarrays,
//! which work on one layer together, with time measured for each number of them. The smallest unit
//! of allocation here is an accelerator, of which a layer uses one: a second one helps the layers that
//! are faster there, and idles otherwise. As units differ, a task picks from those left, one after the
//! other, the one that shortens its time most. Layers end before they move; skipped layers count in full.
//! Priority is a model's weight in UXCost; equal scores go by age (the released program draws lots).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use sdrm3_core::{
    AcceleratorState, Activity, Event, Frame, Instant, JobId, JobView, Offer, Policy, Progress, Score,
};

use super::Tables;

/// A set of accelerators, one bit each.
type Units = u8;

/// Planaria's spatial scheduling, with accelerators for subarrays.
#[derive(Clone, Debug)]
pub struct Planaria<'a> {
    tables: &'a Tables<'a>,
    tasks: BTreeMap<JobId, Task>,
    /// Accelerators in the middle of a layer.
    busy: Units,
    /// Something arrived or ended since the accelerators were dealt out.
    outdated: bool,
}

/// A task, waiting or running.
#[derive(Clone, Copy, Debug)]
struct Task {
    frame: Frame,
    subnetwork: u8,
    segment: u16,
    /// Its own accelerators.
    units: Units,
    /// Where it ran last.
    on: Units,
}

/// A task with what it asks for.
struct Request {
    id: JobId,
    task: Task,
    need: Option<u32>,
    score: f64,
    share: u32,
}

impl<'a> Planaria<'a> {
    /// For these tables.
    pub fn new(tables: &'a Tables<'a>) -> Self {
        Self { tables, tasks: BTreeMap::new(), busy: 0, outdated: false }
    }

    /// The task's remaining time on these accelerators; infinite where a layer runs on none of them.
    fn time(&self, task: &Task, units: Units) -> f64 {
        let model = &self.tables.models[usize::from(task.frame.model.0)];
        let segments = &model.subnetworks[usize::from(task.subnetwork)].segments[usize::from(task.segment)..];
        let fastest = |placements: &[sdrm3_core::Placement]| {
            let on = placements.iter().enumerate().filter(|&(unit, on)| units >> unit & 1 == 1 && on.runs());
            on.map(|(_, on)| f64::from(on.latency_ns)).fold(f64::INFINITY, f64::min)
        };
        segments.iter().map(|segment| fastest(segment.placements())).sum()
    }

    /// Adds to `units`, from `free`, the one that shortens the task's time most.
    fn grow(&self, task: &Task, units: Units, free: Units) -> Option<Units> {
        let model = &self.tables.models[usize::from(task.frame.model.0)];
        let next = &model.subnetworks[usize::from(task.subnetwork)].segments[usize::from(task.segment)];
        let with = |unit: usize| {
            // As long as the whole is impossible, one that runs the next layer at least; of equal ones
            // one that no other task must leave first.
            let taken = self.busy & !task.on & 1 << unit;
            (self.time(task, units | 1 << unit), (!next.placements()[unit].runs(), taken, unit))
        };
        let choices = (0..self.tables.accelerators.len()).filter(|unit| free >> unit & 1 == 1).map(with);
        let best = choices.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        best.map(|(_, (.., unit))| units | 1 << unit)
    }

    /// The fewest accelerators with which the task is in time, and its time on them.
    fn need(&self, task: &Task, all: Units, slack: f64) -> Option<(u32, f64)> {
        let mut units = 0;
        while let Some(more) = self.grow(task, units, all & !units) {
            units = more;
            let time = self.time(task, units);
            if time <= slack {
                return Some((units.count_ones(), time));
            }
        }
        None
    }

    /// Deals the accelerators out.
    fn allocate(&mut self, all: Units, now: Instant) {
        let total = all.count_ones();
        let wishes: Vec<_> = (self.tasks.iter())
            .map(|(&id, &task)| {
                let slack = task.frame.deadline.saturating_since(now).as_nanos() as f64;
                (id, task, slack, self.need(&task, all, slack))
            })
            .collect();
        let needed: Option<u32> = wishes.iter().map(|(.., need)| need.map(|(units, _)| units)).sum();
        let all_fit = needed.is_some_and(|needed| needed <= total);
        let request = |(id, task, slack, need): (JobId, Task, f64, Option<(u32, f64)>)| {
            let weight = self.tables.models[usize::from(task.frame.model.0)].weight_percent;
            let cost = match need {
                Some((_, time)) if all_fit => time,
                Some((units, _)) => slack * f64::from(units),
                None => self.time(&task, all),
            };
            let score = f64::from(weight) / cost.max(1.0);
            Request { id, task, need: need.map(|(units, _)| units), score, share: 0 }
        };
        let mut requests: Vec<Request> = wishes.into_iter().map(request).collect();
        requests.sort_by(before);
        share_out(&mut requests, total);

        let mut free = all;
        for request in &requests {
            let mut units: Units = 0;
            while units.count_ones() < request.share
                && let Some(more) = self.grow(&request.task, units, free & !units)
            {
                units = more;
            }
            free &= !units;
            if let Some(task) = self.tasks.get_mut(&request.id) {
                task.units = units;
            }
        }
    }
}

/// Those who can be in time first, by falling score, then by age.
fn before(a: &Request, b: &Request) -> Ordering {
    let age = |request: &Request| (request.task.frame.release, request.task.frame.model, request.id);
    let late = a.need.is_none().cmp(&b.need.is_none());
    late.then(b.score.total_cmp(&a.score)).then_with(|| age(a).cmp(&age(b)))
}

/// How many accelerators each gets.
fn share_out(requests: &mut [Request], total: u32) {
    let mut left = total;
    for request in requests.iter_mut() {
        request.share = request.need.unwrap_or(0).min(left);
        left -= request.share;
    }
    let in_time = requests.iter().filter(|request| request.need.is_some()).count();
    let count = if in_time > 0 { in_time } else { requests.len() };
    let takers = &mut requests[..count];
    let (spare, scores) = (left, takers.iter().map(|request| request.score).sum::<f64>());
    for request in takers.iter_mut() {
        let more = (request.score / scores * f64::from(spare)).round() as u32;
        request.share += more.min(left);
        left -= more.min(left);
    }
    if let Some(first) = takers.first_mut() {
        first.share += left;
    }
}

impl Policy for Planaria<'_> {
    type Weighed = Units;

    fn prepare<'j>(
        &mut self,
        jobs: impl Iterator<Item = JobView<'j>>,
        accelerators: &[AcceleratorState],
        now: Instant,
    ) {
        for job in jobs {
            if let Some(task) = self.tasks.get_mut(&job.id) {
                (task.subnetwork, task.segment) = (job.subnetwork, job.segment_index);
            }
        }
        if std::mem::take(&mut self.outdated) {
            let units = |keep: fn(&Activity) -> bool| -> Units {
                let kept = accelerators.iter().filter(|state| keep(&state.activity));
                kept.map(|state| 1 << state.id.0).sum()
            };
            self.busy = units(|activity| matches!(activity, Activity::Busy { .. }));
            self.allocate(units(|activity| *activity != Activity::OutOfService), now);
        }
    }

    fn weigh(&self, job: &JobView<'_>, _: &[AcceleratorState], _: Instant) -> Units {
        self.tasks.get(&job.id).map_or(0, |task| task.units)
    }

    fn score(&self, units: Units, _: &JobView<'_>, offer: &Offer<'_>) -> Option<Score> {
        (units >> offer.accelerator.0 & 1 == 1).then_some(Score::ZERO)
    }

    fn observe(&mut self, event: &Event, _: Instant) {
        match event {
            Event::Released(frame, id) => {
                self.tasks.insert(*id, Task { frame: *frame, subnetwork: 0, segment: 0, units: 0, on: 0 });
            }
            Event::Completed(report) if report.progress != Progress::More => {
                self.tasks.remove(&report.job);
            }
            Event::Dispatched(block) => {
                if let Some(task) = self.tasks.get_mut(&block.job) {
                    task.on = 1 << block.ticket.accelerator.0;
                }
                return;
            }
            Event::Dropped(frame, _) => self.tasks.retain(|_, task| task.frame != *frame),
            Event::Faulted(..) | Event::Restored(_) => {}
            _ => return,
        }
        self.outdated = true;
    }
}

#[cfg(test)]
mod tests {
    use super::super::PolicyName;
    use super::super::story::Story;

    /// 30 ms on either accelerator, 20 ms on both in turns.
    const MIXED: &[&[u32]] = &[&[10, 20], &[20, 10]];

    #[test]
    fn a_tight_deadline_gets_more_accelerators() {
        let of = |deadline| {
            let story = Story::new(2, 90).once("a", 0, deadline, MIXED).once("b", 1, 80, &[&[5, 5]]);
            story.told(PolicyName::Planaria)
        };
        assert_eq!(of(32), ["0 a 0+1 on 0", "1 b 0+1 on 1", "10 a 1+1 on 1"], "both needs fit: 31 in 31");
        // The idle accelerator 1 is `a`'s until it ends.
        assert_eq!(of(22), ["0 a 0+1 on 0", "10 a 1+1 on 1", "20 b 0+1 on 0"]);
    }

    #[test]
    fn when_not_all_fit_the_highest_scores_are_in_time_and_the_rest_waits() {
        let ten: &[&[u32]] = &[&[10]];
        let story =
            Story::new(1, 90).once("loose", 0, 60, ten).once("tight", 0, 12, ten).once("mid", 0, 30, ten);
        let told = story.told(PolicyName::Planaria);
        assert_eq!(told, ["0 tight 0+1 on 0", "10 mid 0+1 on 0", "20 loose 0+1 on 0"]);
    }

    #[test]
    fn a_task_that_cannot_be_in_time_waits_for_those_that_can() {
        let story = Story::new(1, 90).once("late", 0, 15, &[&[20]]).once("fine", 0, 60, &[&[8], &[8]]);
        let told = story.told(PolicyName::Planaria);
        assert_eq!(told, ["0 fine 0+1 on 0", "8 fine 1+1 on 0", "15 late drop"]);
    }

    #[test]
    fn what_nobody_needs_goes_to_those_in_time() {
        let story = Story::new(2, 90).once("a", 0, 80, MIXED);
        assert_eq!(story.told(PolicyName::Planaria), ["0 a 0+1 on 0", "10 a 1+1 on 1"], "one would do");
    }
}
