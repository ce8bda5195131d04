//! The runtime, over timers and over queues that answer anything, and what interrupts hand over to it.

use core::num::NonZeroU32;
use core::task::{Context, Waker};

use heapless::Vec;
use sdrm3_core::{Event, Frame, Instant, MapScore, ModelId};
use sdrm3_firmware::queue::TimerQueue;
use sdrm3_hal::handover::{Handover, Signal};
use sdrm3_hal::trace::{Buffer, Header, Recorder, Sink};
use sdrm3_hal::{
    AcceleratorQueue, Application, Clock, Input, Inputs, Runtime, Supervision, TickClock, Timetable,
};

use crate::any::{Any, accelerator, any, duration, frame, instant, model, say};
use crate::calls::Of;
use crate::queues::{self, Anything};

type Driven<Q, S = ()> = Runtime<'static, MapScore, Q, 8, 16, 4, S>;

impl Application for Anything {
    fn gives_rise(&mut self, parent: &Frame, child: ModelId) -> bool {
        any((parent, child));
        any(true)
    }

    fn event(&mut self, event: &Event, now: Instant) {
        any((event, now));
    }
}

pub fn plain(scheduler: Of<MapScore>) {
    match Driven::new(scheduler, queues(TimerQueue::new)) {
        Ok(runtime) => calls(runtime),
        Err(error) => say(&error),
    }
}

pub fn traced(scheduler: Of<MapScore>) {
    let mut memory = any([0; 1024]);
    let recorder = Recorder::<_, 512>::new(&Header::of(&scheduler), Buffer::new(&mut memory));
    match Driven::traced(scheduler, queues(|_| Anything), recorder) {
        Ok(runtime) => calls(runtime),
        Err(error) => say(&error),
    }
}

/// Any number of them. Not `collect`: it panics when there are more than there is room for.
fn queues<Q>(make: fn(usize) -> Q) -> Vec<Q, 4> {
    let mut queues = Vec::new();
    (0..usize::any()).for_each(|number| drop(queues.push(make(number))));
    queues
}

fn calls<Q: AcceleratorQueue, S: Sink>(made: Driven<Q, S>) {
    let mut made = made.with_supervision(any(Supervision::DEFAULT));
    let (subject, application) = (any(&mut made), &mut Anything);
    if let Err(refused) = subject.release(model(), instant(), application) {
        say(&refused);
    }
    subject.give_up(frame(), instant(), application);
    any(subject.poll(instant(), application));
    let mut inputs = Timetable::new([(model(), duration()); 3], instant());
    any(subject.turn(instant(), any(&mut inputs), application));
    any(subject.turn(instant(), &mut &INPUTS, application));
    subject.restore(accelerator(), instant(), application);
    any(subject.set_active(model(), any(true), instant(), application).is_ok());
    any(subject.set_period(model(), duration(), instant()).is_ok());
    subject.freeze_tuner(any(true));
    any((subject.scheduler().windows(), subject.queues().len(), subject.trouble(), subject.supervision()));
    any(subject.sink_mut());
    for queue in subject.queues_mut() {
        queues::drive(queue);
    }
    subject.close(instant(), application);
}

static RUNG: Signal = Signal::new();
static INPUTS: Handover<Input, 4> = Handover::new(&RUNG);

pub fn handover() {
    any(INPUTS.push(Input { model: model(), at: instant() }).is_ok());
    any((INPUTS.pop(), INPUTS.take_lost(), INPUTS.capacity()));
    any((&INPUTS).due());
    RUNG.ring();
    any(RUNG.take());
    any(RUNG.poll_wait(&mut Context::from_waker(Waker::noop())).is_ready());

    let clock = TickClock::<_, 24>::new(u32::any, any(NonZeroU32::MIN));
    any((clock.now(), clock.longest_gap()));
}
