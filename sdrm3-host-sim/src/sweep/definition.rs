//! What a sweep runs: its cells, numbered.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sdrm3_core::Checksum;
use serde::Deserialize;

use super::{Axis, Key};
use crate::input::{InputError, Source, unknown_name};
use crate::policy::{Method, Parameters, PolicyName};
use crate::scenario::{Platform, Scenario};

/// The most cells of a sweep.
const CELLS: usize = 10_000_000;

/// A sweep as it is asked for, in parts.
#[derive(Clone, Debug, Default)]
pub struct Definition {
    /// The parameters that are not at their default.
    pub axes: BTreeMap<Key, Axis>,
    /// So many random cells instead of all.
    pub random: Option<usize>,
    /// Seed of the random cells.
    pub sweep_seed: Option<u64>,
    /// File and line of those that a file gives.
    places: BTreeMap<Key, (String, usize)>,
}

/// The cells of a sweep.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// In the order of columns.
    axes: Vec<(Key, Axis)>,
    /// How many random cells, and their seed.
    random: Option<u64>,
    cells: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    random: Option<usize>,
    sweep_seed: Option<u64>,
    #[serde(default)]
    grid: BTreeMap<toml::Spanned<String>, toml::Spanned<Values>>,
}

/// One value or several, numbers or texts.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a whole number is above 9223372036854775807, the largest of TOML: give it as text"
)]
enum Values {
    Many(Vec<toml::Value>),
    One(toml::Value),
}

impl Definition {
    /// Adds a parameter given as `NAME=VALUE,...`.
    pub fn add(&mut self, given: &str) -> Result<(), InputError> {
        let (name, values) = given.split_once('=').ok_or_else(|| {
            InputError::new(
                "--grid",
                format!("`{given}` has no `=`"),
                "give NAME=VALUES, as in alpha=0:2:0.25",
            )
        })?;
        let key = Key::find(name.trim())?;
        // The command line counts more than the file, but nothing is given twice in either.
        self.axes.insert(key, key.axis(values.split(','))?);
        self.places.remove(&key);
        Ok(())
    }

    /// Reads a file.
    pub fn load(path: &str) -> Result<Self, InputError> {
        Self::parse(&Source::read(path)?)
    }

    /// Parses a file: `random`, `sweep_seed`, and a table `[grid]` of parameters.
    pub fn parse(source: &Source) -> Result<Self, InputError> {
        let file: File = source.parse_toml()?;
        let (mut axes, mut places) = (BTreeMap::new(), BTreeMap::new());
        for (name, values) in &file.grid {
            let at = |error: InputError, span| error.moved_to(&source.origin).at_line(source.line_of(&span));
            let names = Key::ALL.map(Key::name);
            let known = Key::ALL.into_iter().find(|key| key.name() == name.get_ref());
            let key = known
                .ok_or_else(|| at(unknown_name("", "parameter", name.get_ref(), &names), name.span()))?;
            let text = |value: &toml::Value| match value {
                toml::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let texts: Vec<String> = match values.get_ref() {
                Values::Many(values) => values.iter().map(text).collect(),
                Values::One(value) => text(value).split(',').map(String::from).collect(),
            };
            let axis = key.axis(texts.iter().map(String::as_str));
            axes.insert(key, axis.map_err(|error| at(error, values.span()))?);
            places.insert(key, (source.origin.clone(), source.line_of(&values.span())));
        }
        Ok(Self { axes, random: file.random, sweep_seed: file.sweep_seed, places })
    }

    /// An error about a parameter's values, where they are given.
    fn placed(&self, key: Key, error: InputError) -> InputError {
        match self.places.get(&key) {
            Some((file, line)) => error.moved_to(file).at_line(*line),
            None => error,
        }
    }

    /// The cells of it.
    pub fn sweep(mut self) -> Result<Sweep, InputError> {
        let mut axes = Vec::with_capacity(Key::ALL.len());
        for key in Key::ALL {
            if key.is_optional() && !self.axes.contains_key(&key) {
                continue;
            }
            let default = || key.default().map(|value| Axis::Listed(vec![value]));
            let axis = self.axes.remove(&key).or_else(default).ok_or_else(|| {
                InputError::new(
                    "--grid",
                    format!("no {} is given", key.name()),
                    "add --grid scenario=NAME, or =all",
                )
            })?;
            if let (Axis::Between(from, to), None) = (&axis, self.random) {
                let remedy = format!(
                    "give a step, as in {}={from}:{to}:{}, or --random N",
                    key.name(),
                    (to - from) / 8.0
                );
                let what = format!("{}={from}:{to} has no step", key.name());
                return Err(self.placed(key, InputError::new("--grid", what, remedy)));
            }
            axes.push((key, axis));
        }
        let size = |axis: &Axis| match axis {
            Axis::Listed(values) => values.len(),
            Axis::Between(..) => 1,
        };
        let grid = axes.iter().try_fold(1usize, |cells, (_, axis)| cells.checked_mul(size(axis)));
        let cells = self.random.or(grid).filter(|cells| (1..=CELLS).contains(cells)).ok_or_else(|| {
            let what = match self.random {
                Some(0) => "no cell is asked for".into(),
                _ => format!("more than {CELLS} cells are asked for"),
            };
            InputError::new("sweep", what, "give fewer values, or --random N with N of 1 or more")
        })?;
        if let (None, Some(_)) = (self.random, self.sweep_seed) {
            let what = "a grid has nothing random";
            return Err(InputError::new("--sweep-seed", what, "add --random N, or remove the seed"));
        }
        let sweep = Sweep { axes, random: self.random.map(|_| self.sweep_seed.unwrap_or(1)), cells };
        sweep.check_comfort().map_err(|error| self.placed(Key::Comfort, error))?;
        Ok(sweep)
    }
}

impl Sweep {
    /// How many cells there are.
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// The optional parameters that have values.
    pub fn optional(&self) -> Vec<Key> {
        self.axes.iter().map(|(key, _)| *key).filter(|key| key.is_optional()).collect()
    }

