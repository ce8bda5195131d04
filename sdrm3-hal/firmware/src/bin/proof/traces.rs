//! Traces: written, read from any bytes, and repeated.

use sdrm3_core::MapScore;
use sdrm3_firmware::workload::HEADSET;
use sdrm3_hal::trace::{Buffer, Header, Recorder, Sink, Step, Trace, replay};

use crate::any::{any, config, say};
use crate::calls::Of;

pub fn all() {
    let bytes = any([0; 1024]);
    let trace = match Trace::parse(any(&bytes)) {
        Ok(trace) => trace,
        Err(error) => return say(&error),
    };
    let mut steps = trace.steps();
    if let Some(step) = steps.next() {
        recorder(trace.header(), &step);
    }
    any(steps.by_ref().count());
    any((steps.ending(), steps.bytes()));
    let Ok(mut scheduler) = Of::new(any(&HEADSET), any(MapScore::default()), config()) else { return };
    if let Ok(replayed) = replay(&trace, any(&mut scheduler)) {
        any(replayed.is_identical());
        any(replayed);
    }
}

fn recorder(header: &Header<'_>, step: &Step) {
    let mut memory = any([0; 1024]);
    let mut recorder = Recorder::<_, 512>::new(&header.with_text(any("any")), Buffer::new(&mut memory));
    any(&mut recorder).record(any(step));
    recorder.flush();
    any(recorder.finish());
    any((recorder.decisions(), recorder.records(), recorder.lost(), recorder.output().written()));
}
