//! Proof on independent figures: the policy `prema` finishes every request when Sparse-DySta's program
//! finished it under its PREMA, to the microsecond.
//!
//! `SDRM3_DATA=FOLDER cargo test -p sdrm3-host-sim --test prema` wants a folder with `dysta/`: two cases of
//! `_layers.csv` (estimates, and the latency of each sample) and `_requests.csv`. Without it nothing is
//! proved, and the test says so. One accelerator, layer by layer, no frame is dropped.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::Path;

use sdrm3_core::{
    Accelerator, Action, Config, Cost, Dispatch, Duration, Instant, Model, ModelId, Outcome, Progress,
    Scheduler, Segment, SegmentSpec, SubNetwork, Workload,
};
use sdrm3_host_sim::input::Source;
use sdrm3_host_sim::policy::Prema;
use sdrm3_host_sim::scenario::ACCELERATORS;

#[derive(Clone)]
struct Request {
    arrival: u64,
    model: String,
    sample: String,
    deadline: u64,
    priority: u16,
    finish: u64,
}

/// Latencies in microseconds by network and sample, `estimate` among them.
type Layers = HashMap<(String, String), Vec<u64>>;

fn layers(path: &Path) -> Layers {
    let mut layers = Layers::new();
    let add = |_, (model, sample, _, latency): (String, String, u32, u64)| {
        layers.entry((model, sample)).or_default().push(latency);
        Ok(())
    };
    read(path).parse_csv("model,sample,layer,latency_us", add).unwrap_or_else(|error| panic!("{error}"));
    layers
}

fn requests(path: &Path) -> Vec<Request> {
    type Row = (u64, String, String, u64, u16, u64, u64, u64, u64, u64);
    let mut requests = Vec::new();
    let add = |_, (arrival, model, sample, deadline, priority, _, _, finish, _, _): Row| {
        requests.push(Request { arrival, model, sample, deadline, priority, finish });
        Ok(())
    };
    let header = "arrival_us,model,sample,relative_deadline_us,priority,finish_us_fcfs,finish_us_sjf,\
                  finish_us_prema,finish_us_planaria,finish_us_sdrm3";
    read(path).parse_csv(header, add).unwrap_or_else(|error| panic!("{error}"));
    requests
}

fn read(path: &Path) -> Source {
    Source::read(path.to_str().expect("a path in UTF-8")).unwrap_or_else(|error| panic!("{error}"))
}

fn table(estimates: &[u64]) -> Vec<Segment<ACCELERATORS>> {
    let mut table = VecDeque::new();
    for latency in estimates.iter().rev() {
        let mut costs = [Cost::NONE; ACCELERATORS];
        costs[0] = Cost::new((latency * 1_000) as u32, 1);
        let segment = Segment::derive(&SegmentSpec::new(costs), table.make_contiguous());
        table.push_front(segment);
    }
    table.into()
}

/// Which requests finish when, in microseconds.
fn simulate(layers: &Layers, requests: &[Request]) -> BTreeMap<usize, u64> {
    // A priority is a model's: each network is a model per priority.
    let kinds: BTreeSet<(String, u16)> = requests.iter().map(|r| (r.model.clone(), r.priority)).collect();
    let tables: Vec<_> = kinds.iter().map(|(m, _)| table(&layers[&(m.clone(), "estimate".into())])).collect();
    let networks: Vec<_> = tables.iter().map(|table| [SubNetwork::new("only", table)]).collect();
    let models: Vec<_> = (kinds.iter().zip(&networks))
        .map(|((name, priority), network)| {
            let of_network = |request: &&Request| request.model == *name;
            let deadline = requests.iter().find(of_network).map_or(1, |request| request.deadline);
            let weight = match priority {
                1 => 50,
                3 => 100,
                _ => 200,
            };
            Model::new(name, Duration::from_micros(deadline), network).with_weight(weight)
        })
        .collect();
    let accelerators = [Accelerator::new("only")];
    let workload = Workload::new(&models, &accelerators);
    let config = Config { stale_drop: false, ..Config::PLAIN };
    let policy = Prema::new(&workload).as_in_dysta();
    let mut scheduler = Scheduler::<_, 32, 512, ACCELERATORS>::new(&workload, policy, config).expect("valid");

    let (mut now, mut finished) = (Instant::ZERO, BTreeMap::new());
    let mut frames = HashMap::new();
    // When nothing waits, that program sets its clock to the next arrival, back if need be. Ours only goes
    // forward, so that what comes later comes later by as much.
    let mut back = Duration::ZERO;
    let mut coming: VecDeque<usize> = (0..requests.len()).collect();
    let mut waiting = 0;
    while finished.len() < requests.len() {
        // What runs ends behind what comes meanwhile; if nothing waits, the next request makes time go on.
        let mut running = None;
        if waiting > 0
            && let Action::Dispatch(block) = scheduler.poll(now)
        {
            let Request { model, sample, .. } = &requests[frames[&(block.frame.model, block.frame.number)]];
            let real = layers[&(model.clone(), sample.clone())][usize::from(block.first)];
            now = now.saturating_add(Duration::from_micros(real));
            running = Some(block);
        }
        // Nothing waits behind the last layer of the only request.
        let is_last =
            |block: &Dispatch| usize::from(block.first) + 1 == tables[usize::from(block.frame.model.0)].len();
        let stays_empty = waiting == 1 && running.as_ref().is_some_and(is_last);
        while let Some(&next) = coming.front().filter(|_| !stays_empty) {
            let Request { arrival, model, priority, .. } = &requests[next];
            let mut at = Instant::from_nanos(arrival * 1_000).saturating_add(back);
            if at >= now && waiting > 0 {
                break;
            }
            if waiting == 0 {
                back = back.saturating_add(now.saturating_since(at));
                (now, at) = (now.max(at), now.max(at));
            }
            let kind = kinds.iter().position(|kind| *kind == (model.clone(), *priority)).expect("a kind");
            let (frame, _) = scheduler.release(ModelId(kind as u8), at).expect("room");
            frames.insert((frame.model, frame.number), next);
            coming.pop_front();
            waiting += 1;
        }
        let Some(block) = running else { continue };
        let report = scheduler.complete(block.ticket, Outcome::finished(now), now).expect("it runs");
        if report.progress != Progress::More {
            let request = frames[&(block.frame.model, block.frame.number)];
            finished.insert(request, (now.as_nanos() - back.as_nanos()) / 1_000);
            waiting -= 1;
        }
    }
    finished
}

#[test]
fn requests_finish_when_they_did_in_the_program_of_sparse_dysta() {
    let Some(data) = std::env::var_os("SDRM3_DATA") else {
        sdrm3_check::skipped("prema", "SDRM3_DATA does not name the folder with the data");
        return;
    };
    for case in ["a", "b"] {
        let file = |name: &str| Path::new(&data).join("dysta").join(format!("{case}_{name}.csv"));
        let (layers, requests) = (layers(&file("layers")), requests(&file("requests")));
        let finished = simulate(&layers, &requests);
        let differ: Vec<_> =
            (finished.iter()).filter(|&(&request, &at)| requests[request].finish != at).collect();
        assert!(differ.is_empty() && requests.len() >= 100, "case {case}: {differ:?} of {}", requests.len());
    }
}
