//! The life of one frame: what was decided about it, when, and why.

mod text;

use std::collections::BTreeMap;

use sdrm3_core::{
    Dispatch, DropReason, Event, Frame, Instant, Leftover, ModelId, Progress, Report, Workload,
};
use serde::Serialize;

use crate::engine::{Candidate, Decision, Recorder, Watch, reason_name};
use crate::input::{InputError, unknown_name};
use crate::scenario::ACCELERATORS;

/// A frame by model and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameName {
    /// Its model.
    pub model: ModelId,
    /// Its number within the model, from 0.
    pub number: u32,
}

impl FrameName {
    /// From `MODEL#NUMBER`; a colon, a slash or a space instead of the hash will do.
    pub fn parse(text: &str, workload: &Workload<'_, ACCELERATORS>) -> Result<Self, InputError> {
        const OPTION: &str = "--explain";
        let names: Vec<&str> = workload.models.iter().map(|model| model.name).collect();
        let example = format!("give MODEL#NUMBER, as in {}#0", names.first().unwrap_or(&"eye"));
        let Some((model, number)) = text.trim().rsplit_once(['#', ':', '/', ' ']) else {
            return Err(InputError::new(OPTION, format!("`{text}` names no frame"), example));
        };
        let index = names.iter().position(|name| *name == model.trim());
        let index = index.ok_or_else(|| unknown_name(OPTION, "model", model.trim(), &names))?;
        let number = number
            .trim()
            .parse()
            .map_err(|_| InputError::new(OPTION, format!("`{number}` is no number of a frame"), example))?;
        Ok(Self { model: ModelId(index as u8), number })
    }
}

/// Writes down the life of a frame while its run goes on.
#[derive(Debug)]
pub struct Explain<'a> {
    workload: &'a Workload<'a, ACCELERATORS>,
    watch: &'a Watch,
    target: FrameName,
    steps: Vec<Step>,
    /// Numbers of the model's frames, the least and the greatest, and those next to the one asked for.
    seen: Option<(u32, u32)>,
    neighbours: (Option<u32>, Option<u32>),
    ready_since: Instant,
    dispatched: Option<Dispatch>,
}

/// What happened to the frame; times in milliseconds.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Step {
    Released {
        at_ms: f64,
        deadline_ms: f64,
    },
    /// It was ready, and others were taken: decisions in a row.
    Waited {
        from_ms: f64,
        to_ms: f64,
        decisions: u32,
        /// The models whose frames were taken, and how often.
        taken: BTreeMap<String, u32>,
        /// The last of these decisions.
        chosen: Pair,
        /// The best pair of this frame then, if it had one.
        own: Option<Pair>,
    },
    Dispatched {
        at_ms: f64,
        waited_ms: f64,
        accelerator: String,
        subnetwork: String,
        first_segment: u16,
        segments: u16,
        segments_of_network: usize,
        expected_ms: f64,
        switch_ms: f64,
        switch_nj: u32,
        /// All pairs that were scored, the chosen one first, then by score.
        candidates: Vec<Pair>,
    },
    Ended {
        at_ms: f64,
        energy_nj: u32,
    },
    /// It goes on in another sub-network.
    Lightened {
        at_ms: f64,
        from: String,
        to: String,
    },
    /// The accelerator failed; the block has to run again.
    Lost {
        at_ms: f64,
        accelerator: String,
    },
    Completed {
        at_ms: f64,
        latency_ms: f64,
        late_ms: f64,
    },
    Dropped {
        at_ms: f64,
        reason: &'static str,
        why: String,
    },
    Unfinished {
        at_ms: f64,
        why: String,
    },
}

/// A frame on an accelerator, and what the policy made of it.
#[derive(Clone, Debug, Serialize)]
struct Pair {
    frame: String,
    accelerator: String,
    score: Option<f64>,
    /// Of MapScore: urgency, starvation and energy.
    #[serde(skip_serializing_if = "Option::is_none")]
    summands: Option<[f64; 3]>,
    latency_ms: f64,
    slack_ms: f64,
    switch_nj: u32,
}

impl<'a> Explain<'a> {
    /// Of this frame, in a run of this workload under this watch.
    pub fn new(workload: &'a Workload<'a, ACCELERATORS>, watch: &'a Watch, target: FrameName) -> Self {
        Self {
            workload,
            watch,
            target,
            steps: Vec::new(),
            seen: None,
            neighbours: (None, None),
            ready_since: Instant::ZERO,
            dispatched: None,
        }
    }

    fn name(&self, frame: &Frame) -> String {
        format!("{}#{}", self.workload.model(frame.model).map_or("?", |model| model.name), frame.number)
    }

