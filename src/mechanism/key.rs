//! Public keys: from a SubjectPublicKeyInfo as the service gives it, or from attributes as applications give them.

use super::der;
pub use super::families::Family;
use super::families::{
    CURVES, Curve, ED25519_CURVE_NAME, ED25519_PARAMS, PARAMETER_SETS, ParameterSet, key_type, parameter_set,
};
use super::verify::Verifiers;
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::fmt;
use std::sync::Arc;
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

/// A public key. Clones share it.
#[derive(Clone)]
pub struct PublicKey(Arc<Inner>);

struct Inner {
    spki: Box<[u8]>,
    material: Material,
    verifiers: Verifiers,
}

/// What a key is made of.
pub(super) enum Material {
    /// `pkcs1` is the RSAPublicKey in DER.
    Rsa {
        modulus: Box<[u8]>,
        exponent: Box<[u8]>,
        pkcs1: Box<[u8]>,
    },
    /// `point` is DER OCTET STRING of the uncompressed point.
    Ec {
        curve: &'static Curve,
        point: Box<[u8]>,
    },
    /// `point` is DER OCTET STRING of the 32 bytes.
    Ed25519 {
        point: Box<[u8]>,
    },
    PostQuantum {
        set: &'static ParameterSet,
        value: Box<[u8]>,
    },
}

/// Smallest and largest RSA modulus that is worked with, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 1024..=16384;

const OID_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const OID_RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
const OID_EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 2.16.840.1.101.3.4.3, without the last arc.
const OID_NIST_SIGNATURES: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03];

fn invalid(what: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(CKR_ATTRIBUTE_VALUE_INVALID, what)
}

impl PublicKey {
    fn new(spki: Vec<u8>, material: Material) -> Self {
        Self(Arc::new(Inner { spki: spki.into(), material, verifiers: Verifiers::default() }))
    }

    /// From a SubjectPublicKeyInfo in DER. Nothing is worked out that the first signature does not need.
    pub fn from_spki(der: &[u8]) -> Result<Self> {
        let (rest, info) =
            SubjectPublicKeyInfo::from_der(der).map_err(|_| invalid("the public key is no SubjectPublicKeyInfo"))?;
        if !rest.is_empty() {
            return Err(invalid("the public key has bytes behind its end"));
        }
        let bits: &[u8] = &info.subject_public_key.data;
        let oid = info.algorithm.algorithm.as_bytes();
        let material = if oid == OID_RSA || oid == OID_RSA_PSS {
            rsa_from_pkcs1(bits)?
        } else if oid == OID_EC {
            let params = info.algorithm.parameters.as_ref().map(|any| any.data);
            let curve = CURVES.iter().find(|curve| params == Some(&curve.params[2..]));
            ec_material(curve.ok_or_else(|| invalid("the curve is not P-256, P-384 or P-521"))?, bits)?
        } else if oid == &ED25519_PARAMS[2..] {
            ed25519_material(bits)?
        } else if let Some([last]) = oid.strip_prefix(OID_NIST_SIGNATURES) {
            let set = PARAMETER_SETS.iter().find(|set| set.oid == *last);
            post_quantum_material(set.ok_or_else(|| invalid("the parameter set is not known"))?, bits)?
        } else {
            let name = info.algorithm.algorithm.to_id_string();
            return Err(invalid(format!("keys of algorithm {name} are not known here")));
        };
        Ok(Self::new(der.to_vec(), material))
    }

    /// From `CKA_MODULUS` and `CKA_PUBLIC_EXPONENT`.
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self> {
        let pkcs1 = der::element(0x30, &[der::integer(modulus), der::integer(exponent)].concat());
        let material = rsa_material(modulus, exponent, &pkcs1)?;
        let algorithm = [der::element(0x06, OID_RSA), vec![0x05, 0x00]].concat();
        Self::new(der::spki(&algorithm, &pkcs1), material).checked()
    }

