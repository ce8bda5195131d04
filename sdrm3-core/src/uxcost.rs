//! UXCost: how far a system is from serving every frame in time at the least energy.
//!
//! ```text
//! for each model m:
//!   R[m] = violated frames / total frames     (dropped, late or never finished is violated)
//!          if none was violated: 1 / (2 * total frames)
//!   E[m] = energy spent on m / energy of the same executed segments, each on its worst accelerator
//! UXCost = (sum over m of R[m]) * (sum over m of E[m])
//! ```
//!
//! Counters are integers, so that a day of frames adds up exactly; the quotients are taken when
//! asked for. Details the paper leaves open: a model without any frame counts in neither sum. A
//! model of which nothing ran has `E = 1`, the worst: doing nothing saves no energy. The energy of a
//! switch counts above and below the line of `E`, which it can only raise, never above one.

/// What became of one model's frames, and what they took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Tally {
    /// Frames released; those left out at the end of a run are taken out again.
    pub frames: u32,
    /// Frames with a result, late ones included.
    pub completed: u32,
    /// Frames dropped, late or unfinished past their deadline.
    pub violated: u32,
    /// Frames that ended without a result.
    pub dropped: u32,
    /// Energy spent, in nanojoules.
    pub energy_nj: u64,
    /// Energy of the same segments, each on its worst accelerator, in nanojoules.
    pub worst_energy_nj: u64,
}

impl Tally {
    /// `R`: the share of violated frames, or half a frame's share when none was violated; `None`
    /// without frames.
    pub fn violation_rate(&self) -> Option<f64> {
        match (self.violated, self.frames) {
            (_, 0) => None,
            (0, frames) => Some(0.5 / f64::from(frames)),
            (violated, frames) => Some(f64::from(violated) / f64::from(frames)),
        }
    }

    /// `E`: energy over that on the worst accelerators; 1 when nothing ran or nothing has an energy.
    pub fn normalised_energy(&self) -> f64 {
        if self.worst_energy_nj == 0 { 1.0 } else { self.energy_nj as f64 / self.worst_energy_nj as f64 }
    }
}

/// UXCost and its two factors.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct UxCost {
    /// Sum of `R` over the models.
    pub violation_rate_sum: f64,
    /// Sum of `E` over the models.
    pub energy_norm_sum: f64,
}

impl UxCost {
    /// From the models' tallies. O(models).
    pub fn of<'a>(tallies: impl IntoIterator<Item = &'a Tally>) -> Self {
        let mut sums = Self::default();
        for tally in tallies {
            if let Some(rate) = tally.violation_rate() {
                sums.violation_rate_sum += rate;
                sums.energy_norm_sum += tally.normalised_energy();
            }
        }
        sums
    }

    /// The product: UXCost, lower is better.
    pub fn value(&self) -> f64 {
        self.violation_rate_sum * self.energy_norm_sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_computed_window_of_two_models() {
        let gaze =
            Tally { frames: 60, completed: 57, violated: 6, dropped: 3, energy_nj: 30, worst_energy_nj: 60 };
        let hand =
            Tally { frames: 30, completed: 30, energy_nj: 45, worst_energy_nj: 60, ..Tally::default() };
        let cost = UxCost::of([&gaze, &hand]);
        assert!((cost.violation_rate_sum - (0.1 + 1.0 / 60.0)).abs() < 1e-12);
        assert!((cost.energy_norm_sum - 1.25).abs() < 1e-12);
        assert!((cost.value() - 1.25 * (0.1 + 1.0 / 60.0)).abs() < 1e-12);
    }

    #[test]
    fn dropping_everything_is_the_worst_that_can_happen() {
        let none = Tally { frames: 10, violated: 10, dropped: 10, ..Tally::default() };
        assert_eq!(UxCost::of([&none]).value(), 1.0);
    }

    #[test]
    fn a_model_without_frames_counts_in_neither_sum() {
        let some = Tally { frames: 1, completed: 1, energy_nj: 1, worst_energy_nj: 2, ..Tally::default() };
        assert_eq!(UxCost::of([&some, &Tally::default()]), UxCost::of([&some]));
    }

    #[test]
    fn a_day_of_frames_adds_up_exactly() {
        // 60 frames a second of 4.29 J each for a day is 2.2e16 nJ: far from the end of a u64, and
        // where an f64 no longer holds every integer.
        let mut day = Tally::default();
        for _ in 0..60 * 60 * 24 {
            day.energy_nj += 60 * u64::from(u32::MAX);
        }
        assert_eq!(day.energy_nj, 5_184_000 * u64::from(u32::MAX));
    }
}
