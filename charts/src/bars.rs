//! Bars below each other, each with its name, and the values of several series behind each other.

use crate::columns::whole;
use crate::label::{short, width};
use crate::legend::{Legend, SIZE};
use crate::palette::{INK, MESH, series};
use crate::{Chart, Series};
use plotters::chart::ChartBuilder;
use plotters::coord::ranged1d::{IntoSegmentedCoord, SegmentValue};
use plotters::element::{Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont};

#[derive(Debug, Clone, Default)]
pub struct Bars {
    pub title: String,
    /// What the chart shows, for those who do not see it.
    pub description: String,
    /// The name of each bar.
    pub names: Vec<String>,
    pub series: Vec<Series>,
}

const WIDTH: u32 = 760;
const BAR: u32 = 28;
/// Columns of a name at most.
const LONGEST: usize = 30;

impl Bars {
    /// The chart.
    pub fn draw(&self) -> Chart {
        let count = self.names.len().max(1);
        let legend = Legend::of(if self.series.len() > 1 { &self.series } else { &[] });
        let high = count as u32 * BAR + 44;
        let names: Vec<String> = self.names.iter().map(|name| short(name, LONGEST)).collect();
        let widest = names.iter().map(|name| width(name)).max().unwrap_or_default();
        let left = (widest as f64 * f64::from(SIZE) * 0.58) as u32 + 16;
        Chart::draw(&self.title, &self.description, (WIDTH, high + legend.height(WIDTH)), |root| {
            let (area, below) = root.split_vertically(high);
            let sum = |bar: usize| self.series.iter().filter_map(|one| one.values.get(bar)).sum::<u64>();
            let top = ((0..count).map(sum).max().unwrap_or_default() as f64 * 1.12).max(5.0);
            let mut chart = ChartBuilder::on(&area)
                .margin(8)
                .margin_right(24)
                .x_label_area_size(24)
                .y_label_area_size(left)
                // Upside down, so that the first name is on top.
                .build_cartesian_2d(0.0..top, (0..count - 1).into_segmented())?;
            let font = ("sans-serif", SIZE).into_font().color(&INK);
            let name = |value: &SegmentValue<usize>| match value {
                SegmentValue::CenterOf(number) => names.get(count - 1 - *number).cloned().unwrap_or_default(),
                _ => String::new(),
            };
            chart
                .configure_mesh()
                .disable_y_mesh()
                .axis_style(INK)
                .bold_line_style(MESH)
                .light_line_style(MESH.mix(0.0))
                .x_labels(6)
                .y_labels(count + 1)
                .x_label_formatter(&|value| whole(*value))
                .y_label_formatter(&name)
                .label_style(font.clone())
                .draw()?;
            for bar in 0..count {
                let place = count - 1 - bar;
                let mut before = 0;
                for one in &self.series {
                    let value = one.values.get(bar).copied().unwrap_or_default();
                    let corners = [
                        (before as f64, SegmentValue::Exact(place)),
                        ((before + value) as f64, SegmentValue::Exact(place + 1)),
                    ];
                    before += value;
                    let mut rectangle = Rectangle::new(corners, series(one.colour).filled());
                    rectangle.set_margin(4, 4, 0, 1);
                    if value > 0 {
                        chart.draw_series([rectangle])?;
                    }
                }
                let style = font.clone().pos(Pos::new(HPos::Left, VPos::Center));
                let at = (before as f64 + top * 0.008, SegmentValue::CenterOf(place));
                chart.draw_series([Text::new(before.to_string(), at, style)])?;
            }
            legend.draw(&below)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(names: &[&str]) -> String {
        let values = (1..=names.len() as u64).collect();
        let series = vec![Series { name: "signed".into(), values, colour: 0 }];
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Bars { title: "T <&>".into(), description: "D".into(), names, series }.draw().inline("one")
    }

    #[test]
    fn every_bar_has_its_name_and_its_number() {
        let many: Vec<String> = (0..21).map(|number| format!("name-{number}")).collect();
        let svg = bars(&many.iter().map(String::as_str).collect::<Vec<_>>());
        for (number, name) in many.iter().enumerate() {
            assert!(svg.contains(&format!(">{name}</text>")), "{name}: {svg}");
            assert!(svg.contains(&format!(">{}</text>", number + 1)), "{name}: {svg}");
        }
        assert!(svg.contains("<title id=\"one-title\">T &lt;&amp;&gt;</title>"), "{svg}");
        assert!(svg.contains("aria-labelledby=\"one-title\" aria-describedby=\"one-description\""), "{svg}");
    }

    #[test]
    fn names_are_text_whatever_is_in_them() {
        let svg = bars(&["</text><script>x</script>", "\u{1b}[31m\u{0}", "\"' onload=x", "]]>"]);
        assert!(!svg.contains("<script") && !svg.contains('\u{1b}') && !svg.contains('\u{0}'), "{svg}");
        assert!(svg.contains("&lt;/text&gt;&lt;script&gt;x&lt;/script&gt;"), "{svg}");
        assert!(svg.contains("\\u{1b}[31m\\u{0}") && svg.contains("]]&gt;"), "{svg}");
    }
}
