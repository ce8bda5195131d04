//! UXCost: how far a system is from serving every frame in time at the least energy.
//!
//! ```text
//! for each model m:
//!   R[m] = violated frames / total frames     (dropped, late or never finished is violated)
//!          if none was violated: 1 / (2 * total frames)
//!   E[m] = energy spent on m / energy of the same executed segments, each on its worst accelerator
//! UXCost = (sum over m of w[m] * R[m]) * (sum over m of w[m] * E[m])       weights w are 1 unless given
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
    /// Sum over completed frames of the accuracy that lighter sub-networks gave up, in thousandths of a
    /// percent.
    pub accuracy_given_up: u64,
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
    /// From the models' tallies and weights in percent. O(models).
    pub fn of<'a>(models: impl IntoIterator<Item = (&'a Tally, u16)>) -> Self {
        let mut sums = Self::default();
        for (tally, weight_percent) in models {
            if let Some(rate) = tally.violation_rate() {
                let weight = f64::from(weight_percent) / 100.0;
                sums.violation_rate_sum += weight * rate;
                sums.energy_norm_sum += weight * tally.normalised_energy();
            }
        }
        sums
    }

    /// The product: UXCost, lower is better.
    pub fn value(&self) -> f64 {
        self.violation_rate_sum * self.energy_norm_sum
    }
}

/// UXCost of one window, as the tuner takes it: in single precision, which small processors have or do
/// quickly.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct WindowCost {
    violation_rate_sum: f32,
    energy_norm_sum: f32,
}

impl WindowCost {
    /// Adds a model: its tally in the window, and its weight in percent.
    pub(crate) fn add(&mut self, tally: &Tally, weight_percent: u16) {
        if tally.frames == 0 {
            return;
        }
        let violated = if tally.violated == 0 { 0.5 } else { tally.violated as f32 };
        // By halves: the processor converts 32 bits.
        let single =
            |energy_nj: u64| (energy_nj >> 32) as u32 as f32 * 4_294_967_296.0 + energy_nj as u32 as f32;
        let (energy, worst) = (single(tally.energy_nj), single(tally.worst_energy_nj));
        let weight = f32::from(weight_percent) / 100.0;
        self.violation_rate_sum += weight * (violated / tally.frames as f32);
        self.energy_norm_sum += weight * if worst == 0.0 { 1.0 } else { energy / worst };
    }

    /// The product: UXCost.
    pub(crate) fn value(self) -> f32 {
        self.violation_rate_sum * self.energy_norm_sum
    }

    pub(crate) const fn wide(self) -> UxCost {
        UxCost {
            violation_rate_sum: self.violation_rate_sum as f64,
            energy_norm_sum: self.energy_norm_sum as f64,
        }
    }
}

/// Where a window began: what to subtract from a tally.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mark {
    ended: u32,
    violated: u32,
    energy_nj: u64,
    worst_energy_nj: u64,
}

impl Mark {
    /// The tally of the frames that ended since the mark, and the mark for the next window. O(1).
    pub(crate) fn advance(&mut self, now: &Tally) -> Tally {
        let ended = now.completed.wrapping_add(now.dropped);
        let since = Tally {
            frames: ended.wrapping_sub(self.ended),
            violated: now.violated.wrapping_sub(self.violated),
            energy_nj: now.energy_nj.wrapping_sub(self.energy_nj),
            worst_energy_nj: now.worst_energy_nj.wrapping_sub(self.worst_energy_nj),
            ..Tally::default()
        };
        *self = Self {
            ended,
            violated: now.violated,
            energy_nj: now.energy_nj,
            worst_energy_nj: now.worst_energy_nj,
        };
        since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_computed_window_of_two_models() {
        let gaze = Tally {
            frames: 60,
            completed: 57,
            violated: 6,
            dropped: 3,
            energy_nj: 30,
            worst_energy_nj: 60,
            ..Tally::default()
        };
        let hand =
            Tally { frames: 30, completed: 30, energy_nj: 45, worst_energy_nj: 60, ..Tally::default() };
        let cost = UxCost::of([(&gaze, 100), (&hand, 100)]);
        assert!((cost.violation_rate_sum - (0.1 + 1.0 / 60.0)).abs() < 1e-12);
        assert!((cost.energy_norm_sum - 1.25).abs() < 1e-12);
        assert!((cost.value() - 1.25 * (0.1 + 1.0 / 60.0)).abs() < 1e-12);
    }

    #[test]
    fn a_window_in_single_precision_is_that_in_double() {
        let tally = |frames, violated, energy_nj, worst_energy_nj| Tally {
            frames,
            violated,
            energy_nj,
            worst_energy_nj,
            ..Tally::default()
        };
        let windows = [
            tally(60, 6, 30, 60),
            tally(30, 0, 45, 60),
            tally(7, 7, 0, 0),
            tally(0, 0, 5, 9),
            tally(u32::MAX, 3, u64::MAX / 3, u64::MAX),
            tally(1, 0, (1 << 32) + 7, (1 << 33) + 1),
            // Measured energy may be more than the tables' worst.
            tally(2, 1, 900, 300),
        ];
        let mut single = WindowCost::default();
        for (tally, weight) in windows.iter().zip([100, 50, 200, 100, 100, 25, 100]) {
            single.add(tally, weight);
        }
        let double = UxCost::of(windows.iter().zip([100, 50, 200, 100, 100, 25, 100]));
        assert!((f64::from(single.value()) / double.value() - 1.0).abs() < 1e-5, "{single:?} {double:?}");
        assert!((single.wide().value() / double.value() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn dropping_everything_is_the_worst_that_can_happen() {
        let none = Tally { frames: 10, violated: 10, dropped: 10, ..Tally::default() };
        assert_eq!(UxCost::of([(&none, 100)]).value(), 1.0);
    }

    #[test]
    fn a_model_without_frames_counts_in_neither_sum() {
        let some = Tally { frames: 1, completed: 1, energy_nj: 1, worst_energy_nj: 2, ..Tally::default() };
        assert_eq!(UxCost::of([(&some, 100), (&Tally::default(), 100)]), UxCost::of([(&some, 100)]));
    }

    #[test]
    fn a_model_of_double_weight_counts_as_two_of_it() {
        let some = Tally {
            frames: 4,
            completed: 4,
            violated: 1,
            energy_nj: 1,
            worst_energy_nj: 2,
            ..Tally::default()
        };
        assert_eq!(UxCost::of([(&some, 200)]), UxCost::of([(&some, 100), (&some, 100)]));
    }

    #[test]
    fn a_window_counts_what_ended_since_its_mark() {
        let mut mark = Mark::default();
        let early = Tally {
            frames: 5,
            completed: 3,
            violated: 1,
            energy_nj: 10,
            worst_energy_nj: 20,
            ..Tally::default()
        };
        assert_eq!(mark.advance(&early).frames, 3);
        let late = Tally {
            frames: 9,
            completed: 6,
            dropped: 1,
            violated: 3,
            energy_nj: 15,
            worst_energy_nj: 30,
            ..early
        };
        let window = mark.advance(&late);
        assert_eq!((window.frames, window.violated, window.energy_nj, window.worst_energy_nj), (4, 2, 5, 10));
        assert_eq!(mark.advance(&late).violation_rate(), None, "nothing since");
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
