//! A setting that is missing or wrong, in one line.

use std::fmt;

/// What is wrong with a setting, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub setting: &'static str,
    /// What is wrong, with where the value came from.
    pub cause: String,
    /// An imperative, without a full stop.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}; {}", self.setting, self.cause, self.remedy)
    }
}
