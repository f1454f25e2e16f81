//! From the service's response to the application's view: any list becomes objects, and every attribute of each is
//! read.

use super::calls::initialize;
use super::workplace::{configuration, keypairs, offline};
use cryptoki_sys::*;
use std::ptr::null_mut;
use stm_pkcs11::abi::*;
use stm_pkcs11::mechanism::MECHANISMS;
use stm_pkcs11::service::fuzzing;

/// The largest number of objects that are read.
const MOST: usize = 256;

/// The input is the answer to `GET /keypairs`.
pub fn run(data: &[u8]) {
    let list = keypairs(data);
    if list.is_empty() {
        return;
    }
    let settings = offline("token");
    fuzzing::store(&configuration(&settings).tokens[0], &list);
    initialize(&settings);
    for slot in 0..2 {
        look(slot);
    }
    // SAFETY: null is what it has to be.
    assert_eq!(unsafe { C_Finalize(null_mut()) }, CKR_OK);
}

fn look(slot: CK_SLOT_ID) {
    let mut session = 0;
    let mut objects: [CK_OBJECT_HANDLE; MOST] = [0; MOST];
    let mut found = 0;
    // SAFETY: the pointers are real.
    unsafe {
        assert_eq!(C_OpenSession(slot, CKF_SERIAL_SESSION, null_mut(), None, &mut session), CKR_OK);
        assert_eq!(C_FindObjectsInit(session, null_mut(), 0), CKR_OK);
        let rv = C_FindObjects(session, objects.as_mut_ptr(), MOST as CK_ULONG, &mut found);
        assert_ne!(rv, CKR_GENERAL_ERROR);
        assert_eq!(C_FindObjectsFinal(session), CKR_OK);
    }
    for (place, object) in objects[..found as usize].iter().enumerate() {
        assert!(!objects[..place].contains(object), "object {object} was found twice");
        (0..0x640)
            .chain([CKA_PROFILE_ID, CKA_ALLOWED_MECHANISMS])
            .for_each(|attribute| read(session, *object, attribute));
        sign(session, *object);
    }
}

/// The length that is said is the length that is written.
fn read(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, attribute: CK_ATTRIBUTE_TYPE) {
    let mut row = CK_ATTRIBUTE { type_: attribute, pValue: null_mut(), ulValueLen: 0 };
    // SAFETY: the row is real.
    let rv = unsafe { C_GetAttributeValue(session, object, &mut row, 1) };
    assert_ne!(rv, CKR_GENERAL_ERROR, "attribute {attribute:#x}");
    if rv != CKR_OK {
        return;
    }
    let mut value = vec![0u8; row.ulValueLen as usize];
    row.pValue = value.as_mut_ptr().cast();
    // SAFETY: the value has the room that the row says.
    assert_eq!(unsafe { C_GetAttributeValue(session, object, &mut row, 1) }, CKR_OK, "attribute {attribute:#x}");
    assert_eq!(row.ulValueLen as usize, value.len(), "attribute {attribute:#x}");
}

/// Whatever a key says it can do begins without a request, and ends in an error that is no defect.
fn sign(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) {
    for row in MECHANISMS.iter().filter(|mechanism| mechanism.is_sign()) {
        let mut mechanism = CK_MECHANISM { mechanism: row.mechanism_type, pParameter: null_mut(), ulParameterLen: 0 };
        let mut digest = [1u8; 32];
        let mut len = 0;
        // SAFETY: the pointers are real.
        unsafe {
            if C_SignInit(session, &mut mechanism, object) == CKR_OK {
                assert_ne!(C_Sign(session, digest.as_mut_ptr(), 32, null_mut(), &mut len), CKR_GENERAL_ERROR);
                let mut signature = vec![0; len as usize];
                let rv = C_Sign(session, digest.as_mut_ptr(), 32, signature.as_mut_ptr(), &mut len);
                assert!(rv != CKR_GENERAL_ERROR && rv != CKR_OK, "{}: {rv:#x}", row.name);
            }
            if C_VerifyInit(session, &mut mechanism, object) == CKR_OK {
                let mut signature = vec![1; len as usize];
                let rv = C_Verify(session, digest.as_mut_ptr(), 32, signature.as_mut_ptr(), len);
                assert!(rv != CKR_GENERAL_ERROR && rv != CKR_OK, "{}: {rv:#x}", row.name);
            }
        }
    }
}
