//! One parameter of a sweep and the values that it takes.

use crate::input::{InputError, unknown_name};
use crate::policy::{Method, Parameters, Part, PolicyName, SIXTEENTHS};
use crate::scenario::{EstimateError, Platform, Scenario};

/// Makes [`Key`] of a table: variant, name, and what its values are in words.
macro_rules! keys {
    ($($variant:ident $name:literal $values:literal;)*) => {
        /// A parameter that a sweep may vary, in the order of columns: the last one varies fastest.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Key {
            $(#[doc = $values] $variant,)*
        }

        impl Key {
            /// All, in the order of columns.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// Its name on the command line and in results.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What its values are, in words.
            pub fn values(self) -> &'static str {
                match self {
                    $(Self::$variant => $values,)*
                }
            }
        }
    };
}

keys! {
    Scenario "scenario" "a built-in scenario or a file, or all";
    Platform "platform" "a built-in platform or a file, or all";
    FpsScale "fps_scale" "how many times faster all frames come, from 0.01 to 100";
    LatencyBias "latency_bias" "bias of latencies, a share from 0 to 0.9";
    LatencyNoise "latency_noise" "noise of latencies, a share from 0 to 0.9";
    Policy "policy" "a policy, or all";
    Without "without" "parts of the policy that are off, as in drop+tuner, or none";
    DurationMs "duration_ms" "virtual time, from 1 to 172800000 ms";
    WindowMs "window_ms" "window of the tuner, from 1 to 1000000 ms";
    Alpha "alpha" "weight of starvation, from 0 to 2";
    Beta "beta" "weight of energy, from 0 to 2";
    Comfort "comfort" "comfort of sdrm3-gated, from 0 to 1000, in sixteenths";
    Seed "seed" "seed of cascades and jitter, a whole number";
}

/// What is drawn at random is a whole number of these shares of one, unless it is a comfort.
const MILLIONTHS: f64 = 1e6;

/// The most values of one parameter.
const VALUES: usize = 10_000_000;

/// The values of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Axis {
    /// These, in this order.
    Listed(Vec<String>),
    /// Any number between the two, for random samples.
    Between(f64, f64),
}

impl Key {
    /// The key of that name.
    pub fn find(name: &str) -> Result<Self, InputError> {
        let names = Self::ALL.map(Self::name);
        let known = Self::ALL.into_iter().find(|key| key.name() == name);
        known.ok_or_else(|| unknown_name("--grid", "parameter", name, &names))
    }

    /// Whether only a sweep that gives it values has a column of it.
    pub fn is_optional(self) -> bool {
        matches!(self, Self::LatencyBias | Self::LatencyNoise | Self::Comfort)
    }

    /// Its value where a sweep gives none; `None` if that is the scenario's, or there is none.
    pub fn default(self) -> Option<String> {
        Some(match self {
            Self::Scenario | Self::LatencyBias | Self::LatencyNoise => return None,
            Self::Platform => Platform::DEFAULT.into(),
            Self::FpsScale | Self::Seed => "1".into(),
            Self::Policy => PolicyName::Sdrm3.name().into(),
            Self::Without => "none".into(),
            Self::DurationMs => "2000".into(),
            Self::WindowMs | Self::Alpha | Self::Beta | Self::Comfort => {
                let named = Parameters::default().named();
                return named
                    .iter()
                    .find(|(name, _)| *name == self.name())
                    .map(|(_, value)| value.to_string());
            }
        })
    }

    fn is_whole(self) -> bool {
        matches!(self, Self::Seed | Self::DurationMs)
    }

    /// Whether its values are numbers.
    pub fn is_number(self) -> bool {
        use Key::{Alpha, Beta, Comfort, FpsScale, LatencyBias, LatencyNoise, WindowMs};
        let fractions = [FpsScale, LatencyBias, LatencyNoise, WindowMs, Alpha, Beta, Comfort];
        self.is_whole() || fractions.contains(&self)
    }

    /// A number drawn between others, as it is run and reported.
    pub(super) fn rounded(self, number: f64) -> f64 {
        let grain = if self == Self::Comfort { SIXTEENTHS } else { MILLIONTHS };
        (number * grain).round() / grain
    }

    fn error(self, what: impl Into<String>, remedy: impl Into<String>) -> InputError {
        InputError::new(&format!("--grid {}", self.name()), what, remedy)
    }

