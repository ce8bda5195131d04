//! What it answers.

use sdrm3_host_sim::policy::PolicyName;

use crate::{COSTS, Folder, NETWORKS, PLATFORM, SCENARIO};

#[test]
fn without_arguments_it_compares_all_policies_and_says_who_wins() {
    let text = Folder::new("plain", &[]).prints("");
    for scenario in ["vr_gaming", "ar_call", "drone_outdoor", "drone_indoor", "ar_social"] {
        assert!(text.contains(scenario), "{scenario}: {text}");
    }
    for policy in PolicyName::ALL.map(PolicyName::name) {
        assert!(text.contains(policy), "{policy}: {text}");
    }
    let verdict = text.lines().last().unwrap_or_default();
    assert!(verdict.contains("serves these workloads best: its UXCost is"), "{verdict}");
    assert!(verdict.contains("% below"), "{verdict}");
}

/// Where one accelerator runs one model, whoever decides comes to the same.
#[test]
fn policies_that_come_to_the_same_are_said_to() {
    let (one, _) = SCENARIO.rsplit_once("[[model]]").expect("two models");
    let folder = Folder::new("tie", &[("s.toml", one), ("p.toml", PLATFORM)]);
    let text = folder
        .prints("compare --scenario s.toml --platform p.toml --duration-ms 100 --policy fcfs --policy edf");
    assert!(text.contains("its UXCost is that of edf."), "{text}");
}

/// Whatever is printed and written of runs in which nothing was measured.
#[test]
fn without_a_frame_there_is_no_figure_and_no_winner() {
    let folder = Folder::new("no-frame", &[("s.toml", SCENARIO), ("p.toml", PLATFORM)]);
    let is_clean = |text: &str| {
        for bad in ["NaN", "-0", " inf"] {
            assert!(!text.contains(bad), "{bad}: {text}");
        }
    };
    let cell = "--scenario s.toml --platform p.toml --duration-ms 1";
    let run = folder.prints(&format!("run {cell} --report r.html"));
    is_clean(&run);
    assert!(
        run.ends_with(
            "\nUXCost -: no frame was due and counted; give a longer --duration-ms; 23 dispatches\n"
        )
    );
    let page = folder.read("r.html");
    assert!(page.contains("<p class=\"verdict\">No frame was due and counted within the run; give a longer"));
    for options in ["", " --bound", " --format markdown", " --format csv", " --format json"] {
        is_clean(&folder.prints(&format!("compare {cell} --policy fcfs --policy edf{options}")));
    }
    let all =
        folder.prints(&format!("compare {cell} --policy fcfs --policy edf --bound --out c --report c.html"));
    let row = |name: &str| -> Vec<String> {
        let line = all.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_default();
        line.split_whitespace().map(String::from).collect()
    };
    assert_eq!(row("fcfs"), ["fcfs", "-", "-", "-", "-"], "{all}");
    assert!(all.ends_with(
        "\n\nLeft out, for no frame was due and counted there: test on two. Give a longer --duration-ms.\n"
    ));
    assert!(!all.contains("best:"), "{all}");
    for name in ["c/compare.svg", "c/compare.md"] {
        is_clean(&folder.read(name));
    }
    assert!(folder.read("c.html").contains("<p class=\"verdict\">Left out, for no frame was due"));
    folder.refuses(
        &format!("tune {cell} --grid 2"),
        &["--duration-ms: no frame of test on two was due and counted within 1 ms; give a longer one"],
    );
    let bound = folder.prints(&format!("bound {cell}"));
    assert!(bound.ends_with("a 0 (0.00), b 0 (0.00)\n"), "{bound}");
}

/// Under `static` the only frames of a cell are left out, for they have time left when the run ends: that is no merit.
#[test]
fn a_cell_in_which_a_policy_had_no_frame_counted_is_in_no_mean() {
    let folder = Folder::new("uncounted", &[]);
    let compare = |options: &str| {
        folder.prints(&format!(
            "compare --scenario vr_gaming --scenario ar_call --duration-ms 20 --policy fcfs --policy static {options}"
        ))
    };
    let text = compare("");
    let of = |text: &str, policy: &str| -> Vec<String> {
        let line = text.lines().find(|line| line.trim_start().starts_with(policy)).unwrap_or_default();
        line.split_whitespace().filter(|word| *word != "*").map(String::from).collect()
    };
    let (fcfs, fixed) = (of(&text, "fcfs"), of(&text, "static"));
    assert_eq!(fixed[2], "-", "{text}");
    assert!(fcfs[2].parse::<f64>().is_ok(), "{text}");
    for row in [fcfs, fixed] {
        assert_eq!(row[1], row[3], "the mean is that of vr_gaming: {text}");
    }
    assert!(
        text.contains(
            "Left out, for no frame was due and counted there: ar_call on 4k-1ws-2os under static."
        )
    );
    let json: serde_json::Value = serde_json::from_str(&compare("--format json")).expect("JSON");
    assert_eq!(json["runs"][3]["uxcost"], 0.0, "a number, as before");
}

