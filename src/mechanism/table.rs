//! The table of mechanisms. Lists, infos, dispatch, `CKA_ALLOWED_MECHANISMS` and the documentation derive from it.

use super::digest::Digest;
use super::family::Family;
use super::key::PublicKey;
use super::parameter::ParameterShape;
use cryptoki_sys::*;

/// The signature scheme of a mechanism, or its other purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5. The module computes the digest; with `None`, the data is a DigestInfo (or any bytes).
    Pkcs1(Option<Digest>),
    /// RSASSA-PSS. The module computes the digest; with `None`, the data is the digest.
    Pss(Option<Digest>),
    /// ECDSA. The module computes the digest; with `None`, the data is the digest.
    Ecdsa(Option<Digest>),
    /// EdDSA over the message, or over its SHA-512 (Ed25519ph).
    Eddsa,
    /// ML-DSA over the message, empty context.
    MlDsa,
    /// SLH-DSA over the message, empty context.
    SlhDsa,
    /// A digest without a signature.
    Hash(Digest),
    /// Key pair generation.
    Generate(Family),
}

/// The functions that accept a mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `C_Sign...`, `C_Verify...` and their message-based forms.
    Sign,
    Digest,
    /// `C_GenerateKeyPair`
    Generate,
}

pub struct Mechanism {
    pub mechanism_type: CK_MECHANISM_TYPE,
    pub name: &'static str,
    pub scheme: Scheme,
}

