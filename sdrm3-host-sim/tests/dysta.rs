//! Proof on independent figures: the finish times that the simulator of Sparse-DySta printed
//! (MICRO 2023, arXiv 2310.11096; `SamsungLabs/Sparse-Multi-DNN-Scheduling`).
//!
//! `SDRM3_DATA=FOLDER cargo test -p sdrm3-host-sim --test dysta` wants a folder with `dysta/`, which
//! holds one or more cases, each a pair of files (times in whole microseconds):
//!
//! * `NAME_layers.csv`: `model,sample,layer,latency_us`; the sample `estimate` of each model is what
//!   schedulers go by, the others are what a request may take in truth;
//! * `NAME_requests.csv`: `arrival_us,model,sample,relative_deadline_us,priority` and `finish_us_POLICY`
//!   for `fcfs`, `sjf`, `prema`, `planaria` and `sdrm3`, sorted by arrival.
//!
//! Every finish time is reproduced exactly, by core's scheduler on the HAL's runtime: those of `fcfs`, `sjf`
//! and `prema` by the shipped policies. What is peculiar to
//! the reference stands in `replay` (its clock) and `policies` (its choices), each with a case worked out
//! by hand below. Without `SDRM3_DATA` only these are checked, and the tests say so.

#[path = "dysta/case.rs"]
mod case;
#[path = "dysta/policies.rs"]
mod policies;
#[path = "dysta/replay.rs"]
mod replay;

use std::io::Write;
use std::path::{Path, PathBuf};

use bumpalo::Bump;
use sdrm3_host_sim::input::Source;
use sdrm3_host_sim::policy::{Fcfs, Prema, Sjf};

use case::{Case, Theirs};
use policies::InFileOrder;
use replay::{finish_times, tables};

/// How many wrong finish times a failure lists of a case and policy.
const LISTED: usize = 10;

#[test]
fn dysta_finish_times_of_fcfs_sjf_and_its_sdrm3_are_reproduced_exactly() {
    reproduce(&[Theirs::Fcfs, Theirs::Sjf, Theirs::Sdrm3]);
}

#[test]
fn dysta_finish_times_of_its_prema_and_planaria_are_reproduced_exactly() {
    reproduce(&[Theirs::Prema, Theirs::Planaria]);
}

