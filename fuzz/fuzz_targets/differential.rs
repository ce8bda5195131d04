//! Any workload, any events: the scheduler answers as its plain reference does.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sdrm3_check::case::Case;
use sdrm3_check::{Planted, differential};

fuzz_target!(|case: Case| differential(&case, Planted::from_env()));
