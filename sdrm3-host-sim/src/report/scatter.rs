//! Model against reference, layer by layer, as a picture.

use std::collections::HashSet;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::full_palette::{BLUE_600, GREY_600, TEAL_600};

use crate::cost::check::{Row, check};
use crate::cost::{Dataflow, cost};

const WIDTH: u32 = 1080;
const HEIGHT: u32 = 760;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type DrawingError = DrawingAreaErrorKind<std::io::Error>;

/// A picture (SVG) of every row as a dot: across what the reference says, up what the model says, both on
/// a logarithmic scale; a panel for latency and one for energy of each dataflow. Agreement is the diagonal.
pub fn scatter(rows: &[Row], title: &str) -> Result<String, String> {
    let mut svg = String::new();
    draw(&mut svg, rows, title).map_err(|error| error.to_string())?;
    Ok(svg)
}

fn draw(svg: &mut String, rows: &[Row], title: &str) -> Result<(), DrawingError> {
    let root = SVGBackend::with_string(svg, (WIDTH, HEIGHT)).into_drawing_area();
    root.fill(&WHITE)?;
    let root = root.titled(title, ("sans-serif", 20))?;
    let reports = check(rows);
    let panels = root.split_evenly((2, reports.len().max(1)));
    for (column, report) in reports.iter().enumerate() {
        let points = points(rows, report.dataflow);
        let latency: Vec<_> = points.iter().map(|point| point.0).collect();
        let energy: Vec<_> = points.iter().map(|point| point.1).collect();
        let caption = |what: &str, median: f64| {
            format!("{}: {what}, median error {:.3} %", report.dataflow, 100.0 * median)
        };
        let of_latency = caption("cycles", report.latency.median_error);
        let of_energy = caption("nJ", report.energy.median_error);
        panel(&panels[column], &of_latency, &latency, BLUE_600)?;
        panel(&panels[reports.len() + column], &of_energy, &energy, TEAL_600)?;
    }
    root.present()
}

type Point = (f64, f64);

/// (reference, model) of latency and of energy.
fn points(rows: &[Row], dataflow: Dataflow) -> Vec<(Point, Point)> {
    let of_row = |row: &Row| {
        let model = cost(&row.shape(), &row.array());
        ((row.latency_cycles, model.cycles as f64), (row.energy_nj, model.energy_nj))
    };
    rows.iter().filter(|row| row.dataflow == dataflow).map(of_row).collect()
}

fn panel(area: &Area<'_>, caption: &str, points: &[Point], colour: RGBColor) -> Result<(), DrawingError> {
    let values = || points.iter().flat_map(|&(reference, model)| [reference, model]);
    let low = values().fold(f64::INFINITY, f64::min).max(1e-9) / 1.5;
    let high = values().fold(0.0, f64::max).max(low * 10.0) * 1.5;
    let mut chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 15))
        .margin(8)
        .x_label_area_size(38)
        .y_label_area_size(62)
        .build_cartesian_2d((low..high).log_scale(), (low..high).log_scale())?;
    let power = |value: &f64| format!("1e{:.0}", value.log10());
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&power)
        .y_label_formatter(&power)
        .x_desc("reference")
        .y_desc("model")
        .draw()?;
    chart.draw_series(LineSeries::new([(low, low), (high, high)], GREY_600.stroke_width(1)))?;
    // Dots that would lie on the same spot are drawn once.
    let mut drawn = HashSet::new();
    let spot = |value: f64| ((value / low).log10() / (high / low).log10() * 800.0) as i32;
    let new = points.iter().filter(|&&(x, y)| drawn.insert((spot(x), spot(y))));
    chart.draw_series(new.map(|&point| Circle::new(point, 2, colour.mix(0.5).filled())))?;
    Ok(())
}
