//! Function lists and interfaces (PKCS#11 3.2, 5.4: `C_GetFunctionList`, `C_GetInterfaceList`, `C_GetInterface`).
//!
//! There are three lists, for 2.40, 3.0 and 3.2, each a prefix of the next. These functions only return addresses,
//! because hosts call them to probe for modules.

use super::body::call;
use super::pointer::{get, put, put_list, wanted};
use super::{
    digest::*, general::*, generate::*, message::*, object::*, parallel::*, random::*, session::*, sign::*, slot::*,
    unsupported::*, verify::*,
};
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::ffi::{CStr, c_void};

macro_rules! function_list {
    ($list:ident, $version:expr, [$($function:ident,)*]) => {
        $list { version: $version, $($function: Some($function),)* }
    };
}

/// Expands to the functions of 2.40, followed by those of 3.0 and 3.2 for the lists that have them.
macro_rules! function_lists {
    (v2_40: [$($old:ident,)*] v3_0: [$($three:ident,)*] v3_2: [$($two:ident,)*]) => {
        static V2_40: CK_FUNCTION_LIST =
            function_list!(CK_FUNCTION_LIST, CK_VERSION { major: 2, minor: 40 }, [$($old,)*]);
        static V3_0: CK_FUNCTION_LIST_3_0 =
            function_list!(CK_FUNCTION_LIST_3_0, CK_VERSION { major: 3, minor: 0 }, [$($old,)* $($three,)*]);
        static V3_2: CK_FUNCTION_LIST_3_2 =
            function_list!(CK_FUNCTION_LIST_3_2, CK_VERSION { major: 3, minor: 2 }, [$($old,)* $($three,)* $($two,)*]);
    };
}

function_lists! {
    v2_40: [
        C_Initialize, C_Finalize, C_GetInfo, C_GetFunctionList, C_GetSlotList, C_GetSlotInfo, C_GetTokenInfo,
        C_GetMechanismList, C_GetMechanismInfo, C_InitToken, C_InitPIN, C_SetPIN, C_OpenSession, C_CloseSession,
        C_CloseAllSessions, C_GetSessionInfo, C_GetOperationState, C_SetOperationState, C_Login, C_Logout,
        C_CreateObject, C_CopyObject, C_DestroyObject, C_GetObjectSize, C_GetAttributeValue, C_SetAttributeValue,
        C_FindObjectsInit, C_FindObjects, C_FindObjectsFinal, C_EncryptInit, C_Encrypt, C_EncryptUpdate,
        C_EncryptFinal, C_DecryptInit, C_Decrypt, C_DecryptUpdate, C_DecryptFinal, C_DigestInit, C_Digest,
        C_DigestUpdate, C_DigestKey, C_DigestFinal, C_SignInit, C_Sign, C_SignUpdate, C_SignFinal,
        C_SignRecoverInit, C_SignRecover, C_VerifyInit, C_Verify, C_VerifyUpdate, C_VerifyFinal,
        C_VerifyRecoverInit, C_VerifyRecover, C_DigestEncryptUpdate, C_DecryptDigestUpdate, C_SignEncryptUpdate,
        C_DecryptVerifyUpdate, C_GenerateKey, C_GenerateKeyPair, C_WrapKey, C_UnwrapKey, C_DeriveKey, C_SeedRandom,
        C_GenerateRandom, C_GetFunctionStatus, C_CancelFunction, C_WaitForSlotEvent,
    ]
    v3_0: [
        C_GetInterfaceList, C_GetInterface, C_LoginUser, C_SessionCancel, C_MessageEncryptInit, C_EncryptMessage,
        C_EncryptMessageBegin, C_EncryptMessageNext, C_MessageEncryptFinal, C_MessageDecryptInit, C_DecryptMessage,
        C_DecryptMessageBegin, C_DecryptMessageNext, C_MessageDecryptFinal, C_MessageSignInit, C_SignMessage,
        C_SignMessageBegin, C_SignMessageNext, C_MessageSignFinal, C_MessageVerifyInit, C_VerifyMessage,
        C_VerifyMessageBegin, C_VerifyMessageNext, C_MessageVerifyFinal,
    ]
    v3_2: [
        C_EncapsulateKey, C_DecapsulateKey, C_VerifySignatureInit, C_VerifySignature, C_VerifySignatureUpdate,
        C_VerifySignatureFinal, C_GetSessionValidationFlags, C_AsyncComplete, C_AsyncGetID, C_AsyncJoin,
        C_WrapKeyAuthenticated, C_UnwrapKeyAuthenticated,
    ]
}

/// The name of every standard interface.
const NAME: &CStr = c"PKCS 11";

