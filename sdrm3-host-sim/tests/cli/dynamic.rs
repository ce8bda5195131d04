//! Dynamic networks: paths and latencies as recorded, or drawn with the tables' probabilities.

use std::collections::{BTreeMap, BTreeSet};

use sdrm3_host_sim::policy::PolicyName;

use crate::{Folder, PLATFORM};

const THREE_LAYERS: &str = "\
network,layer,kind,latency_ns,energy_nj
three,0,ws-2048,1000000,50
three,0,os-2048,9000000,40
three,1,ws-2048,2000000,50
three,1,os-2048,9000000,40
three,2,ws-2048,4000000,50
three,2,os-2048,9000000,40
";

const SCENARIO: &str = "\
name = 'recorded'
[[model]]
name = 'eye'
network = 'three'
fps = 20
[[model]]
name = 'still'
network = 'three'
fps = 1
phase_ms = 25
";

/// Frame 0 takes twice as long in layer 0 and exits behind layer 1; frame 1 skips layer 1.
const RECORDED: &str = "\
model,frame,layer,factor,path
eye,0,0,2,next
eye,0,1,0.5,exit
eye,1,0,1,skip 1
";

const RUN: &str = "run --scenario s.toml --platform p.toml --costs c.csv --policy fcfs --duration-ms 200";

fn folder(test: &str, recorded: &str) -> Folder {
    let files = [("s.toml", SCENARIO), ("p.toml", PLATFORM), ("c.csv", THREE_LAYERS), ("r.csv", recorded)];
    Folder::new(test, &files)
}

type Row = BTreeMap<String, String>;

fn events(folder: &Folder, run: &str) -> Vec<Row> {
    folder.prints(&format!("{run} --events e.csv"));
    let text = folder.read("e.csv");
    std::fs::remove_file(folder.0.join("e.csv")).expect("it was written");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(|row| row.expect("a row")).collect()
}

/// Of each frame of a model that has a result: the layers that ran.
fn layers(events: &[Row], model: &str) -> BTreeMap<u32, Vec<u16>> {
    let number = |row: &Row| row["frame"].parse::<u32>().expect("a number");
    let of_model = || events.iter().filter(|row| row["model"] == model);
    let done: BTreeSet<u32> = of_model()
        .filter(|row| !row["detail"].is_empty() && row["event"] == "completed")
        .map(number)
        .collect();
    let mut layers: BTreeMap<u32, Vec<u16>> = BTreeMap::new();
    for row in of_model().filter(|row| row["event"] == "dispatched" && done.contains(&number(row))) {
        layers.entry(number(row)).or_default().push(row["first_layer"].parse().expect("a layer"));
    }
    layers
}

#[test]
fn recorded_paths_and_factors_are_what_happens_and_repeat() {
    let events = events(&folder("recorded", RECORDED), &format!("{RUN} --recorded r.csv"));
    let eye = layers(&events, "eye");
    assert_eq!(eye, BTreeMap::from([(0, vec![0, 1]), (1, vec![0, 2]), (2, vec![0, 1]), (3, vec![0, 2])]));
    assert_eq!(layers(&events, "still")[&0], [0, 1, 2], "of a model that was not recorded all layers run");
    // Frames come every 50 ms; nothing else runs but `still`, from 25 to 32 ms.
    let of = |row: &&Row| row["model"] == "eye" && row["event"] == "completed";
    let ends: Vec<f64> =
        events.iter().filter(of).map(|row| row["time_ns"].parse::<f64>().unwrap() / 1e6).collect();
    assert_eq!(ends, [2.0, 3.0, 51.0, 55.0, 102.0, 103.0, 151.0, 155.0]);
}

