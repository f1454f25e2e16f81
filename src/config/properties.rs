//! Java properties, as `ssm-config.properties` is written.

use std::collections::HashMap;

/// Reads the text: `=`, `:` or blanks between name and value, `#` and `!` comments, continuation lines, `\uXXXX`.
///
/// One departure: a backslash in front of any other character than the escapes stays, since people write
/// `C:\Users\me\client.p12` and mean it.
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
        found.insert(name.to_owned(), unescape(value));
    }
    found
}

/// Lines with continuations joined: a line that ends in an odd number of backslashes goes on in the next.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open: Option<String> = None;
    for line in text.split(['\n', '\r']) {
        let continued = open.is_some();
        let mut whole = open.take().unwrap_or_default();
        whole.push_str(if continued { line.trim_start() } else { line });
        let comment = whole.trim_start().starts_with(['#', '!']);
        let backslashes = whole.len() - whole.trim_end_matches('\\').len();
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
    fn values_keep_their_equal_signs() {
        assert_eq!(value("K=a=b=="), "a=b==");
    }
}
