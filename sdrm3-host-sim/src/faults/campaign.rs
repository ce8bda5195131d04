//! The campaign: every fault alone and with every other one, and what is reported of each.

use bumpalo::Bump;
use rayon::prelude::*;
use sdrm3_core::{Duration, Instant};
use sdrm3_hal::Trouble;
use serde::Serialize;

use super::plan::{aim, generator};
use super::recovery::Misses;
use super::{Account, Disturbed, Kind, Ledger, Mode, Strike, Window, recovery, tables};
use crate::engine::Cell;
use crate::policy::Method;

/// One fault, or two of them.
pub type Case = Vec<Kind>;

/// Each of these alone, then each pair, in their order.
pub fn cases(kinds: &[Kind]) -> Vec<Case> {
    let alone = kinds.iter().map(|kind| vec![*kind]);
    let pairs = kinds
        .iter()
        .enumerate()
        .flat_map(|(index, first)| kinds[index + 1..].iter().map(move |second| vec![*first, *second]));
    alone.chain(pairs).collect()
}

/// What came of all cases in one scenario on one platform under one policy.
#[derive(Clone, Debug, Serialize)]
pub struct CellReport {
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the platform.
    pub platform: String,
    /// Name of the policy, and what it goes without.
    pub policy: String,
    /// Seed of all draws.
    pub seed: u64,
    /// Virtual time of each run, in milliseconds.
    pub duration_ms: u32,
    /// Frames offered, in all runs.
    pub frames: usize,
    /// Frames without exactly one end, in all runs: 0, or frames are lost without account.
    pub unaccounted: u32,
    /// Share of frames missed without any fault.
    pub undisturbed_miss_rate: f64,
    /// Each fault alone, then each pair.
    pub cases: Vec<Survived>,
}

/// What came of one case.
#[derive(Clone, Debug, Serialize)]
pub struct Survived {
    /// The fault or the two.
    pub faults: Case,
    /// Where and when they struck.
    pub struck: Vec<Struck>,
    /// How often: blocks hit or lost, frames too many.
    pub strikes: u32,
    /// Frames offered, or owed to one that was.
    pub frames: usize,
    /// Frames without exactly one end: 0, or frames are lost without account.
    pub unaccounted: u32,
    /// Whether the check at start saw the flipped bit; `None` if none was flipped.
    pub seen_at_start: Option<bool>,
    /// From the end of the last fault until the miss rate is back; `None`: not within the run.
    pub recovery_ms: Option<f64>,
    /// Share of frames missed, of those that came while faults lasted.
    pub miss_rate_during: f64,
    /// Share of frames missed, of those that came later.
    pub miss_rate_after: f64,
    /// UXCost of the frames that came while faults lasted.
    pub uxcost_during: Option<f64>,
    /// UXCost of the frames that came later.
    pub uxcost_after: Option<f64>,
    /// The same of a run that knows the faults.
    pub ideal_during: Option<f64>,
    /// The same of a run that knows the faults.
    pub ideal_after: Option<f64>,
    /// UXCost of all frames since the first fault, over that of the run that knows.
    pub uxcost_ratio: Option<f64>,
    /// Models that no fault struck at; `None`: all were struck at.
    pub untouched: Option<Untouched>,
    /// What the runtime did about it.
    pub runtime: Reactions,
}

/// Where and when a fault struck.
#[derive(Clone, Debug, Serialize)]
pub struct Struck {
    /// Name of the accelerator; `None`: not at one.
    pub accelerator: Option<String>,
    /// Name of the model; `None`: not at one.
    pub model: Option<String>,
    /// From when on.
    pub from_ms: f64,
    /// Until when.
    pub until_ms: f64,
}

/// Models that no fault struck at, with the frames that came since the first fault.
#[derive(Clone, Debug, Serialize)]
pub struct Untouched {
    /// Their names.
    pub models: Vec<String>,
    /// Their frames.
    pub frames: u32,
    /// How many of these were missed.
    pub missed: u32,
    /// How many were without faults.
    pub missed_undisturbed: u32,
}

