//! What it refuses: file, line, what and remedy in one line.

use crate::{COSTS, Folder, NETWORKS, PLATFORM, SCENARIO};

/// Each case is one edit of a sound file.
#[test]
fn bad_scenarios_are_refused() {
    let many: String = (0..31)
        .map(|n| format!("[[model]]\nname = 'm{n}'\nnetwork = 'fbnet_c'\nfps = 1\n"))
        .collect::<String>()
        + "[[model]]\nname = 'eye'";
    let cases: &[(&str, &str, &[&str])] = &[
        ("fps = 60", "fsp = 60", &["s.toml:5: unknown field `fsp`", "did you mean `fps`?"]),
        ("fps = 60", "fps = 60\ndeadline = 5", &["s.toml:6: ", "`deadline`", "did you mean `deadline_ms`?"]),
        ("fps = 60", "", &["s.toml:3: model `eye` has no frame rate; add `fps"]),
        ("fps = 60", "fps = 'fast'", &["s.toml:5: invalid type", "; "]),
        ("fps = 60", "fps = -60", &["s.toml:5: fps is -60; give a number above 0"]),
        ("fps = 60", "fps = nan", &["s.toml:5: fps is NaN; give a number above 0"]),
        ("fps = 60", "fps = inf", &["s.toml:5: fps is inf; give a number above 0"]),
        ("fps = 60", "fps = 0", &["s.toml:5: fps is 0; give"]),
        ("fps = 60", "fps = 60\ndeadline_ms = 0", &["s.toml:6: deadline_ms is 0; give a number above 0"]),
        ("fps = 60", "fps = 60\ndeadline_ms = -5", &["s.toml:6: deadline_ms is -5; give"]),
        (
            "fps = 60",
            "fps = 60\ndeadline_ms = 1e12",
            &["s.toml:6: deadline_ms is 1000000000000; give a number above 0, at most 1e9"],
        ),
        ("fps = 60", "fps = 60\njitter_ms = 100", &["s.toml:6: jitter_ms is 100; give a number from 0"]),
        ("fps = 60", "fps = 60\nfps = 30", &["s.toml:6: duplicate key; "]),
        (
            "probability = 0.5",
            "probability = 1.5",
            &["s.toml:10: probability is 1.5; give a number from 0 to 1"],
        ),
        (
            "depends_on = 'eye'",
            "fps = 5",
            &["s.toml:10: a probability without a parent", "; add `depends_on`"],
        ),
        ("'fbnet_c'", "'fbnet_d'", &["s.toml:4: unknown network `fbnet_d`; did you mean `fbnet_c`?"]),
        (
            "depends_on = 'eye'",
            "depends_on = 'eyes'",
            &["s.toml:9: unknown model `eyes`; did you mean `eye`?"],
        ),
        (
            "fps = 60",
            "fps = 60\ndepends_on = 'gaze'",
            &["s.toml:4: ", "depends on itself", "; break the cycle"],
        ),
        (
            "depends_on = 'eye'",
            "depends_on = 'gaze'\nfps = 1",
            &["s.toml:8: ", "depends on itself", "; break"],
        ),
        ("name = 'gaze'", "name = 'eye'", &["s.toml:7: a second model has the name `eye`; give each"]),
        ("name = 'gaze'", "name = 5", &["s.toml:7: invalid type", "; "]),
        ("name = 'test'", "name = ' '", &["s.toml:1: the name is empty; give a text of one line"]),
        ("name = 'gaze'", "name = ''", &["s.toml:7: the name is empty; give"]),
        (
            "name = 'gaze'",
            r#"name = "ga\nze""#,
            &[r#"s.toml:7: the name "ga\nze" has a line break or another control character; give"#],
        ),
        ("name = 'test'", "", &["s.toml:", "missing field `name`; add `name = ...`"]),
        ("name = 'test'", "name = 'test", &["s.toml:1: ", "; "]),
        ("[[model]]\nname = 'eye'", &many, &["s.toml: the scenario has 33 models; keep at most 32"]),
        (SCENARIO, "name = 'none'", &["s.toml: the scenario has no model; add a [[model]]"]),
        (SCENARIO, "", &["s.toml:1: missing field `name`; add"]),
    ];
    for (index, (from, to, says)) in cases.iter().enumerate() {
        assert!(SCENARIO.contains(from), "{from}");
        let folder = Folder::new("bad_scenario", &[("s.toml", &SCENARIO.replacen(from, to, 1))]);
        folder.refuses("compare --scenario s.toml --duration-ms 10", says);
        if index % 5 == 0 {
            folder.refuses("run --scenario s.toml", says);
        }
    }
}

#[test]
fn bad_platforms_are_refused() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("pes = 2048", "pes = 0", &["p.toml:6: pes is 0; give a number that is whole, from 1"]),
        ("pes = 2048", "pes = 2.5", &["p.toml:6: pes is 2.5; give"]),
        ("pes = 2048", "pes = nan", &["p.toml:6: pes is NaN; give"]),
        ("pes = 2048", "pes = 2048\nswitch_ns = -1", &["p.toml:7: switch_ns is -1; give"]),
        (
            "clock_mhz = 1000",
            "clock = 1000",
            &["p.toml:8: unknown field `clock`", "; did you mean `clock_mhz`?"],
        ),
        ("clock_mhz = 1000", "clock_mhz = inf", &["p.toml:8: clock_mhz is inf; give"]),
        ("dataflow = 'ws'", "dataflow = 'nlr'", &["p.toml:5: unknown dataflow `nlr`; use ws, os or rs"]),
        ("name = 'two'", "name = ''", &["p.toml:1: the name is empty; give"]),
        ("name = 'b'", r#"name = "b\t""#, &["p.toml:10: the name \"b\\t\" has a line break"]),
        ("name = 'b'", "name = 'a'", &["p.toml:10: a second accelerator has the name `a`; give"]),
        (PLATFORM, "name = 'none'", &["p.toml: the platform has 0 accelerators; give 1 to 8"]),
        ("kind = 'ws-2048'\n", "", &["p.toml:", "missing field `kind`; add"]),
    ];
    for (from, to, says) in cases {
        assert!(PLATFORM.contains(from), "{from}");
        let folder = Folder::new("bad_platform", &[("p.toml", &PLATFORM.replacen(from, to, 1))]);
        folder.refuses("compare --platform p.toml --duration-ms 10", says);
    }
    let nine: String = PLATFORM.replacen("name = 'two'", "", 1).repeat(5);
    let nine = (0..10).fold(format!("name = 'ten'\n{nine}"), |text, n| {
        let (old, new) = (["name = 'a'", "name = 'b'"][n % 2], format!("name = 'x{n}'"));
        text.replacen(old, &new, 1)
    });
    let folder = Folder::new("bad_platform", &[("p.toml", &nine)]);
    folder.refuses("compare --platform p.toml", &["p.toml: the platform has 10 accelerators; give 1 to 8"]);
}

