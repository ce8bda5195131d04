//! What runs, and where: scenarios and platforms, from TOML files or built in.

mod change;
mod costs;
mod platform;
mod workload;

pub use change::{AcceleratorChange, Change, ModelChange, What};
pub use costs::CostTable;
pub use platform::{AcceleratorSpec, Platform};
pub use workload::{ACCELERATORS, MODELS, build};

use sdrm3_core::DropBudget;
use serde::Deserialize;
use toml::Spanned;

use crate::input::{InputError, Source, unknown_name};
use change::ChangeEntry;

/// A set of models that run together.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name, in reports.
    pub name: String,
    /// Its models; a dependent's parent may stand before or behind it.
    pub models: Vec<ModelSpec>,
    /// What changes while it runs.
    pub changes: Vec<Change>,
    /// How far latencies are from the tables.
    pub error: EstimateError,
}

/// How far real latencies are from those of the tables, which are estimates; exact unless given.
///
/// A block takes `(1 + bias x u) (1 + noise x v)` times what the table says, with `u` and `v` drawn uniformly from
/// -1 to 1: `u` once for each pair of model and accelerator, `v` for each block.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EstimateError {
    /// From 0 to 0.9.
    pub bias: f64,
    /// From 0 to 0.9.
    pub noise: f64,
}

impl EstimateError {
    /// The largest share by which an estimate may be wrong.
    pub const MOST: f64 = 0.9;

    /// Whether a number is a bias or a noise.
    pub fn allows(share: f64) -> bool {
        (0.0..=Self::MOST).contains(&share)
    }

    /// Whether the tables are right.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// One model of a scenario, validated.
#[derive(Clone, Debug)]
pub struct ModelSpec {
    /// Its name, unique in the scenario.
    pub name: String,
    /// The network that it runs: of the zoo, or of a cost table.
    pub network: String,
    /// Frames per second.
    pub fps: f64,
    /// Deadline after the release (of a dependent: of the frame at its root) in milliseconds.
    pub deadline_ms: Option<f64>,
    /// Index of the model on whose frames it runs, and how often it does.
    pub parent: Option<Parent>,
    /// A frame arrives up to this many milliseconds late, uniformly.
    pub jitter_ms: f64,
    /// When its first frame arrives, in milliseconds.
    pub phase_ms: f64,
    /// Whether it is on from the start.
    pub active: bool,
    /// How much it counts in UXCost, in percent.
    pub weight_percent: u16,
    /// How many of how many frames smart frame drop may take.
    pub drop_budget: DropBudget,
    /// No sub-network below this accuracy is used, in percent.
    pub accuracy_floor: f64,
    /// A new frame takes the place of an older one that has not started.
    pub latest_wins: bool,
    /// Where it is defined, for later errors.
    pub origin: Site,
}

/// On whose frames a model runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parent {
    /// Index of the parent in the scenario.
    pub index: usize,
    /// Probability that a frame of the parent gives rise to one.
    pub probability: f64,
    /// It runs on every `every`-th frame of its parent.
    pub every: u32,
}

/// Where something was defined.
#[derive(Clone, Debug)]
pub struct Site {
    origin: String,
    line: usize,
}

impl Site {
    /// An error at this place.
    pub fn error(&self, what: impl Into<String>, remedy: impl Into<String>) -> InputError {
        InputError::new(&self.origin, what, remedy).at_line(self.line)
    }

