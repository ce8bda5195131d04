//! The terms of MapScore, one pure, total function each, in fixed point.
//!
//! Our reading of the published method (arXiv 2212.03414, later DREAM); each equation stands
//! in this file once. For a job `j`, its next segment `n`, the accelerators `a` that can run `n`,
//! at time `t`:
//!
//! ```text
//! Urgency(j,t)    = ToGo(j) / Slack(j,t)                                 at most 16
//! LatPref(j,a)    = sum over a' of lat(n,a') / lat(n,a)                  at most 256
//! Starv(j,t)      = (t - time j became ready) / mean over a of lat(n,a)  at most 4096
//! EnergyPref(j,a) = sum over a' of en(n,a')  / en(n,a)                   at most 256
//! Switch(j,a)     = energy to move a to j    / en(n,a)                   at most 256
//! Energy(j,a)     = EnergyPref(j,a) - Switch(j,a)
//!
//! MapScore(j,a,t) = Urgency * LatPref + alpha * Starv + beta * Energy    alpha, beta in [0, 2]
//! ```
//!
//! The paper leaves `Slack <= 0` undefined. Here the urgency of a job saturates at
//! [`URGENCY_MAX`] once its slack falls to a sixteenth of its remaining work, and stays there
//! past the deadline: never negative, never a division by zero.
//!
//! | quantity | format | resolution | largest |
//! |---|---|---|---|
//! | urgency | Q4.28 in `u32` | 3.7e-9 | 16 |
//! | preferences, switch | Q8.24 in `u32` | 6.0e-8 | 256 |
//! | starvation | Q12.20 in `u32` | 9.5e-7 | 4096 |
//! | [`Weight`] | Q2.30 in `u32` | 9.3e-10 | 2 |
//! | [`Score`] of MapScore | Q43.20 in `i64` | 9.5e-7 | 12800 reached |
//!
//! Divisions work on 32-bit operands (one hardware division each on Cortex-M3 and up, and on
//! RV32IM) and are right to 1 part in 2^14. With one rounding per product the score of a pair lies
//! within 0.02 % of the sum of its terms' magnitudes, plus 4e-6, of exact arithmetic; without a switch
//! term that sum is the score. `tests/decision.rs` holds it against `f64`.

use crate::time::Duration;

/// Fraction bits of an urgency.
pub const URGENCY_BITS: u32 = 28;
/// Fraction bits of a preference and of the switch term.
pub const PREFERENCE_BITS: u32 = 24;
/// Fraction bits of a starvation and of a MapScore.
pub const SCORE_BITS: u32 = 20;
/// Fraction bits of a weight.
pub const WEIGHT_BITS: u32 = 30;

/// The largest urgency, just below 16: of every job that is late or nearly so.
pub const URGENCY_MAX: u32 = u32::MAX;

/// How much a pair of job and accelerator is wanted: larger is better. A total order.
///
/// A policy may use any scale; MapScore has [`SCORE_BITS`] fraction bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Score(pub i64);

impl Score {
    /// The score of a policy that leaves the order to the documented ties.
    pub const ZERO: Self = Self(0);
}

/// A weight of MapScore, alpha or beta: 0 to 2 in steps of 2^-30.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Weight(u32);

impl Weight {
    /// No influence.
    pub const ZERO: Self = Self(0);
    /// One.
    pub const ONE: Self = Self(1 << WEIGHT_BITS);
    /// The largest weight, two.
    pub const MAX: Self = Self(2 << WEIGHT_BITS);

    /// From thousandths; more than 2000 gives [`Weight::MAX`].
    pub const fn from_millis(thousandths: u32) -> Self {
        if thousandths >= 2_000 {
            return Self::MAX;
        }
        Self((((thousandths as u64) << WEIGHT_BITS) / 1_000) as u32)
    }

    /// From a number; `None` unless it lies in 0 to 2.
    pub const fn from_f64(value: f64) -> Option<Self> {
        if value >= 0.0 && value <= 2.0 { Some(Self((value * Self::ONE.0 as f64) as u32)) } else { None }
    }

    /// As a number, exact.
    pub const fn as_f64(self) -> f64 {
        self.0 as f64 / Self::ONE.0 as f64
    }

    /// From raw Q2.30 bits; more than two gives [`Weight::MAX`].
    pub const fn from_bits(bits: u32) -> Self {
        if bits > Self::MAX.0 { Self::MAX } else { Self(bits) }
    }

    /// The raw Q2.30 bits.
    pub const fn to_bits(self) -> u32 {
        self.0
    }
}

/// Work left, made ready for [`urgency_at_ease`]: its leading bits; the lowest six say, signed, by how much they
/// were shifted up beyond 30, and are too few to matter in the quotient.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Togo(u32);

