//! Replays the trace that QEMU has loaded into the spare RAM: the decisions of the host, made here.

#![no_std]
#![no_main]

use sdrm3_core::{MapScore, Scheduler};
use sdrm3_firmware::vr_gaming::{ACCELERATORS, MODELS, WORKLOAD};
use sdrm3_firmware::{board, entry, log};
use sdrm3_hal::trace::{Trace, replay};

/// Room for jobs, as the simulator has.
const JOBS: usize = 256;

#[entry]
fn main() -> ! {
    let spare = board::SPARE_RAM;
    // SAFETY: RAM of the board that nothing else uses; its first bytes are the trace, if there is one.
    let memory = unsafe { core::slice::from_raw_parts(spare.start as *const u8, spare.len()) };
    let trace = match Trace::parse(memory) {
        Ok(trace) => trace,
        Err(error) => {
            defmt::error!("{}: load a trace at {=usize:#x}", error, spare.start);
            log::exit(2)
        }
    };
    let header = trace.header();
    let policy = MapScore { weights: header.weights.unwrap_or_default() };
    let Ok(mut scheduler) = Scheduler::<_, MODELS, JOBS, ACCELERATORS>::new(&WORKLOAD, policy, header.config)
    else {
        defmt::error!("the tables are not valid");
        log::exit(2)
    };
    let replayed = match replay(&trace, &mut scheduler) {
        Ok(replayed) => replayed,
        Err(mismatch) => {
            defmt::error!("recorded otherwise than this program decides: {}", mismatch);
            log::exit(2)
        }
    };
    defmt::println!("replay_records {=u64}", replayed.records);
    defmt::println!("replay_decisions {=u64}", replayed.decisions);
    defmt::println!("replay_hash {=u64:016x}", replayed.hash);
    if let Some(difference) = replayed.difference {
        defmt::error!("the first difference: {}", difference);
    }
    defmt::println!("replay_ending {}", replayed.ending);
    defmt::println!("replay_identical {=bool}", replayed.is_identical());
    log::exit(u32::from(!replayed.is_identical()))
}
