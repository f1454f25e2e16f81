//! The backend of `plotters` that writes SVG elements whose colours are classes.

use crate::label;
use crate::palette::class;
use maud::{PreEscaped, html};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontTransform,
};
use std::convert::Infallible;

/// The area in which a chart is drawn.
pub type Area<'a> = DrawingArea<Svg<'a>, Shift>;

/// The whole of a chart.
pub fn area(text: &mut String, size: (u32, u32)) -> Area<'_> {
    Svg { text, size }.into_drawing_area()
}

pub struct Svg<'a> {
    text: &'a mut String,
    size: (u32, u32),
}

type Done = Result<(), DrawingErrorKind<Infallible>>;

fn hex(colour: BackendColor) -> String {
    let (r, g, b) = colour.rgb;
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn opacity(colour: BackendColor) -> Option<f64> {
    (colour.alpha < 1.0).then_some(colour.alpha)
}

impl Svg<'_> {
    fn add(&mut self, element: PreEscaped<String>) -> Done {
        self.text.push_str(&element.into_string());
        self.text.push('\n');
        Ok(())
    }

    fn points(path: impl IntoIterator<Item = BackendCoord>) -> String {
        path.into_iter().map(|(x, y)| format!("{x},{y}")).collect::<Vec<_>>().join(" ")
    }
}

impl DrawingBackend for Svg<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Done {
        Ok(())
    }

    fn present(&mut self) -> Done {
        Ok(())
    }

    fn draw_pixel(&mut self, at: BackendCoord, colour: BackendColor) -> Done {
        self.draw_rect(at, (at.0 + 1, at.1 + 1), &colour, true)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Done {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S, fill: bool) -> Done {
        let (x, y) = (from.0.min(to.0), from.1.min(to.1));
        let (width, height) = (from.0.abs_diff(to.0), from.1.abs_diff(to.1));
        let colour = style.color();
        if colour.alpha == 0.0 || width == 0 || height == 0 {
            return Ok(());
        }
        if !fill {
            let corners = [(x, y), (to.0, y), to, (x, to.1), (x, y)];
            return self.draw_path(corners, style);
        }
        self.add(html! {
            rect class=(format!("f-{}", class(colour.rgb))) x=(x) y=(y) width=(width) height=(height) fill=(hex(colour))
                fill-opacity=[opacity(colour)] {}
        })
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Done {
        let colour = style.color();
        let points = Self::points(path);
        if colour.alpha == 0.0 || points.is_empty() {
            return Ok(());
        }
        self.add(html! {
            polyline class=(format!("l-{}", class(colour.rgb))) points=(points) fill="none" stroke=(hex(colour))
                stroke-width=(style.stroke_width()) stroke-opacity=[opacity(colour)] {}
        })
    }

    fn draw_circle<S: BackendStyle>(&mut self, (x, y): BackendCoord, radius: u32, style: &S, _: bool) -> Done {
        let colour = style.color();
        self.add(
            html! { circle class=(format!("f-{}", class(colour.rgb))) cx=(x) cy=(y) r=(radius) fill=(hex(colour)) {} },
        )
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Done {
        let colour = style.color();
        self.add(html! {
            polygon class=(format!("f-{}", class(colour.rgb))) points=(Self::points(path)) fill=(hex(colour))
                fill-opacity=[opacity(colour)] {}
        })
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, (x, y): BackendCoord) -> Done {
        if text.is_empty() {
            return Ok(());
        }
        let colour = style.color();
        let anchor = match style.anchor().h_pos {
            HPos::Left => "start",
            HPos::Center => "middle",
            HPos::Right => "end",
        };
        // The distance of the line of writing below the point, as a part of the size.
        let below = match style.anchor().v_pos {
            VPos::Top => 0.8,
            VPos::Center => 0.34,
            VPos::Bottom => -0.1,
        } * style.size();
        let turn = match style.transform() {
            FontTransform::None => None,
            FontTransform::Rotate90 => Some(90),
            FontTransform::Rotate180 => Some(180),
            FontTransform::Rotate270 => Some(270),
        };
        let turn = turn.map(|degrees| format!("rotate({degrees} {x} {y})"));
        self.add(html! {
            text class=(format!("f-{}", class(colour.rgb))) x=(x) y=(format!("{:.1}", f64::from(y) + below)) text-anchor=(anchor)
                font-size=(style.size().round()) font-family="system-ui, sans-serif" fill=(hex(colour)) transform=[turn]
                unicode-bidi="isolate" { (label::visible(text)) }
        })
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let width = label::width(text) as f64 * style.size() * 0.56;
        Ok((width.round() as u32, style.size().round() as u32))
    }
}