impl Togo {
    /// Of any size.
    pub(crate) const fn of(work: Duration) -> Self {
        let zeros = work.as_nanos().leading_zeros();
        // Below eight nanoseconds, which no segment takes, no further, so that the quotient is not shifted
        // down by more than 31.
        let up = if zeros > 60 { 60 } else { zeros };
        let leading = ((work.as_nanos() << up) >> 32) as u32;
        Self(leading & !63 | up.wrapping_sub(30) & 63)
    }

    pub(crate) const fn to_bits(self) -> u32 {
        self.0
    }

    #[inline(always)]
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    #[inline(always)]
    const fn shift(self) -> i32 {
        (self.0 << 26) as i32 >> 26
    }
}

/// The inverse of a latency, made ready for [`starvation_of_ready`]: 17 leading bits; the lowest five say by
/// how much a wait is shifted up ahead of the product, and are too few to matter in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inverse(u32);

impl Inverse {
    const SHIFT: u32 = 31;

    /// One 32-bit division; a latency of zero counts as one.
    pub(crate) const fn of(latency_ns: u32) -> Self {
        let latency = if latency_ns == 0 { 1 } else { latency_ns };
        let zeros = leading_zeros(latency);
        // Its top bit is set anyway: so the compiler sees that it is not zero.
        let inverse = u32::MAX / ((latency << (zeros & 31)) >> 16 | 1 << 15);
        // wait / latency * 2^20 = wait * inverse * 2^(zeros - 28), of which the product's high word gives 2^-32.
        if zeros > 11 {
            Self((inverse << 15) & !Self::SHIFT | (zeros - 11))
        } else {
            Self((inverse << (zeros + 4)) & !Self::SHIFT)
        }
    }
}

/// The place of the highest bit of a mask that is not empty.
#[inline(always)]
pub(crate) const fn highest_bit(mask: u32) -> u32 {
    31 ^ leading_zeros(mask) & 31
}

#[cfg(not(all(target_arch = "riscv32", not(target_feature = "zbb"))))]
#[inline(always)]
const fn leading_zeros(value: u32) -> u32 {
    value.leading_zeros()
}

/// RV32IMAC has no instruction for it.
#[cfg(all(target_arch = "riscv32", not(target_feature = "zbb")))]
#[inline(always)]
const fn leading_zeros(value: u32) -> u32 {
    leading_zeros_by_table(value)
}

#[cfg(any(test, all(target_arch = "riscv32", not(target_feature = "zbb"))))]
#[inline(always)]
const fn leading_zeros_by_table(value: u32) -> u32 {
    static OF_BYTE: [u8; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            table[byte] = (byte as u8).leading_zeros() as u8;
            byte += 1;
        }
        table
    };
    // The longest first: the most frequent.
    if value >> 24 != 0 {
        return OF_BYTE[(value >> 24) as usize] as u32;
    }
    let (above, byte) = if value >> 16 != 0 {
        (8, value >> 16)
    } else if value >> 8 != 0 {
        (16, value >> 8)
    } else {
        (24, value)
    };
    above + OF_BYTE[(byte & 255) as usize] as u32
}

/// `Urgency = ToGo / Slack` in Q4.28, where the slack is what is left until the deadline, zero when
/// it has passed; saturating. One 32-bit division.
pub const fn urgency(togo: Duration, slack: Duration) -> u32 {
    any_urgency(Togo::of(togo), slack.as_nanos())
}

/// The same with the work made ready ahead, for a slack of at least two nanoseconds and above a quarter of it.
#[inline(always)]
pub(crate) const fn urgency_at_ease(togo: Togo, slack_ns: u32) -> u32 {
    let zeros = leading_zeros(slack_ns);
    let quotient = togo.0 / ((slack_ns << (zeros & 31)) >> 16 | 1 << 15);
    // The quotient has 17 bits. Work below four times the slack has two bits more than that at most: so `down` is no
    // less than zero.
    let down = togo.shift() - zeros as i32;
    (quotient << 14) >> (down & 31)
}

#[cold]
#[inline(never)]
pub(crate) const fn any_urgency(togo: Togo, slack_ns: u64) -> u32 {
    let zeros = slack_ns.leading_zeros();
    if zeros == 64 {
        return URGENCY_MAX;
    }
    let quotient = togo.0 / ((slack_ns << zeros) >> 48 | 1 << 15) as u32;
    let up = zeros as i32 - 18 - togo.shift();
    if up <= -32 {
        0
    } else if up <= 0 {
        quotient >> -up
    } else if up > quotient.leading_zeros() as i32 {
        URGENCY_MAX
    } else {
        quotient << up
    }
}

