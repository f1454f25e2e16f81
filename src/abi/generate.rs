//! Key pair generation (PKCS#11 3.2, 5.18).

use super::body::with_session;
use super::pointer::{mechanism, put, template, wanted};
use crate::error::Error;
use cryptoki_sys::*;

/// `C_GenerateKeyPair`
///
/// # Safety
/// The mechanism is null, or has the parameter that its type requires. The templates are null or point to as many
/// attributes as their counts say. The handles are null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GenerateKeyPair(
    session: CK_SESSION_HANDLE,
    mechanism_: *mut CK_MECHANISM,
    public: *mut CK_ATTRIBUTE,
    public_count: CK_ULONG,
    private: *mut CK_ATTRIBUTE,
    private_count: CK_ULONG,
    public_key: *mut CK_OBJECT_HANDLE,
    private_key: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    with_session("C_GenerateKeyPair", session, |session| {
        // Check everything first: the service must not create a keypair whose handles cannot be returned.
        wanted(public_key)?;
        wanted(private_key)?;
        // SAFETY: by the contract above, `public` is null or points to `public_count` attributes with readable values,
        // `private` is null or points to `private_count` attributes with readable values, `mechanism_` is null or
        // points to a mechanism with the parameter of its type, `public_key` is null or writable and `private_key` is
        // null or writable.
        unsafe {
            let mechanism = mechanism(mechanism_)?.ok_or_else(|| Error::new(CKR_ARGUMENTS_BAD, "no mechanism"))?;
            let (public, private) = (template(public, public_count)?, template(private, private_count)?);
            let made = session.generate_key_pair(mechanism, &public, &private)?;
            put(public_key, made.0)?;
            put(private_key, made.1)
        }
    })
}
