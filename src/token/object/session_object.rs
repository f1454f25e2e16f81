//! Session objects that the application creates: public keys and certificates that end with their session (PKCS#11 3.2,
//! 5.7 `C_CreateObject`, `C_CopyObject`, `C_SetAttributeValue`). SunPKCS11 and pkcs11-provider import them to verify
//! signatures. They are never sent to the service.

use super::attribute::{Template, Value};
use super::class::Class;
use crate::error::{Error, Result};
use crate::mechanism::{Family, PublicKey};
use crate::x509::Certificate;
use cryptoki_sys::*;
use std::collections::BTreeMap;

/// The longest value of an attribute, in bytes.
const MAX_VALUE: usize = 1 << 20;

/// The application's attributes, checked and completed with defaults when the object is created.
pub struct SessionObject {
    pub(in crate::token) session: CK_SESSION_HANDLE,
    pub(in crate::token) key: Option<PublicKey>,
    attributes: BTreeMap<CK_ATTRIBUTE_TYPE, Vec<u8>>,
}

/// An attribute that an application may set, with the standard's default.
struct Rule {
    attribute: CK_ATTRIBUTE_TYPE,
    kind: Kind,
    default: Option<&'static [u8]>,
    /// Whether `C_SetAttributeValue` may change it.
    changeable: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Flag,
    Number,
    Bytes,
}

const NO: Option<&[u8]> = Some(&[CK_FALSE]);
const YES: Option<&[u8]> = Some(&[CK_TRUE]);
const EMPTY: Option<&[u8]> = Some(&[]);
const ZERO: Option<&[u8]> = Some(&[0; size_of::<CK_ULONG>()]);

const fn rule(attribute: CK_ATTRIBUTE_TYPE, kind: Kind, default: Option<&'static [u8]>, changeable: bool) -> Rule {
    Rule { attribute, kind, default, changeable }
}

const STORAGE: &[Rule] = &[
    rule(CKA_CLASS, Kind::Number, None, false),
    rule(CKA_TOKEN, Kind::Flag, NO, false),
    rule(CKA_PRIVATE, Kind::Flag, NO, false),
    rule(CKA_MODIFIABLE, Kind::Flag, YES, false),
    rule(CKA_COPYABLE, Kind::Flag, YES, false),
    rule(CKA_DESTROYABLE, Kind::Flag, YES, false),
    rule(CKA_LABEL, Kind::Bytes, EMPTY, true),
    rule(CKA_ID, Kind::Bytes, EMPTY, true),
    rule(CKA_SUBJECT, Kind::Bytes, EMPTY, true),
    rule(CKA_START_DATE, Kind::Bytes, EMPTY, true),
    rule(CKA_END_DATE, Kind::Bytes, EMPTY, true),
    rule(CKA_TRUSTED, Kind::Flag, NO, false),
    rule(CKA_PUBLIC_KEY_INFO, Kind::Bytes, None, false),
];

const PUBLIC_KEY: &[Rule] = &[
    rule(CKA_KEY_TYPE, Kind::Number, None, false),
    rule(CKA_DERIVE, Kind::Flag, NO, true),
    rule(CKA_LOCAL, Kind::Flag, NO, false),
    rule(CKA_ENCRYPT, Kind::Flag, NO, true),
    rule(CKA_VERIFY, Kind::Flag, YES, true),
    rule(CKA_VERIFY_RECOVER, Kind::Flag, NO, true),
    rule(CKA_WRAP, Kind::Flag, NO, true),
    rule(CKA_ENCAPSULATE, Kind::Flag, NO, true),
    rule(CKA_MODULUS, Kind::Bytes, None, false),
    rule(CKA_MODULUS_BITS, Kind::Number, None, false),
    rule(CKA_PUBLIC_EXPONENT, Kind::Bytes, None, false),
    rule(CKA_EC_PARAMS, Kind::Bytes, None, false),
    rule(CKA_EC_POINT, Kind::Bytes, None, false),
    rule(CKA_PARAMETER_SET, Kind::Number, None, false),
    rule(CKA_VALUE, Kind::Bytes, None, false),
];

