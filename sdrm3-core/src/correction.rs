//! Online latency correction: what an accelerator takes over what its table says.
//!
//! Throttling, another clock or contention make a model slower on an accelerator than measured. Per
//! (model, accelerator) a factor follows the measured ratio:
//!
//! ```text
//! sample  = measured / expected,  limited to [factor / 2, 2 * factor]   (one outlier moves little)
//! factor += (sample - factor) / 4,  limited to [1/4, 4]
//! ```
//!
//! and scales the estimates of the decision: `lat(n,a) * factor(a)`, `ToGo` by the mean factor over the
//! accelerators, `ToGo` at its fastest by the least factor, so that it stays a lower bound, and `LatPref(j,a)` by `mean factor / factor(a)`: exact where the latencies are alike,
//! an approximation elsewhere that costs one multiplication per pair.

use crate::time::Duration;

/// Fraction bits of a factor.
const BITS: u32 = 12;
const ONE: u32 = 1 << BITS;

/// The factors of one model; Q4.12.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Correction<const ACCS: usize> {
    factor: [u16; ACCS],
    /// `mean factor / factor(a)`.
    relative: [u16; ACCS],
    mean: u16,
    least: u16,
}

impl<const ACCS: usize> Correction<ACCS> {
    /// No correction.
    pub(crate) const ONE: Self = Self {
        factor: [ONE as u16; ACCS],
        relative: [ONE as u16; ACCS],
        mean: ONE as u16,
        least: ONE as u16,
    };

    /// Learns from a block on accelerator `index`, of `among`. O(ACCS) divisions, once per completion.
    pub(crate) fn learn(&mut self, index: usize, among: usize, measured: Duration, expected: Duration) {
        let Some(factor) = self.factor.get_mut(index) else { return };
        if expected == Duration::ZERO {
            return;
        }
        let old = u32::from(*factor);
        let measured = measured.as_nanos().min(u64::MAX >> BITS);
        let sample = ((measured << BITS) / expected.as_nanos()).min(u64::from(u32::MAX)) as u32;
        // Not `clamp`: it panics when its bounds cross, which no compiler sees that these never do.
        let sample = sample.max(old / 2).min(old * 2);
        *factor = (old + sample / 4 - old / 4).clamp(ONE / 4, 4 * ONE) as u16;

        let among = among.min(ACCS).max(1);
        let sum: u32 = self.factor.iter().take(among).map(|&factor| u32::from(factor)).sum();
        let mean = sum / among as u32;
        self.mean = mean as u16;
        self.least = self.factor.iter().take(among).copied().min().unwrap_or(ONE as u16);
        for (relative, &factor) in self.relative.iter_mut().zip(&self.factor) {
            // A factor is at least a quarter.
            *relative = (mean * ONE / u32::from(factor).max(ONE / 4)).min(u32::from(u16::MAX)) as u16;
        }
    }

    /// A latency on that accelerator, corrected.
    pub(crate) fn latency(&self, index: usize, latency_ns: u32) -> u32 {
        scale(u64::from(latency_ns), self.factor.get(index)).min(u64::from(u32::MAX)) as u32
    }

    /// A latency preference for that accelerator, corrected.
    pub(crate) fn preference(&self, index: usize, preference: u32) -> u32 {
        scale(u64::from(preference), self.relative.get(index)).min(u64::from(u32::MAX)) as u32
    }

    /// Work over all accelerators, corrected.
    pub(crate) fn work(&self, work: Duration) -> Duration {
        scaled(work, self.mean)
    }

    /// Work with each segment on its fastest accelerator, corrected: no more than it may take.
    pub(crate) fn fastest_work(&self, work: Duration) -> Duration {
        scaled(work, self.least)
    }

    /// What a time is worth in the table's: the inverse of [`work`](Self::work). One division.
    pub(crate) fn by_table(&self, time: Duration) -> Duration {
        if self.mean == ONE as u16 {
            return time;
        }
        let nanos = time.as_nanos().min(u64::MAX >> BITS) << BITS;
        Duration::from_nanos(nanos / u64::from(self.mean.max(1)))
    }

    /// The factor of an accelerator, as a number.
    pub(crate) fn factor(&self, index: usize) -> f64 {
        f64::from(self.factor.get(index).copied().unwrap_or(ONE as u16)) / f64::from(ONE)
    }
}

fn scaled(work: Duration, factor: u16) -> Duration {
    if factor == ONE as u16 {
        return work;
    }
    Duration::from_nanos(scale(work.as_nanos().min(u64::MAX >> 16), Some(&factor)))
}

fn scale(value: u64, factor: Option<&u16>) -> u64 {
    (value * u64::from(factor.copied().unwrap_or(ONE as u16))) >> BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn learnt(samples: &[u64]) -> Correction<2> {
        let mut correction = Correction::<2>::ONE;
        for &ms in samples {
            correction.learn(0, 2, Duration::from_millis(ms), MS);
        }
        correction
    }

    #[test]
    fn it_follows_an_accelerator_throttled_to_half() {
        let correction = learnt(&[2; 20]);
        assert!((correction.factor(0) - 2.0).abs() < 0.02, "{}", correction.factor(0));
        assert!((correction.factor(1) - 1.0).abs() < 1e-9);
        assert!(correction.latency(0, 1_000_000).abs_diff(2_000_000) < 20_000);
        assert!(correction.work(MS).as_nanos().abs_diff(1_500_000) < 10_000, "the mean of 2 and 1");
        assert_eq!(correction.fastest_work(MS), MS, "the other one is as fast as ever");
        // Half as fast: preferred 1.5 / 2 as much; the other 1.5 times.
        assert!(correction.preference(0, 1 << 24).abs_diff((1 << 24) * 3 / 4) < 1 << 18);
        assert!(correction.preference(1, 1 << 24).abs_diff((1 << 24) * 3 / 2) < 1 << 18);
    }

    #[test]
    fn one_outlier_moves_it_little_and_bounds_hold() {
        assert!(learnt(&[1_000_000]).factor(0) <= 1.25);
        assert!((learnt(&[1_000_000; 100]).factor(0) - 4.0).abs() < 1e-3);
        assert!((learnt(&[0; 100]).factor(0) - 0.25).abs() < 1e-3);
        let back = learnt(&[&[1_000_000; 100][..], &[1; 100]].concat());
        assert!((back.factor(0) - 1.0).abs() < 0.01, "{}", back.factor(0));
    }

    #[test]
    fn extreme_times_are_no_trouble() {
        let mut correction = Correction::<1>::ONE;
        correction.learn(0, 1, Duration::MAX, Duration::from_nanos(1));
        correction.learn(0, 1, Duration::MAX, Duration::MAX);
        correction.learn(9, 1, MS, MS);
        correction.learn(0, 1, MS, Duration::ZERO);
        assert!(correction.work(Duration::MAX) > MS);
        assert_eq!(correction.latency(0, u32::MAX), u32::MAX);
    }
}
