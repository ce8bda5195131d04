//! What holds of the runtime for any workload, any rules of supervision, and queues that fail in every way.
//!
//! The cases are those of the fuzz target `runtime`; `PROPTEST_CASES=100000 cargo test --release -p sdrm3-hal
//! --test invariants` looks further.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use sdrm3_check::{Planted, Scene, runtime};

#[test]
fn the_runtime_keeps_its_promises_whatever_its_queues_do() {
    let cases = ProptestConfig::default().cases.max(1_000);
    let any_scene =
        prop::collection::vec(any::<u8>(), 100..1_000).prop_map(|bytes| Scene::from_bytes(&bytes));
    let events = Cell::new(0);
    let result = TestRunner::new(ProptestConfig::with_cases(cases)).run(&any_scene, |scene| {
        events.set(events.get() + runtime(&scene, Planted::None));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    assert!(events.get() > 10 * u64::from(cases), "much has happened: {}", events.get());
}
