//! `sweep` and `merge`: the same bytes in one piece, in shards, on any number of threads, interrupted or not.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Folder, PLATFORM, SCENARIO};

const GRID: &str = "--grid scenario=s.toml --grid platform=p.toml,4k-3ws --grid policy=edf,sdrm3 \
                    --grid fps_scale=1,2 --grid seed=1..5 --grid duration_ms=50";

fn folder(test: &str) -> Folder {
    Folder::new(test, &[("s.toml", SCENARIO), ("p.toml", PLATFORM)])
}

/// Runs a command that must succeed and print nothing but what it did.
fn does(folder: &Folder, arguments: &str) -> String {
    let output = folder.run(arguments);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0), "{arguments:?}: {errors}");
    errors
}

#[test]
fn a_sweep_is_the_same_bytes_on_one_thread_on_many_and_in_shards() {
    let folder = folder("sweep");
    for format in ["csv", "jsonl"] {
        let sweep = format!("sweep {GRID} --format {format}");
        let said = does(&folder, &format!("{sweep} --out one.{format} --jobs 1"));
        assert!(said.starts_with("40 cells in ") && said.ends_with(&format!(": one.{format}\n")), "{said}");
        let one = folder.read(&format!("one.{format}"));
        does(&folder, &format!("{sweep} --out many.{format} --jobs 7"));
        assert_eq!(one, folder.read(&format!("many.{format}")));
        for shard in 1..=4 {
            does(&folder, &format!("{sweep} --out {shard}.{format} --shard {shard}/4"));
        }
        let said = does(
            &folder,
            &format!("merge 3.{format} 1.{format} 4.{format} 2.{format} --out merged.{format}"),
        );
        assert_eq!(said, format!("40 cells of 4 shards: merged.{format}\n"));
        assert_eq!(one, folder.read(&format!("merged.{format}")));
    }
    assert!(folder.names().iter().all(|name| !name.contains("partial")), "{:?}", folder.names());

    // The columns are what they say, and the figures are those of `run`.
    let csv = folder.read("one.csv");
    let head =
        "cell,scenario,platform,fps_scale,policy,without,duration_ms,window_ms,alpha,beta,seed,uxcost,";
    assert!(csv.starts_with(head), "{csv}");
    let row = csv.lines().nth(10).expect("a row");
    assert!(row.starts_with("9,s.toml,p.toml,1,sdrm3,none,50,400,1,1,5,"), "{row}");
    let run =
        folder.prints("run --scenario s.toml --platform p.toml --seed 5 --duration-ms 50 --format json");
    let run: serde_json::Value = serde_json::from_str(&run).expect("JSON");
    let uxcost = row.split(',').nth(11).and_then(|text| text.parse::<f64>().ok());
    assert_eq!(uxcost, run["runs"][0]["uxcost"].as_f64());
    let line = folder.read("one.jsonl").lines().nth(9).map(String::from).expect("a row");
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!((&line["cell"], &line["values"]["seed"]), (&9.into(), &5.into()));
    assert_eq!(line["run"], run["runs"][0]);
}

/// A column of a CSV text, below its head.
fn column(csv: &str, name: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let at = reader.headers().expect("a head").iter().position(|column| column == name).expect(name);
    reader.records().map(|row| row.expect("a row")[at].to_string()).collect()
}

