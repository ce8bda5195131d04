//! What holds for any scenario on any platform under any policy.
//!
//! Scenarios and platforms are written as TOML and costs as CSV, then read as a user's files are.
//! `PROPTEST_CASES=10000 cargo test -p sdrm3-host-sim --test properties` looks further.

mod files;

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

use bumpalo::Bump;
use proptest::prelude::*;
use sdrm3_core::{Dispatch, Duration, Event, Frame, Instant, Leftover, Progress, Ticket};
use sdrm3_host_sim::engine::{Cell, Outcome, Recorder};
use sdrm3_host_sim::input::Source;
use sdrm3_host_sim::network::Library;
use sdrm3_host_sim::policy::{Method, Parameters, PolicyName};
use sdrm3_host_sim::scenario::{CostTable, Platform, Scenario, build};

use files::{costs, platform};

const DURATION_MS: u64 = 200;

// Random files.

#[derive(Clone, Debug)]
struct Model {
    /// Of a root.
    fps: u32,
    /// For a dependent, an index that is taken modulo the models before it.
    parent: Option<(usize, u32, f64)>,
    deadline_ms: Option<f64>,
    jitter_share: f64,
    /// Per layer and accelerator: latency in microseconds and energy.
    layers: Vec<[(u32, u32); ACCELERATORS]>,
}

const ACCELERATORS: usize = 3;

#[derive(Clone, Debug)]
struct Files {
    scenario: String,
    platform: String,
    costs: String,
    seed: u64,
}

fn model() -> impl Strategy<Value = Model> {
    let latency = prop_oneof![1 => Just(0u32), 6 => 1u32..12_000];
    let layer = prop::array::uniform3((latency, 0u32..2_000_000));
    (
        prop::sample::select(vec![12u32, 24, 36, 60, 120]),
        prop::option::of((0usize..8, 1u32..4, prop_oneof![Just(0.0), Just(1.0), 0.0..1.0])),
        prop::option::of(0.5..60.0),
        prop_oneof![Just(0.0), 0.0..1.0],
        prop::collection::vec(layer, 1..5),
    )
        .prop_map(|(fps, parent, deadline_ms, jitter_share, layers)| Model {
            fps,
            parent,
            deadline_ms,
            jitter_share,
            layers,
        })
}

prop_compose! {
    fn files()(
        models in prop::collection::vec(model(), 1..5),
        accelerators in 1..=ACCELERATORS,
        switches in prop::option::of((0u32..3_000_000, 0u32..100_000)),
        decision_ns in 0u32..100_000,
        seed in 0u64..4,
    ) -> Files {
        Files {
            scenario: scenario(&models),
            platform: platform(accelerators, switches, decision_ns),
            costs: costs(models.iter().map(|model| &model.layers[..]), accelerators),
            seed,
        }
    }
}

fn scenario(models: &[Model]) -> String {
    let mut text = String::from("name = 'random'\n");
    let mut rates: Vec<f64> = Vec::new();
    for (index, model) in models.iter().enumerate() {
        let _ = writeln!(text, "[[model]]\nname = 'm{index}'\nnetwork = 'n{index}'");
        let rate = match model.parent.filter(|_| index > 0) {
            None => {
                let jitter_ms = 1e3 / f64::from(model.fps) * model.jitter_share;
                let _ = writeln!(text, "jitter_ms = {jitter_ms:?}");
                f64::from(model.fps)
            }
            Some((parent, every, probability)) => {
                let parent = parent % index;
                let _ = writeln!(text, "depends_on = 'm{parent}'\nprobability = {probability:?}");
                rates[parent] / f64::from(every)
            }
        };
        let _ = writeln!(text, "fps = {rate:?}");
        if let Some(deadline) = model.deadline_ms {
            let _ = writeln!(text, "deadline_ms = {deadline:?}");
        }
        rates.push(rate);
    }
    text
}

// A run, and all that was seen of it.

#[derive(Default)]
struct Trace(Vec<(Instant, Event)>);

impl Recorder for Trace {
    fn record(&mut self, event: &Event, now: Instant) {
        self.0.push((now, *event));
    }
}

#[derive(Clone)]
struct Seen {
    policy: &'static str,
    scenario: Scenario,
    outcome: Outcome,
    trace: Vec<(Instant, Event)>,
}

/// Runs the files under every policy.
fn run(files: &Files) -> Vec<Seen> {
    let source = |name: &str, text: &str| Source { origin: name.into(), text: text.into() };
    let scenario = Scenario::parse(&source("scenario", &files.scenario)).unwrap_or_else(|e| panic!("{e}"));
    let platform = Platform::parse(&source("platform", &files.platform)).unwrap_or_else(|e| panic!("{e}"));
    let costs = CostTable::parse(&source("costs", &files.costs)).unwrap_or_else(|e| panic!("{e}"));
    let memory = Bump::new();
    let workload = build(&scenario, &platform, &Library::zoo(), Some(&costs), &memory)
        .unwrap_or_else(|error| panic!("{error}"));
    let duration = Duration::from_millis(DURATION_MS);
    let cell = Cell {
        scenario: &scenario,
        platform: &platform,
        workload: &workload,
        recording: None,
        duration,
        seed: files.seed,
    };
    let of_policy = |policy: PolicyName| {
        let mut trace = Trace::default();
        let outcome = Method::new(policy, &[], Parameters::default()).run(&cell, &mut trace);
        Seen { policy: policy.name(), scenario: scenario.clone(), outcome, trace: trace.0 }
    };
    PolicyName::ALL.map(of_policy).into()
}

