//! Random scenarios, platforms and costs, written as a user's files are.

use std::fmt::Write;

use proptest::prelude::*;
use sdrm3_host_sim::input::Source;
use sdrm3_host_sim::scenario::{CostTable, Platform, Scenario};

use crate::files::{costs, platform};

/// How large random cells are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Size {
    /// Up to four models on up to three accelerators; switches cost something.
    Small,
    /// Two models with few frames on two accelerators; switches are free.
    Tiny,
}

/// The files of a cell.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) scenario: String,
    pub(crate) platform: String,
    pub(crate) costs: String,
    pub(crate) seed: u64,
}

impl Files {
    pub(crate) fn parse(&self) -> (Scenario, Platform, CostTable) {
        let source = |name: &str, text: &str| Source { origin: name.into(), text: text.into() };
        (
            Scenario::parse(&source("scenario", &self.scenario)).unwrap_or_else(|e| panic!("{e}")),
            Platform::parse(&source("platform", &self.platform)).unwrap_or_else(|e| panic!("{e}")),
            CostTable::parse(&source("costs", &self.costs)).unwrap_or_else(|e| panic!("{e}")),
        )
    }
}

#[derive(Clone, Debug)]
struct Model {
    fps: u32,
    parent: Option<(usize, f64)>,
    deadline_ms: Option<f64>,
    jitter_share: f64,
    weight: f64,
    /// Per layer and accelerator: latency in microseconds and energy.
    layers: Vec<[(u32, u32); 3]>,
}

fn model(size: Size) -> BoxedStrategy<Model> {
    let (fps, longest, layers, jitter, probabilities): (_, u32, _, _, _) = match size {
        Size::Small => (vec![12u32, 24, 36, 60, 120], 12_000, 1..5, 1.0, vec![0.0, 0.3, 0.7, 1.0]),
        Size::Tiny => (vec![10u32, 15], 120_000, 1..3, 0.0, vec![1.0]),
    };
    let latency = prop_oneof![1 => Just(0u32), 6 => longest / 20..longest];
    let energy = prop_oneof![1 => Just(0u32), 8 => 1_000u32..2_000_000];
    let layer = prop::array::uniform3((latency, energy));
    (
        prop::sample::select(fps),
        prop::option::weighted(0.3, (0usize..8, prop::sample::select(probabilities))),
        prop::option::of(5.0..150.0),
        prop_oneof![Just(0.0), 0.0..1.0].prop_map(move |share| jitter * share),
        prop_oneof![3 => Just(1.0), 1 => 0.5..3.0],
        prop::collection::vec(layer, layers),
    )
        .prop_map(|(fps, parent, deadline_ms, jitter_share, weight, layers)| Model {
            fps,
            parent,
            deadline_ms,
            jitter_share,
            weight,
            layers,
        })
        .boxed()
}

pub(crate) fn files(size: Size) -> BoxedStrategy<Files> {
    let (models, accelerators) = match size {
        Size::Small => (1..5, 1..4usize),
        Size::Tiny => (2..3, 2..3),
    };
    let switches = prop::option::of((0u32..3_000_000, 0u32..100_000));
    (prop::collection::vec(model(size), models), accelerators, switches, 0u64..4)
        .prop_map(move |(models, accelerators, switches, seed)| Files {
            scenario: scenario(&models),
            platform: match size {
                Size::Small => platform(accelerators, switches, 0),
                Size::Tiny => platform(accelerators, Some((0, 0)), 0),
            },
            costs: costs(models.iter().map(|model| &model.layers[..]), accelerators),
            seed,
        })
        .boxed()
}

fn scenario(models: &[Model]) -> String {
    let mut text = String::from("name = 'random'\n");
    for (index, model) in models.iter().enumerate() {
        let _ = writeln!(text, "[[model]]\nname = 'm{index}'\nnetwork = 'n{index}'");
        let _ = writeln!(text, "weight = {:?}", model.weight);
        match model.parent.filter(|_| index > 0) {
            None => {
                let jitter_ms = 1e3 / f64::from(model.fps) * model.jitter_share;
                let _ = writeln!(text, "fps = {}\njitter_ms = {jitter_ms:?}", model.fps);
            }
            Some((parent, probability)) => {
                let _ = writeln!(text, "depends_on = 'm{}'\nprobability = {probability:?}", parent % index);
            }
        }
        if let Some(deadline) = model.deadline_ms {
            let _ = writeln!(text, "deadline_ms = {deadline:?}");
        }
    }
    text
}
