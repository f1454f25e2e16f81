//! Makes text from outside (aliases, names, messages of the service) safe for a terminal, a log, and the log of a
//! pipeline.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a terminal acts on a character, hides it or displaces it: control characters, and the characters of
/// Unicode's category Cf that change direction, are invisible, or break lines. Also two that are not characters, which XML forbids.
pub fn is_acted_on(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// A name as one line, in which characters that a terminal acts on become `\u{..}`. It also contains no command of a
/// pipeline: `::` at its start, and `##` anywhere, are escaped, so that runners of GitHub and Azure ignore them.
pub fn shown(name: &str) -> Cow<'_, str> {
    let command = name.trim_start().starts_with("::") || name.contains("##");
    if !command && !name.contains(is_acted_on) {
        return Cow::Borrowed(name);
    }
    let mut text = String::with_capacity(name.len() + 8);
    let mut before = None;
    for character in name.chars() {
        let begins = character == ':' && text.trim_start() == ":";
        if is_acted_on(character) || begins || (character == '#' && before == Some('#')) {
            let _ = write!(text, "\\u{{{:x}}}", u32::from(character));
            before = None;
        } else {
            text.push(character);
            before = Some(character);
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_shown_as_they_are() {
        for name in ["release-key", "Größe", "鍵", "key 😀", "a::b", "#1", "it's \"this\" $(one)"] {
            assert!(matches!(shown(name), Cow::Borrowed(_)), "{name}");
        }
    }

    #[test]
    fn what_a_terminal_acts_on_is_shown_by_its_number() {
        assert_eq!(shown("a\u{1b}[2Jb\r\n"), "a\\u{1b}[2Jb\\u{d}\\u{a}");
        assert_eq!(shown("\u{202e}gpj.exe\u{200b}"), "\\u{202e}gpj.exe\\u{200b}");
        assert_eq!(shown("\u{9b}31m\u{fffe}"), "\\u{9b}31m\\u{fffe}");
    }

    #[test]
    fn no_name_begins_a_command_of_a_pipeline() {
        assert_eq!(shown("::set-output name=x::y"), ":\\u{3a}set-output name=x::y");
        assert_eq!(shown("  ::stop"), "  :\\u{3a}stop");
        assert_eq!(shown("a##vso[task.setvariable]b"), "a#\\u{23}vso[task.setvariable]b");
        assert!(!shown("####[x]").contains("##"));
    }
}
