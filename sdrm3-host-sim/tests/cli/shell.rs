//! What a shell needs: completions, manual pages, help with examples, answers to slips, no colours in files.

use crate::{Folder, PLATFORM};

/// The commands, as the help lists them.
fn commands(folder: &Folder) -> Vec<String> {
    let help = folder.prints("--help");
    let list = help.split("Commands:").nth(1).and_then(|rest| rest.split("Options:").next()).expect("a list");
    // Continued lines are indented deeper.
    let names = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next()).map(String::from);
    names.filter(|name| name != "help").collect()
}

#[test]
fn every_command_has_examples_completions_and_a_page() {
    let folder = Folder::new("shell", &[]);
    let commands = commands(&folder);
    assert!(commands.len() >= 14 && commands.contains(&"sweep".into()), "{commands:?}");
    for command in &commands {
        for help in [format!("{command} --help"), format!("help {command}")] {
            let text = folder.prints(&help);
            let examples = text.split("Examples:\n").nth(1).unwrap_or_default();
            let example = format!("  sdrm3-sim {command}");
            assert!(examples.lines().any(|line| line.starts_with(&example)), "{help}: {text}");
            assert!(!text.contains('\x1b'), "colours in a file: {help}");
        }
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = folder.prints(&format!("completions {shell}"));
        for word in commands.iter().map(String::as_str).chain(["duration-ms", "sweep-seed"]) {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(folder.prints("man pages/man1"), format!("{} pages in pages/man1\n", commands.len() + 1));
    for command in &commands {
        let page = folder.read(&format!("pages/man1/sdrm3-sim-{command}.1"));
        assert!(page.contains(".TH ") && page.contains("Examples:"), "{command}: {page}");
    }
    assert!(folder.read("pages/man1/sdrm3-sim.1").contains("sdrm3\\-sim\\-sweep(1)"));
    folder.refuses("man pages/man1", &["DIR: pages/man1/sdrm3-sim.1 exists already; remove it"]);
}

#[test]
fn slips_of_the_finger_are_answered_with_what_was_meant() {
    let folder = Folder::new("slips", &[("p.toml", PLATFORM)]);
    for (command, says) in [
        ("swep", "a similar subcommand exists: 'sweep'"),
        ("compare --platfrom p.toml", "a similar argument exists: '--platform'"),
        ("run --scenario vr_gamin", "did you mean `vr_gaming`?"),
        ("run --scenario vr_gaming --policy mapscor", "did you mean `mapscore`?"),
        ("compare --format jsn", "a similar value exists: 'json'"),
        ("completions bsh", "a similar value exists: 'bash'"),
    ] {
        folder.refuses(command, &[says]);
    }
}

#[test]
fn colours_are_asked_for_and_refused_by_the_environment() {
    let help = |variables: &[&str]| {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_sdrm3-sim"));
        program.args(["run", "--help"]).envs(variables.iter().map(|name| (name, "1")));
        program.output().expect("it starts").stdout.contains(&0x1b)
    };
    assert!(help(&["CLICOLOR_FORCE"]), "as on a terminal");
    assert!(!help(&["CLICOLOR_FORCE", "NO_COLOR"]));
}