#[test]
fn bad_cost_tables_are_refused() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "fbnet_c,0,os-2048,200000,40\n",
            "",
            &["c.csv: ", "`fbnet_c`", "no row for layer `0` on `os-2048`; add"],
        ),
        ("100000,50", "-1,50", &["c.csv:2: latency_ns is -1; expected: a number from 0"]),
        ("100000,50", "inf,50", &["c.csv:2: latency_ns is inf; expected: a number from 0"]),
        ("100000,50", "1,NaN", &["c.csv:2: energy_nj is NaN; expected: a number from 0"]),
        ("100000,50", "1", &["c.csv:2: ", "; expected: network,layer,kind"]),
        ("0,os-2048", "0,ws-2048", &["c.csv:3: a second row for layer `0` on `ws-2048`; remove one"]),
        (",latency_ns", "", &["c.csv:1: the header has no column `latency_ns`; expected: network"]),
        ("fbnet_c,0,os-2048", ",0,os-2048", &["c.csv:3: network is empty; give a text of one line"]),
        ("fbnet_c,0,os-2048", "fbnet_c,,os-2048", &["c.csv:3: layer is empty; give"]),
        ("fbnet_c,0,os-2048", "fbnet_c,0,", &["c.csv:3: kind is empty; give"]),
        (COSTS, "", &["c.csv:1: the header has no column `network`; expected"]),
    ];
    for (from, to, says) in cases {
        assert!(COSTS.contains(from), "{from}");
        let costs = COSTS.replacen(from, to, 1);
        let files = [("s.toml", SCENARIO), ("p.toml", PLATFORM), ("c.csv", &costs)];
        Folder::new("bad_costs", &files)
            .refuses("compare --scenario s.toml --platform p.toml --costs c.csv", says);
    }
}

