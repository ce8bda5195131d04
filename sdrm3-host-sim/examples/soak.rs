//! A day of virtual time with more frames than the accelerators can serve: how long does any frame wait
//! that was taken in, from its release to its end?
//!
//! ```text
//! cargo run --release -p sdrm3-host-sim --example soak              # 24 hours, minutes of real time
//! cargo run --release -p sdrm3-host-sim --example soak -- 0.1       # so many hours
//! cargo run --release -p sdrm3-host-sim --example soak -- 0.1 7     # with this seed
//! ```
//!
//! The bounds, and why they hold, stand in the book's chapter on trust. `tests/soak.rs` runs some minutes and
//! fails when one is broken.

use std::collections::HashMap;
use std::time::Instant as Clock;

use bumpalo::Bump;
use sdrm3_core::{
    Cost, DropReason, Duration, Event, Frame, Instant, Leftover, Placement, Progress, Segment, SegmentSpec,
    SubNetwork, Tally, Weight, Workload,
};
use sdrm3_host_sim::engine::{Cell, Recorder};
use sdrm3_host_sim::input::InputError;
use sdrm3_host_sim::network::Library;
use sdrm3_host_sim::policy::{Method, Parameters, PolicyName};
use sdrm3_host_sim::scenario::{ACCELERATORS, Platform, Scenario, build};

/// Work offered over what the accelerators can do, each segment on its fastest.
pub(crate) const UTILISATION: f64 = 1.5;
/// With two cascades and a supernet, at its own frame rates.
const SCENARIO: &str = "vr_gaming";
/// Its accelerators are slowed down until they are that loaded.
const PLATFORM: &str = "4k-1ws-2os";
/// A network's layers run as that many blocks, as compilers for accelerators deliver them.
const BLOCKS: usize = 3;

/// What is heard of a run, and added up from its events alone.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    under_way: HashMap<(u8, u32), Known>,
    /// By model.
    pub(crate) tallies: Vec<Tally>,
    /// From release to end.
    pub(crate) longest: Duration,
    /// By how much a frame that never started has outlived its deadline.
    pub(crate) outlived: Duration,
    /// By how much a frame that started has ended behind its deadline.
    pub(crate) latest: Duration,
    /// Most frames under way at a time.
    pub(crate) crowd: usize,
    /// The least weight of starvation that the tuner set.
    pub(crate) least_alpha: Option<Weight>,
    /// Ends of frames that were not under way, which must not be.
    pub(crate) astray: u64,
    /// How many windows of the tuner have ended.
    pub(crate) windows: u64,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    release: Instant,
    started: bool,
}

impl Witness {
    fn tally(&mut self, frame: &Frame) -> &mut Tally {
        &mut self.tallies[usize::from(frame.model.0)]
    }

    fn ends(&mut self, frame: &Frame, now: Instant) {
        let Some(known) = self.under_way.remove(&(frame.model.0, frame.number)) else {
            self.astray += 1;
            return;
        };
        self.longest = self.longest.max(now.saturating_since(known.release));
        // A dependent frame may come to be behind its deadline.
        let behind = now.saturating_since(frame.deadline.max(known.release));
        let most = if known.started { &mut self.latest } else { &mut self.outlived };
        *most = behind.max(*most);
    }
}

