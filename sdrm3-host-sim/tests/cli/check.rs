//! `--check`: it says how much it held, on standard error, and changes nothing else.

use crate::Folder;

/// The number of events in `self-check: 123 events, and every promise is kept`.
fn events(errors: &str) -> u64 {
    let (_, rest) = errors.split_once("self-check: ").unwrap_or_else(|| panic!("{errors}"));
    let (number, rest) = rest.split_once(' ').expect("a number");
    assert_eq!(rest, "events, and every promise is kept\n");
    number.parse().expect("a number")
}

#[test]
fn a_run_and_a_comparison_check_themselves() {
    let folder = Folder::new("check", &[]);
    let cell = "--scenario ar_social --platform 4k-1ws-2os --duration-ms 500";
    for command in [
        format!("run {cell} --policy sdrm3 --events out.csv"),
        format!("compare {cell} --format json --policy sdrm3 --policy sdrm3-gated --policy edf"),
    ] {
        let plain = folder.prints(&command);
        let checked = folder.run(&format!("{command} --check").replace("out.csv", "checked.csv"));
        assert_eq!(checked.status.code(), Some(0), "{command}");
        let (text, errors) = (String::from_utf8(checked.stdout), String::from_utf8(checked.stderr));
        let plain = plain.replace("out.csv", "checked.csv");
        assert_eq!(text.expect("UTF-8"), plain, "{command}: the result is the same");
        assert!(events(&errors.expect("UTF-8")) > 2_000, "{command}");
    }
    assert_eq!(folder.read("out.csv"), folder.read("checked.csv"), "so are the events");
}
