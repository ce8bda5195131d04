//! Inputs that the compiler cannot know.

use core::fmt::Write;
pub use core::hint::black_box as any;

use heapless::String;
use sdrm3_core::{
    AcceleratorId, Config, Dispatch, Duration, Frame, Instant, JobId, ModelId, Outcome, Path, Ticket,
};

/// A value that may be anything.
pub trait Any {
    fn any() -> Self;
}

macro_rules! any_number {
    ($($number:ty),*) => { $(impl Any for $number { fn any() -> Self { any(0 as $number) } })* };
}
any_number!(u8, u16, u32, u64, usize, f32, f64);

pub fn instant() -> Instant {
    Instant::from_nanos(u64::any())
}

pub fn duration() -> Duration {
    Duration::from_nanos(u64::any())
}

pub fn model() -> ModelId {
    ModelId(u8::any())
}

pub fn accelerator() -> AcceleratorId {
    AcceleratorId(u8::any())
}

pub fn frame() -> Frame {
    Frame { release: instant(), deadline: instant(), origin: instant(), number: u32::any(), model: model() }
}

pub fn ticket() -> Ticket {
    Ticket { accelerator: accelerator(), sequence: u32::any() }
}

pub fn outcome() -> Outcome {
    Outcome {
        path: any(Path::Skip(1)),
        started: any(Some(instant())),
        finished: instant(),
        energy_nj: any(Some(0)),
    }
}

pub fn block() -> Dispatch {
    any(Dispatch::new(ticket(), JobId::new(u16::any(), u16::any()), frame(), u16::any()))
}

pub fn config() -> Config {
    Config {
        frame_drop: any(true),
        supernet: any(true),
        correction: any(true),
        tuning_window: any(Some(duration())),
        stale_drop: any(true),
    }
}

/// Messages that a program may print.
pub fn say(message: &dyn core::fmt::Display) {
    let mut text = String::<32>::new();
    let _ = write!(text, "{message}");
    any(&text);
}
