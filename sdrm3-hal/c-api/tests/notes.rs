//! The C of the book's chapter on this library compiles: the first program, and the notes on Zephyr and FreeRTOS
//! against what these systems document of the calls that the notes make.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// The reader's own functions that the chapter calls.
const READERS: &str = "
    #include <stdio.h>
    #include \"sdrm3.h\"
    void driver_start(const sdrm3_action_t *action);
    void application_lost(const sdrm3_action_t *action);
    void application_done(const sdrm3_frame_t *frame);
    void npu_acknowledge(void);
    extern sdrm3_ticket_t npu_ticket;
    extern unsigned lost_events, stale_events;
";

/// What the notes take over from the first program.
const FIRST: &str = "extern sdrm3_t *scheduler;\nuint64_t decide(uint64_t now);\n";

#[test]
fn the_c_of_the_chapter_compiles() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chapter =
        std::fs::read_to_string(directory.join("../../docs/src/c-library.md")).expect("the chapter");
    let blocks: Vec<&str> =
        chapter.split("```c\n").skip(1).map(|rest| rest.split("```").next().expect("a block ends")).collect();
    let [tables, start, decide, zephyr, freertos] = blocks[..] else {
        panic!("the chapter has {} blocks of C, not tables, start, decide and the two notes", blocks.len())
    };
    let first = format!("{READERS}{tables}{start}{decide}");
    compiles(directory, "c99", "the first program", &first);
    compiles(directory, "c11", "Zephyr", &format!("{READERS}{FIRST}#include \"zephyr.h\"\n{zephyr}"));
    let task = "void begin(void) { task(0); }";
    let freertos = format!("{READERS}{FIRST}#include \"freertos.h\"\n{freertos}\n{task}");
    compiles(directory, "c11", "FreeRTOS", &freertos);
    // It is seen when it does not.
    let broken = first.replace("sdrm3_poll(scheduler, now, &action)", "sdrm3_poll(scheduler, &action)");
    assert!(compile(directory, "c99", &broken).is_none_or(|result| result.is_err()));
}

fn compiles(directory: &Path, standard: &str, what: &str, program: &str) {
    match compile(directory, standard, program) {
        Some(result) => result.unwrap_or_else(|says| panic!("{what}: {says}")),
        None => sdrm3_check::skipped("notes", "there is no gcc"),
    }
}

/// `None` without a compiler; else what it says, if anything.
fn compile(directory: &Path, standard: &str, program: &str) -> Option<Result<(), String>> {
    let mut compiler = Command::new("gcc");
    compiler.arg(format!("-std={standard}"));
    compiler.args([
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Wno-unused-parameter",
        "-Werror",
        "-fsyntax-only",
        "-xc",
        "-",
    ]);
    compiler.arg("-I").arg(directory.join("include")).arg("-I").arg(directory.join("tests/notes"));
    let started = compiler.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut running = match started {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        started => started.expect("gcc starts"),
    };
    let mut input = running.stdin.take().expect("it is piped");
    input.write_all(program.as_bytes()).expect("gcc reads its input");
    drop(input);
    let output = running.wait_with_output().expect("gcc ends");
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    Some(if output.status.success() { Ok(()) } else { Err(says) })
}