impl Recorder for Witness {
    fn record(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Released(frame, _) => {
                let known = Known { release: frame.release, started: false };
                self.astray +=
                    u64::from(self.under_way.insert((frame.model.0, frame.number), known).is_some());
                self.crowd = self.crowd.max(self.under_way.len());
                self.tally(frame).frames += 1;
            }
            Event::Dispatched(block) => {
                let known = self.under_way.get_mut(&(block.frame.model.0, block.frame.number));
                known.expect("what is dispatched is under way").started = true;
            }
            Event::Completed(report) => {
                let tally = self.tally(&report.frame);
                tally.energy_nj += u64::from(report.energy_nj);
                tally.worst_energy_nj += u64::from(report.worst_energy_nj);
                if report.progress != Progress::More {
                    tally.completed += 1;
                    tally.violated += u32::from(report.progress == Progress::Late);
                    self.ends(&report.frame, now);
                }
            }
            Event::Dropped(frame, reason) => {
                let was_taken_in = !matches!(reason, DropReason::ParentLost | DropReason::NoRoom);
                let tally = self.tally(frame);
                tally.frames += u32::from(!was_taken_in);
                tally.dropped += 1;
                tally.violated += 1;
                if was_taken_in {
                    self.ends(frame, now);
                }
            }
            Event::Unfinished(Leftover::Overdue(frame)) => {
                self.tally(frame).violated += 1;
                self.ends(frame, now);
            }
            Event::Unfinished(Leftover::LeftOut(frame)) => {
                self.tally(frame).frames -= 1;
                self.ends(frame, now);
            }
            Event::Window(_) => self.windows += 1,
            Event::Tuned(weights) => {
                let least = self.least_alpha.unwrap_or(Weight::ONE);
                self.least_alpha = Some(least.min(weights.alpha));
            }
            _ => {}
        }
    }
}

/// What came of a policy's day.
#[derive(Debug)]
pub(crate) struct Day {
    /// What was heard.
    pub(crate) witness: Witness,
    /// By how much a started frame may end behind its deadline at most; `None`: nothing says.
    pub(crate) bound: Option<Duration>,
    /// The scheduler's own counts.
    pub(crate) tallies: Vec<Tally>,
    /// Blocks dispatched.
    pub(crate) decisions: u64,
}

impl Day {
    /// The first promise that was broken, if any.
    pub(crate) fn broken(&self) -> Option<String> {
        let Self { witness, bound, tallies, .. } = self;
        if witness.astray > 0 {
            return Some(format!("{} frames have no end, or two", witness.astray));
        }
        if !witness.under_way.is_empty() {
            return Some(format!("{} frames have no end", witness.under_way.len()));
        }
        if witness.outlived > Duration::ZERO {
            return Some(format!("a frame waits for {:?} behind its deadline", witness.outlived));
        }
        if let Some(bound) = bound.filter(|bound| witness.latest > *bound) {
            return Some(format!("a frame ends {:?} late, not {bound:?} at most", witness.latest));
        }
        let counts = |tally: &Tally| Tally { accuracy_given_up: 0, ..*tally };
        let pairs = witness.tallies.iter().zip(tallies).enumerate();
        let differ = pairs.filter(|(_, (ours, theirs))| **ours != counts(theirs)).map(|(model, _)| model);
        let differ: Vec<usize> = differ.collect();
        (!differ.is_empty()).then(|| format!("models {differ:?}: the tallies are not the sums of the events"))
    }
}

/// Expected work of a model's frames, each segment on its fastest accelerator, in nanoseconds per second.
fn load(scenario: &Scenario, workload: &Workload<'_, ACCELERATORS>, index: usize) -> f64 {
    let (mut spec, mut share) = (&scenario.models[index], 1.0);
    while let Some(parent) = spec.parent {
        share *= parent.probability / f64::from(parent.every);
        spec = &scenario.models[parent.index];
    }
    let work = workload.models[index].subnetworks[0].segments[0].info().fastest_togo;
    spec.fps * share * work.as_nanos() as f64
}

/// The network in fewer and longer segments, on slower accelerators.
fn coarse<'b>(
    network: &SubNetwork<'b, ACCELERATORS>,
    slower: f64,
    memory: &'b Bump,
) -> SubNetwork<'b, ACCELERATORS> {
    let mut table: Vec<Segment<ACCELERATORS>> = Vec::new();
    for layers in network.segments.rchunks(network.segments.len().div_ceil(BLOCKS)) {
        let sum = |on: usize, of: fn(&Placement) -> u32| -> f64 {
            layers.iter().map(|layer| f64::from(of(&layer.placements()[on]))).sum()
        };
        let cost = |on| {
            let latency_ns = sum(on, |place| place.latency_ns) * slower;
            Cost::new(latency_ns.round() as u32, sum(on, |place| place.energy_nj) as u32)
        };
        let activations = layers.last().map_or(0, |layer| layer.info().activation_bytes);
        let spec = SegmentSpec::new(std::array::from_fn(cost)).with_activations(activations);
        table.insert(0, Segment::derive(&spec, &table));
    }
    let mut network = *network;
    (network.segments, network.shared_prefix) = (memory.alloc_slice_copy(&table), 0);
    network
}