const CERTIFICATE: &[Rule] = &[
    rule(CKA_CERTIFICATE_TYPE, Kind::Number, None, false),
    rule(CKA_CERTIFICATE_CATEGORY, Kind::Number, ZERO, false),
    rule(CKA_CHECK_VALUE, Kind::Bytes, None, false),
    rule(CKA_ISSUER, Kind::Bytes, None, true),
    rule(CKA_SERIAL_NUMBER, Kind::Bytes, None, true),
    rule(CKA_VALUE, Kind::Bytes, None, false),
    rule(CKA_URL, Kind::Bytes, EMPTY, false),
    rule(CKA_HASH_OF_SUBJECT_PUBLIC_KEY, Kind::Bytes, EMPTY, false),
    rule(CKA_HASH_OF_ISSUER_PUBLIC_KEY, Kind::Bytes, EMPTY, false),
    rule(CKA_JAVA_MIDP_SECURITY_DOMAIN, Kind::Number, ZERO, false),
    rule(CKA_NAME_HASH_ALGORITHM, Kind::Number, None, false),
];

/// Attributes that only the token may set (4.1.3, footnotes 2 and 4).
pub const TOKEN_SETS: &[CK_ATTRIBUTE_TYPE] = &[CKA_LOCAL, CKA_KEY_GEN_MECHANISM, CKA_UNIQUE_ID, CKA_ALLOWED_MECHANISMS];

fn rules(class: Class) -> impl Iterator<Item = &'static Rule> {
    let own = if class == Class::Certificate { CERTIFICATE } else { PUBLIC_KEY };
    STORAGE.iter().chain(own)
}

impl SessionObject {
    /// `Absent` for an attribute that the object does not have.
    pub fn attribute(&self, wanted: CK_ATTRIBUTE_TYPE) -> Value<'_> {
        Value::optional(self.attributes.get(&wanted).map(Vec::as_slice))
    }

    /// The total length of all its attributes, in bytes.
    pub fn size(&self) -> usize {
        self.attributes.values().map(Vec::len).sum()
    }

    pub(in crate::token) fn flag(&self, wanted: CK_ATTRIBUTE_TYPE) -> bool {
        self.attributes.get(&wanted).is_some_and(|value| *value == [CK_TRUE])
    }

    /// Checks every attribute against the rules of its class, computes the key, and adds the defaults.
    pub(in crate::token) fn build(
        session: CK_SESSION_HANDLE,
        class: Class,
        given: BTreeMap<CK_ATTRIBUTE_TYPE, Vec<u8>>,
    ) -> Result<Self> {
        for (attribute, value) in &given {
            let Some(rule) = rules(class).find(|rule| rule.attribute == *attribute) else {
                let cause = format!("objects of this class have no attribute {attribute:#x}");
                return Err(Error::new(CKR_ATTRIBUTE_TYPE_INVALID, cause));
            };
            check(rule, value)?;
        }
        let mut attributes = given;
        let key = match class {
            Class::Certificate => complete_certificate(&mut attributes).map(|()| None),
            _ => complete_public_key(&mut attributes).map(Some),
        }?;
        for rule in rules(class) {
            if let Some(default) = rule.default {
                attributes.entry(rule.attribute).or_insert_with(|| default.to_vec());
            }
        }
        Ok(Self { session, key, attributes })
    }
}

fn check(rule: &Rule, value: &[u8]) -> Result<()> {
    let fits = match rule.kind {
        Kind::Flag => matches!(value, [CK_FALSE | CK_TRUE]),
        Kind::Number => value.len() == size_of::<CK_ULONG>(),
        Kind::Bytes => value.len() <= MAX_VALUE,
    };
    let bad =
        || Error::new(CKR_ATTRIBUTE_VALUE_INVALID, format!("attribute {:#x} cannot have this value", rule.attribute));
    if fits { Ok(()) } else { Err(bad()) }
}

fn needed(attributes: &BTreeMap<CK_ATTRIBUTE_TYPE, Vec<u8>>, wanted: CK_ATTRIBUTE_TYPE, name: &str) -> Result<Vec<u8>> {
    let missing = || Error::new(CKR_TEMPLATE_INCOMPLETE, format!("the template lacks {name}"));
    attributes.get(&wanted).cloned().ok_or_else(missing)
}