fn reproduce(policies: &[Theirs]) {
    let Some(data) = std::env::var_os("SDRM3_DATA").map(PathBuf::from) else {
        sdrm3_check::skipped("dysta", "SDRM3_DATA does not name the folder with the data");
        return;
    };
    let cases = Case::read_all(&data.join("dysta")).unwrap_or_else(|error| panic!("{error}"));
    let (mut compared, mut failures) = (0, Vec::new());
    for case in &cases {
        let asked = case.requests.len();
        for &policy in policies {
            let wrong = mismatches(case, policy);
            compared += asked;
            if wrong.is_empty() {
                say(&format!("dysta: case {}, {policy:?}: {asked} requests, all equal", case.name));
            } else {
                failures.push(format!("{} of {asked} requests differ, such as", wrong.len()));
                failures.extend(wrong.into_iter().take(LISTED));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let asked: usize = cases.iter().map(|case| case.requests.len()).sum();
    assert!(compared > 0 && compared == asked * policies.len(), "{compared} finish times compared");
}

/// Runs the case; one line per request that is not done when the reference is done with it.
fn mismatches(case: &Case, policy: Theirs) -> Vec<String> {
    let memory = Bump::new();
    let tables = &tables(case, &memory);
    let finish_us = match policy {
        Theirs::Fcfs => finish_times(case, tables, InFileOrder { case, policy: Fcfs }),
        Theirs::Sjf => finish_times(case, tables, InFileOrder { case, policy: Sjf }),
        Theirs::Prema => {
            finish_times(case, tables, InFileOrder { case, policy: Prema::new(tables).as_in_dysta() })
        }
        Theirs::Planaria => finish_times(case, tables, policies::planaria(case)),
        Theirs::Sdrm3 => finish_times(case, tables, policies::sdrm3(case)),
    };
    assert_eq!(finish_us.len(), case.requests.len());
    let wrong =
        case.requests.iter().zip(finish_us).filter(|(request, got)| request.finish_us(policy) != *got);
    let line = wrong.map(|(request, got)| {
        format!(
            "case {}, line {} ({} at {} us), {policy:?}: expected {} us, got {got} us",
            case.name,
            request.line,
            request.row.model,
            request.row.arrival_us,
            request.finish_us(policy)
        )
    });
    line.collect()
}

/// Prints past the test harness, which hides what passing tests print.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A request: its arrival, its model, its deadline after the arrival, its priority.
type Asked<'a> = (u64, &'a str, u64, u32);

/// A case worked out by hand: models with their layers, which take what is estimated, and requests with
/// their finish times under fcfs, sjf, prema, planaria and sdrm3.
fn worked_out(models: &[(&str, &[u64])], requests: &[(Asked<'_>, [u64; 5])]) -> Case {
    let mut layers = String::from("model,sample,layer,latency_us\n");
    for (model, latencies) in models {
        for (layer, latency) in latencies.iter().enumerate() {
            layers += &format!("{model},estimate,{layer},{latency}\n{model},0,{layer},{latency}\n");
        }
    }
    let mut rows = String::from(
        "arrival_us,model,sample,relative_deadline_us,priority,\
         finish_us_fcfs,finish_us_sjf,finish_us_prema,finish_us_planaria,finish_us_sdrm3\n",
    );
    for ((arrival, model, deadline, priority), [fcfs, sjf, prema, planaria, sdrm3]) in requests {
        rows +=
            &format!("{arrival},{model},0,{deadline},{priority},{fcfs},{sjf},{prema},{planaria},{sdrm3}\n");
    }
    Case::parse("by hand", &source(&layers), &source(&rows)).unwrap_or_else(|error| panic!("{error}"))
}

fn source(text: &str) -> Source {
    Source { origin: "by hand".into(), text: text.into() }
}

fn assert_as_worked_out(case: &Case) {
    for policy in [Theirs::Fcfs, Theirs::Sjf, Theirs::Prema, Theirs::Planaria, Theirs::Sdrm3] {
        assert_eq!(mismatches(case, policy), [""; 0]);
    }
}

#[test]
fn dysta_a_request_that_comes_as_a_layer_ends_is_seen_one_layer_later() {
    let models: &[(&str, &[u64])] = &[("long", &[10, 10, 10]), ("short", &[1])];
    // Just before the end: whoever prefers the short one lets it go ahead, at 10.
    assert_as_worked_out(&worked_out(
        models,
        &[((0, "long", 100, 1), [30, 31, 31, 30, 31]), ((9, "short", 100, 1), [31, 11, 11, 31, 11])],
    ));
    // At the end: at 10 nobody has seen it yet, so it goes ahead at 20.
    assert_as_worked_out(&worked_out(
        models,
        &[((0, "long", 100, 1), [30, 31, 31, 30, 31]), ((10, "short", 100, 1), [31, 21, 21, 31, 21])],
    ));
}

#[test]
fn dysta_the_clock_is_set_back_to_a_request_that_came_during_the_last_layer_of_the_only_one() {
    let case = worked_out(
        &[("first", &[10]), ("second", &[3, 2]), ("third", &[3])],
        &[
            ((0, "first", 100, 1), [10; 5]),
            // From its arrival at 4, though the first still runs until 10.
            ((4, "second", 100, 1), [9, 9, 9, 9, 12]),
            // Seen when the second's first layer ends, at 7.
            ((6, "third", 100, 1), [12, 12, 12, 12, 10]),
            // Nothing is left: the clock goes ahead.
            ((30, "third", 100, 1), [33; 5]),
        ],
    );
    assert_as_worked_out(&case);
}

#[test]
fn dysta_equals_go_in_the_order_of_the_file_where_core_prefers_the_earlier_deadline() {
    let case = worked_out(
        &[("opener", &[10, 10]), ("patient", &[4]), ("pressed", &[4])],
        &[
            ((0, "opener", 100, 1), [20, 28, 28, 24, 28]),
            ((5, "patient", 500, 1), [24, 14, 14, 28, 18]),
            // Equal to the patient one for fcfs, sjf and prema, which take it last; its deadline counts for
            // planaria and sdrm3.
            ((5, "pressed", 50, 1), [28, 18, 18, 14, 14]),
        ],
    );
    assert_as_worked_out(&case);
    let memory = Bump::new();
    let tables = &tables(&case, &memory);
    let theirs_first = finish_times(&case, tables, InFileOrder { case: &case, policy: Sjf });
    let ours_first = finish_times(&case, tables, Sjf);
    assert_eq!((theirs_first, ours_first), (vec![28, 14, 18], vec![28, 18, 14]));
}

#[test]
fn dysta_among_late_requests_planaria_takes_the_last_not_the_best() {
    let case = worked_out(
        &[("opener", &[10, 10]), ("second", &[4]), ("third", &[4])],
        &[
            // At 10 their planaria scores are -1/5, -1/7 and -1/2; at 14 those left have -1/9 and -1/11.
            ((0, "opener", 5, 1), [20, 28, 28, 28, 28]),
            ((1, "second", 2, 1), [24, 14, 14, 18, 14]),
            // For sdrm3 at 10: -2 + 0, -4/7 + 9/4 and -2 + 2.
            ((2, "third", 6, 1), [28, 18, 18, 14, 18]),
        ],
    );
    assert_as_worked_out(&case);
}

#[test]
fn dysta_a_slack_of_zero_counts_as_infinitely_urgent() {
    let case = worked_out(
        &[("due", &[10, 10]), ("other", &[4])],
        &[
            // At 10 the first has no slack: infinite for planaria, one for sdrm3.
            ((0, "due", 10, 1), [20, 24, 24, 20, 24]),
            // 9/1 for planaria; 1 + 9/4 for sdrm3.
            ((1, "other", 10, 9), [24, 14, 14, 24, 14]),
        ],
    );
    assert_as_worked_out(&case);
}

#[test]
fn dysta_tokens_given_at_a_decision_raise_premas_threshold_at_the_next() {
    let case = worked_out(
        &[("first", &[10, 10, 10]), ("important", &[40])],
        &[
            // At 10 the important request has its nine tokens, but the threshold is still 1: the shorter one
            // goes on. At 20 it has 9 + 9 * 19/40 of them, the threshold is 9, and it is alone.
            ((0, "first", 1_000, 1), [30, 30, 70, 70, 70]),
            // Under sdrm3 it has 40/1191 + 9/40 at 10, the first 20/990: it goes ahead.
            ((1, "important", 1_200, 9), [70, 70, 60, 50, 50]),
        ],
    );
    assert_as_worked_out(&case);
}

#[test]
fn dysta_a_wrong_finish_time_is_told_with_case_line_policy_and_both_times() {
    let case = worked_out(&[("m", &[10])], &[((3, "m", 50, 1), [13, 13, 14, 13, 13])]);
    assert_eq!(mismatches(&case, Theirs::Fcfs), [""; 0]);
    assert_eq!(
        mismatches(&case, Theirs::Prema),
        ["case by hand, line 2 (m at 3 us), Prema: expected 14 us, got 13 us"]
    );
}

#[test]
fn dysta_data_that_prove_nothing_are_refused() {
    const LAYERS: &str = "model,sample,layer,latency_us\nm,estimate,0,5\nm,0,0,6\n";
    const REQUESTS: &str = "arrival_us,model,sample,relative_deadline_us,priority,finish_us_fcfs,\
         finish_us_sjf,finish_us_prema,finish_us_planaria,finish_us_sdrm3\n3,m,0,50,1,9,9,9,9,9\n";
    let folder = |name: &str, files: &[(&str, &str)]| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dysta").join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder can be made");
        for (file, text) in files {
            std::fs::write(path.join(file), text).expect("a file can be written");
        }
        path
    };
    let refused = |path: &Path| Case::read_all(path).expect_err("refused").to_string();

    let whole = folder("whole", &[("x_layers.csv", LAYERS), ("x_requests.csv", REQUESTS)]);
    let cases = Case::read_all(&whole).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((cases.len(), cases[0].requests.len()), (1, 1));
    assert_as_worked_out(&cases[0]);

    let none = refused(&folder("none", &[("readme.txt", "")]));
    assert!(none.contains("there is no case"), "{none}");
    let missing = refused(&whole.join("no-such-folder"));
    assert!(missing.contains("no-such-folder"), "{missing}");
    for (name, file, text) in [("half", "x_requests.csv", REQUESTS), ("other-half", "x_layers.csv", LAYERS)] {
        let half = refused(&folder(name, &[(file, text)]));
        let other = if file == "x_requests.csv" { "x_layers.csv" } else { "x_requests.csv" };
        assert!(half.contains(other), "{half}");
    }

    let bad = |layers: &str, requests: &str| {
        Case::parse("x", &source(layers), &source(requests)).expect_err("refused").to_string()
    };
    let mut columns = 0;
    for column in LAYERS.lines().next().into_iter().flat_map(|header| header.split(',')) {
        let error = bad(&LAYERS.replacen(column, "other", 1), REQUESTS);
        assert!(error.contains(&format!("no column `{column}`")), "{error}");
        columns += 1;
    }
    for column in REQUESTS.lines().next().into_iter().flat_map(|header| header.split(',')) {
        let error = bad(LAYERS, &REQUESTS.replacen(column, "other", 1));
        assert!(error.contains(&format!("no column `{column}`")), "{error}");
        columns += 1;
    }
    assert_eq!(columns, 14);
    let header_only = REQUESTS.lines().next().map(|header| format!("{header}\n")).unwrap_or_default();
    for (layers, requests, cause) in [
        (LAYERS, header_only.as_str(), "there is no request"),
        (LAYERS, &REQUESTS.replace(",m,", ",n,"), "model `n` has no estimate"),
        (LAYERS, &REQUESTS.replace(",m,0,", ",m,1,"), "no sample `1`"),
        (LAYERS, &REQUESTS.replace(",9\n", ",\n"), ":2: "),
        (LAYERS, &REQUESTS.replace(",50,1,", ",50,2,"), "the priority is 2; give 1, 3 or 9"),
        (&LAYERS.replace("m,0,0,", "m,0,1,"), REQUESTS, "layers are missing in sample `0` of `m`"),
        (&format!("{LAYERS}m,0,0,7\n"), REQUESTS, "a layer comes twice"),
        (&format!("{LAYERS}m,0,1,7\n"), REQUESTS, "has 2 layers"),
        (LAYERS, &format!("{REQUESTS}2,m,0,50,1,9,9,9,9,9\n"), "came before the request above it"),
    ] {
        let error = bad(layers, requests);
        assert!(error.contains(cause), "{error}");
    }
}
