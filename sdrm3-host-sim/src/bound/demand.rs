//! What there is to serve: the frames of a cell, as drawn, and what serving each would take.

use std::collections::BTreeMap;

use sdrm3_core::{Duration, Instant, Model, ModelId, Path, Segment};

use crate::engine::{Cell, Draw, releases};
use crate::input::InputError;
use crate::scenario::ACCELERATORS;

/// All models of a cell.
#[derive(Debug)]
pub(super) struct Demand {
    /// In the scenario's order.
    pub(super) models: Vec<ModelDemand>,
    /// How many accelerators there are.
    pub(super) accelerators: usize,
}

/// One model.
#[derive(Debug)]
pub(super) struct ModelDemand {
    /// How much it counts; 0 when no frame of it is due within the run, for then it may count in
    /// neither sum.
    pub(super) weight: f64,
    /// Frames that are due within the run: they count, whatever becomes of them.
    pub(super) due: u32,
    /// No run's `E` is below this: the best ratio of energy to worst energy that a part of a frame has.
    pub(super) least_ratio: f64,
    /// Layers of all its sub-networks.
    pub(super) layers: Vec<Layer>,
    /// Its frames, alike ones together.
    pub(super) classes: Vec<Class>,
    /// Whether its frames need a frame of a parent.
    pub(super) dependent: bool,
    /// All its frames.
    pub(super) frames: f64,
    /// The time that each accelerator has in the run, in nanoseconds.
    pub(super) capacity_ns: f64,
}

/// One layer.
#[derive(Debug)]
pub(super) struct Layer {
    /// Where it can run.
    pub(super) on: Vec<Place>,
    /// Energy on its worst accelerator, as a share of that of all frames of the model.
    pub(super) worst: f64,
}

/// A layer on one accelerator.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) accelerator: usize,
    /// As a share of the time that the accelerator has in the run.
    pub(super) time: f64,
    /// As a share of the worst energy of all frames of the model.
    pub(super) energy: f64,
}

/// Frames that are alike.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) frames: u32,
    /// They are due within the run; others count only if they are completed or dropped.
    pub(super) due: bool,
    /// One per sub-network that may be used.
    pub(super) routes: Vec<Route>,
    /// Models that have a frame on each of these.
    pub(super) children: Vec<usize>,
}

/// The layers that a frame runs, in order, at one sub-network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Route {
    pub(super) layers: Vec<usize>,
    /// Time that the layers may take in all for the result to be in time, in nanoseconds; `None` if
    /// that is too little even for an empty platform.
    pub(super) slack_ns: Option<u64>,
}

/// One frame.
#[derive(Clone, Copy, Debug)]
struct Frame {
    number: u32,
    origin: Instant,
    deadline: Instant,
    /// No schedule has it ready before.
    ready: Instant,
}

