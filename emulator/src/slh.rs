//! SLH-DSA: the twelve parameter sets of FIPS 205 behind one object-safe trait.

use crate::keys::KeyError;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey};
use slh_dsa::signature::Signer;
use slh_dsa::{ParameterSet, SigningKey};

/// A key of one parameter set.
pub trait SlhKey: Send + Sync {
    /// Pure SLH-DSA over `message` with an empty context.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError>;
    /// DER SubjectPublicKeyInfo.
    fn spki(&self) -> Result<Vec<u8>, KeyError>;
    /// DER PKCS#8.
    fn pkcs8(&self) -> Result<Vec<u8>, KeyError>;
}

impl<P: ParameterSet + Send + Sync> SlhKey for SigningKey<P>
where
    SigningKey<P>: EncodePrivateKey + Send + Sync,
    slh_dsa::VerifyingKey<P>: EncodePublicKey,
{
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        Ok(self.try_sign(message).map_err(KeyError::from_display)?.to_vec())
    }

    fn spki(&self) -> Result<Vec<u8>, KeyError> {
        let key: &slh_dsa::VerifyingKey<P> = self.as_ref();
        Ok(key.to_public_key_der().map_err(KeyError::from_display)?.into_vec())
    }

    fn pkcs8(&self) -> Result<Vec<u8>, KeyError> {
        Ok(self.to_pkcs8_der().map_err(KeyError::from_display)?.as_bytes().to_vec())
    }
}

/// A key, or why there is none.
type Parsed = Result<Box<dyn SlhKey>, KeyError>;

/// One parameter set: its name in FIPS 205, and how to generate and read its keys.
pub struct SlhSet {
    /// The name in FIPS 205, such as `SLH-DSA-SHA2-128f`.
    pub name: &'static str,
    pub generate: fn() -> Parsed,
    /// Reads a key from PKCS#8.
    pub read: fn(&[u8]) -> Parsed,
}

/// The parameter sets. The first is the default of a request, because it signs in milliseconds; the small variants need
/// a second.
pub static SETS: &[SlhSet] = &[
    set::<slh_dsa::Sha2_128f>("SLH-DSA-SHA2-128f"),
    set::<slh_dsa::Sha2_128s>("SLH-DSA-SHA2-128s"),
    set::<slh_dsa::Sha2_192s>("SLH-DSA-SHA2-192s"),
    set::<slh_dsa::Sha2_192f>("SLH-DSA-SHA2-192f"),
    set::<slh_dsa::Sha2_256s>("SLH-DSA-SHA2-256s"),
    set::<slh_dsa::Sha2_256f>("SLH-DSA-SHA2-256f"),
    set::<slh_dsa::Shake128s>("SLH-DSA-SHAKE-128s"),
    set::<slh_dsa::Shake128f>("SLH-DSA-SHAKE-128f"),
    set::<slh_dsa::Shake192s>("SLH-DSA-SHAKE-192s"),
    set::<slh_dsa::Shake192f>("SLH-DSA-SHAKE-192f"),
    set::<slh_dsa::Shake256s>("SLH-DSA-SHAKE-256s"),
    set::<slh_dsa::Shake256f>("SLH-DSA-SHAKE-256f"),
];

const fn set<P: Set>(name: &'static str) -> SlhSet {
    SlhSet { name, generate: P::generate, read: P::read }
}

/// The functions of a parameter set that the table needs; a separate trait, because `const fn` cannot name the
/// library's bounds.
trait Set {
    fn generate() -> Parsed;
    fn read(pkcs8: &[u8]) -> Parsed;
}

impl<P: ParameterSet + Send + Sync + 'static> Set for P
where
    SigningKey<P>: EncodePrivateKey + DecodePrivateKey + Send + Sync,
    slh_dsa::VerifyingKey<P>: EncodePublicKey,
{
    fn generate() -> Parsed {
        let mut random = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
        Ok(Box::new(SigningKey::<P>::new(&mut random)))
    }

    fn read(pkcs8: &[u8]) -> Parsed {
        Ok(Box::new(SigningKey::<P>::from_pkcs8_der(pkcs8).map_err(KeyError::from_display)?))
    }
}
