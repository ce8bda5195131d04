//! Instants and durations: two newtypes over nanoseconds.
//!
//! The scheduler never reads a clock; every entry point takes `now`. Arithmetic saturates:
//! a `u64` of nanoseconds lasts 584 years, so saturation means "never", not a wrong answer.

/// A span of time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Duration(u64);

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest span, read as "for ever".
    pub const MAX: Self = Self(u64::MAX);

    /// From nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From microseconds, saturating.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// From milliseconds, saturating.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// In nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Sum, saturating.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Difference, zero at least.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The most that [`in_16_ns`](Self::in_16_ns) tells, 17 s: sums of such fit 32 bits.
    pub(crate) const MOST_16_NS: u32 = 1 << 30;

    /// In units of 16 ns, rounded down.
    #[inline(always)]
    pub(crate) fn in_16_ns(self) -> u32 {
        u32::try_from(self.0 >> 4).unwrap_or(Self::MOST_16_NS).min(Self::MOST_16_NS)
    }

    /// That share of it, rounded down; all of it by 0. Four divisions of 32 bits: one of 64 takes a small processor
    /// half a kilobyte of code.
    #[must_use]
    pub(crate) fn divided_by(self, by: u16) -> Self {
        let by = u32::from(by.max(1));
        let (mut quotient, mut rest) = (0, 0);
        for shift in [48, 32, 16, 0] {
            let part = rest << 16 | (self.0 >> shift) as u32 & 0xffff;
            quotient = quotient << 16 | u64::from(part / by);
            rest = part % by;
        }
        Self(quotient)
    }
}

/// Saturates at [`Duration::MAX`] (584 years).
impl From<core::time::Duration> for Duration {
    fn from(d: core::time::Duration) -> Self {
        Self(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Duration> for core::time::Duration {
    fn from(d: Duration) -> Self {
        Self::from_nanos(d.0)
    }
}

/// A point in time: nanoseconds since an epoch of the caller's choice (usually power-on).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instant(u64);

impl Instant {
    /// The epoch.
    pub const ZERO: Self = Self(0);
    /// The end of time, read as "never".
    pub const MAX: Self = Self(u64::MAX);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From microseconds since the epoch, saturating.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// From milliseconds since the epoch, saturating.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The instant `d` later, saturating.
    #[must_use]
    pub const fn saturating_add(self, d: Duration) -> Self {
        Self(self.0.saturating_add(d.0))
    }

    /// The time since `earlier`; zero when `earlier` lies ahead.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_share_is_rounded_down(nanos: u64, by: u16) {
            prop_assert_eq!(Duration(nanos).divided_by(by), Duration(nanos / u64::from(by.max(1))));
        }
    }

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Instant::MAX.saturating_add(Duration::from_nanos(1)), Instant::MAX);
        assert_eq!(Instant::from_nanos(3).saturating_since(Instant::from_nanos(5)), Duration::ZERO);
        assert_eq!(Duration::from_millis(u64::MAX), Duration::MAX);
        assert_eq!(Duration::from_nanos(1).saturating_sub(Duration::from_nanos(2)), Duration::ZERO);
    }

    #[test]
    fn converts_to_and_from_the_standard_duration() {
        assert_eq!(Duration::from(core::time::Duration::from_millis(16)), Duration::from_micros(16_000));
        assert_eq!(Duration::from(core::time::Duration::MAX), Duration::MAX);
        assert_eq!(core::time::Duration::from(Duration::from_nanos(7)), core::time::Duration::from_nanos(7));
    }
}
