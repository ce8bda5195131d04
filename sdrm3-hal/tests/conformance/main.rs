//! The suite itself: a queue that keeps the contract passes, and every rule finds a queue that breaks it.

#[path = "../bench/mod.rs"]
mod bench;
mod broken;
#[path = "../device/mod.rs"]
mod device;
mod drivers;
mod queues;
mod reference;

use broken::{ALL, Broken};
use reference::{Desk, Reference, SLICES};
use sdrm3_hal::conformance::{Rule, Table, Verdict, assert_conforms, check, soak};

// ---- queues that keep the contract -------------------------------------------------------------

#[test]
fn every_queue_conforms() {
    let reports = queues::reports();
    println!("{}", Table(&reports));
    for report in &reports {
        assert!(report.conforms(), "{report}");
    }
}

#[test]
fn no_rule_is_skipped_on_all_queues() {
    let reports = queues::reports();
    for rule in Rule::<Desk<Reference>>::ALL {
        let tried = reports.iter().any(|report| report.verdict(rule.name) == Some(Verdict::Pass));
        assert!(tried, "nobody was tried on `{rule:?}`");
    }
}

#[test]
fn long_random_runs_from_many_seeds_find_nothing() {
    for seed in 0..64 {
        for depth in [1, 2, 5] {
            let verdict = soak(&mut Desk::new(move || Reference::new(depth)), seed, 5_000);
            assert_eq!(verdict, Verdict::Pass, "seed {seed}, depth {depth}");
        }
        let verdict = soak(&mut Desk::new(|| Reference::pumped(3, SLICES)), seed, 5_000);
        assert_eq!(verdict, Verdict::Pass, "seed {seed}, pumped");
    }
}

// ---- queues that break it ----------------------------------------------------------------------

#[test]
fn each_defect_is_found_by_the_rule_against_it() {
    let mut missed = Vec::new();
    for (defect, rule) in ALL {
        let report = check("broken", &mut Desk::new(move || Broken::new(defect)));
        let by: Vec<_> = report.failures().map(|(finding, _)| finding.rule).collect();
        println!("{:<22} {}", format!("{defect:?}"), by.join(" "));
        if !by.contains(&rule) {
            missed.push((defect, rule, report.verdict(rule)));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn each_rule_finds_a_defect() {
    for rule in Rule::<Desk<Reference>>::ALL {
        assert!(ALL.iter().any(|(_, by)| *by == rule.name), "no broken queue shows that `{rule:?}` can fail");
    }
}

#[test]
#[should_panic(expected = "each accepted ticket is completed exactly once")]
fn a_broken_queue_fails_its_author_s_test_with_the_rule() {
    assert_conforms(&mut Desk::new(|| Broken::new(broken::Defect::CompletesTwice)));
}

#[test]
fn zz_debug() {
    use sdrm3_hal::middleware::{QueueEvent, Traced};
    use sdrm3_hal::driver::doorbell::Error;
    fn say(e: &QueueEvent<'_, Error>, now: sdrm3_core::Instant) {
        match e { QueueEvent::Submit(b, r) => println!("ZZ {} submit {} {:?}", now.as_nanos(), b.ticket.sequence, r), e => println!("ZZ {} {e:?}", now.as_nanos()) }
    }
    println!("ZZ {:?}", soak(&mut drivers::Doorbell::new(|queue| Traced::new(queue, say)), 0x5d12_33ed, 2000));
}
