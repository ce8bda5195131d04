//! Any workload, any events: the scheduler answers as its plain reference does.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sdrm3_check::case::Case;

fuzz_target!(|case: Case| sdrm3_check::differential(&case));
