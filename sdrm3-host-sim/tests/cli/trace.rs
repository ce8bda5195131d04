//! The trace for the Perfetto UI, held against the rules of the Trace Event Format.

use std::collections::HashMap;

use sdrm3_host_sim::policy::PolicyName;
use serde_json::Value;

use crate::{Folder, PLATFORM, SCENARIO};

/// Both accelerators switch at a cost, the first is lost for a while, and there is too much to do.
const BUSY: &str = "\
name = 'busy <b> \"quoted\"'
[[model]]
name = 'eye'
network = 'fbnet_c'
fps = 60
[[model]]
name = 'context'
network = 'ofa_mobilenet_v3'
fps = 90
[[model]]
name = 'gaze'
network = 'kws_res8'
depends_on = 'eye'
[[change]]
at_ms = 120.5
accelerator = 0
lost = true
[[change]]
at_ms = 180.5
accelerator = 0
lost = false
";

fn folder(test: &str) -> Folder {
    Folder::new(test, &[("s.toml", SCENARIO), ("p.toml", PLATFORM), ("busy.toml", BUSY)])
}

fn number(event: &Value, key: &str) -> f64 {
    event[key].as_f64().unwrap_or_else(|| panic!("no number `{key}` in {event}"))
}

fn text<'a>(event: &'a Value, key: &str) -> &'a str {
    event[key].as_str().unwrap_or_else(|| panic!("no text `{key}` in {event}"))
}

/// What a reader makes of a track: slices, and which arrows bind to which.
#[derive(Default)]
struct Track {
    /// Ends of the slices that are open, the outermost first; `None`: it ends with an `E`.
    open: Vec<Option<f64>>,
    slices: usize,
}

/// How many events of each phase a trace has, once every rule holds:
/// - every event has a phase, a process, a thread and a time in microseconds that is not negative;
/// - a complete slice `X` has a duration, `B` and `E` match, and slices of a track nest;
/// - an instant has a scope, a counter numbers only, metadata a name that is known and its argument;
/// - the points of an arrow are in order, one start, steps, one end, and each binds to a slice;
/// - every track and every process that has events has a name.
fn validate(json: &str) -> HashMap<String, usize> {
    let document: Value = serde_json::from_str(json).expect("JSON");
    assert!(["ns", "ms"].contains(&text(&document, "displayTimeUnit")));
    assert!(document["otherData"].is_object());
    let mut events: Vec<&Value> = document["traceEvents"].as_array().expect("events").iter().collect();
    // As readers do: by time, equal times in the order of the file.
    events.sort_by(|a, b| number(a, "ts").total_cmp(&number(b, "ts")));
    let mut phases: HashMap<String, usize> = HashMap::new();
    let mut tracks: HashMap<(u64, u64), Track> = HashMap::new();
    let mut flows: HashMap<u64, char> = HashMap::new();
    let (mut names, mut used) = (Vec::new(), Vec::new());
    for event in events {
        let (phase, at) = (text(event, "ph"), number(event, "ts"));
        *phases.entry(phase.into()).or_default() += 1;
        assert!(at >= 0.0 && at.is_finite(), "{event}");
        let thread =
            ["pid", "tid"].map(|key| event[key].as_u64().unwrap_or_else(|| panic!("{key}: {event}")));
        let thread = (thread[0], thread[1]);
        let track = tracks.entry(thread).or_default();
        while let Some(Some(end)) = track.open.last() {
            // Sums of microseconds in floating point.
            if *end > at + 1e-6 {
                break;
            }
            track.open.pop();
        }
        match phase {
            "M" => {
                let kind = text(event, "name");
                let args = &event["args"];
                match kind {
                    "process_name" | "thread_name" => assert!(!text(args, "name").is_empty()),
                    "process_sort_index" | "thread_sort_index" => assert!(args["sort_index"].is_u64()),
                    other => panic!("unknown metadata {other}"),
                }
                match kind {
                    "process_name" => names.push((thread.0, None)),
                    "thread_name" => names.push((thread.0, Some(thread.1))),
                    _ => {}
                }
                continue;
            }
            "X" => {
                let end = at + number(event, "dur");
                assert!(number(event, "dur") > 0.0 && !text(event, "name").is_empty(), "{event}");
                if let Some(Some(outer)) = track.open.last() {
                    assert!(end <= outer + 1e-6, "it ends behind the slice that it lies in: {event}");
                }
                track.open.push(Some(end));
                track.slices += 1;
            }
            "B" => {
                assert!(!text(event, "name").is_empty());
                track.open.push(None);
                track.slices += 1;
            }
            "E" => assert_eq!(track.open.pop(), Some(None), "an end without a beginning: {event}"),
            "i" => assert!(["t", "p", "g"].contains(&text(event, "s")) && !text(event, "name").is_empty()),
            "C" => {
                let values = event["args"].as_object().expect("arguments");
                assert!(!values.is_empty() && values.values().all(Value::is_number), "{event}");
                assert!(!text(event, "name").is_empty());
            }
            "s" | "t" | "f" => {
                let id = event["id"].as_u64().unwrap_or_else(|| panic!("no id: {event}"));
                assert!(!text(event, "name").is_empty() && !text(event, "cat").is_empty());
                let before = flows.insert(id, phase.chars().next().expect("a phase"));
                match phase {
                    "s" => assert_eq!(before, None, "a second start: {event}"),
                    _ => assert!(matches!(before, Some('s' | 't')), "no start, or behind the end: {event}"),
                }
                assert!(phase != "f" || event["bp"] == "e", "it would bind to the next slice: {event}");
                assert!(!track.open.is_empty(), "there is no slice to bind to: {event}");
            }
            other => panic!("unknown phase {other}"),
        }
        used.push((thread.0, (phase != "C").then_some(thread.1)));
    }
    assert!(tracks.values().all(|track| track.open.iter().all(Option::is_some)), "a slice has no end");
    assert!(flows.values().all(|last| *last == 'f'), "an arrow has no end");
    for (process, thread) in used {
        assert!(
            names.contains(&(process, thread)) && names.contains(&(process, None)),
            "{process} {thread:?}"
        );
    }
    phases
}

