//! Limits for CI: what is exceeded, by how much, and exit codes.

use crate::{Folder, PLATFORM, SCENARIO};

const CELL: &str = "--scenario s.toml --platform p.toml --duration-ms 300";

fn folder(test: &str) -> Folder {
    Folder::new(test, &[("s.toml", SCENARIO), ("p.toml", PLATFORM)])
}

/// What a command that exceeds a limit says; the result is printed all the same.
fn exceeds(folder: &Folder, arguments: &str) -> String {
    let output = folder.run(arguments);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
    assert!(!output.stdout.is_empty(), "{arguments:?}");
    errors
}

#[test]
fn limits_that_hold_say_nothing_and_limits_that_do_not_say_by_how_much() {
    let folder = folder("limits");
    for command in ["run --policy fcfs", "compare --policy fcfs"] {
        let plain = folder.prints(&format!("{command} {CELL}"));
        let kept = folder.prints(&format!("{command} {CELL} --max-uxcost 1000 --max-miss-rate eye=100%"));
        assert_eq!(kept, plain, "{command}");
        let errors =
            exceeds(&folder, &format!("{command} {CELL} --max-uxcost 0.000001 --max-miss-rate eye=1"));
        let lines: Vec<&str> = errors.lines().collect();
        assert_eq!((lines.len(), lines[0]), (2, "sdrm3-sim: 1 of 2 limits is exceeded"), "{errors}");
        let says = ["  test on two under fcfs: UXCost is ", ", limit 0.0000 (--max-uxcost): ", " % above"];
        assert!(says.iter().all(|part| lines[1].contains(part)), "{errors}");
    }
}

/// Of a run that is too short for any frame nothing is known, and no limit holds.
#[test]
fn limits_do_not_hold_where_no_frame_was_due() {
    let folder = folder("undue");
    let cell = "--scenario s.toml --platform p.toml --duration-ms 1 --policy sdrm3";
    for command in ["run", "compare"] {
        let errors = exceeds(
            &folder,
            &format!("{command} {cell} --max-uxcost 0.1 --max-miss-rate gaze=0 --junit {command}.xml"),
        );
        let lines: Vec<&str> = errors.lines().collect();
        let why = "no frame was due and counted; give a longer --duration-ms";
        assert_eq!(
            lines,
            [
                "sdrm3-sim: 2 of 2 limits are exceeded",
                &format!("  test on two under sdrm3: UXCost is unknown, limit 0.1000 (--max-uxcost): {why}"),
                &format!(
                    "  test on two under sdrm3: share of deadlines that gaze missed is unknown, limit 0.00 % \
                     (--max-miss-rate): {why}"
                ),
            ],
            "{command}"
        );
        assert!(folder.read(&format!("{command}.xml")).contains("failures=\"2\""));
    }
    // Of a model alone.
    let short = "run --scenario vr_gaming --duration-ms 5 --max-miss-rate keyword=0";
    folder.prints(short);
    let errors = exceeds(&folder, &format!("{short} --max-miss-rate gaze=1"));
    assert!(errors.contains("1 of 2 limits is exceeded"), "{errors}");
    let baseline = folder.prints(&format!("compare {cell} --format json"));
    std::fs::write(folder.0.join("b.json"), baseline).expect("a file can be written");
    let errors = exceeds(&folder, &format!("compare {cell} --baseline b.json"));
    assert!(errors.contains("1 of 1 limits is exceeded") && errors.contains("UXCost is unknown"), "{errors}");
}

#[test]
fn a_baseline_holds_against_itself_and_not_against_a_better_one() {
    let folder = folder("baseline");
    let compare = format!("compare {CELL} --policy edf --policy sdrm3 --format json");
    let baseline = folder.prints(&compare);
    std::fs::write(folder.0.join("b.json"), &baseline).expect("a file can be written");
    folder.prints(&format!("{compare} --baseline b.json"));

    // Half of the energy was enough once.
    let mut better: serde_json::Value = serde_json::from_str(&baseline).expect("JSON");
    let energy = &mut better["runs"][0]["models"][0]["energy_per_completed_frame_nj"];
    *energy = (energy.as_f64().expect("a number") / 1.01).into();
    std::fs::write(folder.0.join("better.json"), better.to_string()).expect("a file can be written");
    let errors = exceeds(&folder, &format!("{compare} --baseline better.json"));
    let says = [
        "test on two under edf: energy of eye per completed frame is ",
        " mJ (baseline better.json): 1.00 % above",
    ];
    assert!(errors.lines().count() == 2, "{errors}");
    assert!(
        errors.contains(says[0])
            && errors.contains(" mJ, limit ")
            && errors.contains("(baseline better.json): 1.00 % above"),
        "{errors}"
    );
    folder.prints(&format!("{compare} --baseline better.json --tolerance 2%"));
    folder.prints(&format!("{compare} --baseline better.json --tolerance 0.02"));

    let other =
        ["b.json: it has no run of test on two under edf with seed 2 over 300 ms; write the baseline again"];
    folder.refuses(&format!("{compare} --seed 2 --baseline b.json"), &other);
}

#[test]
fn the_report_for_ci_servers_is_written_whether_limits_hold_or_not() {
    let folder = folder("junit");
    exceeds(&folder, &format!("compare {CELL} --policy edf --policy fcfs --max-uxcost 0 --junit limits.xml"));
    let xml = folder.read("limits.xml");
    assert!(xml.starts_with("<?xml ") && xml.contains("tests=\"2\" failures=\"2\""), "{xml}");
    assert_eq!(xml.matches("<failure type=\"limit\" message=\"test on two under ").count(), 2, "{xml}");
    folder.prints(&format!("run {CELL} --junit plain.xml"));
    assert!(folder.read("plain.xml").contains("name=\"runs\"/>"));
}

#[test]
fn bad_limits_are_refused_before_anything_runs() {
    let folder = folder("bad_limits");
    let refuses = |options: &str, says: &[&str]| folder.refuses(&format!("run {CELL} {options}"), says);
    refuses("--max-uxcost=-1", &["-1", "give a number from 0"]);
    refuses("--max-uxcost=nan", &["nan", "give a number from 0"]);
    refuses("--max-miss-rate eye", &["--max-miss-rate: `eye` is no limit; give MODEL=RATE, as in gaze=2%"]);
    refuses("--max-miss-rate eyes=1%", &["--max-miss-rate: unknown model `eyes`; did you mean `eye`?"]);
    refuses("--max-miss-rate eye=few", &["--max-miss-rate: `few` is no rate; give a share as 0.02 or 2%"]);
    refuses(
        "--max-miss-rate eye=200%",
        &["--max-miss-rate: `200%` is more than all frames; give a share of at"],
    );
    refuses(
        "--max-miss-rate eye=2",
        &["--max-miss-rate: `2` is more than all frames; give a share of at most"],
    );
    refuses("--baseline none.json", &["none.json: "]);
    refuses("--baseline s.toml", &["s.toml:1: ", "; give a file that `--format json` printed"]);
    refuses("--tolerance 2%", &["--baseline"]);
    assert_eq!(folder.names(), ["p.toml", "s.toml"]);
}

#[test]
fn the_help_names_the_exit_codes() {
    let folder = folder("help");
    for command in ["run", "compare"] {
        let help = folder.prints(&format!("{command} --help"));
        assert!(
            help.contains("Exit codes: 0 done; 1 a limit is exceeded") && help.contains("Examples:"),
            "{help}"
        );
    }
}
