//! A search (PKCS#11 3.2, 5.7).

use cryptoki_sys::CK_OBJECT_HANDLE;

/// From `C_FindObjectsInit`, which does all the work, to `C_FindObjectsFinal`.
pub struct FindOperation {
    /// The handles that `C_FindObjects` has not returned yet.
    pub found: std::vec::IntoIter<CK_OBJECT_HANDLE>,
}
