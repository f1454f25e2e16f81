//! Java properties: the format of `ssm-config.properties`.

use std::collections::HashMap;

/// Parses the text: `=`, `:` or blanks between name and value, `#` and `!` comments, continuation lines, `\uXXXX`.
///
/// It departs from Java in one way. A backslash before a character that is not an escape is kept, because people write
/// `C:\Users\me\client.p12`.
pub fn parse(text: &str) -> HashMap<String, String> {
    let mut found = HashMap::new();
    for line in logical_lines(text.trim_start_matches('\u{feff}')) {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let end = line.find(['=', ':', ' ', '\t', '\u{c}']).unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        let rest = rest.trim_start();
        let value = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim();
        match (name, value.split_once('=')) {
            // A line of a shell script.
            ("export" | "set" | "$env", Some((name, value))) if is_name(name.trim()) => {
                found.insert(name.trim().to_owned(), unescape(value.trim()));
            }
            _ => drop(found.insert(name.to_owned(), unescape(value))),
        }
    }
    found
}

/// Parses the text of the initialise arguments: `NAME=value` pairs, separated by `;` or lines. A quoted value may
/// contain both. There are no continuation lines, because a value may end with a backslash.
pub fn parse_arguments(text: &str) -> HashMap<String, String> {
    let mut found = HashMap::new();
    let mut rest = text.trim_start_matches('\u{feff}');
    while !rest.is_empty() {
        let (entry, after) = rest.split_at(entry_length(rest));
        rest = after.strip_prefix([';', '\n', '\r']).unwrap_or(after);
        if let Some((name, value)) = entry.split_once('=') {
            found.insert(name.trim().to_owned(), unescape(value.trim()));
        }
    }
    found
}

/// The length of the first entry of the initialise arguments.
fn entry_length(text: &str) -> usize {
    const ENDS: [char; 3] = [';', '\n', '\r'];
    let plain = text.find(ENDS).unwrap_or(text.len());
    let Some(begins) = text[..plain].find('=').map(|place| place + 1) else { return plain };
    let value = text[begins..].trim_start_matches([' ', '\t']);
    let Some(quote) = value.chars().next().filter(|first| matches!(first, '"' | '\'')) else { return plain };
    // The quotes count only if the entry ends after the second one.
    let offset = text.len() - value.len() + 1;
    let closes = text[offset..].match_indices(quote).map(|(place, _)| offset + place + 1).find(|place| {
        let after = text[*place..].trim_start_matches([' ', '\t']);
        after.is_empty() || after.starts_with(ENDS)
    });
    closes.map_or(plain, |place| place + text[place..].find(ENDS).unwrap_or(text.len() - place))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
}

/// Joins continuation lines: a line that ends with an odd number of backslashes continues in the next.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open: Option<String> = None;
    for line in text.split(['\n', '\r']) {
        let continued = open.is_some();
        let mut whole = open.take().unwrap_or_default();
        whole.push_str(if continued { line.trim_start() } else { line });
        let comment = whole.trim_start().starts_with(['#', '!']);
        let backslashes = whole.bytes().rev().take_while(|byte| *byte == b'\\').count();
        if !comment && backslashes % 2 == 1 && !line.is_empty() {
            whole.pop();
            open = Some(whole);
        } else {
            lines.push(whole);
        }
    }
    lines.extend(open);
    lines
}

fn unescape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        let mut ahead = rest.clone();
        match ahead.next() {
            Some(plain @ ('\\' | '=' | ':' | '#' | '!' | ' ')) => {
                out.push(plain);
                rest = ahead;
            }
            Some('u') => {
                let digits: String = ahead.by_ref().take(4).collect();
                match u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).filter(|_| digits.len() == 4) {
                    Some(decoded) => {
                        out.push(decoded);
                        rest = ahead;
                    }
                    None => out.push('\\'),
                }
            }
            _ => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> String {
        parse(text).remove("K").unwrap_or_else(|| panic!("{text:?}: {:?}", parse(text)))
    }

    #[test]
    fn every_separator_and_line_end_is_understood() {
        for text in
            ["K=v", "K = v ", "K: v", "K v", "\u{feff}K=v\r\n", "# c\n! c\n\n  K=v\n", "J=1\rK=v\r", "K=\\\n   v"]
        {
            assert_eq!(value(text), "v", "{text:?}");
        }
    }

    #[test]
    fn windows_paths_survive_with_single_and_double_backslashes() {
        assert_eq!(value(r"K=C:\Users\me\client.p12"), r"C:\Users\me\client.p12");
        assert_eq!(value(r"K=C:\\Users\\me\\client.p12"), r"C:\Users\me\client.p12");
    }

    #[test]
    fn escapes_are_decoded() {
        assert_eq!(value(r"K=a\u00e9\=\:b"), "aé=:b");
        assert_eq!(value(r"K=\u12"), r"\u12");
    }

    #[test]
    fn lines_of_shells_files_are_read() {
        for text in ["export K=v", "  export\tK=v", "set K=v", "$env:K=v", "$env:K = v"] {
            assert_eq!(value(text), "v", "{text}");
        }
        assert_eq!(value("export K=a=b"), "a=b");
        assert_eq!(parse("export A_2=v"), HashMap::from([("A_2".to_owned(), "v".to_owned())]));
        // What stands before the second = is no name.
        for value in ["a b=c", "A-B=c", "=c"] {
            assert_eq!(parse(&format!("export ={value}")).get("export").map(String::as_str), Some(value), "{value}");
        }
        assert_eq!(parse("# A = 1\n\n  ! B = 2\n \nC=3"), HashMap::from([("C".to_owned(), "3".to_owned())]));
        // The module has no setting of that name.
        assert_eq!(parse("set = 5").get("set").map(String::as_str), Some("5"));
    }

    #[test]
    fn arguments_are_separated_by_semicolons_and_lines_outside_of_quotes() {
        let read = |text: &str| {
            let mut all: Vec<_> = parse_arguments(text).into_iter().collect();
            all.sort();
            all.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" | ")
        };
        for (text, expected) in [
            ("A=1;B=2", "A=1 | B=2"),
            ("A=1\nB=2\r\n;C=3;", "A=1 | B=2 | C=3"),
            (r#"A="x;y";B=2"#, r#"A="x;y" | B=2"#),
            ("A='x;\ny' ;B=2", "A='x;\ny' | B=2"),
            (r#"A=";x";B=2"#, r#"A=";x" | B=2"#),
            (r#"A="x;y""#, r#"A="x;y""#),
            (r#"A="x;y"  "#, r#"A="x;y""#),
            (r#"A="x;B=2"#, r#"A="x | B=2"#),
            (r#"A="x"y;B=2"#, r#"A="x"y | B=2"#),
            (r"A=C:\dir\;B=2", r"A=C:\dir\ | B=2"),
            ("A", ""),
            ("\u{feff}A = 1", "A=1"),
            ("", ""),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn values_keep_their_equal_signs() {
        assert_eq!(value("K=a=b=="), "a=b==");
    }
}
