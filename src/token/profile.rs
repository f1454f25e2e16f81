//! Profile objects: which of the standard's profiles this token meets (PKCS#11 3.2, 4.12; PKCS#11 Profiles 3.2).

use cryptoki_sys::*;

/// The profiles that every token of ours meets.
///
/// * Baseline: slots, sessions, find, attributes.
/// * Extended: sessions of both kinds, login state, mechanisms, key pair generation.
/// * Public certificates token: certificates and their chains are readable without login.
///
/// The authentication token profile is left out by default: it wants a login, which ours has only where the settings ask for it.
pub const PROFILES: &[CK_PROFILE_ID] = &[CKP_BASELINE_PROVIDER, CKP_EXTENDED_PROVIDER, CKP_PUBLIC_CERTIFICATES_TOKEN];
