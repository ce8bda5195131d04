//! The comparison of policies as a picture: cells by policies, the colour how far from the best.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::matrix::Matrix;
use super::{Run, figure};

const ROW: i32 = 20;
/// The least width of a column, and of the names of rows.
const COLUMN: i32 = 72;
const LEFT: i32 = 230;
const TOP: i32 = 70;

/// How many times the best the colours of the scale are, and how wide each of them is.
const SCALE: [f64; 7] = [1.0, 1.1, 1.5, 2.0, 5.0, 10.0, 100.0];
const STEP: i32 = 62;

/// As SVG: a row per cell and one for the geometric means, a column per policy, the best mean first.
pub fn heatmap(runs: &[Run]) -> Result<String, String> {
    let mut svg = String::new();
    draw(&Matrix::new(runs), &mut svg).map_err(|error| error.to_string())?;
    Ok(svg)
}

fn draw(matrix: &Matrix<'_>, svg: &mut String) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    let order = matrix.by_mean();
    let cells: Vec<String> =
        matrix.cells.iter().map(|cell| format!("{} {}", cell.scenario, cell.platform)).collect();
    let left = LEFT.max(extent(cells.iter().map(String::as_str)) + 20);
    let column_width = COLUMN.max(extent(matrix.policies.iter().copied()) + 10);
    let width = left + (column_width * order.len() as i32).max(STEP * SCALE.len() as i32) + 20;
    let height = TOP + ROW * (matrix.cells.len() as i32 + 2) + 50;
    let root = SVGBackend::with_string(svg, (width as u32, height as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let text = |size: i32, colour: &RGBColor, h: HPos| {
        ("sans-serif", size).into_font().color(colour).pos(Pos::new(h, VPos::Center))
    };
    root.draw_text(
        "UXCost, and its colour: times the best of the row",
        &text(16, &BLACK, HPos::Left),
        (12, 18),
    )?;
    for (column, &policy) in order.iter().enumerate() {
        let x = left + column_width * column as i32 + column_width / 2;
        root.draw_text(matrix.policies[policy], &text(12, &BLACK, HPos::Center), (x, TOP - 14))?;
    }
    let row =
        |index: i32, name: &str, costs: &[Option<f64>]| -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
            let y = TOP + ROW * index;
            let best = super::matrix::lowest(costs);
            root.draw_text(name, &text(12, &BLACK, HPos::Right), (left - 8, y + ROW / 2))?;
            for (column, &policy) in order.iter().enumerate() {
                let x = left + column_width * column as i32;
                let share = costs[policy].zip(best).map_or(0.0, |(cost, best)| shade(cost, best));
                let area = [(x, y), (x + column_width - 1, y + ROW - 1)];
                let fill = if costs[policy].is_some() { colour(share) } else { WHITE };
                root.draw(&Rectangle::new(area, fill.filled()))?;
                let ink = if share > 0.55 { WHITE } else { BLACK };
                let label = figure(costs[policy], 3);
                root.draw_text(&label, &text(11, &ink, HPos::Center), (x + column_width / 2, y + ROW / 2))?;
            }
            Ok(())
        };
    for (index, (cell, name)) in matrix.cells.iter().zip(&cells).enumerate() {
        row(index as i32, name, &cell.costs)?;
    }
    let last = matrix.cells.len() as i32 + 1;
    row(last, "geometric mean", &matrix.means)?;
    // The scale.
    let y = TOP + ROW * (last + 1) + 22;
    for (step, times) in SCALE.into_iter().enumerate() {
        let x = left + STEP * step as i32;
        root.draw(&Rectangle::new([(x, y - 7), (x + 14, y + 7)], colour(shade(times, 1.0)).filled()))?;
        root.draw_text(&format!("{times} x"), &text(11, &BLACK, HPos::Left), (x + 18, y))?;
    }
    root.present()
}

/// About how wide the longest of these names is: 5.5 for each letter of size 12.
fn extent<'n>(names: impl Iterator<Item = &'n str>) -> i32 {
    names.map(|name| name.chars().count()).max().map_or(0, |letters| letters as i32 * 11 / 2)
}

/// From 0 (the best) to 1 (a hundred times the best or worse).
fn shade(cost: f64, best: f64) -> f64 {
    if best > 0.0 && cost > 0.0 { ((cost / best).ln() / 100f64.ln()).clamp(0.0, 1.0).sqrt() } else { 0.0 }
}

/// From light green over yellow to dark red.
pub(super) fn colour(share: f64) -> RGBColor {
    let stops = [(214.0, 240.0, 208.0), (254.0, 224.0, 139.0), (215.0, 48.0, 39.0), (103.0, 0.0, 31.0)];
    let at = share.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
    let (from, part) = ((at as usize).min(stops.len() - 2), at - (at as usize).min(stops.len() - 2) as f64);
    let mix = |a: f64, b: f64| (a + (b - a) * part).round() as u8;
    let (a, b) = (stops[from], stops[from + 1]);
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}
