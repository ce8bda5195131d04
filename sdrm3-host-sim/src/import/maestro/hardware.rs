//! Hardware and dataflows: what accelerators there are, and how they map loops.

use std::collections::BTreeSet;

use super::super::ImportedAccelerator;
use super::tokens::{Tokens, shown};
use crate::cost::{Array, Dataflow};
use crate::input::{InputError, Source};

/// The accelerators of a hardware file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hardware {
    /// Name, processing elements and bytes per cycle of the network-on-chip of each.
    accelerators: Vec<(String, u32, u32)>,
    /// What was not mapped, a sentence each.
    pub notes: Vec<String>,
}

/// Reads `Accelerator NAME { num_pes: 2048  top_noc_bw: 128 ... }`, one or several.
pub fn hardware(source: &Source) -> Result<Hardware, InputError> {
    let mut tokens = Tokens::new(source);
    let mut accelerators: Vec<(String, u32, u32)> = Vec::new();
    let (mut unused, mut notes) = (BTreeSet::new(), BTreeSet::new());
    while let Some(token) = tokens.next() {
        if token.text != "Accelerator" {
            return Err(tokens.unexpected(Some(token), "`Accelerator`"));
        }
        let name = tokens.word("the accelerator's name")?;
        let (mut pes, mut top, mut inner) = (None, None, None);
        tokens.block("a key of the accelerator, or `}`,", |tokens, key| {
            let range = "a whole number from 1 to 16777216";
            let whole = |tokens: &mut Tokens<'_>| {
                tokens.number(key, range, |n: &u32| (1..=16_777_216).contains(n)).map(Some)
            };
            match key.text {
                "num_pes" => pes = whole(tokens)?,
                "top_noc_bw" => top = whole(tokens)?,
                "col_noc_bw" => inner = whole(tokens)?,
                other => {
                    tokens.accept(":");
                    let value = tokens.word("a value")?.text;
                    if unmodelled(other, value) {
                        unused.insert(shown(other));
                    }
                }
            }
            Ok(())
        })?;
        let (Some(pes), Some(top)) = (pes, top) else {
            let what = format!("accelerator `{}` lacks num_pes or top_noc_bw", shown(name.text));
            return Err(tokens.error_at(name, what, "add `num_pes: ...` and `top_noc_bw: ...`"));
        };
        if let Some(inner) = inner.filter(|&inner| inner != top) {
            notes.insert(format!("col_noc_bw is {inner}, top_noc_bw {top}: the latter stands for both"));
        }
        accelerators.push((name.text.into(), pes, top));
    }
    if accelerators.is_empty() {
        return Err(tokens.unexpected(None, "`Accelerator`"));
    }
    if !unused.is_empty() {
        let keys = unused.into_iter().collect::<Vec<_>>().join(", ");
        notes.insert(format!("the built-in cost model does not use: {keys}"));
    }
    Ok(Hardware { accelerators, notes: notes.into_iter().collect() })
}

/// Whether a key says something that the cost model does not assume anyway.
fn unmodelled(key: &str, value: &str) -> bool {
    match key {
        "top_noc_latency" | "col_noc_latency" => value != "1",
        "top_noc_multicast" | "col_noc_multicast" => !value.eq_ignore_ascii_case("true"),
        _ => true,
    }
}

impl Hardware {
    /// How many accelerators there are.
    pub fn count(&self) -> usize {
        self.accelerators.len()
    }

    /// The accelerators with these dataflows, in the same order; none if the numbers differ.
    pub fn with_dataflows(&self, dataflows: &[Dataflow]) -> Option<Vec<ImportedAccelerator>> {
        let array = |(&(ref name, pes, noc_bytes_per_cycle), &dataflow): (&(String, u32, u32), &Dataflow)| {
            let array = Array { dataflow, pes, noc_bytes_per_cycle };
            ImportedAccelerator { name: name.clone(), array }
        };
        (dataflows.len() == self.count())
            .then(|| self.accelerators.iter().zip(dataflows).map(array).collect())
    }
}

