//! The methods that can be compared, by name.
//!
//! To add a policy: a file here that implements core's [`Policy`], and three lines below, the last one in
//! the table. The book's chapter on policies shows one.

mod dysta;
mod edf;
mod fcfs;
mod fixed;
mod gated;
mod heft;
mod lst;
mod method;
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
pub use gated::Stripped;
pub use heft::Heft;
pub use lst::Lst;
pub use method::{Method, Part};
pub use parameters::Parameters;
pub(crate) use parameters::SIXTEENTHS;
pub use planaria::Planaria;
pub use prema::Prema;
pub use rr::RoundRobin;
pub use sjf::Sjf;
pub use veltair::Veltair;
pub use xrbench::XrBench;

use sdrm3_check::Planted;
use sdrm3_check::ledger::Broken;
use sdrm3_core::{
    AcceleratorState, Event, Instant, JobView, MapScore, Offer, Placement, Policy, Scheduler, Score, Wanted,
    Weights, Workload,
};
use sdrm3_hal::trace::{self, Mismatch, Replayed, Sink, Trace};

use crate::engine::{
    Cell, JOBS, Outcome, Recorder, Watch, Watched, simulate, simulate_checked, simulate_traced,
};
use crate::faults::{self, Disturbed, Mode, Strike};
use crate::input::{InputError, unknown_name};
use crate::scenario::{ACCELERATORS, MODELS};

/// The tables of a cell, from which policies may estimate.
pub type Tables<'a> = Workload<'a, ACCELERATORS>;

/// Makes [`PolicyName`] and [`AnyPolicy`] of a table: variant and type, name, what it does in a line, and the policy
/// for a cell (its tables) and a method (its parameters).
macro_rules! policies {
    ($($variant:ident($type:ty) $name:literal $summary:literal
        |$tables:pat_param, $method:pat_param| $policy:expr;)*) => {
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

        /// Any of them: for runs that are watched, the engine is compiled for this one, not for each.
        #[derive(Debug)]
        enum AnyPolicy<'a> {
            $($variant($type),)*
        }

        /// What any of them keeps of a job.
        #[derive(Clone, Copy)]
        enum AnyWeighed<'a> {
            $($variant(<$type as Policy>::Weighed),)*
        }

        impl<'a> Policy for AnyPolicy<'a> {
            type Weighed = AnyWeighed<'a>;

            fn weigh(&self, job: &JobView<'_>, accelerators: &[AcceleratorState], now: Instant) -> AnyWeighed<'a> {
                match self {
                    $(Self::$variant(policy) => AnyWeighed::$variant(policy.weigh(job, accelerators, now)),)*
                }
            }

            fn score(&self, weighed: AnyWeighed<'a>, job: &JobView<'_>, offer: &Offer<'_>) -> Option<Score> {
                match (self, weighed) {
                    $((Self::$variant(policy), AnyWeighed::$variant(weighed)) => policy.score(weighed, job, offer),)*
                    _ => unreachable!("a policy gets back what it weighed"),
                }
            }

            fn wanted(&self, weighed: AnyWeighed<'a>) -> Wanted {
                match (self, weighed) {
                    $((Self::$variant(policy), AnyWeighed::$variant(weighed)) => policy.wanted(weighed),)*
                    _ => unreachable!("a policy gets back what it weighed"),
                }
            }

            fn base(&self, weighed: AnyWeighed<'a>) -> Option<Score> {
                match (self, weighed) {
                    $((Self::$variant(policy), AnyWeighed::$variant(weighed)) => policy.base(weighed),)*
                    _ => unreachable!("a policy gets back what it weighed"),
                }
            }

            fn at_most(
                &self,
                weighed: AnyWeighed<'a>,
                placement: &Placement,
                latency_preference: u32,
            ) -> Option<Score> {
                match (self, weighed) {
                    $((Self::$variant(policy), AnyWeighed::$variant(weighed)) => {
                        policy.at_most(weighed, placement, latency_preference)
                    })*
                    _ => unreachable!("a policy gets back what it weighed"),
                }
            }

            fn above(&self, weighed: AnyWeighed<'a>, placement: &Placement, latency_preference: u32) -> u32 {
                match (self, weighed) {
                    $((Self::$variant(policy), AnyWeighed::$variant(weighed)) => {
                        policy.above(weighed, placement, latency_preference)
                    })*
                    _ => unreachable!("a policy gets back what it weighed"),
                }
            }

            fn prepare<'j>(
                &mut self,
                jobs: impl Iterator<Item = JobView<'j>>,
                accelerators: &[AcceleratorState],
                now: Instant,
            ) {
                match self {
                    $(Self::$variant(policy) => policy.prepare(jobs, accelerators, now),)*
                }
            }

            fn abandons(&self, job: &JobView<'_>, now: Instant) -> bool {
                match self {
                    $(Self::$variant(policy) => policy.abandons(job, now),)*
                }
            }

            fn block(&self, job: &JobView<'_>, offer: &Offer<'_>) -> u16 {
                match self {
                    $(Self::$variant(policy) => policy.block(job, offer),)*
                }
            }

            fn weights(&self) -> Option<Weights> {
                match self {
                    $(Self::$variant(policy) => policy.weights(),)*
                }
            }

            fn set_weights(&mut self, weights: Weights) {
                match self {
                    $(Self::$variant(policy) => policy.set_weights(weights),)*
                }
            }

            fn observe(&mut self, event: &Event, now: Instant) {
                match self {
                    $(Self::$variant(policy) => policy.observe(event, now),)*
                }
            }
        }

        impl Method {
            /// Runs a cell under it. This way, which experiments take, is compiled for each policy by itself: that
            /// is a quarter faster, but not worth its compilation where tests run.
            pub fn run(&self, cell: &Cell<'_>, recorder: &mut dyn Recorder) -> Outcome {
                let recorder = &mut &mut *recorder;
                #[cfg(debug_assertions)]
                return simulate(cell, self.policy(cell.workload), self.config(), recorder);
                #[cfg(not(debug_assertions))]
                match self.policy {
                    $(PolicyName::$variant => {
                        let ($tables, $method) = (cell.workload, self);
                        simulate(cell, $policy, self.config(), recorder)
                    })*
                }
            }

            /// Its policy, for these tables.
            fn policy<'a>(&self, tables: &'a Tables<'a>) -> AnyPolicy<'a> {
                match self.policy {
                    $(PolicyName::$variant => {
                        let ($tables, $method) = (tables, self);
                        AnyPolicy::$variant($policy)
                    })*
                }
            }
        }
    };
}

