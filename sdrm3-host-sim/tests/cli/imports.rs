//! What it imports.

use crate::Folder;

const MAESTRO_SCENARIO: &str = "\
Network Face { FPS: 30
  Layer a { Type: CONV Stride { X: 2, Y: 2 } Dimensions: { K: 16, C: 3, Y: 226, X: 226, R: 3, S: 3 } }
  Layer b { Type: DSCONV Dimensions: { K: 1, C: 16, Y: 2, X: 2, R: 3, S: 3 } }
}
Network Who { FPS: 30 Probability: 0.5 Dependency: { Face }
  Layer out { Type: CONV Dimensions: { N: 1, K: 8, C: 16, Y: 1, X: 1, R: 1, S: 1 } }
}
";
const MAESTRO_HARDWARE: &str = "Accelerator Acc0 { num_pes: 2048 top_noc_bw: 256 offchip_bw: 64 }\n";
const MAESTRO_DATAFLOW: &str = "\
Dataflow { TemporalMap(1,1) K; SpatialMap(1,1) Y'; TemporalMap(4,4) X'; TemporalMap(16,16) C;
  Cluster(4,P); SpatialMap(1,1) X'; Cluster(16, P); SpatialMap(1,1) C; }
";

#[test]
fn an_import_of_maestro_files_can_be_run() {
    let files = [("who.m", MAESTRO_SCENARIO), ("hw.m", MAESTRO_HARDWARE), ("os.m", MAESTRO_DATAFLOW)];
    let folder = Folder::new("import", &files);
    let import = "import maestro who.m --hardware hw.m --dataflow os.m --out ours";
    let said = folder.prints(import);
    for part in [
        "who.toml: a scenario of 2 models",
        "hw-os.toml: a platform of 1 accelerators",
        "networks.csv: 2 networks, 3 layers",
        "who.m: Face: 1 layers have an input smaller than their window",
        "hw.m: the built-in cost model does not use: offchip_bw",
    ] {
        assert!(said.contains(part), "no `{part}` in: {said}");
    }
    assert!(folder.read("ours/hw-os.toml").contains("kind = \"os-2048-256\""), "not the usual bandwidth");

    let command =
        said.lines().last().and_then(|line| line.strip_prefix("to run it: sdrm3-sim ")).expect("a hint");
    let compared = folder.prints(command);
    assert!(compared.contains("who") && compared.contains("hw-os"), "{compared}");

    folder.refuses(import, &["--out: ", "who.toml exists already; remove it or name another directory"]);
}

#[test]
fn an_import_that_cannot_be_right_writes_nothing() {
    let other = MAESTRO_SCENARIO.replace("K: 8", "K: 9");
    let many: String = (0..33)
        .map(|n| MAESTRO_SCENARIO.replace("Face", &format!("F{n}")).replace("Who", &format!("W{n}")))
        .collect();
    let flow = MAESTRO_DATAFLOW.replace("(4,4)", "(8,8)");
    let files = [
        ("who.m", MAESTRO_SCENARIO),
        ("hw.m", MAESTRO_HARDWARE),
        ("os.m", MAESTRO_DATAFLOW),
        ("two.m", &MAESTRO_DATAFLOW.repeat(2)),
        ("flow.m", &flow),
        ("other.m", &other),
        ("many.m", &many),
        ("cut.m", &MAESTRO_SCENARIO[..60]),
    ];
    let folder = Folder::new("bad_import", &files);
    let cases: &[(&str, &[&str])] = &[
        ("cut.m", &["cut.m:2: the end of the file where ", "; see"]),
        ("missing.m", &["missing.m: ", "; give the path"]),
        ("who.m other.m", &["other.m: network `Who` differs from that of who.m; import"]),
        ("who.m who.m", &["--out: ", "would be written twice; "]),
        ("many.m", &["many.toml: the scenario has 66 models; keep at most 32"]),
        ("who.m --hardware hw.m", &["--dataflow: a platform needs hardware and dataflows; add"]),
        ("who.m --dataflow os.m", &["--hardware: a platform needs hardware and dataflows; add"]),
        ("--hardware hw.m --dataflow two.m", &["two.m: 2 dataflows for the 1 accelerators of hw.m; "]),
        ("--hardware hw.m --dataflow flow.m", &["flow.m:1: this is none of the mappings", "; the cost"]),
        ("--hardware who.m --dataflow os.m", &["who.m:1: `Network` where `Accelerator`"]),
    ];
    for (arguments, says) in cases {
        folder.refuses(&format!("import maestro {arguments} --out ours"), says);
        assert!(!folder.0.join("ours").exists(), "{arguments:?} left something");
    }
}

