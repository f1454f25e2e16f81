//! What a subcommand tells a person when it cannot go on.

use std::fmt;

/// A failure in three parts: what was being done, why it did not work, what the reader can do about it.
#[derive(Debug)]
pub struct Failure {
    what: String,
    why: String,
    remedy: String,
}

impl Failure {
    /// `what` names the step, `why` carries the cause in the words of whoever refused, `remedy` is an instruction.
    pub fn new(what: impl Into<String>, why: impl fmt::Display, remedy: impl Into<String>) -> Failure {
        Failure { what: what.into(), why: why.to_string().trim().to_owned(), remedy: remedy.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "failed: {}", self.what)?;
        let mut lines = self.why.lines();
        writeln!(f, "   why: {}", lines.next().unwrap_or("no reason was given"))?;
        for line in lines {
            writeln!(f, "        {line}")?;
        }
        write!(f, " to do: {}", self.remedy)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::Failure;

    #[test]
    fn a_failure_says_what_why_and_what_to_do() {
        let failure = Failure::new("open the door", "it is locked\nand bolted\n", "knock");
        assert_eq!(
            failure.to_string(),
            "failed: open the door\n   why: it is locked\n        and bolted\n to do: knock"
        );
    }

    #[test]
    fn a_failure_without_a_reason_says_so() {
        assert!(Failure::new("x", "", "y").to_string().contains("no reason was given"));
    }
}
