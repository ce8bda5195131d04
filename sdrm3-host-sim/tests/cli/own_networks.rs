//! Networks that a user brings in a layer table: a supernet, and one that skips and exits.

use std::collections::BTreeMap;

use crate::Folder;

const NETWORKS: &str = include_str!("../../examples/own_supernet/networks.csv");
const SCENARIO: &str = include_str!("../../examples/own_supernet/scenario.toml");

const CELL: &str = "--scenario scenario.toml --networks networks.csv";

fn folder(test: &str, files: &[(&str, &str)]) -> Folder {
    let example = [("networks.csv", NETWORKS), ("scenario.toml", SCENARIO)];
    Folder::new(test, &[&example[..], files].concat())
}

/// The model `scene` of a run.
fn scene(folder: &Folder, run: &str) -> serde_json::Value {
    let text = folder.prints(&format!("{run} --format json"));
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let models = document["runs"][0]["models"].as_array().expect("models");
    models.iter().find(|model| model["name"] == "scene").expect("it is in the scenario").clone()
}

/// Completed frames at each sub-network (the list ends with the lightest that ran), and the accuracy given up.
fn used(scene: &serde_json::Value) -> ([u64; 3], f64) {
    let counts = scene["subnetworks"].as_array().expect("a list").iter();
    let counts: Vec<u64> = counts.map(|count| count.as_u64().expect("a count")).collect();
    let of = |sub: usize| counts.get(sub).copied().unwrap_or(0);
    ([of(0), of(1), of(2)], scene["accuracy_loss"].as_f64().expect("a number"))
}

#[test]
fn an_own_supernet_becomes_lighter_under_load_and_says_what_it_costs() {
    let idle = SCENARIO.replace("fps = 400", "fps = 20");
    let more = SCENARIO.replace("fps = 400", "fps = 900");
    let all = more.replace("accuracy_floor_percent = 70", "");
    let folder = folder("own_supernet", &[("idle.toml", &idle), ("more.toml", &more), ("all.toml", &all)]);
    let run = |scenario: &str, options: &str| {
        let cell = CELL.replace("scenario.toml", scenario);
        let scene = scene(&folder, &format!("run {cell} --policy sdrm3 {options}"));
        let missed = scene["deadline_miss_rate"].as_f64().expect("a share");
        let (subnetworks, given_up) = used(&scene);
        (subnetworks, given_up, missed)
    };
    assert_eq!(run("idle.toml", ""), ([40, 0, 0], 0.0, 0.0), "there is time for the heaviest");

    let ([full, half, tiny], given_up, missed) = run("scenario.toml", "");
    assert!(half > 700 && full > 0 && tiny == 0 && missed == 0.0, "{full}, {half}, {tiny}, {missed}");
    // 74.2 % against 72.9 %.
    let expected = 1.3 * half as f64 / (full + half) as f64;
    assert!((given_up - expected).abs() < 1e-9, "{given_up} points, not {expected}");
    let ([_, half, tiny], none, missed) = run("scenario.toml", "--without supernet");
    assert!((half, tiny, none) == (0, 0, 0.0) && missed > 0.2, "{half}, {tiny}, {none}, {missed}");

    let ([_, _, tiny], given_up, missed) = run("more.toml", "");
    assert!(tiny == 0 && given_up < 1.3, "tiny is below the floor: {tiny}, {given_up}");
    let ([_, _, tiny], more, fewer) = run("all.toml", "");
    assert!(tiny > 0 && more > given_up && fewer < missed / 2.0, "{tiny}, {more}, {fewer}, {missed}");
}

