//! Columns beside each other, with the values of several series on each other.

use crate::label::short;
use crate::legend::{Legend, SIZE};
use crate::palette::{INK, LIMIT, MESH, series};
use crate::{Chart, Series};
use plotters::chart::ChartBuilder;
use plotters::coord::ranged1d::{IntoSegmentedCoord, SegmentValue};
use plotters::element::{PathElement, Rectangle};
use plotters::style::{Color, IntoFont};

#[derive(Debug, Clone, Default)]
pub struct Columns {
    pub title: String,
    /// What the chart shows, for those who do not see it.
    pub description: String,
    /// What the height of a column counts.
    pub counts: String,
    /// The name of each column.
    pub names: Vec<String>,
    pub series: Vec<Series>,
    /// A line across all columns, and its name.
    pub limit: Option<(String, u64)>,
}

const WIDTH: u32 = 760;
const HEIGHT: u32 = 300;

impl Columns {
    /// The chart.
    pub fn draw(&self) -> Chart {
        let legend = Legend::of(&self.series).limit(self.limit.as_ref().map(|(name, _)| name.as_str()));
        let size = (WIDTH, HEIGHT + legend.height(WIDTH));
        Chart::draw(&self.title, &self.description, size, |root| {
            let (area, below) = root.split_vertically(HEIGHT);
            let count = self.names.len().max(1);
            let sum = |column: usize| self.series.iter().filter_map(|one| one.values.get(column)).sum::<u64>();
            let most = (0..count).map(sum).chain(self.limit.iter().map(|(_, limit)| *limit)).max().unwrap_or_default();
            let top = (most as f64 * 1.06).max(5.0);
            let mut chart = ChartBuilder::on(&area)
                .margin(10)
                .margin_right(40)
                .x_label_area_size(26)
                .y_label_area_size(64)
                .build_cartesian_2d((0..count - 1).into_segmented(), 0.0..top)?;
            let font = ("sans-serif", SIZE).into_font().color(&INK);
            let name = |value: &SegmentValue<usize>| match value {
                SegmentValue::CenterOf(number) => short(self.names.get(*number).map_or("", String::as_str), 12),
                _ => String::new(),
            };
            chart
                .configure_mesh()
                .disable_x_mesh()
                .axis_style(INK)
                .bold_line_style(MESH)
                .light_line_style(MESH.mix(0.0))
                .x_labels(7)
                .y_labels(6)
                .x_label_formatter(&name)
                .y_label_formatter(&|value| whole(*value))
                .y_desc(&self.counts)
                .label_style(font.clone())
                .axis_desc_style(font)
                .draw()?;
            for column in 0..count {
                let mut below = 0;
                for one in &self.series {
                    let value = one.values.get(column).copied().unwrap_or_default();
                    let corners = [
                        (SegmentValue::Exact(column), below as f64),
                        (SegmentValue::Exact(column + 1), (below + value) as f64),
                    ];
                    below += value;
                    let mut bar = Rectangle::new(corners, series(one.colour).filled());
                    bar.set_margin(0, 0, 1, u32::from(count < 150));
                    if value > 0 {
                        chart.draw_series([bar])?;
                    }
                }
            }
            if let Some((_, limit)) = &self.limit {
                let path = [(SegmentValue::Exact(0), *limit as f64), (SegmentValue::Exact(count), *limit as f64)];
                chart.draw_series([PathElement::new(path, LIMIT.stroke_width(2))])?;
            }
            legend.draw(&below)
        })
    }
}

/// A number of the axis of counts; nothing where it is not whole.
pub fn whole(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(values: &[&[u64]], limit: Option<(String, u64)>) -> String {
        let named = |(colour, values): (usize, &&[u64])| Series {
            name: format!("name{colour}"),
            values: values.to_vec(),
            colour,
        };
        let names = (0..values[0].len()).map(|day| format!("day{day}")).collect();
        let series = values.iter().enumerate().map(named).collect();
        Columns { title: "T".into(), description: "D".into(), counts: "signatures".into(), names, series, limit }
            .draw()
            .file("test")
    }

    /// The heights of the rectangles of a colour.
    fn heights(svg: &str, class: &str) -> Vec<u32> {
        let bars = svg.split("<rect class=\"").filter(|bar| bar.starts_with(class));
        let number = |bar: &str| bar.split_once(" height=\"")?.1.split_once('"')?.0.parse().ok();
        bars.filter_map(number).collect()
    }

    #[test]
    fn columns_are_as_high_as_their_numbers_are_large() {
        let svg = columns(&[&[10, 20, 0], &[0, 20, 40]], None);
        // The last one of each is in the legend.
        let (first, second) = (heights(&svg, "f-s0\""), heights(&svg, "f-s1\""));
        assert_eq!((first.len(), second.len()), (3, 3), "{svg}");
        assert!(first[0].abs_diff(first[1] / 2) <= 1 && second[0].abs_diff(second[1] / 2) <= 1, "{first:?} {second:?}");
        assert!(first[1].abs_diff(second[0]) <= 1, "{first:?} {second:?}");
    }

    #[test]
    fn a_limit_is_a_line_and_nothing_at_all_is_a_chart_too() {
        assert!(columns(&[&[1]], Some(("10/day".into(), 10))).contains("class=\"l-limit\""));
        for values in [&[][..], &[0], &[u64::MAX / 2]] {
            let svg = columns(&[values], Some(("most".into(), u64::MAX)));
            assert!(svg.starts_with("<svg data-generator=\"test\"") && svg.ends_with("</svg>"), "{svg}");
        }
    }
}
