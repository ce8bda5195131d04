//! Sums over the tables, corrected by what was measured, and the sub-networks that follow from them.

use sdrm3_core::{Branch, Duration, Frame, Instant, JobId, ModelId, Segment};

use super::{Job, LEAST, MOST, ONE, Reference, Service, nanos, saturated};

impl<const A: usize> Reference<'_, A> {
    /// The latencies of a segment, where it can run.
    pub(super) fn latencies(segment: &Segment<A>) -> Vec<u128> {
        let all = segment.placements().iter().map(|on| u128::from(on.latency_ns));
        all.filter(|&latency| latency > 0).collect()
    }

    pub(super) fn mean(segment: &Segment<A>) -> u128 {
        let latencies = Self::latencies(segment);
        latencies.iter().sum::<u128>() / latencies.len() as u128
    }

    /// Expected work from a segment to the end, where each takes what `of` says.
    pub(super) fn togo(segments: &[Segment<A>], from: usize, of: fn(&Segment<A>) -> u128) -> u128 {
        let Some(segment) = segments.get(from) else { return 0 };
        let next = Self::togo(segments, from + 1, of);
        let weighed = |bits: u32, work: u128| (work * u128::from(bits)) >> 16;
        let behind = match segment.info().branch {
            Branch::Next => next,
            Branch::Skip { segments: skipped, probability } => {
                let jump = Self::togo(segments, from + 1 + usize::from(skipped), of);
                next - weighed(probability.to_bits(), next) + weighed(probability.to_bits(), jump)
            }
            Branch::Exit { probability } => next - weighed(probability.to_bits(), next),
        };
        of(segment) + behind
    }

    pub(super) fn mean_togo(segments: &[Segment<A>], from: usize) -> u128 {
        Self::togo(segments, from, Self::mean)
    }

    pub(super) fn fastest_togo(segments: &[Segment<A>], from: usize) -> u128 {
        Self::togo(segments, from, |segment| Self::latencies(segment).into_iter().min().unwrap_or(0))
    }

    // ---- corrections -------------------------------------------------------------------------

    pub(super) fn mean_factor(&self, model: ModelId) -> u128 {
        let factors = &self.models[usize::from(model.0)].factors;
        factors.iter().sum::<u128>() / factors.len() as u128
    }

    /// Work at a pace; beyond 4.29 s it is right up to 78 hours.
    pub(super) fn scaled(work: u128, factor: u128) -> Duration {
        nanos((work.min(u128::from(u64::MAX >> 16)) * factor) >> 12)
    }

    pub(super) fn corrected_togo(&self, job: &Job) -> Duration {
        Self::scaled(Self::mean_togo(self.segments(job), job.position), self.mean_factor(job.frame.model))
    }

    pub(super) fn corrected_fastest(&self, job: &Job, from: usize) -> Duration {
        let least = self.models[usize::from(job.frame.model.0)].factors.iter().min();
        Self::scaled(Self::fastest_togo(self.segments(job), from), *least.expect("an accelerator"))
    }

    pub(super) fn corrected_latency(&self, job: &Job, accelerator: usize, latency_ns: u32) -> u32 {
        let factor = self.models[usize::from(job.frame.model.0)].factors[accelerator];
        saturated((u128::from(latency_ns) * factor) >> 12)
    }

    pub(super) fn learn(
        &mut self,
        model: ModelId,
        accelerator: usize,
        measured: Duration,
        expected: Duration,
    ) {
        if expected == Duration::ZERO {
            return;
        }
        let factor = &mut self.state(model).factors[accelerator];
        let sample = u128::from(measured.as_nanos()) * ONE / u128::from(expected.as_nanos());
        let sample = sample.clamp(*factor / 2, *factor * 2);
        *factor = (*factor + sample / 4 - *factor / 4).clamp(LEAST, MOST);
    }

    // ---- sub-networks ------------------------------------------------------------------------

    /// The time that a frame has, less what others take that are due no later, at the table's pace.
    pub(super) fn available(&self, frame: &Frame, own: Option<JobId>, now: Instant) -> u128 {
        let others =
            self.jobs.iter().filter(|job| Some(job.id) != own && job.frame.deadline <= frame.deadline);
        let backlog = others.map(|job| u128::from(self.corrected_togo(job).as_nanos())).sum::<u128>();
        let in_service = self.accelerators.iter().filter(|on| on.service != Service::Out).count();
        let left = u128::from(frame.deadline.saturating_since(now).as_nanos());
        let left = left.saturating_sub(backlog / in_service.max(1) as u128);
        left * ONE / self.mean_factor(frame.model)
    }

    /// The lightest sub-network that keeps the accuracy floor.
    pub(super) fn lightest(&self, model: ModelId) -> usize {
        let row = self.row(model);
        let keeps = |accuracy: u32| accuracy == 0 || accuracy >= row.accuracy_floor;
        let lighter = row.subnetworks.iter().skip(1);
        lighter.take_while(|subnetwork| keeps(subnetwork.accuracy_milli_percent)).count()
    }

    /// The heaviest that ends within a time when it goes on from a place, or the last.
    pub(super) fn heaviest_within(
        &self,
        model: ModelId,
        from: usize,
        time: u128,
        first: usize,
        last: usize,
    ) -> usize {
        let fits =
            |&index: &usize| Self::mean_togo(self.row(model).subnetworks[index].segments, from) <= time;
        (first..=last).find(fits).unwrap_or(last)
    }

    pub(super) fn choose_subnetwork(&self, frame: &Frame, now: Instant) -> u8 {
        if !self.config.supernet {
            return 0;
        }
        let (lightest, available) = (self.lightest(frame.model), self.available(frame, None, now));
        let current = usize::from(self.models[usize::from(frame.model.0)].subnetwork);
        let fits = |time| self.heaviest_within(frame.model, 0, time, 0, lightest);
        // A step back up needs a margin.
        let chosen = match fits(available) {
            wanted if wanted < current => fits(available - available / 8).min(current),
            wanted => wanted,
        };
        chosen as u8
    }

    /// The sub-network to go on with: the same, or a lighter one that keeps all finished work.
    pub(super) fn lighten(&self, job: &Job, next: usize) -> u8 {
        let (current, lightest) = (usize::from(job.subnetwork), self.lightest(job.frame.model));
        let keeps = |index: &usize| {
            let lighter = &self.row(job.frame.model).subnetworks[*index];
            usize::from(lighter.shared_prefix) >= next && lighter.segments.len() > next
        };
        let last = (current + 1..=lightest).take_while(keeps).last().unwrap_or(current);
        let available = self.available(&job.frame, Some(job.id), self.now);
        self.heaviest_within(job.frame.model, next, available, current, last) as u8
    }
}
