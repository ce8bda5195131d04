//! The files it writes: never over others unasked, whole or not there.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Folder, PLATFORM, SCENARIO};

const CELL: &str = "--scenario s.toml --platform p.toml";

fn folder(test: &str) -> Folder {
    Folder::new(test, &[("s.toml", SCENARIO), ("p.toml", PLATFORM)])
}

#[test]
fn every_command_replaces_files_only_with_force() {
    let folder = folder("force");
    let commands = [
        (format!("run {CELL} --duration-ms 50 --events out"), "--events"),
        (format!("run {CELL} --duration-ms 50 --timeline out"), "--timeline"),
        (format!("run {CELL} --duration-ms 50 --record out"), "--record"),
        (format!("tune {CELL} --duration-ms 50 --grid 2 --picture out"), "--picture"),
        (format!("codegen {CELL} --out out"), "--out"),
    ];
    for (command, option) in commands {
        std::fs::write(folder.0.join("out"), "precious").expect("a file can be written");
        folder
            .refuses(&command, &[option, ": out exists already; remove it or name another file, or replace"]);
        assert_eq!(folder.read("out"), "precious", "{command}");
        let output = folder.run(&format!("{command} --force"));
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert_ne!(std::fs::read(folder.0.join("out")).expect("written"), b"precious", "{command}");
    }
    let compare = format!("compare {CELL} --policy fcfs --duration-ms 50 --out results");
    folder.prints(&compare);
    folder.refuses(
        &compare,
        &["--out: results/compare.txt exists already; remove it or name another directory"],
    );
    std::fs::write(folder.0.join("results/compare.txt"), "old").expect("a file can be written");
    let table = folder.prints(&format!("{compare} --force"));
    assert_eq!(folder.read("results/compare.txt"), table);
    assert_eq!(folder.names().iter().filter(|name| name.contains("partial")).count(), 0);
}

#[test]
fn an_output_that_cannot_be_written_is_named_with_a_remedy_and_nothing_else_is_written() {
    let folder = folder("unwritable");
    let run = format!("run {CELL} --duration-ms 50 --events e.csv");
    folder.refuses(
        &format!("{run} --timeline none/t.svg"),
        &["none/t.svg: No such file", "; make its folder first"],
    );
    folder.refuses(
        &format!("{run} --timeline p.toml/t.svg"),
        &["p.toml/t.svg: Not a directory", "; name a file"],
    );
    folder.refuses(&format!("{run} --timeline e.csv"), &["--events: e.csv would be written twice; name"]);
    if cfg!(target_os = "linux") {
        let full = ["/dev/full: No space left on device", "; free some space or name a file on another disk"];
        folder.refuses(&format!("{run} --timeline /dev/full"), &full);
        folder.refuses(&format!("codegen {CELL} --out /dev/full"), &full);
    }
    assert_eq!(folder.names(), ["p.toml", "s.toml"]);
}

#[cfg(unix)]
#[test]
fn a_run_that_is_interrupted_leaves_nothing() {
    let folder = folder("interrupted");
    let arguments = format!("run {CELL} --duration-ms 100000000 --events e.csv --timeline t.svg");
    let mut child = Command::new(env!("CARGO_BIN_EXE_sdrm3-sim"))
        .current_dir(&folder.0)
        .args(arguments.split_whitespace())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    let started = Instant::now();
    while folder.names().len() < 4 {
        assert!(started.elapsed() < Duration::from_secs(60), "{:?}", folder.names());
        std::thread::sleep(Duration::from_millis(10));
    }
    let stopped = Command::new("kill").arg(child.id().to_string()).status().expect("kill is there");
    assert!(stopped.success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert_eq!(folder.names(), ["p.toml", "s.toml"]);
}