/// What the runtime did.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Reactions {
    /// Blocks that were late.
    pub timeouts: u32,
    /// Resets asked for.
    pub resets: u32,
    /// Blocks that ended with an error.
    pub failed_blocks: u32,
    /// Blocks that no reset brought back.
    pub written_off: u32,
    /// Completions of tickets that were not in flight.
    pub stale_completions: u32,
    /// Times an accelerator was taken out of service.
    pub quarantines: u32,
    /// Times a model was barred from an accelerator.
    pub barred: u32,
}

impl From<Trouble> for Reactions {
    fn from(trouble: Trouble) -> Self {
        Self {
            timeouts: trouble.timeouts,
            resets: trouble.resets,
            failed_blocks: trouble.failed_blocks,
            written_off: trouble.written_off,
            stale_completions: trouble.stale_completions,
            quarantines: trouble.quarantines,
            barred: trouble.barred,
        }
    }
}

/// All cases of a cell, which must not script changes, under a method; `step` is called behind each.
pub fn of_cell(
    cell: &Cell<'_>,
    method: &Method,
    duration_ms: u32,
    cases: &[Case],
    step: impl Fn() + Sync,
) -> CellReport {
    let end = Instant::ZERO.saturating_add(cell.duration);
    let undisturbed = method.run_disturbed(cell, &[], Mode::Supervised);
    let misses = Misses::of(undisturbed.ledger.accounts(), end);
    let usage = undisturbed.ledger.usage();
    let of_case = |kinds: &Case| {
        let strikes = aim(kinds, cell, usage);
        let survived = survive(cell, method, kinds, &strikes, &undisturbed.ledger, &misses);
        step();
        survived
    };
    let cases: Vec<Survived> = cases.par_iter().map(of_case).collect();
    CellReport {
        scenario: cell.scenario.name.clone(),
        platform: cell.platform.name.clone(),
        policy: method.label(),
        seed: cell.seed,
        duration_ms,
        frames: undisturbed.ledger.frames() + cases.iter().map(|case| case.frames).sum::<usize>(),
        unaccounted: undisturbed.ledger.unaccounted()
            + cases.iter().map(|case| case.unaccounted).sum::<u32>(),
        undisturbed_miss_rate: misses.rate(Window { from: Instant::ZERO, until: Instant::MAX }),
        cases,
    }
}

fn survive(
    cell: &Cell<'_>,
    method: &Method,
    kinds: &Case,
    strikes: &[Strike],
    undisturbed: &Ledger<'_>,
    undisturbed_misses: &Misses,
) -> Survived {
    let end = Instant::ZERO.saturating_add(cell.duration);
    let during = Window::around(strikes, cell.duration);
    let after = Window { from: during.until, until: end };
    let since = Window { from: during.from, until: end };

    let memory = Bump::new();
    let flipped = kinds
        .contains(&Kind::Table)
        .then(|| tables::with_flipped_bit(cell.workload, &mut generator(cell, kinds), &memory));
    let seen_at_start = flipped.as_ref().map(|flipped| !tables::is_sound(flipped, cell.workload.checksum()));
    // Tables that are found to be bad are loaded again before the first frame.
    let tables = flipped.as_ref().filter(|_| seen_at_start == Some(false)).unwrap_or(cell.workload);
    let disturbed = method.run_disturbed(&Cell { workload: tables, ..*cell }, strikes, Mode::Supervised);
    let ledger = &disturbed.ledger;
    let misses = Misses::of(ledger.accounts(), end);

    let ideal = ideal(cell, method, strikes, since);
    let ideal = ideal.as_ref().map_or(undisturbed, |ideal| &ideal.ledger);
    let cost = |ledger: &Ledger<'_>, within| ledger.uxcost(within, end);
    let ratio = cost(ledger, since).zip(cost(ideal, since));
    let rate = |within: Window| {
        let came = ledger.accounts().filter(|a| within.has(a.arrived) && a.counts(end));
        let (frames, missed) = came.fold((0, 0), |(n, m), a| (n + 1, m + u32::from(!a.in_time())));
        f64::from(missed) / f64::from(frames.max(1))
    };
    Survived {
        faults: kinds.clone(),
        struck: strikes.iter().map(|strike| Struck::new(strike, cell)).collect(),
        strikes: disturbed.strikes,
        frames: ledger.frames(),
        unaccounted: ledger.unaccounted(),
        seen_at_start,
        recovery_ms: recovery(&misses, undisturbed_misses, during.until, cell.duration).map(millis),
        miss_rate_during: rate(during),
        miss_rate_after: rate(after),
        uxcost_during: cost(ledger, during),
        uxcost_after: cost(ledger, after),
        ideal_during: cost(ideal, during),
        ideal_after: cost(ideal, after),
        uxcost_ratio: ratio.map(|(cost, ideal)| cost / ideal),
        untouched: untouched(cell, &disturbed, undisturbed, since),
        runtime: disturbed.trouble.into(),
    }
}

