//! Proof on real models: every ONNX and TensorFlow Lite file is imported, costed and scheduled.
//!
//! `SDRM3_DATA=FOLDER cargo test -p sdrm3-host-sim --test models` wants a folder with `models/onnx/*.onnx` (graphs
//! without weights) and `models/tflite/*.tflite`. Multiplications are held against counts that do not come from this
//! program: for TensorFlow Lite those of an independent reader, for ONNX what follows from the published
//! architectures, worked out below. Without `SDRM3_DATA` nothing is proved, and the tests say so.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use sdrm3_host_sim::import::{ImportedNetwork, onnx, tflite};
use sdrm3_host_sim::report::table;

/// The folder; none, and a word about it, if it is not given.
fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("SDRM3_DATA").map(|folder| PathBuf::from(folder).join("models"));
    if folder.is_none() {
        sdrm3_check::skipped("models", "SDRM3_DATA does not name the folder with the data");
    }
    folder
}

/// Prints past the test harness, which hides what passing tests print.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Multiplications of a convolution: output side, output and input channels, kernel side, groups.
fn conv(side: u64, k: u64, c: u64, kernel: u64, groups: u64) -> u64 {
    side * side * k * c / groups * kernel * kernel
}

/// AlexNet (Krizhevsky et al. 2012; grouped, as Caffe's bvlc_alexnet) on 224 x 224 without padding: its first
/// layer then has 54 x 54 outputs and the later ones 26 and 12, where the 227 x 227 of the paper give
/// 55, 27 and 13, and 724 M.
fn alexnet() -> u64 {
    conv(54, 96, 3, 11, 1)
        + conv(26, 256, 96, 5, 2)
        + conv(12, 384, 256, 3, 1)
        + conv(12, 384, 384, 3, 2)
        + conv(12, 256, 384, 3, 2)
        + 256 * 6 * 6 * 4096
        + 4096 * 4096
        + 4096 * 1000
}

/// SqueezeNet 1.1 (Iandola et al. 2016, and their repository for 1.1): 3 x 3 in the first layer and pooling
/// early, 2.4 times less than the 0.86 G of 1.0.
fn squeezenet() -> u64 {
    let fires = [
        (55, 64, 16, 64),
        (55, 128, 16, 64),
        (27, 128, 32, 128),
        (27, 256, 32, 128),
        (13, 256, 48, 192),
        (13, 384, 48, 192),
        (13, 384, 64, 256),
        (13, 512, 64, 256),
    ];
    let fire = |(side, c, squeeze, expand)| {
        conv(side, squeeze, c, 1, 1) + conv(side, expand, squeeze, 1, 1) + conv(side, expand, squeeze, 3, 1)
    };
    conv(111, 64, 3, 3, 1) + fires.into_iter().map(fire).sum::<u64>() + conv(13, 1000, 512, 1, 1)
}

/// GoogLeNet (Szegedy et al. 2015, table 1: input channels; 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection).
/// In the paper layers lie on sides of 56, 28, 14 and 7 (1.58 G); the file pools without padding and so has
/// 55, 27, 13 and 6.
fn inception([early, sides @ ..]: [u64; 4]) -> u64 {
    let blocks = [
        (0, 192, [64, 96, 128, 16, 32, 32]),
        (0, 256, [128, 128, 192, 32, 96, 64]),
        (1, 480, [192, 96, 208, 16, 48, 64]),
        (1, 512, [160, 112, 224, 24, 64, 64]),
        (1, 512, [128, 128, 256, 24, 64, 64]),
        (1, 512, [112, 144, 288, 32, 64, 64]),
        (1, 528, [256, 160, 320, 32, 128, 128]),
        (2, 832, [256, 160, 320, 32, 128, 128]),
        (2, 832, [384, 192, 384, 48, 128, 128]),
    ];
    let block = |(side, c, [one, reduce3, three, reduce5, five, pool]): (usize, u64, [u64; 6])| {
        let side = sides[side];
        conv(side, one + reduce3 + reduce5 + pool, c, 1, 1)
            + conv(side, three, reduce3, 3, 1)
            + conv(side, five, reduce5, 5, 1)
    };
    conv(112, 64, 3, 7, 1)
        + conv(early, 64, 64, 1, 1)
        + conv(early, 192, 64, 3, 1)
        + blocks.into_iter().map(block).sum::<u64>()
        + 1024 * 1000
}

