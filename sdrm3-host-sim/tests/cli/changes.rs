//! Scripted changes: what they do, and what is refused.

use std::collections::BTreeMap;

use crate::{Folder, PLATFORM};

/// 20 frames a second of one layer: 1 ms on `a`, 1.5 ms on `b`.
const SCENARIO: &str = "\
name = 'changing'
[[model]]
name = 'eye'
network = 'one'
fps = 20
[[model]]
name = 'gaze'
network = 'one'
depends_on = 'eye'
";

const COSTS: &str = "\
network,layer,kind,latency_ns,energy_nj
one,0,ws-2048,1000000,50
one,0,os-2048,1500000,40
";

/// The scenario with these changes, on the platform.
fn folder(test: &str, changes: &str) -> Folder {
    let scenario = format!("{SCENARIO}{changes}");
    Folder::new(test, &[("s.toml", &scenario), ("p.toml", PLATFORM), ("c.csv", COSTS)])
}

const RUN: &str = "run --scenario s.toml --platform p.toml --costs c.csv --duration-ms 1000 --format json";

/// Rows of the log of events, by column.
fn events(folder: &Folder, options: &str) -> Vec<BTreeMap<String, String>> {
    folder.prints(&format!("{RUN} --events e.csv {options}"));
    let text = folder.read("e.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(|row| row.expect("a row")).collect()
}

/// When frames of a model were released, in milliseconds.
fn releases(events: &[BTreeMap<String, String>], model: &str) -> Vec<u64> {
    let of_model = events.iter().filter(|row| row["event"] == "released" && row["model"] == model);
    of_model.map(|row| ms(row, "time_ns") as u64).collect()
}

fn ms(row: &BTreeMap<String, String>, column: &str) -> f64 {
    row[column].parse::<f64>().expect("a number") / 1e6
}

// ---- what they do ----------------------------------------------------------------------------

#[test]
fn frames_come_twice_as_often_from_the_change_on() {
    let folder = folder("fps", "[[change]]\nat_ms = 510\nmodel = 'eye'\nfps = 40\n");
    let events = events(&folder, "--policy fcfs");
    let expected: Vec<u64> = (0..=10).map(|n| 50 * n).chain((0..20).map(|n| 510 + 25 * n)).collect();
    assert_eq!(releases(&events, "eye"), expected.into_iter().filter(|&at| at < 1000).collect::<Vec<_>>());
    assert_eq!(releases(&events, "gaze").len(), releases(&events, "eye").len(), "dependents follow");
    for row in events.iter().filter(|row| row["event"] == "released" && row["model"] == "eye") {
        let due_after = ms(row, "deadline_ns") - ms(row, "time_ns");
        assert_eq!(due_after, if ms(row, "time_ns") < 510.0 { 50.0 } else { 25.0 }, "the period");
    }
}

/// Its first frame comes at its phase, whatever is changed before.
#[test]
fn a_change_before_the_first_frame_leaves_it_its_phase() {
    let change = "[[change]]\nat_ms = 5\nmodel = 'eye'\nfps = 10\n";
    let folder = folder("phase", change);
    let scenario = folder.read("s.toml").replacen("name = 'eye'\n", "name = 'eye'\nphase_ms = 30\n", 1);
    std::fs::write(folder.0.join("s.toml"), scenario).expect("a file can be written");
    let expected: Vec<u64> = (0..10).map(|n| 30 + 100 * n).collect();
    assert_eq!(releases(&events(&folder, "--policy fcfs"), "eye"), expected);
}

#[test]
fn a_model_goes_and_comes_back() {
    let off_and_on = "[[change]]\nat_ms = 300\nmodel = 'eye'\nactive = false\n\
                      [[change]]\nat_ms = 710\nmodel = 'eye'\nactive = true\n";
    let events = events(&folder("off_and_on", off_and_on), "--policy fcfs");
    let expected: Vec<u64> = (0..6).map(|n| 50 * n).chain((0..6).map(|n| 710 + 50 * n)).collect();
    assert_eq!(releases(&events, "eye"), expected, "a change goes before the frames of its instant");
}

#[test]
fn a_model_that_starts_inactive_comes_when_it_is_switched_on() {
    let scenario = SCENARIO.replacen("fps = 20", "fps = 20\nactive = false", 1)
        + "[[change]]\nat_ms = 820\nmodel = 'eye'\nactive = true\n";
    let files = [("s.toml", &*scenario), ("p.toml", PLATFORM), ("c.csv", COSTS)];
    let events = events(&Folder::new("inactive", &files), "--policy fcfs");
    assert_eq!(releases(&events, "eye"), [820, 870, 920, 970]);
}

/// UXCost counts its energy as 1; a share of 0 would look frugal.
#[test]
fn a_model_of_which_nothing_ran_has_no_share_of_the_worst_energy() {
    let scenario = SCENARIO.replacen("fps = 20", "fps = 20\nactive = false", 1);
    let folder = Folder::new("never", &[("s.toml", &*scenario), ("p.toml", PLATFORM), ("c.csv", COSTS)]);
    let text = folder.prints(&RUN.replace("--format json", "--report r.html"));
    let row = text.lines().find(|line| line.trim_start().starts_with("eye")).expect("a row");
    assert!(row.ends_with(" -"), "{text}");
}

#[test]
fn a_dependent_that_is_switched_off_is_not_released_nor_lost() {
    let off = "[[change]]\nat_ms = 300\nmodel = 'gaze'\nactive = false\n";
    let text = folder("child_off", off).prints(&format!("{RUN} --policy fcfs"));
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let models = &document["runs"][0]["models"];
    assert_eq!((&models[0]["frames"], &models[1]["frames"]), (&20.into(), &6.into()));
    assert_eq!((&models[1]["completed"], &models[1]["dropped"]), (&6.into(), &0.into()));
}

/// Where blocks began, with the time in milliseconds.
fn places(events: &[BTreeMap<String, String>]) -> Vec<(f64, String)> {
    let dispatched = events.iter().filter(|row| row["event"] == "dispatched");
    dispatched.map(|row| (ms(row, "time_ns"), row["accelerator"].clone())).collect()
}

#[test]
fn an_accelerator_is_lost_with_its_block_and_comes_back() {
    // At 250.5 ms a block runs on `a`.
    let lost = "[[change]]\nat_ms = 250.5\naccelerator = 0\nlost = true\n\
                [[change]]\nat_ms = 740\naccelerator = 0\nlost = false\n";
    let folder = folder("lost", lost);
    let events = events(&folder, "--policy fcfs");
    for (at, place) in places(&events) {
        let away = (250.4..740.0).contains(&at);
        assert_eq!(place, if away { "b" } else { "a" }, "at {at} ms");
    }
    let of = |what: &str| {
        events.iter().filter(|row| row["event"] == what).map(|row| ms(row, "time_ns")).collect::<Vec<_>>()
    };
    assert_eq!((of("faulted"), of("restored")), (vec![250.5], vec![740.0]));
    let fault = events.iter().find(|row| row["event"] == "faulted").expect("a row");
    assert_eq!(
        (&*fault["accelerator"], &*fault["model"], &*fault["frame"]),
        ("a", "eye", "5"),
        "whose block"
    );
    assert_eq!(fault["detail"], "out of service");
    let document: serde_json::Value =
        serde_json::from_str(&folder.prints(&format!("{RUN} --policy fcfs"))).expect("JSON");
    assert_eq!(document["runs"][0]["models"][0]["completed"], 20, "the lost block ran again, elsewhere");
}

/// How long each block took on an accelerator, in milliseconds, with when it began.
fn durations(events: &[BTreeMap<String, String>], accelerator: &str) -> Vec<(f64, f64)> {
    let mut begun = BTreeMap::new();
    let mut durations = Vec::new();
    for row in events.iter().filter(|row| row["accelerator"] == accelerator) {
        match &*row["event"] {
            "dispatched" => _ = begun.insert(row["sequence"].clone(), ms(row, "time_ns")),
            "completed" => {
                let start = begun[&row["sequence"]];
                durations.push((start, ms(row, "time_ns") - start));
            }
            _ => {}
        }
    }
    durations
}

const HALF: &str = "[[change]]\nat_ms = 400\naccelerator = 0\nspeed = 0.5\n";

#[test]
fn an_accelerator_at_half_speed_takes_twice_as_long() {
    let events = events(&folder("half", HALF), "--policy fcfs");
    let durations = durations(&events, "a");
    assert_eq!(durations.len(), 40, "fcfs knows only the tables");
    for (start, took) in durations {
        assert!((took - if start < 400.0 { 1.0 } else { 2.0 }).abs() < 1e-6, "{took} ms at {start} ms");
    }
}

#[test]
fn the_correction_moves_work_away_from_a_throttled_accelerator() {
    let weights = "--param alpha=0 --param beta=0";
    let slow = |test, without: &str| {
        let events = events(&folder(test, HALF), &format!("--policy sdrm3 {weights} --without {without}"));
        let late = places(&events).into_iter().filter(|(at, _)| *at > 700.0);
        late.map(|(_, place)| place).collect::<Vec<_>>()
    };
    let corrected = slow("corrected", "tuner");
    assert!(corrected.iter().all(|place| place == "b"), "2 ms on `a`, 1.5 on `b`: {corrected:?}");
    let uncorrected = slow("uncorrected", "tuner,correction");
    assert!(uncorrected.iter().all(|place| place == "a"), "1 ms on `a` by the table: {uncorrected:?}");
}

// ---- parts to leave out ----------------------------------------------------------------------

#[test]
fn parts_are_left_out_by_name() {
    let folder = folder("without", "");
    let label = |options: &str| {
        let text = folder.prints(&format!("{RUN} {options}"));
        let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        document["runs"][0]["policy"].as_str().expect("a name").to_string()
    };
    assert_eq!(label(""), "sdrm3");
    assert_eq!(label("--without drop"), "sdrm3-no-drop");
    let all = "sdrm3-no-drop-no-supernet-no-tuner-no-correction";
    assert_eq!(label("--without drop,supernet,tuner,correction"), all);
    assert_eq!(label("--without drop --without tuner"), "sdrm3-no-drop-no-tuner");
    // Where one of several policies has a part, the others are run as they are.
    let compare = RUN.replacen("run ", "compare ", 1);
    let both = folder.prints(&format!("{compare} --policy fcfs --policy sdrm3 --without drop"));
    let both: serde_json::Value = serde_json::from_str(&both).expect("JSON");
    let labels = [&both["runs"][0]["policy"], &both["runs"][1]["policy"]];
    assert_eq!(labels.map(|label| label.as_str()), [Some("fcfs"), Some("sdrm3-no-drop")]);
    folder.refuses(
        &format!("{RUN} --without drops"),
        &["--without: unknown part `drops`; did you mean `drop`?"],
    );
    folder
        .refuses(&format!("{RUN} --without x"), &["--without: unknown part `x`; known are: drop, supernet"]);
}

// ---- what is refused -------------------------------------------------------------------------

#[test]
fn bad_changes_are_refused_with_their_line() {
    // The changes begin on line 10 of the file: [[change]], at_ms on 11, the rest from 12 on.
    let cases: &[(&str, &[&str])] = &[
        ("model = 'eyes'\nactive = false", &["s.toml:12: unknown model `eyes`; did you mean `eye`?"]),
        (
            "model = 'eye'\naccelerator = 0\nspeed = 0.5",
            &["s.toml:11: a change is of one model or of one acc"],
        ),
        ("active = true", &["s.toml:11: a change is of one model or of one accelerator; split"]),
        ("model = 'gaze'\nfps = 5", &["s.toml:13: the frame rate of a model that its parent's", "; change"]),
        ("model = 'eye'\nfps = 0", &["s.toml:13: fps is 0; give a number above 0"]),
        ("model = 'eye'\nfps = nan", &["s.toml:13: fps is NaN; give"]),
        ("model = 'eye'\nfps = 5\nactive = true", &["s.toml:11: a model changes `active` or `fps`, one"]),
        ("model = 'eye'\nspeed = 0.5", &["s.toml:11: a model changes `active` or `fps`"]),
        ("model = 'eye'", &["s.toml:11: a model changes `active` or `fps`"]),
        ("accelerator = 0\nspeed = 0", &["s.toml:13: speed is 0; give a number from 0.01 to 100"]),
        ("accelerator = 0\nfps = 5", &["s.toml:11: an accelerator changes `speed` or `lost`"]),
        ("accelerator = 0\nlost = true\nspeed = 1", &["s.toml:11: an accelerator changes `speed` or `lost`"]),
        ("accelerator = -1\nlost = true", &["s.toml:12: invalid value"]),
        ("accelerator = 'a'\nlost = true", &["s.toml:12: invalid type"]),
        (
            "accelerator = 2\nlost = true",
            &["s.toml:11: ", "accelerator 2; platform two has 2, counted from 0"],
        ),
        ("model = 'eye'\nactiv = true", &["s.toml:13: unknown field `activ`", "did you mean `active`?"]),
    ];
    for (change, says) in cases {
        let folder = folder("bad_change", &format!("[[change]]\nat_ms = 10\n{change}\n"));
        folder.refuses("run --scenario s.toml --platform p.toml --costs c.csv", says);
    }
    for (at, says) in
        [("", "s.toml:10: missing field `at_ms`; add"), ("at_ms = -1", "s.toml:11: at_ms is -1; give")]
    {
        let folder = folder("bad_change", &format!("[[change]]\n{at}\nmodel = 'eye'\nactive = false\n"));
        folder.refuses("compare --scenario s.toml --platform p.toml --costs c.csv", &[says]);
    }
}
