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
fn an_experiment_names_all_that_is_built_in_and_files_beside_itself() {
    let folder = folder("bench-beside");
    std::fs::create_dir(folder.0.join("sub")).expect("a folder can be made");
    let costs =
        "network,layer,kind,latency_ns,energy_nj\nfbnet_c,0,ws-2048,9000000,5\nfbnet_c,0,os-2048,9000000,5\n";
    for (name, text) in [
        ("s.toml", SCENARIO),
        ("p.toml", PLATFORM),
        ("costs.txt", costs),
        (
            "e.toml",
            "name = 'e'\n[[cells]]\nscenarios = ['s.toml']\nplatforms = ['p.toml']\ncosts = 'costs.txt'\n",
        ),
        ("all.toml", "name = 'e'\n[[cells]]\nscenarios = ['ar_call']\nplatforms = ['all']\n"),
    ] {
        std::fs::write(folder.0.join("sub").join(name), text).expect("a file can be written");
    }
    let bench = "--duration-ms 100 --policy fcfs --subject edf --seeds 1";
    let text = folder.prints(&format!("bench sub/e.toml {bench}"));
    assert!(text.starts_with("Experiment e: 1 cells"), "{text}");
    let text = folder.prints(&format!("bench sub/all.toml {bench}"));
    assert!(text.starts_with("Experiment e: 8 cells"), "{text}");
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
    let header = text.lines().next().expect("a header");
    assert_eq!((header.matches("ours/it").count(), header.matches("95 %").count()), (1, 3), "{header}");
    let picture = std::fs::read_to_string(folder.0.join("r.svg")).expect("the picture");
    assert!(picture.starts_with("<svg") && picture.contains("sdrm3-gated"));
}

/// What was asked for beside a disturbance stays; of the same kind the curve's strength counts.
#[test]
fn robustness_changes_what_was_disturbed_before() {
    let folder = folder("bench-disturbed");
    // Random cells have estimates that are wrong already.
    let (named, _) = EXPERIMENT.split_once("[random]").expect("random cells");
    std::fs::write(folder.0.join("e.toml"), named).expect("a file can be written");
    let rows = |options: &str, name: &str| -> Vec<String> {
        let text = folder.prints(&format!("{BENCH} --robustness r.svg --force {options}"));
        let rows = text.lines().filter(|line| line.contains(name));
        rows.map(|row| row.replace("latency", "").replace("bias", "").replace("noise", "")).collect()
    };
    let plain = rows("", "latency bias");
    assert_eq!(rows("--latency-bias 0.3", "latency bias"), plain);
    let biased = rows("--latency-bias 0.3", "latency noise");
    let figures = |row: &String| row.split_whitespace().skip(1).map(String::from).collect::<Vec<_>>();
    assert_eq!(figures(&biased[0]), figures(&plain[3]), "without noise, at the bias of the fourth row");
    for option in ["--format json", "--bound"] {
        folder.refuses(
            &format!("{BENCH} --robustness x.svg {option}"),
            &["command line: ", "cannot be used with"],
        );
    }
}

#[test]
fn a_cell_that_is_named_twice_counts_once_and_two_of_one_name_are_refused() {
    let folder = folder("bench-twice");
    let bench =
        |experiment: &str| std::fs::write(folder.0.join("e.toml"), experiment).map(|()| BENCH).unwrap();
    let once = folder.prints(bench(EXPERIMENT));
    let twice = EXPERIMENT.replace("['s.toml']", "['s.toml', 's.toml']");
    assert_eq!(folder.prints(bench(&twice)), once);
    std::fs::write(folder.0.join("t.toml"), SCENARIO).expect("a file can be written");
    let says =
        ["e.toml: two cells are called `test` on `two`; give each scenario and platform a name of its own"];
    folder.refuses(bench(&EXPERIMENT.replace("['s.toml']", "['s.toml', 't.toml']")), &says);
}

#[test]
fn every_part_of_the_subject_is_left_out_once() {
    let text = folder("bench-ablation").prints(&format!("{BENCH} --ablation"));
    for part in [
        "gate",
        "abandon",
        "wait",
        "hold",
        "comfort",
        "reserve",
        "haste",
        "tail",
        "sufferage",
        "persistence",
        "sacrifice",
        "order",
        "supernet",
        "correction",
    ] {
        assert!(text.contains(&format!("sdrm3-gated-no-{part} ")), "{part}: {text}");
    }
}

/// Of one seed nothing is known but the value.
#[test]
fn one_seed_has_no_intervals() {
    let folder = folder("bench-one-seed");
    let bench = "bench e.toml --duration-ms 300 --policy sdrm3-gated --policy fcfs --seeds 1";
    let document: Value =
        serde_json::from_str(&folder.prints(&format!("{bench} --format json"))).expect("JSON");
    let uxcost = &document["policies"][0]["uxcost"];
    assert!(uxcost["mean"].is_number() && uxcost["low"].is_null() && uxcost["high"].is_null(), "{uxcost}");
    let ratio = &document["cells"][0]["ratio"];
    assert!(ratio["mean"].is_number() && ratio["low"].is_null() && ratio["high"].is_null(), "{ratio}");
    let csv = folder.prints(&format!("{bench} --format csv"));
    let row = csv.lines().find(|row| row.starts_with("mine,,,sdrm3-gated,uxcost,")).expect("a row");
    assert!(row.ends_with(",,"), "{row}");
    for format in ["table", "markdown"] {
        let text = folder.prints(&format!("{bench} --format {format}"));
        let [tables, _] = [0, 1].map(|part| text.split("Means over the cells").nth(part).expect("a note"));
        // Only that of the ratios, which is over the cells.
        assert_eq!(tables.matches("..").count(), 1, "{text}");
    }
    let text = folder.prints(&format!("{bench} --robustness r.svg"));
    assert_eq!(text.matches("..").count(), 20, "{text}");
    assert!(folder.read("r.svg").contains("sdrm3-gated"));
}

