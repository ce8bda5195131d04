//! No policy beats the bound, and where every schedule can be tried, none does.
//!
//! `PROPTEST_CASES=10000 cargo test -p sdrm3-host-sim --test bound` looks further.

mod exact;
#[path = "../files/mod.rs"]
mod files;
mod measured;
mod random;

use bumpalo::Bump;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rayon::prelude::*;
use sdrm3_core::Duration;
use sdrm3_host_sim::bound::Bound;
use sdrm3_host_sim::engine::Cell;
use sdrm3_host_sim::network::Library;
use sdrm3_host_sim::policy::{Method, Parameters, PolicyName};
use sdrm3_host_sim::scenario::{CostTable, Platform, Scenario, build};

/// What floating point may make of two equal values.
const CLOSE: f64 = 1e-9;

/// Builds a cell and looks at it.
fn with_cell<T>(
    scenario: &Scenario,
    platform: &Platform,
    costs: Option<&CostTable>,
    (duration_ms, seed): (u64, u64),
    look: impl FnOnce(&Cell<'_>) -> T,
) -> T {
    let memory = Bump::new();
    let workload =
        build(scenario, platform, &Library::zoo(), costs, &memory).unwrap_or_else(|error| panic!("{error}"));
    let duration = Duration::from_millis(duration_ms);
    look(&Cell { scenario, platform, workload: &workload, recording: None, duration, seed })
}

/// The bound, and the UXCost of every policy.
fn bound_and_costs(cell: &Cell<'_>) -> (Bound, Vec<(&'static str, f64)>) {
    let bound = Bound::of(cell).unwrap_or_else(|error| panic!("{error}"));
    let of_policy = |policy: PolicyName| {
        let outcome = Method::new(policy, &[], Parameters::default()).run(cell, &mut ());
        (policy.name(), outcome.uxcost.value())
    };
    (bound, PolicyName::ALL.map(of_policy).to_vec())
}

/// Checks that no policy is below the bound, and returns how many times the bound the best one is.
fn check(cell: &Cell<'_>) -> Result<f64, String> {
    let (bound, costs) = bound_and_costs(cell);
    let mut best = f64::INFINITY;
    for (policy, cost) in costs {
        if bound.value() > cost * (1.0 + CLOSE) {
            let (scenario, platform) = (&cell.scenario.name, &cell.platform.name);
            return Err(format!("{scenario} on {platform}: {policy} has {cost}, below {bound:?}"));
        }
        best = best.min(cost / bound.value());
    }
    Ok(best)
}

proptest! {
    #[test]
    fn no_policy_beats_the_bound_on_random_cells(files in random::files(random::Size::Small)) {
        let (scenario, platform, costs) = files.parse();
        let checked = with_cell(&scenario, &platform, Some(&costs), (200, files.seed), check);
        prop_assert!(checked.is_ok(), "{}", checked.unwrap_err());
    }
}

#[test]
fn no_policy_beats_the_bound_on_built_in_cells() {
    let load =
        |name| (Scenario::load(name).unwrap(), Platform::built_in().map(|p| Platform::load(p).unwrap()));
    let cells: Vec<_> = Scenario::built_in().map(load).to_vec();
    let checked: Vec<f64> = cells
        .par_iter()
        .flat_map(|(scenario, platforms)| platforms.par_iter().map(move |platform| (scenario, platform)))
        .map(|(scenario, platform)| {
            with_cell(scenario, platform, None, (500, 1), check).unwrap_or_else(|error| panic!("{error}"))
        })
        .collect();
    assert_eq!(checked.len(), 40);
    assert!(checked.iter().filter(|&&times| times < 1.25).count() >= 20, "the bound is tight: {checked:?}");
}

/// On tiny cells every schedule is tried: bound <= optimum <= best policy.
#[test]
fn the_best_of_all_schedules_lies_between_the_bound_and_the_best_policy() {
    let mut runner = TestRunner::default();
    let strategy = random::files(random::Size::Tiny);
    let (mut of_optimum, mut of_policy, mut met) = (0.0, 0.0, 0);
    let cases = ProptestConfig::default().cases.max(64) / 4;
    for _ in 0..cases {
        let files = strategy.new_tree(&mut runner).expect("a case").current();
        let (scenario, platform, costs) = files.parse();
        with_cell(&scenario, &platform, Some(&costs), (200, files.seed), |cell| {
            let (bound, costs) = bound_and_costs(cell);
            let optimum = exact::optimum(cell);
            let (best, cost) =
                costs.into_iter().min_by(|a, b| a.1.total_cmp(&b.1)).expect("there are policies");
            assert!(bound.value() <= optimum * (1.0 + CLOSE), "{bound:?} > {optimum}: {files:?}");
            assert!(optimum <= cost * (1.0 + CLOSE), "{best} has {cost} < {optimum}: {files:?}");
            if bound.value() > 0.0 {
                of_optimum += (optimum / bound.value()).ln();
                of_policy += (cost / bound.value()).ln();
            }
            met += u32::from(optimum <= 1.01 * bound.value());
        });
    }
    let mean = |sum: f64| (sum / f64::from(cases)).exp();
    let (of_optimum, of_policy) = (mean(of_optimum), mean(of_policy));
    eprintln!(
        "{cases} tiny cells: optimum {of_optimum:.3} x bound, best policy {of_policy:.3} x bound; \
         bound met to 1 % in {met}"
    );
    assert!(of_optimum < 1.5, "the bound is tight: {of_optimum}");
}

/// A tenth of the frames must be lost whatever is done: the bound says so by itself.
#[test]
fn the_bound_of_an_overloaded_accelerator_is_computed_by_hand() {
    let files = random::Files {
        scenario: "name = 'one'\n[[model]]\nname = 'm'\nnetwork = 'n'\nfps = 100\ndeadline_ms = 11".into(),
        platform: files::platform(1, None, 0),
        costs: "network,layer,kind,latency_ns,energy_nj\nn,0,k0,10989010,5\n".into(),
        seed: 1,
    };
    let (scenario, platform, costs) = files.parse();
    with_cell(&scenario, &platform, Some(&costs), (1000, 1), |cell| {
        let bound = Bound::of(cell).unwrap();
        // 99 frames are due by 1 s, the last at 0.98 + 0.011 s; 91 executions fit into 1 s, one of
        // which may be of the frame at 0.99 s, that is not due, and that then joins the count.
        assert_eq!(bound.energy_norm_sum, 1.0 - CLOSE);
        assert!((bound.violation_rate_sum - 8.0 / 99.0).abs() < 1e-3, "{bound:?}");
        assert_eq!(bound.served.len(), 1);
        assert!(bound.utilisation[0] > 0.999 && bound.limits[0] > 1.0, "{bound:?}");
    });
}
