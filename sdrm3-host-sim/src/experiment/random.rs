//! Random workloads: the same files for the same seed, to be run, read and changed like any others.
//!
//! 2 to 12 models on 2 to 6 accelerators at a utilisation of 0.3 to 1.8 (see [`utilisation`](super::utilisation);
//! less where few models would have to be too long for their deadlines). Accelerators differ by a heterogeneity
//! that is drawn per workload, from nearly alike to a factor of seven; half of the workloads have estimates that
//! are up to 30 % wrong, half of the models jitter, a quarter follow another one, two workloads in five have a
//! supernet.

use std::fmt::Write as _;
use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Setup;
use crate::input::{InputError, Source};
use crate::network::{self, Layer};
use crate::scenario::{CostTable, Platform, Scenario};

/// A random workload as files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RandomFiles {
    /// `random_7` for seed 7.
    pub name: String,
    /// The scenario, TOML.
    pub scenario: String,
    /// The platform, TOML.
    pub platform: String,
    /// The costs, CSV.
    pub costs: String,
}

/// The supernet of the zoo.
const SUPERNET: &str = "ofa_mobilenet_v3";
/// A frame's work at best takes at most this share of its deadline, alone and in a family of cascades.
const LONGEST_ALONE: f64 = 0.7;
const LONGEST_IN_FAMILY: f64 = 0.35;

/// A model on its way.
struct Draft {
    fps: f64,
    /// Index and probability.
    parent: Option<(usize, f64)>,
    has_children: bool,
    deadline_ms: Option<f64>,
    jitter_ms: f64,
    phase_ms: f64,
    is_supernet: bool,
    /// Its share of the load.
    weight: f64,
}

impl Draft {
    /// Frames per second, as many as are expected.
    fn rate(&self) -> f64 {
        self.fps * self.parent.map_or(1.0, |(_, probability)| probability)
    }
}

/// The random workload of a seed.
pub fn random(seed: u64) -> RandomFiles {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let utilisation = rng.random_range(0.3..1.8);
    let count = rng.random_range(2..=12usize);
    // Few models cannot load many accelerators.
    let most = ((count as f64 * LONGEST_ALONE / utilisation) as usize).clamp(2, 6);
    let accelerators = rng.random_range(2..=most);
    let heterogeneity = rng.random_range(0.1..1.0);
    let models = drafts(&mut rng, count);
    let work = work(&models, utilisation * accelerators as f64);

    let name = format!("random_{seed}");
    let mut scenario = format!(
        "# {count} models; asked for a utilisation of {utilisation:.2}, a heterogeneity of {heterogeneity:.2}.\n\
         name = \"{name}\"\n"
    );
    if rng.random_bool(0.5) {
        let (bias, noise) = (rng.random_range(0.0..0.3), rng.random_range(0.0..0.3));
        let _ = writeln!(scenario, "latency_bias = {bias:.2}\nlatency_noise = {noise:.2}");
    }
    let mut costs = String::from("network,layer,kind,latency_ns,energy_nj\n");
    for (index, (model, work_ms)) in models.iter().zip(&work).enumerate() {
        let _ = write!(scenario, "{}", entry(index, model));
        let layers = match model.is_supernet {
            true => supernet_layers(&mut rng, accelerators, heterogeneity),
            false => plain_layers(&mut rng, index, accelerators, heterogeneity),
        };
        write_costs(&mut costs, &layers, *work_ms);
    }
    RandomFiles { name, scenario, platform: platform(seed, accelerators), costs }
}

fn drafts(rng: &mut ChaCha8Rng, count: usize) -> Vec<Draft> {
    let supernet = rng.random_bool(0.4).then(|| rng.random_range(0..count));
    let mut models: Vec<Draft> = Vec::with_capacity(count);
    for index in 0..count {
        let roots: Vec<usize> = (0..index).filter(|&other| models[other].parent.is_none()).collect();
        let parent = (index > 0 && rng.random_bool(0.25))
            .then(|| (roots[rng.random_range(0..roots.len())], rng.random_range(0.25..1.0)));
        let fps = match parent {
            Some((parent, _)) => models[parent].fps,
            None => [10.0, 15.0, 20.0, 30.0, 45.0, 60.0][rng.random_range(0..6)],
        };
        let period = 1e3 / fps;
        let own = |rng: &mut ChaCha8Rng, p: f64, low: f64, high: f64| {
            (parent.is_none() && rng.random_bool(p)).then(|| period * rng.random_range(low..high))
        };
        models.push(Draft {
            fps,
            parent,
            has_children: false,
            deadline_ms: own(rng, 0.3, 0.6, 1.0),
            jitter_ms: own(rng, 0.5, 0.02, 0.3).unwrap_or(0.0),
            phase_ms: own(rng, 0.5, 0.0, 0.9).unwrap_or(0.0),
            is_supernet: supernet == Some(index),
            weight: rng.random_range(0.3..1.0),
        });
        if let Some((parent, _)) = parent {
            models[parent].has_children = true;
        }
    }
    models
}