#[test]
fn a_policy_is_named_as_reports_name_it() {
    let folder = Folder::new("labels", &[("s.toml", SCENARIO), ("p.toml", PLATFORM)]);
    let cell = "--scenario s.toml --platform p.toml --duration-ms 300 --format json";
    let compare = |options: &str| folder.prints(&format!("compare {cell} {options}"));
    let by_label = compare("--policy sdrm3-gated-no-correction");
    assert_eq!(by_label, compare("--policy sdrm3-gated --without correction"));
    assert!(by_label.contains("\"policy\": \"sdrm3-gated-no-correction\""), "{by_label}");
    assert_eq!(by_label, folder.prints(&format!("run {cell} --policy sdrm3-gated-no-correction")));
    assert_eq!(
        compare("--policy sdrm3-no-tuner-no-drop --policy sdrm3-no-drop --without tuner"),
        compare("--policy sdrm3-no-drop-no-tuner"),
        "the same method once"
    );
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let folder = Folder::new("seed", &[]);
    let compare = |seed| folder.prints(&format!("compare --format json --duration-ms 300 --seed {seed}"));
    let first = compare("7");
    assert_eq!(first, compare("7"), "again");
    assert_eq!(first, compare("7 --jobs 1"), "one thread");
    assert_eq!(first, compare("7 --jobs 2"), "two threads");
    assert_ne!(first, compare("8"), "another seed");
}

#[test]
fn json_has_the_keys_of_the_contract_and_csv_the_same_numbers() {
    let folder = Folder::new("formats", &[]);
    let cell = "compare --scenario ar_call --policy mapscore --policy fcfs --duration-ms 500 --format";
    let compare = |format| folder.prints(&format!("{cell} {format}"));
    let document: serde_json::Value = serde_json::from_str(&compare("json")).expect("JSON");
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    assert_eq!(keys(&document), ["inputs", "runs"]);
    let runs = document["runs"].as_array().expect("an array");
    assert_eq!(runs.len(), 2);
    let mut rows = Vec::new();
    for run in runs {
        let mut expected = vec![
            "scenario",
            "platform",
            "policy",
            "seed",
            "duration_ms",
            "uxcost",
            "violation_rate_sum",
            "energy_norm_sum",
            "xrbench_score",
            "deadline_miss_rate",
            "energy_per_completed_frame_nj",
            "antt",
            "fairness",
            "starvation_ms",
            "decisions",
            "alpha",
            "beta",
            "accuracy_loss",
            "models",
        ];
        expected.sort_unstable();
        assert_eq!(keys(run), expected);
        assert_eq!(run["alpha"].is_null(), run["policy"] == "fcfs", "fcfs has no weights");
        for model in run["models"].as_array().expect("an array") {
            let contract =
                ["completed", "dropped", "energy_nj", "frames", "name", "violated", "worst_energy_nj"];
            let own = ["accuracy_loss", "drops", "left_out", "subnetworks", "unfinished", "withdrawn"];
            let figures = [
                "antt",
                "deadline_miss_rate",
                "energy_per_completed_frame_nj",
                "latency_p50_ms",
                "latency_p95_ms",
                "latency_p99_ms",
                "progress",
                "starvation_ms",
            ];
            let mut expected = [&contract[..], &own[..], &figures[..]].concat();
            expected.sort_unstable();
            assert_eq!(keys(model), expected, "the contract's, and ours");
            let sum = ["completed", "dropped", "unfinished"].map(|key| model[key].as_u64().expect(key));
            assert_eq!(model["frames"].as_u64(), Some(sum.iter().sum()));
            rows.push([&run["policy"], &model["name"], &model["frames"], &model["energy_nj"]].map(text));
        }
    }
    let csv = compare("csv");
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let place = |name: &str| header.iter().position(|column| column == name).expect("a column");
    let columns = ["policy", "model", "frames", "energy_nj"].map(place);
    let read: Vec<[String; 4]> = reader
        .records()
        .map(|row| row.expect("a row"))
        .map(|row| columns.map(|c| row[c].to_string()))
        .collect();
    assert_eq!(read, rows);
}

/// A JSON value as CSV has it.
fn text(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), Into::into)
}

