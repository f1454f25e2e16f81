//! CNG's key storage provider: `GetKeyStorageInterface` and the functions of its table that open, describe and sign.
//! The name of a key is the alias of a keypair.
//!
//! Handles are numbers in a list, and any other number is `NTE_INVALID_HANDLE`. A key owns everything that it needs,
//! because signtool frees the provider and still uses the key.

use super::entry::{bytes, call, deliver, key as find, put, text};
use super::ksp_handles::{Object, free, keep, key, provider};
use super::registration::VENDORS;
use super::{blob, ksp_list as list, ksp_refuse as refuse, property};
use crate::error::{Error, Result};
use crate::mechanism::{DIGESTS, Digest};
use crate::token::{DirectKey, Padding};
use cryptoki_sys::*;
use std::ffi::c_void;
use windows_sys::Win32::Security::Cryptography::*;
use windows_sys::core::PCWSTR;

/// The log file of the vendor's provider, which scripts print after a failure.
const VENDORS_LOG: &str = "smksp.log";

static TABLE: NCRYPT_KEY_STORAGE_FUNCTION_TABLE = NCRYPT_KEY_STORAGE_FUNCTION_TABLE {
    Version: BCRYPT_INTERFACE_VERSION { MajorVersion: 1, MinorVersion: 0 },
    OpenProvider: Some(open_provider),
    OpenKey: Some(open_key),
    CreatePersistedKey: Some(refuse::create_persisted_key),
    GetProviderProperty: Some(get_provider_property),
    GetKeyProperty: Some(get_key_property),
    SetProviderProperty: Some(set_provider_property),
    SetKeyProperty: Some(set_key_property),
    FinalizeKey: Some(refuse::finalize_key),
    DeleteKey: Some(refuse::delete_key),
    FreeProvider: Some(free_provider),
    FreeKey: Some(free_key),
    FreeBuffer: Some(list::free_buffer),
    Encrypt: Some(refuse::encrypt),
    Decrypt: Some(refuse::encrypt),
    IsAlgSupported: Some(list::is_alg_supported),
    EnumAlgorithms: Some(list::enum_algorithms),
    EnumKeys: Some(list::enum_keys),
    ImportKey: Some(refuse::import_key),
    ExportKey: Some(export_key),
    SignHash: Some(sign_hash),
    VerifySignature: Some(refuse::verify_signature),
    PromptUser: Some(refuse::prompt_user),
    NotifyChangeKey: Some(refuse::notify_change_key),
    SecretAgreement: Some(refuse::secret_agreement),
    DeriveKey: Some(refuse::derive_key),
    FreeSecret: Some(refuse::free_secret),
    KeyDerivation: Some(refuse::key_derivation),
    CreateClaim: Some(refuse::create_claim),
    VerifyClaim: Some(refuse::verify_claim),
};

/// Returns the table to CNG. The provider accepts any name that it was registered under.
///
/// # Safety
/// `table` is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn GetKeyStorageInterface(
    _: PCWSTR,
    table: *mut *mut NCRYPT_KEY_STORAGE_FUNCTION_TABLE,
    _: u32,
) -> i32 {
    // SAFETY: by CNG's contract, `table` is null or a place for a pointer. CNG does not write to the table itself.
    call("GetKeyStorageInterface", || unsafe { put(table, (&raw const TABLE).cast_mut()) })
}

unsafe extern "system" fn open_provider(handle: *mut NCRYPT_PROV_HANDLE, name: PCWSTR, _: u32) -> i32 {
    call("NCryptOpenStorageProvider", || {
        if handle.is_null() {
            return Err(CKR_ARGUMENTS_BAD.into());
        }
        // SAFETY: by CNG's contract, `name` is null or UTF-16 with a zero at its end.
        let name = unsafe { text(name) }?;
        if VENDORS.iter().any(|vendor| vendor.eq_ignore_ascii_case(&name)) {
            crate::log::copy_errors_to(VENDORS_LOG);
        }
        // SAFETY: by CNG's contract, `handle` is null or writable.
        unsafe { put(handle, keep(Object::Provider(name))) }
    })
}

unsafe extern "system" fn free_provider(handle: NCRYPT_PROV_HANDLE) -> i32 {
    call("NCryptFreeObject", || free(handle, |object| matches!(object, Object::Provider(_))))
}

