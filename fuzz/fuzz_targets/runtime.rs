//! The runtime over queues that fail in every way there is: every frame is accounted for, and when the
//! failures end so does the work.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sdrm3_check::{Planted, Scene, runtime};

fuzz_target!(|scene: Scene| {
    runtime(&scene, Planted::from_env());
});
