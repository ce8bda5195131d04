//! Every public operation of the core and of the runtime, with inputs that the compiler cannot know. That
//! it links proves that no panic is reachable from any of them: the panic handler does not exist.
//!
//! It is linked and never run. The feature `planted-panic` adds one, to show that the link then fails.

#![no_std]
#![no_main]

use core::fmt::Write;
use core::hint::black_box as any;

use heapless::{String, Vec};
use sdrm3_core::{
    Accelerator, AcceleratorId, Config, Cost, DropBudget, DropReason, Duration, Event, Fault, Frame, Instant,
    JobId, MapScore, Model, ModelId, Outcome, Path, Policy, Probability, Scheduler, Segment, SegmentSpec,
    SubNetwork, Tally, Ticket, Tuner, UxCost, Weight, Weights, Workload, score,
};
use sdrm3_firmware::queue::TimerQueue;
use sdrm3_firmware::workload::HEADSET;
use sdrm3_hal::queue::{self, AcceleratorQueue, ErrorKind};
use sdrm3_hal::{Application, Runtime};

type Subject = Scheduler<'static, MapScore, 8, 16, 4>;
type Driven = Runtime<'static, MapScore, TimerQueue, 8, 16, 4>;

struct Anything;

impl Application for Anything {
    fn gives_rise(&mut self, parent: &Frame, child: ModelId) -> bool {
        any((parent, child));
        any(true)
    }

    fn event(&mut self, event: &Event, now: Instant) {
        any((event, now));
    }
}

/// A value that may be anything.
trait Any {
    fn any() -> Self;
}

macro_rules! any_number {
    ($($number:ty),*) => { $(impl Any for $number { fn any() -> Self { any(0 as $number) } })* };
}
any_number!(u8, u16, u32, u64, usize, f32, f64);

fn instant() -> Instant {
    Instant::from_nanos(u64::any())
}

fn duration() -> Duration {
    Duration::from_nanos(u64::any())
}

fn model() -> ModelId {
    ModelId(u8::any())
}

fn accelerator() -> AcceleratorId {
    AcceleratorId(u8::any())
}

fn frame() -> Frame {
    Frame { release: instant(), deadline: instant(), origin: instant(), number: u32::any(), model: model() }
}

fn ticket() -> Ticket {
    Ticket { accelerator: accelerator(), sequence: u32::any() }
}

fn outcome() -> Outcome {
    Outcome {
        path: any(Path::Skip(1)),
        started: any(Some(instant())),
        finished: instant(),
        energy_nj: any(Some(0)),
    }
}

fn config() -> Config {
    Config {
        frame_drop: any(true),
        supernet: any(true),
        correction: any(true),
        tuning_window: any(Some(duration())),
        stale_drop: any(true),
    }
}

/// Messages that a program may print.
fn say(message: &dyn core::fmt::Display) {
    let mut text = String::<32>::new();
    let _ = write!(text, "{message}");
    any(&text);
}

fn time() {
    any(instant().saturating_add(duration()).saturating_since(instant()));
    any(duration().saturating_add(duration()).saturating_sub(duration()).as_nanos());
    any((Instant::from_micros(u64::any()), Instant::from_millis(u64::any())));
    any((Duration::from_micros(u64::any()), Duration::from_millis(u64::any())));
    any(Duration::from(core::time::Duration::from_nanos(u64::any())));
    any(core::time::Duration::from(duration()));
}

fn numbers() {
    any(score::urgency(duration(), duration()));
    any(score::preference(u64::any(), u32::any(), u32::any()));
    any(score::starvation(duration(), u32::any()));
    any(score::switch(u32::any(), u32::any()));
    any(score::urgency_term(u32::any(), u32::any()));
    any(score::starvation_term(Weight::from_bits(u32::any()), u32::any()));
    any(score::energy_term(Weight::from_bits(u32::any()), u32::any(), u32::any()));
    any((Weight::from_millis(u32::any()), Weight::from_f64(f64::any())));
    any(Weight::from_bits(u32::any()).as_f64());
    any((Probability::from_f64(f64::any()), Probability::from_percent(u8::any()).as_f64()));
    any(DropBudget::new(u8::any(), u8::any()).map(|budget| (budget.lost(), budget.of())));
    let tally = Tally { frames: u32::any(), violated: u32::any(), ..Tally::default() };
    any((tally.violation_rate(), tally.normalised_energy()));
    any(UxCost::of([(&tally, u16::any())]).value());

    let mut tuner = Tuner::new(Weights { alpha: Weight::from_bits(u32::any()), beta: Weight::ONE });
    let tuner = any(&mut tuner);
    tuner.window(any(Some(f32::any())));
    tuner.freeze(any(true));
    tuner.arm();
    any((tuner.is_settled(), tuner.moves(), tuner.centre(), tuner.weights()));
}

