//! The command line: arguments are parsed, then validated into types, then run.

mod bench;
mod bound;
mod cells;
mod codegen;
mod compare;
mod cost;
mod faults;
mod gates;
mod import;
mod list;
mod merge;
mod output;
mod progress;
mod replay;
mod run;
mod shell;
mod sweep;
mod threads;
mod tune;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::input::InputError;

#[derive(Parser)]
#[command(
    name = "sdrm3-sim",
    version,
    about = "Simulates the SDRM3 scheduler: real workloads on simulated accelerator arrays, decided by the firmware's own code",
    after_help = "Without a command it compares all policies over the five built-in scenarios.\n\n\
                  Examples:\n  \
                  sdrm3-sim\n  \
                  sdrm3-sim compare --scenario vr_gaming --platform 8k-3ws --format json\n  \
                  sdrm3-sim run --scenario drone_indoor --policy mapscore --param alpha=0.5\n  \
                  sdrm3-sim run --scenario vr_gaming --duration-ms 10000 --report report.html\n  \
                  sdrm3-sim list networks"
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Compare policies over scenarios and platforms
    Compare(compare::Options),
    /// Compare policies over an experiment, on many seeds, with confidence intervals
    Bench(bench::Options),
    /// Run one scenario on one platform under one policy, in detail
    Run(run::Options),
    /// Repeat a recorded run and compare every decision; exit code 1 if one differs
    Replay(replay::Options),
    /// Write the tables of a scenario on a platform as source code for firmware
    Codegen(codegen::Options),
    /// Run a grid of settings, or random ones, on all processors or on many machines; an interrupted sweep goes on
    Sweep(sweep::Options),
    /// Put the shards of a sweep together
    Merge(merge::Options),
    /// Show the landscape of (alpha, beta) and the path of the online tuner over it
    Tune(tune::Options),
    /// Compute what no policy can beat: a lower bound on UXCost
    Bound(bound::Options),
    /// Let accelerators, clocks, tables and inputs fail, alone and in pairs; exit code 1 if a frame is lost
    /// without account
    Faults(faults::Options),
    /// Hold the built-in cost model against reference costs, or cost a table of layers
    Cost(cost::Options),
    /// Turn files of other programs into scenarios, platforms and networks
    Import(import::Options),
    /// List what is built in
    List(list::Options),
    /// Print what lets a shell complete commands and options
    Completions(shell::Completions),
    /// Write the manual pages
    Man(shell::Man),
}

/// Why a command did not succeed.
enum Failure {
    /// Bad input: exit code 2.
    Input(InputError),
    /// The output could not be written.
    Output(io::Error),
    /// What was to hold does not, as the text says: exit code 1.
    Differs,
    /// A run broke what the scheduler promises: exit code 1.
    Broken(String),
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        Self::Input(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Runs the command line; the exit code is 0 when done, 1 when what was to hold does not, 2 on bad input.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // Help and version: what was asked for.
        Err(answer) if !answer.use_stderr() => answer.exit(),
        Err(error) => {
            eprintln!("sdrm3-sim: {}", misuse(&error.to_string()));
            return ExitCode::from(2);
        }
    };
    let command = arguments.command.unwrap_or_else(|| Command::Compare(compare::Options::default()));
    let mut text = Vec::new();
    let done = match command {
        Command::Compare(options) => compare::compare(&options, &mut text),
        Command::Bench(options) => bench::bench(&options, &mut text),
        Command::Run(options) => run::run(&options, &mut text),
        Command::Replay(options) => replay::replay(&options, &mut text),
        Command::Codegen(options) => codegen::codegen(&options, &mut text),
        Command::Sweep(options) => sweep::sweep(&options),
        Command::Merge(options) => merge::merge(&options),
        Command::Tune(options) => tune::tune(&options, &mut text),
        Command::Bound(options) => bound::bound(&options, &mut text),
        Command::Faults(options) => faults::faults(&options, &mut text),
        Command::Cost(options) => cost::cost(&options, &mut text),
        Command::Import(options) => import::import(&options, &mut text),
        Command::List(options) => list::list(&options, &mut text),
        Command::Completions(options) => shell::completions(&options, &mut text),
        Command::Man(options) => shell::man(&options, &mut text),
    };
    // Nothing is printed before everything is known to be right: no partial results.
    let (done, code) = match done {
        Err(Failure::Differs) => (Ok(()), ExitCode::from(1)),
        other => (other, ExitCode::SUCCESS),
    };
    match done.and_then(|()| Ok(io::stdout().lock().write_all(&text)?)) {
        Ok(()) | Err(Failure::Differs) => code,
        Err(Failure::Broken(what)) => {
            eprintln!("sdrm3-sim: {what}");
            ExitCode::from(1)
        }
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => code,
        Err(Failure::Output(error)) => {
            eprintln!("sdrm3-sim: {error}");
            ExitCode::from(2)
        }
        Err(Failure::Input(error)) => {
            eprintln!("sdrm3-sim: {error}");
            ExitCode::from(2)
        }
    }
}

/// The command as it was given, so that a shell takes it again.
fn command_line() -> String {
    let quoted = |argument: String| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,%+@".contains(c);
        match argument.is_empty() || !argument.chars().all(is_plain) {
            true => format!("'{}'", argument.replace('\'', "'\\''")),
            false => argument,
        }
    };
    let arguments =
        std::env::args_os().skip(1).map(|argument| quoted(argument.to_string_lossy().into_owned()));
    ["sdrm3-sim".to_string()].into_iter().chain(arguments).collect::<Vec<_>>().join(" ")
}

/// A message of the parser of arguments in one line, without the usage below it.
fn misuse(message: &str) -> InputError {
    let what = message.split("\n\nUsage:").next().unwrap_or(message);
    let what = what.split("\n\nFor more information").next().unwrap_or(what);
    InputError::new("command line", what.trim_start_matches("error: "), "see --help")
}
