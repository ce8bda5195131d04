//! `sweep`: many runs over a grid of settings, or over random ones.

use std::path::Path;
use std::time::Instant;

use bumpalo::Bump;
use clap::Args;
use rayon::prelude::*;

use super::Failure;
use super::output::Writing;
use super::progress::Progress;
use super::threads::Threads;
use crate::input::InputError;
use crate::network::Library;
use crate::scenario::{CostTable, Scenario};
use crate::sweep::journal::Journal;
use crate::sweep::{Definition, Header, Key, RowFormat, Setting, Shard, Sweep, row, shard};

const EXAMPLES: &str = "\
Values:
  a,b,c     these
  1..20     whole numbers, both ends included
  0:2:0.25  from 0 to 2 in steps
  0:2       any number between, with --random

Examples:
  sdrm3-sim sweep --grid scenario=all --grid policy=edf,sdrm3 --grid seed=1..20 --out seeds.csv
  sdrm3-sim sweep --grid scenario=vr_gaming --grid alpha=0:2:0.25 --grid beta=0:2:0.25 --out weights.csv
  sdrm3-sim sweep --grid scenario=ar_call --grid alpha=0:2 --grid fps_scale=0.5:2 --random 1000 --out random.csv
  sdrm3-sim sweep --grid scenario=ar_call --grid policy=sdrm3-gated --grid comfort=1:3:0.5 --out comfort.csv
  sdrm3-sim sweep --file sweep.toml --shard 2/4 --out part2.csv      # the second of four machines
  sdrm3-sim merge part*.csv --out whole.csv";

/// What there is to vary, for the help.
fn parameters() -> String {
    let line = |key: Key| {
        let default = match key.default() {
            Some(value) => format!("default {value}"),
            None if key.is_optional() => "default the scenario's".into(),
            None => "must be given".into(),
        };
        format!("  {:<13} {} [{default}]\n", key.name(), key.values())
    };
    format!(
        "Parameters, in the order of columns; the last one varies fastest:\n{}",
        Key::ALL.map(line).concat()
    )
}

/// Options of `sweep`.
#[derive(Args, Clone, Debug)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", parameters()))]
pub(super) struct Options {
    /// A parameter and its values; repeat for several
    #[arg(long, value_name = "NAME=VALUES", required_unless_present = "file")]
    grid: Vec<String>,
    /// Read random, sweep_seed and a table [grid] of parameters from a file; --grid counts more
    #[arg(long, value_name = "FILE.toml")]
    file: Option<String>,
    /// Run so many random cells instead of all
    #[arg(long, allow_negative_numbers = true, value_name = "N")]
    random: Option<usize>,
    /// Seed of the random cells [default: 1]
    #[arg(long, allow_negative_numbers = true, value_name = "S")]
    sweep_seed: Option<u64>,
    /// Measured costs that replace the built-in cost model for the networks they name
    #[arg(long, value_name = "FILE.csv")]
    costs: Option<String>,
    /// Layer table of networks beside the built-in ones; repeat for several
    #[arg(long, value_name = "FILE.csv")]
    networks: Vec<String>,
    /// Run every N-th cell only, from the I-th (counted from 1): one of N machines, see `merge`
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,
    #[command(flatten)]
    threads: Threads,
    /// Format of the rows
    #[arg(long, value_enum, default_value_t)]
    format: RowFormat,
    /// The result; finished rows are kept in FILE.partial, and the same command goes on with them
    #[arg(long, value_name = "FILE")]
    out: String,
    #[command(flatten)]
    writing: Writing,
}

impl Options {
    /// What is to be run.
    fn definition(&self) -> Result<Sweep, InputError> {
        let mut definition = self.file.as_deref().map(Definition::load).transpose()?.unwrap_or_default();
        for (index, given) in self.grid.iter().enumerate() {
            let name = |text: &str| text.split('=').next().map(|name| name.trim().to_string());
            if self.grid[..index].iter().any(|other| name(other) == name(given)) {
                let what = format!("`{given}` names a parameter a second time");
                return Err(InputError::new("--grid", what, "give all its values at once, as in seed=1,2,3"));
            }
            definition.add(given)?;
        }
        definition.random = self.random.or(definition.random);
        definition.sweep_seed = self.sweep_seed.or(definition.sweep_seed);
        definition.sweep()
    }
}

/// What all cells have in common.
struct Rest {
    library: Library,
    costs: Option<CostTable>,
    format: RowFormat,
}

