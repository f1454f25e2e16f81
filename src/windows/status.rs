//! Translates return codes to Windows' numbers (`winerror.h`), which are the same for a `SECURITY_STATUS` and an
//! `HRESULT`.

use cryptoki_sys::*;

/// `winerror.h` writes them as unsigned numbers.
const fn status(number: u32) -> i32 {
    number.cast_signed()
}

/// Code and status; any other code is `NTE_FAIL`.
const STATUSES: &[(CK_RV, i32)] = &[
    (CKR_OK, 0),
    // NTE_BAD_LEN
    (CKR_DATA_LEN_RANGE, status(0x8009_0004)),
    // NTE_BAD_TYPE
    (CKR_KEY_TYPE_INCONSISTENT, status(0x8009_000a)),
    // NTE_NO_MEMORY
    (CKR_HOST_MEMORY, status(0x8009_000e)),
    // NTE_PERM
    (CKR_KEY_FUNCTION_NOT_PERMITTED, status(0x8009_0010)),
    (CKR_FUNCTION_REJECTED, status(0x8009_0010)),
    // NTE_BAD_KEYSET: "keyset does not exist"
    (CKR_KEY_HANDLE_INVALID, status(0x8009_0016)),
    // NTE_INVALID_HANDLE
    (CKR_OBJECT_HANDLE_INVALID, status(0x8009_0026)),
    // NTE_INVALID_PARAMETER
    (CKR_ARGUMENTS_BAD, status(0x8009_0027)),
    (CKR_MECHANISM_PARAM_INVALID, status(0x8009_0027)),
    // NTE_BUFFER_TOO_SMALL
    (CKR_BUFFER_TOO_SMALL, status(0x8009_0028)),
    // NTE_NOT_SUPPORTED
    (CKR_FUNCTION_NOT_SUPPORTED, status(0x8009_0029)),
    (CKR_MECHANISM_INVALID, status(0x8009_0029)),
    (CKR_ATTRIBUTE_TYPE_INVALID, status(0x8009_0029)),
    // NTE_NO_MORE_ITEMS
    (CKR_NO_EVENT, status(0x8009_002a)),
    // NTE_DEVICE_NOT_READY
    (CKR_DEVICE_ERROR, status(0x8009_0030)),
];

/// `NTE_FAIL`
const FAIL: i32 = status(0x8009_0020);

/// The status of a code.
pub fn of(rv: CK_RV) -> i32 {
    STATUSES.iter().find(|(code, _)| *code == rv).map_or(FAIL, |(_, status)| *status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_stands_once_and_only_success_is_success() {
        for (place, (code, number)) in STATUSES.iter().enumerate() {
            assert!(STATUSES[place + 1..].iter().all(|(other, _)| other != code));
            assert_eq!(*number >= 0, *code == CKR_OK);
        }
        assert_eq!(of(CKR_KEY_HANDLE_INVALID).cast_unsigned(), 0x8009_0016);
        assert_eq!(of(CKR_FUNCTION_FAILED), FAIL);
    }
}
