//! Fingerprints of certificates: printed as scripts ask for them.

use base64::{Engine, prelude::BASE64_STANDARD};
use clap::ValueEnum;
use data_encoding::HEXLOWER;
use stm_pkcs11::mechanism::{Digest, Hasher};

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub fn of(self, der: &[u8]) -> Vec<u8> {
        let mut hasher = Hasher::of(match self {
            Self::Sha1 => Digest::Sha1,
            Self::Sha256 => Digest::Sha256,
            Self::Sha384 => Digest::Sha384,
            Self::Sha512 => Digest::Sha512,
        });
        hasher.update(der);
        hasher.finish()
    }
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum Encoding {
    Hex,
    Base64,
}

impl Encoding {
    pub fn of(self, hash: &[u8]) -> String {
        match self {
            Self::Hex => HEXLOWER.encode(hash),
            Self::Base64 => BASE64_STANDARD.encode(hash),
        }
    }
}