policies! {
    Fcfs(Fcfs) "fcfs" "the frame that came first, on the fastest idle accelerator" |_, _| Fcfs;
    Edf(Edf) "edf" "the frame that is due first, on the fastest idle accelerator" |_, _| Edf;
    Lst(Lst<'a>) "lst" "the frame with the least slack, hopeless ones given up (Band)" |tables, _| Lst::new(tables);
    Sjf(Sjf) "sjf" "the frame with the least work left" |_, _| Sjf;
    RoundRobin(RoundRobin) "rr" "the models in turn" |tables, _| RoundRobin::new(tables);
    Static(Static) "static" "each model on its own accelerator, first come, first served" |tables, _| Static::new(tables);
    Heft(Heft<'a>) "heft" "the frame that would end last, where it ends first, busy accelerators included (Band)"
        |tables, _| Heft::new(tables);
    Prema(Prema<'a>) "prema" "the shortest among those whose tokens, earned by priority and waiting, suffice"
        |tables, _| Prema::new(tables);
    Planaria(Planaria<'a>) "planaria" "every frame on accelerators of its own, as many as its deadline needs"
        |tables, _| Planaria::new(tables);
    Veltair(Veltair<'a>) "veltair" "the frame that came first, in blocks of layers that shrink with the load"
        |tables, _| Veltair::new(tables);
    XrBench(XrBench<'a>) "xrbench" "whole models by name, each on the fastest idle accelerator (XRBench's runtime)"
        |tables, _| XrBench::new(tables);
    Dysta(Dysta<'a>) "dysta" "the least predicted work left, tilted to tight deadlines and to what ran last"
        |tables, _| Dysta::new(tables);
    MapScore(MapScore) "mapscore" "the published score of SDRM3 with fixed weights alpha and beta"
        |_, method| MapScore { weights: method.parameters.weights };
    Sdrm3(MapScore) "sdrm3" "the complete published method: score, frame drop, supernets, tuning, correction"
        |_, method| MapScore { weights: method.parameters.weights };
    Gated(Stripped) "sdrm3-gated" "what can still be in time, at the least energy that leaves it so (ours)"
        |tables, method| Stripped::new(tables, &method.without, method.parameters.comfort);
}

impl Method {
    /// Runs a cell under it, telling a sink of every call to the scheduler, and a watch of what every decision
    /// weighed.
    pub fn run_traced(
        &self,
        cell: &Cell<'_>,
        recorder: &mut dyn Recorder,
        sink: &mut dyn Sink,
        watch: Option<&Watch>,
    ) -> Outcome {
        let policy = Watched::new(self.policy(cell.workload), watch);
        simulate_traced(cell, policy, self.config(), &mut &mut *recorder, &mut &mut *sink)
    }

    /// The same, with every event and choice held against what the scheduler promises: see [`simulate_checked`].
    pub fn run_checked(
        &self,
        cell: &Cell<'_>,
        recorder: &mut dyn Recorder,
        sink: &mut dyn Sink,
        planted: Planted,
        watch: Option<&Watch>,
    ) -> (Outcome, Result<u64, Broken>) {
        let policy = Watched::new(self.policy(cell.workload), watch);
        simulate_checked(cell, policy, self.config(), &mut &mut *recorder, &mut &mut *sink, planted)
    }

    /// Runs a cell with faults under it.
    pub fn run_disturbed<'a>(&self, cell: &Cell<'a>, strikes: &[Strike], mode: Mode) -> Disturbed<'a> {
        faults::run(cell, self.policy(cell.workload), self.config(), strikes, mode)
    }

    /// Replays a trace under it, with the settings of the trace's header: one of the simulator, or one of a device,
    /// which has room for fewer jobs.
    pub fn replay(&self, tables: &Tables<'_>, trace: &Trace<'_>) -> Result<Replayed, Mismatch> {
        let weights = trace.header().weights.unwrap_or_default();
        let method = Self { parameters: Parameters { weights, ..self.parameters }, ..self.clone() };
        let policy = method.policy(tables);
        match trace.header().jobs {
            4 => replay_in::<4>(tables, policy, trace),
            8 => replay_in::<8>(tables, policy, trace),
            16 => replay_in::<16>(tables, policy, trace),
            32 => replay_in::<32>(tables, policy, trace),
            64 => replay_in::<64>(tables, policy, trace),
            128 => replay_in::<128>(tables, policy, trace),
            _ => replay_in::<JOBS>(tables, policy, trace),
        }
    }
}

/// Replays a trace with room for so many jobs.
fn replay_in<const ROOM: usize>(
    tables: &Tables<'_>,
    policy: AnyPolicy<'_>,
    trace: &Trace<'_>,
) -> Result<Replayed, Mismatch> {
    let config = trace.header().config;
    let mut scheduler = Scheduler::<_, MODELS, ROOM, ACCELERATORS>::new(tables, policy, config)
        .expect("the workload was checked when it was built, within these capacities");
    trace::replay(trace, &mut scheduler)
}

impl PolicyName {
    /// The help on an option that names policies.
    pub(crate) fn help(rest: &str) -> String {
        let names = Self::ALL.map(Self::name).join(", ");
        format!(
            "Policy{rest}; one of {names}; or one without some of its parts, as in sdrm3-no-drop-no-tuner, or with parts of the scheduler that \
             it lacks, as in lst-with-supernet-with-correction"
        )
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

#[cfg(test)]
mod tests {
    use super::story::Story;
    use super::*;

    #[test]
    fn every_policy_is_found_by_its_name() {
        for policy in PolicyName::ALL {
            assert_eq!(PolicyName::find(policy.name()), Ok(policy));
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
}
