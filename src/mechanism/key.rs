//! Public keys, from the service's SubjectPublicKeyInfo or from an application's attributes.

use super::curve::{CURVES, Curve, ED25519_CURVE_NAME, ED25519_PARAMS};
use super::explicit_curve;
use super::family::Family;
use super::parameter_set::{PARAMETER_SETS, ParameterSet, parameter_set};
use super::verifiers::{Verifiers, uncompressed};
use crate::der;
use crate::error::{Error, Result};
use crate::plural::counted;
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

/// The parts of a key.
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

/// The smallest and the largest supported RSA modulus, in bits.
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

    /// Reads a SubjectPublicKeyInfo in DER. Work that only a signature needs is left to the first signature.
    pub fn from_spki(der: &[u8]) -> Result<Self> {
        if let Some((curve, point)) = plain_ec(der) {
            return Ok(Self::new(der.to_vec(), ec_material(curve, point)?));
        }
        let (rest, info) =
            SubjectPublicKeyInfo::from_der(der).map_err(|_| invalid("the public key is not a SubjectPublicKeyInfo"))?;
        if !rest.is_empty() {
            return Err(invalid("the public key has bytes behind its end"));
        }
        let bits: &[u8] = &info.subject_public_key.data;
        let oid = info.algorithm.algorithm.as_bytes();
        let mut canonical = None;
        let material = if oid == OID_RSA || oid == OID_RSA_PSS {
            rsa_from_pkcs1(bits)?
        } else if oid == OID_EC {
            let curve = info.algorithm.parameters.as_ref().and_then(|any| match any.tag().0 {
                0x06 => CURVES.iter().find(|curve| any.data == &curve.params[2..]),
                0x10 => explicit_curve::named(any.data),
                _ => None,
            });
            let curve = curve.ok_or_else(|| invalid("the curve is not P-256, P-384 or P-521"))?;
            let material = ec_material(curve, bits)?;
            canonical = ec_spki(&material);
            material
        } else if oid == &ED25519_PARAMS[2..] {
            ed25519_material(bits)?
        } else if let Some([last]) = oid.strip_prefix(OID_NIST_SIGNATURES) {
            let set = PARAMETER_SETS.iter().find(|set| set.oid == *last);
            post_quantum_material(set.ok_or_else(|| invalid("the parameter set is not known"))?, bits)?
        } else {
            let name = info.algorithm.algorithm.to_id_string();
            return Err(invalid(format!("keys of algorithm {name} are not known here")));
        };
        Ok(Self::new(canonical.unwrap_or_else(|| der.to_vec()), material))
    }

    /// Whether a SubjectPublicKeyInfo contains this key. It compares numbers, not encodings: parameters may be missing,
    /// curves explicit, points compressed, and an RSA key restricted to PSS.
    pub fn is_of(&self, spki: &[u8]) -> bool {
        spki == self.spki() || Self::from_spki(spki).is_ok_and(|other| self.material() == other.material())
    }

    /// From `CKA_MODULUS` and `CKA_PUBLIC_EXPONENT`, big-endian; `CKR_ATTRIBUTE_VALUE_INVALID` if no RSA key can have
    /// them.
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self> {
        let pkcs1 = der::element(0x30, &[der::integer(modulus), der::integer(exponent)].concat());
        let material = rsa_material(modulus, exponent, &pkcs1)?;
        let algorithm = [der::element(0x06, OID_RSA), vec![0x05, 0x00]].concat();
        Self::new(der::spki(&algorithm, &pkcs1), material).checked()
    }

    /// From `CKA_EC_PARAMS` (a named curve) and `CKA_EC_POINT` (DER OCTET STRING; a bare point is accepted as well).
    pub fn ec(params: &[u8], point: &[u8]) -> Result<Self> {
        let curve = CURVES.iter().find(|curve| curve.params == params);
        let curve =
            curve.ok_or_else(|| Error::new(CKR_CURVE_NOT_SUPPORTED, "the curve is not P-256, P-384 or P-521"))?;
        let bare = der::octet_string(point).unwrap_or(point);
        let material = ec_material(curve, bare)?;
        let spki = ec_spki(&material).ok_or_else(|| invalid("the point cannot be written"))?;
        Self::new(spki, material).checked()
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

    /// Refuses a key with which no signature can be verified: a point that is not on its curve, an even modulus.
    fn checked(self) -> Result<Self> {
        if self.verifiers().usable(self.material()) { Ok(self) } else { Err(invalid("the public key is not valid")) }
    }

    pub(super) fn material(&self) -> &Material {
        &self.0.material
    }

    pub(super) fn verifiers(&self) -> &Verifiers {
        &self.0.verifiers
    }

    /// The SubjectPublicKeyInfo in DER. EC keys always have a named curve and an uncompressed point, whatever the input
    /// was.
    pub fn spki(&self) -> &[u8] {
        &self.0.spki
    }

    /// The family, which determines the mechanisms.
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
        self.family().key_type()
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

    /// The length of a signature in the standard's encoding, in bytes. Exact for every key here.
    pub fn signature_len(&self) -> usize {
        match self.material() {
            Material::Rsa { modulus, .. } => modulus.len(),
            Material::Ec { curve, .. } => 2 * curve.half,
            Material::Ed25519 { .. } => 64,
            Material::PostQuantum { set, .. } => set.signature_len,
        }
    }

    /// `CKA_MODULUS`, without leading zeros; `None` for a key of another family.
    pub fn modulus(&self) -> Option<&[u8]> {
        match self.material() {
            Material::Rsa { modulus, .. } => Some(modulus),
            Material::Ec { .. } | Material::Ed25519 { .. } | Material::PostQuantum { .. } => None,
        }
    }

    /// `CKA_PUBLIC_EXPONENT`, without leading zeros; `None` for a key of another family.
    pub fn exponent(&self) -> Option<&[u8]> {
        match self.material() {
            Material::Rsa { exponent, .. } => Some(exponent),
            Material::Ec { .. } | Material::Ed25519 { .. } | Material::PostQuantum { .. } => None,
        }
    }

    /// `CKA_EC_PARAMS` of ECDSA and EdDSA keys: an OBJECT IDENTIFIER.
    pub fn ec_params(&self) -> Option<&[u8]> {
        match self.material() {
            Material::Ec { curve, .. } => Some(curve.params),
            Material::Ed25519 { .. } => Some(ED25519_PARAMS),
            Material::Rsa { .. } | Material::PostQuantum { .. } => None,
        }
    }

    /// `CKA_EC_POINT` of ECDSA and EdDSA keys: a DER OCTET STRING.
    pub fn ec_point(&self) -> Option<&[u8]> {
        match self.material() {
            Material::Ec { point, .. } | Material::Ed25519 { point } => Some(point),
            Material::Rsa { .. } | Material::PostQuantum { .. } => None,
        }
    }

    /// `CKA_PARAMETER_SET` of post-quantum keys.
    pub fn parameter_set(&self) -> Option<CK_ULONG> {
        match self.material() {
            Material::PostQuantum { set, .. } => Some(set.number),
            Material::Rsa { .. } | Material::Ec { .. } | Material::Ed25519 { .. } => None,
        }
    }

    /// `CKA_VALUE` of a post-quantum public key.
    pub fn value(&self) -> Option<&[u8]> {
        match self.material() {
            Material::PostQuantum { value, .. } => Some(value),
            Material::Rsa { .. } | Material::Ec { .. } | Material::Ed25519 { .. } => None,
        }
    }

    /// A display name: "RSA-3072", "P-256", "ML-DSA-65".
    pub fn name(&self) -> String {
        match self.material() {
            Material::Rsa { .. } => format!("RSA-{}", self.bits()),
            Material::Ec { curve, .. } => curve.name.to_owned(),
            Material::Ed25519 { .. } => "Ed25519".to_owned(),
            Material::PostQuantum { set, .. } => set.name.to_owned(),
        }
    }
}