#[test]
fn wrong_estimates_and_the_comfort_are_swept_as_run_takes_them() {
    let folder = folder("sweep-wrong");
    let cell = "--scenario s.toml --platform p.toml --policy sdrm3-gated --duration-ms 200 --seed 3";
    let sweep = "sweep --grid scenario=s.toml --grid platform=p.toml --grid policy=sdrm3-gated --grid seed=3 \
                 --grid duration_ms=200 --grid latency_bias=0,0.3 --grid latency_noise=0:0.4:0.4 --grid comfort=1,8";
    does(&folder, &format!("{sweep} --out one.csv"));
    let one = folder.read("one.csv");
    let head = "cell,scenario,platform,fps_scale,latency_bias,latency_noise,policy,without,duration_ms,window_ms,\
                alpha,beta,comfort,seed,uxcost,";
    assert!(one.starts_with(head), "{one}");
    let settings = [column(&one, "latency_bias"), column(&one, "latency_noise"), column(&one, "comfort")];
    let figures = column(&one, "uxcost");
    assert_eq!(figures.len(), 8);
    for (row, figure) in figures.iter().enumerate() {
        let [bias, noise, comfort] = settings.each_ref().map(|values| &values[row]);
        let options = format!("--latency-bias {bias} --latency-noise {noise} --param comfort={comfort}");
        let run = folder.prints(&format!("run {cell} {options} --format csv"));
        assert_eq!(*figure, column(&run, "uxcost")[0], "{options}");
    }
    assert!(figures.iter().any(|figure| *figure != figures[0]), "they matter: {one}");

    for format in ["csv", "jsonl"] {
        let sweep = format!("{sweep} --format {format}");
        does(&folder, &format!("{sweep} --out whole.{format}"));
        for shard in 1..=3 {
            does(&folder, &format!("{sweep} --shard {shard}/3 --out {shard}.{format}"));
        }
        does(&folder, &format!("merge 3.{format} 1.{format} 2.{format} --out merged.{format}"));
        assert_eq!(folder.read(&format!("merged.{format}")), folder.read(&format!("whole.{format}")));
    }
    let first = folder.read("2.csv").lines().next().map(String::from).expect("a first line");
    assert!(first.ends_with("csv, shard 2/3, 8 cells, with latency_bias+latency_noise+comfort"), "{first}");
    let line = folder.read("whole.jsonl").lines().nth(5).map(String::from).expect("a row");
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let values = &line["values"];
    assert_eq!((&values["latency_bias"], &values["comfort"]), (&0.3.into(), &8.into()));
}

/// A scenario's own bias holds where the sweep gives none, and makes room for the one that it gives.
#[test]
fn a_sweep_leaves_a_scenario_its_bias_unless_it_gives_one() {
    let biased = format!("latency_bias = 0.5\n{SCENARIO}");
    let files = [("s.toml", SCENARIO), ("biased.toml", biased.as_str()), ("p.toml", PLATFORM)];
    let folder = Folder::new("sweep-biased", &files);
    let figures = |scenario: &str, rest: &str| {
        let sweep = format!("sweep --grid scenario={scenario} --grid platform=p.toml --grid duration_ms=200");
        does(&folder, &format!("{sweep} {rest} --out a.csv --force"));
        column(&folder.read("a.csv"), "antt")
    };
    assert_ne!(figures("biased.toml", ""), figures("s.toml", ""));
    assert_eq!(figures("biased.toml", ""), figures("s.toml", "--grid latency_bias=0.5"));
    assert_eq!(figures("biased.toml", "--grid latency_bias=0"), figures("s.toml", ""));
}

#[test]
fn random_cells_are_the_same_in_shards_and_another_seed_draws_others() {
    let folder = folder("sweep-random");
    let sweep = "sweep --grid scenario=s.toml --grid platform=p.toml --grid alpha=0:2 --grid fps_scale=0.5:2 \
                 --grid duration_ms=20 --random 20";
    does(&folder, &format!("{sweep} --sweep-seed 3 --out one.csv"));
    for shard in 1..=3 {
        does(&folder, &format!("{sweep} --sweep-seed 3 --shard {shard}/3 --out {shard}.csv"));
    }
    does(&folder, "merge 1.csv 2.csv 3.csv --out merged.csv");
    assert_eq!(folder.read("one.csv"), folder.read("merged.csv"));
    assert_eq!(folder.read("one.csv").lines().count(), 21);
    does(&folder, &format!("{sweep} --sweep-seed 4 --out other.csv"));
    assert_ne!(folder.read("one.csv"), folder.read("other.csv"));
}