    fn accelerator(&self, id: sdrm3_core::AcceleratorId) -> String {
        self.workload.accelerators.get(usize::from(id.0)).map_or("?", |row| row.name).into()
    }

    fn subnetwork(&self, index: u8) -> String {
        let model = self.workload.model(self.target.model);
        let subnetwork = model.and_then(|model| model.subnetworks.get(usize::from(index)));
        subnetwork.map_or("?", |subnetwork| subnetwork.name).into()
    }

    fn is_target(&self, frame: &Frame) -> bool {
        (frame.model, frame.number) == (self.target.model, self.target.number)
    }

    /// There is such a frame of the model.
    fn see(&mut self, frame: &Frame) {
        if frame.model != self.target.model {
            return;
        }
        let number = frame.number;
        let (least, most) = self.seen.unwrap_or((number, number));
        self.seen = Some((least.min(number), most.max(number)));
        if number < self.target.number {
            self.neighbours.0 = self.neighbours.0.max(Some(number));
        } else if number > self.target.number {
            self.neighbours.1 = Some(self.neighbours.1.map_or(number, |next| next.min(number)));
        }
    }

    fn pair(&self, candidate: &Candidate, now: Instant) -> Pair {
        let unit =
            if candidate.terms.is_some() { (1u64 << sdrm3_core::score::SCORE_BITS) as f64 } else { 1.0 };
        Pair {
            frame: self.name(&candidate.frame),
            accelerator: self.accelerator(candidate.accelerator),
            score: candidate.score.map(|score| score.0 as f64 / unit),
            summands: candidate.terms.map(|terms| terms.summands()),
            latency_ms: f64::from(candidate.latency_ns) / 1e6,
            slack_ms: millis(candidate.frame.deadline) - millis(now),
            switch_nj: candidate.switch.energy_nj,
        }
    }

    fn dispatched(&mut self, block: &Dispatch, now: Instant) {
        let watch = self.watch;
        let decision = watch.decision();
        if self.is_target(&block.frame) {
            self.taken(block, &decision, now);
        } else if decision.ready.iter().any(|waiting| self.is_target(&waiting.frame)) {
            self.passed_over(block, &decision, now);
        }
    }

    /// The frame was chosen.
    fn taken(&mut self, block: &Dispatch, decision: &Decision, now: Instant) {
        let mut candidates: Vec<&Candidate> = decision.candidates.iter().collect();
        let is_chosen =
            |pair: &Candidate| pair.job == block.job && pair.accelerator == block.ticket.accelerator;
        candidates.sort_by_key(|pair| (!is_chosen(pair), std::cmp::Reverse(pair.score)));
        let model = self.workload.model(block.frame.model);
        let subnetwork = model.and_then(|model| model.subnetworks.get(usize::from(block.subnetwork)));
        self.steps.push(Step::Dispatched {
            at_ms: millis(now),
            waited_ms: now.saturating_since(self.ready_since).as_nanos() as f64 / 1e6,
            accelerator: self.accelerator(block.ticket.accelerator),
            subnetwork: self.subnetwork(block.subnetwork),
            first_segment: block.first,
            segments: block.count,
            segments_of_network: subnetwork.map_or(0, |subnetwork| subnetwork.segments.len()),
            expected_ms: f64::from(block.expected.latency_ns) / 1e6,
            switch_ms: f64::from(block.switch.latency_ns) / 1e6,
            switch_nj: block.switch.energy_nj,
            candidates: candidates.into_iter().map(|pair| self.pair(pair, now)).collect(),
        });
        self.dispatched = Some(*block);
    }

    /// The frame was ready, and another was chosen.
    fn passed_over(&mut self, block: &Dispatch, decision: &Decision, now: Instant) {
        let Some(chosen) = decision.chosen(block).map(|pair| self.pair(pair, now)) else { return };
        let own = decision.candidates.iter().filter(|pair| self.is_target(&pair.frame));
        let own = own.max_by_key(|pair| pair.score).map(|pair| self.pair(pair, now));
        let model = self.workload.model(block.frame.model).map_or("?", |model| model.name).to_string();
        if let Some(Step::Waited { to_ms, decisions, taken, chosen: last, own: last_own, .. }) =
            self.steps.last_mut()
        {
            *to_ms = millis(now);
            *decisions += 1;
            *taken.entry(model).or_default() += 1;
            (*last, *last_own) = (chosen, own);
            return;
        }
        let (at, taken) = (millis(now), BTreeMap::from([(model, 1)]));
        self.steps.push(Step::Waited { from_ms: at, to_ms: at, decisions: 1, taken, chosen, own });
    }

