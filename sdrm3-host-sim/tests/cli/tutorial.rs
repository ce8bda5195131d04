//! The tutorial of the book, run as it stands: its files, its commands, and what it says they print.

use crate::Folder;

const PAGE: &str = include_str!("../../../docs/src/tutorial.md");

/// Blocks of the page in this language.
fn blocks(language: &str) -> impl Iterator<Item = &'static str> {
    PAGE.split("\n```").filter_map(move |text| text.strip_prefix(language)?.strip_prefix('\n'))
}

#[test]
fn the_tutorial_is_run_from_an_empty_directory() {
    let folder = Folder::new("tutorial", &[]);
    let models: [(&str, &[u8]); 2] = [
        ("a.tflite", include_bytes!("../../examples/models/a.tflite")),
        ("b.onnx", include_bytes!("../../examples/models/b.onnx")),
    ];
    for (name, bytes) in models {
        std::fs::write(folder.0.join(name), bytes).expect("a file can be written");
    }
    for file in blocks("toml") {
        let name = file.lines().next().and_then(|line| line.strip_prefix("# ")).expect("its name");
        std::fs::write(folder.0.join(name), file).expect("a file can be written");
    }
    let (mut commands, mut lines) = (0, 0);
    for block in blocks("console") {
        let mut printed = String::new();
        for line in block.lines() {
            let Some(command) = line.strip_prefix("$ sdrm3-sim ") else {
                assert!(printed.contains(line), "`{line}` is not printed:\n{printed}");
                lines += 1;
                continue;
            };
            let output = folder.run(command);
            printed = String::from_utf8_lossy(&output.stdout).into_owned();
            printed += &String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{command}: {printed}");
            commands += 1;
        }
    }
    assert_eq!((commands, lines), (8, 13), "all of the page is run");
    for name in ["report.html", "trace.json", "load.csv", "glasses.rs", "glasses.c", "glasses.h"] {
        assert!(folder.names().contains(&name.into()), "{name}");
    }
}