/// Work of a frame of each model at best, in milliseconds, so that all keep this many accelerators busy.
fn work(models: &[Draft], busy: f64) -> Vec<f64> {
    let most = |model: &Draft| {
        let root = model.parent.map_or(model, |(parent, _)| &models[parent]);
        let alone = model.parent.is_none() && !model.has_children;
        root.deadline_ms.unwrap_or(1e3 / root.fps) * if alone { LONGEST_ALONE } else { LONGEST_IN_FAMILY }
    };
    let mut work = vec![0.0; models.len()];
    let mut scale = busy / models.iter().map(|model| model.weight).sum::<f64>();
    // What one model may not take is left to the others.
    for _ in 0..8 {
        for (work, model) in work.iter_mut().zip(models) {
            *work = (scale * model.weight * 1e3 / model.rate()).min(most(model));
        }
        let reached: f64 = work.iter().zip(models).map(|(ms, model)| ms / 1e3 * model.rate()).sum();
        scale *= busy / reached.max(1e-9);
    }
    work
}

fn entry(index: usize, model: &Draft) -> String {
    let network = if model.is_supernet { SUPERNET.into() } else { format!("n{index}") };
    let mut text =
        format!("\n[[model]]\nname = \"m{index}\"\nnetwork = \"{network}\"\nfps = {}\n", model.fps);
    if let Some((parent, probability)) = model.parent {
        let _ = writeln!(text, "depends_on = \"m{parent}\"\nprobability = {probability:.2}");
    }
    if let Some(deadline) = model.deadline_ms {
        let _ = writeln!(text, "deadline_ms = {deadline:.3}");
    }
    for (key, ms) in [("jitter_ms", model.jitter_ms), ("phase_ms", model.phase_ms)] {
        if ms > 0.0 {
            let _ = writeln!(text, "{key} = {ms:.3}");
        }
    }
    text
}

/// Costs come from the table; the arrays only say how fast activations move at a switch.
fn platform(seed: u64, accelerators: usize) -> String {
    let mut text = format!("name = \"random_{seed}\"\n");
    for index in 0..accelerators {
        let _ = write!(
            text,
            "\n[[accelerator]]\nname = \"a{index}\"\nkind = \"a{index}\"\ndataflow = \"ws\"\npes = 1024\n\
             noc_bytes_per_cycle = 64\nclock_mhz = 1000\n"
        );
    }
    text
}

/// A layer: its network, its label, and time and power on each accelerator, both relative; `None`: not there.
struct Draw {
    network: String,
    label: usize,
    /// Whether its time at best counts in the work of a frame.
    is_heaviest: bool,
    on: Vec<Option<(f64, f64)>>,
}

/// How much faster or slower than the mean, drawn evenly on a logarithmic scale.
fn factor(rng: &mut ChaCha8Rng, spread: f64) -> f64 {
    rng.random_range(-spread..=spread).exp()
}

/// How well a network suits each accelerator: time and power.
fn affinity(rng: &mut ChaCha8Rng, accelerators: usize, heterogeneity: f64) -> Vec<(f64, f64)> {
    (0..accelerators).map(|_| (factor(rng, heterogeneity), factor(rng, 0.7))).collect()
}

fn plain_layers(rng: &mut ChaCha8Rng, model: usize, accelerators: usize, heterogeneity: f64) -> Vec<Draw> {
    let suits = affinity(rng, accelerators, heterogeneity);
    let count = rng.random_range(1..=24usize);
    // One layer in twenty lacks an accelerator, but never the first.
    let of_layer = |label| {
        let size = factor(rng, 1.5);
        let mut on = Vec::with_capacity(accelerators);
        for (index, (time, power)) in suits.iter().enumerate() {
            let runs = index == 0 || !rng.random_bool(0.05);
            let (time, power) = (time * size * factor(rng, 0.4 * heterogeneity), power * factor(rng, 0.3));
            on.push(runs.then_some((time, power)));
        }
        Draw { network: format!("n{model}"), label, is_heaviest: true, on }
    };
    (0..count).map(of_layer).collect()
}

/// Layers of the supernet by their multiply-accumulates, so that those that are shared cost the same;
/// depthwise ones suit other accelerators.
fn supernet_layers(rng: &mut ChaCha8Rng, accelerators: usize, heterogeneity: f64) -> Vec<Draw> {
    let suits = [affinity(rng, accelerators, heterogeneity), affinity(rng, accelerators, heterogeneity)];
    let Some(network) = network::find(SUPERNET) else { return Vec::new() };
    let mut layers = Vec::new();
    for (index, sub) in network.subnetworks.iter().enumerate() {
        for (label, layer) in sub.layers.iter().enumerate() {
            let Layer { groups, .. } = layer;
            let on = suits[usize::from(*groups > 1)].iter();
            let size = layer.macs() as f64 + 1e6;
            let on = on.map(|(time, power)| Some((time * size, *power))).collect();
            let network = format!("{SUPERNET}/{}", sub.name);
            layers.push(Draw { network, label, is_heaviest: index == 0, on });
        }
    }
    layers
}