/// Key specs (0, `AT_KEYEXCHANGE`, `AT_SIGNATURE`), and the flags for machine keys and silence, have no effect: a
/// keypair belongs to the account, and the provider never prompts.
unsafe extern "system" fn open_key(
    provider_handle: NCRYPT_PROV_HANDLE,
    handle: *mut NCRYPT_KEY_HANDLE,
    name: PCWSTR,
    spec: u32,
    flags: u32,
) -> i32 {
    call("NCryptOpenKey", || {
        provider(provider_handle)?;
        if handle.is_null() || spec > 2 || flags & !(NCRYPT_SILENT_FLAG | NCRYPT_MACHINE_KEY_FLAG) != 0 {
            return Err(Error::new(CKR_ARGUMENTS_BAD, format!("key spec {spec}, flags {flags:#x}")));
        }
        // SAFETY: by CNG's contract, `name` is null or UTF-16 with a zero at its end.
        let alias = unsafe { text(name) }?;
        if alias.trim().is_empty() {
            let cause = "the name of the key container is empty; use the alias of a keypair (/kc ALIAS)";
            return Err(Error::loud(CKR_KEY_HANDLE_INVALID, cause));
        }
        let found = find(&alias, None)?;
        if blob::kind(found.public_key()).is_none() {
            let cause = format!("Windows signs with RSA and ECDSA only, and {alias} is {}", found.public_key().name());
            return Err(Error::loud(CKR_KEY_TYPE_INCONSISTENT, cause));
        }
        // SAFETY: by CNG's contract, `handle` is null or writable.
        unsafe { put(handle, keep(Object::Key(found))) }
    })
}

unsafe extern "system" fn free_key(_: NCRYPT_PROV_HANDLE, handle: NCRYPT_KEY_HANDLE) -> i32 {
    call("NCryptFreeObject", || free(handle, |object| matches!(object, Object::Key(_))))
}

unsafe extern "system" fn get_provider_property(
    handle: NCRYPT_PROV_HANDLE,
    name: PCWSTR,
    out: *mut u8,
    room: u32,
    needed: *mut u32,
    _: u32,
) -> i32 {
    call("NCryptGetProperty", || {
        let provider = provider(handle)?;
        // SAFETY: by CNG's contract, `name` is null or UTF-16 with a zero at its end, `out` is null or has `room` bytes, and
        // `needed` is null or writable.
        unsafe {
            let value = property::of_provider(&provider, &text(name)?).ok_or(CKR_ATTRIBUTE_TYPE_INVALID)?;
            deliver(&value, out, room, needed)
        }
    })
}

unsafe extern "system" fn get_key_property(
    provider_handle: NCRYPT_PROV_HANDLE,
    handle: NCRYPT_KEY_HANDLE,
    name: PCWSTR,
    out: *mut u8,
    room: u32,
    needed: *mut u32,
    _: u32,
) -> i32 {
    call("NCryptGetProperty", || {
        let key = key(handle)?;
        // SAFETY: by CNG's contract, `name` is null or UTF-16 with a zero at its end, `out` is null or has `room` bytes, and
        // `needed` is null or writable.
        unsafe {
            let name = text(name)?;
            let value = match name.as_str() {
                "Provider Handle" => Some(provider_handle.to_le_bytes().to_vec()),
                "SmartCardKeyCertificate" => key.certificates().first().map(|der| der.to_vec()),
                name => property::of_key(key.alias(), key.public_key(), name),
            };
            deliver(&value.ok_or(CKR_ATTRIBUTE_TYPE_INVALID)?, out, room, needed)
        }
    })
}

/// Windows tells providers the parent window for prompts, and where contexts are; this provider shows no window.
fn accepted(name: &str) -> Result<()> {
    match name {
        "HWND Handle" | "Use Context" => Ok(()),
        _ => Err(CKR_ATTRIBUTE_TYPE_INVALID.into()),
    }
}

unsafe extern "system" fn set_provider_property(
    handle: NCRYPT_PROV_HANDLE,
    name: PCWSTR,
    _: *const u8,
    _: u32,
    _: u32,
) -> i32 {
    // SAFETY: by CNG's contract, `name` is null or UTF-16 with a zero at its end.
    call("NCryptSetProperty", || provider(handle).and_then(|_| accepted(&unsafe { text(name) }?)))
}

