//! Online tuning of (alpha, beta): a small pattern search on the UXCost of windows.
//!
//! Our reading of the published method: probe neighbours, move downhill, shrink the step; at most
//! five moves until it settles; start again when the workload changes.
//!
//! ```text
//!  arm --> Warm --> Base --> Again --> Probe (+alpha, -alpha, +beta, -beta) --better--> move --> Again
//!                                        |  ^
//!                                  none better: halve the step
//!                                        +---- below the smallest step, or five moves ----> Settled
//! ```
//!
//! Each arrow is a window. A probe counts as better only if it is so by more than windows at one place
//! differ of themselves (`Base` and `Again` tell) and by one percent, and the move is undone when the
//! window after it says otherwise: noise does not drive it about.
//! A settled tuner watches the cost level: two windows in a row that are half as costly again, or
//! less than two thirds as costly, arm it anew, as does a change of the workload that is made known.

use crate::score::Weight;

/// The two weights of MapScore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Weights {
    /// Weight of the starvation term.
    pub alpha: Weight,
    /// Weight of the energy term.
    pub beta: Weight,
}

impl Default for Weights {
    /// Both are one.
    fn default() -> Self {
        Self { alpha: Weight::ONE, beta: Weight::ONE }
    }
}

/// Moves until it settles, at most.
const MOVES: u8 = 5;
/// First and smallest step.
const FIRST_STEP: u32 = Weight::ONE.to_bits();
const SMALLEST_STEP: u32 = Weight::ONE.to_bits() / 8;
/// By how much a probe must be better at least, and how noisy windows are taken to be at most.
const LEAST_GAIN: f32 = 0.01;
const MOST_NOISE: f32 = 0.2;
/// By which factor the level must shift, in how many windows in a row, to arm again.
const SHIFT: f32 = 1.5;
const STRIKES: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Phase {
    /// The workload has just changed: this window is not measured.
    Warm,
    /// The first window at the centre.
    Base,
    /// The second window at the centre, to learn the noise.
    Again,
    /// A window at the neighbour in this direction.
    Probe(u8),
    /// Nothing is tried any more.
    Settled,
}

/// The state of the search: at most 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Tuner {
    centre: Weights,
    step: u32,
    /// Cost at the centre; of the best neighbour so far; settled: the level.
    base: f32,
    best: f32,
    /// The centre that the latest move left and the cost there: a move that turns out no better is undone.
    previous: Weights,
    left: f32,
    /// Largest relative difference of two windows at the same place.
    noise: f32,
    phase: Phase,
    best_direction: u8,
    /// The direction it came from, not tried again; 4 is none.
    back: u8,
    moves: u8,
    strikes: u8,
    frozen: bool,
}

const _: () = assert!(size_of::<Tuner>() <= 64, "the tuner's state fits in 64 bytes");

const NONE: u8 = 4;

impl Tuner {
    /// An armed tuner that starts from these weights.
    pub const fn new(start: Weights) -> Self {
        Self {
            centre: start,
            step: FIRST_STEP,
            base: 0.0,
            best: f32::INFINITY,
            previous: start,
            left: f32::INFINITY,
            noise: 0.0,
            phase: Phase::Warm,
            best_direction: NONE,
            back: NONE,
            moves: 0,
            strikes: 0,
            frozen: false,
        }
    }

    /// The workload has changed: search again, from where it stands.
    pub fn arm(&mut self) {
        let frozen = self.frozen;
        *self = Self { frozen, ..Self::new(self.centre) };
    }

    /// Stops or resumes tuning; a frozen tuner keeps its centre.
    pub fn freeze(&mut self, frozen: bool) {
        self.frozen = frozen;
    }

    /// Whether it has stopped trying.
    pub fn is_settled(&self) -> bool {
        self.frozen || self.phase == Phase::Settled
    }

    /// Moves since it was last armed, at most five.
    pub fn moves(&self) -> u8 {
        self.moves
    }

    /// The best weights so far.
    pub fn centre(&self) -> Weights {
        self.centre
    }

    /// The weights for the window that begins now.
    pub fn weights(&self) -> Weights {
        match self.phase {
            Phase::Probe(direction) if !self.frozen => self.neighbour(direction).unwrap_or(self.centre),
            _ => self.centre,
        }
    }

