//! `{"runs": [...]}`, see [`Run`].

use std::io::{self, Write};

use serde::Serialize;

use super::Run;

#[derive(Serialize)]
struct Document<'a> {
    runs: &'a [Run],
}

pub(super) fn write(runs: &[Run], out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &Document { runs })?;
    writeln!(out)
}
