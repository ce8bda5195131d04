//! A run over time, as a picture: load, sub-networks and deadline misses per window.

use plotters::prelude::*;
use plotters::style::full_palette::{BLUE_300, BLUE_600, BLUE_900, GREY_600, ORANGE_800, TEAL_300};
use sdrm3_core::{DropReason, Event, Instant, Leftover, Progress, Workload};

use crate::engine::Recorder;
use crate::scenario::ACCELERATORS;

/// Length of a window.
const WINDOW_NS: u64 = 250_000_000;

/// Counts events per window, and draws them.
#[derive(Debug)]
pub struct Timeline<'w> {
    workload: &'w Workload<'w, ACCELERATORS>,
    windows: Vec<Window>,
}

#[derive(Clone, Debug, Default)]
struct Window {
    released: u32,
    ended: u32,
    violated: u32,
    /// Completed frames of the first supernet at each sub-network.
    subnetworks: Vec<u32>,
    /// Completed frames of all supernets, and the accuracy given up by them, in percentage points.
    supernets: u32,
    given_up: f64,
}

type DrawingError = DrawingAreaErrorKind<std::io::Error>;

impl<'w> Timeline<'w> {
    /// An empty timeline of runs of this workload.
    pub fn new(workload: &'w Workload<'w, ACCELERATORS>) -> Self {
        Self { workload, windows: Vec::new() }
    }

    /// The model whose sub-networks are drawn: the first that has several.
    fn supernet(&self) -> Option<usize> {
        self.workload.models.iter().position(|model| model.subnetworks.len() > 1)
    }

    fn window(&mut self, at: Instant) -> &mut Window {
        let index = (at.as_nanos() / WINDOW_NS) as usize;
        if self.windows.len() <= index {
            self.windows.resize(index + 1, Window::default());
        }
        &mut self.windows[index]
    }

    /// The picture as SVG, under a title.
    pub fn draw(&self, title: &str) -> Result<String, String> {
        let mut svg = String::new();
        self.draw_to(&mut svg, title).map_err(|error| error.to_string())?;
        Ok(svg)
    }

    fn draw_to(&self, svg: &mut String, title: &str) -> Result<(), DrawingError> {
        let root = SVGBackend::with_string(svg, (900, 760)).into_drawing_area();
        root.fill(&WHITE)?;
        let root = root.titled(title, ("sans-serif", 20))?;
        let panels = root.split_evenly((3, 1));
        self.draw_load(&panels[0])?;
        self.draw_subnetworks(&panels[1])?;
        self.draw_misses(&panels[2])?;
        root.present()
    }

    fn seconds(&self) -> f64 {
        self.windows.len() as f64 * WINDOW_NS as f64 / 1e9
    }

    /// A step line of a value per window.
    fn steps(&self, value: impl Fn(&Window) -> f64) -> Vec<(f64, f64)> {
        let width = WINDOW_NS as f64 / 1e9;
        let step = |(index, window)| {
            let (from, y) = (index as f64 * width, value(window));
            [(from, y), (from + width, y)]
        };
        self.windows.iter().enumerate().flat_map(step).collect()
    }

    fn draw_load(
        &self,
        area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    ) -> Result<(), DrawingError> {
        let rate = self.steps(|window| f64::from(window.released) * 1e9 / WINDOW_NS as f64);
        let most = rate.iter().map(|point| point.1).fold(1.0, f64::max) * 1.15;
        let mut chart = ChartBuilder::on(area)
            .caption("frames arriving per second, all models", ("sans-serif", 15))
            .margin_left(10)
            .margin_right(20)
            .x_label_area_size(25)
            .y_label_area_size(55)
            .build_cartesian_2d(0.0..self.seconds(), 0.0..most)?;
        chart.configure_mesh().light_line_style(WHITE).x_labels(10).y_labels(5).draw()?;
        chart.draw_series(LineSeries::new(rate, GREY_600.stroke_width(2)))?;
        Ok(())
    }

