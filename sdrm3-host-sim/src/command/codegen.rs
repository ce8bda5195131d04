//! `codegen`: the tables of a scenario on a platform as source code.

use std::io::Write;
use std::path::Path;

use bumpalo::Bump;
use clap::{Args, ValueEnum};

use super::Failure;
use super::output::{OutputFile, Writing};
use crate::codegen::{c, rust};
use crate::input::InputError;
use crate::network::Library;
use crate::replay::Origin;
use crate::scenario::{CostTable, Platform, Scenario, build};

const EXAMPLES: &str = "\
Examples:
  sdrm3-sim codegen --scenario vr_gaming --platform 4k-1ws-2os --out src/vr_gaming.rs
  sdrm3-sim codegen --scenario mine.toml --platform board.toml --costs measured.csv --out mine.rs --force
  sdrm3-sim codegen --scenario vr_gaming --out vr_gaming.c           # and vr_gaming.h, for the C library";

/// The language of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Language {
    /// For sdrm3-core
    Rust,
    /// For the C library: a source and a header
    C,
}

/// Options of `codegen`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// Scenario, built in or a file
    #[arg(long, value_name = "NAME|FILE.toml")]
    scenario: String,
    /// Platform, built in or a file
    #[arg(long, value_name = "NAME|FILE.toml", default_value = Platform::DEFAULT)]
    platform: String,
    /// Measured costs that replace the built-in cost model for the networks they name
    #[arg(long, value_name = "FILE.csv")]
    costs: Option<String>,
    /// Layer table of networks beside the built-in ones; repeat for several
    #[arg(long, value_name = "FILE.csv")]
    networks: Vec<String>,
    /// Language of the tables [default: c if --out ends in .c, else rust]
    #[arg(long, value_enum)]
    language: Option<Language>,
    /// Write the code there instead of to standard output; C is a FILE.c, and a FILE.h beside it
    #[arg(long, value_name = "FILE.rs|FILE.c")]
    out: Option<String>,
    #[command(flatten)]
    writing: Writing,
}

/// Writes the code; how large the tables are goes to standard error.
pub(super) fn codegen(options: &Options, text: &mut impl Write) -> Result<(), Failure> {
    let (scenario, platform) = (Scenario::load(&options.scenario)?, Platform::load(&options.platform)?);
    let library = Library::load(options.networks.iter().map(String::as_str))?;
    let costs = options.costs.as_deref().map(CostTable::load).transpose()?;
    costs.as_ref().map_or(Ok(()), |costs| costs.check_used([&scenario]))?;
    let memory = Bump::new();
    let workload = build(&scenario, &platform, &library, costs.as_ref(), &memory)?;
    let origin = Origin {
        scenario: Some(options.scenario.clone()),
        platform: Some(options.platform.clone()),
        costs: options.costs.clone(),
        networks: options.networks.clone(),
        ..Origin::default()
    };
    let named_c = || options.out.as_deref().is_some_and(|path| path.ends_with(".c"));
    let language = options.language.unwrap_or(if named_c() { Language::C } else { Language::Rust });
    let (segments, bytes) = match language {
        Language::Rust => {
            let out = options.writing.optional("--out", options.out.as_deref())?;
            let tables = rust::tables(&workload, &origin);
            match out {
                Some(mut file) => {
                    file.write(tables.code.as_bytes())?;
                    file.finish()?;
                }
                None => text.write_all(tables.code.as_bytes())?,
            }
            (tables.segments, tables.bytes)
        }
        Language::C => {
            let path = options.out.as_deref().filter(|path| path.ends_with(".c")).map(Path::new);
            let stem = path.and_then(Path::file_stem).and_then(|stem| stem.to_str());
            let (Some(path), Some(stem)) = (path, stem) else {
                let remedy = "name a FILE.c with --out; its FILE.h is written beside it";
                return Err(InputError::new("--language", "C tables are two files", remedy).into());
            };
            if stem.eq_ignore_ascii_case("sdrm3") {
                let what = format!("{stem}.h beside it would stand before the library's own sdrm3.h");
                return Err(InputError::new("--out", what, "give it another name").into());
            }
            let header = path.with_extension("h").display().to_string();
            let mut files = [
                options.writing.file("--out", &path.display().to_string())?,
                options.writing.file("--out", &header)?,
            ];
            let tables = c::tables(&workload, &origin, stem);
            for (file, code) in files.iter_mut().zip([&tables.source, &tables.header]) {
                file.write(code.as_bytes())?;
            }
            files.into_iter().try_for_each(OutputFile::finish)?;
            (tables.segments, tables.bytes)
        }
    };
    let checksum = workload.checksum();
    eprintln!("{segments} segments in {bytes} bytes of flash, checksum {checksum:016x}");
    Ok(())
}
