//! An internal error, wherever it is, affects only the call in which it occurs.

use super::*;
use crate::support::Emulator;
use crate::{ck, service_test};
use std::ptr::null_mut;

/// The places where the library can panic on demand, from top to bottom (`src/panic_point.rs`).
const PLACES: [&str; 7] = ["C_OpenSession", "C_FindObjectsInit", "C_SignInit", "C_Sign", "token", "service", "cache"];

fn set(place: Option<&str>) {
    // SAFETY: no other thread of this process is running.
    unsafe {
        match place {
            Some(place) => std::env::set_var("STM_PKCS11_PANIC_AT", place),
            None => std::env::remove_var("STM_PKCS11_PANIC_AT"),
        }
    }
}

service_test!(
    a_panic_at_any_floor_fails_its_call_and_nothing_else,
    [("SM_LOG_OUTPUT", "file"), ("SM_LOG_DIR", "/tmp/stm-pkcs11-panics")],
    [],
    |_emulator: &Emulator| {
        if crate::support::is_shipped() {
            // The places exist only in debug builds; tests/run builds one.
            return;
        }
        let p11 = P11::load();
        for place in PLACES {
            assert_eq!(ck!(p11, C_Initialize(null_mut())), CKR_OK);
            set(Some(place));
            let failed = signs(&p11);
            set(None);
            assert!(
                matches!(
                    failed,
                    Err(CKR_GENERAL_ERROR | CKR_FUNCTION_FAILED | CKR_DEVICE_ERROR | CKR_FUNCTION_CANCELED)
                ),
                "{place}: {failed:x?}"
            );
            assert_eq!(signs(&p11), Ok(()), "after a panic at {place}");
            p11.finish();
        }
        for place in ["config", "C_Initialize"] {
            set(Some(place));
            assert_eq!(ck!(p11, C_Initialize(null_mut())), CKR_GENERAL_ERROR, "{place}");
            set(None);
        }
        assert_eq!(ck!(p11, C_Initialize(null_mut())), CKR_OK);
        assert_eq!(signs(&p11), Ok(()));
        for place in ["finish", "C_Finalize"] {
            set(Some(place));
            let rv = ck!(p11, C_Finalize(null_mut()));
            set(None);
            assert_eq!(rv, CKR_GENERAL_ERROR, "{place}");
            if ck!(p11, C_Finalize(null_mut())) == CKR_OK {
                assert_eq!(ck!(p11, C_Initialize(null_mut())), CKR_OK);
            } else {
                assert_eq!(ck!(p11, C_Initialize(null_mut())), CKR_OK, "{place}");
            }
            assert_eq!(signs(&p11), Ok(()), "after a panic at {place}");
        }
        set(Some("log"));
        // A search that fails has something to log.
        let rv = ck!(p11, C_CloseSession(0xdead_beef));
        assert!(matches!(rv, CKR_SESSION_HANDLE_INVALID | CKR_GENERAL_ERROR), "{rv:#x}");
        set(None);
        assert_eq!(signs(&p11), Ok(()));
        p11.finish();
    }
);
