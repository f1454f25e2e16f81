//! The error type of everything above the service: a return code and its cause.

use cryptoki_sys::CK_RV;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// The reader of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The author of the client program: logged as DEBUG.
    Author,
    /// The person who runs the program: logged as one ERROR message.
    User,
}

/// The error of a call: a code for the program, and a cause for the person.
#[derive(Debug, Clone)]
pub struct Error {
    /// The `CKR_` code of the standard.
    pub rv: CK_RV,
    /// One line: the failed action, the problem and the fix. Empty if the code is enough.
    pub cause: Cow<'static, str>,
    pub audience: Audience,
    /// The error that caused this one, if there is one.
    pub source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// A result whose error is an [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error for the author of the application: a code, and a cause for the debug log.
    pub fn new(rv: CK_RV, cause: impl Into<Cow<'static, str>>) -> Self {
        Self { rv, cause: cause.into(), audience: Audience::Author, source: None }
    }

    /// An error for the user: one ERROR message.
    pub fn loud(rv: CK_RV, cause: impl Into<Cow<'static, str>>) -> Self {
        Self { audience: Audience::User, ..Self::new(rv, cause) }
    }

    /// The same error with its source.
    pub fn about(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }
}

/// Two errors are equal if the application and the reader of the log cannot tell them apart.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        (self.rv, &self.cause, self.audience) == (other.rv, &other.cause, other.audience)
    }
}

impl Eq for Error {}

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

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::{Failure, Kind};
    use cryptoki_sys::{CKR_DEVICE_ERROR, CKR_FUNCTION_FAILED};
    use std::error::Error as _;

    #[test]
    fn errors_are_equal_if_neither_the_program_nor_the_person_can_tell_them_apart() {
        let error = Error::loud(CKR_DEVICE_ERROR, "it is broken");
        let source = Failure::new(Kind::Settings, "SM_HOST is not set", "set it");
        assert_eq!(error, error.clone().about(source));
        for other in [
            Error::new(CKR_DEVICE_ERROR, "it is broken"),
            Error::loud(CKR_FUNCTION_FAILED, "it is broken"),
            Error::loud(CKR_DEVICE_ERROR, "it is lost"),
        ] {
            assert_ne!(error, other);
        }
        assert_eq!(error.to_string(), "CK_RV 0x30: it is broken");
    }

    #[test]
    fn the_error_below_can_be_reached() {
        let failure = Failure::new(Kind::Settings, "SM_HOST is not set", "set it");
        let error = Error::loud(cryptoki_sys::CKR_FUNCTION_FAILED, failure.to_string()).about(failure.clone());
        let source = error.source().expect("it is about a failure");
        assert_eq!(source.downcast_ref::<Failure>(), Some(&failure));
        assert!(Error::from(cryptoki_sys::CKR_OK).source().is_none());
    }
}
