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
//! an approximation elsewhere.

use crate::time::Duration;
use crate::workload::{Placement, Segment};

/// Fraction bits of a factor.
const BITS: u32 = 12;
const ONE: u32 = 1 << BITS;

/// Instead of a latency in units of 16 ns, where there is none: above each by a half.
pub(crate) const CLOSED: u32 = 3 << 29;

/// The factors of one model; Q4.12.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Correction<const ACCS: usize> {
    on: [u16; ACCS],
    mean: u16,
    least: u16,
}

impl<const ACCS: usize> Correction<ACCS> {
    /// No correction.
    pub(crate) const ONE: Self = Self { on: [ONE as u16; ACCS], mean: ONE as u16, least: ONE as u16 };

    /// Learns from a block on accelerator `index`, of `among`. O(ACCS), once per completion.
    pub(crate) fn learn(&mut self, index: usize, among: usize, measured: Duration, expected: Duration) {
        let Some(factor) = self.on.get_mut(index) else { return };
        if expected == Duration::ZERO {
            return;
        }
        let old = u32::from(*factor);
        let sample = ratio(measured, expected);
        // Not `clamp`: it panics when its bounds cross, which no compiler sees that these never do.
        let sample = sample.max(old / 2).min(old * 2);
        *factor = (old + sample / 4 - old / 4).clamp(ONE / 4, 4 * ONE) as u16;

        let among = among.min(ACCS).max(1);
        let sum: u32 = self.on.iter().take(among).map(|&factor| u32::from(factor)).sum();
        self.mean = (sum / among as u32) as u16;
        self.least = self.on.iter().take(among).copied().min().unwrap_or(ONE as u16);
    }

    /// On each accelerator.
    pub(crate) fn factors(&self) -> &[u16] {
        &self.on
    }

    /// A latency on an accelerator, corrected.
    pub(crate) fn latency(&self, index: usize, latency_ns: u32) -> u32 {
        scale(latency_ns, self.on.get(index).copied().unwrap_or(ONE as u16))
    }

    /// Latency preferences on all accelerators, corrected. O(ACCS) divisions.
    pub(crate) fn preferences(&self, segment: &Segment<ACCS>) -> [u32; ACCS] {
        let mut corrected = [0; ACCS];
        for (index, (corrected, on)) in corrected.iter_mut().zip(segment.placements()).enumerate() {
            *corrected = self.preference(index, on.latency_preference);
        }
        corrected
    }

    /// A latency preference on an accelerator, corrected. One division.
    pub(crate) fn preference(&self, index: usize, preference: u32) -> u32 {
        // A factor is at least a quarter.
        let factor = u32::from(self.on.get(index).copied().unwrap_or(ONE as u16)).max(ONE / 4);
        scale(preference, (u32::from(self.mean) * ONE / factor).min(u32::from(u16::MAX)) as u16)
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
        Duration::from_nanos(time.as_nanos().min(u64::MAX >> BITS) << BITS).divided_by(self.mean)
    }

    /// The factor of an accelerator, as a number.
    pub(crate) fn factor(&self, index: usize) -> f64 {
        f64::from(self.on.get(index).copied().unwrap_or(ONE as u16)) / f64::from(ONE)
    }
}

/// The quotient with 12 fraction bits, at most just below 16; of more than 78 hours, which no network takes, too
/// high. Bit by bit: a division of 64 bits takes more code than all else here.
fn ratio(measured: Duration, expected: Duration) -> u32 {
    let mut rest = measured.as_nanos().min(u64::MAX >> BITS) << BITS;
    let expected = expected.as_nanos().min(u64::MAX >> 16);
    let mut ratio = 0;
    for bit in (0..16).rev() {
        ratio <<= 1;
        if expected << bit <= rest {
            rest -= expected << bit;
            ratio |= 1;
        }
    }
    ratio
}

/// Saturates at 78 hours, which no network takes.
#[inline(always)]
fn scaled(work: Duration, factor: u16) -> Duration {
    match u32::try_from(work.as_nanos()) {
        Ok(nanos) => Duration::from_nanos((u64::from(nanos) * u64::from(factor)) >> BITS),
        Err(_) => scaled_wide(work, factor),
    }
}