    /// The values that a parameter takes, if they are listed.
    pub fn listed(&self, key: Key) -> &[String] {
        match self.axes.iter().find(|(other, _)| *other == key) {
            Some((_, Axis::Listed(values))) => values,
            _ => &[],
        }
    }

    /// Refuses values of the comfort where no policy has one: all its rows would be alike.
    fn check_comfort(&self) -> Result<(), InputError> {
        let has_one = |label: &String| {
            Method::find(label, &[], Parameters::default())
                .is_ok_and(|method| method.policy == PolicyName::Gated)
        };
        if !self.optional().contains(&Key::Comfort) || self.listed(Key::Policy).iter().any(has_one) {
            return Ok(());
        }
        let what = "no policy of the sweep has a comfort";
        Err(InputError::new("--grid comfort", what, "add policy=sdrm3-gated, or remove the comfort"))
    }

    /// The values of a cell, in the order of columns.
    pub fn values(&self, cell: usize) -> Vec<(Key, String)> {
        let Some(seed) = self.random else { return self.grid_point(cell) };
        // Every cell draws for itself: which ones are run before it does not matter.
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(cell as u64);
        let draw = |(key, axis): &(Key, Axis)| {
            let share: f64 = random.random();
            let value = match axis {
                Axis::Listed(values) => {
                    let index = (share * values.len() as f64) as usize;
                    values.get(index).or(values.last()).cloned().unwrap_or_default()
                }
                Axis::Between(from, to) => key.rounded(from + share * (to - from)).to_string(),
            };
            (*key, value)
        };
        self.axes.iter().map(draw).collect()
    }

    fn grid_point(&self, cell: usize) -> Vec<(Key, String)> {
        let mut rest = cell;
        let mut values = Vec::with_capacity(self.axes.len());
        for (key, axis) in self.axes.iter().rev() {
            if let Axis::Listed(listed) = axis {
                let count = listed.len().max(1);
                values.push((*key, listed.get(rest % count).cloned().unwrap_or_default()));
                rest /= count;
            }
        }
        values.reverse();
        values
    }

