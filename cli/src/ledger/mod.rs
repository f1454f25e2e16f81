//! The ledger for people and programs: which entries, added up by what, written how.

pub mod chart;
pub mod csv;
pub mod filter;
pub mod sum;
