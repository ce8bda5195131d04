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
use device::Npu;
use drivers::Doorbell;
use reference::{Desk, Reference};
use sdrm3_core::{Dispatch, Duration, Instant};
use sdrm3_hal::AcceleratorQueue;
use sdrm3_hal::conformance::{Rig, Rule, Table, Verdict, assert_conforms, check, soak};
use sdrm3_hal::middleware::{Faulty, Injection};

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
    for seed in 0..32 {
        for (queue, verdict) in queues::soaked(seed, 4_000) {
            assert_eq!(verdict, Verdict::Pass, "{queue}, seed {seed}");
        }
    }
}

/// As many blocks as a board has room for are kept count of; no more are needed.
#[test]
fn a_queue_may_be_deeper_than_the_suite_counts() {
    for depth in [43, 64, 65, u8::MAX] {
        let report = check("deep", &mut Desk::new(move || Reference::new(depth)));
        assert!(report.conforms(), "{depth} deep\n{report}");
        let verdict = soak(&mut Desk::new(move || Reference::new(depth)), 1, 20_000);
        assert_eq!(verdict, Verdict::Pass, "{depth} deep");
    }
    let report = check("spi", &mut drivers::by_command::<100>());
    assert!(report.conforms(), "{report}");
    let report = check("bell", &mut Doorbell::new(Npu::queue::<64>));
    assert!(report.conforms(), "{report}");
}

// ---- what is not tried is said -----------------------------------------------------------------

/// A rig that implements only what it must.
struct Bare(Desk<Reference>);

impl Rig for Bare {
    type Queue = Reference;

    fn restart(&mut self) {
        self.0.restart();
    }

    fn queue(&mut self) -> &mut Reference {
        self.0.queue()
    }

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn advance(&mut self, by: Duration) {
        self.0.advance(by);
    }

    fn longest(&self) -> Duration {
        self.0.longest()
    }
}

#[test]
fn a_rig_that_can_do_little_is_told_which_rules_it_skips() {
    let report = check("bare", &mut Bare(Desk::new(|| Reference::new(3))));
    let skipped: Vec<_> = (report.findings.iter())
        .filter(|finding| matches!(finding.verdict, Verdict::Skipped(_)))
        .map(|finding| finding.rule)
        .collect();
    let mishaps = ["late-answer", "two-answers", "overrun", "power-loss", "device-reset", "hang"];
    let others = [&["waiting", "call-again", "reset-siblings"][..], &mishaps, &["bounded-work"]].concat();
    assert_eq!(skipped, others);
    assert!(report.to_string().contains("skip hang: the rig cannot let this happen (bare)"), "{report}");
}

#[test]
fn a_table_has_a_column_per_queue_and_a_line_per_reason() {
    let one = check("one", &mut Bare(Desk::new(|| Reference::new(1))));
    let broken = check("worse", &mut Desk::new(|| Broken::new(broken::Defect::TimesItself)));
    let table = Table(&[one.clone(), broken, one]).to_string();
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines[0], "rule               one  worse   one");
    assert_eq!(lines[1], "serves            pass   pass  pass");
    assert!(lines.contains(&"device-time       pass   FAIL  pass"), "{table}");
    assert!(lines.contains(&"skip order: it holds one block (one, one)"), "{table}");
    assert_eq!(
        lines.iter().filter(|line| line.starts_with("FAIL worse, device-time: ")).count(),
        1,
        "{table}"
    );
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

/// What `Injection::breaks_contract` says is what the suite finds.
#[test]
fn each_injection_that_breaks_the_contract_is_found() {
    fn broken<const WHICH: usize>(npu: &Npu) -> impl AcceleratorQueue + use<WHICH> {
        let injection = [Injection::Lose, Injection::Duplicate, Injection::Misname][WHICH];
        assert!(injection.breaks_contract());
        let mut blocks = 0;
        Faulty::<_, _, 4>::new(npu.queue::<4>(), move |_: &Dispatch| {
            blocks += 1;
            (blocks % 5 == 0).then_some(injection)
        })
    }
    let reports = [
        check("loses", &mut Doorbell::new(broken::<0>)),
        check("duplicates", &mut Doorbell::new(broken::<1>)),
        check("misnames", &mut Doorbell::new(broken::<2>)),
    ];
    for report in reports {
        assert!(matches!(report.verdict("once"), Some(Verdict::Fail(_))), "{report}");
        assert!(matches!(report.verdict("random"), Some(Verdict::Fail(_))), "{report}");
    }
}
