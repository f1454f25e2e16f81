//! Profile objects: which of the standard's profiles a token meets (PKCS#11 3.2, 4.12; PKCS#11 Profiles 3.2).
//!
//! `tests/profiles.rs` has the profiles' test cases.

use cryptoki_sys::*;

/// The profiles of a token whose test cases it passes by the letter. The case of the extended provider asks for RSA keys of
/// 16384 bits and for encryption, so `CKP_EXTENDED_PROVIDER` is not among them. Without a login every certificate can be
/// read by everyone; with one the token authenticates its user, and shows nothing before.
pub fn profiles(login: bool) -> [CK_PROFILE_ID; 2] {
    let by_login = if login { CKP_AUTHENTICATION_TOKEN } else { CKP_PUBLIC_CERTIFICATES_TOKEN };
    [CKP_BASELINE_PROVIDER, by_login]
}