/// The list of interfaces. It is never written, so threads may share it.
#[repr(transparent)]
struct Interfaces([CK_INTERFACE; 3]);

// SAFETY: the pointers lead to statics that are never written.
unsafe impl Sync for Interfaces {}

const fn interface(list: *const c_void) -> CK_INTERFACE {
    CK_INTERFACE { pInterfaceName: NAME.as_ptr() as *mut CK_UTF8CHAR, pFunctionList: list as *mut c_void, flags: 0 }
}

/// The newest comes first: a caller that names no version gets it. `CKF_INTERFACE_FORK_SAFE` is not set, because a
/// forked child must call `C_Initialize` first.
static INTERFACES: Interfaces = Interfaces([
    interface((&raw const V3_2).cast()),
    interface((&raw const V3_0).cast()),
    interface((&raw const V2_40).cast()),
]);

const VERSIONS: [CK_VERSION; 3] =
    [CK_VERSION { major: 3, minor: 2 }, CK_VERSION { major: 3, minor: 0 }, CK_VERSION { major: 2, minor: 40 }];

/// `C_GetFunctionList`: always the list of 2.40, which every caller understands.
///
/// # Safety
/// `list` is null or points to writable memory for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    call("C_GetFunctionList", || {
        // SAFETY: by the contract above, `list` is null or writable.
        unsafe { put(list, (&raw const V2_40).cast_mut()) }
    })
}

/// `C_GetInterfaceList`
///
/// # Safety
/// `count` is null or points to a `CK_ULONG`; `list` is null or has room for that many interfaces.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetInterfaceList(list: *mut CK_INTERFACE, count: *mut CK_ULONG) -> CK_RV {
    call("C_GetInterfaceList", || {
        // SAFETY: by the contract above, `list` is null or has room for as many values as `count` says.
        unsafe { put_list(list, count, &INTERFACES.0) }
    })
}

/// `C_GetInterface`: a null name or version matches any; the first match is returned.
///
/// # Safety
/// `name` is null or text with a terminator; `version` is null or points to a `CK_VERSION`; `found` is null or
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetInterface(
    name: *mut CK_UTF8CHAR,
    version: *mut CK_VERSION,
    found: *mut *mut CK_INTERFACE,
    flags: CK_FLAGS,
) -> CK_RV {
    call("C_GetInterface", || {
        wanted(found)?;
        // SAFETY: by the contract above, `name` is null or text with a terminator, and `version` is null or readable.
        let place = unsafe { choose(name, version, flags) }?;
        // SAFETY: by the contract above, `found` is null or writable.
        unsafe { put(found, (&raw const INTERFACES.0[place]).cast_mut()) }
    })
}

/// # Safety
/// As for [`C_GetInterface`].
unsafe fn choose(name: *const CK_UTF8CHAR, version: *const CK_VERSION, flags: CK_FLAGS) -> Result<usize> {
    let none = || Error::new(CKR_ARGUMENTS_BAD, "there is no such interface");
    // SAFETY: not null, and text with a terminator.
    if !name.is_null() && unsafe { CStr::from_ptr(name.cast()) } != NAME {
        return Err(none());
    }
    if flags != 0 {
        return Err(none());
    }
    if version.is_null() {
        return Ok(0);
    }
    // SAFETY: by the contract above, `version` is null or readable.
    let version = unsafe { get(version) }?;
    VERSIONS.iter().position(|ours| (ours.major, ours.minor) == (version.major, version.minor)).ok_or_else(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_has_the_version_of_its_interface() {
        for (place, version) in VERSIONS.iter().enumerate() {
            // SAFETY: each list begins with its version.
            let found = unsafe { get(INTERFACES.0[place].pFunctionList.cast::<CK_VERSION>().cast_const()) }.unwrap();
            assert_eq!((found.major, found.minor), (version.major, version.minor));
        }
    }

    #[test]
    fn an_interface_is_found_by_exact_name_and_version_only() {
        let version = |major, minor| CK_VERSION { major, minor };
        // SAFETY: the pointers are valid or null.
        unsafe {
            assert_eq!(choose(std::ptr::null(), std::ptr::null(), 0), Ok(0));
            assert_eq!(choose(NAME.as_ptr().cast(), &version(3, 0), 0), Ok(1));
            assert_eq!(choose(std::ptr::null(), &version(2, 40), 0), Ok(2));
            assert!(choose(std::ptr::null(), &version(3, 1), 0).is_err());
            assert!(choose(c"PKCS 1".as_ptr().cast(), std::ptr::null(), 0).is_err());
            assert!(choose(std::ptr::null(), std::ptr::null(), CKF_INTERFACE_FORK_SAFE).is_err());
        }
    }
}
