//! What a block really does: how long it takes and how its network goes on.

use std::collections::HashMap;

use sdrm3_core::{Branch, Dispatch, Path, Segment, SubNetwork, Workload};
use serde::Deserialize;

use super::{Cell, Draw};
use crate::input::{InputError, Source};
use crate::scenario::{ACCELERATORS, EstimateError, Scenario};

/// Answers for the devices: from a recording where there is one, else from the draws.
#[derive(Clone, Copy, Debug)]
pub struct Execution<'a> {
    workload: &'a Workload<'a, ACCELERATORS>,
    recording: Option<&'a Recording>,
    error: EstimateError,
    draw: Draw,
}

impl<'a> Execution<'a> {
    /// For a cell on these draws.
    pub fn new(cell: &Cell<'a>, draw: Draw) -> Self {
        Self { workload: cell.workload, recording: cell.recording, error: cell.scenario.error, draw }
    }

    /// Latency of the block in nanoseconds at full speed, and how its network goes on.
    pub fn run(&self, block: &Dispatch) -> (u64, Path) {
        let model = block.frame.model;
        let last = block.first + block.count - 1;
        let table = u64::from(block.expected.latency_ns);
        let subnetworks = self.workload.model(model).map_or(&[][..], |model| model.subnetworks);
        let segments = subnetworks.get(usize::from(block.subnetwork)).map_or(&[][..], |sub| sub.segments);
        let recorded = |layer| self.recording?.find(model.0, block.frame.number, layer);
        if let Some(entry) = recorded(last) {
            let behind = segments.len().saturating_sub(usize::from(last) + 1) as u16;
            let path = match entry.path {
                // A lighter sub-network may be shorter than the recorded one.
                Path::Skip(count) => Path::Skip(count.min(behind)),
                other => other,
            };
            let on = |segment: &Segment<ACCELERATORS>| {
                let placement = segment.placements().get(usize::from(block.ticket.accelerator.0));
                placement.map_or(0.0, |on| f64::from(on.latency_ns))
            };
            let layers = (block.first..=last).zip(segments.iter().skip(usize::from(block.first)));
            let nanos = layers
                .map(|(layer, segment)| on(segment) * recorded(layer).map_or(1.0, |entry| entry.factor));
            return (nanos.sum::<f64>().round() as u64, path);
        }
        let drawn = segments.get(usize::from(last));
        let path =
            drawn.map_or(Path::Next, |segment| self.draw.path(segment, model, block.frame.number, last));
        (self.really(block, last, table), path)
    }

    /// What a block takes that takes this by the table.
    fn really(&self, block: &Dispatch, last: u16, table: u64) -> u64 {
        let EstimateError { bias, noise } = self.error;
        let model = usize::from(block.frame.model.0);
        let mut nanos = table as f64;
        if bias > 0.0 {
            nanos *= 1.0 + bias * self.draw.bias(model, block.ticket.accelerator.0);
        }
        if noise > 0.0 {
            nanos *= 1.0 + noise * self.draw.noise(model, block.frame.number, last);
        }
        (nanos.round() as u64).max(table.min(1))
    }
}

/// What frames really did: how they went on behind a layer, and how much longer than expected it took.
///
/// `model,frame,layer,factor,path`: one row per layer that is to differ from the tables; `path` is
/// `next`, `exit` or `skip N`. Frames beyond the last recorded one repeat the recording.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    origin: String,
    entries: HashMap<(u8, u32, u16), Recorded>,
    /// Per model, how many frames were recorded.
    frames: HashMap<u8, u32>,
}

#[derive(Clone, Copy, Debug)]
struct Recorded {
    factor: f64,
    path: Path,
    line: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    model: String,
    frame: u32,
    layer: u16,
    factor: f64,
    path: String,
}

const HEADER: &str = "model,frame,layer,factor,path";

impl Recording {
    /// Reads and validates a file against the models of a scenario.
    pub fn load(path: &str, scenario: &Scenario) -> Result<Self, InputError> {
        Self::parse(&Source::read(path)?, scenario)
    }

