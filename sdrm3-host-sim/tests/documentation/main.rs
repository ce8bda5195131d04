//! `docs/src/files.md` against the program: its examples are accepted, its keys and columns complete.

mod links;

use std::path::{Path, PathBuf};
use std::process::Command;

use sdrm3_core::DropReason;
use sdrm3_host_sim::engine::reason_name;
use sdrm3_host_sim::experiment::Experiment;
use sdrm3_host_sim::input::Source;
use sdrm3_host_sim::network::Library;
use sdrm3_host_sim::scenario::{CostTable, Platform, Scenario};
use sdrm3_host_sim::sweep::{Definition, Header, Key, RowFormat};

const PAGE: &str = include_str!("../../../docs/src/files.md");
const METHOD: &str = include_str!("../../../docs/src/method.md");

/// The page's examples in this language that begin so.
fn examples(language: &str, begins: &str) -> Vec<Source> {
    let fence = format!("```{language}\n");
    let blocks = PAGE.split(&fence).skip(1).filter_map(|rest| rest.split("```").next());
    let source = |text: &str| Source { origin: "files.md".into(), text: text.into() };
    blocks.filter(|text| text.starts_with(begins)).map(source).collect()
}

/// A section of the page, up to the next heading of its level.
fn section(heading: &str) -> &'static str {
    let from = PAGE.find(heading).unwrap_or_else(|| panic!("no section {heading}")) + heading.len();
    PAGE[from..].split("\n## ").next().unwrap_or_default()
}

/// Whether a table of the section has a row that begins with this key, perhaps among others.
fn documents(section: &str, key: &str) -> bool {
    let quoted = format!("`{key}`");
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .any(|row| row.split(" |").next().is_some_and(|first| first.split(", ").any(|cell| cell == quoted)))
}

/// The keys that a parser knows: it names them when it meets one that it does not know.
fn keys(error: &str) -> Vec<&str> {
    let (what, _remedy) = error.split_once(';').expect("what is wrong; the remedy");
    let mut names = what.split('`').skip(1).step_by(2);
    assert_eq!(names.next(), Some("no_such_key"), "{error}");
    names.collect()
}

#[test]
fn the_examples_are_accepted() {
    let [scenario] = &examples("toml", "# scenario")[..] else { panic!("one scenario") };
    assert_eq!(Scenario::parse(scenario).unwrap().models.len(), 3);
    let [experiment] = &examples("toml", "# experiment")[..] else { panic!("one experiment") };
    assert_eq!(Experiment::parse(experiment).unwrap().cells.len(), 44);
    let [platform] = &examples("toml", "# platform")[..] else { panic!("one platform") };
    assert_eq!(Platform::parse(platform).unwrap().accelerators.len(), 2);
    let [costs] = &examples("csv", "network,layer,kind")[..] else { panic!("one cost table") };
    let layers = CostTable::parse(costs).unwrap().layers("my_net", &["ws-2048", "os-1024"]).unwrap();
    assert_eq!((layers.len(), layers[1][1].latency_ns), (2, 0));
    let [layers, supernet] = &examples("csv", "network,layer,op")[..] else { panic!("two layer tables") };
    let mut library = Library::zoo();
    library.add_table(layers).unwrap();
    library.add_table(supernet).unwrap();
    assert_eq!(library.find("gaze").unwrap().subnetworks[0].layers.len(), 3);
    let [full, half] = &library.find("room").unwrap().subnetworks[..] else { panic!("two sub-networks") };
    assert_eq!((full.accuracy, half.accuracy), (Some(71.5), Some(68.0)));
    assert_eq!((half.shared_prefix, &full.switch_points[..]), (4, &[1, 2, 3, 4][..]), "the first four");
    assert_eq!(full.reach_probabilities(), [1.0, 1.0, 0.7, 0.35, 0.7, 0.7]);
}