    /// A value in the form in which it is compared and reported: 0.50 is 0.5, tuner+drop is drop+tuner.
    fn canonical(self, text: &str) -> Result<String, InputError> {
        let out_of_range =
            || self.error(format!("`{text}` is none of its values"), format!("give {}", self.values()));
        let number = || text.parse::<f64>().ok();
        let within = |low: f64, high: f64| {
            let number = number().filter(|number| (low..=high).contains(number));
            number.map(|number| number.to_string()).ok_or_else(out_of_range)
        };
        match self {
            Self::Scenario => Scenario::source(text).map(|_| text.into()),
            Self::Platform => Platform::source(text).map(|_| text.into()),
            Self::Policy => Method::find(text, &[], Parameters::default()).map(|method| method.label()),
            Self::Without if text == "none" => Ok(text.into()),
            Self::Without => {
                let parts = text.split('+').map(Part::find).collect::<Result<Vec<_>, _>>()?;
                let sorted = Part::ALL.into_iter().filter(|part| parts.contains(part)).map(Part::name);
                Ok(sorted.collect::<Vec<_>>().join("+"))
            }
            Self::FpsScale => within(0.01, 100.0),
            Self::LatencyBias | Self::LatencyNoise => within(0.0, EstimateError::MOST),
            Self::WindowMs => within(1.0, 1e6),
            Self::Alpha | Self::Beta => within(0.0, 2.0),
            Self::Comfort => {
                let comfort = number().filter(|comfort| (0.0..=1000.0).contains(comfort));
                comfort.map(|comfort| self.rounded(comfort).to_string()).ok_or_else(out_of_range)
            }
            Self::DurationMs => match text.parse::<u32>() {
                Ok(ms @ 1..=172_800_000) => Ok(ms.to_string()),
                _ => Err(out_of_range()),
            },
            Self::Seed => text.parse::<u64>().map(|seed| seed.to_string()).map_err(|_| out_of_range()),
        }
    }