    /// The same error, at this place.
    pub fn locate(&self, error: &InputError) -> InputError {
        error.clone().moved_to(&self.origin).at_line(self.line)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenarioFile {
    name: Spanned<String>,
    latency_bias: Option<Spanned<f64>>,
    latency_noise: Option<Spanned<f64>>,
    #[serde(default)]
    model: Vec<Spanned<ModelEntry>>,
    #[serde(default)]
    change: Vec<ChangeEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelEntry {
    name: Spanned<String>,
    network: Spanned<String>,
    fps: Option<Spanned<f64>>,
    deadline_ms: Option<Spanned<f64>>,
    depends_on: Option<Spanned<String>>,
    probability: Option<Spanned<f64>>,
    jitter_ms: Option<Spanned<f64>>,
    phase_ms: Option<Spanned<f64>>,
    active: Option<bool>,
    weight: Option<Spanned<f64>>,
    drop_budget: Option<Spanned<[u8; 2]>>,
    accuracy_floor_percent: Option<Spanned<f64>>,
    latest_wins: Option<bool>,
}

const BUILT_IN: [(&str, &str); 5] = [
    ("vr_gaming", include_str!("../../scenarios/vr_gaming.toml")),
    ("ar_call", include_str!("../../scenarios/ar_call.toml")),
    ("drone_outdoor", include_str!("../../scenarios/drone_outdoor.toml")),
    ("drone_indoor", include_str!("../../scenarios/drone_indoor.toml")),
    ("ar_social", include_str!("../../scenarios/ar_social.toml")),
];

impl Scenario {
    /// The names of the built-in scenarios.
    pub fn built_in() -> [&'static str; 5] {
        BUILT_IN.map(|(name, _)| name)
    }

    /// A built-in scenario by name, or one from a file (a name that ends in `.toml`).
    pub fn load(name_or_path: &str) -> Result<Self, InputError> {
        Self::parse(&Self::source(name_or_path)?)
    }

    /// The text of a built-in scenario, or of a file.
    pub fn source(name_or_path: &str) -> Result<Source, InputError> {
        find(name_or_path, "scenario", &BUILT_IN)
    }

    /// Parses and validates.
    pub fn parse(source: &Source) -> Result<Self, InputError> {
        let file: ScenarioFile = source.parse_toml()?;
        source.check_name(&file.name)?;
        if file.model.is_empty() {
            return Err(InputError::new(&source.origin, "the scenario has no model", "add a [[model]]"));
        }
        if file.model.len() > MODELS {
            let what = format!("the scenario has {} models", file.model.len());
            return Err(InputError::new(&source.origin, what, format!("keep at most {MODELS}")));
        }
        let entries: Vec<&ModelEntry> = file.model.iter().map(Spanned::get_ref).collect();
        let mut models = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            source.check_name(&entry.name)?;
            let name = entry.name.get_ref();
            if entries[..index].iter().any(|other| other.name.get_ref() == name) {
                let what = format!("a second model has the name `{name}`");
                return Err(source.error_at(&entry.name.span(), what, "give each model a name of its own"));
            }
            models.push(entry.validate(source, &entries)?);
        }
        check_cycles(&models)?;
        let names: Vec<(&str, bool)> =
            models.iter().map(|model| (model.name.as_str(), model.parent.is_none())).collect();
        let changes =
            file.change.iter().map(|entry| entry.validate(source, &names)).collect::<Result<_, _>>()?;
        let share = |value: &Option<Spanned<f64>>, key| {
            let number = |value| number(source, value, key, "from 0 to 0.9", EstimateError::allows);
            value.as_ref().map_or(Ok(0.0), number)
        };
        let bias = share(&file.latency_bias, "latency_bias")?;
        let noise = share(&file.latency_noise, "latency_noise")?;
        Ok(Self { name: file.name.into_inner(), models, changes, error: EstimateError { bias, noise } })
    }

    /// The same with this bias and this noise of latencies, each as it was unless given.
    #[must_use]
    pub fn disturbed(mut self, bias: Option<f64>, noise: Option<f64>) -> Self {
        self.error.bias = bias.unwrap_or(self.error.bias);
        self.error.noise = noise.unwrap_or(self.error.noise);
        self
    }

    /// The same with all frames that many times as often; jitter and phase keep their share of the period,
    /// a deadline that was given stays.
    #[must_use]
    pub fn faster(mut self, times: f64) -> Self {
        for model in &mut self.models {
            model.fps *= times;
            model.jitter_ms /= times;
            model.phase_ms /= times;
        }
        for change in &mut self.changes {
            if let What::Model(_, ModelChange::Fps(fps)) = &mut change.what {
                *fps *= times;
            }
        }
        self
    }
}

impl ModelEntry {
    fn validate(&self, source: &Source, entries: &[&Self]) -> Result<ModelSpec, InputError> {
        let origin = Site { origin: source.origin.clone(), line: source.line_of(&self.network.span()) };
        let fps = self.fps(source, entries, entries.len())?;
        let deadline_ms = self
            .deadline_ms
            .as_ref()
            .map(|value| {
                number(source, value, "deadline_ms", "above 0, at most 1e9", |v| v > 0.0 && v <= 1e9)
            })
            .transpose()?;
        let jitter_ms = optional(source, self.jitter_ms.as_ref(), "jitter_ms", fps)?;
        let phase_ms = optional(source, self.phase_ms.as_ref(), "phase_ms", 1e-6)?;
        let probability = self
            .probability
            .as_ref()
            .map(|value| number(source, value, "probability", "from 0 to 1", |v| (0.0..=1.0).contains(&v)))
            .transpose()?;
        let parent = match (&self.depends_on, &self.probability) {
            (None, Some(given)) => {
                let remedy = "add `depends_on`, or remove the probability";
                return Err(source.error_at(
                    &given.span(),
                    "a probability without a parent means nothing",
                    remedy,
                ));
            }
            (None, None) => None,
            (Some(parent), _) => {
                for (key, given) in [("jitter_ms", &self.jitter_ms), ("phase_ms", &self.phase_ms)] {
                    if let Some(given) = given {
                        let what = format!("`{key}` of a model that its parent's frames release");
                        return Err(source.error_at(
                            &given.span(),
                            what,
                            "remove it, or give it to the parent",
                        ));
                    }
                }
                let index = self.parent_index(source, entries)?;
                let parent_fps = entries[index].fps(source, entries, entries.len())?;
                let every = (parent_fps / fps).round();
                if every < 1.0 || (parent_fps / fps - every).abs() > 1e-6 || every > 1e6 {
                    let what =
                        format!("{fps} fps on the frames of `{}`, which has {parent_fps}", parent.get_ref());
                    let remedy = "a dependent runs on every frame of its parent, or every second, third, ...";
                    let at = self.fps.as_ref().map_or_else(|| parent.span(), Spanned::span);
                    return Err(source.error_at(&at, what, remedy));
                }
                Some(Parent { index, probability: probability.unwrap_or(1.0), every: every as u32 })
            }
        };
        Ok(ModelSpec {
            name: self.name.get_ref().clone(),
            network: self.network.get_ref().clone(),
            fps,
            deadline_ms,
            parent,
            jitter_ms,
            phase_ms,
            active: self.active.unwrap_or(true),
            weight_percent: self.weight_percent(source)?,
            drop_budget: self.drop_budget(source)?,
            accuracy_floor: self.accuracy_floor_percent.as_ref().map_or(Ok(0.0), |value| {
                let key = "accuracy_floor_percent";
                number(source, value, key, "from 0 to 100", |v| (0.0..=100.0).contains(&v))
            })?,
            latest_wins: self.latest_wins.unwrap_or(false),
            origin,
        })
    }

    fn weight_percent(&self, source: &Source) -> Result<u16, InputError> {
        let Some(value) = &self.weight else { return Ok(100) };
        let weight = number(source, value, "weight", "from 0.01 to 100", |v| (0.01..=100.0).contains(&v))?;
        Ok((weight * 100.0).round() as u16)
    }

    fn drop_budget(&self, source: &Source) -> Result<DropBudget, InputError> {
        let Some(value) = &self.drop_budget else { return Ok(DropBudget::PUBLISHED) };
        let [lost, of] = *value.get_ref();
        DropBudget::new(lost, of).ok_or_else(|| {
            let remedy = "give [lost, of] with `of` from 1 to 32, as in [2, 10]";
            source.error_at(&value.span(), format!("drop_budget is [{lost}, {of}]"), remedy)
        })
    }

    /// Its own frame rate, or its parent's; `depth` bounds the chain of parents.
    fn fps(&self, source: &Source, entries: &[&Self], depth: usize) -> Result<f64, InputError> {
        if let Some(value) = &self.fps {
            return number(source, value, "fps", "above 0, at most 1e6", |v| v > 0.0 && v <= 1e6);
        }
        if self.depends_on.is_none() || depth == 0 {
            let what = format!("model `{}` has no frame rate", self.name.get_ref());
            return Err(source.error_at(&self.name.span(), what, "add `fps = ...`"));
        }
        entries[self.parent_index(source, entries)?].fps(source, entries, depth - 1)
    }

    fn parent_index(&self, source: &Source, entries: &[&Self]) -> Result<usize, InputError> {
        let Some(parent) = &self.depends_on else {
            return Err(source.error_at(&self.name.span(), "no parent", "add `depends_on`"));
        };
        let names: Vec<&str> = entries.iter().map(|entry| entry.name.get_ref().as_str()).collect();
        names.iter().position(|name| name == parent.get_ref()).ok_or_else(|| {
            unknown_name(&source.origin, "model", parent.get_ref(), &names)
                .at_line(source.line_of(&parent.span()))
        })
    }
}

fn check_cycles(models: &[ModelSpec]) -> Result<(), InputError> {
    for model in models {
        let (mut at, mut steps) = (model, 0);
        while let Some(parent) = at.parent {
            at = &models[parent.index];
            steps += 1;
            if steps > models.len() {
                let what = format!("model `{}` depends on itself through its parents", model.name);
                return Err(model.origin.error(what, "break the cycle of `depends_on`"));
            }
        }
    }
    Ok(())
}

/// A number within its range (NaN is in none).
fn number(
    source: &Source,
    value: &Spanned<f64>,
    key: &str,
    range: &str,
    valid: impl Fn(f64) -> bool,
) -> Result<f64, InputError> {
    let v = *value.get_ref();
    if valid(v) {
        return Ok(v);
    }
    Err(source.error_at(&value.span(), format!("{key} is {v}"), format!("give a number {range}")))
}

/// An optional time of at most one period, 0 by default.
fn optional(source: &Source, value: Option<&Spanned<f64>>, key: &str, fps: f64) -> Result<f64, InputError> {
    let most = 1e3 / fps;
    value.map_or(Ok(0.0), |value| {
        number(source, value, key, &format!("from 0 to {most:.3}"), |v| (0.0..=most).contains(&v))
    })
}

fn find(name_or_path: &str, what: &str, built_in: &[(&str, &str)]) -> Result<Source, InputError> {
    if let Some((name, text)) = built_in.iter().find(|(name, _)| *name == name_or_path) {
        return Ok(Source { origin: format!("built-in {what} {name}"), text: (*text).into() });
    }
    if name_or_path.ends_with(".toml") {
        return Source::read(name_or_path);
    }
    let names: Vec<&str> = built_in.iter().map(|(name, _)| *name).collect();
    Err(unknown_name(&format!("--{what}"), what, name_or_path, &names))
}