unsafe extern "system" fn set_key_property(
    _: NCRYPT_PROV_HANDLE,
    handle: NCRYPT_KEY_HANDLE,
    name: PCWSTR,
    _: *const u8,
    _: u32,
    _: u32,
) -> i32 {
    // SAFETY: by CNG's contract, `name` is null or UTF-16 with a zero at its end.
    call("NCryptSetProperty", || key(handle).and_then(|_| accepted(&unsafe { text(name) }?)))
}

unsafe extern "system" fn export_key(
    _: NCRYPT_PROV_HANDLE,
    handle: NCRYPT_KEY_HANDLE,
    _: NCRYPT_KEY_HANDLE,
    form: PCWSTR,
    _: *const BCryptBufferDesc,
    out: *mut u8,
    room: u32,
    needed: *mut u32,
    _: u32,
) -> i32 {
    call("NCryptExportKey", || {
        let key = key(handle)?;
        let rsa = key.public_key().modulus().is_some();
        // SAFETY: by CNG's contract, `form` is null or UTF-16 with a zero at its end, `out` is null or has `room` bytes, and
        // `needed` is null or writable.
        unsafe {
            match (text(form)?.as_str(), rsa) {
                ("PUBLICBLOB", _) | ("RSAPUBLICBLOB", true) | ("ECCPUBLICBLOB", false) => {}
                (form, _) => return Err(Error::new(CKR_FUNCTION_NOT_SUPPORTED, format!("{form} is not exported"))),
            }
            deliver(&blob::public(key.public_key()).ok_or(CKR_KEY_TYPE_INCONSISTENT)?, out, room, needed)
        }
    })
}

unsafe extern "system" fn sign_hash(
    _: NCRYPT_PROV_HANDLE,
    handle: NCRYPT_KEY_HANDLE,
    padding: *const c_void,
    digest: *const u8,
    digest_len: u32,
    out: *mut u8,
    room: u32,
    needed: *mut u32,
    flags: u32,
) -> i32 {
    call("NCryptSignHash", || {
        let key = key(handle)?;
        // SAFETY: by CNG's contract, `padding` points to the structure that `flags` says, `digest` is null or points to
        // `digest_len` bytes, `out` is null or has `room` bytes, and `needed` is null or writable.
        unsafe {
            let padding = padding_of(&key, padding, flags & !NCRYPT_SILENT_FLAG)?;
            let digest = bytes(digest, digest_len)?;
            let length = key.public_key().signature_len();
            put(needed, length as u32)?;
            if out.is_null() {
                return Ok(());
            }
            // A signature costs money, so there must be room for it.
            if (room as usize) < length {
                return Err(CKR_BUFFER_TOO_SMALL.into());
            }
            deliver(&key.sign(padding, digest)?, out, room, needed)
        }
    })
}

/// The padding that the flags and their structure specify.
///
/// # Safety
/// `info` points to the structure that the flags specify.
unsafe fn padding_of(key: &DirectKey, info: *const c_void, flags: u32) -> Result<Padding> {
    let rsa = key.public_key().modulus().is_some();
    // SAFETY: `info` is not null where it is read, and points to the structure that the flags say, whose `pszAlgId` is null
    // or UTF-16 with a zero at its end.
    unsafe {
        match (rsa, flags) {
            // signtool /ds requests RSA's padding for every key.
            (false, 0 | BCRYPT_PAD_PKCS1) => Ok(Padding::None),
            (true, BCRYPT_PAD_PKCS1) if !info.is_null() => {
                let info = info.cast::<BCRYPT_PKCS1_PADDING_INFO>().read_unaligned();
                let hash = if info.pszAlgId.is_null() { None } else { Some(hash(&text(info.pszAlgId)?)?) };
                Ok(Padding::Pkcs1(hash))
            }
            (true, BCRYPT_PAD_PSS) if !info.is_null() => {
                let info = info.cast::<BCRYPT_PSS_PADDING_INFO>().read_unaligned();
                Ok(Padding::Pss(hash(&text(info.pszAlgId)?)?, info.cbSalt.into()))
            }
            _ => Err(Error::new(CKR_MECHANISM_PARAM_INVALID, format!("no padding is {flags:#x} for this key"))),
        }
    }
}

/// A hash by CNG's name, such as `SHA256`.
fn hash(name: &str) -> Result<Digest> {
    let row = DIGESTS.iter().find(|row| row.name.replace('-', "").eq_ignore_ascii_case(name));
    row.map(|row| row.digest).ok_or_else(|| Error::new(CKR_MECHANISM_INVALID, format!("there is no hash {name}")))
}