    fn completed(&mut self, report: &Report, now: Instant) {
        let at_ms = millis(report.finished);
        self.steps.push(Step::Ended { at_ms, energy_nj: report.energy_nj });
        let used = self.dispatched.take().map_or(report.subnetwork, |block| block.subnetwork);
        if used != report.subnetwork {
            let (from, to) = (self.subnetwork(used), self.subnetwork(report.subnetwork));
            self.steps.push(Step::Lightened { at_ms, from, to });
        }
        if report.progress == Progress::More {
            self.ready_since = now;
            return;
        }
        let latency_ms = at_ms - millis(report.frame.release);
        let late_ms = at_ms - millis(report.frame.deadline);
        self.steps.push(Step::Completed { at_ms, latency_ms, late_ms });
    }

    fn dropped(&mut self, reason: DropReason, now: Instant) {
        let decision = self.watch.decision();
        let waiting = decision.ready.iter().find(|waiting| self.is_target(&waiting.frame));
        let ms = |duration: sdrm3_core::Duration| duration.as_nanos() as f64 / 1e6;
        let work = waiting.map_or_else(String::new, |waiting| {
            let (fastest, slack) = (ms(waiting.fastest), ms(waiting.slack));
            format!(": {fastest:.3} ms of work are left at best, and {slack:.3} ms of time")
        });
        let why = match reason {
            DropReason::Stale => "it had not started when its deadline came".into(),
            DropReason::Infeasible => format!("it could not be in time, and others needed the room{work}"),
            DropReason::Superseded => "a newer frame of its model took its place".into(),
            DropReason::Withdrawn => "its model was switched off; it does not count".into(),
            DropReason::Abandoned => format!("the policy gave it up{work}"),
            DropReason::ParentLost => {
                "it was never released, for the frame that it depends on ended without a result".into()
            }
            DropReason::NoRoom => "there was no room for it".into(),
            DropReason::Unplaceable => "nothing in service could run it when its deadline came".into(),
            _ => String::new(),
        };
        self.steps.push(Step::Dropped { at_ms: millis(now), reason: reason_name(reason), why });
    }

    /// What became of the frame; an error if there was none of that number.
    pub fn finish(self, about: &str) -> Result<Explanation, InputError> {
        let name = self.workload.model(self.target.model).map_or("?", |model| model.name);
        let frame = format!("{name}#{}", self.target.number);
        if self.steps.is_empty() {
            let remedy = match (self.seen, self.neighbours) {
                (None, _) => format!("{name} has no frame in this run: give a longer --duration-ms"),
                (Some((least, most)), (Some(before), Some(after))) => format!(
                    "{name} has frames from {least} to {most} in this run; the nearest are {before} and {after}"
                ),
                (Some((least, most)), _) => {
                    format!(
                        "{name} has frames from {least} to {most} in this run; give one, or a longer --duration-ms"
                    )
                }
            };
            return Err(InputError::new("--explain", format!("there is no frame {frame}"), remedy));
        }
        Ok(Explanation { frame, run: about.into(), steps: self.steps })
    }
}

fn millis(at: Instant) -> f64 {
    at.as_nanos() as f64 / 1e6
}

impl Recorder for Explain<'_> {
    fn record(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Released(frame, _) => {
                self.see(frame);
                if self.is_target(frame) {
                    let (at_ms, deadline_ms) = (millis(frame.release), millis(frame.deadline));
                    self.steps.push(Step::Released { at_ms, deadline_ms });
                    self.ready_since = now;
                }
            }
            Event::Dispatched(block) => self.dispatched(block, now),
            Event::Completed(report) if self.is_target(&report.frame) => self.completed(report, now),
            Event::Faulted(accelerator, _, Some(job))
                if self.dispatched.is_some_and(|block| block.job == *job) =>
            {
                self.dispatched = None;
                self.ready_since = now;
                let accelerator = self.accelerator(*accelerator);
                self.steps.push(Step::Lost { at_ms: millis(now), accelerator });
            }
            Event::Dropped(frame, reason) => {
                self.see(frame);
                if self.is_target(frame) {
                    self.dropped(*reason, now);
                }
            }
            Event::Unfinished(leftover) => {
                let (frame, why) = match leftover {
                    Leftover::Overdue(frame) => {
                        (frame, "the run ended before it did, past its deadline: violated")
                    }
                    Leftover::LeftOut(frame) => {
                        (frame, "the run ended while it had time left; it does not count")
                    }
                };
                if self.is_target(frame) {
                    self.steps.push(Step::Unfinished { at_ms: millis(now), why: why.into() });
                }
            }
            _ => {}
        }
    }
}

/// The life of a frame, as it is reported.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    frame: String,
    run: String,
    steps: Vec<Step>,
}