/// ShuffleNet (Zhang et al. 2018) with four groups; the file is a variant of stages of 136, 272 and 544 channels
/// whose units do not narrow, so that it lies between the paper's 0.5x (38 M) and 1x (133 M).
fn shufflenet() -> u64 {
    let stage = |side: u64, before: u64, channels: u64, units: u64| {
        let new = channels - before;
        let first =
            conv(2 * side, new, before, 1, 4) + conv(side, new, new, 3, new) + conv(side, new, new, 1, 4);
        let unit = 2 * conv(side, channels, channels, 1, 4) + conv(side, channels, channels, 3, channels);
        first + (units - 1) * unit
    };
    conv(112, 24, 3, 3, 1)
        + stage(28, 24, 136, 4)
        + stage(14, 136, 272, 8)
        + stage(7, 272, 544, 4)
        + 544 * 1000
}

/// ResNet-50 (He et al. 2016, table 1), with the stride in the 3 x 3 layers: 4.1 G; in the first 1 x 1 layers,
/// as in the paper, 3.9 G.
fn resnet() -> u64 {
    let stage = |side: u64, before: u64, width: u64, units: u64, stride: u64| {
        let tail = conv(side, width, width, 3, 1) + conv(side, 4 * width, width, 1, 1);
        let first = conv(side * stride, width, before, 1, 1) + conv(side, 4 * width, before, 1, 1);
        first + tail + (units - 1) * (conv(side, width, 4 * width, 1, 1) + tail)
    };
    conv(112, 64, 3, 7, 1)
        + stage(56, 64, 64, 3, 1)
        + stage(28, 256, 128, 4, 2)
        + stage(14, 512, 256, 6, 2)
        + stage(7, 1024, 512, 3, 2)
        + 2048 * 1000
}

#[test]
fn multiplications_agree_with_independent_counts() {
    assert_eq!(inception([56, 28, 14, 7]) / 10_000_000, 158, "as published, about 1.5 G");
    let Some(data) = data() else { return };
    let mut rows = Vec::new();
    let mut check = |imported: &ImportedNetwork, least: u64, most: u64| {
        let sub = &imported.network.subnetworks[0];
        let millions = |n: u64| format!("{:.3}", n as f64 / 1e6);
        let expected = if least == most {
            millions(least)
        } else {
            format!("{} to {}", millions(least), millions(most))
        };
        rows.push(vec![sub.name.to_string(), sub.layers.len().to_string(), millions(sub.macs()), expected]);
        assert!((least..=most).contains(&sub.macs()), "{rows:?}");
    };
    for (file, macs) in [
        ("light_bvlc_alexnet", alexnet()),
        ("light_squeezenet", squeezenet()),
        ("light_inception_v1", inception([55, 27, 13, 6])),
        ("light_shufflenet", shufflenet()),
        ("light_resnet50", resnet()),
    ] {
        let bytes = bytes(&data.join("onnx").join(file).with_extension("onnx"));
        check(&onnx::network(file, file, &bytes).unwrap_or_else(|error| panic!("{error}")), macs, macs);
    }
    // As the independent reader rounds them.
    for (file, least, most) in [
        ("face_detection_front", 30_750_000, 30_850_000),
        ("face_landmark", 34_950_000, 35_050_000),
        ("iris_landmark", 53_650_000, 53_750_000),
        ("embedding_model", 41_950_000, 42_050_000),
        ("micro_okay_nabu", 22_000, 36_999),
    ] {
        let bytes = bytes(&data.join("tflite").join(file).with_extension("tflite"));
        check(&tflite::network(file, file, &bytes).unwrap_or_else(|error| panic!("{error}")), least, most);
    }
    say(&table(&["model", "layers", "M MACs", "counted independently"], rows));
}

