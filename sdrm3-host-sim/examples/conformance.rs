//! The conformance report: every rule of the queue contract on every queue there is, then queues with one
//! defect each and the rules that find it.
//!
//! ```text
//! cargo run -p sdrm3-host-sim --example conformance
//! ```

#[path = "../../sdrm3-hal/tests/bench/mod.rs"]
mod bench;
#[path = "../../sdrm3-hal/tests/conformance/broken.rs"]
mod broken;
#[path = "../../sdrm3-hal/tests/device/mod.rs"]
mod device;
#[path = "../../sdrm3-hal/tests/conformance/drivers.rs"]
mod drivers;
#[path = "../../sdrm3-hal/tests/conformance/queues.rs"]
mod queues;
#[path = "../../sdrm3-hal/tests/conformance/reference.rs"]
mod reference;
#[path = "../tests/conformance/rig.rs"]
mod rig;

use std::process::ExitCode;

use broken::Broken;
use reference::Desk;
use rig::Simulated;
use sdrm3_hal::conformance::{Report, Table, Verdict, check, soak};

const SEEDS: u32 = 16;
const STEPS: u32 = 4_000;

fn main() -> ExitCode {
    let mut reports = queues::reports();
    reports.push(check("simulated", &mut Simulated::new()));
    println!("{}", Table(&reports));

    let passed = (0..SEEDS).all(|seed| {
        let drivers = queues::soaked(seed, STEPS).iter().all(|(_, verdict)| *verdict == Verdict::Pass);
        drivers && soak(&mut Simulated::new(), seed, STEPS) == Verdict::Pass
    });
    let verdict = if passed { "pass" } else { "FAIL" };
    println!("random runs: {} queues x {SEEDS} seeds x {STEPS} steps: {verdict}\n", reports.len());

    println!("{:<22}  {:<16}  found also by", "broken queue", "found by");
    let mut found = 0;
    for (defect, rule) in broken::ALL {
        let report = check("broken", &mut Desk::new(move || Broken::new(defect)));
        let is_found = matches!(report.verdict(rule), Some(Verdict::Fail(_)));
        found += usize::from(is_found);
        let also: Vec<_> =
            report.failures().map(|(finding, _)| finding.rule).filter(|by| *by != rule).collect();
        let by = if is_found { rule } else { "NOT FOUND" };
        println!("{:<22}  {by:<16}  {}", format!("{defect:?}"), also.join(" "));
    }
    println!("{found} of {} broken queues found by the rule against their defect", broken::ALL.len());

    let conform = passed && reports.iter().all(Report::conforms);
    if conform && found == broken::ALL.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
