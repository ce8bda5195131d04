//! What a decision chooses among: which frames go, and which pair runs.

use std::cmp::Reverse;

use sdrm3_core::{Cost, DropReason, Frame, Model, ModelId, Score, Weights, score};

use super::{Job, ONE, Reference, Rule, Service, nanos, saturated};

impl<'w, const A: usize> Reference<'w, A> {
    /// The waiting jobs, by place.
    pub(super) fn waiting(&self) -> Vec<Job> {
        let mut jobs: Vec<Job> = self.jobs.iter().filter(|job| !job.running).copied().collect();
        jobs.sort_by_key(|job| job.id.index());
        jobs
    }

    pub(super) fn may_run(&self, job: &Job, accelerator: usize) -> bool {
        let runs = self.segments(job)[job.position].placements()[accelerator].latency_ns > 0;
        runs && !self.models[usize::from(job.frame.model.0)].barred[accelerator]
    }

    /// Whether no accelerator that is not out of service may run it.
    pub(super) fn is_unplaceable(&self, job: &Job) -> bool {
        let mut all = self.accelerators.iter().enumerate();
        !all.any(|(index, on)| on.service != Service::Out && self.may_run(job, index))
    }

    pub(super) fn reason_to_drop(&self, job: &Job) -> Option<DropReason> {
        let due = self.now >= job.frame.deadline;
        if !self.models[usize::from(job.frame.model.0)].active {
            Some(DropReason::Withdrawn)
        } else if job.superseded {
            Some(DropReason::Superseded)
        } else if due && !job.started && self.config.stale_drop {
            Some(DropReason::Stale)
        } else if due && self.is_unplaceable(job) {
            Some(DropReason::Unplaceable)
        } else if self.is_gated(job, self.now) {
            Some(DropReason::Abandoned)
        } else {
            None
        }
    }

    /// Whether the budgets of a model and its active dependents allow one more loss.
    pub(super) fn may_lose(&self, model: ModelId) -> bool {
        let (budget, state) = (self.row(model).drop_budget, &self.models[usize::from(model.0)]);
        let latest = state.lost.iter().rev().take(usize::from(budget.of()) - 1);
        let lost = latest.filter(|lost| **lost).count();
        let mut children = self.workload.children(model);
        lost < usize::from(budget.lost())
            && children.all(|(child, _)| !self.models[usize::from(child.0)].active || self.may_lose(child))
    }

    /// Expected work of the frames that one frame of a model gives rise to: of each model below, its own
    /// work times the probabilities on the way, if all on the way are active.
    pub(super) fn dependents(&self, root: ModelId) -> u128 {
        let below = |start: &'w Model<'w, A>, active: bool| {
            let mut work = Self::mean_togo(start.subnetworks[0].segments, 0);
            let (mut at, mut active) = (start, active);
            while let Some(cascade) = at.cascade.filter(|_| active) {
                work = (work * u128::from(cascade.probability.to_bits())) >> 16;
                if cascade.parent == root {
                    return work;
                }
                at = self.row(cascade.parent);
                active = self.models[usize::from(cascade.parent.0)].active;
            }
            0
        };
        self.workload.models.iter().zip(&self.models).map(|(model, state)| below(model, state.active)).sum()
    }

    /// Smart frame drop: of the waiting frames that cannot be in time and may be lost, the one with the most
    /// work left, if more than one frame under way cannot be in time.
    pub(super) fn smart_drop(&self) -> Option<Job> {
        if !self.config.frame_drop {
            return None;
        }
        let slack = |job: &Job| job.frame.deadline.saturating_since(self.now);
        let waiting = self.waiting().into_iter();
        let late: Vec<Job> =
            waiting.filter(|job| self.corrected_fastest(job, job.position) > slack(job)).collect();
        let running = self.accelerators.iter().filter_map(|accelerator| accelerator.block);
        let running_late = running.filter(|block| {
            let job = self.job(block.job);
            let left = self.corrected_fastest(job, job.position + block.count);
            block.until.saturating_add(left) > job.frame.deadline
        });
        if late.len() + running_late.count() < 2 {
            return None;
        }
        let work = |job: &Job| {
            let dependents = nanos(self.dependents(job.frame.model));
            self.corrected_togo(job).saturating_add(dependents)
        };
        let candidates = late.into_iter().filter(|job| self.may_lose(job.frame.model));
        candidates.max_by_key(|job| (work(job), Reverse((job.frame.model, job.frame.number))))
    }