#[test]
fn every_key_of_a_file_is_documented() {
    let scenario = |text: &str| {
        let source = Source { origin: "s".into(), text: text.into() };
        Scenario::parse(&source).unwrap_err().to_string()
    };
    let platform = |text: &str| {
        let source = Source { origin: "p".into(), text: text.into() };
        Platform::parse(&source).unwrap_err().to_string()
    };
    let scenario_page = section("## Scenario");
    let (of_model, of_change) = scenario_page.split_once("`[[change]]`, one thing").unwrap();
    let platform_page = section("## Platform");
    let (of_platform, of_accelerator) = platform_page.split_once("`[[accelerator]]`, 1 to 8").unwrap();
    let mut checked = 0;
    for (error, page) in [
        (scenario("[[model]]\nno_such_key = 1"), of_model),
        (scenario("[[change]]\nno_such_key = 1"), of_change),
        (platform("no_such_key = 1"), of_platform),
        (platform("[[accelerator]]\nno_such_key = 1"), of_accelerator),
    ] {
        for key in keys(&error).into_iter().filter(|key| *key != "accelerator" || page == of_change) {
            assert!(documents(page, key), "`{key}` has no row");
            checked += 1;
        }
    }
    assert!(checked > 30, "{checked} keys");

    let table = "network,layer,op,k,c,y,x,r,s,stride,groups,no_such_key\n";
    let source = Source { origin: "n".into(), text: format!("{table}a,b,fc,1,1,1,1,1,1,1,1,1\n") };
    let error = Library::zoo().add_table(&source).unwrap_err().to_string();
    let page = section("## Layers: `--networks`");
    let columns = keys(&error);
    assert_eq!(columns.len(), 13, "{error}");
    for column in columns {
        assert!(documents(page, column), "`{column}` has no row");
    }
}

fn folder() -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documentation");
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a folder can be made");
    path
}