/// Sweeps, and writes the result; what was done goes to standard error.
pub(super) fn sweep(options: &Options) -> Result<(), Failure> {
    let sweep = options.definition()?;
    let rest = Rest {
        library: Library::load(options.networks.iter().map(String::as_str))?,
        costs: options.costs.as_deref().map(CostTable::load).transpose()?,
        format: options.format,
    };
    check_pairs(&sweep, &rest)?;
    let files: Vec<&str> = options.costs.iter().chain(&options.networks).map(String::as_str).collect();
    let header = Header {
        definition: sweep.checksum(&files)?,
        format: options.format,
        shard: options.shard.as_deref().map_or(Ok(Shard::WHOLE), Shard::parse)?,
        cells: sweep.cells(),
        optional: sweep.optional(),
    };
    let pool = options.threads.pool()?;
    let out = Path::new(&options.out);
    options.writing.check("--out", out, "file")?;
    if out.metadata().is_ok_and(|data| !data.is_file()) {
        let what = format!("{} is no file: finished rows are kept beside it", options.out);
        return Err(InputError::new("--out", what, "name a file").into());
    }
    let partial = format!("{}.partial", options.out);
    let (journal, mut rows) = Journal::open(Path::new(&partial), &header, options.writing.is_forced())?;

    let started = Instant::now();
    let pending: Vec<usize> = header.shard.cells(header.cells).filter(|&cell| rows[cell].is_none()).collect();
    let found = header.rows() - pending.len();
    if found > 0 {
        eprintln!("{found} of {} cells are in {partial}: going on", header.rows());
    }
    let progress = Progress::new(pending.len());
    // Neighbours often share their tables; but no processor is to be left without work.
    let chunk = (pending.len() / (pool.current_num_threads() * 16)).clamp(1, 64);
    let of_chunk = |cells: &[usize]| -> Result<Vec<(usize, String)>, InputError> {
        let mut made = Vec::with_capacity(cells.len());
        let mut cells = cells.iter().map(|&cell| (cell, sweep.values(cell))).peekable();
        while let Some((_, values)) = cells.peek() {
            let first = Setting::parse(values)?;
            let memory = Bump::new();
            let tables = first.tables(&rest.library, rest.costs.as_ref(), &memory)?;
            while let Some((cell, values)) = cells.peek() {
                let setting = Setting::parse(values)?;
                if !setting.shares_tables(&first) {
                    break;
                }
                let row = row(rest.format, *cell, values, &setting.run(&tables))?;
                journal.add(*cell, &row)?;
                progress.step();
                made.push((*cell, row));
                cells.next();
            }
        }
        Ok(made)
    };
    let made = pool.install(|| pending.par_chunks(chunk).map(of_chunk).collect::<Result<Vec<_>, _>>())?;
    progress.finish();
    for (cell, row) in made.into_iter().flatten() {
        rows[cell] = Some(row.into());
    }
    let seconds = started.elapsed().as_secs_f64();

    let mut file = options.writing.file("--out", &options.out)?;
    let in_order = header.shard.cells(header.cells).filter_map(|cell| rows[cell].as_deref());
    shard::write(&header, options.shard.is_some(), in_order, &mut file)
        .map_err(|error| file.fails(&error))?;
    file.finish()?;
    journal.remove()?;
    let rate = pending.len() as f64 / seconds.max(1e-9);
    eprintln!("{} cells in {seconds:.1} s, {rate:.0} per second: {}", pending.len(), options.out);
    Ok(())
}

/// Builds every scenario on every platform once: what does not fit is said before the work begins.
fn check_pairs(sweep: &Sweep, rest: &Rest) -> Result<(), InputError> {
    if let Some(costs) = &rest.costs {
        let scenarios = sweep.listed(Key::Scenario).iter().map(|name| Scenario::load(name));
        costs.check_used(&scenarios.collect::<Result<Vec<_>, _>>()?)?;
    }
    let mut values = sweep.values(0);
    for scenario in sweep.listed(Key::Scenario) {
        for platform in sweep.listed(Key::Platform) {
            for (key, value) in &mut values {
                match key {
                    Key::Scenario => value.clone_from(scenario),
                    Key::Platform => value.clone_from(platform),
                    _ => {}
                }
            }
            Setting::parse(&values)?.tables(&rest.library, rest.costs.as_ref(), &Bump::new())?;
        }
    }
    Ok(())
}
