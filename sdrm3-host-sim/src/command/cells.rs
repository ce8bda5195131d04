//! What commands that simulate have in common: the options that say what to run, validated.

use clap::Args;
use sdrm3_check::ledger::Broken;
use sdrm3_core::Duration;

use super::Failure;
use crate::engine::Cell;
use crate::input::InputError;
use crate::network::Library;
use crate::policy::{Method, Parameters, Part, PolicyName, SIXTEENTHS};
use crate::replay::Origin;
use crate::report::{InputFile, Inputs};
use crate::scenario::{CostTable, EstimateError, Platform, Scenario};

/// Length and seed of a run unless others are given.
const DURATION_MS: u32 = 2_000;
const SEED: u64 = 1;

/// Options that say what is to be run, whatever runs it.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Premises {
    /// Measured costs that replace the built-in cost model for the networks they name
    /// (network,layer,kind,latency_ns,energy_nj)
    #[arg(long, value_name = "FILE.csv")]
    costs: Option<String>,
    /// Layer table of networks beside the built-in ones; repeat for several
    /// (network,layer,op,k,c,y,x,r,s,stride,groups and, if need be, branch,accuracy_percent)
    #[arg(long, value_name = "FILE.csv")]
    networks: Vec<String>,
    /// Virtual time to simulate, in milliseconds [default: 2000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=172_800_000))]
    #[arg(allow_negative_numbers = true)]
    duration_ms: Option<u32>,
    /// Seed of all random draws: cascades, jitter, branches, bias and noise [default: 1]
    #[arg(long, allow_negative_numbers = true, value_name = "N")]
    seed: Option<u64>,
}

/// Options of every simulation.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Common {
    #[command(flatten)]
    premises: Premises,
    /// Parameter of a policy: alpha, beta (0 to 2; sdrm3 starts from them), window_ms of its tuner;
    /// comfort (0 to 1000) of sdrm3-gated
    #[arg(long, value_name = "NAME=VALUE")]
    param: Vec<String>,
    #[arg(long, value_name = "PART,...", value_delimiter = ',', help = Part::help())]
    without: Vec<String>,
    /// Latencies of each pair of model and accelerator are up to this share off the tables, either way (0 to 0.9)
    #[arg(long, allow_negative_numbers = true, value_name = "SHARE")]
    latency_bias: Option<f64>,
    /// Latencies of each block are up to this share off that, either way (0 to 0.9)
    #[arg(long, allow_negative_numbers = true, value_name = "SHARE")]
    latency_noise: Option<f64>,
}

/// [`Common`], validated.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) costs: Option<CostTable>,
    pub(super) networks: Library,
    pub(super) duration: Duration,
    pub(super) duration_ms: u32,
    pub(super) seed: u64,
    pub(super) parameters: Parameters,
    pub(super) without: Vec<Part>,
    latency_bias: Option<f64>,
    latency_noise: Option<f64>,
}

impl Premises {
    /// For what knows no policy.
    pub(super) fn validate(&self) -> Result<Settings, InputError> {
        Common { premises: self.clone(), ..Common::default() }.validate()
    }

    fn duration_ms(&self) -> u32 {
        self.duration_ms.unwrap_or(DURATION_MS)
    }

    fn seed(&self) -> u64 {
        self.seed.unwrap_or(SEED)
    }
}

impl Common {
    pub(super) fn validate(&self) -> Result<Settings, InputError> {
        let Premises { costs, networks, .. } = &self.premises;
        let duration_ms = self.premises.duration_ms();
        Ok(Settings {
            costs: costs.as_deref().map(CostTable::load).transpose()?,
            networks: Library::load(networks.iter().map(String::as_str))?,
            duration: Duration::from_millis(u64::from(duration_ms)),
            duration_ms,
            seed: self.premises.seed(),
            parameters: Parameters::parse(self.param.iter().map(String::as_str))?,
            without: self.without.iter().map(|name| Part::find(name)).collect::<Result<_, _>>()?,
            latency_bias: share("--latency-bias", self.latency_bias)?,
            latency_noise: share("--latency-noise", self.latency_noise)?,
        })
    }
}

impl Common {
    /// What a run of these is made of, for its trace.
    pub(super) fn origin(&self, scenario: &str, platform: &str, method: &Method) -> Origin {
        let (duration_ms, seed) = (self.premises.duration_ms(), self.premises.seed());
        Origin {
            scenario: Some(scenario.into()),
            platform: Some(platform.into()),
            policy: Some(Method { without: Vec::new(), ..method.clone() }.label()),
            without: method.without.iter().map(|part| part.name().into()).collect(),
            param: self.param.clone(),
            costs: self.premises.costs.clone(),
            networks: self.premises.networks.clone(),
            note: Some(format!("{}, {duration_ms} ms, seed {seed}", method.label())),
        }
    }
}

