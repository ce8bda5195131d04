//! Any workload, any events: the scheduler keeps everything that it promises.

#![no_main]

use bumpalo::Bump;
use libfuzzer_sys::fuzz_target;
use sdrm3_check::book::{Book, Met};
use sdrm3_check::case::{ACCS, Case, JOBS, MODELS};

fuzz_target!(|case: Case| {
    let (memory, met) = (Bump::new(), Met::default());
    let Some(workload) = case.tables.workload(&memory) else { return };
    let policy = case.tables.policy();
    let mut book = Book::<_, MODELS, JOBS, ACCS>::new(workload, policy, case.tables.config, &met);
    case.steps.iter().for_each(|&step| book.step(step));
});
