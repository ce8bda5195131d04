//! The methods that can be compared, by name.
//!
//! To add a policy: a file here that implements core's [`Policy`], and a line in
//! the table below. The book's chapter on policies shows one.

mod dysta;
mod edf;
mod fcfs;
mod fixed;
mod heft;
mod lst;
mod parameters;
mod plan;
mod planaria;
mod prema;
mod rr;
mod sjf;
#[cfg(test)]
mod story;
mod veltair;
mod xrbench;

pub use dysta::Dysta;
pub use edf::Edf;
pub use fcfs::Fcfs;
pub use fixed::Static;
pub use heft::Heft;
pub use lst::Lst;
pub use parameters::Parameters;
pub use planaria::Planaria;
pub use prema::Prema;
pub use rr::RoundRobin;
pub use sjf::Sjf;
pub use veltair::Veltair;
pub use xrbench::XrBench;

use sdrm3_check::Planted;
use sdrm3_check::ledger::Broken;
use sdrm3_core::{Config, Gated, MapScore, Policy, Scheduler, Workload};
use sdrm3_hal::trace::{self, Mismatch, Replayed, Sink, Trace};

use crate::engine::{Cell, JOBS, Outcome, Recorder, Watch, Watched, simulate_checked, simulate_traced};
use crate::faults::{self, Disturbed, Mode, Strike};
use crate::input::{InputError, unknown_name};
use crate::scenario::{ACCELERATORS, MODELS};

/// The tables of a cell, from which policies may estimate.
pub type Tables<'a> = Workload<'a, ACCELERATORS>;

/// Makes [`PolicyName`] of a table: variant, name, what it does in a line, and the policy for a cell
/// (its tables) and a method (its parameters).
macro_rules! policies {
    ($($variant:ident $name:literal $summary:literal |$tables:pat_param, $method:pat_param| $policy:expr;)*) => {
        /// A policy by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum PolicyName {
            $(#[doc = $summary] $variant,)*
        }

        impl PolicyName {
            /// All, in the order of reports.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// Its name on the command line and in reports.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What it does, in a line.
            pub fn summary(self) -> &'static str {
                match self {
                    $(Self::$variant => $summary,)*
                }
            }
        }

        impl Method {
            /// Runs a cell under it.
            pub fn run(&self, cell: &Cell<'_>, recorder: &mut impl Recorder) -> Outcome {
                self.run_traced(cell, recorder, &mut ())
            }

            /// Runs a cell under it, telling a sink of every call to the scheduler.
            pub fn run_traced(
                &self,
                cell: &Cell<'_>,
                recorder: &mut impl Recorder,
                sink: &mut impl Sink,
            ) -> Outcome {
                match self.policy {
                    $(PolicyName::$variant => {
                        let ($tables, $method) = (cell.workload, self);
                        simulate_traced(cell, $policy, self.config(), recorder, sink)
                    })*
                }
            }

            /// The same, and a watch sees what every decision weighed.
            pub fn run_watched(
                &self,
                cell: &Cell<'_>,
                recorder: &mut impl Recorder,
                sink: &mut impl Sink,
                watch: Option<&Watch>,
            ) -> Outcome {
                match self.policy {
                    $(PolicyName::$variant => {
                        let ($tables, $method) = (cell.workload, self);
                        let policy = Watched::new($policy, watch);
                        simulate_traced(cell, policy, self.config(), recorder, sink)
                    })*
                }
            }

            /// The same, with every event and choice held against what the scheduler promises: see
            /// [`simulate_checked`].
            pub fn run_checked(
                &self,
                cell: &Cell<'_>,
                recorder: &mut dyn Recorder,
                sink: &mut dyn Sink,
                planted: Planted,
                watch: Option<&Watch>,
            ) -> (Outcome, Result<u64, Broken>) {
                let (recorder, sink) = (&mut &mut *recorder, &mut &mut *sink);
                match self.policy {
                    $(PolicyName::$variant => {
                        let ($tables, $method) = (cell.workload, self);
                        let policy = Watched::new($policy, watch);
                        simulate_checked(cell, policy, self.config(), recorder, sink, planted)
                    })*
                }
            }

            /// Runs a cell with faults under it.
            pub fn run_disturbed<'a>(&self, cell: &Cell<'a>, strikes: &[Strike], mode: Mode) -> Disturbed<'a> {
                match self.policy {
                    $(PolicyName::$variant => {
                        let ($tables, $method) = (cell.workload, self);
                        faults::run(cell, $policy, self.config(), strikes, mode)
                    })*
                }
            }

            /// Replays a trace under it, with the settings of the trace's header. Traces of devices, which
            /// have room for other numbers of jobs, are replayed where the policy is core's.
            pub fn replay(&self, tables: &Tables<'_>, trace: &Trace<'_>) -> Result<Replayed, Mismatch> {
                let header = trace.header();
                let weights = header.weights.unwrap_or_default();
                if self.has_weights() && header.jobs as usize != JOBS {
                    return replay_of_device(tables, MapScore { weights }, trace);
                }
                let parameters = Parameters { weights, ..self.parameters };
                let method = &Self { parameters, ..self.clone() };
                match self.policy {
                    $(PolicyName::$variant => {
                        let ($tables, $method) = (tables, method);
                        replay_in::<_, JOBS>(tables, $policy, trace)
                    })*
                }
            }
        }
    };
}