fn needed_number(
    attributes: &BTreeMap<CK_ATTRIBUTE_TYPE, Vec<u8>>,
    wanted: CK_ATTRIBUTE_TYPE,
    name: &str,
) -> Result<CK_ULONG> {
    needed(attributes, wanted, name).map(|value| super::attribute::number(&value).unwrap_or(CK_ULONG::MAX))
}

fn complete_public_key(attributes: &mut BTreeMap<CK_ATTRIBUTE_TYPE, Vec<u8>>) -> Result<PublicKey> {
    let get = |wanted, name| needed(attributes, wanted, name);
    let set = || needed_number(attributes, CKA_PARAMETER_SET, "CKA_PARAMETER_SET");
    let key_type = needed_number(attributes, CKA_KEY_TYPE, "CKA_KEY_TYPE")?;
    let family = Family::of_key_type(key_type).ok_or_else(|| {
        Error::new(CKR_ATTRIBUTE_VALUE_INVALID, format!("public keys of type {key_type:#x} are not known here"))
    })?;
    let key = match family {
        Family::Rsa => {
            PublicKey::rsa(&get(CKA_MODULUS, "CKA_MODULUS")?, &get(CKA_PUBLIC_EXPONENT, "CKA_PUBLIC_EXPONENT")?)?
        }
        Family::Ec => PublicKey::ec(&get(CKA_EC_PARAMS, "CKA_EC_PARAMS")?, &get(CKA_EC_POINT, "CKA_EC_POINT")?)?,
        Family::Edwards => {
            PublicKey::edwards(&get(CKA_EC_PARAMS, "CKA_EC_PARAMS")?, &get(CKA_EC_POINT, "CKA_EC_POINT")?)?
        }
        Family::MlDsa => PublicKey::ml_dsa(set()?, &get(CKA_VALUE, "CKA_VALUE")?)?,
        Family::SlhDsa => PublicKey::slh_dsa(set()?, &get(CKA_VALUE, "CKA_VALUE")?)?,
    };
    attributes.entry(CKA_PUBLIC_KEY_INFO).or_insert_with(|| key.spki().to_vec());
    if key.modulus().is_some() {
        attributes.insert(CKA_MODULUS_BITS, (key.bits() as CK_ULONG).to_ne_bytes().to_vec());
    }
    Ok(key)
}

fn complete_certificate(attributes: &mut BTreeMap<CK_ATTRIBUTE_TYPE, Vec<u8>>) -> Result<()> {
    if needed_number(attributes, CKA_CERTIFICATE_TYPE, "CKA_CERTIFICATE_TYPE")? != CKC_X_509 {
        return Err(Error::new(CKR_ATTRIBUTE_VALUE_INVALID, "only X.509 certificates are known here"));
    }
    let certificate = Certificate::parse(needed(attributes, CKA_VALUE, "CKA_VALUE")?)
        .map_err(|error| Error::new(CKR_ATTRIBUTE_VALUE_INVALID, error.cause))?;
    for (attribute, value) in [
        (CKA_SUBJECT, certificate.subject()),
        (CKA_ISSUER, certificate.issuer()),
        (CKA_SERIAL_NUMBER, certificate.serial()),
        (CKA_PUBLIC_KEY_INFO, certificate.spki()),
    ] {
        attributes.entry(attribute).or_insert_with(|| value.to_vec());
    }
    Ok(())
}

