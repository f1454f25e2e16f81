//! The one error type of the floors above the service: a return code, and why.

use cryptoki_sys::CK_RV;
use std::borrow::Cow;
use std::fmt;

/// What a call answers when it fails: the number for the program, the cause for the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The `CKR_` code of the standard.
    pub rv: CK_RV,
    /// One line: what was tried, what was wrong, what to do. Empty where the code says it all.
    pub cause: Cow<'static, str>,
    /// Whether a person has to know (logged as ERROR) or the program's author (logged as DEBUG).
    pub loud: bool,
}

/// A result whose error is an [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error that is the application's business: the code, and a cause for the debug log.
    pub fn new(rv: CK_RV, cause: impl Into<Cow<'static, str>>) -> Self {
        Self { rv, cause: cause.into(), loud: false }
    }

    /// An error that a person must read about: it becomes one ERROR line.
    pub fn loud(rv: CK_RV, cause: impl Into<Cow<'static, str>>) -> Self {
        Self { rv, cause: cause.into(), loud: true }
    }
}

impl From<CK_RV> for Error {
    fn from(rv: CK_RV) -> Self {
        Self::new(rv, "")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CK_RV {:#x}: {}", self.rv, self.cause)
    }
}

impl std::error::Error for Error {}