#[test]
fn a_trace_follows_the_rules_of_its_format_whatever_goes_wrong_in_the_run() {
    let folder = folder("trace");
    for policy in ["sdrm3", "fcfs", "planaria"] {
        let run = format!(
            "run --scenario busy.toml --platform p.toml --policy {policy} --duration-ms 400 --events e.csv --trace t.json --force"
        );
        folder.prints(&run);
        let (events, json) = (folder.read("e.csv"), folder.read("t.json"));
        let phases = validate(&json);
        let of = |event: &str| events.lines().filter(|line| line.contains(event)).count();
        let count = |phase: &str| phases.get(phase).copied().unwrap_or(0);
        assert_eq!(count("B"), of(",released,"), "{policy}: a slice for each frame");
        let slices = json.matches("\"cat\":\"block\"").count();
        let not_taken = json.matches("\"name\":\"fault: block not taken\"").count();
        assert_eq!(slices + not_taken, of(",dispatched,"), "{policy}: and for each block that ran");
        assert_eq!(count("s"), count("f"), "{policy}");
        assert_eq!(json.matches("\"name\":\"dropped: ").count(), of(",dropped,"), "{policy}");
        let late = of(",late") + of(",overdue");
        assert_eq!(json.matches("\"name\":\"deadline missed\"").count(), late, "{policy}");
        assert_eq!(json.matches("\"name\":\"fault: ").count(), of("faulted,"), "{policy}");
        assert!(late + of(",dropped,") > 0 && of("faulted,") > 0, "{policy}: there is something to see");
        assert_eq!(json.contains("\"name\":\"alpha\""), policy == "sdrm3", "weights, where there are some");
    }
}

#[test]
fn blocks_carry_their_score_and_its_terms_and_the_last_uxcost_is_that_of_the_run() {
    let folder = folder("terms");
    let run = "run --scenario busy.toml --platform p.toml --duration-ms 400 --format json --trace t.json";
    let result: Value = serde_json::from_str(&folder.prints(run)).expect("JSON");
    let document: Value = serde_json::from_str(&folder.read("t.json")).expect("JSON");
    let events = document["traceEvents"].as_array().expect("events");
    let mut scores = 0;
    for block in events.iter().filter(|event| event["cat"] == "block") {
        let args = &block["args"];
        let term = |key: &str| number(args, key);
        assert!(term("urgency") >= 0.0 && term("latency_preference") >= 1.0, "{block}");
        assert!(term("candidates") >= 1.0, "{block}");
        // Alpha and beta are one at first; tuning changes them after its first window.
        if number(block, "ts") < 100_000.0 {
            let sum =
                term("urgency") * term("latency_preference") + term("starvation") + term("energy_preference")
                    - term("switch");
            assert!((sum - term("score")).abs() < 1e-3 * (1.0 + sum.abs()), "{sum}: {block}");
            scores += 1;
        }
    }
    assert!(scores > 100, "{scores}");
    let last = events.iter().rfind(|event| event["name"] == "UXCost so far").expect("it is counted");
    let uxcost = number(&result["runs"][0], "uxcost");
    assert!((number(&last["args"], "value") - uxcost).abs() < 1e-3, "{last}: {uxcost}");
}

#[test]
fn watching_changes_no_decision_of_any_policy() {
    let folder = folder("watching");
    for policy in PolicyName::ALL.map(PolicyName::name) {
        let run = format!(
            "run --scenario busy.toml --platform p.toml --policy {policy} --duration-ms 250 --format json --force"
        );
        let plain = folder.prints(&format!("{run} --events plain.csv"));
        let watched = folder.prints(&format!("{run} --events watched.csv --trace t.json --report r.html"));
        assert_eq!(plain, watched, "{policy}");
        assert!(folder.read("plain.csv") == folder.read("watched.csv"), "{policy}: events differ");
    }
}