#[test]
fn bad_layer_tables_are_refused() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("conv,16", "conv,0", &["n.csv:2: layer `a` has a size of zero; give"]),
        ("conv,16", "conv,-1", &["n.csv:2: ", "; expected: network,layer,op"]),
        ("conv,16", "pool,16", &["n.csv:2: ", "unknown variant `pool`", "; expected"]),
        ("mine,b", "mine,a", &["n.csv:3: mine/mine: layer a: the name appears twice; mend"]),
        (
            "fc,8",
            "depthwise,8",
            &["n.csv:3: mine/mine: layer b: depthwise needs as many groups as channels; mend"],
        ),
        // A spreadsheet that names a network in its first row only.
        ("mine,b", ",b", &["n.csv:3: network is empty; give a text of one line"]),
        ("mine,b", "mine, ", &["n.csv:3: layer is empty; give"]),
        (
            "mine,b",
            "\"mi\nne\",b",
            &[r#"n.csv:3: network "mi\nne" has a line break or another control character; give"#],
        ),
        ("mine,a", "gnmt,a", &["n.csv:2: there is a network `gnmt` already; give it another name"]),
        (",stride", "", &["n.csv:1: the header has no column `stride`; expected"]),
        ("mine,a", "mine/a,a", &["n.csv:3: network is `mine`, but from line 2 on `mine/SUBNETWORK`; name"]),
        ("mine,a", "mine/a/b,a", &["n.csv:2: network is `mine/a/b`; give NETWORK or NETWORK/SUBNETWORK"]),
    ];
    for (from, to, says) in cases {
        assert!(NETWORKS.contains(from), "{from}");
        Folder::new("bad_networks", &[("n.csv", &NETWORKS.replacen(from, to, 1))])
            .refuses("compare --networks n.csv", says);
    }
}

#[test]
fn bad_arguments_are_refused() {
    let experiment = "name = 'e'\n[random]\nfirst = 1\ncount = 1\n";
    let folder = Folder::new("bad_arguments", &[("e.toml", experiment)]);
    let cases: &[(&str, &[&str])] = &[
        ("compare --policy mapscor", &["--policy: unknown policy `mapscor`; did you mean `mapscore`?"]),
        ("compare --policy sdrm", &["--policy: unknown policy `sdrm`; did you mean `sdrm3`?"]),
        (
            "run --scenario ar_call --policy sdrm3-no-drp",
            &["unknown part of sdrm3 `drp`; did you mean `drop`?"],
        ),
        ("bench e.toml --subject zzz", &["--subject: unknown policy `zzz`; known are: fcfs, edf"]),
        ("bench e.toml --subject sdrm3-gated-no-tuner", &["--subject: unknown part of sdrm3-gated `tuner`"]),
        ("compare --policy zzz", &["--policy: unknown policy `zzz`; known are: fcfs, edf"]),
        ("compare --platform 4k-3w", &["--platform: unknown platform `4k-3w`; did you mean `4k-3ws`?"]),
        ("compare --scenario vr_gamin", &["--scenario: unknown scenario `vr_gamin`; did you mean"]),
        ("compare --param alpa=1", &["--param: unknown parameter `alpa`; did you mean `alpha`?"]),
        ("compare --param alpha=NaN", &["--param: alpha is `NaN`; give a number from 0 to 2"]),
        ("compare --param alpha", &["--param: `alpha` has no `=`; give NAME=VALUE"]),
        ("compare --scenario missing.toml", &["missing.toml: ", "; give the path of a readable"]),
        ("compare --platform missing.toml", &["missing.toml: ", "; give the path of a readable"]),
        ("compare --costs missing.csv", &["missing.csv: ", "; give the path of a readable"]),
        ("compare --networks missing.csv", &["missing.csv: ", "; give the path of a readable"]),
        ("compare --costs .", &[".: ", "; give the path of a readable"]),
        // Options that would change nothing.
        (
            "run --scenario ar_call --policy sdrm3 --without hold",
            &["--without: `hold` is no part of sdrm3; leave it out: it is a part of sdrm3-gated"],
        ),
        (
            "compare --policy edf --policy fcfs --without supernet",
            &[
                "--without: `supernet` is no part of fcfs, edf; leave it out: it is a part of sdrm3, sdrm3-gated",
            ],
        ),
        ("compare --policy fcfs --without gate", &["--without: `gate` is no part of fcfs; leave"]),
        ("faults --without gate", &["--without: `gate` is no part of sdrm3; leave"]),
        ("tune --scenario ar_call --without gate", &["--without: `gate` is no part of sdrm3; leave"]),
        (
            "bench e.toml --policy fcfs --subject edf --without gate",
            &["--without: `gate` is no part of fcfs, edf; leave"],
        ),
        ("bound --without drop", &["command line: ", "'--without'", "; see --help"]),
        ("bound --param alpha=0.1", &["command line: ", "'--param'", "; see --help"]),
        ("bound --latency-bias 0.1", &["command line: ", "'--latency-bias'", "; see --help"]),
        ("compare --seed -1", &["command line: ", "'-1'", "; see --help"]),
        ("compare --seed x", &["command line: ", "'x' for '--seed <N>'", "; see --help"]),
        ("compare --duration-ms 0", &["command line: ", "0 is not in 1..", "; see --help"]),
        ("compare --format xml", &["command line: ", "possible values: table, json, csv", "; see --help"]),
        ("compare --polcy edf", &["command line: ", "'--policy'", "; see --help"]),
        ("simulate", &["command line: ", "'simulate'", "; see --help"]),
        ("run", &["command line: ", "--scenario", "; see --help"]),
        ("list --network fbnet_d", &["--network: unknown network `fbnet_d`; did you mean `fbnet_c`?"]),
        ("import maestro a.m", &["command line: ", "--out", "; see --help"]),
    ];
    for (arguments, says) in cases {
        folder.refuses(arguments, says);
    }
}

