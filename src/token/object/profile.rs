//! Profile objects: the profiles of the standard that a token conforms to (PKCS#11 3.2, 4.12; PKCS#11 Profiles 3.2).
//!
//! `tests/profiles.rs` has the profiles' test cases.

use cryptoki_sys::*;

/// The profiles of a token that passes their test cases exactly. `CKP_EXTENDED_PROVIDER` is not among them, because its
/// test case requires RSA keys of 16384 bits and encryption. Without login, everybody can read every certificate; with
/// login, the token authenticates its user, and shows nothing before.
pub fn profiles(login: bool) -> [CK_PROFILE_ID; 2] {
    let by_login = if login { CKP_AUTHENTICATION_TOKEN } else { CKP_PUBLIC_CERTIFICATES_TOKEN };
    [CKP_BASELINE_PROVIDER, by_login]
}
