//! What the colours of a chart stand for, in rows below it.

use crate::label::{short, width};
use crate::lines::{Line, colour};
use crate::palette::{INK, LIMIT, series};
use crate::svg::Area;
use crate::{Drawn, Series};
use plotters::element::{PathElement, Rectangle, Text};
use plotters::style::{Color, IntoFont, RGBColor};

/// The size of all writing.
pub const SIZE: u32 = 14;
const ROW: i32 = 22;
/// Columns of a name at most.
const LONGEST: usize = 32;

/// The sample of a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sample {
    Area,
    Line,
    Dashes,
}

pub struct Legend {
    items: Vec<(String, RGBColor, Sample)>,
}

impl Legend {
    /// Of series that are areas.
    pub fn of(all: &[Series]) -> Self {
        let items = all.iter().map(|one| (short(&one.name, LONGEST), series(one.colour), Sample::Area));
        Self { items: items.collect() }
    }

    /// Of lines.
    pub fn lines(all: &[Line]) -> Self {
        let sample = |line: &Line| if line.dashed { Sample::Dashes } else { Sample::Line };
        Self { items: all.iter().map(|line| (short(&line.name, 2 * LONGEST), colour(line), sample(line))).collect() }
    }

    /// With the line that marks a limit.
    pub fn limit(mut self, name: Option<&str>) -> Self {
        self.items.extend(name.map(|name| (short(name, LONGEST), LIMIT, Sample::Line)));
        self
    }

    /// Where each item begins, and the height of all.
    fn places(&self, across: u32) -> (Vec<(i32, i32)>, u32) {
        let (mut x, mut y, mut places) = (10, 4, Vec::new());
        for (name, ..) in &self.items {
            let long = 40 + (width(name) as f64 * f64::from(SIZE) * 0.58) as i32;
            if x > 10 && x + long > across as i32 {
                (x, y) = (10, y + ROW);
            }
            places.push((x, y));
            x += long;
        }
        (places, if self.items.is_empty() { 0 } else { (y + ROW) as u32 })
    }

    pub fn height(&self, across: u32) -> u32 {
        self.places(across).1
    }

    pub fn draw(&self, area: &Area<'_>) -> Drawn {
        let (places, _) = self.places(area.dim_in_pixel().0);
        for ((name, colour, sample), (x, y)) in self.items.iter().zip(places) {
            let parts: &[(i32, i32)] = match sample {
                Sample::Area => &[],
                Sample::Line => &[(0, 18)],
                Sample::Dashes => &[(0, 7), (12, 18)],
            };
            for (from, to) in parts {
                area.draw(&PathElement::new([(x + from, y + 8), (x + to, y + 8)], colour.stroke_width(3)))?;
            }
            if *sample == Sample::Area {
                area.draw(&Rectangle::new([(x + 2, y + 1), (x + 16, y + 15)], colour.filled()))?;
            }
            let font = ("sans-serif", SIZE).into_font().color(&INK);
            area.draw(&Text::new(name.clone(), (x + 24, y + 1), font))?;
        }
        Ok(())
    }
}
