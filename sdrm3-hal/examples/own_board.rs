//! A board from its tables to the first dispatches, as a super-loop and as an async task:
//!
//! ```text
//! cargo run -p sdrm3-hal --features async --example own_board
//! ```
//!
//! Here a counter that moves on by 20 us whenever it is read stands for the timer, and kernels on the CPU for the
//! accelerators, so that it runs anywhere. What changes on your board is `count` and `drivers`.

use std::future::{Future, poll_fn};
use std::mem;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

use embedded_hal_async::delay::DelayNs;
use sdrm3_core::{
    Accelerator, Config, Cost, Dispatch, Duration, Event, Frame, Instant, MapScore, Model, ModelId, Path,
    Probability, Scheduler, Segment, SegmentSpec, SubNetwork, Workload,
};
use sdrm3_hal::driver::cpu::{CpuQueue, Step};
use sdrm3_hal::handover::{Handover, Signal};
use sdrm3_hal::middleware::Kinded;
use sdrm3_hal::queue::ErrorKind;
use sdrm3_hal::{
    AcceleratorQueue, Application, Clock, Input, Runtime, Supervision, TickClock, Timetable, Wake,
};

// ANCHOR: tables
/// The accelerators, in the order of the costs below: an NPU, and the CPU as the fall-back.
static UNITS: [Accelerator<'static>; 2] = [Accelerator::new("npu"), Accelerator::new("cpu")];

const fn segment(npu: (u32, u32), cpu: (u32, u32)) -> SegmentSpec<2> {
    SegmentSpec::new([Cost::new(npu.0, npu.1), Cost::new(cpu.0, cpu.1)]) // nanoseconds, nanojoules
}

static HAND: [Segment<2>; 2] = Segment::table([
    segment((900_000, 90_000), (4_000_000, 300_000)),
    segment((600_000, 50_000), (0, 0)), // it does not run on the CPU
]);
static GESTURE: [Segment<2>; 1] = Segment::table([segment((300_000, 20_000), (1_200_000, 80_000))]);

static HANDS: [SubNetwork<'static, 2>; 1] = [SubNetwork::new("hand", &HAND)];
static GESTURES: [SubNetwork<'static, 2>; 1] = [SubNetwork::new("gesture", &GESTURE)];

/// A hand 60 times a second; about half of them make a gesture, which is looked at as well.
static MODELS: [Model<'static, 2>; 2] = [
    Model::new("hand", Duration::from_micros(16_667), &HANDS),
    Model::new("gesture", Duration::from_micros(16_667), &GESTURES)
        .after(ModelId(0), Probability::from_percent(50)),
];

static WORKLOAD: Workload<'static, 2> = Workload::new(&MODELS, &UNITS);
// ANCHOR_END: tables

static TIMER: AtomicU32 = AtomicU32::new(0);

/// Reads the timer.
fn count() -> u32 {
    TIMER.fetch_add(500, Ordering::Relaxed)
}

// ANCHOR: clock
static CLOCK: TickClock<fn() -> u32> = TickClock::new(count, NonZeroU32::new(25_000_000).unwrap());
// ANCHOR_END: clock

// ANCHOR: application
/// What the application hears, and what it is asked.
#[derive(Default)]
struct Headset {
    dispatched: u32,
    completed: u32,
    dropped: u32,
}

impl Application for Headset {
    fn gives_rise(&mut self, parent: &Frame, _child: ModelId) -> bool {
        parent.number.is_multiple_of(2) // yours looks at the parent's result
    }

    fn event(&mut self, event: &Event, _: Instant) {
        match event {
            Event::Dispatched(_) => self.dispatched += 1,
            Event::Completed(_) => self.completed += 1,
            Event::Dropped(..) => self.dropped += 1,
            _ => {}
        }
    }
}
// ANCHOR_END: application

/// A device with errors of its own would stand here; a kernel of so many slices does.
fn driver(slices: u32) -> impl AcceleratorQueue<Error = ErrorKind> {
    CpuQueue::new(
        move |_: &Dispatch, slice: u32| {
            if slice + 1 < slices { Step::More } else { Step::Done(Path::Next) }
        },
    )
}

// ANCHOR: setup
/// Queues of different drivers, side by side.
type Queue<'q> = &'q mut dyn AcceleratorQueue<Error = ErrorKind>;
/// Room for 2 models, 8 jobs, 2 accelerators.
type Driven<'q> = Runtime<'static, MapScore, Queue<'q>, 2, 8, 2>;

fn set_up<'q>(npu: Queue<'q>, cpu: Queue<'q>) -> Result<Driven<'q>, &'static str> {
    let scheduler = Scheduler::new(&WORKLOAD, MapScore::default(), Config::FULL);
    let scheduler = scheduler.map_err(|_| "the tables are not valid: print the error, it says where")?;
    let mut supervision = Supervision::DEFAULT;
    if let Some(timeouts) = &mut supervision.timeouts {
        timeouts.factor = 3; // a block is late at 3 x expected + 500 us
        timeouts.slack = Duration::from_micros(500);
    }
    let queues = [npu, cpu].into(); // in the order of the tables
    let runtime = Runtime::new(scheduler, queues).map_err(|_| "a queue for each accelerator is needed")?;
    Ok(runtime.with_supervision(supervision))
}
// ANCHOR_END: setup

// ANCHOR: super_loop
/// Interrupts of accelerators and sensors ring it.
static WAKE: Signal = Signal::new();

fn super_loop(runtime: &mut Driven<'_>, headset: &mut Headset, end: Instant) {
    let mut inputs = Timetable::new([(ModelId(0), Duration::from_micros(16_667))], CLOCK.now());
    while CLOCK.now() < end {
        match runtime.turn(CLOCK.now(), &mut inputs, headset) {
            Wake::Now => {}
            Wake::At(at) => while !WAKE.take() && CLOCK.now() < at {}, // or sleep: see the text
            Wake::OnEvent => while !WAKE.take() && CLOCK.now() < end {},
        }
    }
}
// ANCHOR_END: super_loop

// ANCHOR: task
/// Frames as the camera's interrupt hands them over.
static FRAMES: Handover<Input, 4> = Handover::new(&WAKE);

fn camera_interrupt() {
    let _ = FRAMES.push(Input { model: ModelId(0), at: CLOCK.now() }); // when full, it is counted as lost
}

/// An embassy task, or an async task of RTIC.
async fn schedule(mut runtime: Driven<'_>, mut delay: impl DelayNs, headset: &mut Headset) -> ! {
    runtime.run(&CLOCK, &mut delay, &WAKE, &mut &FRAMES, headset).await
}
// ANCHOR_END: task

/// A delay that is over when it is polled again: the task then looks at the clock.
struct Nap;

impl DelayNs for Nap {
    async fn delay_ns(&mut self, _: u32) {
        let mut over = false;
        poll_fn(|_| if mem::replace(&mut over, true) { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

fn main() -> Result<(), &'static str> {
    // ANCHOR: side_by_side
    let mut npu = Kinded(driver(4)); // whatever its errors are, they become kinds
    let mut cpu = driver(16);
    let mut runtime = set_up(&mut npu, &mut cpu)?;
    // ANCHOR_END: side_by_side
    let mut headset = Headset::default();
    super_loop(&mut runtime, &mut headset, Instant::from_millis(500));
    let Headset { dispatched, completed, dropped } = headset;
    println!("super-loop: {dispatched} blocks dispatched, {completed} completed, {dropped} frames dropped");
    println!("trouble: {}", if runtime.trouble() == Default::default() { "none" } else { "some" });

    let mut headset = Headset::default();
    {
        // The smallest executor polls it for ever; this one 600 times, with a frame now and then.
        let mut task = pin!(schedule(runtime, Nap, &mut headset));
        let mut context = Context::from_waker(Waker::noop());
        for turn in 0..600 {
            if turn % 100 == 0 {
                camera_interrupt();
            }
            let _ = task.as_mut().poll(&mut context);
        }
    }
    println!("task: {} blocks dispatched, {} completed", headset.dispatched, headset.completed);
    Ok(())
}