/// Tables that are made at run time.
fn tables() {
    let specs = any([SegmentSpec::<4>::new([Cost::NONE; 4]).with_activations(u32::any()); 3]);
    let segments = Segment::table(specs);
    let networks = [SubNetwork::new("any", &segments).with_weights(u32::any()).with_accuracy(u32::any())];
    let models = [Model::new("any", duration(), any(&networks)).with_deadline(duration())];
    let units = [Accelerator::new("any").with_switch(any(Cost::NONE), any(Cost::NONE))];
    any(units.first().map(|unit| unit.switch_cost(u32::any())));
    let workload = Workload::new(any(&models), any(&units));
    any((workload.model(model()), workload.children(model()).count()));
    if let Err(error) = workload.validate() {
        say(&error);
    }
}

fn scheduler() -> Option<Subject> {
    let mut made = match Subject::new(any(&HEADSET), MapScore::default(), config()) {
        Ok(made) => made,
        Err(error) => {
            say(&error);
            return None;
        }
    };
    let subject = any(&mut made);
    match subject.release(model(), instant()) {
        Ok((_, job)) => drop(any((job.index(), job.generation()))),
        Err(refused) => say(&refused),
    }
    any(subject.release_child(model(), &frame(), instant()).is_ok());
    any(subject.lose_child(model(), &frame(), instant()).is_ok());
    subject.give_up(frame(), instant());
    let _ = any(subject.poll(instant()));
    match subject.complete(ticket(), outcome(), instant()) {
        Ok(report) => drop(any(report)),
        Err(error) => say(&error),
    }
    any(subject.fault(accelerator(), any(Fault::OutOfService), instant()).is_ok());
    any(subject.restore(accelerator(), instant()).is_ok());
    any(subject.is_in_flight(ticket()));
    any(subject.set_active(model(), any(true), instant()).is_ok());
    any(subject.bar(model(), accelerator(), any(true), instant()).is_ok());
    any(subject.set_period(model(), duration(), instant()).is_ok());
    any(subject.latency_factor(model(), accelerator()));
    subject.freeze_tuner(any(true));
    any((subject.workload(), subject.policy().weights(), subject.config(), subject.capacity()));
    any((subject.jobs_in_flight(), subject.accelerators(), subject.tallies(), subject.uxcost()));
    any((subject.windows(), subject.last_window(), subject.tuner()));
    any(subject.close(instant()));
    Some(made)
}

fn runtime(scheduler: Subject) {
    // Not `collect`: it panics when there are more than there is room for.
    let mut queues = Vec::<TimerQueue, 4>::new();
    (0..usize::any()).for_each(|timer| drop(queues.push(TimerQueue::new(timer))));
    let mut made = match Driven::new(scheduler, queues) {
        Ok(made) => made,
        Err(error) => return say(&error),
    };
    let (subject, application) = (any(&mut made), &mut Anything);
    if let Err(refused) = subject.release(model(), instant(), application) {
        say(&refused);
    }
    subject.give_up(frame(), instant(), application);
    any(subject.poll(instant(), application));
    subject.restore(accelerator(), instant(), application);
    any(subject.set_active(model(), any(true), instant(), application).is_ok());
    any(subject.set_period(model(), duration(), instant()).is_ok());
    subject.freeze_tuner(any(true));
    any((subject.scheduler().windows(), subject.queues().len(), subject.trouble()));
    for queue in subject.queues_mut() {
        any(queue.cancel(instant(), ticket()));
        any(queue.reset(instant()).is_ok());
        any((queue.capabilities(), queue.health(), queue.progress(ticket()), queue.residency(model())));
        queue.prepare(instant(), model());
        any(queue.set_power(instant(), any(queue::Power::Off)).is_ok());
    }
    any(any(ErrorKind::Full).is_transient());
    say(&any(ErrorKind::Full));
    subject.close(instant(), application);
}

#[cfg(feature = "planted-panic")]
fn planted() {
    any(any([0u8; 4])[usize::any()]);
}

#[sdrm3_firmware::entry]
fn main() -> ! {
    time();
    numbers();
    tables();
    if let Some(scheduler) = scheduler() {
        runtime(scheduler);
    }
    any((any(None::<JobId>), any(DropReason::Stale)));
    #[cfg(feature = "planted-panic")]
    planted();
    loop {
        core::hint::spin_loop();
    }
}