/// The most that it can cost to move an accelerator to another job.
fn largest_switch<'a>(
    workload: &Workload<'_, ACCELERATORS>,
    segments: impl Iterator<Item = &'a Segment<ACCELERATORS>>,
) -> Cost {
    // What one job spills, and what the other one fetches.
    let bytes = 2 * segments.map(|segment| segment.info().activation_bytes).max().unwrap_or(0);
    let costs = workload.accelerators.iter().map(|accelerator| accelerator.switch_cost(bytes));
    costs.fold(Cost::NONE, |most, cost| Cost {
        latency_ns: cost.latency_ns.max(most.latency_ns),
        energy_nj: cost.energy_nj.max(most.energy_nj),
    })
}

/// The longest that a block takes, in nanoseconds, the largest switch included.
fn longest_block<'a>(
    workload: &Workload<'_, ACCELERATORS>,
    segments: impl Iterator<Item = &'a Segment<ACCELERATORS>> + Clone,
) -> f64 {
    let latencies = segments.clone().flat_map(Segment::placements).map(|place| place.latency_ns);
    f64::from(latencies.max().unwrap_or(0)) + f64::from(largest_switch(workload, segments).latency_ns)
}

/// How late a started frame ends at most, when MapScore weighs starvation with `alpha` and `crowd` frames are
/// under way at most; `None` if the starvation would saturate before it helps.
fn bound_of_map_score(workload: &Workload<'_, ACCELERATORS>, alpha: f64, crowd: usize) -> Option<Duration> {
    let networks = workload.models.iter().flat_map(|model| model.subnetworks);
    let segments = networks.clone().flat_map(|network| network.segments);
    let placements = segments.clone().flat_map(|segment| {
        let mean = f64::from(segment.info().mean_latency_ns.max(1));
        segment.placements().iter().filter(|place| place.runs()).map(move |place| (place, mean))
    });
    let largest = |of: &dyn Fn(&Placement) -> u32| {
        placements.clone().map(|(place, _)| f64::from(of(place)) / f64::from(1 << 24)).fold(0.0, f64::max)
    };
    let least_nj = placements.clone().map(|(place, _)| place.energy_nj).min().unwrap_or(0).max(1);
    let switch_nj = f64::from(largest_switch(workload, segments.clone()).energy_nj);
    // By how much the other terms of two scores can differ: 16 LatPref, EnergyPref and Switch at most.
    let others = 16.0 * largest(&|place| place.latency_preference)
        + largest(&|place| place.energy_preference)
        + (switch_nj / f64::from(least_nj)).min(256.0);
    let slowest = placements.clone().map(|(place, mean)| f64::from(place.latency_ns) / mean);
    let (slowest, crowd) = (slowest.fold(1.0, f64::max), crowd as f64);
    let (block, starvation) = (longest_block(workload, segments), others / alpha + 2.0 * slowest * crowd);
    if starvation > 4096.0 {
        return None;
    }
    let of_network = |segments: &[Segment<ACCELERATORS>]| -> f64 {
        let wait = |segment: &Segment<ACCELERATORS>| {
            starvation * f64::from(segment.info().mean_latency_ns) + (2.0 * crowd + 2.0) * block
        };
        segments.iter().map(wait).sum()
    };
    let longest = networks.map(|network| of_network(network.segments)).fold(0.0, f64::max);
    Some(Duration::from_nanos(longest.ceil() as u64))
}

