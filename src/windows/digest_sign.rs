//! The callbacks of `signtool /dlib FILE /dmdf JSON`. `AuthenticodeDigestSignEx` takes certificate and chain from the
//! service. `AuthenticodeDigestSign`, for older SDKs, signs for a certificate that signtool has. signtool frees the
//! signature.

use super::entry::{self, bytes, call, put};
use super::store::{self, Context};
use super::{metadata, process_heap};
use crate::error::{Error, Result};
use crate::mechanism::{DIGESTS, Digest};
use crate::plural::counted;
use crate::token::{DirectKey, Padding};
use crate::x509::Certificate;
use cryptoki_sys::*;
use windows_sys::Win32::Security::Cryptography::*;

/// `CALG_SHA...` with its digest.
const ALGORITHMS: [(ALG_ID, CK_MECHANISM_TYPE); 4] =
    [(0x8004, CKM_SHA_1), (0x800c, CKM_SHA256), (0x800d, CKM_SHA384), (0x800e, CKM_SHA512)];

/// Signs with the keypair in the metadata for the certificate that signtool has chosen; they must belong together.
///
/// # Safety
/// As signtool calls it: the certificate, the metadata, the digest and a place for the signature.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn AuthenticodeDigestSign(
    certificate: *const CERT_CONTEXT,
    metadata: *const CRYPT_INTEGER_BLOB,
    algorithm: ALG_ID,
    digest: *const u8,
    digest_len: u32,
    signature: *mut CRYPT_INTEGER_BLOB,
) -> i32 {
    call("AuthenticodeDigestSign", || {
        // SAFETY: by the contract above, `metadata` is null or a blob, `certificate` is null or a context with its DER,
        // `digest` is null or points to `digest_len` bytes, and `signature` is null or writable.
        unsafe {
            let key = named(metadata)?;
            if !certificate.is_null() {
                let context = certificate.read_unaligned();
                fits(&key, bytes(context.pbCertEncoded, context.cbCertEncoded)?)?;
            }
            sign(&key, algorithm, bytes(digest, digest_len)?, signature)
        }
    })
}

/// The same with the keypair's own certificate and its issuers.
///
/// # Safety
/// As signtool calls it; `store` is its open store for the chain.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn AuthenticodeDigestSignEx(
    metadata: *const CRYPT_INTEGER_BLOB,
    algorithm: ALG_ID,
    digest: *const u8,
    digest_len: u32,
    signature: *mut CRYPT_INTEGER_BLOB,
    signer: *mut *mut CERT_CONTEXT,
    store: HCERTSTORE,
) -> i32 {
    call("AuthenticodeDigestSignEx", || {
        // SAFETY: by the contract above, `metadata` is null or a blob, `store` is open, `digest` is null or points to
        // `digest_len` bytes, and `signature` and `signer` are null or writable.
        unsafe {
            let key = named(metadata)?;
            // The certificates first: without them a signature is useless.
            let certificate = present(&key, store)?;
            sign(&key, algorithm, bytes(digest, digest_len)?, signature)?;
            if signer.is_null() { Ok(()) } else { put(signer, certificate.give()) }
        }
    })
}

/// The key that the metadata names.
///
/// # Safety
/// `blob` is null or points to a blob with its bytes.
unsafe fn named(blob: *const CRYPT_INTEGER_BLOB) -> Result<DirectKey> {
    // This also starts the log, which reports problems of the metadata.
    entry::module();
    // SAFETY: not null, and by the contract above a blob whose `pbData` is null or points to `cbData` bytes.
    let text = unsafe {
        if blob.is_null() {
            &[]
        } else {
            let blob = blob.read_unaligned();
            bytes(blob.pbData, blob.cbData)?
        }
    };
    let wanted = metadata::read(text)?;
    entry::key(&wanted.keypair, wanted.token.as_deref())
}

fn fits(key: &DirectKey, certificate: &[u8]) -> Result<()> {
    let read = Certificate::parse(certificate.to_vec());
    if read.is_ok_and(|certificate| key.public_key().is_of(certificate.spki())) {
        return Ok(());
    }
    let cause =
        format!("the certificate that signtool was given is not of the keypair {}; check /f and /dmdf", key.alias());
    Err(Error::loud(CKR_KEY_TYPE_INCONSISTENT, cause))
}

/// Adds the certificate and its issuers to signtool's store; returns the certificate in the store.
///
/// # Safety
/// `store` is open.
unsafe fn present(key: &DirectKey, store: HCERTSTORE) -> Result<Context> {
    let refused = |_| Error::loud(CKR_FUNCTION_FAILED, "Windows does not take the keypair's certificate");
    // SAFETY: `store` is open, by the contract of this function.
    let add = |der: &&[u8]| unsafe { store::add(store, der, CERT_STORE_ADD_USE_EXISTING) }.map_err(refused);
    let certificates = key.certificates();
    let Some((own, issuers)) = certificates.split_first() else {
        let cause = format!("the keypair {} has no certificate; issue one in the service's web page", key.alias());
        return Err(Error::loud(CKR_KEY_FUNCTION_NOT_PERMITTED, cause));
    };
    issuers.iter().try_for_each(|issuer| add(issuer).map(drop))?;
    add(own)
}

/// Signs, with the padding of Authenticode, into memory that signtool frees.
///
/// # Safety
/// `signature` is null or can be written to.
unsafe fn sign(key: &DirectKey, algorithm: ALG_ID, digest: &[u8], signature: *mut CRYPT_INTEGER_BLOB) -> Result<()> {
    if signature.is_null() {
        return Err(CKR_ARGUMENTS_BAD.into());
    }
    let known = ALGORITHMS.iter().find(|(number, _)| *number == algorithm).and_then(|(_, one)| Digest::by_type(*one));
    let Some(hash) = known.filter(|hash| DIGESTS.iter().any(|row| row.digest == *hash && row.len == digest.len()))
    else {
        let cause = format!(
            "algorithm {algorithm:#x} with a digest of {} is not supported; use /fd SHA256, SHA384 or SHA512",
            counted(digest.len(), "byte")
        );
        return Err(Error::loud(CKR_MECHANISM_INVALID, cause));
    };
    let rsa = key.public_key().modulus().is_some();
    let made = key.sign(if rsa { Padding::Pkcs1(Some(hash)) } else { Padding::None }, digest)?;
    // The message contains RSA signatures unchanged, and ECDSA signatures as DER.
    let made = if rsa { made } else { crate::mechanism::ecdsa_to_der(&made) };
    // SAFETY: by the contract above, `signature` is null or writable.
    unsafe { put(signature, CRYPT_INTEGER_BLOB { cbData: made.len() as u32, pbData: process_heap::copy(&made)? }) }
}
