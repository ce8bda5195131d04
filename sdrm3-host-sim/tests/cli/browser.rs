//! The report in a browser without a window, where there is one: Chromium.

use std::process::Command;

use crate::{Folder, PLATFORM, SCENARIO};

/// Collects what goes wrong: errors of scripts, and whatever the page asks for and is refused.
const LISTEN: &str = r#"<script>
const wrong = [];
addEventListener("error", (event) => wrong.push(event.message));
addEventListener("securitypolicyviolation", (event) => wrong.push("asked for " + event.blockedURI));
</script>"#;

/// Uses the page by keys, mouse and buttons, and leaves in its title what came of it.
const WALK: &str = r##"<script>
setTimeout(() => {
  const canvas = document.querySelector("canvas"), told = () => document.querySelector("#block h3").textContent;
  const seen = [told()];
  canvas.focus();
  for (const key of ["ArrowRight", "ArrowRight", "ArrowDown", "ArrowUp", "ArrowLeft", "+", "-", "PageDown", "PageUp", "Home"]) {
    canvas.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    if (told() !== seen[seen.length - 1]) seen.push(told());
  }
  const box = canvas.getBoundingClientRect();
  for (const type of ["pointermove", "wheel"]) {
    const place = { clientX: box.left + 200, clientY: box.top + 40, deltaY: -200, bubbles: true, cancelable: true };
    canvas.dispatchEvent(type === "wheel" ? new WheelEvent(type, place) : new PointerEvent(type, place));
  }
  for (const button of document.querySelectorAll("[data-act]")) button.click();
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data, colours = new Set();
  for (let at = 0; at < pixels.length; at += 4) colours.add(pixels.slice(at, at + 3).join());
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const charts = document.querySelectorAll(".chart svg").length;
  document.title = JSON.stringify({ wrong, blocks: seen.length, colours: colours.size, wide, charts });
}, 200);
</script></body>"##;

/// What the walk found, on a window of this width; `None` without a browser.
fn walk(folder: &Folder, page: &str, width: u32) -> Option<serde_json::Value> {
    let listening = page.replacen("<head>", &format!("<head>{LISTEN}"), 1).replacen("</body>", WALK, 1);
    leaves(folder, &listening, width)
}

/// What a page leaves in its title, on a window of this width; `None` without a browser.
fn leaves(folder: &Folder, page: &str, width: u32) -> Option<serde_json::Value> {
    let works =
        |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|out| out.status.success());
    let browser = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(works)?;
    std::fs::write(folder.0.join("walk.html"), page).expect("a file can be written");
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"])
        .args(["--disable-background-networking", "--disable-component-update", "--virtual-time-budget=5000"])
        .arg(format!("--user-data-dir={}", folder.0.join("profile").display()))
        .arg(format!("--window-size={width},1600"))
        .arg("--dump-dom")
        .arg(format!("file://{}", folder.0.join("walk.html").display()))
        .output()
        .expect("it starts");
    let page = String::from_utf8_lossy(&output.stdout);
    let title = page.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
    let title = title.unwrap_or_else(|| panic!("no page: {}", String::from_utf8_lossy(&output.stderr)));
    Some(
        serde_json::from_str(&title.replace("&quot;", "\""))
            .unwrap_or_else(|_| panic!("the walk failed: {title}")),
    )
}

/// Leaves in the title which texts of pictures are cut off at an edge or run into each other, and which names lie below a bar.
const LOOK: &str = r##"<script>
setTimeout(() => {
  const cut = [], mixed = [], covered = [], box = (element) => element.getBoundingClientRect();
  const pictures = [...document.querySelectorAll(".chart svg")];
  for (const picture of pictures) {
    const { left, right } = box(picture), texts = [...picture.querySelectorAll("text")];
    for (const text of texts) if (box(text).left < left - 1 || box(text).right > right + 1) cut.push(text.textContent);
    texts.forEach((one, index) => {
      for (const other of texts.slice(index + 1)) {
        const across = Math.min(box(one).right, box(other).right) - Math.max(box(one).left, box(other).left);
        const down = Math.min(box(one).bottom, box(other).bottom) - Math.max(box(one).top, box(other).top);
        if (across > 1 && down > 6) mixed.push(one.textContent + " and " + other.textContent);
      }
    });
    for (const name of texts.filter((text) => text.matches(".strong"))) {
      const { top, bottom, right } = box(name);
      const below = (bar) => box(bar).left < right && box(bar).top < bottom && box(bar).bottom > top;
      if ([...picture.querySelectorAll("rect")].some(below)) covered.push(name.textContent);
    }
  }
  document.title = JSON.stringify({ cut, mixed, covered, pictures: pictures.length });
}, 200);
</script></body>"##;

#[test]
fn names_that_are_long_leave_the_pictures_whole() {
    let long = SCENARIO
        .replace("'eye'", "'eye tracking of the left half of the visual field'")
        .replace("'gaze'", "'gaze estimation of the left half of the visual field'");
    let folder = Folder::new("browser_names", &[("s.toml", &long), ("p.toml", PLATFORM)]);
    let cell = "--scenario s.toml --platform p.toml --duration-ms 300";
    folder.prints(&format!("run {cell} --report run.html"));
    folder.prints(&format!("compare {cell} --ablation --report compare.html --out all"));
    folder.prints(&format!("compare {cell} --policy fcfs --out one"));
    folder.prints(&format!("faults {cell} --fault lost --picture faults.svg"));
    for file in ["run.html", "compare.html", "all/compare.svg", "one/compare.svg", "faults.svg"] {
        let mut page = folder.read(file);
        if file.ends_with("svg") {
            page = format!("<html><head><title></title></head><body class=\"chart\">{page}</body></html>");
        }
        let Some(found) = leaves(&folder, &page.replacen("</body>", LOOK, 1), 1200) else {
            sdrm3_check::skipped("browser", "there is no Chromium");
            return;
        };
        assert!(found["pictures"].as_u64() >= Some(1), "{file}: {found}");
        for wrong in ["cut", "mixed", "covered"] {
            assert_eq!(found[wrong], serde_json::json!([]), "{wrong} in {file}");
        }
    }
}

#[test]
fn the_report_draws_and_can_be_used_by_keys_without_errors_or_requests() {
    let folder = Folder::new("browser", &[("s.toml", SCENARIO), ("p.toml", PLATFORM)]);
    folder.prints("run --scenario s.toml --platform p.toml --duration-ms 300 --report r.html");
    for width in [1200, 500] {
        let Some(found) = walk(&folder, &folder.read("r.html"), width) else {
            sdrm3_check::skipped("browser", "there is no Chromium");
            return;
        };
        assert_eq!(found["wrong"], serde_json::json!([]), "{found}");
        assert!(found["blocks"].as_u64() >= Some(4), "the keys move from block to block: {found}");
        assert!(found["colours"].as_u64() >= Some(4), "blocks are drawn: {found}");
        assert!(found["charts"].as_u64() >= Some(4), "charts are drawn: {found}");
        assert_eq!(found["wide"], 0, "nothing sticks out at a width of {width}: {found}");
    }
}
