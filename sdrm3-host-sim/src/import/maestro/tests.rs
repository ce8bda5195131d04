//! Small files of each kind, sound and broken.

use super::*;
use crate::cost::{Array, Dataflow};

const SCENARIO: &str = "\
// Faces first, then who it is.
Network Face {
FPS: 30
Layer conv1 {
    Type: CONV
    Stride { X: 2, Y: 2 }
    Dimensions: { N: 1, K: 16, C: 3, Y: 226, X: 226, R: 3, S: 3 }
}
Layer conv2 { Type: DSCONV Dimensions { K 1, C 16, R 3, S 3, Y' 112, X' 112 }
    Dataflow { TemporalMap(Sz(R),1) Y; Cluster(Sz(R), P); } }
}
Network Who-2.0 { Dependency: { Face } Probability: 0.25 FPS: 30
  Layer out { Type: CONV Stride { Y: 3 } Dimensions: { K: 8, C: 16, Y: 3, X: 1, R: 5, S: 1 } }
}
";

fn read(text: &str) -> Result<ImportedScenario, InputError> {
    scenario(&Source { origin: "a.m".into(), text: text.into() })
}

#[test]
fn a_scenario_is_read_in_our_terms() {
    let imported = read(SCENARIO).unwrap();
    let [face, who] = &imported.models[..] else { panic!("{:?}", imported.models) };
    assert_eq!((face.name.as_str(), face.network.as_str(), face.fps), ("face", "Face", Some(30.0)));
    assert_eq!((face.depends_on.as_deref(), face.probability), (None, None));
    assert_eq!((who.name.as_str(), who.depends_on.as_deref()), ("who-2.0", Some("face")));
    assert_eq!(who.probability, Some(0.25));

    let [conv1, conv2] = &imported.networks[0].subnetworks[0].layers[..] else { panic!("two layers") };
    assert_eq!((conv1.op, conv1.k, conv1.c, conv1.groups, conv1.stride), (Op::Conv, 16, 3, 1, 2));
    assert_eq!((conv1.out_y, conv1.out_x), (112, 112), "(226 - 3) / 2 + 1");
    assert_eq!((conv2.op, conv2.k, conv2.groups), (Op::Depthwise, 16, 16), "one output per channel");
    assert_eq!((conv2.out_y, conv2.in_y()), (112, 114), "given as outputs");

    let out = &imported.networks[1].subnetworks[0].layers[0];
    assert_eq!((out.out_y, out.in_y(), out.outside), (1, 3, [2, 0]), "smaller than its window");
    assert_eq!(imported.notes.len(), 2, "{:?}", imported.notes);
    assert!(imported.notes[0].starts_with("the dataflows of 1 layers"));
    assert!(imported.notes[1].starts_with("Who-2.0: 1 layers"));
}

#[test]
fn a_file_without_frame_rates_gives_networks_only() {
    let imported =
        read("Constant X 5;\nNetwork n { Layer a { Type: CONV Dimensions { K: 1, C: 1, Y: 1, X: 1, R: 1, S: 1 } } }")
            .unwrap();
    assert_eq!((imported.models.len(), imported.networks.len()), (0, 1));
    assert!(imported.notes[0].contains("no scenario"), "{:?}", imported.notes);
}