/// A frame that began at `full` goes on at `half`: behind a layer that they share, and once.
#[test]
fn a_frame_changes_over_on_its_way_and_keeps_its_work() {
    let folder = folder("own_switch", &[]);
    // Frames of which a layer took longer than it should.
    folder.prints(&format!("run {CELL} --policy sdrm3 --latency-noise 0.6 --events e.csv"));
    let events = folder.read("e.csv");
    let mut reader = csv::Reader::from_reader(events.as_bytes());
    let mut frames: BTreeMap<u32, Vec<(String, u16)>> = BTreeMap::new();
    for row in reader.deserialize() {
        let row: BTreeMap<String, String> = row.expect("a row");
        if row["model"] == "scene" && row["event"] == "dispatched" {
            let frame = row["frame"].parse().expect("a number");
            let layer = row["first_layer"].parse().expect("a layer");
            frames.entry(frame).or_default().push((row["subnetwork"].clone(), layer));
        }
    }
    let mut changed = 0;
    for (frame, blocks) in frames {
        let layers: Vec<u16> = blocks.iter().map(|(_, layer)| *layer).collect();
        assert!(
            layers.iter().enumerate().all(|(at, layer)| at == usize::from(*layer)),
            "{frame}: {layers:?}"
        );
        let changes: Vec<u16> =
            blocks.windows(2).filter(|pair| pair[0].0 != pair[1].0).map(|pair| pair[1].1).collect();
        assert!(changes.len() <= 1 && changes.iter().all(|layer| (1..=6).contains(layer)), "{changes:?}");
        changed += changes.len();
    }
    assert!(changed > 0, "no frame changed on its way");
}

#[test]
fn every_command_takes_own_networks() {
    let experiment = "name = 'own'\n[[cells]]\nscenarios = ['scenario.toml']\nplatforms = ['4k-1ws-2os']\n";
    let folder = folder("own_commands", &[("e.toml", experiment)]);
    let short = "--duration-ms 300";

    let listed = folder.prints("list networks --networks networks.csv");
    for (sub, accuracy) in [("full", "74.2"), ("half", "72.9"), ("tiny", "68.0"), ("door", "91.0")] {
        let line = listed.lines().find(|line| line.split_whitespace().nth(1) == Some(sub)).expect(sub);
        assert!(line.trim_end().ends_with(accuracy), "{line}");
    }
    let layers = folder.prints("list --network scene --networks networks.csv");
    assert!(layers.contains("\nhalf, the first 6 layers shared with the one before\n"), "{layers}");
    assert!(layers.contains("\ntiny, the first 3 layers shared with the one before\n"), "{layers}");
    let layers = folder.prints("list --network door --networks networks.csv");
    assert!(layers.contains("skip 2 0.4") && layers.contains("exit 0.6"), "{layers}");
    folder.refuses(
        "list policies --networks networks.csv",
        &["--networks: what is listed has no networks; leave it out, or list networks"],
    );

    let compared =
        folder.prints(&format!("compare {CELL} {short} --bound --policy fcfs --policy sdrm3 --format json"));
    let compared: serde_json::Value = serde_json::from_str(&compared).expect("JSON");
    for run in compared["runs"].as_array().expect("runs") {
        assert!(
            run["bound"].as_f64() > Some(0.0) && run["uxcost"].as_f64() >= run["bound"].as_f64(),
            "{run}"
        );
    }
    assert!(folder.prints(&format!("bound {CELL} {short}")).contains("scene"));
    let bench = "bench e.toml --networks networks.csv --policy sdrm3 --policy fcfs --subject sdrm3 --seeds 2";
    let bench = folder.prints(&format!("{bench} {short}"));
    assert!(bench.contains("points lost") && bench.contains("own_supernet"), "{bench}");

    let checked = folder.run(&format!("run {CELL} {short} --check"));
    assert!(String::from_utf8_lossy(&checked.stderr).contains("every promise is kept"), "{checked:?}");
    folder.prints(&format!("run {CELL} {short} --record a.trace --report r.html"));
    assert!(folder.prints("replay a.trace").ends_with("verdict identical\n"));
    assert!(folder.read("r.html").contains("half"));
    let code = String::from_utf8(folder.run(&format!("codegen {CELL}")).stdout).expect("UTF-8");
    for part in [
        "SubNetwork::new(\"half\", &SCENE_HALF).with_accuracy(72900).with_shared_prefix(6)",
        "SubNetwork::new(\"tiny\", &SCENE_TINY).with_accuracy(68000).with_shared_prefix(3)",
        ".with_branch(Branch::Skip { segments: 2, ",
        ".with_branch(Branch::Exit { ",
    ] {
        assert!(code.contains(part), "no `{part}` in {code}");
    }
    assert_eq!(code.matches(".with_switch_point()").count(), 6 + 3, "before each layer behind a shared one");
}