#[test]
fn a_bound_of_what_changes_on_the_way_is_refused() {
    let changing = format!("{SCENARIO}[[change]]\nat_ms = 50\nmodel = 'eye'\nactive = false\n");
    let folder = Folder::new("bound_refusals", &[("s.toml", &changing)]);
    let says = ["scenario test: a bound cannot be computed with a change at 50 ms; remove its [[change]]"];
    folder.refuses("bound --scenario s.toml", &says);
    folder.refuses("compare --bound --scenario s.toml", &says);
}

/// Two of one name would be one row, of which one is what the other was.
#[test]
fn two_files_of_one_name_are_refused_and_one_that_is_named_twice_runs_once() {
    let other = SCENARIO.replace("fps = 60", "fps = 90");
    let files = [("s.toml", SCENARIO), ("t.toml", &*other), ("p.toml", PLATFORM), ("q.toml", PLATFORM)];
    let folder = Folder::new("one_name", &files);
    for command in ["compare --policy fcfs", "bound", "faults --fault lost"] {
        let run = format!("{command} --duration-ms 100 --scenario s.toml --platform p.toml");
        folder.refuses(
            &format!("{run} --scenario t.toml"),
            &["--scenario: s.toml and t.toml are both called `test`; give each a name of its own"],
        );
        folder.refuses(
            &format!("{run} --platform q.toml"),
            &["--platform: p.toml and q.toml are both called `two`; give each a name of its own"],
        );
        let once = folder.prints(&run);
        assert_eq!(folder.prints(&format!("{run} --scenario s.toml --platform p.toml")), once, "{command}");
    }
}

#[test]
fn measured_costs_that_nothing_uses_are_refused() {
    let folder = Folder::new(
        "unused_costs",
        &[("s.toml", SCENARIO), ("p.toml", PLATFORM), ("c.csv", &COSTS.replace("fbnet_c", "fbnetc"))],
    );
    let cell = "--scenario s.toml --platform p.toml --costs c.csv";
    let says = ["c.csv: the table is not used: no model runs `fbnetc`; did you mean `fbnet_c`?"];
    for command in ["run", "compare", "bound", "faults", "codegen", "tune"] {
        folder.refuses(&format!("{command} {cell}"), &says);
    }
    folder.refuses("sweep --grid scenario=s.toml --grid platform=p.toml --costs c.csv --out x.csv", &says);
    let experiment = "name = 'e'\n[[cells]]\nscenarios = ['s.toml']\nplatforms = ['p.toml']\n";
    std::fs::write(folder.0.join("e.toml"), experiment).expect("a file can be written");
    folder.refuses("bench e.toml --costs c.csv", &says);
    std::fs::write(folder.0.join("e.toml"), format!("{experiment}costs = 'c.csv'\n"))
        .expect("a file can be written");
    folder.refuses("bench e.toml", &says);
}

/// What a number may be is said by its option, of numbers below 0 too.
#[test]
fn numbers_below_zero_are_numbers() {
    let folder = Folder::new("below_zero", &[("v_per-layer.csv", "")]);
    let cases: &[(&str, &[&str])] = &[
        ("run --scenario ar_call --seed -1", &["command line: ", "'-1'", "--seed"]),
        ("run --scenario ar_call --max-uxcost -1", &["'-1'", "--max-uxcost", "give a number from 0"]),
        (
            "run --scenario ar_call --latency-bias -0.5",
            &["--latency-bias: the share is -0.5; give a share from 0"],
        ),
        ("run --scenario ar_call --duration-ms -5", &["--duration-ms", "-5 is not in 1..=172800000"]),
        ("import v_per-layer.csv --out x --margin-percent -50", &["'-50'", "give a number from 0 to 1000"]),
        ("tune --scenario ar_call --grid -3", &["--grid", "-3 is not in 2..=65"]),
    ];
    for (arguments, says) in cases {
        folder.refuses(arguments, says);
    }
}
