//! What a failure of the service is in the standard's numbers.
//!
//! Network and service failures are `CKR_DEVICE_ERROR`: the session stays good, and the next call may work. Clients
//! take `CKR_DEVICE_REMOVED` for the end of all sessions.

use crate::error::Error;
use crate::service::{Failure, Kind};
use cryptoki_sys::*;

/// Failure, code of a sign or a search, code of a login, code of a key pair generation.
const TABLE: &[(Kind, CK_RV, CK_RV, CK_RV)] = &[
    (Kind::Settings, CKR_FUNCTION_FAILED, CKR_FUNCTION_FAILED, CKR_FUNCTION_FAILED),
    (Kind::Password, CKR_FUNCTION_FAILED, CKR_PIN_INCORRECT, CKR_FUNCTION_FAILED),
    (Kind::Unreachable, CKR_DEVICE_ERROR, CKR_DEVICE_ERROR, CKR_DEVICE_ERROR),
    (Kind::Tls, CKR_DEVICE_ERROR, CKR_DEVICE_ERROR, CKR_DEVICE_ERROR),
    (Kind::Timeout, CKR_DEVICE_ERROR, CKR_DEVICE_ERROR, CKR_DEVICE_ERROR),
    (Kind::Unauthorized, CKR_DEVICE_ERROR, CKR_PIN_INCORRECT, CKR_DEVICE_ERROR),
    (Kind::Mfa, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_PIN_INCORRECT, CKR_FUNCTION_REJECTED),
    (Kind::NotPermitted, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_PIN_INCORRECT, CKR_FUNCTION_REJECTED),
    (Kind::Offline, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_DEVICE_ERROR, CKR_FUNCTION_REJECTED),
    (Kind::NotFound, CKR_KEY_HANDLE_INVALID, CKR_DEVICE_ERROR, CKR_DEVICE_ERROR),
    (Kind::Conflict, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_DEVICE_ERROR, CKR_ATTRIBUTE_VALUE_INVALID),
    (Kind::BadRequest, CKR_FUNCTION_FAILED, CKR_DEVICE_ERROR, CKR_ATTRIBUTE_VALUE_INVALID),
    (Kind::RateLimited, CKR_DEVICE_ERROR, CKR_DEVICE_ERROR, CKR_DEVICE_ERROR),
    (Kind::Quota, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_DEVICE_ERROR, CKR_FUNCTION_REJECTED),
    (Kind::Unavailable, CKR_DEVICE_ERROR, CKR_DEVICE_ERROR, CKR_DEVICE_ERROR),
    (Kind::BadAnswer, CKR_DEVICE_ERROR, CKR_DEVICE_ERROR, CKR_DEVICE_ERROR),
    (Kind::TooLarge, CKR_DATA_LEN_RANGE, CKR_DEVICE_ERROR, CKR_DEVICE_ERROR),
    (Kind::Cancelled, CKR_FUNCTION_CANCELED, CKR_FUNCTION_CANCELED, CKR_FUNCTION_CANCELED),
];

fn row(failure: &Failure) -> (CK_RV, CK_RV, CK_RV) {
    let found = TABLE.iter().find(|row| row.0 == failure.kind());
    found.map_or((CKR_DEVICE_ERROR, CKR_DEVICE_ERROR, CKR_DEVICE_ERROR), |row| (row.1, row.2, row.3))
}

/// A failure while searching or signing.
pub fn error(failure: &Failure) -> Error {
    Error::loud(row(failure).0, failure.to_string())
}

/// A failure while checking a PIN.
pub fn login_error(failure: &Failure) -> Error {
    Error::loud(row(failure).1, failure.to_string())
}

/// A failure while making a keypair.
pub fn generation_error(failure: &Failure) -> Error {
    Error::loud(row(failure).2, failure.to_string())
}

/// Whether the failure says that what we know of the keypair is no longer so.
pub fn outdated(failure: &Failure) -> bool {
    matches!(failure.kind(), Kind::NotFound | Kind::Offline)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_stands_once() {
        for (place, row) in TABLE.iter().enumerate() {
            assert!(TABLE[place + 1..].iter().all(|other| other.0 != row.0), "{:?}", row.0);
        }
    }
}
