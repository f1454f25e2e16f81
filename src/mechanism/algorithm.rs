//! Signature algorithms in the standard's terms. The service's names for them are in `token`.

use super::digest::Digest;
use super::parameter_set::ParameterSetName;

/// A signature algorithm with all its variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5. Without a digest, the data is padded unchanged.
    Pkcs1(Option<Digest>),
    /// RSASSA-PSS: MGF1 with the same digest, a salt as long as the digest.
    Pss(Digest),
    /// ECDSA. Without a digest, the data has a length that no digest has.
    Ecdsa(Option<Digest>),
    /// Ed25519 over the message.
    Ed25519,
    /// Ed25519ph over the message's SHA-512.
    Ed25519ph,
    /// ML-DSA or SLH-DSA over the message, empty context.
    PostQuantum(ParameterSetName),
}

impl Algorithm {
    /// Whether the same key always makes the same signature of the same data.
    pub fn is_deterministic(self) -> bool {
        match self {
            Self::Pkcs1(_) | Self::Ed25519 | Self::Ed25519ph => true,
            Self::Pss(_) | Self::Ecdsa(_) | Self::PostQuantum(_) => false,
        }
    }
}