    pub(super) fn switch_cost(&self, job: &Job, index: usize) -> Cost {
        let (row, accelerator) = (&self.workload.accelerators[index], &self.accelerators[index]);
        if accelerator.last_job == Some(job.id) {
            return Cost::NONE;
        }
        let model = self.row(job.frame.model);
        let mut bytes = accelerator.resident_bytes;
        bytes = bytes.saturating_add(self.segments(job)[job.position].info().activation_bytes);
        if accelerator.last_model != Some(job.frame.model) {
            bytes = bytes.saturating_add(model.subnetworks[usize::from(job.subnetwork)].weight_bytes);
        }
        let entry = accelerator.last_model.and_then(|last| {
            let place = usize::from(last.0) * self.workload.models.len() + usize::from(job.frame.model.0);
            row.switch_table.get(place).copied()
        });
        let sum = |of: fn(&Cost) -> u32| {
            let moved = (u128::from(of(&row.switch_per_kib)) * u128::from(bytes)) >> 10;
            let entry = entry.map_or(0, |entry| u128::from(of(&entry)));
            saturated(u128::from(of(&row.switch_fixed)) + moved + entry)
        };
        Cost::new(sum(|cost| cost.latency_ns), sum(|cost| cost.energy_nj))
    }

    /// MapScore of a pair, by its equation.
    fn map_score(&self, job: &Job, index: usize, weights: Weights) -> Score {
        let segment = &self.segments(job)[job.position];
        let on = segment.placements()[index];
        let factor = self.models[usize::from(job.frame.model.0)].factors[index];
        let relative = (self.mean_factor(job.frame.model) * ONE / factor).min(u128::from(u16::MAX));
        let runs: Vec<_> = segment.placements().iter().filter(|on| on.latency_ns > 0).collect();
        let latencies = runs.iter().map(|on| u64::from(on.latency_ns)).sum();
        let energies = runs.iter().map(|on| u64::from(on.energy_nj)).sum();
        let among = runs.len() as u32;
        let latency_preference = score::preference(latencies, on.latency_ns, among);
        let latency_preference = saturated((u128::from(latency_preference) * relative) >> 12);
        let energy_preference = score::preference(energies, on.energy_nj, among);

        let slack = job.frame.deadline.saturating_since(self.now);
        let urgency = score::urgency(self.corrected_togo(job), slack);
        let waits = self.now.saturating_since(job.since);
        let starvation = score::starvation(waits, Self::mean(segment) as u32);
        let switch = score::switch(self.switch_cost(job, index).energy_nj, on.energy_nj);
        Score(
            score::urgency_term(urgency, latency_preference)
                + score::starvation_term(weights.alpha, starvation)
                + score::energy_term(weights.beta, energy_preference, switch),
        )
    }

    /// `None`: not there, now.
    fn score(&self, job: &Job, index: usize) -> Option<Score> {
        match self.rule {
            Rule::MapScore(weights) => Some(self.map_score(job, index, weights)),
            Rule::Gated => self.place(job).filter(|(place, _)| *place == index).map(|(_, score)| score),
        }
    }

    /// The first of all pairs in the documented order.
    pub(super) fn best_pair(&self) -> Option<(Job, usize, Score)> {
        let idle = |index: usize| {
            let on = &self.accelerators[index];
            on.service == Service::In && on.block.is_none()
        };
        let mut pairs = Vec::new();
        for job in self.waiting() {
            for index in
                (0..self.accelerators.len()).filter(|&index| idle(index) && self.may_run(&job, index))
            {
                pairs.extend(self.score(&job, index).map(|score| (job, index, score)));
            }
        }
        pairs.into_iter().min_by_key(|&(job, index, score)| {
            let Frame { deadline, release, model, number, .. } = job.frame;
            let latency_ns = self.segments(&job)[job.position].placements()[index].latency_ns;
            let latency_ns = self.corrected_latency(&job, index, latency_ns);
            (Reverse(score), deadline, release, model, number, job.id.index(), latency_ns, index)
        })
    }
}
