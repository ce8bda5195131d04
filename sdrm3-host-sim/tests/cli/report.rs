//! The report for the browser, as far as it can be judged without one.

use std::time::{Duration, Instant};

use crate::{Folder, PLATFORM, SCENARIO};

/// What a page asks for beyond itself: it must be nothing.
fn is_self_contained(page: &str) {
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    assert!(page.contains("default-src 'none'"), "the browser is told to ask for nothing");
    for foreign in
        ["http:", "https:", "src=", "<link", "<img", "<iframe", "@import", "url(", "fetch(", "import("]
    {
        let rest = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!rest.contains(foreign), "{foreign}");
    }
    assert!(!page.contains("{{"), "every place is filled");
}

#[test]
fn a_report_of_a_run_says_the_verdict_first_and_stands_alone() {
    let folder = Folder::new("report", &[("s.toml", SCENARIO), ("p.toml", PLATFORM)]);
    let run = "run --scenario s.toml --platform p.toml --duration-ms 300 --report r.html --seed 3";
    let table = folder.prints(run);
    let page = folder.read("r.html");
    is_self_contained(&page);
    let uxcost = table.split("UXCost ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a figure");
    assert!(page.contains(&format!("<p class=\"verdict\">UXCost {uxcost}. ")), "{uxcost}");
    assert!(page.find("class=\"verdict\"") < page.find("<h2>"), "first");
    for part in ["Models", "Latency against deadlines", "Timeline", "Energy", "Weights", "Sub-networks"] {
        assert!(page.contains(&format!("<h2>{part}</h2>")), "{part}");
    }
    assert!(page.contains("<dt>seed</dt><dd>3</dd>"));
    assert!(page.contains(&format!("<code>sdrm3-sim {run}</code>")));
    let again = folder.prints(&format!("{run} --force"));
    assert_eq!(again, table);
    assert_eq!(
        folder.read("r.html"),
        page.replace(" --seed 3</code>", " --seed 3 --force</code>"),
        "the same bytes"
    );
}

/// The pictures are drawn from what the page holds in microseconds: rounded as everywhere, not cut off.
#[test]
fn a_report_has_the_deadline_and_latencies_that_the_table_has() {
    let folder = Folder::new("report_rounded", &[("s.toml", SCENARIO), ("p.toml", PLATFORM)]);
    let run = "run --scenario s.toml --platform p.toml --duration-ms 300 --policy fcfs";
    let csv = folder.prints(&format!("{run} --report r.html --format csv"));
    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    let column = rows.headers().expect("a header").iter().position(|name| name == "latency_p99_ms");
    let eye = rows.records().next().expect("a row").expect("a row");
    let p99: f64 = eye[column.expect("it is there")].parse().expect("a number");
    let page = folder.read("r.html");
    assert!(page.contains("\"deadline_us\":16667,"), "60 frames a second are due after 16.6667 ms");
    let latencies =
        page.split("\"in_time_us\":[").nth(1).and_then(|rest| rest.split(']').next()).expect("some");
    let longest = latencies.split(',').map(|us| us.parse().expect("whole")).max();
    assert_eq!(longest, Some((p99 * 1e3).round() as u64), "of so few frames the longest: {p99} ms");
}

#[test]
fn names_are_text_whatever_is_in_them() {
    let evil = "</script><img src=x onerror=alert(1)>{{body}}&'";
    let scenario = SCENARIO
        .replace("name = 'eye'", &format!("name = \"{evil}\""))
        .replace("depends_on = 'eye'", "fps = 5");
    let scenario = scenario.replace("probability = 0.5", "").replace("name = 'test'", "name = '<b>test'");
    let folder = Folder::new("evil", &[("s.toml", &scenario), ("p.toml", PLATFORM)]);
    let cell = "--scenario s.toml --platform p.toml --duration-ms 100";
    folder.prints(&format!("run {cell} --report r.html --trace t.json --junit j.xml"));
    folder.prints(&format!("compare {cell} --policy fcfs --policy edf --report c.html"));
    for name in ["r.html", "c.html"] {
        let page = folder.read(name);
        assert!(!page.contains("<img") && !page.contains("<b>test"), "{name}");
        assert_eq!(page.matches("</script>").count(), 2, "{name}: the page's own");
        assert!(
            page.contains("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&#123;&#123;body}}&amp;&#39;"),
            "{name}"
        );
    }
    assert!(folder.read("j.xml").contains("&lt;b&gt;test on two"));
}

#[test]
fn a_comparison_says_who_wins_and_shows_every_cell() {
    let folder = Folder::new("comparison", &[]);
    folder.prints(
        "compare --duration-ms 100 --bound --policy fcfs --policy edf --policy sdrm3 --report c.html",
    );
    let page = folder.read("c.html");
    is_self_contained(&page);
    assert!(page.contains("serves these workloads best: its UXCost, the geometric mean over 5 cells, is "));
    assert!(page.contains("lower bound") && page.contains("<summary>ar_social on 4k-1ws-2os</summary>"));
}

#[test]
fn a_comparison_of_one_policy_speaks_for_all_its_cells() {
    let folder = Folder::new("alone", &[]);
    let compare = "compare --policy fcfs --duration-ms 1000 --scenario vr_gaming";
    let table = folder.prints(&format!("{compare} --scenario ar_call --report c.html --format json"));
    let runs: serde_json::Value = serde_json::from_str(&table).expect("JSON");
    let figure = |run: usize, key: &str| runs["runs"][run][key].as_f64().expect("a figure");
    // The first of the two is without a miss, which must not be said of both.
    assert_eq!(figure(0, "deadline_miss_rate"), 0.0);
    let mean = (figure(0, "uxcost") * figure(1, "uxcost")).sqrt();
    let says = format!("The UXCost of fcfs, the geometric mean over 2 cells, is {mean:.4}; ");
    let page = folder.read("c.html");
    assert!(page.contains(&says), "{says}");
    assert!(!page.contains("met its deadline"));
    folder.prints(&format!("{compare} --report one.html"));
    assert!(folder.read("one.html").contains(" met its deadline."), "of one cell, as of its run");
}

#[test]
fn ten_seconds_of_virtual_time_fit_a_page() {
    let folder = Folder::new("long", &[]);
    let started = Instant::now();
    folder.prints("run --scenario vr_gaming --duration-ms 10000 --report r.html");
    let page = folder.read("r.html");
    assert!(page.len() < 5_000_000, "{} bytes", page.len());
    assert!(page.contains("All 105956 blocks of the run are drawn."), "nothing is left out");
    // Ample for a debug build on a busy machine; a release build takes a tenth of a second or two.
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

#[test]
fn a_timeline_that_is_too_long_is_thinned_and_says_so() {
    let folder = Folder::new("thinned", &[]);
    folder.prints("run --scenario vr_gaming --policy fcfs --duration-ms 30000 --report r.html");
    let page = folder.read("r.html");
    assert!(page.len() < 5_000_000, "{} bytes", page.len());
    assert!(page.contains("are drawn as one, with the terms of the first decision: "));
}