/// Rows of a network whose heaviest variant takes this long at best.
fn write_costs(costs: &mut String, layers: &[Draw], work_ms: f64) {
    let least = |layer: &Draw| layer.on.iter().flatten().map(|(time, _)| *time).fold(f64::INFINITY, f64::min);
    let total: f64 = layers.iter().filter(|layer| layer.is_heaviest).map(least).sum();
    let scale = work_ms * 1e6 / total.max(1e-9);
    for Draw { network, label, on, .. } in layers {
        for (index, cost) in on.iter().enumerate() {
            // One watt is a nanojoule per nanosecond.
            let (ns, nj) = cost.map_or((0.0, 0.0), |(time, power)| {
                let ns = (time * scale).ceil();
                (ns, (ns * power).round())
            });
            let _ = writeln!(costs, "{network},{label},a{index},{ns},{nj}");
        }
    }
}

impl RandomFiles {
    /// Their names and texts.
    pub fn files(&self) -> [(String, &str); 3] {
        let name = &self.name;
        [
            (format!("{name}.toml"), &self.scenario),
            (format!("{name}_platform.toml"), &self.platform),
            (format!("{name}_costs.csv"), &self.costs),
        ]
    }

    /// What they say.
    pub fn setup(&self) -> Result<Setup, InputError> {
        let source = |(origin, text): (String, &str)| Source { origin, text: text.into() };
        let [scenario, platform, costs] = self.files().map(source);
        Ok(Setup {
            scenario: Scenario::parse(&scenario)?,
            platform: Platform::parse(&platform)?,
            costs: Some(Arc::new(CostTable::parse(&costs)?)),
            design: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::super::utilisation;
    use super::*;
    use crate::network::Library;
    use crate::scenario::build;

    #[test]
    fn the_same_seed_gives_the_same_files_and_another_one_others() {
        assert_eq!(random(7), random(7));
        assert_ne!(random(7).costs, random(8).costs);
    }

    /// What the documentation promises of random workloads, over many of them.
    #[test]
    fn every_workload_can_be_built_and_together_they_span_the_ranges() {
        const WORKLOADS: u32 = 100;
        let library = Library::zoo();
        let mut loads = Vec::new();
        let (mut models, mut accelerators) = ([0; 13], [0; 7]);
        let (mut supernets, mut wrong, mut roots, mut dependents, mut jitters) = (0, 0, 0, 0, 0);
        for seed in 0..WORKLOADS {
            let Setup { scenario, platform, costs, .. } = random(seed.into()).setup().unwrap();
            let memory = Bump::new();
            let workload = build(&scenario, &platform, &library, costs.as_deref(), &memory).unwrap();
            let load = utilisation(&scenario, &workload);
            assert!((0.1..1.81).contains(&load), "seed {seed}: {load}");
            loads.push(load);
            models[scenario.models.len()] += 1;
            accelerators[platform.accelerators.len()] += 1;
            supernets += u32::from(workload.models.iter().any(|model| model.subnetworks.len() > 1));
            wrong += u32::from(!scenario.error.is_none());
            for model in &scenario.models {
                *if model.parent.is_some() { &mut dependents } else { &mut roots } += 1;
                jitters += u32::from(model.jitter_ms > 0.0);
            }
        }
        assert!(models[..2] == [0; 2] && models[2..].iter().all(|&count| count > 0), "{models:?}");
        assert!(
            accelerators[..2] == [0; 2] && accelerators[2..].iter().all(|&count| count > 0),
            "{accelerators:?}"
        );
        let light = loads.iter().filter(|&&load| load < 0.7).count();
        let heavy = loads.iter().filter(|&&load| load > 1.2).count();
        assert!(light > 10 && heavy > 10, "{light} light, {heavy} heavy");
        // The first model of a workload follows none, and what follows another comes when that ends.
        for (what, some, of, drawn) in [
            ("with a supernet", supernets, WORKLOADS, 0.4),
            ("with wrong estimates", wrong, WORKLOADS, 0.5),
            ("that follow another", dependents, roots + dependents - WORKLOADS, 0.25),
            ("that jitter", jitters, roots, 0.5),
        ] {
            let (share, deviation) =
                (f64::from(some) / f64::from(of), (drawn * (1.0 - drawn) / f64::from(of)).sqrt());
            assert!((share - drawn).abs() < 3.0 * deviation, "{some} of {of} {what}");
        }
    }
}