/// No accuracy is known of two sub-networks: they are not 0 % accurate, and what they give up is not told.
#[test]
fn an_accuracy_that_is_unknown_is_told_by_no_picture() {
    let networks = NETWORKS.replace(",,72.9", ",,").replace(",,68.0", ",,");
    let scenario = SCENARIO.replace("accuracy_floor_percent = 70", "");
    let folder = folder("own_unknown", &[("networks.csv", &networks), ("scenario.toml", &scenario)]);
    folder.prints(&format!("run {CELL} --timeline t.svg --report r.html"));
    let (picture, page) = (folder.read("t.svg"), folder.read("r.html"));
    let texts: Vec<&str> = picture.split(['<', '>']).map(str::trim).collect();
    for label in ["full (74.2 %)", "half", "tiny"] {
        assert!(texts.contains(&label), "{label}: {texts:?}");
    }
    let given_up = texts.iter().position(|text| *text == "percentage points").expect("an axis");
    assert!(!texts[given_up..].contains(&"20.0"), "nothing is known to be given up: {texts:?}");
    for subnetwork in [r#"{"accuracy":74.2,"#, r#"{"accuracy":null,"#] {
        assert!(page.contains(subnetwork), "{subnetwork}");
    }
}

/// The picture is of one supernet: what another one runs at is not among its shares.
#[test]
fn a_timeline_tells_one_supernet_from_another() {
    let first = "[[model]]\nname = 'first'\nnetwork = 'scene'\nfps = 20\ndeadline_ms = 50\n";
    let alone = format!("name = 'alone'\n{first}");
    let both = SCENARIO.replacen("[[model]]", &format!("{first}[[model]]"), 1);
    let folder = folder("own_two_supernets", &[("alone.toml", &alone), ("both.toml", &both)]);
    let shares = |scenario: &str| {
        let cell = CELL.replace("scenario.toml", scenario);
        folder.prints(&format!("run {cell} --policy sdrm3 --timeline t.svg --force"));
        let picture = folder.read("t.svg");
        let from = picture.find("first: share of frames at each sub-network, %").expect("a title");
        picture[from..picture.find("deadline misses").expect("a title")].to_string()
    };
    assert_eq!(shares("both.toml"), shares("alone.toml"), "of so few frames all are at the heaviest");
}

// ---- measured costs --------------------------------------------------------------------------

/// Costs of the layers of `scene` on both kinds: so many nanoseconds for each output channel.
fn costs(ns: impl Fn(&str, &str) -> u32) -> String {
    let mut text = String::from("network,layer,kind,latency_ns,energy_nj\n");
    for row in NETWORKS.lines().filter(|row| row.starts_with("scene/")) {
        let cells: Vec<&str> = row.split(',').collect();
        let ns = cells[3].parse::<u32>().expect("k") * ns(cells[0], cells[1]);
        for kind in ["ws-2048", "os-1024"] {
            text += &format!("{},{},{kind},{ns},7\n", cells[0], cells[1]);
        }
    }
    text
}

#[test]
fn measured_costs_of_sub_networks_replace_the_models() {
    let costs = costs(|network, layer| if (network, layer) == ("scene/half", "head") { 9 } else { 10 });
    let folder = folder("own_costs", &[("c.csv", &costs)]);
    let code = String::from_utf8(folder.run(&format!("codegen {CELL} --costs c.csv")).stdout).expect("UTF-8");
    let rows = |cost: &str| code.matches(&format!("on([{cost}, {cost}, {cost}], ")).count();
    assert_eq!(rows("(320, 7)"), 3 * 2, "32 channels: stem and depthwise");
    assert_eq!((rows("(5120, 7)"), rows("(4608, 7)")), (1, 1), "512 channels: the heads of full and half");
    assert_eq!(code.matches(", 7)], ").count(), 10 + 9 + 5, "all layers of the supernet, and no others");
    // Activations and branches stay the network's.
    assert_eq!(code.matches(".with_switch_point()").count(), 6 + 3);
    let (subnetworks, _) = used(&scene(&folder, &format!("run {CELL} --costs c.csv")));
    assert_eq!(subnetworks[1..], [0, 0], "as fast as measured, there is time for the heaviest");
}