/// `LatPref` or `EnergyPref = sum / own` in Q8.24. Exact but for rounding down; evaluated when the
/// tables are derived, not in the decision. A cost of zero is infinitely preferable (saturates),
/// unless all `among` costs are zero: then nothing is preferred and the ratio is `among`.
pub const fn preference(sum: u64, own: u32, among: u32) -> u32 {
    if sum == 0 {
        return among << PREFERENCE_BITS;
    }
    if own == 0 {
        return u32::MAX;
    }
    let exact = ((sum as u128) << PREFERENCE_BITS) / own as u128;
    if exact > u32::MAX as u128 { u32::MAX } else { exact as u32 }
}

/// `Starv = wait / mean latency of the next segment` in Q12.20, saturating. One 32-bit division.
pub const fn starvation(wait: Duration, mean_latency_ns: u32) -> u32 {
    any_starvation(wait.as_nanos(), Inverse::of(mean_latency_ns))
}

/// The same with the latency made ready ahead, for a wait of 32 bits; quick for a starvation below 2048: the
/// high word of a product.
#[inline(always)]
pub(crate) const fn starvation_of_ready(wait_ns: u32, mean_latency: Inverse) -> u32 {
    let up = mean_latency.0 & Inverse::SHIFT;
    let shifted = wait_ns << up;
    if shifted >> up != wait_ns {
        return any_starvation(wait_ns as u64, mean_latency);
    }
    ((shifted as u64 * mean_latency.0 as u64) >> 32) as u32
}

#[cold]
#[inline(never)]
pub(crate) const fn any_starvation(wait_ns: u64, mean_latency: Inverse) -> u32 {
    let up = mean_latency.0 & Inverse::SHIFT;
    let starvation = if wait_ns >> 32 == 0 {
        (wait_ns * mean_latency.0 as u64) >> (32 - up)
    } else if wait_ns >> 44 == 0 {
        ((wait_ns >> 12) * mean_latency.0 as u64) >> (20 - up)
    } else {
        // Over 4096 times the longest latency.
        u64::MAX
    };
    if starvation >> 32 == 0 { starvation as u32 } else { u32::MAX }
}

/// `Switch = switch energy / own energy` in Q8.24, saturating; 0/0 is 0, x/0 saturates. One 32-bit division, only
/// when a switch costs.
///
/// The operands are cut to their leading 32 and 16 bits: the quotient is right to 1 part in 2^14, before it is
/// rounded down to the format.
pub const fn switch(switch_nj: u32, own_nj: u32) -> u32 {
    if switch_nj == 0 {
        return 0;
    }
    let (up, down) = (leading_zeros(switch_nj), 16u32.saturating_sub(leading_zeros(own_nj)));
    let Some(quotient) = (switch_nj << up).checked_div(own_nj >> down) else { return u32::MAX };
    let shift = PREFERENCE_BITS as i32 - up as i32 - down as i32;
    if shift <= 0 {
        quotient >> -shift
    } else if leading_zeros(quotient) < shift as u32 {
        u32::MAX
    } else {
        quotient << shift
    }
}

/// `Urgency * LatPref`, Q4.28 by Q8.24, in Q12.20: the high word of one 32-bit product.
pub const fn urgency_term(urgency: u32, latency_preference: u32) -> i64 {
    ((urgency as u64 * latency_preference as u64) >> (URGENCY_BITS + PREFERENCE_BITS - SCORE_BITS)) as i64
}

/// `alpha * Starv`, Q2.30 by Q12.20, in Q13.20.
pub const fn starvation_term(alpha: Weight, starvation: u32) -> i64 {
    ((alpha.0 as u64 * starvation as u64) >> WEIGHT_BITS) as i64
}

