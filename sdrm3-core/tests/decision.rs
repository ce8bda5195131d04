//! Properties of the decision, on random workloads and traces.
//!
//! The reference computes MapScore in `f64` from the numbers that the tables were made of, with the
//! limits documented in `score.rs`, and knows nothing of the fixed-point formats.

#[path = "common/bench.rs"]
mod bench;
mod common;
#[path = "common/random.rs"]
mod random;

use std::cell::Cell;
use std::iter;

use bench::Bench;
use common::{Pair, Witness};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use random::{ACCS, Case, JOBS, MODELS, ModelCase, Range, SegmentCase, Step, case, steps, with_workload};
use sdrm3_core::{Action, Branch, Config, Dispatch, Instant, MapScore, Workload, score};

const URGENCY_LIMIT: f64 = 16.0;
const PREFERENCE_LIMIT: f64 = 256.0;
const STARVATION_LIMIT: f64 = 4096.0;

/// A sum of terms, and the sum of their magnitudes: what roundings are relative to.
#[derive(Clone, Copy, Debug)]
struct Exact {
    score: f64,
    magnitude: f64,
}

fn mean(segment: &SegmentCase) -> f64 {
    let on: Vec<f64> =
        segment.costs.iter().map(|c| f64::from(c.latency_ns)).filter(|latency| *latency > 0.0).collect();
    on.iter().sum::<f64>() / on.len() as f64
}

/// Expected work from a segment to the end.
fn togo(model: &ModelCase, from: usize) -> f64 {
    let Some(segment) = model.segments.get(from) else { return 0.0 };
    let next = togo(model, from + 1);
    let behind = match segment.branch {
        Branch::Next => next,
        Branch::Skip { segments, probability } => {
            let p = probability.as_f64();
            (1.0 - p) * next + p * togo(model, from + 1 + usize::from(segments))
        }
        Branch::Exit { probability } => (1.0 - probability.as_f64()) * next,
    };
    mean(segment) + behind
}

fn preference(sum: f64, own: f64, among: usize) -> f64 {
    if sum == 0.0 { among as f64 } else { (sum / own).min(PREFERENCE_LIMIT) }
}

/// MapScore with both weights one.
fn exact(case: &Case, pair: &Pair, now: Instant) -> Exact {
    let model = &case.models[usize::from(pair.frame.model.0)];
    let index = usize::from(pair.segment_index);
    let segment = &model.segments[index];
    let on = segment.costs[usize::from(pair.accelerator.0)];
    let runs: Vec<_> = segment.costs.iter().filter(|cost| cost.latency_ns > 0).collect();

    let slack = pair.frame.deadline.saturating_since(now).as_nanos() as f64;
    let urgency = if slack == 0.0 { URGENCY_LIMIT } else { (togo(model, index) / slack).min(URGENCY_LIMIT) };
    let latencies: f64 = runs.iter().map(|cost| f64::from(cost.latency_ns)).sum();
    let latency_preference = preference(latencies, f64::from(on.latency_ns), runs.len());
    let wait = now.saturating_since(pair.ready_since).as_nanos() as f64;
    let starvation = (wait / mean(segment)).min(STARVATION_LIMIT);
    let energies: f64 = runs.iter().map(|cost| f64::from(cost.energy_nj)).sum();
    let energy_preference = preference(energies, f64::from(on.energy_nj), runs.len());
    let switch = match f64::from(pair.switch.energy_nj) {
        0.0 => 0.0,
        energy => (energy / f64::from(on.energy_nj)).min(PREFERENCE_LIMIT),
    };
    let positive = urgency * latency_preference + starvation + energy_preference;
    Exact { score: positive - switch, magnitude: positive + switch }
}

/// The score of every pair is right to 0.02 % of its terms and the resolution documented in `score.rs`;
/// the pair dispatched is the best, or within 0.1 % of it.
fn check_choice(case: &Case, block: &Dispatch, pairs: &[Pair], now: Instant) {
    const RESOLUTION: f64 = 4e-6;
    let mut best: Option<Exact> = None;
    let mut chosen = None;
    for pair in pairs {
        let exact = exact(case, pair, now);
        let got = pair.score.0 as f64 / f64::from(1u32 << score::SCORE_BITS);
        let error = (got - exact.score).abs();
        assert!(error <= 2e-4 * exact.magnitude + RESOLUTION, "{got} for {exact:?} of {pair:?}");
        if best.is_none_or(|best| exact.score > best.score) {
            best = Some(exact);
        }
        if pair.frame == block.frame && pair.accelerator == block.ticket.accelerator {
            chosen = Some(exact);
        }
    }
    let (Some(best), Some(chosen)) = (best, chosen) else { panic!("{block:?} is none of {pairs:?}") };
    let short = best.score - chosen.score;
    // Where no switch is subtracted, a score is its magnitude: within 0.1 % of the best score.
    assert!(
        short <= 1e-3 * best.magnitude.max(chosen.magnitude) + RESOLUTION,
        "{short} below {best:?}: {block:?}"
    );
}

