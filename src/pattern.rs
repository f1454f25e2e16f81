//! Patterns for aliases: `*` matches any characters, `?` matches one, and a backslash escapes `*`, `?`, a comma or
//! another backslash. Lists of patterns are separated by commas.

/// One part of a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Any,
    One,
    This(char),
}

fn parts(pattern: &str) -> Vec<Part> {
    let mut parts = Vec::with_capacity(pattern.len());
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        parts.push(match character {
            '*' => Part::Any,
            '?' => Part::One,
            '\\' => Part::This(characters.next_if(|next| ['*', '?', ',', '\\'].contains(next)).unwrap_or('\\')),
            _ => Part::This(character),
        });
    }
    parts
}

/// Whether a pattern matches a name. Case matters.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<Part>, Vec<char>) = (parts(pattern), name.chars().collect());
    // What stands behind the last star, and the place in the name that it is compared with.
    let (mut at, mut place, mut star) = (0, 0, None);
    while place < name.len() {
        match pattern.get(at) {
            Some(Part::Any) => {
                at += 1;
                star = Some((at, place));
            }
            Some(part) if *part == Part::One || *part == Part::This(name[place]) => {
                at += 1;
                place += 1;
            }
            _ => match star {
                Some((behind, from)) => {
                    (at, place) = (behind, from + 1);
                    star = Some((behind, place));
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|part| *part == Part::Any)
}

/// The only name that a pattern matches; `None` if it can match several.
pub fn literal(pattern: &str) -> Option<String> {
    let plain = |part| match part {
        Part::This(character) => Some(character),
        Part::Any | Part::One => None,
    };
    parts(pattern).into_iter().map(plain).collect()
}

/// The patterns of a list, without the surrounding white space. Empty ones are left out.
pub fn split(list: &str) -> Vec<String> {
    let mut patterns = vec![String::new()];
    let mut escaped = false;
    for character in list.chars() {
        if character == ',' && !escaped {
            patterns.push(String::new());
            continue;
        }
        escaped = character == '\\' && !escaped;
        patterns.last_mut().expect("it is never empty").push(character);
    }
    patterns.iter().map(|pattern| pattern.trim()).filter(|pattern| !pattern.is_empty()).map(str::to_owned).collect()
}

/// A pattern as an item of a list: unescaped commas are escaped.
pub fn item(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut escaped = false;
    for character in pattern.chars() {
        if character == ',' && !escaped {
            text.push('\\');
        }
        escaped = character == '\\' && !escaped;
        text.push(character);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_shells_match_them() {
        for (pattern, name, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c*e", "abcde", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("**", "x", true),
            ("*b", "abab", true),
            ("?", "\u{fc}", true),
            ("A", "a", false),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
            (r"a\,b", "a,b", true),
            (r"a\\", r"a\", true),
            (r"a\b", r"a\b", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_name_with_a_comma_is_one_of_a_list() {
        assert_eq!(split(r" a , b\,c,,d* "), ["a", r"b\,c", "d*"]);
        assert_eq!(split(&["x", &item("b,c")].join(",")), ["x", r"b\,c"]);
        assert_eq!(split(&item(r"b\,c")), [r"b\,c"]);
        assert_eq!(literal(r"b\,c\*").as_deref(), Some("b,c*"));
        assert_eq!(literal("b*"), None);
    }
}
