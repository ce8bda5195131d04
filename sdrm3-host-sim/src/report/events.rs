//! Every event of a run as CSV.

use sdrm3_core::{AcceleratorId, Dispatch, Event, Fault, Frame, Instant, Leftover, Progress, Workload};
use serde::Serialize;

use crate::engine::{Recorder, reason_name};
use crate::scenario::ACCELERATORS;

/// Writes events as they come: one row each, times in nanoseconds.
#[derive(Debug)]
pub struct EventLog<'w> {
    workload: &'w Workload<'w, ACCELERATORS>,
    writer: csv::Writer<Vec<u8>>,
    /// By accelerator: the frame and the sequence number of the block that it runs.
    running: [Option<(Frame, u32)>; ACCELERATORS],
}

/// Empty cells are quantities that the event does not have.
#[derive(Default, Serialize)]
struct Row<'a> {
    time_ns: u64,
    event: &'a str,
    model: &'a str,
    frame: Option<u32>,
    accelerator: &'a str,
    sequence: Option<u32>,
    subnetwork: Option<u8>,
    first_layer: Option<u16>,
    layers: Option<u16>,
    score: Option<i64>,
    expected_ns: Option<u32>,
    switch_ns: Option<u32>,
    energy_nj: Option<u32>,
    deadline_ns: Option<u64>,
    uxcost: Option<f64>,
    alpha: Option<f64>,
    beta: Option<f64>,
    detail: &'a str,
}

impl<'w> EventLog<'w> {
    /// An empty log of this workload.
    pub fn new(workload: &'w Workload<'w, ACCELERATORS>) -> Self {
        Self { workload, writer: csv::Writer::from_writer(Vec::new()), running: [None; ACCELERATORS] }
    }

    /// The rows, under a header.
    pub fn into_csv(self) -> Vec<u8> {
        self.writer.into_inner().unwrap_or_default()
    }

    fn of_frame(&self, event: &'w str, frame: &Frame, now: Instant) -> Row<'w> {
        Row {
            time_ns: now.as_nanos(),
            event,
            model: self.workload.model(frame.model).map_or("?", |model| model.name),
            frame: Some(frame.number),
            deadline_ns: Some(frame.deadline.as_nanos()),
            ..Row::default()
        }
    }

    fn accelerator(&self, id: sdrm3_core::AcceleratorId) -> &'w str {
        self.workload.accelerators.get(usize::from(id.0)).map_or("?", |accelerator| accelerator.name)
    }

    fn of_dispatch(&self, block: &Dispatch, now: Instant) -> Row<'w> {
        Row {
            accelerator: self.accelerator(block.ticket.accelerator),
            sequence: Some(block.ticket.sequence),
            subnetwork: Some(block.subnetwork),
            first_layer: Some(block.first),
            layers: Some(block.count),
            score: Some(block.score.0),
            expected_ns: Some(block.expected.latency_ns),
            switch_ns: Some(block.switch.latency_ns),
            energy_nj: Some(block.expected.energy_nj),
            ..self.of_frame("dispatched", &block.frame, now)
        }
    }
}

/// What befell an accelerator, in words.
fn fault_name(fault: Fault) -> &'static str {
    match fault {
        Fault::BlockLost => "block lost",
        Fault::NotTaken => "not taken",
        Fault::Resting => "resting",
        Fault::OutOfService => "out of service",
        _ => "",
    }
}

impl Recorder for EventLog<'_> {
    fn record(&mut self, event: &Event, now: Instant) {
        let (on, block) = match event {
            Event::Dispatched(block) => {
                (block.ticket.accelerator, Some((block.frame, block.ticket.sequence)))
            }
            Event::Completed(report) => (report.ticket.accelerator, None),
            _ => (AcceleratorId(u8::MAX), None),
        };
        if let Some(running) = self.running.get_mut(usize::from(on.0)) {
            *running = block;
        }
        let row = match event {
            Event::Released(frame, _) => self.of_frame("released", frame, now),
            Event::Dispatched(block) => self.of_dispatch(block, now),
            Event::Completed(report) => Row {
                accelerator: self.accelerator(report.ticket.accelerator),
                sequence: Some(report.ticket.sequence),
                energy_nj: Some(report.energy_nj),
                detail: match report.progress {
                    Progress::More => "",
                    Progress::InTime => "in time",
                    Progress::Late => "late",
                },
                ..self.of_frame("completed", &report.frame, now)
            },
            Event::Dropped(frame, why) => {
                Row { detail: reason_name(*why), ..self.of_frame("dropped", frame, now) }
            }
            Event::Unfinished(Leftover::Overdue(frame)) => {
                Row { detail: "overdue", ..self.of_frame("unfinished", frame, now) }
            }
            Event::Unfinished(Leftover::LeftOut(frame)) => {
                Row { detail: "left out", ..self.of_frame("unfinished", frame, now) }
            }
            Event::Faulted(accelerator, fault, _) => {
                let block = self.running.get_mut(usize::from(accelerator.0)).and_then(Option::take);
                let row = match block {
                    Some((frame, sequence)) => {
                        Row { sequence: Some(sequence), ..self.of_frame("faulted", &frame, now) }
                    }
                    None => Row { time_ns: now.as_nanos(), event: "faulted", ..Row::default() },
                };
                Row { accelerator: self.accelerator(*accelerator), detail: fault_name(*fault), ..row }
            }
            Event::Window(uxcost) => Row {
                time_ns: now.as_nanos(),
                event: "window",
                uxcost: Some(uxcost.value()),
                ..Row::default()
            },
            Event::Tuned(weights) => Row {
                time_ns: now.as_nanos(),
                event: "tuned",
                alpha: Some(weights.alpha.as_f64()),
                beta: Some(weights.beta.as_f64()),
                ..Row::default()
            },
            Event::Activated(model, active) => Row {
                time_ns: now.as_nanos(),
                event: if *active { "switched on" } else { "switched off" },
                model: self.workload.model(*model).map_or("?", |model| model.name),
                ..Row::default()
            },
            Event::Barred(model, accelerator, barred) => Row {
                time_ns: now.as_nanos(),
                event: if *barred { "barred" } else { "let in" },
                model: self.workload.model(*model).map_or("?", |model| model.name),
                accelerator: self.accelerator(*accelerator),
                ..Row::default()
            },
            Event::Restored(accelerator) => Row {
                time_ns: now.as_nanos(),
                event: "restored",
                accelerator: self.accelerator(*accelerator),
                ..Row::default()
            },
            _ => return,
        };
        // Into memory: cannot fail.
        let _ = self.writer.serialize(row);
    }
}