type FrameKey = (usize, u32);

fn key(frame: &Frame) -> FrameKey {
    (usize::from(frame.model.0), frame.number)
}

/// Follows a run event by event and checks what must hold at each.
#[derive(Default)]
struct Audit {
    running: HashMap<u8, Dispatch>,
    /// Of each accelerator: when it became idle last.
    idle_since: HashMap<u8, Instant>,
    /// Of each frame under way: the layer that is next.
    next_layer: HashMap<FrameKey, u16>,
    completed: BTreeSet<FrameKey>,
    /// Frames that have ended, whichever way, and those left out of the count.
    ended: BTreeSet<FrameKey>,
    left_out: BTreeSet<FrameKey>,
    /// Frames whose result was due within the run.
    due: BTreeSet<FrameKey>,
    tickets: BTreeSet<u32>,
}

impl Audit {
    fn of(seen: &Seen) -> Result<Self, TestCaseError> {
        let mut audit = Self::default();
        let mut last = Instant::ZERO;
        for (now, event) in &seen.trace {
            prop_assert!(*now >= last, "time goes forward");
            last = *now;
            audit.follow(event, *now, seen)?;
        }
        prop_assert!(audit.next_layer.is_empty(), "every frame ends: {:?}", audit.next_layer);
        Ok(audit)
    }

    fn follow(&mut self, event: &Event, now: Instant, seen: &Seen) -> Result<(), TestCaseError> {
        match event {
            Event::Released(frame, _) => {
                self.note_due(frame);
                let (model, number) = key(frame);
                if let Some(parent) = seen.scenario.models[model].parent {
                    let parent = (parent.index, number);
                    prop_assert!(self.completed.contains(&parent), "{model} {number} before its parent");
                }
                prop_assert!(self.next_layer.insert((model, number), 0).is_none(), "released once");
            }
            Event::Dispatched(block) => {
                prop_assert!(self.tickets.insert(block.ticket.sequence), "a ticket is given once");
                let accelerator = block.ticket.accelerator.0;
                prop_assert!(now >= self.idle_since.get(&accelerator).copied().unwrap_or(Instant::ZERO));
                prop_assert!(self.running.insert(accelerator, *block).is_none(), "one block at a time");
                let others = self.running.values().filter(|other| other.job == block.job).count();
                prop_assert_eq!(others, 1, "a job runs in one place at a time");
                prop_assert_eq!(self.next_layer.get(&key(&block.frame)), Some(&block.first), "in order");
            }
            Event::Completed(report) => {
                let Ticket { accelerator, .. } = report.ticket;
                let Some(block) = self.running.remove(&accelerator.0) else {
                    return Err(TestCaseError::fail("nothing ran there"));
                };
                prop_assert_eq!(block.ticket, report.ticket);
                prop_assert!(report.energy_nj <= report.worst_energy_nj);
                prop_assert!(report.finished <= now, "a completion lies in the past");
                self.idle_since.insert(accelerator.0, report.finished);
                let frame = key(&report.frame);
                if report.progress == Progress::More {
                    self.next_layer.insert(frame, block.first + block.count);
                } else {
                    let late = report.finished > report.frame.deadline;
                    prop_assert_eq!(report.progress == Progress::Late, late);
                    self.completed.insert(frame);
                    self.end(frame)?;
                }
            }
            Event::Dropped(frame, _) => {
                self.note_due(frame);
                let running = self.running.values().any(|block| key(&block.frame) == key(frame));
                prop_assert!(!running, "a layer is never preempted");
                self.end(key(frame))?;
            }
            Event::Unfinished(Leftover::Overdue(frame)) => self.end(key(frame))?,
            Event::Unfinished(Leftover::LeftOut(frame)) => {
                self.left_out.insert(key(frame));
                self.end(key(frame))?;
            }
            other => return Err(TestCaseError::fail(format!("no {other:?} without faults"))),
        }
        Ok(())
    }

    fn end(&mut self, frame: FrameKey) -> Result<(), TestCaseError> {
        self.next_layer.remove(&frame);
        prop_assert!(self.ended.insert(frame), "{frame:?} ends once");
        Ok(())
    }

    fn note_due(&mut self, frame: &Frame) {
        if frame.deadline <= Instant::from_millis(DURATION_MS) {
            self.due.insert(key(frame));
        }
    }
}

// What holds.