/// A measured table may come sorted by anything: its names say which layer is meant.
#[test]
fn measured_costs_belong_to_the_layers_that_they_name() {
    let measured = costs(|_, layer| if layer == "classifier" { 1000 } else { 10 });
    let (header, rows) = measured.split_once('\n').expect("rows");
    let mut rows: Vec<&str> = rows.lines().collect();
    rows.sort_unstable();
    let sorted = format!("{header}\n{}\n", rows.join("\n"));
    let misspelt = sorted.replace("scene/tiny,stem", "scene/tiny,stam");
    let files = [("c.csv", &*measured), ("sorted.csv", &*sorted), ("misspelt.csv", &*misspelt)];
    let folder = folder("own_order", &files);
    let tables = |costs: &str| {
        let code = folder.run(&format!("codegen {CELL} --costs {costs}")).stdout;
        let code = String::from_utf8(code).expect("UTF-8");
        code.lines()
            .filter(|line| line.trim_start().starts_with("on(["))
            .map(String::from)
            .collect::<Vec<_>>()
    };
    assert_eq!(tables("c.csv").len(), 10 + 9 + 5 + 9);
    assert_eq!(tables("sorted.csv"), tables("c.csv"));
    folder.refuses(
        &format!("run {CELL} --costs misspelt.csv"),
        &[
            "scenario.toml:6: layer 0 of `scene/tiny` by the cost table is `block1.depthwise`, which is its layer 1, \
             and it has no `stam`; name all as the network does, or number them",
        ],
    );
}

#[test]
fn measured_costs_that_do_not_fit_the_sub_networks_are_refused() {
    let slower = |of: &'static str| {
        move |network: &str, layer: &str| if (network, layer) == (of, "block2") { 11 } else { 10 }
    };
    let even = costs(|_, _| 10);
    let only_full = even.lines().filter(|row| !row.contains("half") && !row.contains("tiny"));
    let cases: [(String, &[&str]); 5] = [
        (
            costs(slower("scene/half")),
            &[
                "scenario.toml:6: layer 3 of `scene/half` is one with that of `scene/full`, but costs something else",
                "; give both the same rows",
            ],
        ),
        (
            only_full.collect::<Vec<_>>().join("\n"),
            &[
                "scenario.toml:6: the cost table has `scene/full`, but not `scene/half`; add it: sub-networks are \
                 measured all or none",
            ],
        ),
        (
            even.replace("scene/full", "scene"),
            &["scenario.toml:6: `scene` has several sub-networks", "; name them there as NETWORK/SUBNETWORK"],
        ),
        (
            even.replace("scene/tiny", "scene/tin"),
            &["scenario.toml:6: unknown sub-network of `scene`", "did you mean `tiny`?"],
        ),
        (
            even.replace("scene/tiny,pooled,ws-2048,1280,7\nscene/tiny,pooled,os-1024,1280,7\n", ""),
            &[
                "scenario.toml:6: `scene/tiny` has 5 layers, the cost table 4; give one row per layer and kind",
            ],
        ),
    ];
    for (costs, says) in cases {
        folder("own_bad_costs", &[("c.csv", &costs)]).refuses(&format!("run {CELL} --costs c.csv"), says);
    }
}

/// Lighter by multiplications, but not by the time that it takes on the platform.
#[test]
fn a_sub_network_that_takes_longer_than_the_heavier_one_is_refused() {
    let costs =
        costs(|network, layer| if (network, layer) == ("scene/tiny", "pooled") { 10_000 } else { 10 });
    folder("own_slow", &[("c.csv", &costs)]).refuses(
        &format!("run {CELL} --costs c.csv"),
        &["model 0 (scene), sub-network 2: expects more work than the heavier sub-network before it"],
    );
}

/// It would be the better one throughout; and a floor of accuracy that it keeps would bar it, behind one that does not.
#[test]
fn a_lighter_sub_network_that_is_more_accurate_is_refused() {
    let networks = NETWORKS.replace(",,72.9", ",,75.1");
    folder("own_accuracy", &[("networks.csv", &networks)]).refuses(
        &format!("run {CELL}"),
        &[
            "networks.csv:12: `scene/half` has an accuracy_percent of 75.1, but `scene/full`, which is heavier, 74.2; \
             leave the heavier one out, or mend the accuracy",
        ],
    );
}
