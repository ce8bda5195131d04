//! `faults`: what it reports, and what it refuses.

use serde_json::Value;

use crate::{Folder, PLATFORM, SCENARIO};

const CELL: &str = "faults --scenario s.toml --platform p.toml --duration-ms 1000";

fn folder(test: &str) -> Folder {
    Folder::new(test, &[("s.toml", SCENARIO), ("p.toml", PLATFORM)])
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn json_has_every_case_of_a_cell_and_no_frame_is_unaccounted_for() {
    let folder = folder("faults-json");
    let text = folder.prints(&format!("{CELL} --format json"));
    assert_eq!(text, folder.prints(&format!("{CELL} --format json --jobs 1")), "the same bytes");
    assert_ne!(text, folder.prints(&format!("{CELL} --format json --seed 2")), "another seed");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(keys(&document), ["cells"]);
    let cell = &document["cells"][0];
    let mut expected = vec![
        "scenario",
        "platform",
        "policy",
        "seed",
        "duration_ms",
        "frames",
        "unaccounted",
        "undisturbed_miss_rate",
        "cases",
    ];
    expected.sort_unstable();
    assert_eq!(keys(cell), expected);
    assert_eq!(cell["unaccounted"], 0);
    let cases = cell["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 66, "11 faults and 55 pairs");
    let mut expected = vec![
        "faults",
        "struck",
        "strikes",
        "frames",
        "unaccounted",
        "seen_at_start",
        "recovery_ms",
        "miss_rate_during",
        "miss_rate_after",
        "uxcost_during",
        "uxcost_after",
        "ideal_during",
        "ideal_after",
        "uxcost_ratio",
        "untouched",
        "runtime",
    ];
    expected.sort_unstable();
    for case in cases {
        assert_eq!(keys(case), expected);
        assert_eq!(case["unaccounted"], 0, "{case}");
        let has_table = case["faults"].as_array().expect("faults").contains(&Value::from("table"));
        assert_eq!(case["seen_at_start"], if has_table { Value::from(true) } else { Value::Null });
    }
}

#[test]
fn the_table_says_what_each_fault_costs_alone_and_with_what_it_costs_most() {
    let folder = folder("faults-table");
    let table = folder.prints(&format!("{CELL} --fault table --fault duplicate --out results"));
    let expected = "\
Faults, each alone in 1 cells of 1000 ms, seed 1, and in pairs

 fault      strikes  recovery ms  worst  never  UXCost x ideal  worst with      untouched missed  without
";
    assert!(table.starts_with(expected), "{table}");
    assert!(table.contains("3 runs with faults: 0 of "), "{table}");
    assert!(table.ends_with("2 of 2 flipped bits of the tables were seen at the start.\n"), "{table}");
    assert_eq!(folder.read("results/faults.txt"), table);
    assert!(
        folder
            .read("results/faults.csv")
            .starts_with("scenario,platform,policy,seed,duration_ms,fault,second_fault,")
    );
    assert_eq!(folder.read("results/faults.csv").lines().count(), 1 + 3);
    assert!(folder.read("results/faults.svg").starts_with("<svg"));
}

#[test]
fn bad_requests_are_refused() {
    let changing = format!("{SCENARIO}[[change]]\nat_ms = 5\nmodel = 'eye'\nfps = 5\n");
    let folder =
        Folder::new("faults-refused", &[("s.toml", SCENARIO), ("c.toml", &changing), ("p.toml", PLATFORM)]);
    folder.refuses("faults --fault deth", &["--fault: unknown fault `deth`; did you mean `death`?"]);
    folder.refuses(
        "faults --duration-ms 50",
        &["--duration-ms: faults come and go within 50 ms; give at least 100"],
    );
    folder.refuses(
        "faults --scenario c.toml",
        &["--scenario: scenario test scripts changes; remove its [[change]]"],
    );
    folder.refuses("faults --picture s.toml", &["--picture: s.toml exists already; remove it"]);
}