/// What happens when these models' frames are released at once and run to their end: the blocks in
/// their order, and what was dropped at each time.
///
/// Counts the choices between pairs of equal score in `tied`.
fn trace(
    case: &Case,
    config: Config,
    workload: &Workload<'_, ACCS>,
    releases: &[usize],
    tied: &Cell<u32>,
) -> Vec<String> {
    let mut bench = Bench::new(workload, Witness::default(), config);
    for &model in releases {
        bench.release(model);
    }
    let mut trace = Vec::new();
    loop {
        let mut drops = Vec::new();
        let now = bench.now.as_nanos();
        bench.poll(case, |witness, action, _| match action {
            Action::Dispatch(Dispatch { ticket, frame, first, score, .. }) => {
                let equal = witness.pairs.borrow().iter().filter(|pair| pair.score == *score).count();
                tied.set(tied.get() + u32::from(equal > 1));
                trace.push(format!(
                    "{now}: frame {} of model {}, segment {first}, on {}, score {}",
                    frame.number, frame.model.0, ticket.accelerator.0, score.0
                ));
            }
            Action::Drop(frame, why) => {
                drops.push(format!("{now}: drop {} of {}: {why:?}", frame.number, frame.model.0));
            }
            Action::Wait(_) => {}
        });
        drops.sort();
        trace.append(&mut drops);
        if !bench.complete_first(case) {
            bench.check_conservation();
            return trace;
        }
    }
}

/// Dispatch by score alone, and with all parts of the method.
fn configs() -> impl Strategy<Value = Config> {
    prop_oneof![Just(Config::PLAIN), Just(Config::FULL)]
}

/// What a property has met; asserted at its end, so that it cannot hold for want of cases.
#[derive(Debug, Default)]
struct Met {
    choices: Cell<u32>,
    at_or_past_deadline: Cell<u32>,
    with_switch: Cell<u32>,
    negative: Cell<u32>,
    dropped: Cell<u32>,
}

impl Met {
    fn count(what: &Cell<u32>, when: bool) {
        what.set(what.get() + u32::from(when));
    }

    fn choice(&self, pairs: &[Pair], now: Instant) {
        Self::count(&self.choices, pairs.len() > 1);
        Self::count(&self.at_or_past_deadline, pairs.iter().any(|pair| pair.frame.deadline <= now));
        Self::count(&self.with_switch, pairs.iter().any(|pair| pair.switch.energy_nj > 0));
        Self::count(&self.negative, pairs.iter().any(|pair| pair.score.0 < 0));
    }
}

#[test]
fn the_best_pair_in_exact_arithmetic_is_dispatched() {
    let met = Met::default();
    let property = |(case, steps): (Case, Vec<Step>)| {
        with_workload(&case, |workload| {
            let mut bench = Bench::new(workload, Witness::default(), Config::PLAIN);
            for &step in &steps {
                bench.step(&case, step);
                let now = bench.now;
                bench.poll(&case, |witness, action, pairs| match action {
                    Action::Dispatch(block) => {
                        let seen = witness.pairs.borrow();
                        assert_eq!(seen.len(), pairs, "every possible pair is scored once");
                        check_choice(&case, block, &seen, now);
                        met.choice(&seen, now);
                    }
                    Action::Wait(_) => assert_eq!(pairs, 0, "it waits although a job could run"),
                    Action::Drop(..) => Met::count(&met.dropped, true),
                });
                bench.check_conservation();
            }
        });
        Ok(())
    };
    TestRunner::default().run(&(case(Range::Real), steps(Range::Real)), property).unwrap();
    for count in [&met.choices, &met.at_or_past_deadline, &met.with_switch, &met.negative, &met.dropped] {
        assert!(count.get() >= 20, "too few cases: {met:?}");
    }
}

