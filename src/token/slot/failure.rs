//! Translates failures of the service into return codes.
//!
//! Network and service failures are `CKR_DEVICE_ERROR`: the session stays valid, and the next call may succeed. Clients
//! treat `CKR_DEVICE_REMOVED` as the end of all sessions. Each column contains only codes that its function may return
//! (PKCS#11 3.2, chapter 5): `C_FindObjectsInit` (5.7.7) has no codes for keys and permissions; `C_Sign` and
//! `C_SignFinal` (5.13) have `CKR_FUNCTION_REJECTED`.

use crate::error::Error;
use crate::service::{Failure, Kind};
use cryptoki_sys::*;

/// The codes of one kind of failure, by function.
struct Row {
    kind: Kind,
    search: CK_RV,
    sign: CK_RV,
    login: CK_RV,
    generation: CK_RV,
}

const fn row(kind: Kind, search: CK_RV, sign: CK_RV, login: CK_RV, generation: CK_RV) -> Row {
    Row { kind, search, sign, login, generation }
}

const DEVICE: CK_RV = CKR_DEVICE_ERROR;
const FAILED: CK_RV = CKR_FUNCTION_FAILED;
const REJECTED: CK_RV = CKR_FUNCTION_REJECTED;

/// Failure: search, sign, login, key pair generation.
const TABLE: &[Row] = &[
    row(Kind::Settings, FAILED, FAILED, FAILED, FAILED),
    row(Kind::Password, FAILED, FAILED, CKR_PIN_INCORRECT, FAILED),
    row(Kind::Unreachable, DEVICE, DEVICE, DEVICE, DEVICE),
    row(Kind::Resources, DEVICE, DEVICE, DEVICE, DEVICE),
    row(Kind::Tls, DEVICE, DEVICE, DEVICE, DEVICE),
    row(Kind::Timeout, DEVICE, DEVICE, DEVICE, DEVICE),
    row(Kind::Unauthorized, DEVICE, DEVICE, CKR_PIN_INCORRECT, DEVICE),
    row(Kind::Mfa, DEVICE, REJECTED, CKR_PIN_INCORRECT, FAILED),
    row(Kind::NotPermitted, DEVICE, REJECTED, CKR_PIN_INCORRECT, FAILED),
    row(Kind::Offline, DEVICE, REJECTED, DEVICE, FAILED),
    row(Kind::Window, DEVICE, REJECTED, DEVICE, FAILED),
    row(Kind::NotFound, DEVICE, DEVICE, DEVICE, DEVICE),
    row(Kind::Conflict, DEVICE, REJECTED, DEVICE, CKR_ATTRIBUTE_VALUE_INVALID),
    row(Kind::BadRequest, FAILED, FAILED, DEVICE, CKR_ATTRIBUTE_VALUE_INVALID),
    row(Kind::RateLimited, DEVICE, DEVICE, DEVICE, DEVICE),
    row(Kind::Quota, DEVICE, REJECTED, DEVICE, FAILED),
    row(Kind::Unavailable, DEVICE, DEVICE, DEVICE, DEVICE),
    row(Kind::LongAnswer, DEVICE, DEVICE, DEVICE, DEVICE),
    row(Kind::BadAnswer, DEVICE, DEVICE, DEVICE, DEVICE),
    row(Kind::TooLarge, DEVICE, CKR_DATA_LEN_RANGE, DEVICE, DEVICE),
    row(Kind::Cancelled, FAILED, CKR_FUNCTION_CANCELED, CKR_FUNCTION_CANCELED, CKR_FUNCTION_CANCELED),
];

fn code(failure: &Failure, column: fn(&Row) -> CK_RV) -> Error {
    let found = TABLE.iter().find(|row| row.kind == failure.kind());
    Error::loud(found.map_or(CKR_DEVICE_ERROR, column), failure.to_string()).about(failure.clone())
}

/// For `C_FindObjectsInit`.
pub fn search_error(failure: &Failure) -> Error {
    code(failure, |row| row.search)
}

/// For `C_Sign`, `C_SignFinal` and similar functions.
pub fn sign_error(failure: &Failure) -> Error {
    code(failure, |row| row.sign)
}

/// A failure while checking a PIN.
pub fn login_error(failure: &Failure) -> Error {
    code(failure, |row| row.login)
}

/// A failure while creating a keypair.
pub fn generation_error(failure: &Failure) -> Error {
    code(failure, |row| row.generation)
}

/// Whether the failure shows that the known data of the keypair is out of date.
pub fn outdated(failure: &Failure) -> bool {
    matches!(failure.kind(), Kind::NotFound | Kind::Offline)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_keypair_that_is_gone_or_offline_is_read_again() {
        for row in TABLE {
            let failure = Failure::new(row.kind, "it failed", "try again");
            assert_eq!(outdated(&failure), [Kind::NotFound, Kind::Offline].contains(&row.kind), "{:?}", row.kind);
        }
    }

    #[test]
    fn each_kind_stands_once() {
        for (place, row) in TABLE.iter().enumerate() {
            assert!(TABLE[place + 1..].iter().all(|other| other.kind != row.kind), "{:?}", row.kind);
        }
    }

    #[test]
    fn codes_are_of_their_functions_lists() {
        // The codes in the table that occur in the lists of 5.7.7, 5.13.2, 5.13.4, 5.6.8 and 5.18.2.
        let everywhere = [CKR_DEVICE_ERROR, CKR_FUNCTION_FAILED];
        let also = |column: fn(&Row) -> CK_RV, codes: &[CK_RV]| {
            for row in TABLE {
                let code = column(row);
                assert!(everywhere.contains(&code) || codes.contains(&code), "{:?}: {code:#x}", row.kind);
            }
        };
        also(|row| row.search, &[]);
        also(|row| row.sign, &[CKR_DATA_LEN_RANGE, CKR_FUNCTION_CANCELED, CKR_FUNCTION_REJECTED]);
        also(|row| row.login, &[CKR_FUNCTION_CANCELED, CKR_PIN_INCORRECT]);
        let generation = [CKR_ATTRIBUTE_VALUE_INVALID, CKR_FUNCTION_CANCELED, CKR_FUNCTION_REJECTED];
        also(|row| row.generation, &generation);
    }
}
