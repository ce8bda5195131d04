//! Parameters of policies, `--param NAME=VALUE`.

use sdrm3_core::{Config, Duration, Gated, Weight, Weights};

use crate::input::{InputError, unknown_name};
use crate::scenario::{ACCELERATORS, MODELS};

/// A comfort is a whole number of these shares of one.
pub(crate) const SIXTEENTHS: f64 = 16.0;

/// Parameters of policies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// Weights of the score; the tuner starts from them.
    pub weights: Weights,
    /// Length of the tuner's windows.
    pub window: Duration,
    /// Comfort of `sdrm3-gated`, in sixteenths.
    pub comfort: u16,
}

impl Default for Parameters {
    fn default() -> Self {
        let window = Config::FULL.tuning_window.unwrap_or(Duration::MAX);
        Self { weights: Weights::default(), window, comfort: Gated::<MODELS, ACCELERATORS>::COMFORT }
    }
}

impl Parameters {
    const NAMES: [&'static str; 4] = ["alpha", "beta", "window_ms", "comfort"];

    /// Each by its name, as it is given.
    pub fn named(&self) -> [(&'static str, f64); 4] {
        [
            ("alpha", self.weights.alpha.as_f64()),
            ("beta", self.weights.beta.as_f64()),
            ("window_ms", self.window.as_nanos() as f64 / 1e6),
            ("comfort", f64::from(self.comfort) / SIXTEENTHS),
        ]
    }

    /// From texts of the form `NAME=VALUE`; the last of a name counts.
    pub fn parse<'a>(given: impl IntoIterator<Item = &'a str>) -> Result<Self, InputError> {
        let mut parameters = Self::default();
        for text in given {
            let fail = |what: String| InputError::new("--param", what, "give NAME=VALUE, as in alpha=0.5");
            let (name, value) = text.split_once('=').ok_or_else(|| fail(format!("`{text}` has no `=`")))?;
            let (name, value) = (name.trim(), value.trim());
            let number = value.parse::<f64>().ok();
            let out_of = |range: &str| {
                InputError::new(
                    "--param",
                    format!("{name} is `{value}`"),
                    format!("give a number from {range}"),
                )
            };
            let weight = || number.and_then(Weight::from_f64).ok_or_else(|| out_of("0 to 2"));
            match name {
                "alpha" => parameters.weights.alpha = weight()?,
                "beta" => parameters.weights.beta = weight()?,
                "window_ms" => {
                    let ms =
                        number.filter(|ms| (1.0..=1e6).contains(ms)).ok_or_else(|| out_of("1 to 1000000"))?;
                    parameters.window = Duration::from_nanos((ms * 1e6) as u64);
                }
                "comfort" => {
                    let comfort = number.filter(|comfort| (0.0..=1000.0).contains(comfort));
                    parameters.comfort =
                        (comfort.ok_or_else(|| out_of("0 to 1000"))? * SIXTEENTHS).round() as u16;
                }
                other => return Err(unknown_name("--param", "parameter", other, &Self::NAMES)),
            }
        }
        Ok(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_checked() {
        let given = Parameters::parse(["alpha=0.5", "beta=2", "window_ms=250", "comfort=1.25"]).unwrap();
        assert_eq!(given.comfort, 20);
        assert_eq!((given.weights.alpha.as_f64(), given.weights.beta.as_f64()), (0.5, 2.0));
        assert_eq!(given.window, Duration::from_millis(250));
        for given in [given, Parameters::parse(["alpha=0.1", "comfort=1.3"]).unwrap()] {
            let again = given.named().map(|(name, value)| format!("{name}={value}"));
            assert_eq!(Parameters::parse(again.iter().map(String::as_str)), Ok(given));
        }
        assert_eq!(given.named().map(|(name, _)| name), Parameters::NAMES);
        for bad in ["alpha", "alpha=3", "beta=NaN", "alpha=-1", "gamma=1", "window_ms=0", "comfort=-1"] {
            let error = Parameters::parse([bad]).unwrap_err().to_string();
            assert!(error.starts_with("--param: "), "{error}");
        }
    }
}
