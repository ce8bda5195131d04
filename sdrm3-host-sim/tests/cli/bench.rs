//! `bench`: what it reports, what it writes, and what it refuses.

use serde_json::Value;

use crate::{Folder, PLATFORM, SCENARIO};

const EXPERIMENT: &str = "name = 'mine'\n[[cells]]\nscenarios = ['s.toml']\nplatforms = ['p.toml']\n\
                          [random]\nfirst = 7\ncount = 2\n";
const BENCH: &str = "bench e.toml --duration-ms 300 --policy sdrm3-gated --policy fcfs --seeds 2";

fn folder(test: &str) -> Folder {
    Folder::new(test, &[("s.toml", SCENARIO), ("p.toml", PLATFORM), ("e.toml", EXPERIMENT)])
}

#[test]
fn json_has_every_policy_and_every_cell_losses_first() {
    let folder = folder("bench-json");
    let text = folder.prints(&format!("{BENCH} --format json --bound"));
    assert_eq!(text, folder.prints(&format!("{BENCH} --format json --bound --jobs 1")), "the same bytes");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&document["experiment"], &document["seeds"]), (&"mine".into(), &2.into()));
    let policies = document["policies"].as_array().expect("policies");
    assert_eq!(policies.len(), 2);
    for policy in policies {
        let [low, mean, high] = ["low", "mean", "high"].map(|end| policy["uxcost"][end].as_f64().unwrap());
        assert!(low <= mean && mean <= high, "{policy}");
        assert!(policy["times_bound"]["mean"].as_f64().unwrap() >= 1.0, "{policy}");
    }
    let cells = document["cells"].as_array().expect("cells");
    let ratios: Vec<f64> = cells.iter().map(|cell| cell["ratio"]["mean"].as_f64().unwrap()).collect();
    assert_eq!(ratios.len(), 3);
    assert!(ratios.is_sorted_by(|a, b| a >= b), "{ratios:?}");
}

#[test]
fn a_random_cell_that_is_written_runs_as_it_does_in_the_experiment() {
    let folder = folder("bench-write");
    assert_eq!(folder.prints("bench e.toml --write cells"), "6 files in cells\n");
    folder.refuses("bench e.toml --write cells", &["exists already", "--force"]);
    let cell = "--scenario cells/random_7.toml --platform cells/random_7_platform.toml --costs cells/random_7_costs.csv";
    let alone: Value = serde_json::from_str(
        &folder.prints(&format!("compare {cell} --duration-ms 300 --policy sdrm3-gated --format json")),
    )
    .expect("JSON");
    let bench: Value = serde_json::from_str(
        &folder.prints("bench e.toml --duration-ms 300 --policy sdrm3-gated --seeds 1 --format json"),
    )
    .expect("JSON");
    let cells = bench["cells"].as_array().expect("cells");
    let cell = cells.iter().find(|cell| cell["scenario"] == "random_7").expect("the cell");
    let runs = alone["runs"].as_array().or_else(|| alone.as_array()).expect("runs");
    let (ours, theirs) = (cell["uxcost"].as_f64().unwrap(), runs[0]["uxcost"].as_f64().unwrap());
    assert!((ours / theirs - 1.0).abs() < 1e-9, "{ours} {theirs}");
}

#[test]
fn robustness_is_a_table_and_a_picture() {
    let folder = folder("bench-robustness");
    let text = folder.prints(&format!("{BENCH} --robustness r.svg"));
    for name in ["latency bias", "latency noise", "throttling", "jitter"] {
        assert_eq!(text.matches(name).count(), 5, "{text}");
    }
    let picture = std::fs::read_to_string(folder.0.join("r.svg")).expect("the picture");
    assert!(picture.starts_with("<svg") && picture.contains("sdrm3-gated"));
}

#[test]
fn every_part_of_the_subject_is_left_out_once() {
    let text = folder("bench-ablation").prints(&format!("{BENCH} --ablation"));
    for part in ["gate", "abandon", "wait", "comfort", "confidence", "supernet", "correction"] {
        assert!(text.contains(&format!("sdrm3-gated-no-{part} ")), "{part}: {text}");
    }
}

#[test]
fn without_a_frame_there_is_no_figure() {
    let folder = folder("bench-short");
    let bench = "bench e.toml --duration-ms 1 --policy sdrm3-gated --policy fcfs --seeds 2 --bound";
    for format in ["table", "markdown", "csv", "json"] {
        let text = folder.prints(&format!("{bench} --format {format}"));
        assert!(!text.contains("NaN") && !text.contains("inf") && !text.contains("-0.0"), "{text}");
        let says =
            "Left out of means and wins: 3 cells in which no frame was due and counted under some policy.";
        assert_eq!(text.contains(says), format == "table" || format == "markdown", "{text}");
        if format == "json" {
            let document: Value = serde_json::from_str(&text).expect("JSON");
            assert!(document["policies"][0]["uxcost"].is_null() && document["cells"][0]["uxcost"].is_null());
            assert_eq!(document["cells"][0]["counts"], false);
        }
    }
    let text =
        folder.prints("bench e.toml --duration-ms 1 --policy sdrm3-gated --seeds 1 --robustness r.svg");
    assert!(!text.contains("NaN") && !folder.read("r.svg").contains("NaN"), "{text}");
}

#[test]
fn wrong_estimates_are_shares_and_have_no_bound() {
    let folder = folder("bench-errors");
    let run = "run --scenario s.toml --platform p.toml --duration-ms 300";
    let exact = folder.prints(run);
    assert_ne!(exact, folder.prints(&format!("{run} --latency-bias 0.5")));
    assert_ne!(exact, folder.prints(&format!("{run} --latency-noise 0.5")));
    folder.refuses(&format!("{run} --latency-bias 1"), &["--latency-bias", "from 0 to 0.9"]);
    folder.refuses("bound --scenario s.toml --platform p.toml --latency-noise 0.1", &["bound", "noise"]);
}

#[test]
fn an_experiment_without_a_cell_and_one_with_too_many_are_refused() {
    let empty = Folder::new("bench-empty", &[("e.toml", "name = 'none'\n")]);
    empty.refuses("bench e.toml", &["e.toml", "no cell", "[[cells]]"]);
    let many = "name = 'many'\n[random]\nfirst = 1\ncount = 1000000\n";
    Folder::new("bench-many", &[("e.toml", many)]).refuses("bench e.toml", &["e.toml:4", "at most 10000"]);
}
