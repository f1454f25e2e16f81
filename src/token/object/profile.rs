//! Profile objects: which of the standard's profiles a token meets (PKCS#11 3.2, 4.12; PKCS#11 Profiles 3.2).
//!
//! `tests/profiles.rs` has the profiles' test cases.

use cryptoki_sys::*;

/// The profiles of a token. Baseline and extended are met always. Without a login every certificate can be read by
/// everyone; with one the token authenticates its user, and shows nothing before.
pub fn profiles(login: bool) -> [CK_PROFILE_ID; 3] {
    let by_login = if login { CKP_AUTHENTICATION_TOKEN } else { CKP_PUBLIC_CERTIFICATES_TOKEN };
    [CKP_BASELINE_PROVIDER, CKP_EXTENDED_PROVIDER, by_login]
}
