//! The self-check of a run: content with every policy, and not with a scheduler that breaks a promise.

use bumpalo::Bump;
use sdrm3_check::Planted;
use sdrm3_check::ledger::Broken;
use sdrm3_core::Duration;
use sdrm3_host_sim::engine::Cell;
use sdrm3_host_sim::network::Library;
use sdrm3_host_sim::policy::{Method, Parameters, PolicyName};
use sdrm3_host_sim::scenario::{Platform, Scenario, build};

/// Runs vr_gaming for 200 ms; the verdict. The check must not change the totals.
fn checked(policy: PolicyName, planted: Planted) -> Result<u64, Broken> {
    let scenario = Scenario::load("vr_gaming").expect("built in");
    let platform = Platform::load("4k-1ws-2os").expect("built in");
    let memory = Bump::new();
    let workload = build(&scenario, &platform, &Library::default(), None, &memory).expect("tables");
    let (scenario, platform, workload) = (&scenario, &platform, &workload);
    let duration = Duration::from_millis(200);
    let cell = Cell { scenario, platform, workload, recording: None, duration, seed: 1 };
    let method = Method::new(policy, &[], Parameters::default());
    let (outcome, verdict) = method.run_checked(&cell, &mut (), &mut (), planted, None);
    if planted == Planted::None {
        let plain = method.run(&cell, &mut ());
        assert_eq!(
            (plain.tallies, plain.stats),
            (outcome.tallies, outcome.stats),
            "the check changes nothing"
        );
    }
    verdict
}

#[test]
fn no_policy_breaks_a_promise() {
    for policy in PolicyName::ALL {
        let verdict = checked(policy, Planted::None);
        // The fewest are those of whole models as one block: three a frame.
        assert!(verdict.as_ref().is_ok_and(|events| *events > 50), "{policy:?}: {verdict:?}");
    }
}

#[test]
fn a_lost_ticket_a_second_answer_and_a_pair_out_of_order_are_noticed() {
    for policy in [PolicyName::Fcfs, PolicyName::Sdrm3, PolicyName::Gated] {
        let promise = |planted| checked(policy, planted).expect_err("a bug is planted").promise;
        let lost = "a block goes to an accelerator in service that has none";
        assert_eq!(promise(Planted::LostTicket), lost, "{policy:?}");
        let twice = "a completion answers a block in flight, once";
        assert_eq!(promise(Planted::AnsweredTwice), twice, "{policy:?}");
        let order = "the pair with the highest score runs, in the documented order";
        assert_eq!(promise(Planted::WrongPair), order, "{policy:?}");
    }
}
