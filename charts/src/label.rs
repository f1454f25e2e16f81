//! Names in a chart.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Characters that XML 1.0 does not permit by their numbers. Names from outside are made visible before.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}') {
            shown.push_str(&format!("\\u{{{:x}}}", u32::from(character)));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The columns of a text in a font whose wide characters take up two.
pub fn width(text: &str) -> usize {
    text.width()
}

/// A name that takes up at most so many columns; a longer one ends with an ellipsis.
pub fn short(name: &str, columns: usize) -> String {
    let name = visible(name);
    if width(&name) <= columns {
        return name;
    }
    let mut taken = 0;
    let fits = name.chars().take_while(|character| {
        taken += character.width().unwrap_or_default();
        taken < columns
    });
    fits.chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_forbids_is_a_number() {
        assert_eq!(visible("a\u{1b}b\u{0}\u{ffff}\n"), "a\\u{1b}b\\u{0}\\u{ffff}\\u{a}");
        assert_eq!(visible("Größe 鍵 😀 <&>"), "Größe 鍵 😀 <&>");
    }

    #[test]
    fn long_names_are_cut_by_the_columns_that_they_take_up() {
        assert_eq!(short("release", 7), "release");
        assert_eq!(short("release-key", 7), "releas…");
        assert_eq!(short("鍵鍵鍵鍵", 7), "鍵鍵鍵…");
        assert_eq!(short("", 7), "");
        assert!(width(&short(&"\u{1b}".repeat(50), 12)) <= 12);
    }
}