    /// From `CKA_EC_PARAMS` (a named curve) and `CKA_EC_POINT` (DER OCTET STRING; a bare point is taken too).
    pub fn ec(params: &[u8], point: &[u8]) -> Result<Self> {
        let curve = CURVES.iter().find(|curve| curve.params == params);
        let curve =
            curve.ok_or_else(|| Error::new(CKR_CURVE_NOT_SUPPORTED, "the curve is not P-256, P-384 or P-521"))?;
        let bare = der::octet_string(point).unwrap_or(point);
        let material = ec_material(curve, bare)?;
        let algorithm = [&der::element(0x06, OID_EC), curve.params].concat();
        Self::new(der::spki(&algorithm, bare), material).checked()
    }

    /// From `CKA_EC_PARAMS` (either form) and `CKA_EC_POINT` of Ed25519.
    pub fn edwards(params: &[u8], point: &[u8]) -> Result<Self> {
        if params != ED25519_PARAMS && params != ED25519_CURVE_NAME {
            return Err(Error::new(CKR_CURVE_NOT_SUPPORTED, "the curve is not Ed25519"));
        }
        let bare = der::octet_string(point).unwrap_or(point);
        Ok(Self::new(der::spki(ED25519_PARAMS, bare), ed25519_material(bare)?))
    }

    /// From `CKA_PARAMETER_SET` and `CKA_VALUE` of an ML-DSA key.
    pub fn ml_dsa(set: CK_ULONG, value: &[u8]) -> Result<Self> {
        Self::post_quantum(Family::MlDsa, set, value)
    }

    /// From `CKA_PARAMETER_SET` and `CKA_VALUE` of an SLH-DSA key.
    pub fn slh_dsa(set: CK_ULONG, value: &[u8]) -> Result<Self> {
        Self::post_quantum(Family::SlhDsa, set, value)
    }

    fn post_quantum(family: Family, number: CK_ULONG, value: &[u8]) -> Result<Self> {
        let set = parameter_set(family, number);
        let set = set.ok_or_else(|| Error::new(CKR_PARAMETER_SET_NOT_SUPPORTED, "the parameter set is not known"))?;
        let oid = [OID_NIST_SIGNATURES, &[set.oid]].concat();
        Ok(Self::new(der::spki(&der::element(0x06, &oid), value), post_quantum_material(set, value)?))
    }

    /// Refuses a key that no signature can be checked with: a point off its curve, an even modulus.
    fn checked(self) -> Result<Self> {
        if self.verifiers().usable(self.material()) { Ok(self) } else { Err(invalid("the public key is not valid")) }
    }

    pub(super) fn material(&self) -> &Material {
        &self.0.material
    }

    pub(super) fn verifiers(&self) -> &Verifiers {
        &self.0.verifiers
    }

    /// The SubjectPublicKeyInfo in DER.
    pub fn spki(&self) -> &[u8] {
        &self.0.spki
    }

    /// Which mechanisms it goes with.
    pub fn family(&self) -> Family {
        match self.material() {
            Material::Rsa { .. } => Family::Rsa,
            Material::Ec { .. } => Family::Ec,
            Material::Ed25519 { .. } => Family::Edwards,
            Material::PostQuantum { set, .. } => set.family,
        }
    }

    /// `CKA_KEY_TYPE`
    pub fn key_type(&self) -> CK_KEY_TYPE {
        key_type(self.family())
    }

    /// Size in bits: modulus, order of the curve, or public key.
    pub fn bits(&self) -> usize {
        match self.material() {
            Material::Rsa { modulus, .. } => bit_length(modulus),
            Material::Ec { curve, .. } => curve.bits,
            Material::Ed25519 { .. } => 255,
            Material::PostQuantum { set, .. } => set.public_len * 8,
        }
    }

    /// Length of a signature as PKCS#11 has it, in bytes. Exact for every key here.
    pub fn signature_len(&self) -> usize {
        match self.material() {
            Material::Rsa { modulus, .. } => modulus.len(),
            Material::Ec { curve, .. } => 2 * curve.half,
            Material::Ed25519 { .. } => 64,
            Material::PostQuantum { set, .. } => set.signature_len,
        }
    }

