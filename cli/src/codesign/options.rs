//! How files are signed.

use super::cms::Opus;
use super::program::Tool;
use crate::account::prepare::digest_named;
use std::path::PathBuf;
use stm_pkcs11::mechanism::Digest;

#[derive(Debug, Clone)]
pub struct Options {
    /// The hash function: SHA-256, SHA-384 or SHA-512.
    pub digest: Digest,
    /// URL of the time-stamping server; `None`: no time stamps.
    pub timestamp: Option<String>,
    pub opus: Opus,
    pub existing: Existing,
    /// This program and no other.
    pub tool: Option<Tool>,
    /// The PKCS#11 module for programs that load it; `None`: the installed one.
    pub module: Option<PathBuf>,
}

impl Default for Options {
    /// SHA-256, the first program that can, and no time stamp; a file that is signed is refused.
    fn default() -> Self {
        Self {
            digest: Digest::Sha256,
            timestamp: None,
            opus: Opus::default(),
            existing: Existing::Refuse,
            tool: None,
            module: None,
        }
    }
}

/// What happens to a file that is signed already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    Refuse,
    /// It stays as it is.
    Skip,
    /// It gets one more signature.
    Append,
    /// It gets a new signature in place of all that it has.
    Replace,
}

/// As osslsigncode and signtool call a hash function.
pub fn hash_name(digest: Digest) -> &'static str {
    match digest {
        Digest::Sha384 => "sha384",
        Digest::Sha512 => "sha512",
        _ => "sha256",
    }
}

/// As Java calls it.
pub fn java_hash_name(digest: Digest) -> &'static str {
    match digest {
        Digest::Sha384 => "SHA-384",
        Digest::Sha512 => "SHA-512",
        _ => "SHA-256",
    }
}

/// The hash function of a name in any case, with a hyphen or without; the error says which there are.
pub fn digest(name: &str) -> Result<Digest, String> {
    let known = [Digest::Sha256, Digest::Sha384, Digest::Sha512];
    digest_named(name)
        .filter(|digest| known.contains(digest))
        .ok_or_else(|| "use SHA-256, SHA-384 or SHA-512".to_owned())
}
