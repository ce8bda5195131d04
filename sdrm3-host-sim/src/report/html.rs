//! A report to be read in a browser: one file, which asks no network for anything.
//!
//! Words and tables are in the page as it is written, so that it can be read without scripts and printed;
//! the pictures are drawn by the page itself from the figures that lie in it, in the colours of the reader.

mod chronicle;
mod data;
mod pack;
mod tables;
mod verdict;

pub use chronicle::Chronicle;

use sdrm3_core::{Instant, Weights};

use super::markup::escape;
use super::{ModelRun, Run};
use crate::engine::{Cell, Outcome};

const PAGE: &str = include_str!("html/page.html");
const STYLE: &str = include_str!("html/style.css");
/// In the order in which the page runs them.
const SCRIPTS: [&str; 4] = [
    include_str!("html/draw.js"),
    include_str!("html/charts.js"),
    include_str!("html/timeline.js"),
    include_str!("html/page.js"),
];

/// What a reader needs to get the same again.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The settings, by name.
    pub settings: Vec<(&'static str, String)>,
    /// The command.
    pub command: String,
}

impl Origin {
    /// The same for a trace.
    pub fn about(&self) -> Vec<(&str, String)> {
        let settings = self.settings.iter().map(|(name, value)| (*name, value.clone()));
        settings.chain([("command", self.command.clone())]).collect()
    }
}

/// The page of one run.
pub fn run_page(
    run: &Run,
    cell: &Cell<'_>,
    outcome: &Outcome,
    start: Option<Weights>,
    mut chronicle: Chronicle<'_>,
    origin: &Origin,
) -> String {
    chronicle.finish(Instant::ZERO.saturating_add(cell.duration));
    let packed = pack::pack(&chronicle, pack::MOST_SLICES);
    let mut page = Page::new(&format!("{} on {} under {}", run.scenario, run.platform, run.policy));
    page.verdict(&verdict::of_run(run));
    page.add("Summary", "", &tables::figures(run));
    page.add("Models", "", &tables::models(run, cell.workload));
    let latency = "Time from release to result of every frame with a result; late ones are red. The line is the deadline.";
    page.add("Latency against deadlines", latency, CHART_LATENCY);
    let why = "Every block on every accelerator. Point at one, or move to it with the arrow keys, to see why it \
               was chosen: its score, what the score is made of, and who came next.";
    page.add("Timeline", &format!("{why} {}", packed.note), &tables::timeline(packed.count));
    page.add(
        "Energy",
        "What was spent, beside what the same layers take on their worst accelerators.",
        CHART_ENERGY,
    );
    page.add("Frames without a result", "", &tables::drops(run));
    let weights = if start.is_some() {
        "The weights of starvation (alpha) and energy (beta) over time, and the path of online tuning through them."
    } else {
        "This policy has no weights."
    };
    page.add("Weights", weights, if start.is_some() { CHART_WEIGHTS } else { "" });
    let supernets = cell.workload.models.iter().any(|model| model.subnetworks.len() > 1);
    let text = if supernets {
        "Share of completed frames at each sub-network of the models that have several, the heaviest first."
    } else {
        "No model of this scenario has several sub-networks."
    };
    page.add("Sub-networks", text, if supernets { CHART_SUBNETWORKS } else { "" });
    page.reproduce(origin);
    page.finish(&data::of_run(run, cell, outcome, start, &chronicle, &packed))
}

/// The page of a comparison.
pub fn comparison_page(runs: &[Run], origin: &Origin) -> String {
    let mut page = Page::new("Comparison of scheduling policies");
    page.verdict(&verdict::of_comparison(runs));
    let text = "Lower is better. Bars of more than ten times the best are cut off. The policies stand in the order of \
                their geometric means.";
    page.add("UXCost", text, CHART_COMPARISON);
    page.add("UXCost of each cell", "The best of each cell is in bold.", &tables::comparison(runs));
    page.add("Missed deadlines", "Share of violated frames of each model, by cell.", &tables::misses(runs));
    page.reproduce(origin);
    page.finish(&data::of_comparison(runs))
}

const CHART_LATENCY: &str = r#"<div class="chart" id="latency"></div>"#;
const CHART_ENERGY: &str = r#"<div class="chart" id="energy"></div>"#;
const CHART_WEIGHTS: &str = r#"<div class="chart" id="weights"></div>"#;
const CHART_SUBNETWORKS: &str = r#"<div class="chart" id="subnetworks"></div>"#;
const CHART_COMPARISON: &str = r#"<div class="chart" id="comparison"></div>"#;

/// A page on its way, section by section.
struct Page {
    title: String,
    verdict: String,
    contents: String,
    body: String,
}

impl Page {
    fn new(title: &str) -> Self {
        Self { title: escape(title), verdict: String::new(), contents: String::new(), body: String::new() }
    }

    fn verdict(&mut self, text: &str) {
        self.verdict = escape(text);
    }

    /// A section; `text` is text, `content` markup.
    fn add(&mut self, heading: &str, text: &str, content: &str) {
        let id = heading.to_lowercase().replace(' ', "-");
        self.contents += &format!("<li><a href=\"#section-{id}\">{heading}</a></li>\n");
        let text = if text.is_empty() { String::new() } else { format!("<p>{}</p>\n", escape(text)) };
        self.body +=
            &format!("<section id=\"section-{id}\">\n<h2>{heading}</h2>\n{text}{content}\n</section>\n");
    }

    fn reproduce(&mut self, origin: &Origin) {
        let settings = origin.settings.iter();
        let settings: String = settings
            .map(|(name, value)| format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name), escape(value)))
            .collect();
        let version = env!("CARGO_PKG_VERSION");
        let content = format!(
            "<dl>\n{settings}<div><dt>program</dt><dd>sdrm3-sim {version}</dd></div>\n</dl>\n\
             <pre tabindex=\"0\" id=\"command\"><code>{}</code></pre>",
            escape(&origin.command)
        );
        self.add("To get the same again", "The same command gives the same figures, bit by bit.", &content);
    }

    /// The page, with the figures that its scripts draw.
    fn finish(self, data: &serde_json::Value) -> String {
        // No `<` in it: nothing in the figures can end the element.
        let data = data.to_string().replace('<', "\\u003c");
        let scripts = SCRIPTS.concat();
        // Text has no brace that is not escaped, and the figures come last: no place in them is filled.
        let parts = [
            ("{{style}}", STYLE),
            ("{{scripts}}", &scripts),
            ("{{title}}", &self.title),
            ("{{title}}", &self.title),
            ("{{verdict}}", &self.verdict),
            ("{{contents}}", &self.contents),
            ("{{body}}", &self.body),
            ("{{data}}", &data),
        ];
        parts.into_iter().fold(PAGE.to_string(), |page, (place, text)| page.replacen(place, text, 1))
    }
}
