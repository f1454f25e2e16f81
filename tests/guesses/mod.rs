//! The table of wrong guesses.

pub mod contract;
pub mod document;
mod entries;
pub mod guess;
mod lists;
mod refusals;
pub mod run;
mod signatures;

use guess::Guess;

/// Rows that belong together.
pub struct Group {
    pub title: &'static str,
    pub rows: &'static [Guess],
}

const fn group(title: &'static str, rows: &'static [Guess]) -> Group {
    Group { title, rows }
}

/// The whole table.
pub const GROUPS: &[Group] = &[
    group("Parameters of lists", lists::PARAMETERS),
    group("Pages and totals", lists::PAGES),
    group("Certificates in lists", entries::CERTIFICATES),
    group("Public keys", entries::KEYS),
    group("Answers to a sign", signatures::SIGNATURES),
    group("Refusals", refusals::REFUSALS),
];
