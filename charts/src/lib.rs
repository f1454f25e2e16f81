//! Charts as SVG. Colours are classes, so that a style sheet makes them light or dark; every chart has a title and a description for
//! screen readers; every text is escaped, and characters that XML forbids are shown by their numbers.
//!
//! [`Chart::inline`] is for a page that contains [`STYLE`], [`Chart::file`] is a file by itself.

mod bars;
mod columns;
mod label;
mod legend;
mod lines;
mod palette;
mod svg;

pub use bars::Bars;
pub use columns::Columns;
pub use lines::{Line, Lines, Scale};
pub use palette::{COLOURS, STYLE};

use maud::{PreEscaped, html};

/// What the drawing of a chart may report; the backend writes to memory, so it does not occur.
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Values of one name, one for each column or bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub name: String,
    pub values: Vec<u64>,
    /// The number of its colour, below [`COLOURS`]; larger numbers begin again.
    pub colour: usize,
}

const XMLNS: &str = "http://www.w3.org/2000/svg";

/// The height of the title in a file.
const HEADING: u32 = 34;

/// A drawn chart.
#[derive(Debug, Clone)]
pub struct Chart {
    width: u32,
    height: u32,
    title: String,
    description: String,
    body: String,
}

impl Chart {
    fn draw(title: &str, description: &str, size: (u32, u32), draw: impl FnOnce(&mut svg::Area<'_>) -> Drawn) -> Self {
        let mut body = String::new();
        let drawn = draw(&mut svg::area(&mut body, size));
        drawn.unwrap_or_else(|error| unreachable!("it is written to memory: {error}"));
        Self {
            width: size.0,
            height: size.1,
            title: label::visible(title),
            description: label::visible(description),
            body,
        }
    }

    /// The chart for a page that contains [`STYLE`], and a heading above it. `id` is unique in the page, and begins the ids of
    /// title and description.
    pub fn inline(&self, id: &str) -> String {
        let (title, description) = (format!("{id}-title"), format!("{id}-description"));
        html! {
            svg xmlns=(XMLNS) class="chart" role="img" viewBox=(format!("0 0 {} {}", self.width, self.height))
                aria-labelledby=(title) aria-describedby=(description) {
                title id=(title) { (self.title) }
                desc id=(description) { (self.description) }
                (PreEscaped(&self.body))
            }
        }
        .into_string()
    }

    /// The chart as a file, with its title above it. `generator` is in the first attribute, so that the first bytes tell which program
    /// wrote it.
    pub fn file(&self, generator: &str) -> String {
        let (width, height) = (self.width, self.height + HEADING);
        html! {
            svg data-generator=(generator) xmlns=(XMLNS) class="chart" role="img" viewBox=(format!("0 0 {width} {height}"))
                width=(width) height=(height) aria-labelledby="title" aria-describedby="description" {
                title id="title" { (self.title) }
                desc id="description" { (self.description) }
                style { (PreEscaped(STYLE)) }
                rect class="paper" width="100%" height="100%" fill="#ffffff" {}
                text class="f-ink" x="12" y="25" font-size="17" font-weight="bold" font-family="system-ui, sans-serif" fill="#1c2024" {
                    (label::short(&self.title, 80))
                }
                g transform=(format!("translate(0 {HEADING})")) { (PreEscaped(&self.body)) }
            }
        }
        .into_string()
    }
}