/// A policy may dispatch layers 0 to 2 as one block; recorded factors of all of them count, not of the last one only.
#[test]
fn recorded_factors_are_what_happens_however_many_layers_a_policy_dispatches_at_once() {
    let folder =
        folder("recorded_blocks", "model,frame,layer,factor,path\neye,0,0,3,next\neye,0,2,0.5,next\n");
    // Wherever a policy runs it, it takes the same.
    let layers = THREE_LAYERS.lines().filter(|row| row.contains("ws-2048"));
    let both: String = layers.map(|row| format!("{row}\n{}\n", row.replace("ws-", "os-"))).collect();
    let costs = format!("network,layer,kind,latency_ns,energy_nj\n{both}");
    std::fs::write(folder.0.join("c.csv"), costs).expect("a file can be written");
    let (mut ends, mut blocks) = (Vec::new(), 0);
    for policy in PolicyName::ALL.map(PolicyName::name) {
        let run = RUN.replace("fcfs", policy);
        let events = events(&folder, &format!("{run} --recorded r.csv"));
        let first = |row: &&Row| row["model"] == "eye" && row["frame"] == "0";
        let mut of_first = events.iter().filter(first);
        blocks += usize::from(of_first.clone().any(|row| row["layers"].parse().is_ok_and(|n: u16| n > 1)));
        let done = of_first.rfind(|row| row["event"] == "completed").expect("it is alone and has time");
        ends.push((policy, done["time_ns"].clone()));
    }
    assert!(blocks >= 4, "some policies dispatch several layers at once: {blocks}");
    // 3 x 1 ms, 2 ms as expected, half of 4 ms.
    assert!(ends.iter().all(|(_, end)| end == "7000000"), "{ends:?}");
}

/// Either every recorded path is taken, or it is said why it cannot be.
#[test]
fn recorded_paths_that_a_block_would_go_through_are_refused() {
    let folder = folder("recorded_inside", RECORDED);
    let mut refused = Vec::new();
    for policy in PolicyName::ALL.map(PolicyName::name) {
        let run = format!("{} --recorded r.csv", RUN.replace("fcfs", policy));
        if folder.run(&run).status.success() {
            let eye = layers(&events(&folder, &run), "eye");
            assert_eq!((&eye[&0][..], &eye[&1][..]), (&[0, 1][..], &[0, 2][..]), "{policy}");
        } else {
            folder.refuses(&run, &["r.csv:3: a path behind layer 1 of `eye`", "does not branch", "as sdrm3"]);
            refused.push(policy);
        }
    }
    assert_eq!(refused, ["lst", "heft", "veltair", "xrbench"]);
}

#[test]
fn bad_recordings_are_refused_with_their_line() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("eye,0,0", "ear,0,0", &["r.csv:2: unknown model `ear`; name a model of the scenario"]),
        ("0.5,exit", "0,exit", &["r.csv:3: factor is 0; give a number above 0"]),
        ("0.5,exit", "-1,exit", &["r.csv:3: factor is -1; give"]),
        ("0.5,exit", "nan,exit", &["r.csv:3: factor is NaN; give"]),
        ("skip 1", "skip", &["r.csv:4: path is `skip`; give next, exit or skip N"]),
        ("skip 1", "skip -1", &["r.csv:4: path is `skip -1`; give"]),
        ("skip 1", "jump", &["r.csv:4: path is `jump`; give"]),
        ("eye,1", "eye,-1", &["r.csv:4: ", "; "]),
        ("eye,1,0", "eye,0,1", &["r.csv:4: a second row for frame 0, layer 1 of `eye`; remove one"]),
        ("eye,0,1", "\n\neye,0,x", &["r.csv:5: ", "; "]),
        (",factor", "", &["r.csv:1: the header has no column `factor`; "]),
        (RECORDED, "", &["r.csv:1: ", "; "]),
        (
            "eye,0,0,2,next\neye,0,1,0.5,exit\neye,1,0,1,skip 1\n",
            "",
            &["r.csv: the recording has no rows; expected: model,frame"],
        ),
        // Layers counted from 1.
        ("eye,0,1", "eye,0,3", &["r.csv:3: layer 3 of `eye`, which has 3; count layers from 0"]),
        ("skip 1", "skip 3", &["r.csv:4: `skip 3` behind layer 0 of `eye`, which has 3 layers; give"]),
    ];
    for (from, to, says) in cases {
        assert!(RECORDED.contains(from), "{from}");
        let folder = folder("bad_recorded", &RECORDED.replacen(from, to, 1));
        folder.refuses(&format!("{RUN} --recorded r.csv"), says);
    }
    folder("no_recorded", RECORDED)
        .refuses(&format!("{RUN} --recorded x.csv"), &["x.csv: ", "; give the path"]);
}

// ---- drawn paths -----------------------------------------------------------------------------

fn scenario(network: &str, fps: u32, deadline_ms: u32) -> String {
    format!(
        "name = 'drawn'\n[[model]]\nname = 'eye'\nnetwork = '{network}'\nfps = {fps}\ndeadline_ms = {deadline_ms}\n"
    )
}