#[test]
fn errors_name_line_cause_and_remedy() {
    for (from, to, says) in [
        (SCENARIO, "", "a.m:1: the end of the file where `Network` is expected"),
        ("FPS: 30\n", "FSP: 30\n", "a.m:3: unknown key `FSP`; use one of FPS"),
        ("FPS: 30\n", "FPS: NaN\n", "a.m:3: FPS is `NaN`; give a frame rate"),
        ("FPS: 30\n", "FPS: 1e999\n", "a.m:3: FPS is `1e999`"),
        ("FPS: 30\n", "FPS: -1\n", "a.m:3: FPS is `-1`"),
        ("FPS: 30\n", "\n", "a.m:2: network `Face` has no frame rate; add `FPS: ...`"),
        ("FPS: 30\n", "FPS: 30 Probability: 0.5\n", "a.m:2: network `Face` has a probability but no parent"),
        ("K: 16, C: 3", "K: 99999999999, C: 3", "a.m:7: K is `99999999999`"),
        ("K: 16, C: 3", "K: 0, C: 3", "a.m:7: K is `0`"),
        ("K: 16, C: 3", "K: 16, C: 3, Q: 1", "a.m:7: unknown key `Q`"),
        ("K: 16, C: 3", "K: 16", "a.m:4: layer `conv1` lacks its type, or C, R or S"),
        ("N: 1", "N: 4", "a.m:4: layer `conv1` has a batch"),
        ("Y: 226, ", "", "a.m:4: layer `conv1` lacks Y or X"),
        ("X: 2, Y: 2", "X: 2, Y: 1", "a.m:4: layer `conv1` has the strides 1 (Y) and 2 (X)"),
        ("Y: 226, X: 226", "Y: 4294967295, X: 4294967295", "too large"),
        ("Type: CONV\n", "Type: TRCONV\n", "a.m:5: layer `conv1` has type `TRCONV`; write it as"),
        ("Layer conv2", "Layer conv1", "a.m:9: a second layer has the name `conv1`"),
        ("Network Who-2.0", "Network Face", "a.m:12: a second network has the name `Face`"),
        ("Network Who-2.0", "Network Who/2.0", "a.m:12: network `Who/2.0` has a slash"),
        ("{ Face }", "{ Fase }", "a.m:12: unknown network `Fase`; did you mean `Face`?"),
        ("{ Face }", "{ Face, Face }", "a.m:12: network `Who-2.0` depends on several"),
        ("Network Face {", "Network Face", "`FPS` where `{` is expected"),
        ("Network Face {", "Accelerator Face {", "a.m:2: `Accelerator` where `Network` is expected"),
    ] {
        assert!(SCENARIO.contains(from), "{from}");
        let error = read(&SCENARIO.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(says), "{to:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

/// Whatever the file, the answer comes, and soon.
#[test]
fn hostile_files_are_refused_in_linear_time() {
    for end in 0..SCENARIO.len() - 2 {
        let sound = read(&SCENARIO[..end]).is_ok();
        assert!(!sound || SCENARIO[..end].trim_end().ends_with('}'), "cut at {end}");
    }
    let long = 10 << 20;
    let layer = "Layer a { Type: CONV Dimensions { K: 1, C: 1, Y: 1, X: 1, R: 1, S: 1 } }";
    for text in [
        "x".repeat(long),
        "{".repeat(long),
        "//".repeat(long),
        format!("Network n {{ Layer a {{ Dataflow {}", "{".repeat(long)),
        format!("Network {} {{ FPS: {} }}", "n".repeat(long), "9".repeat(long)),
        format!("Network n {{ Dependency: {{ {}", "a ".repeat(long)),
        format!("Network n {{ {}", layer.repeat(10_000)),
    ] {
        let error = read(&text).unwrap_err().to_string();
        assert!(error.len() < 400 && error.lines().count() == 1, "{error}");
    }
    let names: String = (0..65_536).map(|n| layer.replace("Layer a", &format!("Layer l{n}"))).collect();
    let error = read(&format!("Network n {{ {names} }}")).unwrap_err().to_string();
    assert!(error.contains("65536 layers are more than"), "{error}");
}

// Hardware and dataflows.

const HARDWARE: &str = "\
Accelerator A0 { num_pes: 2048 offchip_bw: 128 top_noc_bw: 128 top_noc_latency: 1
  top_noc_multicast: True col_noc_bw: 128 PE_local_memory: 8192 // 8KiB
}
Accelerator A1 { num_pes: 4096 top_noc_bw: 256 col_noc_bw: 64 col_noc_latency: 2 }
";

const OUTPUT_STATIONARY: &str = "\
// Each element keeps an output.
Dataflow {
  TemporalMap(1,1) K;
  SpatialMap(1,1) Y'; //'
  TemporalMap(4, 4) X';
  TemporalMap(16,16) C;
  Cluster(4,P);
  SpatialMap(1,1) X';
  Cluster(16, P);
  SpatialMap(1,1) C;
}
";

fn source(text: &str) -> Source {
    Source { origin: "a.m".into(), text: text.into() }
}

#[test]
fn accelerators_take_their_dataflows_in_order() {
    let read = hardware(&source(HARDWARE)).unwrap();
    assert_eq!(read.count(), 2);
    assert!(read.notes.iter().any(|note| note.contains("col_noc_bw is 64")), "{:?}", read.notes);
    let unused = "does not use: PE_local_memory, col_noc_latency, offchip_bw";
    assert!(read.notes.iter().any(|note| note.ends_with(unused)), "{:?}", read.notes);

    let os = dataflows(&source(&OUTPUT_STATIONARY.repeat(2))).unwrap();
    assert_eq!(os, [Dataflow::OutputStationary; 2]);
    assert_eq!(read.with_dataflows(&os[..1]), None, "one dataflow for two accelerators");
    let accelerators = read.with_dataflows(&os).unwrap();
    let array = Array { dataflow: os[1], pes: 4096, noc_bytes_per_cycle: 256 };
    assert_eq!((accelerators[1].name.as_str(), accelerators[1].array), ("A1", array));
}

#[test]
fn the_known_dataflows_are_told_apart() {
    for (dataflow, statements) in hardware::KNOWN {
        let text = format!("Dataflow {{ {}; }}", statements.join(" ; "));
        assert_eq!(dataflows(&source(&text)), Ok(vec![dataflow]));
    }
}

#[test]
fn other_hardware_and_other_dataflows_are_refused() {
    for (from, to, says) in [
        ("num_pes: 2048", "num_pes: 0", "a.m:1: num_pes is `0`; give a whole number from 1"),
        ("num_pes: 2048", "num_pes: many", "a.m:1: num_pes is `many`"),
        ("num_pes: 2048", "", "a.m:1: accelerator `A0` lacks num_pes or top_noc_bw"),
        ("64 col_noc_latency: 2 }", "64", "a.m:4: the end of the file where a key"),
        ("Accelerator A0", "Network A0", "a.m:1: `Network` where `Accelerator` is expected"),
    ] {
        let error = hardware(&source(&HARDWARE.replacen(from, to, 1))).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    for (from, to, says) in [
        ("TemporalMap(4, 4) X'", "TemporalMap(8,8) X'", "a.m:5: this is none of the mappings"),
        ("TemporalMap(1,1) K", "TemporalMap(Sz(R),Sz(R)) K", "`TemporalMap(Sz(R),Sz(R))K` fits none"),
        (
            "  SpatialMap(1,1) C;\n",
            "",
            "a.m:2: this is none of the mappings of XRBench's WS, OS and RS: it ends",
        ),
        ("SpatialMap(1,1) C;\n", "SpatialMap(1,1) C;\nSpatialMap(1,1) C;\n", "a.m:11:"),
        ("Cluster(4,P);", "Cluster(4,P) }", "a.m:7: `}` where `;` is expected"),
        (OUTPUT_STATIONARY, "", "where `Dataflow` is expected"),
    ] {
        let error = dataflows(&source(&OUTPUT_STATIONARY.replacen(from, to, 1))).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
