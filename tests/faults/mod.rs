//! The table of faults.

#![allow(dead_code, reason = "titles are for those who read the tables")]

mod answering;
mod connecting;
mod contents;
pub mod document;
pub mod fault;
mod lists;
pub mod run;
mod statuses;

use fault::Fault;

/// The digest to sign.
pub const DIGEST: [u8; 32] = [7; 32];

/// Rows that belong together.
pub struct Group {
    pub title: &'static str,
    pub rows: &'static [Fault],
}

const fn group(title: &'static str, rows: &'static [Fault]) -> Group {
    Group { title, rows }
}

/// The whole table.
pub const GROUPS: &[Group] = &[
    group("No connection", connecting::CONNECTING),
    group("TLS", connecting::TLS),
    group("A signature under way", answering::SIGNING),
    group("A search under way", answering::READING),
    group("A keypair under way", answering::MAKING),
    group("Answers to a sign", contents::SIGNATURES),
    group("Answers to a search", contents::KEYPAIRS),
    group("Refusals", statuses::REFUSALS),
    group("Not now", statuses::LATER),
    group("Lists", lists::LISTS),
];