/// Compares the key itself, not its encoding.
impl PartialEq for Material {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Rsa { modulus, exponent, .. },
                Self::Rsa { modulus: other_modulus, exponent: other_exponent, .. },
            ) => (modulus, exponent) == (other_modulus, other_exponent),
            (Self::Ec { curve, point }, Self::Ec { curve: other_curve, point: other_point }) => {
                curve.params == other_curve.params && point == other_point
            }
            (Self::Ed25519 { point }, Self::Ed25519 { point: other }) => point == other,
            (Self::PostQuantum { set, value }, Self::PostQuantum { set: other_set, value: other }) => {
                set.set == other_set.set && value == other
            }
            (Self::Rsa { .. } | Self::Ec { .. } | Self::Ed25519 { .. } | Self::PostQuantum { .. }, _) => false,
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
        return Err(invalid(format!("an RSA modulus of {} is not supported", counted(bit_length(modulus), "bit"))));
    }
    if modulus.last().is_none_or(|last| last & 1 == 0) || exponent.last().is_none_or(|last| last & 1 == 0) {
        return Err(invalid("the RSA modulus or exponent is even"));
    }
    Ok(Material::Rsa { modulus: modulus.into(), exponent: exponent.into(), pkcs1: pkcs1.into() })
}

fn ec_material(curve: &'static Curve, point: &[u8]) -> Result<Material> {
    let refuse = || invalid(format!("the point is not a point of {}", curve.name));
    let len = 1 + match point.first() {
        Some(2 | 3) => curve.half,
        Some(4) => 2 * curve.half,
        _ => return Err(refuse()),
    };
    if point.len() != len {
        return Err(refuse());
    }
    let whole = if point[0] == 4 { None } else { Some(uncompressed(curve, point).ok_or_else(refuse)?) };
    Ok(Material::Ec { curve, point: der::element(0x04, whole.as_deref().unwrap_or(point)).into() })
}

