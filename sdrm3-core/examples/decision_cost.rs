//! What a decision costs on the host: prints `key value` lines.
//!
//! ```text
//! cargo run --release -p sdrm3-core --example decision_cost
//! ```
//!
//! Eight models with one ready frame each, four idle accelerators, the complete method. Every segment
//! runs on all accelerators at different costs; a network has six; activations are not empty, but no
//! switch costs. All frames can meet their deadlines, so none is dropped. Blocks end one at a time, a
//! little later than the tables say, so that frames wait since different times and corrections are
//! learnt. Counted is `poll` from its call to its answer, which is a dispatch; the time of the clock
//! itself is taken off. 200 short runs, each before its first tuning window ends; the median of their polls
//! stands for all, for a shared machine disturbs some.

use std::hint::black_box;
use std::time::Instant as Clock;

use sdrm3_core::{
    Accelerator, Action, Config, Cost, Duration, Instant, MapScore, Model, ModelId, Outcome, Progress,
    Scheduler, Segment, SegmentSpec, SubNetwork, Workload,
};

const MODELS: usize = 8;
const ACCS: usize = 4;
const RUNS: usize = 200;
const POLLS: usize = 120;
/// Polls before the first that counts.
const WARM_UP: usize = 40;

fn table(model: u32) -> [Segment<ACCS>; 6] {
    Segment::table([0, 1, 2, 3, 4, 5].map(|segment: u32| {
        let costs = [0, 1, 2, 3].map(|accelerator: u32| {
            let spread = |a, b, c| (model * a + segment * b + accelerator * c) % 1_000;
            let (latency, energy) = (spread(7_919, 104_729, 1_299_709), spread(6_151, 15_013, 24_593));
            Cost::new(300_000 + latency * 977, 40_000 + energy * 463)
        });
        SegmentSpec::new(costs).with_activations(4_096 + 1_000 * segment + 100 * model)
    }))
}

/// The middle one; sorts.
fn median(nanos: &mut [u64]) -> u64 {
    nanos.sort_unstable();
    nanos[nanos.len() / 2]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tables: [_; MODELS] = std::array::from_fn(|model| table(model as u32));
    let networks: Vec<_> = tables.iter().map(|table| [SubNetwork::new("network", table)]).collect();
    let period = Duration::from_millis(600);
    let models: Vec<_> = networks.iter().map(|network| Model::new("model", period, network)).collect();
    let accelerators = [const { Accelerator::new("accelerator") }; ACCS];
    let workload = Workload::new(&models, &accelerators);
    let mut clock: Vec<u64> = Vec::new();
    let mut took: Vec<u64> = Vec::new();
    for _ in 0..RUNS {
        run(&workload, &mut clock, &mut took)?;
    }
    let poll = median(&mut took).saturating_sub(median(&mut clock));
    let pairs = MODELS * ACCS;
    println!("host_pairs {pairs}");
    println!("host_ns_per_poll {poll}");
    println!("host_ns_per_pair {:.2}", poll as f64 / pairs as f64);
    Ok(())
}

/// One run: adds what its polls took, and what reading the clock took.
fn run(
    workload: &Workload<'_, ACCS>,
    clock: &mut Vec<u64>,
    took: &mut Vec<u64>,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut scheduler = Scheduler::<_, MODELS, 16, ACCS>::new(workload, MapScore::default(), Config::FULL)
        .map_err(|error| error.to_string())?;
    let mut now = Instant::from_millis(5);
    for model in 0..MODELS {
        now = now.saturating_add(Duration::from_micros(37));
        scheduler.release(ModelId(model as u8), now)?;
    }
    for poll in 0..WARM_UP + POLLS {
        let idle = Clock::now();
        let start = Clock::now();
        let action = black_box(scheduler.poll(black_box(now)));
        let end = Clock::now();
        if poll >= WARM_UP {
            clock.push((start - idle).as_nanos() as u64);
            took.push((end - start).as_nanos() as u64);
        }
        let Action::Dispatch(block) = action else { return Err(format!("no dispatch: {action:?}").into()) };
        let slower = 16 + u64::from(block.ticket.accelerator.0) + u64::from(block.frame.model.0 % 3);
        now = now.saturating_add(Duration::from_nanos(u64::from(block.expected.latency_ns) * slower / 16));
        let report = scheduler.complete(block.ticket, Outcome::finished(now), now)?;
        if report.progress != Progress::More {
            scheduler.release(block.frame.model, now)?;
        }
    }
    Ok(())
}
