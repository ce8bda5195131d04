//! `{"inputs": {...}, "runs": [...]}`, see [`Inputs`] and [`Run`].

use std::io::{self, Write};

use serde::Serialize;

use super::{Inputs, Run};

#[derive(Serialize)]
struct Document<'a> {
    inputs: &'a Inputs,
    runs: &'a [Run],
}

pub(super) fn write(runs: &[Run], inputs: &Inputs, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &Document { inputs, runs })?;
    writeln!(out)
}