fn program(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sdrm3-sim")).args(arguments).output().expect("it starts");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn every_key_and_column_of_a_result_is_documented() {
    let folder = folder();
    let (recorded, events) = (folder.join("recorded.csv"), folder.join("events.csv"));
    let (scenario, platform) = (folder.join("scenario.toml"), folder.join("platform.toml"));
    let [recording] = &examples("csv", "model,frame")[..] else { panic!("one recording") };
    for (path, text) in [
        (&recorded, &recording.text),
        (&scenario, &examples("toml", "# scenario")[0].text),
        (&platform, &examples("toml", "# platform")[0].text),
    ] {
        std::fs::write(path, text).expect("a file can be written");
    }
    let path = |path: &PathBuf| path.to_str().expect("UTF-8").to_string();
    let (scenario, platform) = (path(&scenario), path(&platform));
    let run = ["run", "--duration-ms", "100", "--scenario", &scenario, "--platform", &platform];

    let (recorded, log) = (path(&recorded), path(&events));
    let json =
        program(&[&run[..], &["--format", "json", "--recorded", &recorded, "--events", &log]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let page = section("## Results: `--format json`");
    let (of_run, rest) = page.split_once("Of each model:").unwrap();
    let (of_model, of_inputs) = rest.split_once("`inputs` has what").unwrap();
    for key in json["inputs"].as_object().expect("inputs").keys() {
        assert!(documents(of_inputs, key), "`{key}` of the inputs has no row");
    }
    for key in json["inputs"]["files"][0].as_object().expect("a file").keys() {
        assert!(of_inputs.contains(&format!("`{key}`")), "`{key}` of a file is not explained");
    }
    let run_keys = json["runs"][0].as_object().expect("a run");
    let model_keys = json["runs"][0]["models"][0].as_object().expect("a model");
    assert!(run_keys.len() >= 14 && model_keys.len() >= 9);
    for key in run_keys.keys() {
        assert!(documents(of_run, key), "`{key}` of a run has no row");
    }
    for key in model_keys.keys() {
        assert!(documents(of_model, key), "`{key}` of a model has no row");
    }

    let csv = program(&[&run[..], &["--format", "csv"]].concat());
    let header = |text: &str| format!("```text\n{}\n```", text.lines().next().unwrap_or_default());
    assert!(section("## Results: `--format csv`").contains(&header(&csv)), "{}", header(&csv));
    let events = std::fs::read_to_string(&events).expect("it was written");
    assert!(section("## Events").contains(&header(&events)), "{}", header(&events));
}

#[test]
fn every_reason_of_a_drop_is_documented() {
    let reasons: Vec<DropReason> = (0..=u8::MAX).map_while(DropReason::from_code).collect();
    assert!(reasons.len() >= 8, "{reasons:?}");
    let lines = section("## Results: `--format json`").lines();
    let drops: Vec<&str> = lines.filter(|line| line.starts_with("| `drops` |")).collect();
    let [drops] = drops[..] else { panic!("one row on drops: {drops:?}") };
    for reason in reasons {
        let name = format!("`{}`", reason_name(reason));
        assert!(METHOD.contains(&name), "{name} is not in the chapter on the method");
        // Frames that are withdrawn are not among the dropped ones.
        assert_eq!(drops.contains(&name), reason != DropReason::Withdrawn, "{name}: {drops}");
    }
}

#[test]
fn every_key_and_column_of_an_experiment_is_documented() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documentation-experiment.toml");
    std::fs::write(&file, "name = 'e'\n[random]\nfirst = 1\ncount = 2\n").expect("a file can be written");
    let path = file.to_str().expect("UTF-8");
    let bench = |format: &str| {
        let short =
            ["--duration-ms", "200", "--seeds", "2", "--policy", "fcfs", "--bound", "--format", format];
        program(&[&["bench", path], &short[..]].concat())
    };
    let page = section("## Results: `bench --format`");
    let json: serde_json::Value = serde_json::from_str(&bench("json")).expect("JSON");
    let (of_all, rest) = page.split_once("| key of a policy |").unwrap();
    let (of_policy, of_cell) = rest.split_once("| key of a cell |").unwrap();
    for (value, page) in [(&json, of_all), (&json["policies"][0], of_policy), (&json["cells"][0], of_cell)] {
        let keys = value.as_object().expect("keys");
        assert!(keys.len() >= 7);
        for key in keys.keys() {
            assert!(documents(page, key), "`{key}` has no row");
        }
    }
    let csv = bench("csv");
    let header = format!("```text\n{}\n```", csv.lines().next().unwrap_or_default());
    assert!(page.contains(&header), "{header}");
}

#[test]
fn importing_and_costing_are_documented() {
    let help = program(&["import", "--help"]);
    let page = section("## Importing: `import`");
    for option in help.lines().filter_map(|line| line.trim().strip_prefix("--")) {
        let option = format!("--{}", option.split(' ').next().unwrap_or_default());
        assert!(option == "--out" || documents(page, &option), "`{option}` has no row");
    }
    let columns = "model,layer,name,k,c,y,x,r,s,dataflow,pes,noc_bw_per_cycle,latency_cycles,energy_nj";
    assert!(section("## Costs of layers: `cost`").contains(&format!("```text\n{columns}\n```")));
    assert!(program(&["cost", "--help"]).replace([' ', '\n'], "").contains(&format!("({columns})")));
}

/// The page has the format of traces from the module that writes them.
#[test]
fn the_format_of_traces_is_that_of_the_module() {
    let module = include_str!("../../../sdrm3-hal/src/trace.rs");
    let lines = module.lines().map_while(|line| line.strip_prefix("//!"));
    let text: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    let text = text.join("\n");
    let (_, format) = text.split_once("# The format, version 1\n").expect("the module describes it");
    assert!(format.len() > 3_000);
    let page = section("## Traces");
    assert!(page.contains(format.trim()), "copy it from sdrm3-hal/src/trace.rs");
    for key in ["tables", "records", "decisions", "bytes", "hash", "verdict"] {
        assert!(documents(page, key), "`{key}` of `replay` has no row");
    }
}

#[test]
fn the_page_on_sweeps_has_a_sweep_and_its_columns() {
    let page = section("## Sweeps: `sweep`, `merge`");
    let [file] = &examples("toml", "# sweep")[..] else { panic!("one sweep") };
    assert_eq!(Definition::parse(file).unwrap().sweep().unwrap().cells(), 1000);
    let head = RowFormat::Csv.head(&[]);
    assert!(page.contains(&format!("```text\n{head}```")), "{head}");
    for key in Key::ALL.into_iter().filter(|key| key.is_optional()) {
        assert!(documents(page, key.name()), "`{}` has no row", key.name());
    }
    let header = page.lines().find_map(Header::parse).expect("the first line of a shard");
    assert_eq!((header.cells, header.rows()), (40, 10));
}
