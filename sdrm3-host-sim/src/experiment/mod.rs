//! Experiments: lists of cells, named ones and random ones, over which policies are compared.
//!
//! Cells to design on and cells to report are separate files, so that a policy is not praised for what it was
//! fitted to.

mod disturb;
mod random;
mod summary;

pub use disturb::Disturbance;
pub use random::{RandomFiles, random};
pub use summary::{CellResult, CellUxCost, Comparison, Estimate, PolicySummary, Summary};

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use sdrm3_core::Workload;
use serde::Deserialize;
use toml::Spanned;

use crate::input::{InputError, Source};
use crate::scenario::{ACCELERATORS, CostTable, Platform, Scenario};

/// A list of cells.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// Its name, in reports.
    pub name: String,
    /// Its cells, named ones first.
    pub cells: Vec<Setup>,
    /// The files of its random ones, in the same order.
    pub random: Vec<RandomFiles>,
}

/// What runs in a cell, and where.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The models.
    pub scenario: Scenario,
    /// The accelerators.
    pub platform: Platform,
    /// Measured costs.
    pub costs: Option<Arc<CostTable>>,
    /// Whether a policy was designed on it: it tells little of how good that one is.
    pub design: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExperimentFile {
    name: Spanned<String>,
    /// Of all cells, as in an entry of theirs.
    #[serde(default)]
    design: bool,
    #[serde(default)]
    cells: Vec<CellsEntry>,
    random: Option<RandomEntry>,
}

/// Every scenario on every platform.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CellsEntry {
    scenarios: Vec<Spanned<String>>,
    platforms: Vec<Spanned<String>>,
    costs: Option<String>,
    /// Whether policies were designed on these cells.
    #[serde(default)]
    design: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RandomEntry {
    first: u64,
    count: Spanned<u64>,
}

/// The most random cells of an experiment.
const MOST: u64 = 10_000;

impl Experiment {
    /// Reads and validates a file; files that it names are looked for beside it.
    pub fn load(path: &str) -> Result<Self, InputError> {
        Self::parse(&Source::read(path)?)
    }

    /// Parses and validates.
    pub fn parse(source: &Source) -> Result<Self, InputError> {
        let file: ExperimentFile = source.parse_toml()?;
        source.check_name(&file.name)?;
        let mut cells: Vec<Setup> = Vec::new();
        let mut named = HashMap::new();
        for entry in &file.cells {
            let costs =
                entry.costs.as_deref().map(|name| CostTable::load(&beside(source, name))).transpose()?;
            let costs = costs.map(Arc::new);
            let design = file.design || entry.design;
            let scenarios = load_each(source, &entry.scenarios, &Scenario::built_in(), Scenario::load)?;
            let platforms = load_each(source, &entry.platforms, &Platform::built_in(), Platform::load)?;
            let of_entry = || scenarios.iter().map(|(_, scenario)| scenario);
            costs.as_ref().map_or(Ok(()), |costs| costs.check_used(of_entry()))?;
            for (of, scenario) in &scenarios {
                for (on, platform) in &platforms {
                    // A cell that is named once more counts once.
                    let name = (of.clone(), on.clone(), &entry.costs);
                    if let Some(&index) = named.get(&name) {
                        let cell: &mut Setup = &mut cells[index];
                        cell.design |= design;
                        continue;
                    }
                    named.insert(name, cells.len());
                    let (scenario, platform, costs) = (scenario.clone(), platform.clone(), costs.clone());
                    cells.push(Setup { scenario, platform, costs, design });
                }
            }
        }
        let mut files = Vec::new();
        if let Some(entry) = &file.random {
            let count = *entry.count.get_ref();
            if count > MOST {
                let what = format!("count is {count}");
                let remedy = format!("give at most {MOST}");
                return Err(source.error_at(&entry.count.span(), what, remedy));
            }
            files = (0..count).map(|index| random(entry.first.wrapping_add(index))).collect();
        }
        for random in &files {
            cells.push(Setup { design: file.design, ..random.setup()? });
        }
        if cells.is_empty() {
            let remedy = "add [[cells]] with scenarios and platforms, or [random] with first and count";
            return Err(InputError::new(&source.origin, "the experiment has no cell", remedy));
        }
        let mut names = HashSet::new();
        for Setup { scenario, platform, .. } in &cells {
            if !names.insert((&scenario.name, &platform.name)) {
                let what = format!("two cells are called `{}` on `{}`", scenario.name, platform.name);
                return Err(InputError::new(
                    &source.origin,
                    what,
                    "give each scenario and platform a name of its own",
                ));
            }
        }
        Ok(Self { name: file.name.into_inner(), cells, random: files })
    }
}

/// The path of a file that stands beside another one.
fn beside(source: &Source, name: &str) -> String {
    let folder = Path::new(&source.origin).parent().unwrap_or(Path::new(""));
    folder.join(name).to_string_lossy().into_owned()
}

/// What an experiment names, by name: files beside it, what is built in, or `all` of that.
fn load_each<T>(
    source: &Source,
    names: &[Spanned<String>],
    built_in: &[&str],
    load: fn(&str) -> Result<T, InputError>,
) -> Result<Vec<(String, T)>, InputError> {
    let mut loaded = Vec::new();
    for entry in names {
        let name = entry.get_ref().as_str();
        for name in if name == "all" { built_in } else { std::slice::from_ref(&name) } {
            let it = match name.ends_with(".toml") {
                true => load(&beside(source, name)),
                false => load(name)
                    .map_err(|error| error.moved_to(&source.origin).at_line(source.line_of(&entry.span()))),
            };
            loaded.push(((*name).to_string(), it?));
        }
    }
    Ok(loaded)
}

/// How much work comes in over how much can be done: frames at the heaviest sub-network, each layer on its
/// fastest accelerator, over all accelerators. Above one no policy serves every frame at its heaviest.
pub fn utilisation(scenario: &Scenario, workload: &Workload<'_, ACCELERATORS>) -> f64 {
    let load = |(index, model): (usize, &sdrm3_core::Model<'_, ACCELERATORS>)| {
        let first = model.subnetworks.first().and_then(|heaviest| heaviest.segments.first());
        let work = first.map_or(0.0, |segment| segment.info().fastest_togo.as_nanos() as f64 / 1e9);
        let (mut at, mut share) = (&scenario.models[index], 1.0);
        // A cascade is no longer than there are models.
        for _ in &scenario.models {
            let Some(parent) = at.parent else { break };
            share *= parent.probability / f64::from(parent.every);
            at = &scenario.models[parent.index];
        }
        at.fps * share * work
    };
    workload.models.iter().enumerate().map(load).sum::<f64>() / workload.accelerators.len().max(1) as f64
}
