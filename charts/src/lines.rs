//! Lines over an axis of numbers.

use crate::columns::whole;
use crate::label::short;
use crate::legend::{Legend, SIZE};
use crate::palette::{INK, LIMIT, MESH, series};
use crate::{Chart, Drawn};
use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::coord::combinators::IntoLogRange;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::element::{Circle, PathElement};
use plotters::prelude::{DashedLineSeries, DrawingArea};
use plotters::style::{Color, IntoFont, RGBColor};
use plotters_backend::DrawingBackend;
use std::ops::Range;

#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
    /// The number of its colour; `None` for the colour of limits.
    pub colour: Option<usize>,
    /// For what is compared with, or expected.
    pub dashed: bool,
    /// Whether each point is marked: they were measured, and the line between them was not.
    pub marked: bool,
}

/// How an axis grows. A logarithmic one begins above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    Linear,
    Logarithmic,
}

pub struct Lines<'a> {
    pub title: String,
    /// What the chart shows, for those who do not see it.
    pub description: String,
    /// What the axes measure, with units; empty where their labels say it.
    pub axes: [String; 2],
    pub scales: [Scale; 2],
    pub lines: Vec<Line>,
    /// The label of a place on the axis along the bottom; `None` for the number.
    pub label: Option<&'a dyn Fn(f64) -> String>,
}

const WIDTH: u32 = 760;
const HEIGHT: u32 = 320;

impl Lines<'_> {
    /// The chart.
    pub fn draw(&self) -> Chart {
        let legend = Legend::lines(&self.lines);
        let size = (WIDTH, HEIGHT + legend.height(WIDTH));
        Chart::draw(&self.title, &self.description, size, |root| {
            let (area, below) = root.split_vertically(HEIGHT);
            let [x, y] = [self.range(0), self.range(1)];
            match self.scales {
                [Scale::Linear, Scale::Linear] => self.lines(&area, x, y)?,
                [Scale::Linear, Scale::Logarithmic] => self.lines(&area, x, y.log_scale())?,
                [Scale::Logarithmic, Scale::Linear] => self.lines(&area, x.log_scale(), y)?,
                [Scale::Logarithmic, Scale::Logarithmic] => self.lines(&area, x.log_scale(), y.log_scale())?,
            }
            legend.draw(&below)
        })
    }

    /// What an axis has to show.
    fn range(&self, axis: usize) -> Range<f64> {
        let values =
            || self.lines.iter().flat_map(|line| &line.points).map(|point| if axis == 0 { point.0 } else { point.1 });
        let (least, most) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        if !least.is_finite() || !most.is_finite() {
            return if self.scales[axis] == Scale::Linear { 0.0..1.0 } else { 1.0..10.0 };
        }
        match (self.scales[axis], axis) {
            (Scale::Logarithmic, _) => least * 0.9..(most * 1.15).max(least * 2.0),
            (Scale::Linear, 0) => least..most.max(least + 1.0),
            (Scale::Linear, _) => 0.0..(most * 1.06).max(5.0),
        }
    }

    fn lines<X, Y, B>(&self, area: &DrawingArea<B, Shift>, x: X, y: Y) -> Drawn
    where
        B: DrawingBackend,
        B::ErrorType: 'static,
        X: AsRangedCoord<Value = f64>,
        Y: AsRangedCoord<Value = f64>,
        X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
        Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .margin_right(44)
            .x_label_area_size(46)
            .y_label_area_size(70)
            .build_cartesian_2d(x, y)?;
        let font = ("sans-serif", SIZE).into_font().color(&INK);
        let along = |value: &f64| self.label.map_or_else(|| number(*value), |label| short(&label(*value), 12));
        let [below, beside] = &self.axes;
        let mut mesh = chart.configure_mesh();
        mesh.axis_style(INK).bold_line_style(MESH).light_line_style(MESH.mix(0.0)).x_labels(6).y_labels(6);
        mesh.x_label_formatter(&along).y_label_formatter(&|value| number(*value));
        mesh.x_desc(below).y_desc(beside).label_style(font.clone()).axis_desc_style(font).draw()?;
        for line in &self.lines {
            let style = colour(line).stroke_width(3);
            let points = line.points.iter().copied();
            if line.dashed {
                chart.draw_series(DashedLineSeries::new(points.clone(), 7, 5, style))?;
            } else {
                chart.draw_series([PathElement::new(line.points.clone(), style)])?;
            }
            if line.marked {
                chart.draw_series(points.map(|point| Circle::new(point, 4, colour(line).filled())))?;
            }
        }
        Ok(())
    }
}

/// The colour of a line.
pub fn colour(line: &Line) -> RGBColor {
    line.colour.map_or(LIMIT, series)
}

/// A number of an axis, without digits that say nothing.
fn number(value: f64) -> String {
    if value.abs() >= 1.0 || value == 0.0 {
        whole((value * 1e6).round() / 1e6)
    } else {
        format!("{:.3}", value).trim_end_matches('0').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(scales: [Scale; 2], points: Vec<(f64, f64)>) -> String {
        let line = |name: &str, dashed: bool| Line {
            name: name.into(),
            points: points.clone(),
            colour: (!dashed).then_some(0),
            dashed,
            marked: !dashed,
        };
        let lines = vec![line("measured", false), line("bound", true)];
        Lines { title: "T".into(), description: "D".into(), axes: ["x".into(), "y".into()], scales, lines, label: None }
            .draw()
            .inline("c")
    }

    #[test]
    fn measured_points_are_marked_and_what_is_compared_with_is_dashed() {
        use Scale::{Linear, Logarithmic};
        for scales in [[Linear, Linear], [Linear, Logarithmic], [Logarithmic, Linear], [Logarithmic, Logarithmic]] {
            let svg = chart(scales, vec![(1.0, 2.0), (10.0, 50.0), (100.0, 900.0)]);
            assert_eq!(svg.matches("<circle class=\"f-s0\"").count(), 3, "{scales:?}: {svg}");
            assert_eq!(svg.matches("<polyline class=\"l-s0\"").count(), 2, "the line and its sample: {svg}");
            assert!(svg.matches("<polyline class=\"l-limit\"").count() > 5, "{svg}");
            assert!(svg.contains(">measured</text>") && svg.contains(">bound</text>"), "{svg}");
        }
    }

    #[test]
    fn no_point_and_one_point_are_charts_too() {
        for points in [vec![], vec![(3.0, 0.0)], vec![(f64::NAN, f64::INFINITY)]] {
            assert!(chart([Scale::Linear; 2], points).ends_with("</svg>"));
        }
    }

    #[test]
    fn numbers_of_an_axis_are_short() {
        assert_eq!([0.0, 1.0, 10.0, 0.25, 0.1 + 0.2].map(number), ["0", "1", "10", "0.25", "0.3"]);
        assert_eq!(number(1.5), "");
    }
}
