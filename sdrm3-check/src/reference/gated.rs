//! The gated policy, by its three questions (see [`sdrm3_core::Gated`]).

use sdrm3_core::{Instant, Model, ModelId, Score};

use super::{Job, Reference, Rule, Service, saturated};

/// How many frames in time end its haste.
const HASTE: u32 = 8192;
/// How many frames a model misses in a row until it is hopeless.
const HOPELESS_AFTER: u32 = 4;
/// The comfort in sixteenths: work may take one and a half times its time at best.
const COMFORT: i64 = 24;
/// Times are in units of this many nanoseconds.
const UNIT_NS: u128 = 16;
/// More time than this counts as this.
const LONGEST: i64 = 1 << 30;
/// Nobody waits so long.
const TOO_LONG: i64 = LONGEST / 2;
/// Frames without comfort go before all others.
const URGENT: i64 = 1 << 40;
/// And those of them that go on before these.
const STARTED: i64 = 1 << 41;
/// Frames of hopeless models go behind all others.
const HOPELESS: i64 = 1 << 42;

fn units(nanos: u128) -> i64 {
    i64::from(saturated(nanos / UNIT_NS)).min(LONGEST)
}

impl<const A: usize> Reference<'_, A> {
    /// Fastest work of the longest chain of models that follow a model's frames by the same deadline.
    fn tail(&self, model: ModelId) -> i64 {
        let behind = |(child, _)| {
            let first = self.row(child).subnetworks[0].segments;
            let own = units(Self::fastest_togo(first, 0));
            (own + self.tail(child)).min(LONGEST)
        };
        let children = self.workload.children(model);
        children.filter(|(child, _)| self.row(*child).deadline.is_none()).map(behind).max().unwrap_or(0)
    }

    /// The longest segment of each model on its fastest accelerator, the longest first.
    fn longest(&self) -> Vec<i64> {
        let of_model = |model: &Model<'_, A>| {
            let segments = model.subnetworks.iter().flat_map(|subnetwork| subnetwork.segments.iter());
            let least = segments
                .map(|segment| Self::latencies(segment).into_iter().min().expect("it runs somewhere"));
            units(least.max().unwrap_or(0))
        };
        let mut longest: Vec<i64> = self.workload.models.iter().map(of_model).collect();
        longest.sort_unstable_by_key(|segment| std::cmp::Reverse(*segment));
        longest
    }

    /// How long an accelerator is still busy; one that is overdue needs as long again. `None`: it takes
    /// nothing.
    fn wait(&self, index: usize) -> Option<i64> {
        let on = &self.accelerators[index];
        let wait = match on.block {
            _ if on.service != Service::In => return None,
            None => 0,
            Some(block) => self.now.as_nanos().abs_diff(block.until.as_nanos()),
        };
        Some(units(wait.into())).filter(|wait| *wait < TOO_LONG)
    }

    /// A frame was in time.
    pub(super) fn was_in_time(&mut self, model: ModelId) {
        self.state(model).misses = 0;
        self.in_time = self.in_time.map(|frames| frames + 1);
    }

    /// A frame was late or dropped: haste, unless its model is hopeless.
    pub(super) fn missed(&mut self, model: ModelId) {
        let state = self.state(model);
        state.misses += 1;
        match state.misses {
            ..HOPELESS_AFTER => self.in_time = Some(0),
            HOPELESS_AFTER => self.in_time = None,
            _ => {}
        }
    }

    /// The gate: it waits and cannot be in time any more.
    pub(super) fn is_gated(&self, job: &Job, now: Instant) -> bool {
        let slack = job.frame.deadline.saturating_since(now);
        self.rule == Rule::Gated && !job.running && self.corrected_fastest(job, job.position) > slack
    }

    /// Where a frame goes, and how much it is wanted there.
    pub(super) fn place(&self, job: &Job) -> Option<(usize, Score)> {
        let slack = units(job.frame.deadline.saturating_since(self.now).as_nanos().into());
        let fastest = units(self.corrected_fastest(job, job.position).as_nanos().into());
        let tail = self.tail(job.frame.model);
        let factors = &self.models[usize::from(job.frame.model.0)].factors;
        let runs: Vec<(usize, i64, u32)> = (self.segments(job)[job.position].placements().iter().enumerate())
            .filter(|(index, _)| *index < self.accelerators.len() && self.may_run(job, *index))
            .map(|(index, on)| {
                (index, units((u128::from(on.latency_ns) * factors[index]) >> 12), on.energy_nj)
            })
            .collect();
        let next = runs.iter().map(|(_, latency, _)| *latency).min()?;
        let rest = (fastest - next).max(0);
        let longest = self.longest();
        let in_haste = self.in_time.is_some_and(|frames| frames < HASTE);
        // All accelerators at once.
        let blocked = longest.get(self.accelerators.len() - 1).copied().unwrap_or(0);
        let limit = slack - ((COMFORT * (rest + tail)) >> 4) - blocked;
        let last =
            if self.models[usize::from(job.frame.model.0)].misses < HOPELESS_AFTER { 0 } else { HOPELESS };

        let open = || runs.iter().filter_map(|&(index, lat, nj)| Some((index, lat, nj, self.wait(index)?)));
        let comfortable =
            open().filter(|(_, latency, _, wait)| !in_haste && wait + wait / 2 + latency <= limit);
        let frugal =
            comfortable.min_by_key(|&(index, latency, energy, wait)| (energy, wait + latency, index));
        if let Some((index, ..)) = frugal {
            return Some((index, Score(-fastest - last)));
        }
        let mut ends: Vec<(i64, usize)> =
            open().map(|(index, latency, _, wait)| (wait + latency, index)).collect();
        ends.sort_unstable();
        let &(end, index) = ends.first()?;
        let awaited = open().any(|(_, latency, _, wait)| latency == next && wait > 0);
        if rest + end > slack && awaited {
            return None;
        }
        let sufferage = ends.get(1).map_or(0, |(second, _)| second - end);
        let laxity = slack - (fastest + tail).min(LONGEST);
        let goes_on = job.started && laxity < longest[0];
        let (urgency, left) =
            if goes_on { (URGENT + STARTED, laxity) } else { (URGENT, slack - tail - fastest / 4) };
        Some((index, Score(urgency + LONGEST + sufferage - left - last)))
    }
}