impl Demand {
    /// Of a cell without scripted changes or recordings.
    pub(super) fn of(cell: &Cell<'_>) -> Result<Self, InputError> {
        check(cell)?;
        let models = &cell.scenario.models;
        let end = Instant::ZERO.saturating_add(cell.duration);
        let draw = Draw::new(cell.seed);
        let mut frames: Vec<Vec<Frame>> = vec![Vec::new(); models.len()];
        for (model, number, origin) in releases(cell.scenario, cell.seed, end) {
            let deadline = cell.workload.models[model].deadline.unwrap_or(Duration::ZERO);
            let deadline = origin.saturating_add(deadline);
            frames[model].push(Frame { number, origin, deadline, ready: origin });
        }
        let first = frames.iter().flatten().map(|frame| frame.origin).min().unwrap_or(Instant::ZERO);
        let capacity_ns = end.saturating_since(first).as_nanos().max(1) as f64;
        let mut demand: Vec<Option<ModelDemand>> = models.iter().map(|_| None).collect();
        // Parents before their dependents: a cascade is at most as deep as there are models.
        for _ in 0..models.len() {
            for index in 0..models.len() {
                let known = models[index].parent.is_none_or(|parent| demand[parent.index].is_some());
                if demand[index].is_some() || !known {
                    continue;
                }
                let model = &cell.workload.models[index];
                let mut builder = Builder::new(model, ModelId(index as u8), draw, end);
                for frame in std::mem::take(&mut frames[index]) {
                    let done = builder.earliest(&frame);
                    let mut children = Vec::new();
                    for (child, spec) in models.iter().enumerate() {
                        let Some(parent) = spec.parent.filter(|p| p.index == index && spec.active) else {
                            continue;
                        };
                        if draw.gives_rise(&parent, child, frame.number) {
                            let own = cell.workload.models[child].deadline;
                            let deadline =
                                own.map_or(frame.deadline, |deadline| frame.origin.saturating_add(deadline));
                            frames[child].push(Frame { deadline, ready: done, ..frame });
                            children.push(child);
                        }
                    }
                    builder.add(&frame, children);
                }
                demand[index] = Some(builder.finish(capacity_ns, cell.workload.accelerators.len()));
            }
        }
        Ok(Self {
            models: demand.into_iter().flatten().collect(),
            accelerators: cell.workload.accelerators.len(),
        })
    }
}

/// That the bound knows what the cell will be like.
fn check(cell: &Cell<'_>) -> Result<(), InputError> {
    let refuse = |what: String, remedy: &str| {
        Err(InputError::new(&format!("scenario {}", cell.scenario.name), what, remedy))
    };
    if let Some(change) = cell.scenario.changes.first() {
        let what = format!("a bound cannot be computed with a change at {} ms", change.at_ms);
        return refuse(what, "remove its [[change]] entries, or ask for no bound");
    }
    if !cell.scenario.error.is_none() {
        let what = "a bound cannot be computed where latencies are not those of the tables";
        return refuse(what.into(), "leave out bias and noise, or ask for no bound");
    }
    if cell.recording.is_some() {
        return refuse("a bound cannot be computed for a recording".into(), "draw the frames instead");
    }
    for model in cell.workload.models {
        for pair in model.subnetworks.windows(2) {
            let shared = usize::from(pair[1].shared_prefix);
            let mut prefixes = pair[0].segments.iter().zip(pair[1].segments).take(shared);
            if prefixes.any(|(a, b)| a.info().branch != b.info().branch) {
                let what = format!("sub-networks of `{}` branch differently in shared layers", model.name);
                return refuse(what, "give shared layers the same branches");
            }
        }
    }
    Ok(())
}

/// What alike frames have in common.
type Key = (bool, Vec<Route>, Vec<usize>);

struct Builder<'a> {
    model: &'a Model<'a, ACCELERATORS>,
    id: ModelId,
    draw: Draw,
    end: Instant,
    classes: BTreeMap<Key, u32>,
}

impl<'a> Builder<'a> {
    fn new(model: &'a Model<'a, ACCELERATORS>, id: ModelId, draw: Draw, end: Instant) -> Self {
        Self { model, id, draw, end, classes: BTreeMap::new() }
    }

    /// The sub-networks that the accuracy floor allows: the heaviest always, then as core's.
    fn allowed(&self) -> usize {
        let keeps = |accuracy: u32| accuracy == 0 || accuracy >= self.model.accuracy_floor;
        let kept = self.model.subnetworks.iter().take_while(|sub| keeps(sub.accuracy_milli_percent));
        kept.count().max(1)
    }

    /// The segments that a frame runs at a sub-network, as drawn.
    fn walk(&self, number: u32, subnetwork: usize) -> Vec<usize> {
        let segments = self.model.subnetworks[subnetwork].segments;
        let (mut at, mut walked) = (0, Vec::new());
        while let Some(segment) = segments.get(at) {
            walked.push(at);
            at = match self.draw.path(segment, self.id, number, at as u16) {
                Path::Next => at + 1,
                Path::Skip(count) => at + 1 + usize::from(count),
                _ => segments.len(),
            };
        }
        walked
    }