/// The curve and the uncompressed point of a key that is already in the form of [`ec_spki`]: lists have thousands of these.
fn plain_ec(der: &[u8]) -> Option<(&'static Curve, &[u8])> {
    let (0x30, info, []) = der::next(der)? else { return None };
    let (0x30, algorithm, bits) = der::next(info)? else { return None };
    let (0x03, [0, point @ ..], []) = der::next(bits)? else { return None };
    let (0x06, OID_EC, params) = der::next(algorithm)? else { return None };
    let curve = CURVES.iter().find(|curve| curve.params == params)?;
    // Other encodings of the same lengths are longer.
    (point.len() == 1 + 2 * curve.half && point[0] == 4 && der.len() == curve.spki_len).then_some((curve, point))
}

/// With a named curve and an uncompressed point.
fn ec_spki(material: &Material) -> Option<Vec<u8>> {
    let Material::Ec { curve, point } = material else { return None };
    let algorithm = [&der::element(0x06, OID_EC), curve.params].concat();
    Some(der::spki(&algorithm, der::octet_string(point)?))
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

#[cfg(test)]
mod tests {
    use super::super::explicit_curve::OPENSSL;
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    fn spki(oid: &[u8], parameters: &[u8], bits: &[u8]) -> Vec<u8> {
        der::spki(&[&der::element(0x06, oid), parameters].concat(), bits)
    }

    #[test]
    fn an_rsa_key_is_itself_with_and_without_parameters_and_restricted_to_pss() {
        let modulus = [&[0xc1; 255][..], &[1]].concat();
        let pkcs1 = |exponent: &[u8]| der::element(0x30, &[der::integer(&modulus), der::integer(exponent)].concat());
        let key = PublicKey::from_spki(&spki(OID_RSA, &[5, 0], &pkcs1(&[1, 0, 1]))).unwrap();
        assert!(key.is_of(&spki(OID_RSA, &[], &pkcs1(&[1, 0, 1]))));
        assert!(key.is_of(&spki(OID_RSA_PSS, &[], &pkcs1(&[1, 0, 1]))));
        assert!(key.is_of(&spki(OID_RSA_PSS, &[0x30, 0], &pkcs1(&[1, 0, 1]))));
        assert!(!key.is_of(&spki(OID_RSA, &[5, 0], &pkcs1(&[3]))));
        assert!(!key.is_of(b"no key"));
    }

    #[test]
    fn an_ec_key_is_itself_with_a_curve_written_out_and_a_compressed_point() {
        for (name, parameters) in OPENSSL {
            let explicit = STANDARD.decode(parameters).unwrap();
            let curve = CURVES.iter().find(|curve| curve.name == name).unwrap();
            // The generator is a point of the curve.
            let whole =
                OPENSSL.iter().find(|(other, _)| *other == name).map(|(_, text)| STANDARD.decode(text).unwrap());
            let point = generator(&whole.unwrap());
            let compressed = [&[2 + (point[2 * curve.half] & 1)], &point[1..=curve.half]].concat();
            let named = spki(OID_EC, curve.params, &point);
            let key = PublicKey::from_spki(&named).unwrap();
            assert_eq!(key.spki(), named);
            assert!(plain_ec(&named).is_some(), "{name}");
            let more = [&named[..], &[0]].concat();
            assert!(plain_ec(&more).is_none() && PublicKey::from_spki(&more).is_err(), "{name}");
            for (parameters, point) in
                [(&explicit[..], &point[..]), (curve.params, &compressed[..]), (&explicit[..], &compressed[..])]
            {
                let other = PublicKey::from_spki(&spki(OID_EC, parameters, point)).unwrap();
                assert_eq!(other.spki(), named, "{name}");
                assert!(key.is_of(&spki(OID_EC, parameters, point)), "{name}");
            }
            let other = [&[compressed[0] ^ 1][..], &compressed[1..]].concat();
            assert!(!key.is_of(&spki(OID_EC, curve.params, &other)), "{name}: the other point with this x");
            let off = [&[2][..], &vec![0xff; curve.half]].concat();
            assert!(PublicKey::from_spki(&spki(OID_EC, curve.params, &off)).is_err(), "{name}");
        }
    }

    #[test]
    fn an_ec_key_in_another_form_than_the_usual_one_is_read_slowly() {
        let curve = &CURVES[0];
        // A hybrid point, of the same length as an uncompressed one.
        let hybrid = spki(OID_EC, curve.params, &[&[6][..], &vec![1; 2 * curve.half]].concat());
        assert_eq!(hybrid.len(), curve.spki_len);
        assert!(plain_ec(&hybrid).is_none());
        // The last length in two bytes.
        let plain = spki(OID_EC, curve.params, &[&[4][..], &vec![1; 2 * curve.half]].concat());
        assert!(plain_ec(&plain).is_some());
        let at = plain.len() - 2 * curve.half - 3;
        let mut longer = [&plain[..at], &[0x81], &plain[at..]].concat();
        longer[1] += 1;
        assert!(plain_ec(&longer).is_none());
    }

    #[test]
    fn an_rsa_key_with_an_even_number_is_refused_in_words() {
        let odd = [&[0xc1; 255][..], &[1]].concat();
        let even = [&[0xc1; 255][..], &[2]].concat();
        for (modulus, exponent) in [(&even, &[1, 0, 1][..]), (&odd, &[1, 0, 0]), (&even, &[1, 0, 0])] {
            let refused = PublicKey::rsa(modulus, exponent).unwrap_err().to_string();
            assert!(refused.contains("the RSA modulus or exponent is even"), "{refused}");
        }
        assert_eq!(PublicKey::rsa(&odd, &[1, 0, 1]).unwrap().name(), "RSA-2048");
        assert_eq!(bit_length(&[0, 1, 0]), 9, "leading zeros are not part of a number");
        assert_eq!(bit_length(&[]), 0);
    }

    #[test]
    fn an_ed25519_key_has_either_form_of_its_parameters_and_no_others() {
        let keys = [ED25519_PARAMS, ED25519_CURVE_NAME].map(|params| PublicKey::edwards(params, &[7; 32]).unwrap());
        assert!(keys[0].is_of(keys[1].spki()));
        assert_eq!((keys[0].name(), keys[0].bits(), keys[0].signature_len()), ("Ed25519".to_owned(), 255, 64));
        let other = PublicKey::edwards(ED25519_PARAMS, &[8; 32]).unwrap();
        assert!(keys[0].material() != other.material() && keys[0].material() == keys[1].material());
        let refused = PublicKey::edwards(CURVES[0].params, &[7; 32]).unwrap_err();
        assert_eq!(
            (refused.rv, refused.to_string().contains("the curve is not Ed25519")),
            (CKR_CURVE_NOT_SUPPORTED, true)
        );
    }

    #[test]
    fn post_quantum_keys_are_told_apart_by_set_and_value() {
        for (set, name, length) in [(CKP_ML_DSA_44, "ML-DSA-44", 1312), (CKP_ML_DSA_87, "ML-DSA-87", 2592)] {
            let value = vec![3; length];
            let key = PublicKey::ml_dsa(set, &value).unwrap();
            assert_eq!(
                (key.bits(), key.name(), format!("{key:?}")),
                (length * 8, name.to_owned(), format!("PublicKey({name})"))
            );
            assert_eq!((key.parameter_set(), key.value(), key.modulus()), (Some(set), Some(&value[..]), None));
            let Material::PostQuantum { set: row, .. } = key.material() else { panic!("{key:?}") };
            assert_eq!(format!("{row:?}"), name);
            assert!(key.material() == PublicKey::ml_dsa(set, &value).unwrap().material());
            assert!(key.material() != PublicKey::ml_dsa(set, &vec![4; length]).unwrap().material());
        }
    }

    #[test]
    #[cfg(feature = "slh-dsa")]
    fn slh_dsa_keys_of_one_length_differ_in_their_sets() {
        let keys = [CKP_SLH_DSA_SHA2_128S, CKP_SLH_DSA_SHA2_128F].map(|set| PublicKey::slh_dsa(set, &[5; 32]).unwrap());
        assert!(keys[0].material() != keys[1].material());
    }

    #[test]
    fn what_verifies_is_made_once_for_a_key() {
        let key = PublicKey::edwards(ED25519_PARAMS, &[7; 32]).unwrap();
        assert!(std::ptr::eq(key.verifiers(), key.clone().verifiers()));
    }

    /// The generator in explicit domain parameters.
    fn generator(parameters: &[u8]) -> Vec<u8> {
        let (_, content, _) = der::next(parameters).unwrap();
        let elements = std::iter::successors(der::next(content), |(_, _, rest)| der::next(rest));
        elements.filter(|(tag, _, _)| *tag == 0x04).map(|(_, content, _)| content.to_vec()).next().unwrap()
    }
}
