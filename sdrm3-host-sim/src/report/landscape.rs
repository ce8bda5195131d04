//! The landscape of (alpha, beta): a table, and a picture with the tuner's path.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;

use super::table;

/// UXCost over a grid of fixed weights, and what the online tuner did.
#[derive(Clone, Debug, Serialize)]
pub struct Landscape {
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the platform.
    pub platform: String,
    /// Virtual time of each run, in milliseconds.
    pub duration_ms: u32,
    /// Seed of the random draws.
    pub seed: u64,
    /// Values of alpha and of beta.
    pub axis: Vec<f64>,
    /// UXCost, a row per alpha, a column per beta.
    pub costs: Vec<Vec<f64>>,
    /// Where the tuner started: alpha, beta, UXCost of a run with these weights fixed.
    pub start: (f64, f64, f64),
    /// Weights that the tuner set, probes included: time in milliseconds, alpha, beta.
    pub path: Vec<(f64, f64, f64)>,
    /// Where the tuner ended: alpha, beta, UXCost of a run with these weights fixed.
    pub settled: (f64, f64, f64),
    /// Whether it had settled when the run ended.
    pub is_settled: bool,
    /// Moves since it was last armed, at most five.
    pub moves: u8,
    /// UXCost of the run with the tuner on, its search included.
    pub online: f64,
}

impl Landscape {
    /// The lowest cost of the grid and its place: (cost, alpha, beta).
    pub fn best(&self) -> (f64, f64, f64) {
        let mut best = (f64::INFINITY, 0.0, 0.0);
        for (&alpha, row) in self.axis.iter().zip(&self.costs) {
            for (&beta, &cost) in self.axis.iter().zip(row) {
                if cost < best.0 {
                    best = (cost, alpha, beta);
                }
            }
        }
        best
    }

    fn worst(&self) -> f64 {
        self.costs.iter().flatten().copied().fold(0.0, f64::max)
    }

