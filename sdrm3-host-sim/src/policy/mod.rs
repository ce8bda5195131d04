//! The policies that can be compared, by name.
//!
//! To add one: a file here that implements core's [`Policy`](sdrm3_core::Policy), a variant of
//! [`PolicyName`] and a line in [`PolicyName::run`].

mod edf;
mod fcfs;
mod lst;
mod sjf;

pub use edf::Edf;
pub use fcfs::Fcfs;
pub use lst::Lst;
pub use sjf::Sjf;

use sdrm3_core::{MapScore, Weight};

use crate::engine::{Cell, Outcome, Recorder, simulate};
use crate::input::{InputError, unknown_name};

/// A policy by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyName {
    /// First come, first served.
    Fcfs,
    /// Earliest deadline first.
    Edf,
    /// Least slack time first.
    Lst,
    /// Shortest job first.
    Sjf,
    /// The published score with fixed weights.
    MapScore,
}

impl PolicyName {
    /// All, in the order of reports.
    pub const ALL: [Self; 5] = [Self::Fcfs, Self::Edf, Self::Lst, Self::Sjf, Self::MapScore];

    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fcfs => "fcfs",
            Self::Edf => "edf",
            Self::Lst => "lst",
            Self::Sjf => "sjf",
            Self::MapScore => "mapscore",
        }
    }

    /// What it does, in a line.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Fcfs => "the frame that came first, on the fastest idle accelerator",
            Self::Edf => "the frame that is due first, on the fastest idle accelerator",
            Self::Lst => "the frame with the least slack (time left minus work left)",
            Self::Sjf => "the frame with the least work left",
            Self::MapScore => "the published score of SDRM3 with fixed weights alpha and beta",
        }
    }

    /// The policy of that name.
    pub fn find(name: &str) -> Result<Self, InputError> {
        let names = Self::ALL.map(Self::name);
        Self::ALL
            .into_iter()
            .find(|policy| policy.name() == name)
            .ok_or_else(|| unknown_name("--policy", "policy", name, &names))
    }

    /// Runs a cell under it.
    pub fn run(self, cell: &Cell<'_>, parameters: &Parameters, recorder: &mut impl Recorder) -> Outcome {
        match self {
            Self::Fcfs => simulate(cell, Fcfs, recorder),
            Self::Edf => simulate(cell, Edf, recorder),
            Self::Lst => simulate(cell, Lst, recorder),
            Self::Sjf => simulate(cell, Sjf, recorder),
            Self::MapScore => simulate(cell, parameters.map_score(), recorder),
        }
    }

    /// Its weights (alpha, beta), if it has any.
    pub fn weights(self, parameters: &Parameters) -> Option<(f64, f64)> {
        let weights = parameters.map_score();
        (self == Self::MapScore).then(|| (weights.alpha.as_f64(), weights.beta.as_f64()))
    }
}

/// Parameters of policies, `--param NAME=VALUE`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    alpha: Weight,
    beta: Weight,
}

impl Default for Parameters {
    fn default() -> Self {
        let MapScore { alpha, beta } = MapScore::default();
        Self { alpha, beta }
    }
}

impl Parameters {
    const NAMES: [&'static str; 2] = ["alpha", "beta"];

    /// From texts of the form `NAME=VALUE`; the last of a name counts.
    pub fn parse<'a>(given: impl IntoIterator<Item = &'a str>) -> Result<Self, InputError> {
        let mut parameters = Self::default();
        for text in given {
            let fail = |what: String| InputError::new("--param", what, "give NAME=VALUE, as in alpha=0.5");
            let (name, value) = text.split_once('=').ok_or_else(|| fail(format!("`{text}` has no `=`")))?;
            let weight = value.trim().parse().ok().and_then(Weight::from_f64);
            let place = match name.trim() {
                "alpha" => &mut parameters.alpha,
                "beta" => &mut parameters.beta,
                other => return Err(unknown_name("--param", "parameter", other, &Self::NAMES)),
            };
            *place = weight.ok_or_else(|| {
                InputError::new("--param", format!("{name} is `{value}`"), "give a number from 0 to 2")
            })?;
        }
        Ok(parameters)
    }

    fn map_score(&self) -> MapScore {
        MapScore { alpha: self.alpha, beta: self.beta }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_checked() {
        let given = Parameters::parse(["alpha=0.5", "beta=2"]).unwrap();
        assert_eq!(PolicyName::MapScore.weights(&given), Some((0.5, 2.0)));
        for bad in ["alpha", "alpha=3", "beta=NaN", "alpha=-1", "gamma=1"] {
            let error = Parameters::parse([bad]).unwrap_err().to_string();
            assert!(error.starts_with("--param: "), "{error}");
        }
    }

    #[test]
    fn every_policy_is_found_by_its_name() {
        for policy in PolicyName::ALL {
            assert_eq!(PolicyName::find(policy.name()), Ok(policy));
        }
        let error = PolicyName::find("mapscor").unwrap_err().to_string();
        assert!(error.contains("did you mean `mapscore`?"), "{error}");
    }
}
