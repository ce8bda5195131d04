//! Where and when faults strike: drawn from the seed, among what the undisturbed run uses.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sdrm3_core::{Checksum, Duration, Instant};

use super::Kind;
use crate::engine::Cell;
use crate::scenario::{ACCELERATORS, MODELS};

/// From when to when faults strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first fault begins.
    pub from: Instant,
    /// The last one is gone.
    pub until: Instant,
}

impl Window {
    /// From a quarter of the run on, for 400 ms, or for a fifth of a run of less than 2 s.
    pub fn of(duration: Duration) -> Self {
        let from = Instant::from_nanos(duration.as_nanos() / 4);
        let length = Duration::from_nanos((duration.as_nanos() / 5).min(400_000_000));
        Self { from, until: from.saturating_add(length) }
    }

    /// Whether the instant lies in it.
    pub fn has(&self, at: Instant) -> bool {
        self.from <= at && at < self.until
    }

    /// From the first strike to the last one's end; the plain window without any.
    pub fn around(strikes: &[Strike], duration: Duration) -> Self {
        let windows = strikes.iter().map(|strike| strike.window);
        windows
            .reduce(|a, b| Self { from: a.from.min(b.from), until: a.until.max(b.until) })
            .unwrap_or_else(|| Self::of(duration))
    }
}

/// One fault, aimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// What.
    pub kind: Kind,
    /// When.
    pub window: Window,
    /// At which accelerator, if the fault is one of an accelerator.
    pub accelerator: usize,
    /// At which model, if the fault is one of blocks or arrivals.
    pub model: usize,
}

/// How many blocks of each model were dispatched to each accelerator, within [`Window::of`].
pub type Usage = [[u32; MODELS]; ACCELERATORS];

/// Aims faults. Each begins within the first half of [`Window::of`] and lasts as long as that, so that any
/// two overlap. Accelerators and models are drawn among the pairs of which at least four blocks ran, so
/// that there is something to strike at; a burst's model among those whose frames arrive by themselves.
/// In a cell, a fault strikes at the same, whether alone or with another.
pub(super) fn aim(kinds: &[Kind], cell: &Cell<'_>, usage: &Usage) -> Vec<Strike> {
    let Cell { scenario, duration, .. } = *cell;
    let first = Window::of(duration);
    let length = first.until.saturating_since(first.from);
    let at_least = |blocks: u32| -> Vec<(usize, usize)> {
        let of_accelerator = |(accelerator, row): (usize, &[u32; MODELS])| {
            let used = row.iter().enumerate().filter(|(_, count)| **count >= blocks);
            used.map(|(model, _)| (accelerator, model)).collect::<Vec<_>>()
        };
        usage.iter().enumerate().flat_map(of_accelerator).collect()
    };
    let pairs = [at_least(4), at_least(1), vec![(0, 0)]].into_iter().find(|pairs| !pairs.is_empty());
    let pairs = pairs.unwrap_or_default();
    let arrives = |&(_, model): &(usize, &crate::scenario::ModelSpec)| model.parent.is_none() && model.active;
    let roots: Vec<usize> =
        scenario.models.iter().enumerate().filter(arrives).map(|(index, _)| index).collect();
    let strike = |&kind: &Kind| {
        let mut random = generator(cell, &[kind]);
        let (accelerator, used) = pairs[below(&mut random, pairs.len())];
        let root = roots.get(below(&mut random, roots.len())).copied().unwrap_or(0);
        let late = below(&mut random, length.as_nanos() as usize / 2) as u64;
        let from = first.from.saturating_add(Duration::from_nanos(late));
        let window = Window { from, until: from.saturating_add(length) };
        Strike { kind, window, accelerator, model: if kind == Kind::Burst { root } else { used } }
    };
    kinds.iter().map(strike).collect()
}

/// The source of the draws of these faults in a cell.
pub(super) fn generator(cell: &Cell<'_>, kinds: &[Kind]) -> impl Rng + use<> {
    let names = Checksum::EMPTY.bytes(cell.scenario.name.as_bytes()).bytes(cell.platform.name.as_bytes());
    let mut key = [0; 32];
    key[..8].copy_from_slice(&cell.seed.to_le_bytes());
    key[8..16].copy_from_slice(&names.value().to_le_bytes());
    for (place, kind) in key[16..].iter_mut().zip(kinds) {
        *place = 1 + *kind as u8;
    }
    ChaCha8Rng::from_seed(key)
}

fn below(random: &mut impl Rng, end: usize) -> usize {
    random.random_range(0..end.max(1))
}