const VELA: &str = "\
TFLite_operator,NNG Operator,SRAM Usage,Peak%,Op Cycles,Network%,NPU,SRAM AC,DRAM AC,OnFlash AC,OffFlash AC,MAC Count,Network%,Util%,Name
CONV_2D,Conv2DBias,11936,54.7,7312.0,17.6,7312.0,2000.0,0.0,0.0,0.0,73008,8.7,3.9,conv1/Relu;conv1/Conv2D
MAX_POOL_2D,MaxPool,10944,50.1,2992.0,7.2,1330.0,2992.0,0.0,0.0,0.0,6912,0.8,0.9,pool/MaxPool
";

#[test]
fn estimates_of_vela_and_networks_of_maestro_can_be_run_together() {
    let files = [("net_per-layer.csv", VELA), ("who.m", MAESTRO_SCENARIO)];
    let folder = Folder::new("import_any", &files);
    let import = "import net_per-layer.csv who.m --clock-mhz 500 --nj-per-mac 0.001 --out ours";
    let said = folder.prints(import);
    for part in [
        "net           2   0.080",
        "Face",
        "ours/imported.toml: a starter scenario of 3 models: set its frame rates",
        "ours/networks.csv: 2 networks, 3 layers",
        "ours/costs.csv: costs on `ethos-u`",
        "net: cycles at 500 MHz, and 30 % above",
    ] {
        assert!(said.contains(part), "no `{part}` in: {said}");
    }
    assert!(folder.read("ours/costs.csv").contains("net,0:conv1/Relu;conv1/Conv2D,ethos-u,19011,73.008"));
    let scenario = folder.read("ours/imported.toml");
    assert!(
        scenario.starts_with("# A starter: ") && scenario.contains("depends_on = \"face\""),
        "{scenario}"
    );
    let command =
        said.lines().last().and_then(|line| line.strip_prefix("to run it: sdrm3-sim ")).expect("a hint");
    assert!(folder.prints(command).contains("imported"));
    folder
        .refuses(import, &["--out: ours/imported.toml exists already; remove it or name another directory"]);
}

#[test]
fn files_that_cannot_be_imported_are_refused() {
    let own = "network,layer,op,k,c,y,x,r,s,stride,groups\n";
    let zoo = MAESTRO_SCENARIO.replace("Face", "googlenet");
    let files = [
        ("a.tflite", "no model"),
        ("a.onnx", "no model"),
        ("a.m", "Network"),
        ("a.csv", "x,y\n1,2\n"),
        ("own.csv", own),
        ("a.bin", "?"),
        ("v_per-layer.csv", VELA),
        ("v.csv", &VELA.replace("7312.0", "many")),
        ("who.m", MAESTRO_SCENARIO),
        ("zoo.m", &zoo),
    ];
    let folder = Folder::new("bad_import_any", &files);
    let cases: &[(&str, &[&str])] = &[
        ("a.tflite", &["a.tflite: byte 4: the file has no identifier `TFL3`; see"]),
        ("a.onnx", &["a.onnx: ", "; see that it is a whole ONNX model"]),
        ("a.m", &["a.m:1: "]),
        ("a.csv", &["a.csv:1: no per-layer table of Vela; give"]),
        ("own.csv", &["own.csv: a table of ours; it needs no import: use it with --networks or --costs"]),
        ("a.bin", &["a.bin: a file of an unknown format; give a .tflite, .onnx or .m file"]),
        ("missing.onnx", &["missing.onnx: ", "; give the path of a readable file"]),
        ("v_per-layer.csv", &["--clock-mhz: v_per-layer.csv counts cycles, of an unknown clock; add"]),
        ("v.csv --clock-mhz 500", &["v.csv:2: Op Cycles is `many`, not a number from 0; expected"]),
        ("who.m who.m", &["who.m: a second network is named `Face`, beside that of who.m; import"]),
        ("v_per-layer.csv --clock-mhz 0", &["command line: ", "give a number from 0.001"]),
        ("", &["command line: ", "<FILE>...", "; see --help"]),
        (
            "who.m --kind npu",
            &["--kind: none of the files is an estimate of Vela, for which it is; leave it out"],
        ),
        ("who.m --clock-mhz 500", &["--clock-mhz: none of the files is an estimate of Vela"]),
        ("who.m --margin-percent 30", &["--margin-percent: none of the files is an estimate of Vela"]),
        ("who.m --nj-per-mac 0", &["--nj-per-mac: none of the files is an estimate of Vela"]),
    ];
    for (arguments, says) in cases {
        folder.refuses(&format!("import {arguments} --out ours"), says);
        assert!(!folder.0.join("ours").exists(), "{arguments:?} left something");
    }
    let said = folder.prints("import zoo.m --out ours");
    assert!(said.contains("googlenet_imported: so named because there is a built-in network"), "{said}");
    folder.prints(
        "compare --scenario ours/imported.toml --networks ours/networks.csv --duration-ms 50 --policy fcfs",
    );
}
