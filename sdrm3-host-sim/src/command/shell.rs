//! `completions` and `man`: what a package installs beside the program.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::output::{OutputFile, Writing};
use super::{Arguments, Failure};

const COMPLETIONS: &str = "\
Examples:
  sdrm3-sim completions bash > ~/.local/share/bash-completion/completions/sdrm3-sim
  sdrm3-sim completions zsh > \"${fpath[1]}/_sdrm3-sim\"
  sdrm3-sim completions fish > ~/.config/fish/completions/sdrm3-sim.fish";

/// Options of `completions`.
#[derive(Args, Clone, Debug)]
#[command(after_help = COMPLETIONS)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
pub(super) fn completions(options: &Completions, text: &mut Vec<u8>) -> Result<(), Failure> {
    clap_complete::generate(options.shell, &mut Arguments::command(), "sdrm3-sim", text);
    Ok(())
}

const MAN: &str = "\
Examples:
  sdrm3-sim man ~/.local/share/man/man1
  man sdrm3-sim-sweep";

/// Options of `man`.
#[derive(Args, Clone, Debug)]
#[command(after_help = MAN)]
pub(super) struct Man {
    /// Directory; made if it is not there
    #[arg(value_name = "DIR")]
    directory: String,
    #[command(flatten)]
    writing: Writing,
}

/// Writes a page of the program, and one of each command.
pub(super) fn man(options: &Man, text: &mut impl Write) -> Result<(), Failure> {
    let mut program = Arguments::command();
    program.build();
    let pages: Vec<(String, clap::Command)> = std::iter::once(("sdrm3-sim.1".to_string(), program.clone()))
        .chain(program.get_subcommands().filter(|command| command.get_name() != "help").map(|command| {
            let name = format!("sdrm3-sim-{}", command.get_name());
            (format!("{name}.1"), command.clone())
        }))
        .collect();
    let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    let mut files = options.writing.directory("DIR", &options.directory, &names)?;
    for (file, (_, command)) in files.iter_mut().zip(&pages) {
        clap_mangen::Man::new(command.clone()).render(file).map_err(|error| file.fails(&error))?;
    }
    files.into_iter().try_for_each(OutputFile::finish)?;
    writeln!(text, "{} pages in {}", pages.len(), options.directory)?;
    Ok(())
}