    fn draw_subnetworks(
        &self,
        area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    ) -> Result<(), DrawingError> {
        let supernet = self.supernet().map(|index| &self.workload.models[index]);
        let caption = supernet.map_or("no model is a supernet".to_string(), |model| {
            format!("{}: share of frames at each sub-network, %", model.name)
        });
        let mut chart = ChartBuilder::on(area)
            .caption(caption, ("sans-serif", 15))
            .margin_left(10)
            .margin_right(20)
            .x_label_area_size(25)
            .y_label_area_size(55)
            .build_cartesian_2d(0.0..self.seconds(), 0.0..100.0)?;
        chart.configure_mesh().light_line_style(WHITE).x_labels(10).y_labels(5).draw()?;
        let names = supernet.map_or(&[][..], |model| model.subnetworks);
        let colours = [BLUE_900, BLUE_600, BLUE_300, TEAL_300];
        // From the back: an area up to the share of this one and all lighter ones.
        for index in (0..names.len()).rev() {
            let up_to = self.steps(|window| {
                let of = |range: &[u32]| f64::from(range.iter().sum::<u32>());
                let part = window.subnetworks.get(..=index).map_or_else(|| of(&window.subnetworks), of);
                100.0 * part / of(&window.subnetworks).max(1.0)
            });
            let colour = colours[index.min(colours.len() - 1)];
            chart
                .draw_series(AreaSeries::new(up_to, 0.0, colour.filled()))?
                .label(match names[index].accuracy_milli_percent {
                    0 => names[index].name.to_string(),
                    known => format!("{} ({:.1} %)", names[index].name, f64::from(known) / 1e3),
                })
                .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled()));
        }
        chart.configure_series_labels().background_style(WHITE.mix(0.85)).border_style(GREY_600).draw()?;
        Ok(())
    }

    fn draw_misses(
        &self,
        area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    ) -> Result<(), DrawingError> {
        let misses = self.steps(|window| 100.0 * f64::from(window.violated) / f64::from(window.ended.max(1)));
        let loss = self.steps(|window| window.given_up / f64::from(window.supernets.max(1)));
        let most = misses.iter().map(|point| point.1).fold(1.0, f64::max) * 1.15;
        let most_loss = loss.iter().map(|point| point.1).fold(0.5, f64::max) * 1.15;
        let mut chart = ChartBuilder::on(area)
            .caption("deadline misses of all models, and accuracy given up", ("sans-serif", 15))
            .margin_left(10)
            .margin_right(20)
            .x_label_area_size(35)
            .y_label_area_size(55)
            .right_y_label_area_size(55)
            .build_cartesian_2d(0.0..self.seconds(), 0.0..most)?
            .set_secondary_coord(0.0..self.seconds(), 0.0..most_loss);
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_labels(10)
            .y_labels(5)
            .x_desc("seconds of virtual time")
            .y_desc("misses, %")
            .draw()?;
        chart.configure_secondary_axes().y_desc("percentage points").y_labels(5).draw()?;
        chart
            .draw_series(LineSeries::new(misses, ORANGE_800.stroke_width(2)))?
            .label("misses")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 12, y)], ORANGE_800.stroke_width(2)));
        chart
            .draw_secondary_series(LineSeries::new(loss, BLUE_600.stroke_width(2)))?
            .label("accuracy given up")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 12, y)], BLUE_600.stroke_width(2)));
        chart.configure_series_labels().background_style(WHITE.mix(0.85)).border_style(GREY_600).draw()?;
        Ok(())
    }
}

impl Recorder for Timeline<'_> {
    fn record(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Released(..) => self.window(now).released += 1,
            Event::Completed(report) if report.progress != Progress::More => {
                let subnetworks =
                    self.workload.model(report.frame.model).map_or(&[][..], |model| model.subnetworks);
                let is_drawn = self.supernet() == Some(usize::from(report.frame.model.0));
                let window = self.window(now);
                window.ended += 1;
                window.violated += u32::from(report.progress == Progress::Late);
                if let (Some(heaviest), Some(used)) =
                    (subnetworks.first(), subnetworks.get(usize::from(report.subnetwork)))
                    && subnetworks.len() > 1
                {
                    if is_drawn {
                        window.subnetworks.resize(subnetworks.len(), 0);
                        window.subnetworks[usize::from(report.subnetwork)] += 1;
                    }
                    window.supernets += 1;
                    // Of an unknown accuracy nobody knows what it gives up.
                    if used.accuracy_milli_percent > 0 {
                        let milli =
                            heaviest.accuracy_milli_percent.saturating_sub(used.accuracy_milli_percent);
                        window.given_up += f64::from(milli) / 1e3;
                    }
                }
            }
            // It is not counted.
            Event::Dropped(_, DropReason::Withdrawn) => {}
            Event::Dropped(..) | Event::Unfinished(Leftover::Overdue(_)) => {
                let window = self.window(now);
                window.ended += 1;
                window.violated += 1;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use sdrm3_core::{Frame, ModelId};

    use super::*;

    #[test]
    fn a_frame_that_was_withdrawn_is_no_miss() {
        let workload = Workload::new(&[], &[]);
        let mut timeline = Timeline::new(&workload);
        let now = Instant::ZERO;
        let frame = Frame { release: now, deadline: now, origin: now, number: 0, model: ModelId(0) };
        for (reason, missed) in [(DropReason::Withdrawn, 0), (DropReason::Stale, 1)] {
            timeline.record(&Event::Dropped(frame, reason), now);
            let Window { ended, violated, .. } = *timeline.window(now);
            assert_eq!((ended, violated), (missed, missed), "{reason:?}");
        }
    }
}
