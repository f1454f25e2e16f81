//! The ledger's output: selects entries, adds them up, and formats them.

pub mod chart;
pub mod csv;
pub mod filter;
pub mod sum;
