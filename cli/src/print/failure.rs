//! The failure of a command.

use super::{Exit, shown};
use std::fmt;

/// A failure in three parts: the failed action, the cause, the fix.
#[derive(Debug, Clone)]
pub struct Failure {
    what: String,
    why: String,
    remedy: String,
    exit: Exit,
}

impl Failure {
    /// `what` names the step, `why` is the cause in the original words, `remedy` is an imperative.
    pub fn new(what: impl Into<String>, why: impl fmt::Display, remedy: impl Into<String>) -> Failure {
        let why = why.to_string().trim().to_owned();
        Failure { what: what.into(), why, remedy: remedy.into(), exit: Exit::Failed }
    }

    /// The same failure with an exit status.
    pub fn exit(self, exit: Exit) -> Failure {
        Failure { exit, ..self }
    }

    /// The same failure, after something that had already happened.
    pub fn after(mut self, what: impl fmt::Display) -> Failure {
        self.why = format!("{}\n{what}", self.why);
        self
    }

    /// The same failure of another action.
    pub fn about(self, what: impl Into<String>) -> Failure {
        Failure { what: what.into(), ..self }
    }

    /// The failed action.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The cause in the original words; may have several lines.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// The fix.
    pub fn remedy(&self) -> &str {
        &self.remedy
    }

    /// The exit status.
    pub fn status(&self) -> Exit {
        self.exit
    }
}

/// Each line is escaped, because names and responses come from outside.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "failed: {}", shown(&self.what))?;
        let mut lines = self.why.lines().map(shown);
        writeln!(f, "   why: {}", lines.next().unwrap_or("no reason was given".into()))?;
        for line in lines {
            writeln!(f, "        {line}")?;
        }
        write!(f, " to do: {}", shown(&self.remedy))
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_why_and_what_to_do() {
        let failure = Failure::new("open the door", "it is locked\nand bolted\n", "knock");
        assert_eq!(
            failure.to_string(),
            "failed: open the door\n   why: it is locked\n        and bolted\n to do: knock"
        );
        assert_eq!((failure.status(), failure.exit(Exit::NotFound).status()), (Exit::Failed, Exit::NotFound));
    }

    #[test]
    fn a_failure_without_a_reason_says_so() {
        assert!(Failure::new("x", "", "y").to_string().contains("no reason was given"));
    }

    #[test]
    fn names_from_outside_do_not_reach_the_terminal_as_they_are() {
        let text = Failure::new("find a\u{1b}[2J\nb", "##vso[x]", "y\u{202e}").to_string();
        assert_eq!(text, "failed: find a\\u{1b}[2J\\u{a}b\n   why: #\\u{23}vso[x]\n to do: y\\u{202e}");
    }
}