/// The best of the runs that know the faults, by UXCost since the first one; `None` when none of them
/// changes the capacity: then it is the undisturbed run.
fn ideal<'a>(cell: &Cell<'a>, method: &Method, strikes: &[Strike], since: Window) -> Option<Disturbed<'a>> {
    let known: Vec<Strike> = strikes.iter().filter(|s| s.kind.changes_capacity()).copied().collect();
    let either_way = |kind: Kind| match known.iter().any(|strike| strike.kind == kind) {
        true => &[true, false][..],
        false => &[true][..],
    };
    let end = Instant::ZERO.saturating_add(cell.duration);
    let mut best: Option<(f64, Disturbed<'a>)> = None;
    for &use_slow in either_way(Kind::Slow) {
        for &take_burst in either_way(Kind::Burst) {
            if known.is_empty() {
                continue;
            }
            let run = method.run_disturbed(cell, &known, Mode::Knowing { use_slow, take_burst });
            let cost = run.ledger.uxcost(since, end).unwrap_or(f64::INFINITY);
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, run));
            }
        }
    }
    best.map(|(_, run)| run)
}

fn untouched(
    cell: &Cell<'_>,
    disturbed: &Disturbed<'_>,
    undisturbed: &Ledger<'_>,
    since: Window,
) -> Option<Untouched> {
    let end = Instant::ZERO.saturating_add(cell.duration);
    let is_untouched = |model: usize| disturbed.touched & (1 << model) == 0;
    let of = |account: &&Account| {
        is_untouched(usize::from(account.model.0)) && since.has(account.arrived) && account.counts(end)
    };
    let missed = |ledger: &Ledger<'_>| ledger.accounts().filter(of).filter(|a| !a.in_time()).count() as u32;
    let models = cell.scenario.models.iter().enumerate().filter(|(index, _)| is_untouched(*index));
    let models: Vec<String> = models.map(|(_, model)| model.name.clone()).collect();
    (!models.is_empty()).then(|| Untouched {
        models,
        frames: disturbed.ledger.accounts().filter(of).count() as u32,
        missed: missed(&disturbed.ledger),
        missed_undisturbed: missed(undisturbed),
    })
}

impl Struck {
    fn new(strike: &Strike, cell: &Cell<'_>) -> Self {
        let Strike { kind, window, accelerator, model } = *strike;
        let at_accelerator = kind.strikes_blocks() || matches!(kind, Kind::Slow | Kind::Death);
        let at_model = kind.strikes_blocks() || kind == Kind::Burst;
        // Tables are struck at before the start.
        let window =
            if kind == Kind::Table { Window { from: Instant::ZERO, until: Instant::ZERO } } else { window };
        let ms = |at: Instant| at.as_nanos() as f64 / 1e6;
        Self {
            accelerator: at_accelerator.then(|| cell.platform.accelerators[accelerator].name.clone()),
            model: at_model.then(|| cell.scenario.models[model].name.clone()),
            from_ms: ms(window.from),
            until_ms: ms(window.until),
        }
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}