#[test]
fn damaged_models_are_refused_or_read_but_never_more() {
    let Some(data) = data() else { return };
    let started = Instant::now();
    let mut read = 0;
    for file in [
        "onnx/light_squeezenet.onnx",
        "onnx/light_shufflenet.onnx",
        "tflite/micro_okay_nabu.tflite",
        "tflite/face_detection_front.tflite",
    ] {
        let whole = bytes(&data.join(file));
        let network = |bytes: &[u8]| {
            if file.ends_with("onnx") {
                onnx::network("n", file, bytes)
            } else {
                tflite::network("n", file, bytes)
            }
        };
        for length in (0..whole.len()).step_by(whole.len() / 150) {
            assert!(file.ends_with("tflite") || network(&whole[..length]).is_err(), "{file} cut to {length}");
            read += usize::from(network(&whole[..length]).is_ok());
        }
        let mut damaged = whole.clone();
        for place in (0..whole.len()).step_by(whole.len() / 300) {
            damaged[place] ^= 1 << (place % 8);
            read += usize::from(network(&damaged).is_ok());
            damaged[place] ^= 1 << (place % 8);
        }
    }
    say(&format!("damaged models: {read} could still be read; {:.1} s", started.elapsed().as_secs_f64()));
}

/// Runs the program in a folder; it must succeed.
fn program(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sdrm3-sim")).current_dir(folder).args(arguments).output();
    let output = output.expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A headset: the wake word every 30 ms (three audio frames of 10 ms) and the embedding behind it; the face in every
/// second picture of a camera of 60 Hz, its landmarks if there is one, and the irises; beside them
/// classifiers of the scene.
const HEADSET: &str = "\
name = 'headset'
[[model]]
name = 'wake word'
network = 'micro_okay_nabu'
fps = 33.333
[[model]]
name = 'embedding'
network = 'embedding_model'
depends_on = 'wake word'
probability = 0.1
[[model]]
name = 'face detection'
network = 'face_detection_front'
fps = 30
[[model]]
name = 'face landmark'
network = 'face_landmark'
depends_on = 'face detection'
probability = 0.8
[[model]]
name = 'iris landmark'
network = 'iris_landmark'
depends_on = 'face landmark'
[[model]]
name = 'scene'
network = 'light_squeezenet'
fps = 10
[[model]]
name = 'objects'
network = 'light_shufflenet'
fps = 15
";

#[test]
fn all_models_are_scheduled_as_one_scenario() {
    let Some(data) = data() else { return };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("models");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    let mut arguments = vec!["import".to_string(), "--out".into(), "ours".into()];
    for (kind, extension) in [("onnx", "onnx"), ("tflite", "tflite")] {
        let entries = std::fs::read_dir(data.join(kind)).expect("the folder is there");
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        paths.retain(|path| path.extension().is_some_and(|e| e == extension));
        arguments.extend(paths.iter().map(|path| path.display().to_string()));
    }
    let models = arguments.len() - 3;
    assert!(models >= 10, "{models} models");
    let said = program(&folder, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(said.contains(&format!("a starter scenario of {models} models")), "{said}");

    // The starter runs as it was written.
    let networks = ["--networks", "ours/networks.csv", "--duration-ms", "1000"];
    let starter = ["compare", "--scenario", "ours/imported.toml", "--policy", "sdrm3", "--format", "json"];
    let starter = program(&folder, &[&starter[..], &networks].concat());
    let starter: serde_json::Value = serde_json::from_str(&starter).expect("JSON");
    assert_eq!(starter["runs"][0]["models"].as_array().map(Vec::len), Some(models));

    std::fs::write(folder.join("headset.toml"), HEADSET).expect("a file can be written");
    let headset = ["compare", "--scenario", "headset.toml", "--format", "json"];
    let headset_json = program(&folder, &[&headset[..], &networks].concat());
    let runs: serde_json::Value = serde_json::from_str(&headset_json).expect("JSON");
    for run in runs["runs"].as_array().expect("runs") {
        let models = run["models"].as_array().expect("models");
        assert_eq!(models.len(), 7);
        let frames = |name: &str| {
            models.iter().find(|model| model["name"] == name).and_then(|model| model["frames"].as_u64())
        };
        assert_eq!((frames("wake word"), frames("face detection")), (Some(34), Some(30)), "{run}");
        assert!(frames("iris landmark") > Some(10), "the cascade runs: {run}");
    }
    say(&program(&folder, &[&["compare", "--scenario", "headset.toml"][..], &networks].concat()));
}