policies! {
    Fcfs "fcfs" "the frame that came first, on the fastest idle accelerator" |_, _| Fcfs;
    Edf "edf" "the frame that is due first, on the fastest idle accelerator" |_, _| Edf;
    Lst "lst" "the frame with the least slack, hopeless ones given up (Band)" |tables, _| Lst::new(tables);
    Sjf "sjf" "the frame with the least work left" |_, _| Sjf;
    RoundRobin "rr" "the models in turn" |tables, _| RoundRobin::new(tables);
    Static "static" "each model on its own accelerator, first come, first served" |tables, _| Static::new(tables);
    Heft "heft" "the frame that would end last, where it ends first, busy accelerators included (Band)"
        |tables, _| Heft::new(tables);
    Prema "prema" "the shortest among those whose tokens, earned by priority and waiting, suffice"
        |tables, _| Prema::new(tables);
    Planaria "planaria" "every frame on accelerators of its own, as many as its deadline needs"
        |tables, _| Planaria::new(tables);
    Veltair "veltair" "the frame that came first, in blocks of layers that shrink with the load"
        |tables, _| Veltair::new(tables);
    XrBench "xrbench" "whole models by name, each on the fastest idle accelerator (XRBench's runtime)"
        |tables, _| XrBench::new(tables);
    Dysta "dysta" "the least predicted work left, tilted to tight deadlines and to what ran last"
        |tables, _| Dysta::new(tables);
    MapScore "mapscore" "the published score of SDRM3 with fixed weights alpha and beta"
        |_, method| MapScore { weights: method.parameters.weights };
    Sdrm3 "sdrm3" "the complete published method: score, frame drop, supernets, tuning, correction"
        |_, method| MapScore { weights: method.parameters.weights };
    Gated "sdrm3-gated" "what can still be in time, at the least energy that leaves it so (ours)"
        |tables, _| Gated::<MODELS, ACCELERATORS>::new(tables);
}

/// Replays a trace with room for so many jobs.
fn replay_in<P: Policy, const ROOM: usize>(
    tables: &Tables<'_>,
    policy: P,
    trace: &Trace<'_>,
) -> Result<Replayed, Mismatch> {
    let scheduler = Scheduler::<P, MODELS, ROOM, ACCELERATORS>::new(tables, policy, trace.header().config);
    let mut scheduler =
        scheduler.expect("the workload was checked when it was built, within these capacities");
    trace::replay(trace, &mut scheduler)
}

/// Replays a trace of a device, which has room for fewer jobs than the simulator.
fn replay_of_device(tables: &Tables<'_>, policy: MapScore, trace: &Trace<'_>) -> Result<Replayed, Mismatch> {
    match trace.header().jobs {
        4 => replay_in::<_, 4>(tables, policy, trace),
        8 => replay_in::<_, 8>(tables, policy, trace),
        16 => replay_in::<_, 16>(tables, policy, trace),
        32 => replay_in::<_, 32>(tables, policy, trace),
        64 => replay_in::<_, 64>(tables, policy, trace),
        _ => replay_in::<_, 128>(tables, policy, trace),
    }
}

impl PolicyName {
    /// The help on an option that names policies.
    pub(crate) fn help(rest: &str) -> String {
        format!("Policy{rest}; one of {}", Self::ALL.map(Self::name).join(", "))
    }

    /// The policy of that name.
    pub fn find(name: &str) -> Result<Self, InputError> {
        let names = Self::ALL.map(Self::name);
        Self::ALL
            .into_iter()
            .find(|policy| policy.name() == name)
            .ok_or_else(|| unknown_name("--policy", "policy", name, &names))
    }
}

/// A part of the published method beyond its score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Smart frame drop.
    Drop,
    /// Supernet switching.
    Supernet,
    /// Online tuning.
    Tuner,
    /// Online latency correction.
    Correction,
}

