//! Any workload, any events: the scheduler keeps everything that it promises.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sdrm3_check::case::Case;
use sdrm3_check::{Met, Planted, book};

fuzz_target!(|case: Case| book(&case, &Met::default(), Planted::from_env()));
