//! Platforms: which accelerators there are.

use serde::Deserialize;
use toml::Spanned;

use super::{ACCELERATORS, find, number};
use crate::cost::{Array, Dataflow};
use crate::input::{InputError, Source};

/// A set of accelerators.
#[derive(Clone, Debug)]
pub struct Platform {
    /// Its name, in reports.
    pub name: String,
    /// Its accelerators.
    pub accelerators: Vec<AcceleratorSpec>,
    /// Time that each decision takes on the host processor, in nanoseconds; it delays the dispatch.
    pub decision_ns: u32,
    /// Whether an accelerator that moves to another model has to fetch all its weights first; else they
    /// are streamed layer by layer, which the layers' costs hold.
    pub weights_move: bool,
}

/// One accelerator, validated.
#[derive(Clone, Debug)]
pub struct AcceleratorSpec {
    /// Its name, in reports.
    pub name: String,
    /// Its column in cost tables.
    pub kind: String,
    /// Its array, for the built-in cost model.
    pub array: Array,
    /// Its clock in MHz.
    pub clock_mhz: f64,
    /// Time of a switch to another job in nanoseconds; `None`: its activations over the bandwidth.
    pub switch_ns: Option<u32>,
    /// Energy of a switch to another job in nanojoules; `None`: its activations at `switch_pj_per_byte`.
    pub switch_nj: Option<u32>,
    /// Energy of each byte of activations that a switch moves, in picojoules.
    pub switch_pj_per_byte: f64,
}

/// Energy per byte of activations that a switch moves, unless the platform says otherwise: LPDDR4
/// at about 4 pJ per bit.
const SWITCH_PJ_PER_BYTE: f64 = 32.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlatformFile {
    name: Spanned<String>,
    decision_ns: Option<Spanned<f64>>,
    weights_move: Option<bool>,
    #[serde(default)]
    accelerator: Vec<AcceleratorEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceleratorEntry {
    name: Spanned<String>,
    kind: String,
    dataflow: Spanned<String>,
    pes: Spanned<f64>,
    noc_bytes_per_cycle: Spanned<f64>,
    clock_mhz: Spanned<f64>,
    switch_ns: Option<Spanned<f64>>,
    switch_nj: Option<Spanned<f64>>,
    switch_pj_per_byte: Option<Spanned<f64>>,
}

const BUILT_IN: [(&str, &str); 8] = [
    ("4k-3ws", include_str!("../../platforms/4k-3ws.toml")),
    ("4k-3os", include_str!("../../platforms/4k-3os.toml")),
    ("4k-1ws-2os", include_str!("../../platforms/4k-1ws-2os.toml")),
    ("4k-1os-2ws", include_str!("../../platforms/4k-1os-2ws.toml")),
    ("8k-3ws", include_str!("../../platforms/8k-3ws.toml")),
    ("8k-3os", include_str!("../../platforms/8k-3os.toml")),
    ("8k-1ws-2os", include_str!("../../platforms/8k-1ws-2os.toml")),
    ("8k-1os-2ws", include_str!("../../platforms/8k-1os-2ws.toml")),
];

impl Platform {
    /// The platform that commands use unless another is named.
    pub const DEFAULT: &'static str = "4k-1ws-2os";

    /// The names of the built-in platforms.
    pub fn built_in() -> [&'static str; 8] {
        BUILT_IN.map(|(name, _)| name)
    }

    /// A built-in platform by name, or one from a file (a name that ends in `.toml`).
    pub fn load(name_or_path: &str) -> Result<Self, InputError> {
        Self::parse(&Self::source(name_or_path)?)
    }

    /// The text of a built-in platform, or of a file.
    pub fn source(name_or_path: &str) -> Result<Source, InputError> {
        find(name_or_path, "platform", &BUILT_IN)
    }

    /// Parses and validates.
    pub fn parse(source: &Source) -> Result<Self, InputError> {
        let file: PlatformFile = source.parse_toml()?;
        source.check_name(&file.name)?;
        let count = file.accelerator.len();
        if count == 0 || count > ACCELERATORS {
            let what = format!("the platform has {count} accelerators");
            let remedy = format!("give 1 to {ACCELERATORS} as [[accelerator]]");
            return Err(InputError::new(&source.origin, what, remedy));
        }
        let mut accelerators: Vec<AcceleratorSpec> = Vec::with_capacity(count);
        for entry in &file.accelerator {
            source.check_name(&entry.name)?;
            let name = entry.name.get_ref();
            if accelerators.iter().any(|other| other.name == *name) {
                let what = format!("a second accelerator has the name `{name}`");
                return Err(source.error_at(&entry.name.span(), what, "give each a name of its own"));
            }
            accelerators.push(entry.validate(source)?);
        }
        let decision_ns = whole(source, file.decision_ns.as_ref(), "decision_ns")?.unwrap_or(0);
        let weights_move = file.weights_move.unwrap_or(false);
        Ok(Self { name: file.name.into_inner(), accelerators, decision_ns, weights_move })
    }
}

impl AcceleratorEntry {
    fn validate(&self, source: &Source) -> Result<AcceleratorSpec, InputError> {
        let dataflow: Dataflow = self.dataflow.get_ref().parse().map_err(|_| {
            let what = format!("unknown dataflow `{}`", self.dataflow.get_ref());
            source.error_at(&self.dataflow.span(), what, "use ws, os or rs")
        })?;
        let count = |value: &Spanned<f64>, key: &str| {
            let valid = |v: f64| (1.0..=16_777_216.0).contains(&v) && v.fract() == 0.0;
            number(source, value, key, "that is whole, from 1 to 16777216", valid).map(|v| v as u32)
        };
        let array = Array {
            dataflow,
            pes: count(&self.pes, "pes")?,
            noc_bytes_per_cycle: count(&self.noc_bytes_per_cycle, "noc_bytes_per_cycle")?,
        };
        let per_byte = self.switch_pj_per_byte.as_ref();
        Ok(AcceleratorSpec {
            name: self.name.get_ref().clone(),
            kind: self.kind.clone(),
            array,
            clock_mhz: number(source, &self.clock_mhz, "clock_mhz", "from 0.001 to 100000", |v| {
                (1e-3..=1e5).contains(&v)
            })?,
            switch_ns: whole(source, self.switch_ns.as_ref(), "switch_ns")?,
            switch_nj: whole(source, self.switch_nj.as_ref(), "switch_nj")?,
            switch_pj_per_byte: per_byte.map_or(Ok(SWITCH_PJ_PER_BYTE), |value| {
                number(source, value, "switch_pj_per_byte", "from 0 to 1e6", |v| (0.0..=1e6).contains(&v))
            })?,
        })
    }
}

/// A whole number of a `u32`.
fn whole(source: &Source, value: Option<&Spanned<f64>>, key: &str) -> Result<Option<u32>, InputError> {
    let valid = |v: f64| (0.0..=f64::from(u32::MAX)).contains(&v) && v.fract() == 0.0;
    let range = "that is whole, from 0 to 4294967295";
    value.map(|value| number(source, value, key, range, valid).map(|v| v as u32)).transpose()
}
