//! JSON of runs says what they were made of: enough to repeat them.

use serde_json::Value;

use crate::{COSTS, Folder, NETWORKS, PLATFORM, SCENARIO};

const RECORDED: &str = "model,frame,layer,factor,path\neye,0,0,2,next\n";

fn folder(test: &str) -> Folder {
    let scenario = SCENARIO.replace("kws_res8", "mine");
    let files = [
        ("s.toml", &*scenario),
        ("p.toml", PLATFORM),
        ("c.csv", COSTS),
        ("n.csv", NETWORKS),
        ("r.csv", RECORDED),
    ];
    Folder::new(test, &files)
}

fn json(folder: &Folder, command: &str) -> Value {
    serde_json::from_str(&folder.prints(&format!("{command} --format json"))).expect("JSON")
}

/// The command that a result tells of.
fn command(result: &Value) -> String {
    let (inputs, run) = (&result["inputs"], &result["runs"][0]);
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), Into::into);
    let mut command = "run".to_string();
    let mut add = |option: &str, value: &Value| command += &format!(" --{option} {}", text(value));
    for (option, key) in [("policy", "policy"), ("seed", "seed"), ("duration-ms", "duration_ms")] {
        add(option, &run[key]);
    }
    for (option, key) in [("latency-bias", "latency_bias"), ("latency-noise", "latency_noise")] {
        if !inputs[key].is_null() {
            add(option, &inputs[key]);
        }
    }
    for file in inputs["files"].as_array().expect("files") {
        add(file["option"].as_str().expect("an option"), &file["path"]);
    }
    for (name, value) in inputs["param"].as_object().expect("parameters") {
        command += &format!(" --param {name}={value}");
    }
    command
}

#[test]
fn a_run_is_repeated_from_what_its_result_says() {
    let folder = folder("inputs");
    let files = "--scenario s.toml --platform p.toml --costs c.csv --networks n.csv";
    let most = "--recorded r.csv --latency-bias 0.3 --latency-noise 0.1 --seed 5";
    for run in [
        format!("run {files} --duration-ms 300"),
        format!("run {files} {most} --duration-ms 300 --policy sdrm3-gated --param comfort=1.3"),
        format!(
            "run {files} {most} --duration-ms 900 --without drop --param alpha=0.25 --param window_ms=100"
        ),
    ] {
        let result = json(&folder, &run);
        assert_eq!(json(&folder, &command(&result)), result, "{}", command(&result));
    }
}

#[test]
fn a_file_that_has_changed_has_another_checksum() {
    let folder = folder("inputs-changed");
    let compare = "compare --scenario s.toml --scenario s.toml --platform 4k-3ws --networks n.csv --policy fcfs \
                   --duration-ms 50 --latency-bias 0.2";
    let inputs = || json(&folder, compare)["inputs"].clone();
    let before = inputs();
    let files = before["files"].as_array().expect("files");
    let names: Vec<_> = files.iter().map(|file| (&file["option"], &file["path"])).collect();
    let told =
        [("scenario", "s.toml"), ("networks", "n.csv")].map(|(option, path)| (option.into(), path.into()));
    assert_eq!(names, told.each_ref().map(|(option, path): &(Value, Value)| (option, path)), "each once");
    assert_eq!((&before["latency_bias"], &before["latency_noise"]), (&0.2.into(), &Value::Null));

    // FNV-1a, as other programs work it out.
    let sum = folder
        .read_bytes("n.csv")
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    assert_eq!(files[1]["checksum"], format!("{sum:016x}"));
    std::fs::write(folder.0.join("n.csv"), format!("{NETWORKS}mine,c,fc,8,8,1,1,1,1,1,1\n"))
        .expect("written");
    let after = inputs();
    assert_eq!(after["files"][0], files[0]);
    assert_ne!(after["files"][1]["checksum"], files[1]["checksum"]);
}