impl Common {
    /// The settings of a run of these, by name, for its reports.
    pub(super) fn settings(
        &self,
        scenario: &str,
        platform: &str,
        method: &Method,
    ) -> Vec<(&'static str, String)> {
        let (duration_ms, seed) = (self.premises.duration_ms(), self.premises.seed());
        let mut settings = vec![
            ("scenario", scenario.to_string()),
            ("platform", platform.to_string()),
            ("policy", method.label()),
            ("virtual time", format!("{duration_ms} ms")),
            ("seed", seed.to_string()),
        ];
        if method.has_weights() {
            let weights = method.parameters.weights;
            settings.push(("alpha at first", weights.alpha.as_f64().to_string()));
            settings.push(("beta at first", weights.beta.as_f64().to_string()));
        }
        if method.policy == PolicyName::Gated {
            settings.push(("comfort", (f64::from(method.parameters.comfort) / SIXTEENTHS).to_string()));
        }
        settings.extend(self.files_and_errors());
        settings
    }

    /// The settings of a comparison.
    pub(super) fn settings_of_many(&self) -> Vec<(&'static str, String)> {
        let (duration_ms, seed) = (self.premises.duration_ms(), self.premises.seed());
        let mut settings = vec![("virtual time", format!("{duration_ms} ms")), ("seed", seed.to_string())];
        settings.extend(self.param.iter().map(|parameter| ("parameter", parameter.clone())));
        settings.extend(self.files_and_errors());
        settings
    }

    /// What runs of these on such scenarios and platforms are made of.
    pub(super) fn inputs(
        &self,
        settings: &Settings,
        scenarios: &[String],
        platforms: &[String],
        recorded: Option<&String>,
    ) -> Result<Inputs, InputError> {
        let is_file = |(_, name): &(&str, &String)| name.ends_with(".toml");
        let built_in_or_file = scenarios.iter().map(|name| ("scenario", name));
        let built_in_or_file = built_in_or_file.chain(platforms.iter().map(|name| ("platform", name)));
        let tables = self.premises.costs.iter().map(|path| ("costs", path));
        let tables = tables.chain(self.premises.networks.iter().map(|path| ("networks", path)));
        let named =
            built_in_or_file.filter(is_file).chain(tables).chain(recorded.map(|path| ("recorded", path)));
        let mut files = Vec::new();
        for (option, path) in named {
            let file = InputFile::new(option, path)?;
            if !files.contains(&file) {
                files.push(file);
            }
        }
        Ok(Inputs {
            version: env!("CARGO_PKG_VERSION"),
            param: settings.parameters.named().into(),
            latency_bias: settings.latency_bias,
            latency_noise: settings.latency_noise,
            files,
        })
    }

    fn files_and_errors(&self) -> impl Iterator<Item = (&'static str, String)> {
        let files = self.premises.costs.iter().map(|path| ("costs", path.clone()));
        let files = files.chain(self.premises.networks.iter().map(|path| ("networks", path.clone())));
        let errors = [("latency bias", self.latency_bias), ("latency noise", self.latency_noise)];
        files.chain(errors.into_iter().filter_map(|(name, share)| Some((name, share?.to_string()))))
    }
}

/// A bias or noise of estimates.
fn share(option: &str, given: Option<f64>) -> Result<Option<f64>, InputError> {
    match given {
        Some(share) if !EstimateError::allows(share) => {
            let remedy = format!("give a share from 0 to {}", EstimateError::MOST);
            Err(InputError::new(option, format!("the share is {share}"), remedy))
        }
        other => Ok(other),
    }
}

impl Settings {
    /// The scenario of this name or file.
    pub(super) fn scenario(&self, name: &str) -> Result<Scenario, InputError> {
        let scenario = Scenario::load(name).map(|scenario| self.disturbed(scenario))?;
        self.check_costs([&scenario].into_iter())?;
        Ok(scenario)
    }

    /// The scenarios of these names or files; all built-in ones without any, or for `all`.
    pub(super) fn scenarios(&self, names: &[String]) -> Result<Vec<Scenario>, InputError> {
        let names = if names.is_empty() { vec![ALL.to_string()] } else { names.to_vec() };
        let expand = |name: &String| match name.as_str() {
            ALL => Scenario::built_in().map(String::from).to_vec(),
            _ => vec![name.clone()],
        };
        let names = names.iter().flat_map(expand);
        let load = |name: &str| Scenario::load(name).map(|scenario| self.disturbed(scenario));
        let scenarios = each_once("--scenario", names, load, |scenario| &scenario.name)?;
        self.check_costs(scenarios.iter())?;
        Ok(scenarios)
    }

