//! The fault campaign as a picture: faults by faults, the colour how long the recovery takes and what it
//! costs.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::faults::Pooled;
use super::heatmap::colour;
use crate::faults::{CellReport, Kind};

const ROW: i32 = 22;
const COLUMN: i32 = 58;
const LEFT: i32 = 90;
const TOP: i32 = 76;
/// Room for a title, however few faults there are.
const LEAST: i32 = 310;

type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// As SVG, two panels: median recovery time, and geometric mean of UXCost over that of a run that knows
/// the faults. A row and a column per fault; on the diagonal it is alone.
pub fn fault_map(cells: &[CellReport]) -> Result<String, String> {
    let mut svg = String::new();
    draw(cells, &mut svg).map_err(|error| error.to_string())?;
    Ok(svg)
}

fn draw(cells: &[CellReport], svg: &mut String) -> Drawn {
    let kinds: Vec<Kind> =
        Kind::ALL.into_iter().filter(|kind| Pooled::of(cells, &[*kind]).is_some()).collect();
    let count = kinds.len() as i32;
    let (width, height) = ((LEFT + COLUMN * count + 20).max(LEAST), TOP + ROW * count + 24);
    let root = SVGBackend::with_string(svg, (2 * width as u32, height as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(width);
    let recovery = |case: &Pooled| match case.median {
        Some(ms) => (format!("{ms:.0}"), (1.0 + ms).ln() / 1_001f64.ln()),
        None => ("never".into(), 1.0),
    };
    panel(&left, &kinds, cells, "Recovery in ms, median over cells", &recovery)?;
    let cost = |case: &Pooled| (format!("{:.2}", case.ratio), case.ratio.max(1.0).ln() / 10f64.ln());
    panel(&right, &kinds, cells, "UXCost, times that of a run that knows", &cost)?;
    root.present()
}

/// `show` gives the text of a case and its place on the scale of colours, from 0 to 1.
fn panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    kinds: &[Kind],
    cells: &[CellReport],
    title: &str,
    show: &dyn Fn(&Pooled) -> (String, f64),
) -> Drawn {
    let text = |size: i32, colour: &RGBColor, h: HPos| {
        ("sans-serif", size).into_font().color(colour).pos(Pos::new(h, VPos::Center))
    };
    area.draw_text(title, &text(16, &BLACK, HPos::Left), (12, 18))?;
    area.draw_text("on the diagonal the fault is alone", &text(12, &BLACK, HPos::Left), (12, 38))?;
    for (index, row) in kinds.iter().enumerate() {
        let y = TOP + ROW * index as i32;
        let x = LEFT + COLUMN * index as i32 + COLUMN / 2;
        area.draw_text(row.name(), &text(11, &BLACK, HPos::Center), (x, TOP - 12))?;
        area.draw_text(row.name(), &text(12, &BLACK, HPos::Right), (LEFT - 8, y + ROW / 2))?;
        for (place, column) in kinds.iter().enumerate() {
            let case = if row == column { vec![*row] } else { vec![*row, *column] };
            let Some(case) = Pooled::of(cells, &case) else { continue };
            let (label, share) = show(&case);
            let x = LEFT + COLUMN * place as i32;
            let area_of = [(x, y), (x + COLUMN - 1, y + ROW - 1)];
            area.draw(&Rectangle::new(area_of, colour(share).filled()))?;
            let ink = if share > 0.55 { WHITE } else { BLACK };
            area.draw_text(&label, &text(11, &ink, HPos::Center), (x + COLUMN / 2, y + ROW / 2))?;
        }
    }
    Ok(())
}
