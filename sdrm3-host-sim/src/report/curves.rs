//! UXCost over the strength of disturbances: a table, and a picture.

use std::io::{self, Write};

use plotters::prelude::*;
use plotters::style::full_palette::{
    AMBER_800, BLUE_600, BROWN_400, GREY_600, LIME_900, PURPLE_400, RED_700, TEAL_600,
};

use super::experiment::{ours_over_it, pair};
use super::table;
use crate::experiment::{Disturbance, Estimate};

/// UXCost over cells by disturbance, strength and policy.
#[derive(Clone, Debug)]
pub struct Curves {
    /// Names of the policies.
    pub policies: Vec<String>,
    /// The one that the others are compared with.
    pub subject: String,
    /// On which cells, see [`Summary::compared`](crate::experiment::Summary::compared).
    pub compared: String,
    /// By disturbance ([`Disturbance::ALL`]), strength ([`Disturbance::STRENGTHS`]), policy.
    pub points: Vec<Vec<Vec<CurvePoint>>>,
}

/// A policy at a strength.
#[derive(Clone, Copy, Debug)]
pub struct CurvePoint {
    /// UXCost, geometric mean.
    pub uxcost: Option<Estimate>,
    /// UXCost of the subject over that of this one.
    pub ours_over_it: Option<Estimate>,
}

/// As a table.
pub fn write_curves(curves: &Curves, out: &mut impl Write) -> io::Result<()> {
    let mut header = vec!["UXCost under", "strength"];
    for policy in &curves.policies {
        header.extend([policy.as_str(), "95 %"]);
        header.extend(["ours/it", "95 %"].into_iter().filter(|_| *policy != curves.subject));
    }
    let mut rows = Vec::new();
    for (disturbance, of_strength) in Disturbance::ALL.into_iter().zip(&curves.points) {
        for (strength, of_policy) in Disturbance::STRENGTHS.into_iter().zip(of_strength) {
            let mut row = vec![disturbance.name().to_string(), format!("{strength:.1}")];
            for (point, policy) in of_policy.iter().zip(&curves.policies) {
                row.extend(pair(point.uxcost, 1.0, 3));
                row.extend(
                    pair(point.ours_over_it, 1.0, 3).into_iter().filter(|_| *policy != curves.subject),
                );
            }
            rows.push(row);
        }
    }
    writeln!(out, "{}\n\n{}", table(&header, rows), ours_over_it(&curves.subject, &curves.compared))
}

const COLOURS: [RGBColor; 8] =
    [BLUE_600, AMBER_800, TEAL_600, GREY_600, PURPLE_400, RED_700, LIME_900, BROWN_400];

/// As a picture (SVG): a panel per disturbance, a line per policy.
pub fn draw_curves(curves: &Curves) -> Result<String, String> {
    let mut svg = String::new();
    draw(&mut svg, curves).map_err(|error| error.to_string())?;
    Ok(svg)
}

fn draw(svg: &mut String, curves: &Curves) -> Result<(), DrawingAreaErrorKind<io::Error>> {
    let root = SVGBackend::with_string(svg, (960, 680)).into_drawing_area();
    root.fill(&WHITE)?;
    let values = curves.points.iter().flatten().flatten();
    // Without any, the panels are empty.
    let values = values.filter_map(|point| point.uxcost);
    let high = values
        .map(|uxcost| uxcost.high.unwrap_or(uxcost.mean))
        .reduce(f64::max)
        .map_or(1.0, |high| 1.05 * high);
    for (panel, (disturbance, points)) in
        root.split_evenly((2, 2)).iter().zip(Disturbance::ALL.into_iter().zip(&curves.points))
    {
        let mut chart = ChartBuilder::on(panel)
            .caption(disturbance.name(), ("sans-serif", 16))
            .margin(10)
            .x_label_area_size(36)
            .y_label_area_size(48)
            .build_cartesian_2d(0.0..0.52, 0.0..high)?;
        chart.configure_mesh().light_line_style(WHITE).x_desc("strength").y_desc("UXCost").draw()?;
        for (index, policy) in curves.policies.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let known = Disturbance::STRENGTHS.into_iter().zip(points);
            let known = known.filter_map(|(strength, of_policy)| Some((strength, of_policy[index].uxcost?)));
            let line: Vec<_> = known.clone().map(|(strength, point)| (strength, point.mean)).collect();
            // Of one seed there is no interval.
            let bars = known.filter_map(|(strength, Estimate { low, high, .. })| {
                Some(PathElement::new(vec![(strength, low?), (strength, high?)], colour))
            });
            chart.draw_series(bars)?;
            chart.draw_series(line.iter().map(|&point| Circle::new(point, 3, colour.filled())))?;
            chart
                .draw_series(LineSeries::new(line, colour.stroke_width(2)))?
                .label(policy)
                .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .draw()?;
    }
    root.present()
}
