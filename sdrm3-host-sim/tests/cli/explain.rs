//! The life of a frame.

use serde_json::Value;

use crate::{COSTS, Folder, PLATFORM, SCENARIO};

/// One accelerator for two models: whoever comes second waits.
const ONE: &str = "\
name = 'one'
[[accelerator]]
name = 'npu'
kind = 'ws-2048'
dataflow = 'ws'
pes = 2048
noc_bytes_per_cycle = 128
clock_mhz = 1000
";

/// Of two frames that come together one waits for the other, which takes 4 ms; the hopeless one is late.
const PAIR: &str = "\
name = 'pair'
[[model]]
name = 'first'
network = 'long'
fps = 50
[[model]]
name = 'second'
network = 'short'
fps = 50
[[model]]
name = 'hopeless'
network = 'long'
fps = 10
deadline_ms = 3
phase_ms = 50
";

const TIMES: &str = "\
network,layer,kind,latency_ns,energy_nj
long,0,ws-2048,2000000,100
long,1,ws-2048,2000000,100
short,0,ws-2048,1000000,50
";

const CELL: &str = "run --scenario s.toml --platform p.toml --costs c.csv --duration-ms 200";

fn folder(test: &str) -> Folder {
    Folder::new(test, &[("s.toml", PAIR), ("p.toml", ONE), ("c.csv", TIMES)])
}

#[test]
fn a_frame_that_waits_says_for_whom_and_with_what_score() {
    let folder = folder("waits");
    let told = folder.prints(&format!("{CELL} --policy fcfs --explain second#1"));
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "second#1 of pair on one under fcfs, seed 1", "{told}");
    assert!(lines[2].ends_with("20.000 ms  released, due at 40.000 ms, which leaves 20.000 ms"), "{told}");
    assert!(told.contains("waited while 2 decisions until 22.000 ms took others: first 2"), "{told}");
    assert!(told.contains("the last of them was first#1 on npu at"), "{told}");
    assert!(told.contains("24.000 ms  on npu after a wait of 4.000 ms: segment 0 of 1 in"), "{told}");
    assert!(told.contains("complete after 5.000 ms: in time, 15.000 ms before its deadline"), "{told}");
    for natural in ["second:1", "second/1", " second#1"] {
        assert_eq!(folder.prints(&format!("{CELL} --policy fcfs --explain {natural}")), told, "{natural}");
    }
}

#[test]
fn a_frame_that_is_late_or_dropped_says_by_how_much_and_why() {
    let folder = folder("late");
    let late = folder.prints(&format!("{CELL} --policy fcfs --explain hopeless#0"));
    assert!(late.contains("complete after 4.000 ms: LATE, 1.000 ms past its deadline"), "{late}");
    let dropped = folder.prints(&format!("{CELL} --policy sdrm3-gated --explain hopeless#0"));
    assert!(
        dropped.contains(
            "DROPPED, abandoned: the policy gave it up: 4.000 ms of work are left at best, and 3.000"
        ),
        "{dropped}"
    );
}

/// The first decision is told in full; what the others were closest to is of the others.
#[test]
fn what_is_told_of_the_other_decisions_is_not_of_the_first() {
    let folder = folder("others");
    let second = ONE.split_once("[[accelerator]]").map_or("", |(_, entry)| entry).replace("'npu'", "'dsp'");
    std::fs::write(folder.0.join("p.toml"), format!("{ONE}[[accelerator]]{second}"))
        .expect("a file can be written");
    let told = folder.prints(&format!("{CELL} --policy fcfs --explain first#1"));
    assert!(told.contains("second#1"), "it might have gone first: {told}");
    assert!(
        told.contains("the other decision was for it too: nobody else was ready for an idle accelerator"),
        "at 22 ms the other one is done: {told}"
    );
}

#[test]
fn json_has_every_decision_with_the_terms_of_all_candidates() {
    let folder = folder("json");
    let told = folder.prints(&format!("{CELL} --policy mapscore --explain second#2 --format json"));
    let life: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(life["frame"], "second#2");
    let steps = life["steps"].as_array().expect("steps");
    let of = |event: &str| steps.iter().filter(|step| step["event"] == event).collect::<Vec<_>>();
    assert_eq!((of("released").len(), of("completed").len()), (1, 1), "{told}");
    let [dispatched] = of("dispatched")[..] else { panic!("one block: {told}") };
    for candidate in dispatched["candidates"].as_array().expect("candidates") {
        let summands = candidate["summands"].as_array().expect("terms");
        let sum: f64 = summands.iter().filter_map(Value::as_f64).sum();
        assert!((sum - candidate["score"].as_f64().expect("a score")).abs() < 1e-3, "{candidate}");
    }
}

#[test]
fn a_frame_that_is_not_there_is_answered_with_what_is() {
    let folder = folder("missing");
    let refuses = |frame: &str, says: &[&str]| folder.refuses(&format!("{CELL} --explain {frame}"), says);
    refuses("secnd#1", &["--explain: unknown model `secnd`; did you mean `second`?"]);
    refuses("second", &["--explain: `second` names no frame; give MODEL#NUMBER, as in first#0"]);
    refuses("second#x", &["--explain: `x` is no number of a frame; give MODEL#NUMBER"]);
    refuses(
        "second#10",
        &["there is no frame second#10; second has frames from 0 to 9 in this run; give one"],
    );
    refuses(
        "second#1 --format csv",
        &["--format: a frame is explained in words or JSON; give table or json"],
    );
    let cascade = Folder::new("cascade", &[("s.toml", SCENARIO), ("p.toml", PLATFORM), ("c.csv", COSTS)]);
    let run = |number: u32| {
        cascade.run(&format!(
            "run --scenario s.toml --platform p.toml --duration-ms 500 --explain gaze#{number}"
        ))
    };
    let answers: Vec<_> = (0..20).map(run).collect();
    let missing: Vec<_> = answers.iter().filter(|answer| answer.status.code() == Some(2)).collect();
    assert!(!missing.is_empty() && missing.len() < 20, "half of the frames are there: {}", missing.len());
    let says = String::from_utf8_lossy(&missing[missing.len() / 2].stderr);
    assert!(says.contains("; the nearest are "), "{says}");
}