/// The bound, ours and every other policy stand beside each other, in all formats.
#[test]
fn a_cell_has_the_figures_of_every_policy() {
    let folder = folder("bench-cells");
    let bench = format!("{BENCH} --policy sdrm3 --policy sdrm3-gated-no-gate --bound");
    let document: Value =
        serde_json::from_str(&folder.prints(&format!("{bench} --format json"))).expect("JSON");
    assert_eq!((&document["compared_cells"], &document["bounded_cells"]), (&3.into(), &1.into()));
    let names = |of: &Value| -> Vec<String> {
        let list = of["policies"].as_array().expect("policies");
        list.iter().map(|of| of["policy"].as_str().expect("a name").into()).collect()
    };
    let order = names(&document);
    for cell in document["cells"].as_array().expect("cells") {
        assert_eq!(
            (names(cell), &cell["compared"], &cell["design"]),
            (order.clone(), &true.into(), &false.into())
        );
        let of = |name: &str| {
            let of = cell["policies"].as_array().and_then(|all| all.iter().find(|of| of["policy"] == name));
            of.and_then(|of| of["uxcost"]["mean"].as_f64()).expect("a number")
        };
        assert!((of("sdrm3-gated") / cell["uxcost"].as_f64().unwrap() - 1.0).abs() < 1e-9);
        let best = cell["best"].as_str().expect("a rival");
        assert!(of(best) <= of("fcfs").min(of("sdrm3")) && best != "sdrm3-gated-no-gate", "{cell}");
    }
    let csv = folder.prints(&format!("{bench} --format csv"));
    assert!(csv.starts_with("experiment,scenario,platform,policy,figure,mean,low,high\n"), "{csv}");
    let rows = |begins: &str| csv.lines().filter(|row| row.starts_with(begins)).count();
    assert_eq!((rows("mine,test,two,"), rows("mine,,,sdrm3,ours_over_it,")), (1 + 4 + 1, 1), "{csv}");
    assert_eq!(rows("mine,,,sdrm3-gated,ours_over_it,"), 0, "{csv}");
    let text = folder.prints(&bench);
    let header = text.lines().find(|line| line.trim_start().starts_with("scenario")).expect("a header");
    let others: Vec<&str> = order.iter().map(String::as_str).filter(|name| *name != "sdrm3-gated").collect();
    let columns: Vec<&str> = header.split("  ").map(str::trim).filter(|text| !text.is_empty()).collect();
    let plain = ["scenario", "platform", "utilisation", "bound", "UXCost", "best other", "ratio", "95 %"];
    assert_eq!(columns, [&plain[..], &["UXCost 95 %", "best other's"], &others].concat(), "{header}");
    assert!(text.contains("x bound: over the 1 of 3 cells that have a bound;"), "{text}");
    assert!(
        text.contains(
            "ours/it: UXCost of sdrm3-gated over that of the policy, geometric mean over all cells;"
        )
    );
}

#[test]
fn cells_that_a_policy_was_designed_on_are_marked_and_not_compared_on() {
    let folder = folder("bench-design");
    let bench = |experiment: &str| {
        std::fs::write(folder.0.join("e.toml"), experiment).expect("a file can be written");
        folder.prints(BENCH)
    };
    assert!(!bench(EXPERIMENT).contains("designed on"), "no cell, no column");
    let text = bench(&EXPERIMENT.replace("[[cells]]\n", "[[cells]]\ndesign = true\n"));
    assert!(text.contains("over 2 of 3 cells, on which no policy was designed: "), "{text}");
    let row = |name: &str| text.lines().find(|line| line.trim_start().starts_with(name)).expect("a row");
    assert!(row("test").contains(" yes ") && !row("random_7").contains(" yes "), "{text}");
    let text = bench(&EXPERIMENT.replace("name = 'mine'\n", "name = 'mine'\ndesign = true\n"));
    assert!(text.contains("over 3 of 3 cells, on all of which a policy was designed: "), "{text}");
    assert_eq!(text.matches(" yes ").count(), 3, "{text}");
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
    let compare = run.replacen("run ", "compare --bound ", 1);
    folder.refuses(&format!("{compare} --latency-noise 0.1"), &["bound", "noise"]);
    let noisy = format!("latency_noise = 0.1\n{}", folder.read("s.toml"));
    std::fs::write(folder.0.join("noisy.toml"), noisy).expect("a file can be written");
    folder.refuses("bound --scenario noisy.toml --platform p.toml", &["bound", "noise"]);
}

#[test]
fn an_experiment_without_a_cell_and_one_with_too_many_are_refused() {
    let empty = Folder::new("bench-empty", &[("e.toml", "name = 'none'\n")]);
    empty.refuses("bench e.toml", &["e.toml", "no cell", "[[cells]]"]);
    let named = "name = 'named'\n[[cells]]\nscenarios = ['ar_cal']\nplatforms = ['all']\n";
    Folder::new("bench-named", &[("e.toml", named)])
        .refuses("bench e.toml", &["e.toml:3: unknown scenario `ar_cal`; did you mean `ar_call`?"]);
    let many = "name = 'many'\n[random]\nfirst = 1\ncount = 1000000\n";
    Folder::new("bench-many", &[("e.toml", many)]).refuses("bench e.toml", &["e.toml:4", "at most 10000"]);
}