/// `beta * (EnergyPref - Switch)`, Q2.30 by Q8.24, in Q9.20; negative when the switch costs more.
pub const fn energy_term(beta: Weight, energy_preference: u32, switch: u32) -> i64 {
    const SHIFT: u32 = WEIGHT_BITS + PREFERENCE_BITS - SCORE_BITS;
    ((beta.0 as u64 * energy_preference as u64) >> SHIFT) as i64
        - ((beta.0 as u64 * switch as u64) >> SHIFT) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn real(bits: u32, fraction: u32) -> f64 {
        f64::from(bits) / f64::from(1u32 << fraction)
    }

    #[test]
    fn urgency_of_half_the_slack_is_one_half() {
        let u = urgency(Duration::from_micros(500), Duration::from_millis(1));
        assert!((real(u, URGENCY_BITS) - 0.5).abs() < 0.5 / 32768.0);
    }

    #[test]
    fn urgency_is_total_at_and_past_the_deadline() {
        assert_eq!(urgency(Duration::from_nanos(1), Duration::ZERO), URGENCY_MAX);
        assert_eq!(urgency(Duration::ZERO, Duration::ZERO), URGENCY_MAX);
        assert_eq!(urgency(Duration::MAX, Duration::from_nanos(1)), URGENCY_MAX);
        assert_eq!(urgency(Duration::ZERO, Duration::MAX), 0);
    }

    #[test]
    fn preference_of_a_single_accelerator_is_one() {
        assert_eq!(preference(77, 77, 1), 1 << PREFERENCE_BITS);
        assert_eq!(preference(0, 0, 3), 3 << PREFERENCE_BITS, "free everywhere: no preference");
        assert_eq!(preference(10, 0, 3), u32::MAX, "free here only");
        assert_eq!(preference(u64::MAX, 1, 3), u32::MAX, "saturates");
    }

    #[test]
    fn weights_keep_to_their_range() {
        assert_eq!(Weight::from_millis(1_000), Weight::ONE);
        assert_eq!(Weight::from_millis(5_000), Weight::MAX);
        assert_eq!(Weight::from_f64(0.5).unwrap().as_f64(), 0.5);
        assert_eq!(Weight::from_f64(2.0), Some(Weight::MAX));
        for bad in [-0.1, 2.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Weight::from_f64(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn switch_is_right_to_one_part_in_two_to_the_fourteen(n in 1u32.., d in 1u32.., n_cut in 0u32..32, d_cut in 0u32..32) {
            let (n, d) = ((n >> n_cut).max(1), (d >> d_cut).max(1));
            let exact = (f64::from(n) / f64::from(d)).min(real(u32::MAX, PREFERENCE_BITS));
            let got = real(switch(n, d), PREFERENCE_BITS);
            let resolution = 1.0 / f64::from(1u32 << PREFERENCE_BITS);
            prop_assert!((got - exact).abs() <= exact / 16384.0 + resolution, "{n}/{d}: {got} for {exact}");
        }

        #[test]
        fn leading_zeros_by_table_are_those_of_the_instruction(value: u32, cut in 0u32..32) {
            prop_assert_eq!(leading_zeros_by_table(value >> cut), (value >> cut).leading_zeros());
            prop_assert_eq!(leading_zeros_by_table(0), 32);
        }

        #[test]
        fn made_ready_it_gives_the_same_bits(togo: u64, slack: u32, wait: u32, mean: u32, cuts in (0u32..64, 0u32..33, 0u32..33, 0u32..33)) {
            let slack = slack.checked_shr(cuts.1).unwrap_or(0).max(2);
            // Up to four times the slack, and a nanosecond less.
            let togo = Duration::from_nanos((togo >> cuts.0).min(u64::from(slack) * 4 - 1));
            prop_assert_eq!(urgency_at_ease(Togo::of(togo), slack), urgency(togo, Duration::from_nanos(slack.into())));
            let (wait, mean) = (wait.checked_shr(cuts.2).unwrap_or(0), mean.checked_shr(cuts.3).unwrap_or(0));
            prop_assert_eq!(starvation_of_ready(wait, Inverse::of(mean)), starvation(Duration::from_nanos(wait.into()), mean));
        }

        #[test]
        fn urgency_is_right_to_one_part_in_two_to_the_fourteen(togo: u64, slack in 1u64.., togo_cut in 0u32..64, slack_cut in 0u32..64) {
            // Work of a few nanoseconds has fewer bits.
            let (togo, slack) = ((togo >> togo_cut).max(8), (slack >> slack_cut).max(1));
            let exact = (togo as f64 / slack as f64).min(real(u32::MAX, URGENCY_BITS));
            let got = real(urgency(Duration::from_nanos(togo), Duration::from_nanos(slack)), URGENCY_BITS);
            let resolution = 1.0 / f64::from(1u32 << URGENCY_BITS);
            prop_assert!((got - exact).abs() <= exact / 16384.0 + resolution, "{togo}/{slack}: {got} for {exact}");
        }

        #[test]
        fn starvation_is_right_to_one_part_in_two_to_the_fourteen(wait: u64, mean in 1u32.., wait_cut in 0u32..64, mean_cut in 0u32..32) {
            let (wait, mean) = (wait >> wait_cut, (mean >> mean_cut).max(1));
            let exact = (wait as f64 / f64::from(mean)).min(real(u32::MAX, SCORE_BITS));
            let got = real(starvation(Duration::from_nanos(wait), mean), SCORE_BITS);
            let resolution = 1.0 / f64::from(1u32 << SCORE_BITS);
            prop_assert!((got - exact).abs() <= exact / 16384.0 + resolution, "{wait}/{mean}: {got} for {exact}");
        }

        #[test]
        fn urgency_rises_as_the_slack_shrinks_to_within_its_precision(togo in 1u64..1 << 40, slack in 0u64..1 << 40, less in 0u64..1 << 40) {
            let now = urgency(Duration::from_nanos(togo), Duration::from_nanos(slack));
            let later = urgency(Duration::from_nanos(togo), Duration::from_nanos(slack.saturating_sub(less)));
            prop_assert!(later >= now - now / 16384);
        }
    }
}