    /// Every value of the ones that are built in.
    fn all(self) -> Option<Vec<&'static str>> {
        match self {
            Self::Scenario => Some(Scenario::built_in().to_vec()),
            Self::Platform => Some(Platform::built_in().to_vec()),
            Self::Policy => Some(PolicyName::ALL.map(PolicyName::name).to_vec()),
            _ => None,
        }
    }

    /// The values that these texts mean: each one value, a range `FROM..TO` of whole numbers, both ends
    /// included, `FROM:TO:STEP`, or, for random samples, `FROM:TO`.
    pub fn axis<'a>(self, texts: impl IntoIterator<Item = &'a str>) -> Result<Axis, InputError> {
        let mut values = Vec::new();
        for text in texts.into_iter().map(str::trim) {
            if text.is_empty() || text.contains(char::is_control) {
                return Err(
                    self.error("a value is empty, or no text of one line", format!("give {}", self.values()))
                );
            }
            let numbers: Vec<&str> = text.split(':').collect();
            match (self.all(), text.split_once("..")) {
                (Some(all), _) if text == "all" => values.extend(all.into_iter().map(String::from)),
                (_, Some((from, to))) if self.is_whole() => values.extend(self.whole_range(from, to)?),
                _ if self.is_number() && numbers.len() == 2 => {
                    if self.is_whole() {
                        return Err(
                            self.error(format!("`{text}` has no step"), "give FROM..TO or FROM:TO:STEP")
                        );
                    }
                    let ends = [self.canonical(numbers[0])?, self.canonical(numbers[1])?];
                    let [Ok(from), Ok(to)] = ends.map(|end| end.parse::<f64>()) else { continue };
                    if from < to {
                        values.push(format!("{from}:{to}"));
                    } else {
                        return Err(self.error(format!("`{text}` is empty"), "give the smaller number first"));
                    }
                }
                _ if self.is_number() && numbers.len() == 3 => values.extend(self.steps(text, &numbers)?),
                _ => values.push(self.canonical(text)?),
            }
        }
        if let [only] = values.as_slice()
            && self.is_number()
            && let Some((from, to)) = only.split_once(':')
            && let (Ok(from), Ok(to)) = (from.parse(), to.parse())
        {
            return Ok(Axis::Between(from, to));
        }
        if let Some(range) = values.iter().find(|value| self.is_number() && value.contains(':')) {
            return Err(self.error(format!("`{range}` has no step"), "give FROM:TO:STEP"));
        }
        let mut sorted: Vec<&String> = values.iter().collect();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(self.error(format!("`{}` is given twice", pair[0]), "give each value once")),
            None if values.is_empty() => {
                Err(self.error("no value is given", format!("give {}", self.values())))
            }
            None => Ok(Axis::Listed(values)),
        }
    }

    fn whole_range(self, from: &str, to: &str) -> Result<Vec<String>, InputError> {
        let parse = |text: &str| self.canonical(text.trim()).map(|text| text.parse::<u64>().unwrap_or(0));
        let (first, last) = (parse(from)?, parse(to.trim_start_matches('='))?);
        if first > last || last - first >= VALUES as u64 {
            let what = format!("`{from}..{to}` has no value, or too many");
            return Err(self.error(what, format!("give the smaller number first, at most {VALUES} values")));
        }
        Ok((first..=last).map(|value| value.to_string()).collect())
    }

    /// `FROM:TO:STEP`, both ends included where a step meets the end.
    fn steps(self, text: &str, numbers: &[&str]) -> Result<Vec<String>, InputError> {
        let fail = |what: String| self.error(what, "give FROM:TO:STEP, as in 0:2:0.25");
        let parsed: Result<Vec<f64>, _> = numbers.iter().map(|number| number.trim().parse::<f64>()).collect();
        let Ok([from, to, step]) = parsed.as_deref() else {
            return Err(fail(format!("`{text}` is no range of numbers")));
        };
        let count = ((to - from) / step + 1e-9).floor();
        if !(*step > 0.0 && (0.0..VALUES as f64).contains(&count)) {
            return Err(fail(format!("`{text}` has no value, or too many")));
        }
        // Rounded, so that 3 steps of 0.1 are 0.3.
        let value = |step_number: u32| ((from + f64::from(step_number) * step) * 1e9).round() / 1e9;
        (0..=count as u32).map(|number| self.canonical(&value(number).to_string())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(key: Key, text: &str) -> Vec<String> {
        match key.axis(text.split(',')).unwrap_or_else(|error| panic!("{text}: {error}")) {
            Axis::Listed(values) => values,
            Axis::Between(..) => panic!("{text}: a range"),
        }
    }

    #[test]
    fn values_are_listed_counted_or_stepped_to() {
        assert_eq!(listed(Key::Alpha, "0:0.5:0.1"), ["0", "0.1", "0.2", "0.3", "0.4", "0.5"]);
        assert_eq!(listed(Key::Alpha, "0:1:0.4"), ["0", "0.4", "0.8"]);
        assert_eq!(listed(Key::Seed, "1..3,9"), ["1", "2", "3", "9"]);
        assert_eq!(listed(Key::Seed, "10:30:10"), ["10", "20", "30"]);
        assert_eq!(listed(Key::Beta, "0.50, 1.0"), ["0.5", "1"]);
        assert_eq!(listed(Key::Without, "none,tuner+drop"), ["none", "drop+tuner"]);
        assert_eq!(listed(Key::Policy, "fcfs,sdrm3-no-tuner-no-drop"), ["fcfs", "sdrm3-no-drop-no-tuner"]);
        assert_eq!(listed(Key::Platform, "all").len(), 8);
        assert_eq!(listed(Key::LatencyBias, "0:0.9:0.3"), ["0", "0.3", "0.6", "0.9"]);
        assert_eq!(listed(Key::Comfort, "1.0,1.3"), ["1", "1.3125"], "in sixteenths");
        assert_eq!(Key::Alpha.axis(["0:2"]), Ok(Axis::Between(0.0, 2.0)));
    }

    #[test]
    fn values_that_mean_nothing_are_refused_with_a_remedy() {
        let cases = [
            (Key::Alpha, "3", "give weight of starvation, from 0 to 2"),
            (Key::Alpha, "nan", "from 0 to 2"),
            (Key::Alpha, "0:3:1", "from 0 to 2"),
            (Key::Alpha, "0:1:0", "give FROM:TO:STEP, as in 0:2:0.25"),
            (Key::Alpha, "0:1:1e-9", "has no value, or too many"),
            (Key::Alpha, "0:1:x", "is no range of numbers"),
            (Key::Alpha, "1:0", "the smaller number first"),
            (Key::Alpha, "0:1,2", "has no step"),
            (Key::Alpha, "0.5,0.50", "`0.5` is given twice"),
            (Key::Alpha, "", "a value is empty"),
            (Key::Seed, "-1", "a whole number"),
            (Key::Seed, "1:2", "give FROM..TO"),
            (Key::Seed, "3..1", "the smaller number first"),
            (Key::Seed, "0..99999999999", "too many"),
            (Key::DurationMs, "0", "from 1 to 172800000 ms"),
            (Key::Policy, "mapscor", "did you mean `mapscore`?"),
            (Key::Without, "tunner", "did you mean `tuner`?"),
            (Key::Scenario, "vr_gamin", "did you mean `vr_gaming`?"),
            (Key::FpsScale, "0", "from 0.01 to 100"),
            (Key::LatencyBias, "0.91", "bias of latencies, a share from 0 to 0.9"),
            (Key::LatencyNoise, "-0.1", "noise of latencies, a share from 0 to 0.9"),
            (Key::Comfort, "1001", "from 0 to 1000"),
            (Key::Comfort, "1.5,1.51", "`1.5` is given twice"),
        ];
        for (key, text, says) in cases {
            let error = key.axis(text.split(',')).unwrap_err().to_string();
            assert!(error.starts_with("--") && error.contains(says), "{text}: {error}");
        }
        let error = Key::find("alpah").unwrap_err().to_string();
        assert_eq!(error, "--grid: unknown parameter `alpah`; did you mean `alpha`?");
    }

    #[test]
    fn defaults_are_values() {
        for key in Key::ALL {
            assert!(
                key.default()
                    .is_none_or(|text| key.axis([text.as_str()]) == Ok(Axis::Listed(vec![text.clone()]))),
                "{key:?}"
            );
        }
    }
}