/// A policy under overload, for so many hours of virtual time, with this seed of cascades.
pub(crate) fn overload(policy: PolicyName, hours: f64, seed: u64) -> Result<Day, InputError> {
    let (scenario, platform) = (Scenario::load(SCENARIO)?, Platform::load(PLATFORM)?);
    let memory = Bump::new();
    let plain = build(&scenario, &platform, &Library::zoo(), None, &memory)?;
    let offered: f64 = (0..scenario.models.len()).map(|index| load(&scenario, &plain, index)).sum();
    let slower = UTILISATION * 1e9 * platform.accelerators.len() as f64 / offered;
    let models = plain.models.iter().map(|model| {
        let networks = model.subnetworks.iter().map(|network| coarse(network, slower, &memory));
        let mut model = *model;
        model.subnetworks = memory.alloc_slice_fill_iter(networks.collect::<Vec<_>>());
        model
    });
    let workload = Workload::new(memory.alloc_slice_fill_iter(models), plain.accelerators);
    let duration = Duration::from_nanos((hours * 3600e9) as u64);
    let cell = Cell {
        scenario: &scenario,
        platform: &platform,
        workload: &workload,
        recording: None,
        duration,
        seed,
    };
    let tallies = vec![Tally::default(); scenario.models.len()];
    let mut witness = Witness { tallies, ..Witness::default() };
    let outcome = Method::new(policy, &[], Parameters::default()).run(&cell, &mut witness);
    let segments = workload.models.iter().flat_map(|model| model.subnetworks);
    let block = longest_block(&workload, segments.flat_map(|network| network.segments));
    let bound = match policy {
        // Given up at the first end of a block behind its deadline, or when its own ends.
        PolicyName::Gated => Some(Duration::from_nanos(block as u64)),
        _ => {
            let alpha = witness.least_alpha.unwrap_or(Weight::ONE).as_f64();
            bound_of_map_score(&workload, alpha, witness.crowd)
        }
    };
    Ok(Day { witness, bound, tallies: outcome.tallies, decisions: outcome.stats.decisions })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hours = std::env::args().nth(1).map_or(Ok(24.0), |hours| hours.parse::<f64>())?;
    let seed = std::env::args().nth(2).map_or(Ok(1), |seed| seed.parse::<u64>())?;
    println!("{SCENARIO} on {PLATFORM}, utilisation {UTILISATION}, {hours} h of virtual time, seed {seed}");
    let mut is_broken = false;
    for policy in [PolicyName::MapScore, PolicyName::Sdrm3, PolicyName::Gated] {
        let clock = Clock::now();
        let day = overload(policy, hours, seed)?;
        let seconds = clock.elapsed().as_secs_f64();
        let sum =
            |count: fn(&Tally) -> u32| day.tallies.iter().map(|tally| u64::from(count(tally))).sum::<u64>();
        let (frames, completed, dropped) =
            (sum(|tally| tally.frames), sum(|tally| tally.completed), sum(|tally| tally.dropped));
        let ms = |span: Duration| format!("{:.3} ms", span.as_nanos() as f64 / 1e6);
        let Witness { longest, outlived, latest, crowd, windows, .. } = &day.witness;
        println!("\n{}: {frames} frames, {completed} completed, {dropped} dropped", policy.name());
        println!("  longest from release to end      {}", ms(*longest));
        println!("  not started: behind its deadline {} (bound 0)", ms(*outlived));
        let bound = day.bound.map_or("nothing says".into(), ms);
        println!(
            "  started: behind its deadline     {} (bound {bound}, {crowd} frames at a time)",
            ms(*latest)
        );
        let energy: u64 = day.tallies.iter().map(|tally| tally.energy_nj).sum();
        println!("  {windows} windows, {energy} nJ, {} blocks", day.decisions);
        println!("  {:.0} times real time, {seconds:.0} s", hours * 3600.0 / seconds);
        match day.broken() {
            Some(what) => println!("  BROKEN: {what}"),
            None => println!("  all promises kept: tallies are the sums of the events"),
        }
        is_broken |= day.broken().is_some();
    }
    if is_broken { Err("a promise is broken".into()) } else { Ok(()) }
}