proptest! {
    #[test]
    fn every_frame_and_every_block_is_accounted_for(files in files()) {
        for seen in run(&files) {
            let audit = Audit::of(&seen).map_err(|error| TestCaseError::fail(format!("{}: {error}", seen.policy)))?;
            for (index, (tally, stats)) in seen.outcome.tallies.iter().zip(&seen.outcome.stats.models).enumerate() {
                let of_model = |frames: &BTreeSet<FrameKey>| frames.iter().filter(|key| key.0 == index).count();
                let counted = of_model(&audit.ended) - of_model(&audit.left_out);
                prop_assert_eq!(tally.frames as usize, counted, "{}: model {}", seen.policy, index);
                prop_assert_eq!(tally.completed as usize, of_model(&audit.completed));
                prop_assert_eq!(tally.frames, tally.completed + tally.dropped + stats.unfinished);
                prop_assert!(tally.dropped + stats.unfinished <= tally.violated);
                prop_assert!(tally.violated <= tally.frames);
                prop_assert!(tally.energy_nj <= tally.worst_energy_nj, "{}: model {}", seen.policy, index);
            }
            let blocks = seen.trace.iter().filter(|(_, event)| matches!(event, Event::Dispatched(_))).count();
            prop_assert_eq!(seen.outcome.stats.decisions, blocks as u64);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_run(files in files()) {
        for (first, again) in run(&files).iter().zip(&run(&files)) {
            prop_assert!(first.trace == again.trace, "{}", first.policy);
            prop_assert_eq!(first.outcome.uxcost.value(), again.outcome.uxcost.value());
        }
    }

    /// Frames due within the run are the same whoever decides: those of cascades, too.
    #[test]
    fn every_policy_faces_the_same_frames(files in files()) {
        let runs = run(&files);
        let due: Vec<_> = runs.iter().map(|seen| Audit::of(seen).map(|audit| audit.due)).collect::<Result<_, _>>()?;
        for (seen, other) in runs.iter().zip(&due) {
            let missing: Vec<_> = due[0].symmetric_difference(other).collect();
            prop_assert!(missing.is_empty(), "{} and {} differ in {missing:?}", runs[0].policy, seen.policy);
        }
    }
}

/// The audit is no better than its eyes: events that are missing, doubled or too early are noticed.
#[test]
fn the_audit_notices_what_cannot_be() {
    let layers = vec![[(3_000, 1); ACCELERATORS]; 2];
    let eye = Model { fps: 60, parent: None, deadline_ms: None, jitter_share: 0.0, layers };
    let models = [eye.clone(), Model { parent: Some((0, 1, 1.0)), ..eye }];
    let files = Files {
        scenario: scenario(&models),
        platform: platform(2, None, 0),
        costs: costs(models.iter().map(|model| &model.layers[..]), 2),
        seed: 1,
    };
    let seen = run(&files).remove(0);
    assert!(Audit::of(&seen).is_ok());
    let mut doctored = 0;
    for (index, &(now, event)) in seen.trace.iter().enumerate() {
        let mut missing = seen.clone();
        missing.trace.remove(index);
        assert!(Audit::of(&missing).is_err(), "without {event:?}");
        let mut doubled = seen.clone();
        doubled.trace.insert(index, (now, event));
        assert!(Audit::of(&doubled).is_err(), "twice {event:?}");
        doctored += 2;
    }
    assert!(doctored > 100, "{doctored} traces");
    let child =
        seen.trace.iter().position(|(_, event)| matches!(event, Event::Released(f, _) if f.model.0 == 1));
    let mut early = seen.clone();
    let at = child.expect("a dependent frame");
    early.trace.swap(at - 1, at);
    assert!(Audit::of(&early).is_err(), "a dependent frame before its parent's result");
}

/// A result that was due before the frame it depends on was even ready is missed, also when that frame
/// itself has time beyond the end of the run.
#[test]
fn a_dependent_frame_due_within_the_run_counts_when_its_parent_does_not() {
    let layer = |us| vec![[(us, 1); ACCELERATORS]];
    let eye = Model { fps: 10, parent: None, deadline_ms: None, jitter_share: 0.0, layers: layer(210_000) };
    let gaze = Model {
        parent: Some((0, 1, 1.0)),
        deadline_ms: Some(150.0), // of the eye's frame that came at 100 ms it is due at 250 ms
        layers: layer(1_000),
        ..eye.clone()
    };
    let blink = Model { parent: Some((1, 1, 1.0)), deadline_ms: Some(80.0), ..gaze.clone() };
    let models = [Model { deadline_ms: Some(300.0), ..eye }, gaze, blink];
    let files = Files {
        scenario: scenario(&models),
        platform: platform(2, None, 0),
        costs: costs(models.iter().map(|model| &model.layers[..]), 2),
        seed: 1,
    };
    for seen in run(&files) {
        let [eye, gaze, blink] = &seen.outcome.tallies[..] else { panic!("three models") };
        assert_eq!((eye.frames, eye.violated), (0, 0), "two run at the end of 200 ms, due at 300 and 400 ms");
        assert_eq!((gaze.frames, gaze.violated), (1, 1), "due at 150 ms; the other at 250 ms");
        assert_eq!((blink.frames, blink.violated), (2, 2), "due at 80 and 180 ms");
    }
}
