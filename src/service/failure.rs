//! Failures of requests: a message for the user, and a kind for the code.

use crate::config::Problem;
use std::fmt;

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A setting is missing or wrong.
    Settings,
    /// The password does not decrypt the client certificate.
    Password,
    /// No connection: unknown host, unreachable address, refused, reset.
    Unreachable,
    /// This process lacks resources for a connection, such as free descriptors.
    Resources,
    /// The TLS handshake failed.
    Tls,
    /// The deadline passed.
    Timeout,
    /// 401: the API key is not accepted.
    Unauthorized,
    /// 403: the service saw no client certificate.
    Mfa,
    /// 403 for another reason.
    NotPermitted,
    /// The keypair is offline.
    Offline,
    /// 404: it does not exist, or this user has no access to it.
    NotFound,
    /// 409, or an alias that is in use.
    Conflict,
    /// 400: the service does not accept what we sent.
    BadRequest,
    /// 429
    RateLimited,
    /// The signature quota is used up, or the licence does not cover the request.
    Quota,
    /// A release window is closed, or does not cover the keypair, the user or another signature.
    Window,
    /// 5xx, 408
    Unavailable,
    /// The response cannot be parsed.
    BadAnswer,
    /// The response is longer than any valid one.
    LongAnswer,
    /// 413, or data that is too long to send.
    TooLarge,
    /// The operation was cancelled.
    Cancelled,
}

/// A failure. Its `Display` is one line: the request, the problem with the service's own message, and the fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub(super) kind: Kind,
    /// The request, such as `POST https://host/path`; empty if there was none.
    pub(super) tried: String,
    /// A clause without a full stop, with the evidence.
    pub(super) cause: String,
    /// The fix; may be empty.
    pub(super) remedy: String,
    /// The HTTP status of the service's own response; `None` for web pages of other servers, and without a response.
    pub(super) status: Option<u16>,
}

impl Failure {
    /// A failure before any request.
    pub fn new(kind: Kind, cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { kind, tried: String::new(), cause: cause.into(), remedy: remedy.into(), status: None }
    }

    /// The failure of every request while settings are missing or wrong. Several problems become two numbered lists in
    /// the same order, of causes and of fixes.
    pub(super) fn of_settings(problems: &[Problem]) -> Self {
        let listed = |text: fn(&Problem) -> String| match problems {
            [one] => text(one),
            all => all
                .iter()
                .zip(1..)
                .map(|(one, number)| format!("({number}) {}", text(one)))
                .collect::<Vec<_>>()
                .join(", "),
        };
        Self::new(
            Kind::Settings,
            listed(|problem| format!("{} {}", problem.setting, problem.cause)),
            listed(|problem| problem.remedy.clone()),
        )
    }

    /// The request and the problem, without the fix.
    pub fn cause(&self) -> String {
        if self.tried.is_empty() { self.cause.clone() } else { format!("{}: {}", self.tried, self.cause) }
    }

    /// The fix; may be empty.
    pub fn remedy(&self) -> &str {
        &self.remedy
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether a 404 means that there is no such keypair, and not that the service does not know the path.
    pub(super) fn says_no_such_keypair(&self) -> bool {
        self.status.is_some() && !self.cause.to_ascii_lowercase().contains("path")
    }

    pub(super) fn at(mut self, tried: &str) -> Self {
        if self.tried.is_empty() {
            self.tried = tried.to_owned();
        }
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.tried.is_empty() {
            write!(f, "{}: ", self.tried)?;
        }
        write!(f, "{}", self.cause)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_keypair_is_told_from_a_missing_path() {
        for (status, cause, expected) in [
            (Some(404), "HTTP 404: Keypair not present", true),
            (Some(404), "HTTP 404: no such Path", false),
            (None, "a web page", false),
            (None, "no such path", false),
        ] {
            let failure = Failure { status, ..Failure::new(Kind::NotFound, cause, "") };
            assert_eq!(failure.says_no_such_keypair(), expected, "{cause}");
        }
    }

    #[test]
    fn each_of_several_problems_has_its_cause_and_its_fix() {
        let problem =
            |setting, cause: &str, remedy: &str| Problem { setting, cause: cause.into(), remedy: remedy.into() };
        let host = problem("SM_HOST", "is not set", "set it");
        let timeout = problem("STM_PKCS11_TIMEOUT", "is invalid ('soon')", "use a number of seconds");
        assert_eq!(Failure::of_settings(std::slice::from_ref(&host)).to_string(), "SM_HOST is not set; set it");
        let both = Failure::of_settings(&[host, timeout]);
        assert_eq!(both.cause(), "(1) SM_HOST is not set, (2) STM_PKCS11_TIMEOUT is invalid ('soon')");
        assert_eq!(both.remedy(), "(1) set it, (2) use a number of seconds");
    }
}
