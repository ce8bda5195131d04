//! The suite itself: a queue that keeps the contract passes, and every rule finds a queue that breaks it.

mod broken;
mod reference;

use broken::{ALL, Broken};
use reference::{Desk, Reference, SLICES};
use sdrm3_hal::conformance::{Report, Rule, Table, Verdict, assert_conforms, check, soak};

// ---- queues that keep the contract -------------------------------------------------------------

fn reports() -> Vec<Report> {
    vec![
        check("depth 1", &mut Desk::new(|| Reference::new(1))),
        check("depth 3", &mut Desk::new(|| Reference::new(3))),
        check("pumped", &mut Desk::new(|| Reference::pumped(2, SLICES))),
    ]
}

#[test]
fn the_reference_queue_conforms() {
    let reports = reports();
    println!("{}", Table(&reports));
    for report in &reports {
        assert!(report.conforms(), "{report}");
    }
}

#[test]
fn no_rule_is_skipped_on_all_queues() {
    let reports = reports();
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
