//! What holds for every reader of files: any input gives a result or an error, and soon.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::vela::{self, Conversion};
use super::{maestro, onnx, tflite};
use crate::input::Source;

/// Reads a sound file cut off at every length, with every bit flipped, and with bytes put at random; the
/// reader must neither panic nor dawdle. `read` says whether it was given a result.
pub(super) fn assert_total(sound: &[u8], read: impl Fn(&[u8]) -> bool) {
    assert!(read(sound), "the file is not sound to begin with");
    let started = Instant::now();
    for length in 0..sound.len() {
        read(&sound[..length]);
    }
    let mut flipped = sound.to_vec();
    for bit in 0..8 * sound.len() {
        flipped[bit / 8] ^= 1 << (bit % 8);
        read(&flipped);
        flipped[bit / 8] ^= 1 << (bit % 8);
    }
    let edits = prop::collection::vec((0..sound.len(), any::<u8>()), 1..20);
    let mut runner = TestRunner::deterministic();
    let edited = runner.run(&edits, |edits| {
        let mut bytes = sound.to_vec();
        edits.into_iter().for_each(|(place, byte)| bytes[place] = byte);
        read(&bytes);
        Ok(())
    });
    assert!(edited.is_ok(), "{edited:?}");
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

/// Every reader on the same bytes; how long the slowest took.
fn slowest(bytes: &[u8]) -> Duration {
    let conversion = Conversion { kind: "k".into(), clock_mhz: 1.0, margin_percent: 0.0, nj_per_mac: 0.0 };
    let source = Source { origin: "f".into(), text: String::from_utf8_lossy(bytes).into_owned() };
    let time = |read: &dyn Fn() -> Option<String>| {
        let started = Instant::now();
        if let Some(error) = read() {
            assert!(error.lines().count() == 1 && error.len() < 1500, "{error}");
        }
        started.elapsed()
    };
    let times = [
        time(&|| tflite::network("n", "f", bytes).err().map(|error| error.to_string())),
        time(&|| onnx::network("n", "f", bytes).err().map(|error| error.to_string())),
        time(&|| maestro::scenario(&source).err().map(|error| error.to_string())),
        time(&|| vela::costs(&source, &conversion).err().map(|error| error.to_string())),
    ];
    times.into_iter().max().unwrap_or_default()
}

proptest! {
    #[test]
    fn random_bytes_are_refused_in_one_line(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        slowest(&bytes);
        slowest(&[&[20, 0, 0, 0], &b"TFL3"[..], &bytes].concat());
        slowest(&[b"Op Cycles,MAC Count,Name\n", &bytes[..]].concat());
    }
}

#[test]
fn ten_megabytes_take_no_longer_than_they_must() {
    let size = 10 << 20;
    let lines = [
        "x".repeat(size),
        ",".repeat(size),
        format!("Op Cycles,MAC Count,Name\n{},1,a\n", "9".repeat(size)),
        format!("Op Cycles,MAC Count,Name\n1,1,\"{}\n", "a".repeat(size)),
        "Network ".repeat(size / 8),
        "{".repeat(size),
        // Ten continuation bytes of a number, and messages within messages.
        "\u{7ff}".repeat(size / 2),
        ":\u{1}".repeat(size / 2),
        "\n\u{7f}".repeat(size / 2),
    ];
    for line in lines {
        let took = slowest(line.as_bytes());
        assert!(took < Duration::from_secs(20), "{took:?} for {:?}...", &line[..20]);
    }
}
