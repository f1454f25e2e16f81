//! A digest operation (PKCS#11 3.2, 5.12).

use crate::mechanism::Hasher;

/// From `C_DigestInit` to the call that returns the digest.
pub struct DigestOperation {
    pub hasher: Hasher,
    /// `C_DigestUpdate` was called: only `C_DigestFinal` may end the operation.
    pub multipart: bool,
}