    /// The landscape as an SVG picture: darker is better, the line is the tuner's path from its start
    /// (circle) to its end (dot), the cross is the best point of the grid.
    pub fn draw(&self) -> String {
        const LEFT: f64 = 70.0;
        const TOP: f64 = 60.0;
        const SIDE: f64 = 440.0;
        let n = self.axis.len() as f64;
        let cell = SIDE / n;
        let (best, worst) = (self.best(), self.worst());
        // A weight of 0 to 2 lies at the middle of its cell.
        let x = |beta: f64| LEFT + cell / 2.0 + beta / 2.0 * (SIDE - cell);
        let y = |alpha: f64| TOP + SIDE - cell / 2.0 - alpha / 2.0 * (SIDE - cell);
        let mut svg = String::from(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\" height=\"570\" viewBox=\"0 0 640 570\" \
             font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"640\" height=\"570\" fill=\"#fff\"/>\n",
        );
        let _ = writeln!(
            svg,
            "<text x=\"{LEFT}\" y=\"28\" font-size=\"16\">UXCost of {} on {}, {} s</text>\n<text x=\"{LEFT}\" \
             y=\"47\" fill=\"#555\">best of grid {:.3}, settled {:.3} after {} moves</text>",
            self.scenario,
            self.platform,
            f64::from(self.duration_ms) / 1e3,
            best.0,
            self.settled.2,
            self.moves
        );
        for (&alpha, row) in self.axis.iter().zip(&self.costs) {
            for (&beta, &cost) in self.axis.iter().zip(row) {
                let share = if worst > best.0 { (cost / best.0).ln() / (worst / best.0).ln() } else { 0.0 };
                let _ = writeln!(
                    svg,
                    "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{cell:.1}\" height=\"{cell:.1}\" fill=\"{}\"><title>\
                     alpha {alpha}, beta {beta}: {cost:.4}</title></rect>\n<text x=\"{:.1}\" y=\"{:.1}\" \
                     font-size=\"10\" text-anchor=\"middle\" fill=\"{}\">{cost:.2}</text>",
                    x(beta) - cell / 2.0,
                    y(alpha) - cell / 2.0,
                    shade(share),
                    x(beta),
                    y(alpha) + cell / 2.0 - 4.0,
                    if share < 0.5 { "#fff" } else { "#333" }
                );
            }
        }
        for &value in &self.axis {
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{value}</text>\n<text x=\"{}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{value}</text>",
                x(value),
                TOP + SIDE + 20.0,
                LEFT - 10.0,
                y(value) + 4.0
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">beta (energy)</text>\n<text x=\"20\" y=\"{}\" \
             text-anchor=\"middle\" transform=\"rotate(-90 20 {})\">alpha (starvation)</text>",
            LEFT + SIDE / 2.0,
            TOP + SIDE + 45.0,
            TOP + SIDE / 2.0,
            TOP + SIDE / 2.0
        );
        let points: Vec<String> = std::iter::once((0.0, self.start.0, self.start.1))
            .chain(self.path.iter().copied())
            .map(|(_, alpha, beta)| format!("{:.1},{:.1}", x(beta), y(alpha)))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"#e8590c\" stroke-width=\"2\" stroke-opacity=\"0.8\"/>\n\
             <circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"7\" fill=\"none\" stroke=\"#e8590c\" stroke-width=\"2\"/>\n\
             <circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"5\" fill=\"#e8590c\"/>",
            points.join(" "),
            x(self.start.1),
            y(self.start.0),
            x(self.settled.1),
            y(self.settled.0)
        );
        let (bx, by) = (x(best.2), y(best.1));
        let _ = writeln!(
            svg,
            "<path d=\"M{:.1} {:.1} l12 12 m0 -12 l-12 12\" stroke=\"#fff\" stroke-width=\"3\"/>",
            bx - 6.0,
            by - 6.0
        );
        let legend = [
            ("circle: start", 80.0),
            ("dot: settled", 100.0),
            ("line: probes, moves", 120.0),
            ("cross: best", 140.0),
        ];
        for (text, at) in legend {
            let _ =
                writeln!(svg, "<text x=\"{}\" y=\"{at}\" font-size=\"11\">{text}</text>", LEFT + SIDE + 12.0);
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// From dark blue (0) to light yellow (1).
fn shade(share: f64) -> String {
    let mix = |from: f64, to: f64| (from + (to - from) * share.clamp(0.0, 1.0)).round();
    format!("rgb({},{},{})", mix(8.0, 255.0), mix(48.0, 247.0), mix(107.0, 188.0))
}

/// Writes a landscape as tables, or as JSON.
pub fn write_landscape(landscape: &Landscape, json: bool, out: &mut impl Write) -> io::Result<()> {
    if json {
        serde_json::to_writer_pretty(&mut *out, landscape)?;
        return writeln!(out);
    }
    let Landscape { scenario, platform, duration_ms, seed, axis, costs, start, settled, moves, .. } =
        landscape;
    writeln!(
        out,
        "UXCost of {scenario} on {platform} over fixed weights, {duration_ms} ms of virtual time, seed {seed}\n"
    )?;
    let mut header = vec!["alpha \\ beta".to_string()];
    header.extend(axis.iter().map(|beta| format!("{beta:.2}")));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let best = landscape.best();
    let rows = axis.iter().zip(costs).map(|(alpha, row)| {
        let mut cells = vec![format!("{alpha:.2}")];
        cells
            .extend(row.iter().map(|&cost| format!("{cost:.3}{}", if cost == best.0 { " *" } else { "  " })));
        cells
    });
    writeln!(out, "{}\n", table(&header, rows))?;
    if landscape.path.is_empty() {
        writeln!(out, "the tuner set no other weights")?;
    } else {
        let rows = landscape
            .path
            .iter()
            .map(|(at, alpha, beta)| vec![format!("{at:.0}"), format!("{alpha:.3}"), format!("{beta:.3}")]);
        writeln!(out, "{}", table(&["at ms", "alpha", "beta"], rows))?;
    }
    let above = |cost: f64| if best.0 > 0.0 { 100.0 * (cost / best.0 - 1.0) } else { 0.0 };
    writeln!(
        out,
        "\nbest of the grid: {:.4} at ({:.3}, {:.3})\nstart:            {:.4} at ({:.3}, {:.3}), {:+.1} %\n\
         {}          {:.4} at ({:.3}, {:.3}), {:+.1} %, after {moves} moves\nonline, search included: {:.4}, {:+.1} %",
        best.0,
        best.1,
        best.2,
        start.2,
        start.0,
        start.1,
        above(start.2),
        if landscape.is_settled { "settled:" } else { "so far: " },
        settled.2,
        settled.0,
        settled.1,
        above(settled.2),
        landscape.online,
        above(landscape.online)
    )
}