    /// Takes in the UXCost of a window that has ended and was not empty; one that is not finite changes nothing. O(1).
    pub fn window(&mut self, cost: f32) {
        if self.frozen || !cost.is_finite() {
            return;
        }
        match self.phase {
            Phase::Warm => self.phase = Phase::Base,
            Phase::Base => {
                self.base = cost;
                self.phase = Phase::Again;
            }
            Phase::Again => {
                // Not `max` and `min`: no cost is NaN, and they ask.
                let (differs, sum) = ((self.base - cost).abs(), self.base + cost);
                let noise = if sum > 0.0 { differs / sum } else { 0.0 };
                if noise > self.noise {
                    self.noise = if noise > MOST_NOISE { MOST_NOISE } else { noise };
                }
                self.base = 0.5 * (self.base + cost);
                if self.base > self.left {
                    self.go_back();
                }
                self.probe_from(0);
            }
            Phase::Probe(direction) => {
                if cost < self.best {
                    self.best = cost;
                    self.best_direction = direction;
                }
                self.probe_from(direction + 1);
            }
            Phase::Settled => self.watch(cost),
        }
    }

    /// Probes the next neighbour there is, from `direction` on; after the last one moves, shrinks the
    /// step or settles. O(1): at most four neighbours.
    fn probe_from(&mut self, direction: u8) {
        for direction in direction..NONE {
            if direction != self.back && self.neighbour(direction).is_some() {
                self.phase = Phase::Probe(direction);
                return;
            }
        }
        let best = core::mem::replace(&mut self.best, f32::INFINITY);
        if self.moves < MOVES && best < self.base * (1.0 - self.noise.max(LEAST_GAIN)) {
            (self.previous, self.left) = (self.centre, self.base);
            self.centre = self.neighbour(self.best_direction).unwrap_or(self.centre);
            self.back = self.best_direction ^ 1;
            self.base = best;
            self.moves += 1;
            // Measured once only, and chosen for being low: measure again.
            self.phase = Phase::Again;
        } else if self.moves < MOVES && self.step / 2 >= SMALLEST_STEP {
            self.step /= 2;
            self.back = NONE;
            self.probe_from(0);
        } else {
            self.strikes = 0;
            self.phase = Phase::Settled;
        }
    }

    /// The latest move does not hold what it promised: undo it.
    fn go_back(&mut self) {
        self.centre = self.previous;
        self.base = self.left;
        self.left = f32::INFINITY;
        self.back ^= 1;
    }

    fn watch(&mut self, cost: f32) {
        if cost > self.base * SHIFT || cost * SHIFT < self.base {
            self.strikes += 1;
            if self.strikes >= STRIKES {
                self.arm();
            }
        } else {
            self.strikes = 0;
            self.base += (cost - self.base) / 8.0;
        }
    }