    /// Checksum of all that the rows depend on: the program's version, the values, and the files that they
    /// name, and these other files.
    pub fn checksum(&self, files: &[&str]) -> Result<u64, InputError> {
        let text = |sum: Checksum, text: &str| sum.u64(text.len() as u64).bytes(text.as_bytes());
        let mut sum = text(Checksum::EMPTY, env!("CARGO_PKG_VERSION"));
        sum = sum.u64(self.cells as u64).u64(self.random.map_or(0, |seed| seed.wrapping_add(1)));
        for (key, axis) in &self.axes {
            sum = text(sum, key.name());
            sum = match axis {
                Axis::Listed(values) => {
                    values.iter().fold(sum.u64(values.len() as u64), |sum, value| text(sum, value))
                }
                Axis::Between(from, to) => sum.u64(u64::MAX).u64(from.to_bits()).u64(to.to_bits()),
            };
        }
        for name in self.listed(Key::Scenario) {
            sum = text(sum, &Scenario::source(name)?.text);
        }
        for name in self.listed(Key::Platform) {
            sum = text(sum, &Platform::source(name)?.text);
        }
        for path in files {
            sum = text(sum, &Source::read(path)?.text);
        }
        Ok(sum.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(given: &[&str]) -> Sweep {
        let mut definition = Definition::default();
        given.iter().for_each(|axis| definition.add(axis).unwrap());
        definition.sweep().unwrap()
    }

    fn random(given: &[&str], count: usize, seed: u64) -> Sweep {
        let mut definition = Definition::default();
        given.iter().for_each(|axis| definition.add(axis).unwrap());
        Definition { random: Some(count), sweep_seed: Some(seed), ..definition }.sweep().unwrap()
    }

    fn value(values: &[(Key, String)], key: Key) -> &str {
        values.iter().find(|(other, _)| *other == key).map(|(_, value)| value).unwrap()
    }

    #[test]
    fn a_grid_is_every_combination_once_the_seed_varying_fastest() {
        let sweep = sweep(&["seed=1..3", "scenario=vr_gaming,ar_call", "alpha=0,1"]);
        let cell = |cell| {
            let values = sweep.values(cell);
            [Key::Scenario, Key::Alpha, Key::Seed].map(|key| value(&values, key).to_string()).join(" ")
        };
        assert_eq!(sweep.cells(), 12);
        assert_eq!(
            [0, 1, 3, 6, 11].map(cell),
            ["vr_gaming 0 1", "vr_gaming 0 2", "vr_gaming 1 1", "ar_call 0 1", "ar_call 1 3"]
        );
    }

    #[test]
    fn random_cells_depend_on_seed_and_number_only() {
        let axes = ["scenario=vr_gaming,ar_call", "alpha=0:2", "beta=1:1.5", "seed=1..5"];
        let (few, many, other) = (random(&axes, 10, 7), random(&axes, 1000, 7), random(&axes, 10, 8));
        assert_eq!(few.values(9), many.values(9));
        assert_ne!(few.values(9), other.values(9));
        let cells: Vec<Vec<(Key, String)>> = (0..1000).map(|cell| many.values(cell)).collect();
        let numbers = |key| cells.iter().map(move |values| value(values, key).parse::<f64>().unwrap());
        assert!(numbers(Key::Alpha).all(|alpha| (0.0..=2.0).contains(&alpha)));
        assert!(numbers(Key::Beta).all(|beta| (1.0..=1.5).contains(&beta)));
        let mean = numbers(Key::Alpha).sum::<f64>() / 1e3;
        assert!((0.9..1.1).contains(&mean), "{mean}");
        for seed in 1..=5 {
            let count = numbers(Key::Seed).filter(|&value| value == f64::from(seed)).count();
            assert!((140..260).contains(&count), "seed {seed}: {count}");
        }
    }

    /// What a sweep does not vary takes no part in it: its cells, draws and checksum are as if there was no such thing.
    #[test]
    fn an_optional_parameter_counts_only_where_it_has_values() {
        let axes = ["scenario=ar_call", "policy=sdrm3-gated", "alpha=0:2"];
        let plain = random(&axes, 20, 7);
        assert_eq!((plain.optional(), plain.values(0).len()), (vec![], 10));
        let more = [&axes[..], &["latency_noise=0:0.5", "comfort=1:2"]].concat();
        let more = random(&more, 20, 7);
        assert_eq!(more.optional(), [Key::LatencyNoise, Key::Comfort]);
        assert_ne!(plain.checksum(&[]), more.checksum(&[]));
        for cell in 0..20 {
            let values = more.values(cell);
            let number = |key| value(&values, key).parse::<f64>().unwrap();
            assert!((0.0..=0.5).contains(&number(Key::LatencyNoise)), "{values:?}");
            let comfort = number(Key::Comfort);
            assert!((1.0..=2.0).contains(&comfort) && (comfort * 16.0).fract() == 0.0, "{comfort}");
        }
    }

    #[test]
    fn the_checksum_is_of_the_meaning_not_of_the_words() {
        let sum = |given: &[&str]| sweep(given).checksum(&[]).unwrap();
        let first = sum(&["scenario=vr_gaming", "alpha=0:1:0.5"]);
        assert_eq!(first, sum(&["alpha=0,0.50,1.0", "scenario=vr_gaming", "policy=sdrm3"]));
        for other in [
            ["scenario=vr_gaming", "alpha=0,1,0.5"],
            ["scenario=ar_call", "alpha=0:1:0.5"],
            ["scenario=vr_gaming", "beta=0:1:0.5"],
        ] {
            assert_ne!(first, sum(&other), "{other:?}");
        }
    }

    #[test]
    fn a_file_says_the_same_as_the_command_line() {
        let parse = |text: &str| Definition::parse(&Source { origin: "s.toml".into(), text: text.into() });
        let file =
            "[grid]\nscenario = ['vr_gaming', 'ar_call']\nalpha = '0:2:0.5'\nseed = [1, 2, 3]\nbeta = 0.5\n";
        let given = ["scenario=vr_gaming,ar_call", "alpha=0:2:0.5", "seed=1..3", "beta=0.5"];
        let sum = |sweep: Sweep| sweep.checksum(&[]).unwrap();
        assert_eq!(sum(parse(file).unwrap().sweep().unwrap()), sum(sweep(&given)));
        for (text, says) in [
            ("[grid]\nalpha = 3\n", "s.toml:2: `3` is none of its values; give weight of starvation"),
            ("[grid]\nseed = 1\nalpah = 1\n", "s.toml:3: unknown parameter `alpah`; did you mean `alpha`?"),
            (
                "[grid]\nlatency_bias = [0, 1]\n",
                "s.toml:2: `1` is none of its values; give bias of latencies, a share from",
            ),
            (
                "[grid]\n\nlatency_nois = 0\n",
                "s.toml:3: unknown parameter `latency_nois`; did you mean `latency_noise`?",
            ),
            (
                "[grid]\ncomfort = -1\n",
                "s.toml:2: `-1` is none of its values; give comfort of sdrm3-gated, from 0",
            ),
            ("radom = 3\n", "s.toml:1: unknown field `radom`"),
            (
                "[grid]\nseed = [1, 18446744073709551615]\n",
                "s.toml:2: a whole number is above 9223372036854775807, the largest of TOML: give it as text",
            ),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(says), "{error}");
        }
    }

    /// Of values that are sound by themselves: an error is where they are given last.
    #[test]
    fn what_does_not_fit_the_rest_of_the_sweep_is_named_where_it_is_given() {
        let says = |grid: &str, given: &[&str]| {
            let text = format!("[grid]\nscenario = 'ar_call'\n{grid}\n");
            let mut definition = Definition::parse(&Source { origin: "s.toml".into(), text }).unwrap();
            given.iter().for_each(|axis| definition.add(axis).unwrap());
            definition.sweep().unwrap_err().to_string()
        };
        let step = says("alpha = '0:2'", &[]);
        assert!(step.starts_with("s.toml:3: alpha=0:2 has no step; give a step, as in alpha="), "{step}");
        let comfort = says("comfort = [1, 2]", &[]);
        assert!(
            comfort.starts_with("s.toml:3: no policy of the sweep has a comfort; add policy"),
            "{comfort}"
        );
        let replaced = says("alpha = 1", &["alpha=0:1"]);
        assert!(replaced.starts_with("--grid: alpha=0:1 has no step; "), "{replaced}");
    }

    #[test]
    fn a_sweep_of_nothing_or_of_too_much_is_refused() {
        let refuses = |given: &[&str], random, says: &str| {
            let mut definition = Definition { random, ..Definition::default() };
            given.iter().for_each(|axis| definition.add(axis).unwrap());
            let error = definition.sweep().unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        };
        refuses(&["alpha=1"], None, "no scenario is given; add --grid scenario=NAME");
        refuses(
            &["scenario=ar_call", "alpha=0:2"],
            None,
            "alpha=0:2 has no step; give a step, as in alpha=0:2:0.25, or",
        );
        refuses(&["scenario=ar_call"], Some(0), "no cell is asked for");
        refuses(
            &["scenario=ar_call", "comfort=1,2"],
            None,
            "--grid comfort: no policy of the sweep has a comfort; add policy=sdrm3-gated",
        );
        refuses(&["scenario=ar_call", "seed=1..9999999", "alpha=0:2:0.01"], None, "more than 10000000 cells");
    }
}
