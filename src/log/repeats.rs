//! Counts repeated errors. A client may try an operation ten times, or probe a thousand parameters; the user needs to
//! read the error once.

use super::{FixedHasher, hash};
use std::collections::{HashMap, HashSet};

/// How many lines of one shape are written if they differ in names and numbers.
const MOST_OF_A_SHAPE: u64 = 5;
/// Longest beginning of a line that a count repeats, in characters.
const LONGEST_NAME: usize = 80;
/// How many shapes and lines are remembered before all are forgotten.
const MOST_REMEMBERED: usize = 256;

/// What to do with an error message.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Write,
    Count,
    /// It is counted, and the count is a round number: write this line with the count.
    Tell(String),
}

struct Shape {
    first: String,
    lines: u64,
    more: u64,
    told: u64,
}

/// The error messages since the run began.
pub struct Repeats {
    lines: HashSet<u64, FixedHasher>,
    shapes: HashMap<u64, Shape, FixedHasher>,
}

impl Repeats {
    pub const fn new() -> Self {
        Self { lines: HashSet::with_hasher(FixedHasher), shapes: HashMap::with_hasher(FixedHasher) }
    }

    /// Judges an error message.
    pub fn judge(&mut self, message: &str) -> Verdict {
        if self.lines.len() >= MOST_REMEMBERED || self.shapes.len() >= MOST_REMEMBERED {
            *self = Self::new();
        }
        let shape = self.shapes.entry(hash(&shape(message))).or_insert_with(|| Shape {
            first: message.to_owned(),
            lines: 0,
            more: 0,
            told: 0,
        });
        if shape.lines < MOST_OF_A_SHAPE && self.lines.insert(hash(message)) {
            shape.lines += 1;
            return Verdict::Write;
        }
        shape.more += 1;
        // At 10, 100, 1000: the process may end without `C_Finalize`.
        if shape.more >= 10 && shape.more == 10u64.pow(shape.more.ilog10()) {
            return Verdict::Tell(shape.tell());
        }
        Verdict::Count
    }

    /// Returns the counts that were not written yet, and forgets everything.
    pub fn take(&mut self) -> Vec<String> {
        let all = std::mem::replace(self, Self::new());
        let untold = all.shapes.into_values().filter(|shape| shape.more > shape.told);
        let mut lines: Vec<String> = untold.map(|mut shape| shape.tell()).collect();
        lines.sort();
        lines
    }
}

impl Shape {
    fn tell(&mut self) -> String {
        self.told = self.more;
        format!("{} more like this: {}", self.more, name(&self.first))
    }
}

/// What identifies a line that was already written in full: its beginning, without the fix, cut after a whole word.
fn name(line: &str) -> String {
    let problem = line.split_once("; ").map_or(line, |(problem, _)| problem);
    let Some((end, _)) = problem.char_indices().nth(LONGEST_NAME) else {
        return if problem.len() < line.len() { format!("{problem} ...") } else { line.to_owned() };
    };
    let start = problem[..end].rsplit_once(' ').map_or(&problem[..end], |(words, _)| words);
    format!("{} ...", start.trim_end_matches([',', ':']))
}

/// A line without the parts that vary: numbers and quoted text.
fn shape(message: &str) -> String {
    let mut shape = String::with_capacity(message.len());
    let mut quoted = false;
    for character in message.chars() {
        match character {
            '\'' => {
                quoted = !quoted;
                shape.push('\'');
            }
            _ if quoted => {}
            digit if digit.is_ascii_digit() => {
                if !shape.ends_with('#') {
                    shape.push('#');
                }
            }
            character => shape.push(character),
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_line_is_written_once_and_then_counted() {
        let mut repeats = Repeats::new();
        assert_eq!(repeats.judge("x"), Verdict::Write);
        assert_eq!(repeats.judge("y"), Verdict::Write);
        for _ in 0..9 {
            assert_eq!(repeats.judge("x"), Verdict::Count);
        }
        assert_eq!(repeats.judge("x"), Verdict::Tell("10 more like this: x".into()));
        assert!(repeats.take().is_empty());
        repeats.judge("x");
        for _ in 0..12 {
            repeats.judge("x");
        }
        assert_eq!(repeats.take(), ["12 more like this: x"]);
        assert_eq!(repeats.judge("x"), Verdict::Write, "a new run begins anew");
    }

    #[test]
    fn lines_that_differ_in_numbers_or_quoted_words_have_one_shape() {
        assert_eq!(shape("keypair 'a 7' is 12 days old, 'b'"), "keypair '' is # days old, ''");
        assert_eq!(shape("keypair 'c' is 3 days old, ''"), "keypair '' is # days old, ''");
        assert_ne!(shape("keypair 'a' is OFFLINE"), shape("keypair 'a' is old"));
    }

    #[test]
    fn a_count_repeats_what_identifies_the_line_and_not_the_fix() {
        assert_eq!(name("SM_HOST is not set"), "SM_HOST is not set");
        assert_eq!(name("the keypair 'a' is OFFLINE; set it ONLINE [C_Sign: CKR_X]"), "the keypair 'a' is OFFLINE ...");
        let url = format!("POST https://host/{}: HTTP 429", "x".repeat(40));
        let cut = name(&format!("{url}, the service refuses more requests than it permits; wait"));
        assert!(cut.starts_with(&url) && cut.ends_with(" ...") && cut.chars().count() <= LONGEST_NAME + 4, "{cut}");
        assert_eq!(name(&"é".repeat(200)), format!("{} ...", "é".repeat(LONGEST_NAME)));
    }

    #[test]
    fn lines_that_differ_in_names_and_numbers_are_written_a_few_times() {
        let mut repeats = Repeats::new();
        let line = |number: u64| format!("the salt has {number} bytes, and the key 'k{number}' accepts 32");
        for number in 0..MOST_OF_A_SHAPE {
            assert_eq!(repeats.judge(&line(number)), Verdict::Write);
        }
        for number in MOST_OF_A_SHAPE..1000 {
            assert_ne!(repeats.judge(&line(number)), Verdict::Write);
        }
        assert_eq!(repeats.judge("another error"), Verdict::Write);
        assert_eq!(repeats.take(), [format!("995 more like this: {}", line(0))]);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut repeats = Repeats::new();
        for number in 0..10_000u32 {
            let word: String = number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect();
            repeats.judge(&word);
        }
        assert!(repeats.lines.len() <= MOST_REMEMBERED && repeats.shapes.len() <= MOST_REMEMBERED);
    }
}
