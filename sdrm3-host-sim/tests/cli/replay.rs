//! `run --record`, `replay` and `codegen`.

use super::*;

const CELL: &str = "--scenario drone_outdoor --duration-ms 200";

#[test]
fn a_recorded_run_of_any_policy_replays_by_itself() {
    let folder = Folder::new("replay", &[]);
    for policy in ["sdrm3", "mapscore", "edf", "prema", "veltair", "lst-with-supernet-with-correction"] {
        let plain = folder.prints(&format!("run {CELL} --policy {policy}"));
        let recorded = folder.prints(&format!("run {CELL} --policy {policy} --record {policy}.trace"));
        assert_eq!(plain, recorded, "recording changes nothing");
        let text = folder.prints(&format!("replay {policy}.trace"));
        assert!(text.starts_with(&format!("scenario drone_outdoor\nplatform 4k-1ws-2os\npolicy {policy}\n")));
        assert!(text.ends_with("verdict identical\n"), "{text}");
        let decisions = text.lines().find_map(|line| line.strip_prefix("decisions "));
        assert!(decisions.and_then(|n| n.parse().ok()).is_some_and(|n: u32| n > 150), "{text}");
    }
    assert!(!folder.0.join("sdrm3.partial").exists(), "written whole, then renamed");
    folder.refuses(&format!("run {CELL} --record edf.trace"), &["--record: edf.trace exists already"]);
}

#[test]
fn parameters_parts_and_files_go_with_the_trace() {
    let folder = Folder::new("replay-files", &[("s.toml", SCENARIO), ("p.toml", PLATFORM)]);
    let cell = "--scenario s.toml --platform p.toml --duration-ms 300";
    folder.prints(&format!("run {cell} --param alpha=0.5 --without drop,correction --record a.trace"));
    let text = folder.prints("replay a.trace");
    assert!(text.starts_with("scenario s.toml\nplatform p.toml\npolicy sdrm3\n"), "{text}");
    assert!(text.ends_with("verdict identical\n"), "{text}");
}

#[test]
fn the_gated_policy_replays_with_its_comfort_and_without_its_parts() {
    let folder = Folder::new("replay-gated", &[]);
    let cell = "--scenario ar_social --platform 4k-3os --duration-ms 500 --policy sdrm3-gated";
    let mut hashes = Vec::new();
    for (name, options) in [
        ("all", ""),
        ("c", "--param comfort=2"),
        ("g", "--without gate"),
        ("w", "--without wait,comfort"),
        ("t", "--without tail"),
        ("p", "--without persistence"),
        ("v", "--without reserve"),
        ("o", "--without order"),
        ("e", "--without haste"),
        ("s", "--without sufferage"),
        ("i", "--without sacrifice"),
    ] {
        folder.prints(&format!("run {cell} {options} --record {name}.trace"));
        let text = folder.prints(&format!("replay {name}.trace"));
        assert!(text.ends_with("verdict identical\n"), "{options}: {text}");
        let hash = text.lines().find(|line| line.starts_with("hash ")).expect("a hash").to_string();
        assert!(!hashes.contains(&hash), "{options}: it decides as another one");
        hashes.push(hash);
    }
    folder.prints(&format!("run {cell}-no-wait-no-comfort --record label.trace"));
    assert_eq!(folder.read_bytes("label.trace"), folder.read_bytes("w.trace"), "the same by its label");
    let text = folder.prints("replay g.trace --policy sdrm3-gated-no-gate");
    assert!(text.ends_with("verdict identical\n"), "{text}");
}

#[test]
fn the_first_difference_is_shown_with_exit_code_1() {
    let folder = Folder::new("replay-differs", &[]);
    folder.prints(&format!("run {CELL} --policy edf --record edf.trace"));
    let output = folder.run("replay edf.trace --policy sjf");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let (_, difference) = text.split_once("\nverdict different\nrecord ").expect("a difference");
    let lines: Vec<&str> = difference.lines().collect();
    assert!(lines[0].contains(" ns, Poll"), "{text}");
    assert!(lines[1].starts_with("  recorded: Action(Dispatch("), "{text}");
    assert!(lines[2].starts_with("  now:      Action(Dispatch("), "{text}");
}

#[test]
fn what_cannot_be_replayed_is_refused() {
    let folder = Folder::new("replay-refusals", &[("old.trace", "an old sock")]);
    folder.prints(&format!("run {CELL} --record a.trace"));
    folder.refuses("replay b.trace", &["b.trace: "]);
    folder.refuses("replay old.trace", &["old.trace: this is no trace", "run --record"]);
    folder.refuses("replay a.trace --platform 8k-3ws", &["tables of checksum", "these have"]);
    folder.refuses(
        "replay a.trace --policy edf",
        &["recorded with weights of 1 and 1, this policy has no weights; name its policy"],
    );
    folder.refuses("replay a.trace --policy mapscor", &["did you mean `mapscore`?"]);

    let bytes = std::fs::read(folder.0.join("a.trace")).unwrap();
    let mut other = bytes.clone();
    other[8] = 9;
    std::fs::write(folder.0.join("version.trace"), other).unwrap();
    folder.refuses("replay version.trace", &["version 9 of the format, and only 1 is read"]);
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 4;
    std::fs::write(folder.0.join("flipped.trace"), flipped).unwrap();
    folder.refuses("replay flipped.trace", &["fails its check; before it ", "decisions are identical"]);

    std::fs::write(folder.0.join("torn.trace"), &bytes[..bytes.len() - 5]).unwrap();
    folder.refuses("replay torn.trace", &["torn at byte", "decisions are identical", "--torn"]);
    let text = folder.prints("replay torn.trace --torn");
    assert!(text.ends_with("verdict identical, torn\n"), "{text}");
}

#[test]
fn code_is_the_same_every_time_and_its_size_is_told() {
    let folder = Folder::new("codegen", &[("s.toml", SCENARIO), ("p.toml", PLATFORM)]);
    let once = folder.run("codegen --scenario s.toml --platform p.toml");
    let errors = String::from_utf8(once.stderr).unwrap();
    assert_eq!(once.status.code(), Some(0), "{errors}");
    assert!(errors.contains(" segments in ") && errors.contains("checksum "), "{errors}");
    folder.run("codegen --scenario s.toml --platform p.toml --out t.rs");
    let code = folder.read("t.rs");
    assert_eq!(code.as_bytes(), once.stdout);
    assert!(code.contains("pub const ORIGIN: &str = \"scenario=s.toml\\nplatform=p.toml\\n\";"), "{code}");
    folder.refuses("codegen --scenario nowhere", &["--scenario: unknown scenario `nowhere`"]);
}
