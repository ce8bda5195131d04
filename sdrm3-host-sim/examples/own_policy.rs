//! A policy of your own, compared with a built-in one:
//!
//! ```text
//! cargo run --release -p sdrm3-host-sim --example own_policy
//! ```

// ANCHOR: policy
use sdrm3_core::{AcceleratorState, Instant, JobView, Offer, Policy, Score};

/// The earliest deadline first, and what cannot be in time any more not at all.
#[derive(Debug)]
struct Hopeful;

impl Policy for Hopeful {
    /// What is found out once per job for all its accelerators: here its score.
    type Weighed = Score;

    fn weigh(&self, job: &JobView<'_>, _: &[AcceleratorState], _: Instant) -> Score {
        Score(-(job.frame.deadline.as_nanos() as i64))
    }

    /// The pair of ready job and idle accelerator with the highest score runs; `None`: not there, now.
    fn score(&self, weighed: Score, _: &JobView<'_>, _: &Offer<'_>) -> Option<Score> {
        Some(weighed)
    }

    /// Frames given up are dropped, and count as violated.
    fn abandons(&self, job: &JobView<'_>, now: Instant) -> bool {
        job.fastest_togo > job.slack(now)
    }
}
// ANCHOR_END: policy

// ANCHOR: run
use bumpalo::Bump;
use sdrm3_core::{Config, Duration};
use sdrm3_host_sim::engine::{Cell, simulate};
use sdrm3_host_sim::input::InputError;
use sdrm3_host_sim::network::Library;
use sdrm3_host_sim::policy::{Method, Parameters, PolicyName};
use sdrm3_host_sim::scenario::{Platform, Scenario, build};

fn main() -> Result<(), InputError> {
    let scenario = Scenario::load("ar_social")?; // or a file
    let platform = Platform::load("4k-1ws-2os")?;
    let memory = Bump::new();
    let workload = build(&scenario, &platform, &Library::zoo(), None, &memory)?;
    let cell = Cell {
        scenario: &scenario,
        platform: &platform,
        workload: &workload,
        recording: None,
        duration: Duration::from_millis(2_000),
        seed: 1,
    };
    let ours = simulate(&cell, Hopeful, Config::PLAIN, &mut ());
    let theirs = Method::new(PolicyName::Fcfs, &[], Parameters::default()).run(&cell, &mut ());
    println!("UXCost: hopeful {:.3}, fcfs {:.3}", ours.uxcost.value(), theirs.uxcost.value());
    Ok(())
}
// ANCHOR_END: run