    /// Parses and validates.
    pub fn parse(source: &Source, scenario: &Scenario) -> Result<Self, InputError> {
        let mut recording = Self { origin: source.origin.clone(), ..Self::default() };
        source.parse_csv(HEADER, |line, row: Row| {
            let fail =
                |what: String, remedy: &str| Err(InputError::new(&source.origin, what, remedy).at_line(line));
            let Some(model) = scenario.models.iter().position(|model| model.name == row.model) else {
                return fail(format!("unknown model `{}`", row.model), "name a model of the scenario");
            };
            if !(row.factor > 0.0 && row.factor <= 1e6) {
                return fail(format!("factor is {}", row.factor), "give a number above 0, at most 1e6");
            }
            let Some(path) = parse_path(&row.path) else {
                return fail(format!("path is `{}`", row.path), "give next, exit or skip N");
            };
            let (model, entry) = (model as u8, Recorded { factor: row.factor, path, line });
            if recording.entries.insert((model, row.frame, row.layer), entry).is_some() {
                let Row { model, frame, layer, .. } = row;
                let what = format!("a second row for frame {frame}, layer {layer} of `{model}`");
                return fail(what, "remove one");
            }
            let frames = recording.frames.entry(model).or_default();
            *frames = (*frames).max(row.frame.saturating_add(1));
            Ok(())
        })?;
        if recording.frames.is_empty() {
            let remedy = format!("expected: {HEADER}");
            return Err(InputError::new(&source.origin, "the recording has no rows", remedy));
        }
        Ok(recording)
    }

    /// Refuses rows of layers that no sub-network of the model has, and skips beyond the end of all: they would change
    /// nothing, or end the frame.
    pub fn check_layers(&self, workload: &Workload<'_, ACCELERATORS>) -> Result<(), InputError> {
        let layers = |model: u8| {
            let subnetworks =
                workload.models.get(usize::from(model)).map_or(&[][..], |model| model.subnetworks);
            subnetworks.iter().map(|sub| sub.segments.len()).max().unwrap_or(0)
        };
        let is_beyond = |&(&(model, _, layer), entry): &(&(u8, u32, u16), &Recorded)| {
            let skipped = if let Path::Skip(count) = entry.path { count } else { 0 };
            usize::from(layer) + 1 + usize::from(skipped) > layers(model)
        };
        let first = self.entries.iter().filter(is_beyond).min_by_key(|(_, entry)| entry.line);
        first.map_or(Ok(()), |(&(model, _, layer), entry)| {
            let name = workload.models.get(usize::from(model)).map_or("?", |model| model.name);
            let (what, remedy) = match (entry.path, layers(model)) {
                (Path::Skip(count), layers) if usize::from(layer) < layers => (
                    format!("`skip {count}` behind layer {layer} of `{name}`, which has {layers} layers"),
                    "give fewer to skip, or exit",
                ),
                (_, layers) => {
                    (format!("layer {layer} of `{name}`, which has {layers}"), "count layers from 0")
                }
            };
            Err(InputError::new(&self.origin, what, remedy).at_line(entry.line))
        })
    }

    /// Refuses a path that a block of several layers goes through: one behind a layer that by the tables does not
    /// branch.
    pub fn check_blocks(&self, workload: &Workload<'_, ACCELERATORS>) -> Result<(), InputError> {
        let is_inside = |&(&(model, _, layer), entry): &(&(u8, u32, u16), &Recorded)| {
            let model = workload.models.get(usize::from(model));
            let inside = |sub: &SubNetwork<'_, ACCELERATORS>| match sub.segments.get(usize::from(layer)..) {
                Some([segment, _, ..]) => segment.info().branch == Branch::Next,
                _ => false,
            };
            entry.path != Path::Next && model.is_some_and(|model| model.subnetworks.iter().any(inside))
        };
        let first = self.entries.iter().filter(is_inside).min_by_key(|(_, entry)| entry.line);
        first.map_or(Ok(()), |(&(model, _, layer), entry)| {
            let name = workload.models.get(usize::from(model)).map_or("?", |model| model.name);
            let what = format!(
                "a path behind layer {layer} of `{name}`, which by its table does not branch: this policy dispatches \
                 several layers at once and goes on through it"
            );
            let remedy = "name a policy that dispatches each layer by itself, as sdrm3, or a network that branches";
            Err(InputError::new(&self.origin, what, remedy).at_line(entry.line))
        })
    }

    fn find(&self, model: u8, frame: u32, layer: u16) -> Option<Recorded> {
        let frames = *self.frames.get(&model)?;
        // A recorded frame of which a layer has no row ran that layer as expected.
        let as_expected = Recorded { factor: 1.0, path: Path::Next, line: 0 };
        Some(self.entries.get(&(model, frame % frames, layer)).copied().unwrap_or(as_expected))
    }
}

fn parse_path(text: &str) -> Option<Path> {
    match text.split_once(' ') {
        None if text == "next" => Some(Path::Next),
        None if text == "exit" => Some(Path::Exit),
        Some(("skip", count)) => count.trim().parse().ok().map(Path::Skip),
        _ => None,
    }
}