/// The original's attributes, overridden by the template: `CKR_ATTRIBUTE_READ_ONLY` for those that must not change.
pub fn changed(
    original: &SessionObject,
    class: Class,
    template: &Template<'_>,
    also: &[CK_ATTRIBUTE_TYPE],
) -> Result<BTreeMap<CK_ATTRIBUTE_TYPE, Vec<u8>>> {
    let mut attributes = original.attributes.clone();
    for (attribute, value) in &template.0 {
        match rules(class).find(|rule| rule.attribute == *attribute) {
            Some(rule) if rule.changeable || also.contains(attribute) => check(rule, value)?,
            None if !TOKEN_SETS.contains(attribute) => return Err(CKR_ATTRIBUTE_TYPE_INVALID.into()),
            _ => {
                return Err(Error::new(CKR_ATTRIBUTE_READ_ONLY, format!("attribute {attribute:#x} cannot be changed")));
            }
        }
        attributes.insert(*attribute, value.to_vec());
    }
    Ok(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(class: Class, attributes: &[(CK_ATTRIBUTE_TYPE, &[u8])]) -> Result<SessionObject> {
        let given = attributes.iter().map(|(attribute, value)| (*attribute, value.to_vec())).collect();
        SessionObject::build(1, class, given)
    }

    /// A key of 1024 bits.
    fn public_key() -> SessionObject {
        let rsa = CKK_RSA.to_ne_bytes();
        let modulus = [0xab; 128];
        build(Class::PublicKey, &[(CKA_KEY_TYPE, &rsa), (CKA_MODULUS, &modulus), (CKA_PUBLIC_EXPONENT, &[1, 0, 1])])
            .unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn what_a_template_lacks_is_named_by_the_kind_of_object() {
        let [rsa, ec, ml_dsa, x509, other] = [CKK_RSA, CKK_EC, CKK_ML_DSA, CKC_X_509, 99].map(CK_ULONG::to_ne_bytes);
        let (key, certificate) = (CKA_KEY_TYPE, CKA_CERTIFICATE_TYPE);
        for (class, given, problem) in [
            (Class::PublicKey, None, "the template lacks CKA_KEY_TYPE"),
            (Class::PublicKey, Some((key, rsa)), "the template lacks CKA_MODULUS"),
            (Class::PublicKey, Some((key, ec)), "the template lacks CKA_EC_PARAMS"),
            (Class::PublicKey, Some((key, ml_dsa)), "the template lacks CKA_PARAMETER_SET"),
            (Class::PublicKey, Some((key, other)), "public keys of type 0x63 are not known here"),
            (Class::Certificate, None, "the template lacks CKA_CERTIFICATE_TYPE"),
            (Class::Certificate, Some((certificate, x509)), "the template lacks CKA_VALUE"),
            (Class::Certificate, Some((certificate, other)), "only X.509 certificates are known here"),
        ] {
            let given: Vec<(_, &[u8])> = given.iter().map(|(attribute, value)| (*attribute, &value[..])).collect();
            assert_eq!(build(class, &given).err().map(|error| error.cause.into_owned()).as_deref(), Some(problem));
        }
    }

    #[test]
    fn a_change_names_what_only_the_token_sets_and_what_the_object_does_not_have() {
        let original = public_key();
        let code = |attribute, value: &[u8]| {
            let changed = changed(&original, Class::PublicKey, &Template(vec![(attribute, value)]), &[CKA_TOKEN]);
            changed.err().map(|error| error.rv)
        };
        for (attribute, value, expected) in [
            (CKA_LABEL, &b"x"[..], None),
            (CKA_TOKEN, &[CK_FALSE], None),
            (CKA_PRIVATE, &[CK_FALSE], Some(CKR_ATTRIBUTE_READ_ONLY)),
            (CKA_LOCAL, &[CK_TRUE], Some(CKR_ATTRIBUTE_READ_ONLY)),
            (CKA_UNIQUE_ID, b"x", Some(CKR_ATTRIBUTE_READ_ONLY)),
            (CKA_ISSUER, b"x", Some(CKR_ATTRIBUTE_TYPE_INVALID)),
        ] {
            assert_eq!(code(attribute, value), expected, "{attribute:#x}");
        }
    }

    #[test]
    fn the_size_of_an_object_is_that_of_all_its_attributes() {
        let key = public_key();
        let all = STORAGE.iter().chain(PUBLIC_KEY).map(|rule| key.attribute(rule.attribute));
        let sizes: Vec<usize> = all.filter_map(|value| value.shown().map(<[u8]>::len)).collect();
        assert!(sizes.len() > 10);
        assert_eq!(key.size(), sizes.iter().sum::<usize>());
    }
}