impl Part {
    /// All, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Drop, Self::Supernet, Self::Tuner, Self::Correction];

    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Supernet => "supernet",
            Self::Tuner => "tuner",
            Self::Correction => "correction",
        }
    }

    /// The part of that name.
    pub fn find(name: &str) -> Result<Self, InputError> {
        let names = Self::ALL.map(Self::name);
        Self::ALL
            .into_iter()
            .find(|part| part.name() == name)
            .ok_or_else(|| unknown_name("--without", "part", name, &names))
    }
}

/// A policy and the parts of the published method that it runs with.
#[derive(Clone, Debug, PartialEq)]
pub struct Method {
    /// The policy.
    pub policy: PolicyName,
    /// Parts of `sdrm3` that are switched off.
    pub without: Vec<Part>,
    /// Parameters of the policy.
    pub parameters: Parameters,
}

impl Method {
    /// The policy as it is, without those parts if it has them.
    pub fn new(policy: PolicyName, without: &[Part], parameters: Parameters) -> Self {
        let without = if policy == PolicyName::Sdrm3 { without.to_vec() } else { Vec::new() };
        Self { policy, without, parameters }
    }

    /// Its name in reports: the policy's, and what it goes without.
    pub fn label(&self) -> String {
        self.without
            .iter()
            .fold(self.policy.name().to_string(), |label, part| format!("{label}-no-{}", part.name()))
    }

    /// Which parts of the core are on.
    pub fn config(&self) -> Config {
        if self.policy == PolicyName::Gated {
            return Config { supernet: true, correction: true, ..Config::PLAIN };
        }
        if self.policy != PolicyName::Sdrm3 {
            return Config::PLAIN;
        }
        let mut config = Config { tuning_window: Some(self.parameters.window), ..Config::FULL };
        for part in &self.without {
            match part {
                Part::Drop => config.frame_drop = false,
                Part::Supernet => config.supernet = false,
                Part::Tuner => config.tuning_window = None,
                Part::Correction => config.correction = false,
            }
        }
        config
    }

    /// Whether it has the weights alpha and beta.
    pub fn has_weights(&self) -> bool {
        matches!(self.policy, PolicyName::MapScore | PolicyName::Sdrm3)
    }
}

#[cfg(test)]
mod tests {
    use super::story::Story;
    use super::*;

    #[test]
    fn every_policy_and_part_is_found_by_its_name() {
        for policy in PolicyName::ALL {
            assert_eq!(PolicyName::find(policy.name()), Ok(policy));
        }
        for part in Part::ALL {
            assert_eq!(Part::find(part.name()), Ok(part));
        }
        let error = PolicyName::find("mapscor").unwrap_err().to_string();
        assert!(error.contains("did you mean `mapscore`?"), "{error}");
    }

    /// Two of three accelerators fail for a while, in the middle of blocks: whatever a policy had planned
    /// for them, it goes on with what is left, and with all of them afterwards.
    #[test]
    fn every_policy_survives_the_loss_of_accelerators() {
        let mut story = Story::new(3, 400)
            .model("a", "fps = 100", &[&[2, 3, 4], &[3, 2, 4]])
            .model("b", "fps = 50", &[&[4, 0, 5], &[4, 4, 4]])
            .model("c", "fps = 50\ndepends_on = 'b'", &[&[2, 2, 2]]);
        for (at, on, lost) in [(101, 0, true), (103, 1, true), (201, 0, false), (203, 1, false)] {
            story = story.change(&format!("at_ms = {at}.5\naccelerator = {on}\nlost = {lost}"));
        }
        for policy in PolicyName::ALL {
            let told = story.told(policy);
            let at = |line: &String| line.split(' ').next().and_then(|ms| ms.parse::<u32>().ok());
            let blocks = |from, to, on: &str| {
                let within = |line: &&String| at(line).is_some_and(|at| (from..to).contains(&at));
                told.iter().filter(within).filter(|line| line.ends_with(on)).count()
            };
            let name = policy.name();
            assert!(policy == PolicyName::Static || blocks(120, 200, "on 2") > 3, "{name}: {told:#?}");
            assert!(blocks(220, 400, "on 0") + blocks(220, 400, "on 1") > 10, "{name}: {told:#?}");
        }
    }

    #[test]
    fn a_part_that_is_left_out_is_switched_off_and_named() {
        let method = Method::new(PolicyName::Sdrm3, &[Part::Drop, Part::Tuner], Parameters::default());
        assert_eq!(method.label(), "sdrm3-no-drop-no-tuner");
        let Config { frame_drop, supernet, correction, tuning_window, .. } = method.config();
        assert_eq!((frame_drop, supernet, correction, tuning_window), (false, true, true, None));
        assert_eq!(Method::new(PolicyName::Fcfs, &Part::ALL, Parameters::default()).label(), "fcfs");
    }
}
