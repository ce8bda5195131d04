//! `{"runs": [...], "inputs": {...}}`, see [`Run`] and [`Inputs`].

use std::io::{self, Write};

use serde::Serialize;

use super::{Inputs, Run};

#[derive(Serialize)]
struct Document<'a> {
    runs: &'a [Run],
    inputs: &'a Inputs,
}

pub(super) fn write(runs: &[Run], inputs: &Inputs, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &Document { runs, inputs })?;
    writeln!(out)
}
