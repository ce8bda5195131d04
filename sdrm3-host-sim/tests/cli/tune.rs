//! `tune`: the landscape of the weights and what the tuner makes of it; `tune --study`.

use crate::{Folder, PLATFORM};

/// Small and overloaded, so that the weights matter: 40 frames a second of 8 and of 20 ms.
const SCENARIO: &str = "\
name = 'tiny'
[[model]]
name = 'eye'
network = 'short'
fps = 40
[[model]]
name = 'hand'
network = 'long'
fps = 40
";

const COSTS: &str = "\
network,layer,kind,latency_ns,energy_nj
short,0,ws-2048,8000000,50
short,0,os-2048,12000000,10
long,0,ws-2048,10000000,70
long,0,os-2048,9000000,90
long,1,ws-2048,10000000,70
long,1,os-2048,9000000,20
";

fn folder(test: &str) -> Folder {
    Folder::new(test, &[("s.toml", SCENARIO), ("p.toml", PLATFORM), ("c.csv", COSTS)])
}

const TUNE: &str =
    "tune --scenario s.toml --platform p.toml --costs c.csv --duration-ms 4000 --param window_ms=100";

#[test]
fn the_landscape_is_what_runs_with_fixed_weights_cost() {
    let folder = folder("landscape");
    let text = folder.prints(&format!("{TUNE} --grid 3 --json"));
    let found: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(found["axis"], serde_json::json!([0.0, 1.0, 2.0]));
    for (row, alpha) in [0, 1, 2].into_iter().enumerate() {
        for (column, beta) in [0, 1, 2].into_iter().enumerate() {
            let run = folder.prints(&format!(
                "run --scenario s.toml --platform p.toml --costs c.csv --duration-ms 4000 --format json --without \
                 tuner --param alpha={alpha} --param beta={beta}"
            ));
            let run: serde_json::Value = serde_json::from_str(&run).expect("JSON");
            assert_eq!(found["costs"][row][column], run["runs"][0]["uxcost"], "at ({alpha}, {beta})");
        }
    }
    let run = folder.prints(
        "run --scenario s.toml --platform p.toml --costs c.csv --duration-ms 4000 --format json --param window_ms=100",
    );
    let run: serde_json::Value = serde_json::from_str(&run).expect("JSON");
    assert_eq!(found["online"], run["runs"][0]["uxcost"], "the run with the tuner on");
    assert_eq!(found["settled"][0], run["runs"][0]["alpha"]);
    assert_eq!(found["start"][2], found["costs"][1][1], "it starts from (1, 1)");
    assert!(found["moves"].as_u64().expect("a count") <= 5);
    let costs: Vec<f64> = found["costs"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .map(|c| c.as_f64().unwrap())
        .collect();
    assert!(costs.iter().any(|cost| *cost != costs[0]), "the weights matter here: {costs:?}");
}

#[test]
fn the_table_says_where_the_best_is_and_what_the_tuner_did() {
    let folder = folder("tune_table");
    let text = folder.prints(&format!("{TUNE} --grid 2 --picture l.svg"));
    assert!(
        text.starts_with("UXCost of tiny on two over fixed weights, 4000 ms of virtual time, seed 1"),
        "{text}"
    );
    for part in
        [" *", "best of the grid:", "start:", "settled:", "moves", "online, search included:", "at ms"]
    {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
    let picture = folder.read("l.svg");
    assert!(picture.starts_with("<svg") && picture.contains("UXCost of tiny on two"), "{picture}");
    assert_eq!(picture.matches("<title>alpha ").count(), 4, "a field per point");
    let again = format!("{TUNE} --grid 2 --picture l.svg");
    folder.refuses(&again, &["--picture: l.svg exists already; remove it or name another file"]);
    let without = folder.prints(&format!("{TUNE} --grid 2 --without tuner"));
    assert!(without.contains("best of the grid:"), "{without}");
}

#[test]
fn the_study_tells_of_each_change_and_sums_up() {
    let text = folder("study").prints(
        "tune --study --scenario s.toml --platform p.toml --costs c.csv --grid 2 --param window_ms=200",
    );
    assert!(text.starts_with("The online tuner on two: 40 s, the change after 20 s;"), "{text}");
    let rows: Vec<&str> = text.lines().filter(|line| line.contains("tiny")).collect();
    let changes = [
        "none",
        "last model off",
        "first model at twice its rate",
        "last accelerator lost",
        "first accelerator at half",
    ];
    assert_eq!(rows.len(), changes.len(), "{text}");
    for (row, change) in rows.iter().zip(changes) {
        assert!(row.contains(change), "{row}");
        assert!(row.contains(" yes "), "settled within 20 s: {row}");
    }
    let verdict = text.lines().last().unwrap_or_default();
    let moves: u32 =
        verdict.split(['m', ':', ';']).find_map(|part| part.trim().parse().ok()).expect("a number");
    assert!(moves <= 5 && verdict.contains("above the best of the grid: median"), "{verdict}");
}

/// Without its only model nothing would be left to tune for.
#[test]
fn the_study_of_a_single_model_leaves_it_on() {
    let folder = folder("study_single");
    let (one, _) = SCENARIO.rsplit_once("[[model]]").expect("two models");
    std::fs::write(folder.0.join("s.toml"), one).expect("a file can be written");
    let text = folder.prints("tune --study --scenario s.toml --platform p.toml --costs c.csv --grid 2");
    assert_eq!(text.lines().filter(|line| line.contains("tiny")).count(), 4, "{text}");
    assert!(!text.contains("last model off"), "{text}");
}

#[test]
fn bad_options_of_tune_are_refused() {
    let folder = folder("bad_tune");
    let cases: &[(&str, &[&str])] = &[
        ("tune", &["command line: ", "--scenario", "; see --help"]),
        ("tune --scenario ar_cal", &["--scenario: unknown scenario `ar_cal`; did you mean `ar_call`?"]),
        ("tune --scenario ar_call --grid 1", &["command line: ", "1 is not in 2..=65", "; see --help"]),
        ("tune --scenario ar_call --grid 66", &["command line: ", "66 is not in 2..=65"]),
        (
            "tune --scenario ar_call --study --json",
            &["command line: ", "cannot be used with", "; see --help"],
        ),
        (
            "tune --scenario ar_call --study --duration-ms 99",
            &["command line: ", "cannot be used with", "--duration-ms"],
        ),
        ("tune --study --picture x.svg", &["command line: ", "cannot be used with", "; see --help"]),
        ("tune --scenario ar_call --policy fcfs", &["command line: ", "'--policy'", "; see --help"]),
        ("tune --scenario ar_call --param window_ms=0", &["--param: window_ms is `0`; give a number from 1"]),
        ("tune --study --scenario no.toml", &["no.toml: ", "; give the path of a readable"]),
    ];
    for (arguments, says) in cases {
        folder.refuses(arguments, says);
    }
    let missing = format!("{TUNE} --grid 2 --picture no/such/folder.svg");
    folder.refuses(&missing, &["no/such/folder.svg: ", "; make its folder first"]);
}