#[test]
fn a_sweep_that_was_killed_goes_on_and_ends_with_the_same_bytes() {
    let folder = folder("sweep-killed");
    let sweep =
        "sweep --grid scenario=s.toml --grid platform=p.toml --grid seed=1..60 --grid duration_ms=2000";
    does(&folder, &format!("{sweep} --out whole.csv"));
    let rows = || {
        let text = std::fs::read_to_string(folder.0.join("killed.csv.partial")).unwrap_or_default();
        text.matches('\n').count().saturating_sub(1)
    };
    for least in [3, 12] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sdrm3-sim"))
            .current_dir(&folder.0)
            .args(format!("{sweep} --out killed.csv").split_whitespace())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let started = Instant::now();
        while rows() < least && started.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().expect("it can be killed");
        child.wait().expect("it has ended");
        assert!((least..60).contains(&rows()), "{}", rows());
        assert!(!folder.0.join("killed.csv").exists(), "nothing half-written");
    }
    // Another sweep leaves it alone.
    folder.refuses(
        &format!("{sweep} --grid alpha=0 --out killed.csv"),
        &["killed.csv.partial: it is of a sweep with other arguments, files or version; give the same"],
    );
    // So does one whose scenario has changed meanwhile.
    std::fs::write(folder.0.join("s.toml"), SCENARIO.replace("0.5", "0.6")).expect("a file can be written");
    folder.refuses(
        &format!("{sweep} --out killed.csv"),
        &["killed.csv.partial: it is of a sweep with other arguments, files or version; give the same"],
    );
    std::fs::write(folder.0.join("s.toml"), SCENARIO).expect("a file can be written");
    let kept = rows();
    let said = does(&folder, &format!("{sweep} --out killed.csv"));
    assert!(said.starts_with(&format!("{kept} of 60 cells are in killed.csv.partial: going on\n")), "{said}");
    assert_eq!(folder.read("killed.csv"), folder.read("whole.csv"));
    assert_eq!(folder.names(), ["killed.csv", "p.toml", "s.toml", "whole.csv"]);
    // What is there is kept.
    folder.refuses(
        &format!("{sweep} --out whole.csv"),
        &["--out: whole.csv exists already; remove it or name another file, or replace it with --force"],
    );
    folder.refuses(
        &format!("{sweep} --out none/a.csv"),
        &["none/a.csv.partial: No such file", "; make its folder"],
    );
}

#[test]
fn shards_that_do_not_fit_are_not_merged() {
    let folder = folder("sweep-mismatch");
    let sweep = "sweep --grid scenario=s.toml --grid platform=p.toml --grid seed=1..6 --grid duration_ms=20";
    for shard in 1..=2 {
        does(&folder, &format!("{sweep} --shard {shard}/2 --out {shard}.csv"));
    }
    // The scenario changed between two machines: the name is the same, its content is not.
    std::fs::write(folder.0.join("s.toml"), SCENARIO.replace("0.5", "0.6")).expect("a file can be written");
    does(&folder, &format!("{sweep} --shard 2/2 --out changed.csv"));
    let cases = [
        (
            "merge 1.csv --out m.csv",
            "merge: shard 2/2 is missing; run it with --shard 2/2, and give its file",
        ),
        ("merge 1.csv 1.csv --out m.csv", "1.csv: it is the same shard as 1.csv: 1/2; give each shard once"),
        (
            "merge 1.csv changed.csv --out m.csv",
            "changed.csv: it is of another sweep than 1.csv; give shards",
        ),
        ("merge 1.csv s.toml --out m.csv", "s.toml: it is no shard of a sweep; give the files that `sweep"),
        ("merge 1.csv none.csv --out m.csv", "none.csv: No such file"),
    ];
    for (command, says) in cases {
        folder.refuses(command, &[says]);
    }
    let whole = folder.read("2.csv");
    std::fs::write(folder.0.join("torn.csv"), &whole[..whole.len() - 9]).expect("a file can be written");
    folder
        .refuses("merge 1.csv torn.csv --out m.csv", &["torn.csv: it is not whole, or was changed; copy it"]);
    assert!(!folder.names().contains(&"m.csv".into()));
}