    /// Time that these segments take at least.
    fn fastest(&self, subnetwork: usize, walked: &[usize]) -> Duration {
        let segments = self.model.subnetworks[subnetwork].segments;
        let nanos = walked.iter().map(|&at| {
            let runs = segments[at].placements().iter().filter(|place| place.runs());
            runs.map(|place| u64::from(place.latency_ns)).min().unwrap_or(0)
        });
        Duration::from_nanos(nanos.sum())
    }

    /// Before when no schedule has the frame complete.
    fn earliest(&self, frame: &Frame) -> Instant {
        let of = |subnetwork| self.fastest(subnetwork, &self.walk(frame.number, subnetwork));
        let least = (0..self.allowed()).map(of).min().unwrap_or(Duration::ZERO);
        frame.ready.saturating_add(least)
    }

    fn add(&mut self, frame: &Frame, children: Vec<usize>) {
        let mut offset = 0;
        let mut routes = Vec::new();
        for subnetwork in 0..self.allowed() {
            let walked = self.walk(frame.number, subnetwork);
            let slack = frame.deadline.min(self.end).saturating_since(frame.ready);
            let slack_ns = (self.fastest(subnetwork, &walked) <= slack).then_some(slack.as_nanos());
            routes.push(Route { layers: walked.iter().map(|at| at + offset).collect(), slack_ns });
            offset += self.model.subnetworks[subnetwork].segments.len();
        }
        *self.classes.entry((frame.deadline <= self.end, routes, children)).or_default() += 1;
    }

    fn finish(self, capacity_ns: f64, accelerators: usize) -> ModelDemand {
        let segments: Vec<&Segment<ACCELERATORS>> =
            self.model.subnetworks.iter().flat_map(|sub| sub.segments).collect();
        let worst = |at: usize| f64::from(segments[at].info().worst_energy_nj);
        let least = |at: usize| {
            let runs = segments[at].placements().iter().filter(|place| place.runs());
            runs.map(|place| f64::from(place.energy_nj)).fold(f64::INFINITY, f64::min)
        };
        let (mut total, mut least_ratio) = (0.0f64, 1.0f64);
        for ((_, routes, _), &count) in &self.classes {
            let mut most = 0.0f64;
            for route in routes {
                let (mut energy, mut of) = (0.0, 0.0);
                for &layer in &route.layers {
                    (energy, of) = (energy + least(layer), of + worst(layer));
                    if of > 0.0 {
                        least_ratio = least_ratio.min(energy / of);
                    }
                }
                most = most.max(of);
            }
            total += most * f64::from(count);
        }
        let unit = total.max(1.0);
        let layer = |at: usize| Layer {
            on: (segments[at].placements().iter().take(accelerators).enumerate())
                .filter(|(_, place)| place.runs())
                .map(|(accelerator, place)| Place {
                    accelerator,
                    time: f64::from(place.latency_ns) / capacity_ns,
                    energy: f64::from(place.energy_nj) / unit,
                })
                .collect(),
            worst: worst(at) / unit,
        };
        let layers = (0..segments.len()).map(layer).collect();
        let due = self.classes.iter().filter(|((due, ..), _)| *due).map(|(_, count)| count).sum();
        let frames = self.classes.values().map(|&count| f64::from(count)).sum();
        let class = |((due, routes, children), frames)| Class { frames, due, routes, children };
        ModelDemand {
            weight: if due == 0 { 0.0 } else { f64::from(self.model.weight_percent) / 100.0 },
            due,
            least_ratio,
            layers,
            classes: self.classes.into_iter().map(class).collect(),
            dependent: self.model.cascade.is_some(),
            frames,
            capacity_ns,
        }
    }
}
