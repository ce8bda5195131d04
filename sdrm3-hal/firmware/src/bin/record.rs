//! A device trace: a built-in cell runs in real time on the timers, every call to the scheduler is
//! recorded in the spare RAM, and the trace goes to the host as a file, where `sdrm3-sim replay` repeats it.

#![no_std]
#![no_main]

use sdrm3_core::{Config, Duration, Frame, MapScore, ModelId, Scheduler};
use sdrm3_firmware::queue::{self, TimerQueue};
use sdrm3_firmware::vr_gaming::{ACCELERATORS, MODELS, ORIGIN, WORKLOAD};
use sdrm3_firmware::{board, entry, log};
use sdrm3_hal::trace::{Buffer, Header, Recorder};
use sdrm3_hal::{Application, Runtime, Wake};
use semihosting::fs::File;
use semihosting::io::Write;

/// How long it runs.
const RUN: Duration = Duration::from_millis(500);
/// Room for jobs; the host replays it with the same.
const JOBS: usize = 16;

struct Cascades;

impl Application for Cascades {
    /// By the frame's number alone: the trace holds the rest.
    fn gives_rise(&mut self, parent: &Frame, _: ModelId) -> bool {
        parent.number.is_multiple_of(2)
    }
}

#[entry]
fn main() -> ! {
    board::init();
    let spare = board::SPARE_RAM;
    // SAFETY: RAM of the board that nothing else uses.
    let memory = unsafe { core::slice::from_raw_parts_mut(spare.start as *mut u8, spare.len()) };
    let Ok(scheduler) =
        Scheduler::<_, MODELS, JOBS, ACCELERATORS>::new(&WORKLOAD, MapScore::default(), Config::FULL)
    else {
        defmt::error!("the tables are not valid");
        log::exit(1)
    };
    // ANCHOR: record
    let recorder = Recorder::<_>::new(&Header::of(&scheduler).with_text(ORIGIN), Buffer::new(memory));
    let queues = [0, 1, 2].map(TimerQueue::new).into();
    let Ok(mut runtime) = Runtime::traced(scheduler, queues, recorder) else {
        defmt::error!("a queue for each accelerator is needed");
        log::exit(1)
    };
    // ANCHOR_END: record

    let start = board::now();
    let end = start.saturating_add(RUN);
    let mut next = [start; MODELS];
    while board::now() < end {
        let now = board::now();
        for ((model, next), id) in WORKLOAD.models.iter().zip(&mut next).zip(0..) {
            if model.cascade.is_some() || now < *next {
                continue;
            }
            *next = next.saturating_add(model.period);
            if let Err(refused) = runtime.release(ModelId(id), now, &mut Cascades)
                && let Some(frame) = refused.frame
            {
                runtime.give_up(frame, now, &mut Cascades);
            }
        }
        let wake = runtime.poll(now, &mut Cascades);
        let inputs = WORKLOAD.models.iter().zip(next).filter(|(model, _)| model.cascade.is_none());
        let mut until = inputs.fold(end, |until, (_, next)| until.min(next));
        match wake {
            Wake::Now => continue,
            Wake::At(at) => until = until.min(at),
            Wake::OnEvent => {}
        }
        while !queue::EVENT.take() && board::now() < until {}
    }
    runtime.close(end, &mut Cascades);

    // ANCHOR: end
    let recorder = runtime.sink_mut();
    let whole = recorder.finish();
    let trace = recorder.output().written();
    // ANCHOR_END: end
    let written = File::create(c"device.trace").and_then(|mut file| file.write_all(trace));
    defmt::println!("record_records {=u64}", recorder.records());
    defmt::println!("record_decisions {=u64}", recorder.decisions());
    defmt::println!("record_bytes {=usize}", trace.len());
    defmt::println!("record_whole {=bool}", whole);
    if written.is_err() {
        defmt::error!("device.trace cannot be written: run it with -semihosting-config enable=on");
    }
    log::exit(u32::from(!whole || recorder.decisions() == 0 || written.is_err()))
}