#[test]
fn a_sweep_that_cannot_be_is_refused_before_it_begins() {
    let folder = folder("sweep-refused");
    let cases = [
        ("sweep --grid alpha=1 --out a.csv", "no scenario is given; add --grid scenario=NAME"),
        ("sweep --grid scenario=s.toml --grid alpah=1 --out a.csv", "did you mean `alpha`?"),
        ("sweep --grid scenario=s.toml --grid seed=1 --grid seed=2 --out a.csv", "a second time; give all"),
        ("sweep --grid scenario=s.toml --shard 5/4 --out a.csv", "--shard: `5/4` is no shard of a sweep"),
        (
            "sweep --grid scenario=s.toml --sweep-seed 5 --out a.csv",
            "--sweep-seed: a grid has nothing random",
        ),
        (
            "sweep --grid scenario=s.toml --grid latency_noise=0.95 --out a.csv",
            "--grid latency_noise: `0.95` is none of its values; give noise of latencies, a share from 0",
        ),
        (
            "sweep --grid scenario=s.toml --grid comfort=1,2 --out a.csv",
            "--grid comfort: no policy of the sweep has a comfort; add policy=sdrm3-gated, or remove",
        ),
        ("sweep --grid scenario=none.toml --out a.csv", "none.toml: No such file"),
        ("sweep --file none.toml --out a.csv", "none.toml: No such file"),
        (
            "sweep --grid scenario=s.toml --out /dev/full",
            "--out: /dev/full is no file: finished rows are kept",
        ),
        ("sweep --out a.csv", "the following required arguments were not provided: --grid"),
    ];
    for (command, says) in cases {
        folder.refuses(command, &[says]);
    }
    assert_eq!(folder.names(), ["p.toml", "s.toml"]);
}

/// The example for GNU parallel, where that is installed: four shards at a time, then again with one that
/// was left half done.
#[test]
fn gnu_parallel_runs_it_in_shards() {
    if Command::new("parallel").arg("--version").output().map_or(true, |output| !output.status.success()) {
        sdrm3_check::skipped("sweep", "GNU parallel is not installed");
        return;
    }
    let folder = folder("sweep-parallel");
    does(&folder, &format!("sweep {GRID} --out whole.csv"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/sweep/parallel.sh");
    let parallel = || {
        let output = Command::new("sh")
            .arg(&script)
            .args(["4", "merged.csv"])
            .args(GRID.split_whitespace())
            .current_dir(&folder.0)
            .env("SDRM3_SIM", env!("CARGO_BIN_EXE_sdrm3-sim"))
            .output()
            .expect("sh starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    parallel();
    assert_eq!(folder.read("merged.csv"), folder.read("whole.csv"));
    for file in ["merged.csv", "merged.csv.3"] {
        std::fs::remove_file(folder.0.join(file)).expect("it was there");
    }
    parallel();
    assert_eq!(folder.read("merged.csv"), folder.read("whole.csv"));
}

/// The sweep beside the examples is one.
#[test]
fn the_example_is_a_sweep() {
    let folder = folder("sweep-example");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/sweep/sweep.toml");
    let sweep = format!("sweep --file {} --grid duration_ms=10 --grid platform=4k-3ws", file.display());
    does(&folder, &format!("{sweep} --shard 1/40 --out a.csv"));
    let text = folder.read("a.csv");
    assert!(text.lines().next().is_some_and(|line| line.ends_with("csv, shard 1/40, 405 cells")), "{text}");
}