/// The mappings that XRBench uses, as its files write them. The cost model has the same with wider tiles
/// (see `cost::dataflow`).
pub(super) const KNOWN: [(Dataflow, &[&str]); 3] = [
    (
        Dataflow::WeightStationary,
        &[
            "TemporalMap(16,16)C",
            "TemporalMap(16,16)K",
            "TemporalMap(1,1)Y'",
            "SpatialMap(1,1)X'",
            "Cluster(16,P)",
            "SpatialMap(1,1)K",
            "TemporalMap(64,64)C",
            "TemporalMap(1,1)Y'",
            "TemporalMap(1,1)X'",
            "Cluster(16,P)",
            "SpatialMap(1,1)C",
        ],
    ),
    (
        Dataflow::OutputStationary,
        &[
            "TemporalMap(1,1)K",
            "SpatialMap(1,1)Y'",
            "TemporalMap(4,4)X'",
            "TemporalMap(16,16)C",
            "Cluster(4,P)",
            "SpatialMap(1,1)X'",
            "Cluster(16,P)",
            "SpatialMap(1,1)C",
        ],
    ),
    (
        Dataflow::RowStationary,
        &[
            "TemporalMap(1,1)Y'",
            "TemporalMap(16,16)X'",
            "TemporalMap(4,4)C",
            "SpatialMap(1,1)K",
            "Cluster(16,P)",
            "TemporalMap(1,1)Y'",
            "SpatialMap(1,1)X'",
            "TemporalMap(4,4)C",
            "TemporalMap(1,1)K",
            "Cluster(4,P)",
            "SpatialMap(1,1)Y",
            "SpatialMap(1,1)R",
        ],
    ),
];

/// Reads `Dataflow { TemporalMap(16,16) C; ... }`, one or several, and tells which of the three
/// dataflows of the cost model each is.
pub fn dataflows(source: &Source) -> Result<Vec<Dataflow>, InputError> {
    let mut tokens = Tokens::new(source);
    let mut found = Vec::new();
    while let Some(start) = tokens.next() {
        if start.text != "Dataflow" {
            return Err(tokens.unexpected(Some(start), "`Dataflow`"));
        }
        tokens.accept(":");
        tokens.expect("{")?;
        // Statement by statement, the dataflows that it can still be.
        let mut candidates: Vec<(Dataflow, &[&str])> = KNOWN.to_vec();
        while !tokens.accept("}") {
            let first = tokens.word("a directive or `}`")?;
            let mut statement = first.text.to_string();
            loop {
                match tokens.next() {
                    Some(token) if token.text == ";" => break,
                    Some(token) if !["{", "}"].contains(&token.text) => statement.push_str(token.text),
                    other => return Err(tokens.unexpected(other, "`;`")),
                }
            }
            candidates.retain_mut(|(_, rest)| match rest.split_first() {
                Some((&next, behind)) if next == statement => {
                    *rest = behind;
                    true
                }
                _ => false,
            });
            if candidates.is_empty() {
                let what = format!(
                    "this is none of the mappings of XRBench's WS, OS and RS: `{}` fits none of them",
                    shown(&statement)
                );
                return Err(tokens.error_at(first, what, REMEDY));
            }
        }
        match candidates.iter().find(|(_, rest)| rest.is_empty()) {
            Some(&(dataflow, _)) => found.push(dataflow),
            None => {
                let what = "this is none of the mappings of XRBench's WS, OS and RS: it ends before they do";
                return Err(tokens.error_at(start, what, REMEDY));
            }
        }
    }
    if found.is_empty() {
        return Err(tokens.unexpected(None, "`Dataflow`"));
    }
    Ok(found)
}

const REMEDY: &str = "the cost model has those three only; measured costs (--costs) serve any other";