/// The paths of a model alone, under this policy.
fn drawn(network: &str, fps: u32, policy: &str, duration_ms: u32) -> BTreeMap<u32, Vec<u16>> {
    let files = [("s.toml", &*scenario(network, fps, 200))];
    let folder = Folder::new(&format!("drawn_{network}_{policy}_{duration_ms}"), &files);
    let run = format!("run --scenario s.toml --policy {policy} --duration-ms {duration_ms}");
    layers(&events(&folder, &run), "eye")
}

/// Three standard deviations of a share of `n` draws.
fn tolerance(p: f64, n: usize) -> f64 {
    3.0 * (p * (1.0 - p) / n as f64).sqrt()
}

#[test]
fn early_exits_are_as_frequent_as_the_table_says() {
    let paths = drawn("rapid_rl", 30, "fcfs", 20_000);
    assert!(paths.len() > 590, "{} frames with a result", paths.len());
    let mut ends: BTreeMap<u16, usize> = BTreeMap::new();
    for path in paths.values() {
        assert!(path.windows(2).all(|pair| pair[1] == pair[0] + 1), "nothing is skipped: {path:?}");
        *ends.entry(*path.last().expect("a layer ran")).or_default() += 1;
    }
    let counts: Vec<usize> = ends.values().copied().collect();
    assert_eq!(counts.len(), 3, "two side branches and the end: {ends:?}");
    // 75 % at the first, 60 % of the others at the second.
    let share = |part: usize, of: usize| part as f64 / of as f64;
    let (all, beyond) = (paths.len(), paths.len() - counts[0]);
    assert!((share(counts[0], all) - 0.75).abs() < tolerance(0.75, all), "{ends:?}");
    assert!((share(counts[1], beyond) - 0.6).abs() < tolerance(0.6, beyond), "{ends:?}");
}

#[test]
fn blocks_are_skipped_as_often_as_the_table_says() {
    let paths = drawn("skip_net", 5, "fcfs", 10_000);
    let (mut gates, mut skips) = (0usize, 0usize);
    for path in paths.values() {
        for pair in path.windows(2) {
            match pair[1] - pair[0] {
                1 => {}
                4 => skips += 1,
                other => panic!("a jump of {other}"),
            }
        }
        gates += 32; // one before each of the 33 residual blocks but the first
    }
    assert!(paths.len() > 45, "{} frames with a result", paths.len());
    let share = skips as f64 / gates as f64;
    assert!((share - 0.327).abs() < tolerance(0.327, gates), "{skips} of {gates}");
}

/// Layer 1 skips two layers with 0.4, layer 5 exits with 0.6.
#[test]
fn exits_and_skips_of_a_layer_table_are_as_frequent_as_it_says() {
    let files = [
        ("s.toml", &*scenario("door", 30, 200)),
        ("n.csv", include_str!("../../examples/own_supernet/networks.csv")),
    ];
    let folder = Folder::new("drawn_own", &files);
    let run = "run --scenario s.toml --networks n.csv --policy fcfs --duration-ms 20000";
    let paths = layers(&events(&folder, run), "eye");
    let all = paths.len();
    assert!(all > 590, "{all} frames with a result");
    let of = |layer: u16| paths.values().filter(|path| path.contains(&layer)).count();
    assert_eq!([of(0), of(1), of(4), of(5)], [all; 4], "what no branch jumps over");
    assert_eq!((of(2), of(6)), (of(3), of(8)), "both are skipped or none; who does not exit runs to the end");
    for (layer, expected) in [(2, 0.6), (6, 0.4)] {
        let share = of(layer) as f64 / all as f64;
        assert!((share - expected).abs() < tolerance(expected, all), "layer {layer}: {share}");
    }
}

#[test]
fn a_frame_takes_the_same_path_under_every_policy() {
    for (network, fps) in [("rapid_rl", 30), ("skip_net", 5)] {
        let reference = drawn(network, fps, "fcfs", 2_000);
        for policy in ["edf", "sjf", "mapscore", "sdrm3"] {
            let paths = drawn(network, fps, policy, 2_000);
            let both: Vec<_> = paths.keys().filter(|frame| reference.contains_key(frame)).collect();
            assert!(both.len() * 10 > reference.len() * 9, "{policy} finishes {} frames", both.len());
            for frame in both {
                assert_eq!(paths[frame], reference[frame], "{network} frame {frame} under {policy}");
            }
        }
    }
}
