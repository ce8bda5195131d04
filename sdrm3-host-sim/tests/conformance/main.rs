//! A simulated accelerator keeps the contract of queues, as firmware's drivers do.

mod rig;

use rig::Simulated;
use sdrm3_hal::conformance::{Verdict, assert_conforms, soak};

#[test]
fn a_simulated_accelerator_conforms() {
    assert_conforms(&mut Simulated::new());
}

#[test]
fn long_random_runs_find_nothing() {
    for seed in 0..16 {
        assert_eq!(soak(&mut Simulated::new(), seed, 10_000), Verdict::Pass, "seed {seed}");
    }
}