/// Frames that come at one instant may come in any order: nothing that follows depends on it. A frame
/// is known by its model and number; its place in the pool differs.
#[test]
fn the_order_of_releases_at_one_instant_does_not_matter() {
    let releases = vec(0..MODELS, 2..=JOBS)
        .prop_flat_map(|releases| (Just(releases.clone()), Just(releases).prop_shuffle()));
    let cases = prop_oneof![case(Range::Tying), case(Range::Real)];
    let tied = Cell::new(0);
    let property = |(case, (releases, shuffled), config): (Case, (Vec<usize>, Vec<usize>), Config)| {
        let known = |releases: Vec<usize>| -> Vec<usize> {
            releases.into_iter().map(|model| model % case.models.len()).collect()
        };
        let (releases, shuffled) = (known(releases), known(shuffled));
        let (one, other) = with_workload(&case, |workload| {
            (
                trace(&case, config, workload, &releases, &tied),
                trace(&case, config, workload, &shuffled, &Cell::new(0)),
            )
        });
        prop_assert!(one.len() >= releases.len(), "every frame is dispatched or dropped");
        prop_assert_eq!(one, other);
        Ok(())
    };
    TestRunner::default().run(&(cases, releases, configs()), property).unwrap();
    assert!(tied.get() > 100, "only {} choices had equal scores", tied.get());
}

/// Asked for base and difference, MapScore decides as the witness does, which has no base and is asked for
/// every score: pairs, ties, scores and all that follows.
#[test]
fn the_quick_way_to_a_decision_comes_to_the_same() {
    let dispatched = Cell::new(0);
    let property = |(case, steps, config): (Case, Vec<Step>, Config)| {
        with_workload(&case, |workload| {
            let mut quick = Bench::new(workload, MapScore::default(), config);
            let mut slow = Bench::new(workload, Witness::default(), config);
            for &step in &steps {
                let mut actions = [Vec::new(), Vec::new()];
                quick.step(&case, step);
                quick.poll(&case, |_, action, _| actions[0].push(*action));
                slow.step(&case, step);
                slow.poll(&case, |_, action, _| actions[1].push(*action));
                assert_eq!(actions[0], actions[1]);
                let blocks = actions[0].iter().filter(|action| matches!(action, Action::Dispatch(_)));
                dispatched.set(dispatched.get() + blocks.count());
            }
        });
        Ok(())
    };
    for range in [Range::Real, Range::Tying, Range::Extreme] {
        TestRunner::default().run(&(case(range), steps(range), configs()), property).unwrap();
    }
    assert!(dispatched.get() > 1_000, "only {} blocks", dispatched.get());
}

/// The ends of the number formats: 1 ns and 4.29 s, 0 and 4.29 J, times up to the end of a `u64`.
/// Arithmetic that overflows would panic here; actions stay bounded and frames conserved.
#[test]
fn extreme_values_neither_overflow_nor_loop() {
    let starts = prop_oneof![Just(0u64), any::<u64>(), u64::MAX - 10..];
    let met = Met::default();
    let property = |(case, steps, start, config): (Case, Vec<Step>, u64, Config)| {
        with_workload(&case, |workload| {
            let mut bench = Bench::new(workload, Witness::default(), config);
            bench.now = Instant::from_nanos(start);
            for &step in &steps {
                bench.step(&case, step);
                let now = bench.now;
                bench.poll(&case, |witness, _, _| {
                    let pairs = witness.pairs.borrow();
                    met.choice(&pairs, now);
                    for pair in pairs.iter() {
                        // The largest sum of terms that `score.rs` names, and the largest switch term, twice.
                        let range = -512i64 << score::SCORE_BITS..=12_800i64 << score::SCORE_BITS;
                        assert!(range.contains(&pair.score.0), "{pair:?}");
                    }
                });
                bench.check_conservation();
            }
            let unfinished = iter::from_fn(|| bench.scheduler.close(Instant::MAX)).count();
            assert!(unfinished <= JOBS);
            assert_eq!(bench.scheduler.jobs_in_flight(), 0, "closed");
        });
        Ok(())
    };
    TestRunner::default()
        .run(&(case(Range::Extreme), steps(Range::Extreme), starts, configs()), property)
        .unwrap();
    assert!(met.choices.get() > 100 && met.at_or_past_deadline.get() > 100, "{met:?}");
}
