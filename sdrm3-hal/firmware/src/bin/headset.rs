//! The demo: a headset's models under the runtime, timers as accelerators, events in the log.
//!
//! It spins between events and never sleeps in `wfi`: QEMU's instruction counting would skip time there,
//! and no two runs would be alike. On a board, sleep where it spins.

#![no_std]
#![no_main]

use sdrm3_core::{Config, Duration, Event, Frame, Instant, Leftover, MapScore, ModelId, Progress, Scheduler};
use sdrm3_firmware::queue::{self, TimerQueue};
use sdrm3_firmware::workload::{ACCELERATORS, HEADSET};
use sdrm3_firmware::{board, entry, log};
use sdrm3_hal::{Application, Runtime, Trouble, Wake};

/// How long the headset is worn.
const RUN: Duration = Duration::from_millis(2_000);

/// Ends of frames, counted from the events, against the scheduler's own count.
#[derive(Clone, Copy, Default)]
struct Seen {
    released: u32,
    completed: u32,
    dropped: u32,
    unfinished: u32,
    left_out: u32,
}

#[derive(Default)]
struct Headset {
    seen: [Seen; 8],
    dispatches: u32,
}

impl Headset {
    fn count(&mut self, model: ModelId, add: impl FnOnce(&mut Seen)) {
        if let Some(seen) = self.seen.get_mut(usize::from(model.0)) {
            add(seen);
        }
    }
}

impl Application for Headset {
    /// By the frame's number alone, so that the same frames come whatever the schedule.
    fn gives_rise(&mut self, parent: &Frame, child: ModelId) -> bool {
        let chance = HEADSET
            .model(child)
            .and_then(|model| model.cascade)
            .map_or(0.0, |cascade| cascade.probability.as_f64());
        let draw = parent.number.wrapping_mul(0x9e37_79b9) >> 16;
        f64::from(draw) < chance * 65_536.0
    }

    fn event(&mut self, event: &Event, _: Instant) {
        match *event {
            Event::Released(frame, _) => {
                self.count(frame.model, |seen| seen.released += 1);
                defmt::info!("released {=str} {=u32}", name(frame.model), frame.number);
            }
            Event::Dispatched(block) => {
                self.dispatches += 1;
                defmt::info!(
                    "dispatched {=str} {=u32} subnetwork {=u8} segment {=u16} to {=str}",
                    name(block.frame.model),
                    block.frame.number,
                    block.subnetwork,
                    block.first,
                    accelerator(block.ticket.accelerator.0),
                );
            }
            Event::Completed(report) if report.progress == Progress::More => {
                defmt::debug!(
                    "finished a segment of {=str} {=u32}",
                    name(report.frame.model),
                    report.frame.number
                );
            }
            Event::Completed(report) => {
                self.count(report.frame.model, |seen| seen.completed += 1);
                let late = report.progress == Progress::Late;
                defmt::info!(
                    "completed {=str} {=u32} late {=bool}",
                    name(report.frame.model),
                    report.frame.number,
                    late
                );
            }
            Event::Dropped(frame, reason) => {
                self.count(frame.model, |seen| seen.dropped += 1);
                defmt::warn!("dropped {=str} {=u32}: {}", name(frame.model), frame.number, reason);
            }
            Event::Unfinished(Leftover::Overdue(frame)) => {
                self.count(frame.model, |seen| seen.unfinished += 1)
            }
            Event::Unfinished(Leftover::LeftOut(frame)) => self.count(frame.model, |seen| seen.left_out += 1),
            Event::Window(cost) => defmt::info!("window uxcost {=f64}", cost.value()),
            Event::Tuned(weights) => {
                defmt::info!("tuned alpha {=f64} beta {=f64}", weights.alpha.as_f64(), weights.beta.as_f64());
            }
            ref other => defmt::info!("{}", other),
        }
    }
}

/// On its own, so that its stack can be told.
#[inline(never)]
fn poll(runtime: &mut Driven, now: Instant, headset: &mut Headset) -> Wake {
    runtime.poll(now, headset)
}

fn name(model: ModelId) -> &'static str {
    HEADSET.model(model).map_or("?", |model| model.name)
}

fn accelerator(index: u8) -> &'static str {
    HEADSET.accelerators.get(usize::from(index)).map_or("?", |accelerator| accelerator.name)
}

#[entry]
fn main() -> ! {
    board::init();
    let Ok(scheduler) = Scheduler::<_, 8, 16, ACCELERATORS>::new(&HEADSET, MapScore::default(), Config::FULL)
    else {
        defmt::error!("the tables are not valid");
        log::exit(1)
    };
    let queues = [0, 1, 2, 3].map(TimerQueue::new).into();
    let Ok(mut runtime) = Runtime::new(scheduler, queues) else {
        defmt::error!("a queue for each accelerator is needed");
        log::exit(1)
    };
    let mut headset = Headset::default();

    // Inputs come at their rates from the start.
    let start = board::now();
    let end = start.saturating_add(RUN);
    let mut next = [start; 8];
    loop {
        let now = board::now();
        if now >= end {
            break;
        }
        for ((model, next), id) in HEADSET.models.iter().zip(&mut next).zip(0..) {
            if model.cascade.is_some() || now < *next {
                continue;
            }
            *next = next.saturating_add(model.period);
            if let Err(refused) = runtime.release(ModelId(id), now, &mut headset)
                && let Some(frame) = refused.frame
            {
                headset.count(frame.model, |seen| seen.released += 1);
                runtime.give_up(frame, now, &mut headset);
            }
        }
        let wake = poll(&mut runtime, now, &mut headset);
        let inputs = HEADSET.models.iter().zip(next).filter(|(model, _)| model.cascade.is_none());
        let mut until = inputs.fold(end, |until, (_, next)| until.min(next));
        match wake {
            Wake::Now => continue,
            Wake::At(at) => until = until.min(at),
            Wake::OnEvent => {}
        }
        while !queue::EVENT.take() && board::now() < until {}
    }
    runtime.close(end, &mut headset);
    report(&runtime, &headset)
}

type Driven = Runtime<'static, MapScore, TimerQueue, 8, 16, ACCELERATORS>;

fn report(runtime: &Driven, headset: &Headset) -> ! {
    let mut failures = 0;
    let mut frames = 0;
    for ((tally, seen), id) in runtime.scheduler().tallies().iter().zip(&headset.seen).zip(0..) {
        // A lost frame of a dependent was never released, and counts as dropped.
        let ended = seen.completed + seen.dropped + seen.unfinished;
        let conserved = tally.frames == ended
            && tally.completed == seen.completed
            && tally.dropped == seen.dropped
            && seen.released <= ended + seen.left_out;
        failures += u32::from(!conserved);
        frames += tally.frames;
        let counts = [
            ("frames", tally.frames),
            ("completed", tally.completed),
            ("violated", tally.violated),
            ("dropped", tally.dropped),
        ];
        for (what, count) in counts {
            defmt::println!("headset_{=str}_{=str} {=u32}", name(ModelId(id)), what, count);
        }
    }
    let conserved = failures == 0;
    let trouble = runtime.trouble() != Trouble::default();
    defmt::println!("headset_frames {=u32}", frames);
    defmt::println!("headset_dispatches {=u32}", headset.dispatches);
    defmt::println!("headset_uxcost {=f64}", runtime.scheduler().uxcost().value());
    defmt::println!("headset_trouble {=bool}", trouble);
    defmt::println!("headset_conserved {=bool}", conserved);
    log::exit(failures + u32::from(trouble) + u32::from(frames == 0))
}
