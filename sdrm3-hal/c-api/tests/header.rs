//! The committed header is the one that the sources give, and the sizes in it are those of the library.

use std::path::Path;

/// `SDRM3_BLESS=1 cargo test -p sdrm3-c --test header` writes it; `generate.sh` does that and more.
#[test]
fn the_header_is_what_cbindgen_makes_of_the_sources() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config =
        cbindgen::Config::from_file(directory.join("cbindgen.toml")).expect("cbindgen.toml is valid");
    let mut builder = cbindgen::Builder::new().with_config(config);
    // In the order in which a reader of the header wants to meet them.
    for file in ["sizes", "status", "tables", "values", "handle", "api"] {
        builder = builder.with_src(directory.join(format!("src/{file}.rs")));
    }
    let mut made = Vec::new();
    builder.generate().expect("the sources parse").write(&mut made);
    let made = plain(&String::from_utf8(made).expect("the header is text"));
    let path = directory.join("include/sdrm3.h");
    if std::env::var_os("SDRM3_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &made).expect("the header can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == made,
        "include/sdrm3.h is not what the sources give; run sdrm3-hal/c-api/generate.sh"
    );
}

/// Enums of a fixed size as C99 and C++ alike read them, a typedef beside the constants; and one
/// alternative instead of two conditions.
fn plain(made: &str) -> String {
    let mut plain = Vec::<&str>::new();
    let mut lines = made.lines().peekable();
    let mut typedefs = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with("enum sdrm3_") {
            // enum NAME / #if / : TYPE / #endif / {
            let integer = lines.nth(1).expect("the type").trim().trim_start_matches(": ");
            assert_eq!(lines.nth(1), Some(" {"), "as cbindgen 0.29 writes enums");
            typedefs.push(format!("typedef {integer} {};", line.trim_start_matches("enum ")));
            plain.push("enum {");
        } else if line == "#ifndef __cplusplus" {
            // #if / typedef / #else / typedef / #endif / #endif
            lines.nth(5);
            plain.push("\0"); // the next of the typedefs
        } else if line == "#if !defined(SDRM3_POINTERS_32)" {
            plain.truncate(plain.len() - 2);
            plain.push("#else");
            while lines.peek().is_some_and(|line| line.starts_with("///")) {
                lines.next();
            }
        } else {
            plain.push(line);
        }
    }
    let mut typedefs = typedefs.into_iter();
    let lines = plain.into_iter().map(|line| match line {
        "\0" => typedefs.next().expect("one for each enum"),
        line => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}