    /// Refuses measured costs of which none is used.
    pub(super) fn check_costs<'s>(
        &self,
        scenarios: impl Iterator<Item = &'s Scenario>,
    ) -> Result<(), InputError> {
        self.costs.as_ref().map_or(Ok(()), |costs| costs.check_used(scenarios))
    }

    /// A scenario, with the errors of estimates that were asked for.
    pub(super) fn disturbed(&self, scenario: Scenario) -> Scenario {
        scenario.disturbed(self.latency_bias, self.latency_noise)
    }

    /// A policy with these parameters and parts.
    pub(super) fn method(&self, policy: PolicyName) -> Method {
        Method::new(policy, &self.without, self.parameters)
    }

    /// The one that is named so on the command line, perhaps by what reports call it.
    pub(super) fn named(&self, label: &str) -> Result<Method, InputError> {
        Method::find(label, &self.without, self.parameters)
    }

    /// Those of these names, each once; all without any.
    pub(super) fn methods(&self, labels: &[String]) -> Result<Vec<Method>, InputError> {
        if labels.is_empty() {
            return Ok(PolicyName::ALL.map(|policy| self.method(policy)).to_vec());
        }
        let mut methods = Vec::new();
        for label in labels {
            add(&mut methods, self.named(label)?);
        }
        Ok(methods)
    }

    /// Refuses a part to go without that none of these has: nothing would be switched off.
    pub(super) fn check_parts(&self, methods: &[Method]) -> Result<(), InputError> {
        let has = |policy: PolicyName, part| Part::of(policy).contains(&part);
        let missing = |part: &&Part| !methods.iter().any(|method| has(method.policy, **part));
        let Some(&part) = self.without.iter().find(missing) else { return Ok(()) };
        let names = |which: &dyn Fn(PolicyName) -> bool| {
            let policies = PolicyName::ALL.into_iter().filter(|policy| which(*policy));
            policies.map(PolicyName::name).collect::<Vec<_>>().join(", ")
        };
        let asked = names(&|policy| methods.iter().any(|method| method.policy == policy));
        let what = format!("`{}` is no part of {asked}", part.name());
        let owners = names(&|policy| has(policy, part));
        Err(InputError::new("--without", what, format!("leave it out: it is a part of {owners}")))
    }
}

/// Adds a method that is not there yet.
pub(super) fn add(methods: &mut Vec<Method>, method: Method) {
    if !methods.contains(&method) {
        methods.push(method);
    }
}

/// Says where a run broke a promise.
pub(super) fn broken(cell: &Cell<'_>, method: &Method, broken: &Broken) -> Failure {
    let (scenario, platform) = (&cell.scenario.name, &cell.platform.name);
    Failure::Broken(format!("self-check of {scenario} on {platform} under {}: {broken}", method.label()))
}

/// Says on standard error that something was checked.
pub(super) fn report_events(events: u64) {
    eprintln!("self-check: {events} events, and every promise is kept");
}

/// The word for everything that is built in.
const ALL: &str = "all";

/// The platforms of these names or files; the default one without any, all built-in ones for `all`.
pub(super) fn platforms(names: &[String]) -> Result<Vec<Platform>, InputError> {
    let names = if names.is_empty() { vec![Platform::DEFAULT.to_string()] } else { names.to_vec() };
    let expand = |name: &String| match name.as_str() {
        ALL => Platform::built_in().map(String::from).to_vec(),
        _ => vec![name.clone()],
    };
    each_once("--platform", names.iter().flat_map(expand), Platform::load, |platform| &platform.name)
}

/// Loads what these name, what is named twice once. Two that call themselves alike are refused: no result could tell
/// them apart.
fn each_once<T>(
    option: &str,
    names: impl Iterator<Item = String>,
    load: impl Fn(&str) -> Result<T, InputError>,
    called: impl Fn(&T) -> &String,
) -> Result<Vec<T>, InputError> {
    let mut loaded: Vec<(String, T)> = Vec::new();
    for name in names {
        if loaded.iter().any(|(other, _)| *other == name) {
            continue;
        }
        let it = load(&name)?;
        if let Some((other, _)) = loaded.iter().find(|(_, other)| called(other) == called(&it)) {
            let what = format!("{other} and {name} are both called `{}`", called(&it));
            return Err(InputError::new(option, what, "give each a name of its own"));
        }
        loaded.push((name, it));
    }
    Ok(loaded.into_iter().map(|(_, it)| it).collect())
}
