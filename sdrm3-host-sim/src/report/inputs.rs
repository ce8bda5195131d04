//! What the runs of one command were made of, beside what each says of itself: with both they can be repeated.

use std::collections::BTreeMap;
use std::fs;

use sdrm3_core::Checksum;
use serde::Serialize;

use crate::input::{InputError, read_bytes};

/// What the runs of one command have in common.
#[derive(Clone, Debug, Serialize)]
pub struct Inputs {
    /// Version of the program.
    pub version: &'static str,
    /// Parameters of policies, by name.
    pub param: BTreeMap<&'static str, f64>,
    /// Bias of latencies in the place of the scenario's.
    pub latency_bias: Option<f64>,
    /// Noise of latencies in the place of the scenario's.
    pub latency_noise: Option<f64>,
    /// The files that were read.
    pub files: Vec<InputFile>,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InputFile {
    /// The option that named it.
    pub option: &'static str,
    /// Its path, as it was given.
    pub path: String,
    /// Checksum of its bytes; `None` of a pipe, which cannot be read a second time.
    pub checksum: Option<String>,
}

impl InputFile {
    /// The file that an option names.
    pub fn new(option: &'static str, path: &str) -> Result<Self, InputError> {
        let is_file = fs::metadata(path).is_ok_and(|data| data.is_file());
        let checksum = is_file.then(|| read_bytes(path)).transpose()?;
        let text = |bytes: Vec<u8>| format!("{:016x}", Checksum::EMPTY.bytes(&bytes).value());
        Ok(Self { option, path: path.into(), checksum: checksum.map(text) })
    }
}
