//! Counts with their noun, in messages.

use std::fmt::Display;

/// `1 address`, `2 addresses`: a count with `noun`, a regular English noun in the singular.
pub fn counted(count: impl Display, noun: &str) -> String {
    let count = count.to_string();
    if count == "1" {
        return format!("{count} {noun}");
    }
    let before_y = noun.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    match before_y {
        Some(stem) => format!("{count} {stem}ies"),
        None if noun.ends_with(['s', 'x']) || noun.ends_with("ch") => format!("{count} {noun}es"),
        None => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_is_singular() {
        assert_eq!([counted(0, "byte"), counted(1, "byte"), counted(2, "byte")], ["0 bytes", "1 byte", "2 bytes"]);
        assert_eq!([counted(1, "address"), counted(2, "address")], ["1 address", "2 addresses"]);
        assert_eq!([counted(1, "entry"), counted(3, "entry"), counted(3, "day")], ["1 entry", "3 entries", "3 days"]);
        assert_eq!(counted(2, "sign request"), "2 sign requests");
    }
}
