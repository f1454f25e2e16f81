//! Colours. Each has a class, a value for light and one for dark paper, and stays distinguishable with the common forms of colour
//! blindness; the light one is also the attribute, for viewers without style sheets.

use plotters::style::RGBColor;

/// Ink for text and the limit, lines of the mesh, and then the series.
pub const INK: RGBColor = RGBColor(0x1c, 0x20, 0x24);
pub const MESH: RGBColor = RGBColor(0xd5, 0xd9, 0xdd);
pub const LIMIT: RGBColor = RGBColor(0xb3, 0x1d, 0x28);

/// The number of different colours of series.
pub const COLOURS: usize = 9;

/// The series on light paper. The last one is for what several names have together.
const SERIES: [RGBColor; COLOURS] = [
    RGBColor(0x00, 0x5f, 0x9e),
    RGBColor(0xd9, 0x7a, 0x00),
    RGBColor(0x00, 0x85, 0x63),
    RGBColor(0xb8, 0x4d, 0x8d),
    RGBColor(0x4a, 0xa3, 0xd8),
    RGBColor(0xa8, 0x42, 0x00),
    RGBColor(0x8f, 0x8a, 0x00),
    RGBColor(0x5b, 0x4b, 0xb5),
    RGBColor(0x80, 0x86, 0x8c),
];

/// The style sheet of a chart.
pub const STYLE: &str = include_str!("chart.css");

/// The colour of a series.
pub fn series(number: usize) -> RGBColor {
    SERIES[number % COLOURS]
}

/// The class of a colour.
pub fn class((r, g, b): (u8, u8, u8)) -> String {
    let colour = RGBColor(r, g, b);
    match SERIES.iter().position(|known| *known == colour) {
        Some(number) => format!("s{number}"),
        None if colour == MESH => "mesh".to_owned(),
        None if colour == LIMIT => "limit".to_owned(),
        None => "ink".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_has_a_class_of_its_own_in_light_and_dark() {
        let (light, dark) = STYLE.split_once("prefers-color-scheme: dark").expect("both");
        for number in 0..COLOURS {
            let RGBColor(r, g, b) = series(number);
            let variable = format!("--s{number}:");
            assert!(light.contains(&format!("{variable} #{r:02x}{g:02x}{b:02x};")), "{variable} in light");
            assert!(dark.contains(&variable), "{variable} in dark");
            assert!(
                STYLE.contains(&format!(".f-s{number}{{")) && STYLE.contains(&format!(".l-s{number}{{")),
                "{variable}"
            );
            assert_eq!(class((r, g, b)), format!("s{number}"));
        }
        assert_eq!([class((0x1c, 0x20, 0x24)), class((0xb3, 0x1d, 0x28))], ["ink", "limit"]);
    }
}
