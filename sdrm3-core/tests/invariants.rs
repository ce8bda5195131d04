//! What holds for any workload, any parts of the method, and any faults.
//!
//! Random workloads with cascades, supernets, budgets and switch tables, on which frames come, blocks
//! end, are lost or are reported twice, accelerators and models come and go; the scheduler is held against
//! everything that it promises (`sdrm3-check`), and against the plain reference. `PROPTEST_CASES=100000 cargo
//! test --release -p sdrm3-core --test invariants` looks further; the fuzz targets `dispatch` and
//! `differential` further still.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use sdrm3_check::case::Case;
use sdrm3_check::{Met, Planted, book, differential, differential_the_long_way};

/// Runs random cases, at least so many.
fn for_cases(at_least: u32, check: impl Fn(&Case)) {
    let cases = ProptestConfig::default().cases.max(at_least);
    // Fewer bytes are a simpler case.
    let any_case = prop::collection::vec(any::<u8>(), 100..1_200).prop_map(|bytes| Case::from_bytes(&bytes));
    let result = TestRunner::new(ProptestConfig::with_cases(cases)).run(&any_case, |case| {
        check(&case);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_scheduler_keeps_its_promises() {
    let met = Met::default();
    for_cases(1_000, |case| book(case, &met, Planted::None));
    let often = [
        &met.infeasible,
        &met.infeasible_by_table,
        &met.budget_was_near,
        &met.lighter_at_release,
        &met.lighter_on_the_way,
        &met.superseded,
        &met.withdrawn,
        &met.unplaceable,
        &met.abandoned,
        &met.parent_lost,
        &met.no_room,
        &met.ties,
        &met.lost_blocks,
        &met.not_taken,
        &met.stale,
        &met.refused,
        &met.late,
    ];
    assert!(often.iter().all(|count| count.get() > 20), "it has met everything: {met:?}");
}

/// The corpora hold what found a bug once, beside what reaches far.
#[test]
fn what_the_fuzzers_found_stays_mended() {
    let corpus = |target: &str| {
        let path = format!("{}/../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
        let files = std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let read = |file: std::io::Result<std::fs::DirEntry>| std::fs::read(file?.path());
        let inputs = files.map(|file| read(file).unwrap_or_else(|error| panic!("{path}: {error}")));
        let cases: Vec<Case> = inputs.filter_map(|bytes| Case::from_fuzz_input(&bytes)).collect();
        assert!(cases.len() > 20, "{path} has {} cases", cases.len());
        cases
    };
    corpus("dispatch").iter().for_each(|case| book(case, &Met::default(), Planted::None));
    corpus("differential").iter().for_each(|case| differential(case, Planted::None));
}

#[test]
fn the_scheduler_answers_as_the_plain_reference_does() {
    for_cases(4_000, |case| differential(case, Planted::None));
}

/// What is made ready of pairs, and what is known of all of a job's pairs at once, only saves work.
#[test]
fn short_ways_change_no_answer() {
    for_cases(2_000, differential_the_long_way);
}