#[cold]
#[inline(never)]
fn scaled_wide(work: Duration, factor: u16) -> Duration {
    Duration::from_nanos((work.as_nanos().min(u64::MAX >> 16) * u64::from(factor)) >> BITS)
}

/// A latency, or anything else, times a factor.
pub(crate) fn scale(value: u32, factor: u16) -> u32 {
    let scaled = (u64::from(value) * u64::from(factor)) >> BITS;
    if scaled >> 32 == 0 { scaled as u32 } else { u32::MAX }
}

/// Latencies times factors on the accelerators of a mask, in units of 16 ns: below 2^30, for no factor is above 4;
/// [`CLOSED`] on the others. O(ACCS).
pub(crate) fn latencies_16_ns<const ACCS: usize>(
    placements: &[Placement],
    factors: &[u16],
    runs_on: u32,
) -> [u32; ACCS] {
    let mut latencies = [CLOSED; ACCS];
    let rows = latencies.iter_mut().zip(placements).zip(factors).enumerate();
    for (_, ((latency, on), &factor)) in rows.filter(|(index, _)| runs_on >> (index & 31) & 1 != 0) {
        *latency = ((u64::from(on.latency_ns) * u64::from(factor)) >> (BITS + 4)) as u32;
    }
    latencies
}

/// What is left of the fastest work once the next segment, of such latencies, has run where it is fastest.
pub(crate) fn rest_16_ns(fastest: Duration, latencies_16_ns: &[u32]) -> u32 {
    let least = latencies_16_ns.iter().copied().min().unwrap_or(CLOSED);
    fastest.in_16_ns().saturating_sub(least)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::workload::{Cost, SegmentSpec};

    const MS: Duration = Duration::from_millis(1);

    fn learnt(samples: &[u64]) -> Correction<2> {
        let mut correction = Correction::<2>::ONE;
        for &ms in samples {
            correction.learn(0, 2, Duration::from_millis(ms), MS);
        }
        correction
    }

    proptest! {
        #[test]
        fn a_ratio_is_that_of_a_division(measured: u64, expected in 1..1u64 << 48, shift in 0u32..64) {
            let measured = measured >> shift;
            let exact = (u128::from(measured.min(u64::MAX >> BITS)) << BITS) / u128::from(expected);
            let ratio = ratio(Duration::from_nanos(measured), Duration::from_nanos(expected));
            prop_assert_eq!(u128::from(ratio), exact.min(0xffff));
        }
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
        // By the table both are preferred alike: two.
        let [alike] = Segment::table([SegmentSpec::new([Cost::new(1, 1); 2])]);
        let preferences = correction.preferences(&alike);
        assert!(preferences[0].abs_diff((2 << 24) * 3 / 4) < 1 << 19);
        assert!(preferences[1].abs_diff((2 << 24) * 3 / 2) < 1 << 19);
    }

    #[test]
    fn a_time_in_the_tables_is_what_work_makes_of_it() {
        let correction = learnt(&[2; 20]);
        let (three, two) = (Duration::from_millis(3), Duration::from_millis(2));
        assert!(correction.by_table(three).as_nanos().abs_diff(two.as_nanos()) < 10_000, "3 / 1.5");
        let months = correction.by_table(Duration::from_nanos(1 << 52)).as_nanos();
        assert!(months.abs_diff((1 << 52) * 2 / 3) < 1 << 42, "{months}");
        for same in [MS, Duration::MAX] {
            assert_eq!(Correction::<2>::ONE.by_table(same), same);
        }
    }

    #[test]
    fn hours_of_work_are_corrected_like_milliseconds() {
        let correction = learnt(&[2; 20]);
        let hour = Duration::from_millis(3_600_000);
        let corrected = correction.work(hour).as_nanos();
        assert!(corrected.abs_diff(hour.as_nanos() * 3 / 2) < hour.as_nanos() / 100, "{corrected}");
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
