//! Every link of the book and the README leads somewhere: to a file that is there, and a heading in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// What a page has: where its links lead, and the anchors of its headings.
struct Page {
    links: Vec<String>,
    anchors: BTreeSet<String>,
}

/// As mdBook and GitHub name a heading's anchor.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars().filter(|letter| letter.is_alphanumeric() || "-_".contains(*letter)).collect()
}

fn read(path: &Path) -> Page {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (mut links, mut anchors, mut heading) = (Vec::new(), BTreeSet::new(), None::<String>);
    for event in Parser::new_ext(&text, pulldown_cmark::Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                links.push(dest_url.into_string());
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                anchors.extend(heading.take().map(|heading| anchor(&heading)));
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            _ => {}
        }
    }
    Page { links, anchors }
}

fn pages() -> Vec<PathBuf> {
    let chapters = fs::read_dir(format!("{ROOT}/docs/src")).expect("the book");
    let chapters = chapters.map(|entry| entry.expect("a chapter").path());
    let pages = chapters.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.chain(["README.md", "CHANGELOG.md"].map(|name| Path::new(ROOT).join(name))).collect()
}

/// Why a link of a page leads nowhere.
fn broken(page: &Path, own: &Page, link: &str) -> Option<String> {
    if link.contains("://") {
        return None;
    }
    let (file, wanted) = link.split_once('#').unwrap_or((link, ""));
    let path = page.parent().expect("a folder").join(file);
    if !file.is_empty() && !path.exists() {
        return Some(format!("{}: no file {file}", page.display()));
    }
    let is_there = wanted.is_empty()
        || if file.is_empty() { own.anchors.contains(wanted) } else { read(&path).anchors.contains(wanted) };
    (!is_there).then(|| format!("{}: no heading of {link}", page.display()))
}

#[test]
fn every_link_leads_somewhere() {
    let (mut followed, mut dead) = (0, Vec::new());
    for path in pages() {
        let page = read(&path);
        followed += page.links.len();
        dead.extend(page.links.iter().filter_map(|link| broken(&path, &page, link)));
    }
    assert!(followed > 100, "{followed} links");
    assert_eq!(dead, Vec::<String>::new());
}

#[test]
fn a_dead_link_is_found() {
    let path = Path::new(ROOT).join("docs/src/faq.md");
    let page = read(&path);
    assert!(broken(&path, &page, "no-such-page.md").is_some());
    assert!(broken(&path, &page, "files.md#no-such-heading").is_some());
    assert!(broken(&path, &page, "#no-such-heading").is_some());
    assert!(broken(&path, &page, "files.md#sweeps-sweep-merge").is_none());
}

#[test]
fn every_page_is_in_the_book() {
    let summary = read(&Path::new(ROOT).join("docs/src/SUMMARY.md"));
    let listed: BTreeSet<_> = summary.links.into_iter().collect();
    for path in pages().iter().filter(|path| path.starts_with(format!("{ROOT}/docs"))) {
        let name = path.file_name().and_then(|name| name.to_str()).expect("UTF-8");
        assert!(name == "SUMMARY.md" || listed.contains(name), "{name} is not in SUMMARY.md");
    }
}

#[test]
fn the_example_for_github_actions_uses_options_that_there_are() {
    let example = include_str!("../../examples/ci/github-actions.yml");
    let commands = example.split("sdrm3-sim ").skip(1).filter(|rest| !rest.starts_with("run ..."));
    let mut options = 0;
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
        let help = crate::program(&[words[0], "--help"]);
        let ours = words.iter().take_while(|word| !["git", "-"].contains(*word));
        for option in ours.filter(|word| word.starts_with("--")) {
            assert!(help.contains(option), "{} has no {option}", words[0]);
            options += 1;
        }
    }
    assert!(options > 10, "{options} options");
}