#[test]
fn bound_says_what_no_policy_can_beat_and_compare_measures_against_it() {
    let folder = Folder::new("bound", &[("s.toml", SCENARIO), ("p.toml", PLATFORM)]);
    let cell = "--scenario s.toml --platform p.toml --duration-ms 300";
    let json = |command: &str| -> serde_json::Value {
        serde_json::from_str(&folder.prints(&format!("{command} {cell} --format json"))).expect("JSON")
    };
    let bounds = json("bound");
    let bound = &bounds["bounds"][0];
    let number = |value: &serde_json::Value| value.as_f64().expect("a number");
    let product = number(&bound["violation_rate_sum"]) * number(&bound["energy_norm_sum"]);
    assert!((number(&bound["bound"]) / product - 1.0).abs() < 1e-12, "{bound}");
    assert_eq!(bound["models"][0]["served"], 1.0, "{bound}");
    assert!(number(&bound["accelerators"][1]["utilisation"]) < 1.0, "{bound}");

    let runs = json("compare --bound --policy fcfs --policy edf");
    for run in runs["runs"].as_array().expect("runs") {
        assert_eq!(run["bound"], bound["bound"]);
        assert!(number(&run["uxcost"]) >= number(&run["bound"]), "{run}");
    }
    let plain = json("compare --policy fcfs");
    assert!(plain["runs"][0].get("bound").is_none(), "only when it is asked for");

    let table = folder.prints(&format!("compare --bound --policy fcfs {cell}"));
    assert!(table.contains("x bound") && table.contains("(lower bound)"), "{table}");
    let table = folder.prints(&format!("bound {cell}"));
    assert!(table.starts_with("Lower bound on UXCost over 300 ms") && table.contains("eye 100"), "{table}");
    let csv = folder.prints(&format!("bound {cell} --format csv"));
    assert_eq!(csv.lines().count(), 1 + 2 + 2, "a row per model and accelerator: {csv}");
}

#[test]
fn run_shows_one_cell_and_its_events() {
    let folder = Folder::new("run", &[("s.toml", SCENARIO), ("p.toml", PLATFORM)]);
    let cell = "run --scenario s.toml --platform p.toml --duration-ms 100";
    let shown = folder.prints(cell);
    assert!(shown.starts_with("test on two under sdrm3, 100 ms of virtual time, seed 1"), "{shown}");
    assert!(shown.contains("eye") && shown.contains("gaze") && shown.contains("UXCost"), "{shown}");

    let with_events = format!("{cell} --events e.csv");
    assert_eq!(folder.prints(&with_events), shown, "watching changes nothing");
    let events = folder.read("e.csv");
    assert!(events.starts_with("time_ns,event,model,frame,accelerator,"), "{events}");
    let of = |event: &str| events.lines().filter(|line| line.contains(event)).count();
    assert_eq!(of(",released,eye"), 6, "every 16.7 ms within 100 ms");
    assert_eq!(of(",dispatched,"), of(",completed,"), "nothing runs at the end");
    assert_eq!(of(",completed,eye,") % 6, 0, "every frame has as many layers");
    folder.refuses(&with_events, &["--events: e.csv exists already; remove it"]);
}

#[test]
fn list_names_what_is_built_in() {
    let folder = Folder::new("list", &[]);
    let all = folder.prints("list");
    for (what, name) in [
        ("scenarios", "vr_gaming"),
        ("platforms", "4k-1ws-2os"),
        ("policies", "mapscore"),
        ("networks", "fbnet_c"),
    ] {
        let part = folder.prints(&format!("list {what}"));
        assert!(part.contains(name) && all.contains(name), "{what}: {part}");
    }
    let layers = folder.prints("list --network kws_res8");
    assert!(layers.contains("conv"), "{layers}");
}

#[test]
fn out_writes_every_format_and_never_overwrites() {
    let folder = Folder::new("out", &[]);
    let compare = "compare --scenario ar_call --duration-ms 100 --out results/first";
    let table = folder.prints(compare);
    assert_eq!(folder.read("results/first/compare.txt"), table);
    assert!(folder.read("results/first/compare.json").starts_with("{"));
    assert!(folder.read("results/first/compare.csv").starts_with("scenario,"));
    folder.refuses(compare, &["--out: results/first/compare.txt exists already; remove it or name another"]);
    std::fs::write(folder.0.join("file"), "").expect("a file can be written");
    folder.refuses("compare --out file", &["--out: file: ", "; name a directory"]);
}

#[test]
fn measured_costs_and_own_networks_can_be_used() {
    let scenario = SCENARIO.replace("kws_res8", "mine");
    let files = [("s.toml", &*scenario), ("p.toml", PLATFORM), ("c.csv", COSTS), ("n.csv", NETWORKS)];
    let folder = Folder::new("costs", &files);
    let run = "run --scenario s.toml --platform p.toml --policy fcfs --duration-ms 100 --format json --networks n.csv --costs c.csv";
    let document: serde_json::Value = serde_json::from_str(&folder.prints(run)).expect("JSON");
    let models = &document["runs"][0]["models"];
    assert_eq!(models[0]["completed"], 6);
    assert_eq!(models[0]["energy_nj"], 6 * 50, "as measured, on the faster one");
    assert!(models[1]["frames"].as_u64() > Some(0), "the network of the layer table runs: {models}");
    folder.refuses("run --scenario s.toml", &["s.toml:8: unknown network `mine`; "]);
}
