//! Cryptography that needs no private key: the table of mechanisms, hashing, encodings, local verification.
//!
//! It knows neither HTTP nor sessions. An operation is a [`Signing`], which receives data and returns a [`Prepared`].
//! That says what the service must sign, and with which algorithm. It also verifies the service's response, and
//! converts it to the standard's encoding.

mod algorithm;
mod curve;
mod digest;
mod digest_info;
mod ecdsa;
mod explicit_curve;
mod family;
mod generation;
mod key;
mod parameter;
mod parameter_set;
mod random;
mod signing;
mod table;
mod verifiers;
mod verify;

pub use algorithm::Algorithm;
pub use curve::{CURVES, Curve, ED25519_CURVE_NAME, ED25519_PARAMS};
pub use digest::{DIGESTS, Digest, DigestRow, Hasher, sha1, sha256};
#[cfg(windows)]
pub use ecdsa::to_der as ecdsa_to_der;
pub use family::Family;
pub use generation::{KeyShape, key_shape};
pub use key::PublicKey;
pub use parameter::{Parameter, ParameterShape};
pub use parameter_set::{PARAMETER_SETS, ParameterSet, ParameterSetName};
pub use random::Random;
pub use signing::{Prepared, Signing};
pub use table::{MECHANISMS, Mechanism, Role, Scheme, allowed_for, by_type, markdown};

/// Entry points for the fuzz targets: encodings that no public function accepts directly.
#[cfg(feature = "fuzzing")]
pub mod fuzzing {
    pub use super::digest_info::parse as digest_info;
    pub use super::ecdsa::to_raw as ecdsa_to_raw;
    pub use crate::der::octet_string;
}
