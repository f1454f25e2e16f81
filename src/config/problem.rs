//! A setting that is missing or invalid.

use std::fmt;

/// The problem of a setting, and its fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub setting: &'static str,
    /// The problem, with the origin of the value.
    pub cause: String,
    /// The fix: an imperative without a full stop.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}; {}", self.setting, self.cause, self.remedy)
    }
}