    /// `CKA_MODULUS`
    pub fn modulus(&self) -> Option<&[u8]> {
        match self.material() {
            Material::Rsa { modulus, .. } => Some(modulus),
            _ => None,
        }
    }

    /// `CKA_PUBLIC_EXPONENT`
    pub fn exponent(&self) -> Option<&[u8]> {
        match self.material() {
            Material::Rsa { exponent, .. } => Some(exponent),
            _ => None,
        }
    }

    /// `CKA_EC_PARAMS`
    pub fn ec_params(&self) -> Option<&[u8]> {
        match self.material() {
            Material::Ec { curve, .. } => Some(curve.params),
            Material::Ed25519 { .. } => Some(ED25519_PARAMS),
            _ => None,
        }
    }

    /// `CKA_EC_POINT`: DER OCTET STRING.
    pub fn ec_point(&self) -> Option<&[u8]> {
        match self.material() {
            Material::Ec { point, .. } | Material::Ed25519 { point } => Some(point),
            _ => None,
        }
    }

    /// `CKA_PARAMETER_SET`
    pub fn parameter_set(&self) -> Option<CK_ULONG> {
        match self.material() {
            Material::PostQuantum { set, .. } => Some(set.number),
            _ => None,
        }
    }

    /// `CKA_VALUE` of a post-quantum public key.
    pub fn value(&self) -> Option<&[u8]> {
        match self.material() {
            Material::PostQuantum { value, .. } => Some(value),
            _ => None,
        }
    }

    /// As people write it: "RSA-3072", "P-256", "ML-DSA-65".
    pub fn name(&self) -> String {
        match self.material() {
            Material::Rsa { .. } => format!("RSA-{}", self.bits()),
            Material::Ec { curve, .. } => curve.name.to_owned(),
            Material::Ed25519 { .. } => "Ed25519".to_owned(),
            Material::PostQuantum { set, .. } => set.name.to_owned(),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.name())
    }
}

fn bit_length(number: &[u8]) -> usize {
    let digits = der::strip_zeros(number);
    digits.first().map_or(0, |first| digits.len() * 8 - first.leading_zeros() as usize)
}

fn rsa_from_pkcs1(pkcs1: &[u8]) -> Result<Material> {
    let parsed = x509_parser::public_key::RSAPublicKey::from_der(pkcs1);
    let (_, key) = parsed.map_err(|_| invalid("the RSA public key cannot be read"))?;
    rsa_material(key.modulus, key.exponent, pkcs1)
}

fn rsa_material(modulus: &[u8], exponent: &[u8], pkcs1: &[u8]) -> Result<Material> {
    let (modulus, exponent) = (der::strip_zeros(modulus), der::strip_zeros(exponent));
    if !RSA_BITS.contains(&bit_length(modulus)) {
        return Err(invalid(format!("an RSA modulus of {} bits is not usable", bit_length(modulus))));
    }
    if modulus.last().is_none_or(|last| last & 1 == 0) || exponent.last().is_none_or(|last| last & 1 == 0) {
        return Err(invalid("the RSA modulus or exponent is even"));
    }
    Ok(Material::Rsa { modulus: modulus.into(), exponent: exponent.into(), pkcs1: pkcs1.into() })
}

fn ec_material(curve: &'static Curve, point: &[u8]) -> Result<Material> {
    if point.first() != Some(&4) || point.len() != 1 + 2 * curve.half {
        return Err(invalid(format!("the point is no uncompressed point of {}", curve.name)));
    }
    Ok(Material::Ec { curve, point: der::element(0x04, point).into() })
}

fn ed25519_material(point: &[u8]) -> Result<Material> {
    if point.len() != 32 {
        return Err(invalid("an Ed25519 public key has 32 bytes"));
    }
    Ok(Material::Ed25519 { point: der::element(0x04, point).into() })
}

fn post_quantum_material(set: &'static ParameterSet, value: &[u8]) -> Result<Material> {
    if value.len() != set.public_len {
        return Err(invalid(format!("a public key of {} has {} bytes", set.name, set.public_len)));
    }
    Ok(Material::PostQuantum { set, value: value.into() })
}