macro_rules! mechanisms {
    ($($(#[$condition:meta])? $mechanism_type:ident $scheme:expr;)*) => {
        /// Every mechanism in listing order: those that hash before those that sign a digest (a client that picks the
        /// first should not have to hash), then digests, then key pair generation. PSS of a digest comes before PSS
        /// that hashes: node-webcrypto-p11 picks the last, and cannot use the former. Two kinds are missing because the
        /// service cannot perform them: `CKM_RSA_X_509` (it always pads) and `CKM_HASH_ML_DSA*` (it has no such
        /// algorithm).
        pub static MECHANISMS: &[Mechanism] = &[$($(#[$condition])? Mechanism {
            mechanism_type: $mechanism_type,
            name: stringify!($mechanism_type),
            scheme: $scheme,
        }),*];
    };
}

use Digest::*;
use Scheme::*;

mechanisms! {
    CKM_SHA256_RSA_PKCS Pkcs1(Some(Sha256));
    CKM_SHA384_RSA_PKCS Pkcs1(Some(Sha384));
    CKM_SHA512_RSA_PKCS Pkcs1(Some(Sha512));
    CKM_SHA224_RSA_PKCS Pkcs1(Some(Sha224));
    CKM_SHA1_RSA_PKCS Pkcs1(Some(Sha1));
    CKM_SHA3_256_RSA_PKCS Pkcs1(Some(Sha3_256));
    CKM_SHA3_384_RSA_PKCS Pkcs1(Some(Sha3_384));
    CKM_SHA3_512_RSA_PKCS Pkcs1(Some(Sha3_512));
    CKM_SHA3_224_RSA_PKCS Pkcs1(Some(Sha3_224));
    CKM_RSA_PKCS_PSS Pss(None);
    CKM_SHA256_RSA_PKCS_PSS Pss(Some(Sha256));
    CKM_SHA384_RSA_PKCS_PSS Pss(Some(Sha384));
    CKM_SHA512_RSA_PKCS_PSS Pss(Some(Sha512));
    CKM_SHA224_RSA_PKCS_PSS Pss(Some(Sha224));
    CKM_SHA1_RSA_PKCS_PSS Pss(Some(Sha1));
    CKM_SHA3_256_RSA_PKCS_PSS Pss(Some(Sha3_256));
    CKM_SHA3_384_RSA_PKCS_PSS Pss(Some(Sha3_384));
    CKM_SHA3_512_RSA_PKCS_PSS Pss(Some(Sha3_512));
    CKM_SHA3_224_RSA_PKCS_PSS Pss(Some(Sha3_224));
    CKM_ECDSA_SHA256 Ecdsa(Some(Sha256));
    CKM_ECDSA_SHA384 Ecdsa(Some(Sha384));
    CKM_ECDSA_SHA512 Ecdsa(Some(Sha512));
    CKM_ECDSA_SHA224 Ecdsa(Some(Sha224));
    CKM_ECDSA_SHA1 Ecdsa(Some(Sha1));
    CKM_ECDSA_SHA3_256 Ecdsa(Some(Sha3_256));
    CKM_ECDSA_SHA3_384 Ecdsa(Some(Sha3_384));
    CKM_ECDSA_SHA3_512 Ecdsa(Some(Sha3_512));
    CKM_ECDSA_SHA3_224 Ecdsa(Some(Sha3_224));
    CKM_EDDSA Eddsa;
    CKM_ML_DSA MlDsa;
    #[cfg(feature = "slh-dsa")]
    CKM_SLH_DSA SlhDsa;
    CKM_RSA_PKCS Pkcs1(None);
    CKM_ECDSA Ecdsa(None);
    CKM_SHA256 Hash(Sha256);
    CKM_SHA384 Hash(Sha384);
    CKM_SHA512 Hash(Sha512);
    CKM_SHA224 Hash(Sha224);
    CKM_SHA_1 Hash(Sha1);
    CKM_SHA3_256 Hash(Sha3_256);
    CKM_SHA3_384 Hash(Sha3_384);
    CKM_SHA3_512 Hash(Sha3_512);
    CKM_SHA3_224 Hash(Sha3_224);
    CKM_RSA_PKCS_KEY_PAIR_GEN Generate(Family::Rsa);
    CKM_EC_KEY_PAIR_GEN Generate(Family::Ec);
    CKM_EC_EDWARDS_KEY_PAIR_GEN Generate(Family::Edwards);
    CKM_ML_DSA_KEY_PAIR_GEN Generate(Family::MlDsa);
    #[cfg(feature = "slh-dsa")]
    CKM_SLH_DSA_KEY_PAIR_GEN Generate(Family::SlhDsa);
}

impl Mechanism {
    /// The family of its keys; `None` for digests.
    pub fn family(&self) -> Option<Family> {
        match self.scheme {
            Pkcs1(_) | Pss(_) => Some(Family::Rsa),
            Ecdsa(_) => Some(Family::Ec),
            Eddsa => Some(Family::Edwards),
            MlDsa => Some(Family::MlDsa),
            SlhDsa => Some(Family::SlhDsa),
            Hash(_) => None,
            Generate(family) => Some(family),
        }
    }

    pub fn role(&self) -> Role {
        match self.scheme {
            Pkcs1(_) | Pss(_) | Ecdsa(_) | Eddsa | MlDsa | SlhDsa => Role::Sign,
            Hash(_) => Role::Digest,
            Generate(_) => Role::Generate,
        }
    }

    /// `C_DigestInit` accepts it.
    pub fn is_digest(&self) -> bool {
        self.role() == Role::Digest
    }

    /// `C_GenerateKeyPair` accepts it.
    pub fn is_generation(&self) -> bool {
        self.role() == Role::Generate
    }

    /// `C_SignInit`, `C_VerifyInit` and similar functions accept it.
    pub fn is_sign(&self) -> bool {
        self.role() == Role::Sign
    }

    /// Whether it signs and verifies in a single part only, according to the standard's tables of mechanisms and
    /// functions (3.2, chapter 6: "single-part operations only").
    pub fn single_part(&self) -> bool {
        match self.scheme {
            Pkcs1(digest) | Pss(digest) | Ecdsa(digest) => digest.is_none(),
            Eddsa | MlDsa | SlhDsa | Hash(_) | Generate(_) => false,
        }
    }

    /// Whether it can be used with this key.
    pub fn fits(&self, key: &PublicKey) -> bool {
        self.is_sign() && self.family() == Some(key.family())
    }

    /// The C struct of its parameter.
    pub fn parameter_shape(&self) -> ParameterShape {
        match self.scheme {
            Pss(_) => ParameterShape::Pss,
            Eddsa => ParameterShape::Eddsa,
            MlDsa | SlhDsa => ParameterShape::SignContext,
            Pkcs1(_) | Ecdsa(_) | Hash(_) | Generate(_) => ParameterShape::None,
        }
    }

    /// `CK_MECHANISM_INFO`. Sizes are in bits for RSA and curves, in bytes of the public key for the post-quantum
    /// families (3.2, 6.67 and 6.69), and zero for digests. `CKF_HW` marks operations in the service's HSM.
    pub fn info(&self) -> CK_MECHANISM_INFO {
        let role = match self.role() {
            Role::Digest => CKF_DIGEST,
            Role::Generate => CKF_GENERATE_KEY_PAIR | CKF_HW,
            Role::Sign => CKF_SIGN | CKF_VERIFY | CKF_HW,
        };
        let (sizes, more) = match self.family() {
            None => ((0, 0), 0),
            Some(Family::Rsa) => ((2048, 4096), 0),
            Some(Family::Ec) => ((256, 521), CKF_EC_F_P | CKF_EC_OID | CKF_EC_UNCOMPRESS),
            Some(Family::Edwards) => ((255, 255), CKF_EC_F_P | CKF_EC_OID | CKF_EC_COMPRESS),
            Some(Family::MlDsa) => ((1312, 2592), 0),
            Some(Family::SlhDsa) => ((32, 64), 0),
        };
        CK_MECHANISM_INFO { ulMinKeySize: sizes.0, ulMaxKeySize: sizes.1, flags: role | more }
    }
}

/// The mechanism with this number.
pub fn by_type(wanted: CK_MECHANISM_TYPE) -> Option<&'static Mechanism> {
    MECHANISMS.iter().find(|mechanism| mechanism.mechanism_type == wanted)
}

/// `CKA_ALLOWED_MECHANISMS` of a key, in listing order.
pub fn allowed_for(key: &PublicKey) -> Vec<CK_MECHANISM_TYPE> {
    MECHANISMS.iter().filter(|mechanism| mechanism.fits(key)).map(|mechanism| mechanism.mechanism_type).collect()
}

/// The table for the documentation, in Markdown.
pub fn markdown() -> String {
    let mut text = String::from("| mechanism | keys | does | sizes | flags |\n| --- | --- | --- | --- | --- |\n");
    for mechanism in MECHANISMS {
        let info = mechanism.info();
        let keys = mechanism.family().map_or("-", Family::name);
        let does = match mechanism.scheme {
            Hash(_) => "digest".to_owned(),
            Generate(_) => "key pair generation".to_owned(),
            Pkcs1(Some(d)) | Pss(Some(d)) | Ecdsa(Some(d)) => format!("sign, verify; {} made here", d.row().name),
            Pkcs1(None) => "sign, verify a DigestInfo or other short data, in one part".to_owned(),
            Pss(None) | Ecdsa(None) => "sign, verify a digest, in one part".to_owned(),
            Eddsa | MlDsa | SlhDsa => "sign, verify a message".to_owned(),
        };
        let hardware = if info.flags & CKF_HW != 0 { "CKF_HW" } else { "" };
        let (least, most) = (info.ulMinKeySize, info.ulMaxKeySize);
        let sizes = if most == 0 { "-".to_owned() } else { format!("{least} to {most}") };
        text += &format!("| `{}` | {keys} | {does} | {sizes} | {hardware} |\n", mechanism.name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mechanism_stands_once() {
        for (place, mechanism) in MECHANISMS.iter().enumerate() {
            let again = MECHANISMS[place + 1..].iter().find(|m| m.mechanism_type == mechanism.mechanism_type);
            assert!(again.is_none(), "{}", mechanism.name);
        }
    }

    #[test]
    fn mechanisms_that_hash_come_before_raw_ones_and_digests_after_both() {
        let raw = |m: &Mechanism| matches!(m.scheme, Pkcs1(None) | Ecdsa(None));
        let first_raw = MECHANISMS.iter().position(raw).unwrap();
        let last_sign = MECHANISMS.iter().rposition(|m| m.is_sign() && !raw(m)).unwrap();
        let first_digest = MECHANISMS.iter().position(Mechanism::is_digest).unwrap();
        assert!(last_sign < first_raw && first_raw < first_digest);
    }

    #[test]
    fn raw_pss_comes_before_pss_that_hashes_and_after_pkcs1_that_hashes() {
        let place = |wanted: fn(Scheme) -> bool| MECHANISMS.iter().position(|m| wanted(m.scheme)).unwrap();
        assert!(place(|scheme| scheme == Pss(None)) < place(|scheme| matches!(scheme, Pss(Some(_)))));
        assert!(place(|scheme| matches!(scheme, Pkcs1(Some(_)))) < place(|scheme| scheme == Pss(None)));
    }

    #[test]
    fn flags_name_what_a_mechanism_does_and_which_forms_of_a_curve_it_knows() {
        let curve = CKF_EC_F_P | CKF_EC_OID;
        let sign = CKF_SIGN | CKF_VERIFY | CKF_HW;
        for (mechanism, flags) in [
            (CKM_SHA256, CKF_DIGEST),
            (CKM_SHA256_RSA_PKCS, sign),
            (CKM_ECDSA, sign | curve | CKF_EC_UNCOMPRESS),
            (CKM_EDDSA, sign | curve | CKF_EC_COMPRESS),
            (CKM_ML_DSA, sign),
            (CKM_RSA_PKCS_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR | CKF_HW),
            (CKM_EC_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR | CKF_HW | curve | CKF_EC_UNCOMPRESS),
        ] {
            let row = by_type(mechanism).expect("a mechanism of the table");
            assert_eq!(row.info().flags, flags, "{}", row.name);
        }
    }

    #[test]
    fn only_what_the_hsm_does_carries_the_hardware_flag() {
        for mechanism in MECHANISMS {
            assert_eq!(mechanism.info().flags & CKF_HW == 0, mechanism.is_digest(), "{}", mechanism.name);
        }
    }

    /// The mechanisms that the standard's tables mark "single-part operations only": 6.1 (RSA), 6.3 (elliptic curves), and
    /// none in 6.67 (ML-DSA) and 6.69 (SLH-DSA).
    #[test]
    fn mechanisms_are_single_part_where_the_standard_says_so() {
        let single = MECHANISMS.iter().filter(|m| m.is_sign() && m.single_part()).map(|m| m.mechanism_type);
        assert_eq!(single.collect::<Vec<_>>(), [CKM_RSA_PKCS_PSS, CKM_RSA_PKCS, CKM_ECDSA]);
    }

    #[test]
    fn raw_rsa_is_not_offered() {
        assert!(by_type(CKM_RSA_X_509).is_none());
        assert!(by_type(CKM_RSA_PKCS).is_some());
    }
}