    /// The neighbour of the centre in a direction: +alpha, -alpha, +beta, -beta; `None` where the
    /// range of weights leaves no half step.
    fn neighbour(&self, direction: u8) -> Option<Weights> {
        let Weights { alpha, beta } = self.centre;
        let (old, up) = (if direction < 2 { alpha } else { beta }, direction & 1 == 0);
        let bits = old.to_bits();
        let new = if up {
            bits.saturating_add(self.step).min(Weight::MAX.to_bits())
        } else {
            bits.saturating_sub(self.step)
        };
        if new.abs_diff(bits) < self.step / 2 {
            return None;
        }
        let new = Weight::from_bits(new);
        Some(if direction < 2 { Weights { alpha: new, beta } } else { Weights { alpha, beta: new } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs windows on a landscape until settled; how many.
    fn settle(tuner: &mut Tuner, mut cost: impl FnMut(f64, f64) -> f64) -> usize {
        for windows in 0..100 {
            if tuner.is_settled() {
                return windows;
            }
            let Weights { alpha, beta } = tuner.weights();
            tuner.window(cost(alpha.as_f64(), beta.as_f64()) as f32);
        }
        panic!("does not settle: {tuner:?}");
    }

    fn bowl(a: f64, b: f64) -> impl Fn(f64, f64) -> f64 {
        move |alpha, beta| 1.0 + (alpha - a).powi(2) + (beta - b).powi(2)
    }

    #[test]
    fn it_finds_the_bottom_of_a_bowl_in_at_most_five_moves() {
        for a in [0.0, 0.5, 1.0, 1.3, 2.0] {
            for b in [0.0, 0.8, 1.0, 2.0] {
                let mut tuner = Tuner::new(Weights::default());
                let windows = settle(&mut tuner, bowl(a, b));
                let found = bowl(a, b)(tuner.centre().alpha.as_f64(), tuner.centre().beta.as_f64());
                assert!(found < 1.05, "({a}, {b}): {found}");
                assert!(tuner.moves() <= MOVES && windows <= 40, "{windows} windows");
            }
        }
    }

    #[test]
    fn it_stays_where_it_is_on_a_plain() {
        let mut tuner = Tuner::new(Weights::default());
        settle(&mut tuner, |_, _| 0.7);
        assert_eq!((tuner.centre(), tuner.moves()), (Weights::default(), 0));
    }

    /// Noise of at most `share`, from a small generator.
    fn noise(seed: u32, share: f64) -> impl FnMut() -> f64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
        move || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            1.0 + share * (f64::from(state) / f64::from(u32::MAX) - 0.5)
        }
    }

    #[test]
    fn noise_does_not_drive_it_about() {
        // On a plain whose windows differ by a tenth, 200 times.
        let mut moved = 0.0;
        for seed in 1..=200 {
            let mut noise = noise(seed, 0.1);
            let mut tuner = Tuner::new(Weights::default());
            settle(&mut tuner, |_, _| noise());
            let Weights { alpha, beta } = tuner.centre();
            moved += (alpha.as_f64() - 1.0).abs() + (beta.as_f64() - 1.0).abs();
        }
        assert!(moved / 200.0 < 1.0, "moved by {} on average", moved / 200.0);
    }

    #[test]
    fn noise_does_not_hide_a_bottom_worth_finding() {
        // A bowl twice as high at its start as at its bottom, with noise of a tenth.
        let mut costs = std::vec::Vec::new();
        for seed in 1..=200 {
            let mut noise = noise(seed, 0.1);
            let mut tuner = Tuner::new(Weights::default());
            settle(&mut tuner, |a, b| bowl(0.3, 1.7)(a, b) * noise());
            costs.push(bowl(0.3, 1.7)(tuner.centre().alpha.as_f64(), tuner.centre().beta.as_f64()));
        }
        costs.sort_by(f64::total_cmp);
        assert!(costs[100] < 1.05 && costs[180] < 1.15, "median {}, 90 % {}", costs[100], costs[180]);
    }

    #[test]
    fn a_senseless_window_changes_nothing() {
        let mut tuner = Tuner::new(Weights::default());
        tuner.window(1.0);
        let before = tuner;
        for cost in [f32::NAN, f32::INFINITY] {
            tuner.window(cost);
            assert_eq!(tuner, before);
        }
    }

    #[test]
    fn a_shifted_level_arms_it_and_a_single_odd_window_does_not() {
        let mut tuner = Tuner::new(Weights::default());
        settle(&mut tuner, bowl(1.0, 1.0));
        for cost in [9.0, 1.0, 1.0, 0.1, 1.0] {
            tuner.window(cost);
            assert!(tuner.is_settled(), "after {cost}");
        }
        tuner.window(2.0);
        tuner.window(2.0);
        assert!(!tuner.is_settled());
        assert!(settle(&mut tuner, bowl(0.0, 2.0)) > 0);
        assert_eq!(tuner.centre(), Weights { alpha: Weight::ZERO, beta: Weight::MAX });
    }

    #[test]
    fn frozen_it_keeps_its_weights() {
        let mut tuner = Tuner::new(Weights::default());
        tuner.freeze(true);
        for cost in [1.0, 5.0, 0.1, 7.0] {
            tuner.window(cost);
            assert_eq!(tuner.weights(), Weights::default());
        }
        assert!(tuner.is_settled());
    }
}
