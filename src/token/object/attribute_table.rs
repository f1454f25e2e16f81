//! Every attribute that the standard defines for our object classes, in one table (PKCS#11 3.2, chapter 4).
//!
//! A row says which objects have the attribute, and where its value comes from. Reads, searches, `C_GetObjectSize` and
//! the documentation use it. Attributes without a row are invalid for all our objects.

use super::attribute::Value;
use super::class::Class;
use super::object::{Object, Source};
use super::vendor::*;
use crate::mechanism::{self, Family, PublicKey};
use crate::x509::Certificate;
use cryptoki_sys::*;
use data_encoding::HEXLOWER;

pub struct Row {
    pub attribute: CK_ATTRIBUTE_TYPE,
    pub name: &'static str,
    whose: Whose,
    value: for<'a> fn(&'a Object) -> Value<'a>,
}

/// Which objects have an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    All,
    /// Storage objects (4.4): all except profiles, which have only `CKA_CLASS`, `CKA_UNIQUE_ID` and `CKA_PROFILE_ID`
    /// (4.14).
    Storage,
    Keys,
    Public,
    Private,
    Certificates,
    /// Key halves and certificates of a keypair.
    Keypair,
    Profiles,
}

impl Whose {
    fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Storage => "keys, certificates",
            Self::Keys => "keys",
            Self::Public => "public keys",
            Self::Private => "private keys",
            Self::Certificates => "certificates",
            Self::Keypair => "keys and certificates of keypairs",
            Self::Profiles => "profiles",
        }
    }

    fn has(self, object: &Object) -> bool {
        let class = object.class();
        match self {
            Self::All => true,
            Self::Storage => class != Class::Profile,
            Self::Keys => class.is_key(),
            Self::Public => class == Class::PublicKey,
            Self::Private => class == Class::PrivateKey,
            Self::Certificates => class == Class::Certificate,
            Self::Keypair => object.entry().is_some(),
            Self::Profiles => class == Class::Profile,
        }
    }
}

impl Row {
    /// The value of this attribute for an object.
    pub fn value<'a>(&self, object: &'a Object) -> Value<'a> {
        if self.whose.has(object) { (self.value)(object) } else { Value::Absent }
    }
}

impl Object {
    /// The value of one attribute; [`Value::Absent`] if objects of this kind do not have it.
    pub fn attribute(&self, wanted: CK_ATTRIBUTE_TYPE) -> Value<'_> {
        match &self.source {
            Source::Session(object) => object.attribute(wanted),
            _ => row(wanted).map_or(Value::Absent, |row| row.value(self)),
        }
    }

    /// `C_GetObjectSize`: the total length of all its attributes, in bytes.
    pub fn size(&self) -> usize {
        match &self.source {
            Source::Session(object) => object.size(),
            _ => ROWS.iter().map(|row| row.value(self).shown_len().unwrap_or(0)).sum(),
        }
    }
}

/// The row of an attribute.
pub fn row(wanted: CK_ATTRIBUTE_TYPE) -> Option<&'static Row> {
    ROWS.binary_search_by_key(&wanted, |row| row.attribute).ok().map(|place| &ROWS[place])
}

macro_rules! rows {
    ($($attribute:ident $whose:ident => $value:expr;)*) => {
        /// The table, sorted by number.
        pub static ROWS: &[Row] = &[$(Row {
            attribute: $attribute,
            name: stringify!($attribute),
            whose: Whose::$whose,
            value: $value,
        }),*];
    };
}

rows! {
    CKA_CLASS All => |o| Value::number(o.class().number());
    CKA_TOKEN Storage => |_| Value::flag(true);
    // Private keys are private objects only if a login reveals them; without login everybody can see them.
    CKA_PRIVATE Storage => |o| Value::flag(o.is_private());
    CKA_LABEL Storage => label;
    CKA_UNIQUE_ID All => |o| Value::owned(unique_id(o).into_bytes());
    CKA_VALUE Storage => value;
    CKA_CERTIFICATE_TYPE Certificates => |_| Value::number(CKC_X_509);
    CKA_ISSUER Certificates => |o| Value::optional(o.certificate().map(Certificate::issuer));
    CKA_SERIAL_NUMBER Certificates => |o| Value::optional(o.certificate().map(Certificate::serial));
    CKA_TRUSTED Storage => |o| if o.class() == Class::PrivateKey { Value::Absent } else { Value::flag(false) };
    CKA_CERTIFICATE_CATEGORY Certificates => |o| Value::number(category(o));
    CKA_JAVA_MIDP_SECURITY_DOMAIN Certificates => |_| Value::number(CK_SECURITY_DOMAIN_UNSPECIFIED);
    CKA_URL Certificates => |_| Value::empty();
    CKA_HASH_OF_SUBJECT_PUBLIC_KEY Certificates => |_| Value::empty();
    CKA_HASH_OF_ISSUER_PUBLIC_KEY Certificates => |_| Value::empty();
    CKA_NAME_HASH_ALGORITHM Certificates => |_| Value::number(CKM_SHA_1);
    CKA_CHECK_VALUE Certificates => |o| o.certificate()
        .map_or(Value::Absent, |c| Value::owned(mechanism::sha1(c.der())[..3].to_vec()));
    CKA_KEY_TYPE Keys => |o| key(o, |key| Value::number(key.key_type()));
    CKA_SUBJECT Storage => subject;
    CKA_ID Storage => id;
    CKA_SENSITIVE Private => |_| Value::flag(true);
    CKA_ENCRYPT Public => |_| Value::flag(false);
    CKA_DECRYPT Private => |_| Value::flag(false);
    CKA_WRAP Public => |_| Value::flag(false);
    CKA_UNWRAP Private => |_| Value::flag(false);
    CKA_SIGN Private => |o| key(o, |key| Value::flag(!mechanism::allowed_for(key).is_empty()));
    CKA_SIGN_RECOVER Private => |_| Value::flag(false);
    CKA_VERIFY Public => |o| key(o, |key| Value::flag(!mechanism::allowed_for(key).is_empty()));
    CKA_VERIFY_RECOVER Public => |_| Value::flag(false);
    CKA_DERIVE Keys => |_| Value::flag(false);
    CKA_START_DATE Storage => |o| date(o, Certificate::not_before_date);
    CKA_END_DATE Storage => |o| date(o, Certificate::not_after_date);
    CKA_MODULUS Keys => |o| key(o, |key| Value::optional(key.modulus()));
    CKA_MODULUS_BITS Keys => |o| key(o, |key| key.modulus()
        .map_or(Value::Absent, |_| Value::number(key.bits() as CK_ULONG)));
    CKA_PUBLIC_EXPONENT Keys => |o| key(o, |key| Value::optional(key.exponent()));
    CKA_PRIVATE_EXPONENT Private => rsa_secret;
    CKA_PRIME_1 Private => rsa_secret;
    CKA_PRIME_2 Private => rsa_secret;
    CKA_EXPONENT_1 Private => rsa_secret;
    CKA_EXPONENT_2 Private => rsa_secret;
    CKA_COEFFICIENT Private => rsa_secret;
    CKA_PUBLIC_KEY_INFO Storage => public_key_info;
    // Keys are generated in the service's HSM or imported into it. The service does not say which, and no client needs
    // more than the flag.
    CKA_EXTRACTABLE Private => |_| Value::flag(false);
    CKA_LOCAL Keys => |_| Value::flag(true);
    CKA_NEVER_EXTRACTABLE Private => |_| Value::flag(true);
    CKA_ALWAYS_SENSITIVE Private => |_| Value::flag(true);
    CKA_KEY_GEN_MECHANISM Keys => |o| key(o, |key| Value::number(key.family().generation()));
    CKA_MODIFIABLE Storage => |_| Value::flag(false);
    CKA_COPYABLE Storage => |_| Value::flag(false);
    CKA_DESTROYABLE Storage => |_| Value::flag(false);
    CKA_EC_PARAMS Keys => |o| key(o, |key| Value::optional(key.ec_params()));
    CKA_EC_POINT Keys => |o| key(o, |key| Value::optional(key.ec_point()));
    CKA_ALWAYS_AUTHENTICATE Private => |_| Value::flag(false);
    CKA_WRAP_WITH_TRUSTED Private => |_| Value::flag(false);
    CKA_PROFILE_ID Profiles => |o| match &o.source {
        Source::Profile(id) => Value::number(*id),
        _ => Value::Absent,
    };
    CKA_PARAMETER_SET Keys => |o| key(o, |key| key.parameter_set().map_or(Value::Absent, Value::number));
    CKA_OBJECT_VALIDATION_FLAGS Storage => |_| Value::number(0);
    CKA_ENCAPSULATE Public => |_| Value::flag(false);
    CKA_DECAPSULATE Private => |_| Value::flag(false);
    CKA_SEED Private => |o| key(o, |key| match key.family() {
        Family::MlDsa => Value::Sensitive,
        Family::Rsa | Family::Ec | Family::Edwards | Family::SlhDsa => Value::Absent,
    });
    CKA_ALLOWED_MECHANISMS Keys => |o| key(o, |key| Value::owned(
        mechanism::allowed_for(key).iter().flat_map(|m| m.to_ne_bytes()).collect()));
    CKA_STM_KEYPAIR_ID Keypair => |o| keypair(o, |k| Value::text(&k.id));
    CKA_STM_ALIAS Keypair => |o| keypair(o, |k| Value::text(&k.alias));
    CKA_STM_KEY_STATUS Keypair => |o| keypair(o, |k| Value::text(&k.key_status));
    CKA_STM_KEY_TYPE Keypair => |o| keypair(o, |k| Value::text(&k.key_type));
    CKA_STM_KEY_STORAGE Keypair => |o| keypair(o, |k| Value::text(&k.key_storage));
    CKA_STM_CERTIFICATE_ID Keypair => |o| certificate_record(o, |c| Value::text(&c.id));
    CKA_STM_CERTIFICATE_STATUS Keypair => |o| certificate_record(o, |c| Value::text(&c.status));
    CKA_STM_SIGNABLE Keypair => |o| keypair(o, |k| k.signable.map_or(Value::empty(), Value::flag));
}

fn key<'a>(object: &'a Object, value: impl FnOnce(&'a PublicKey) -> Value<'a>) -> Value<'a> {
    object.public_key().map_or(Value::Absent, value)
}

fn keypair<'a>(object: &'a Object, value: impl FnOnce(&'a crate::service::Keypair) -> Value<'a>) -> Value<'a> {
    object.entry().map_or(Value::Absent, |entry| value(&entry.keypair))
}

fn certificate_record<'a>(
    object: &'a Object,
    value: impl FnOnce(&'a crate::service::KeypairCertificate) -> Value<'a>,
) -> Value<'a> {
    object.entry().and_then(|entry| entry.certificate_record()).map_or(Value::empty(), value)
}

fn label(object: &Object) -> Value<'_> {
    match &object.source {
        Source::Chain(chain) => Value::text(&chain.label),
        _ => keypair(object, |k| Value::text(&k.alias)),
    }
}

fn id(object: &Object) -> Value<'_> {
    match &object.source {
        Source::Chain(chain) => Value::bytes(&chain.id),
        _ => object.entry().map_or(Value::Absent, |entry| Value::bytes(&entry.id)),
    }
}

/// Unique among all objects of the token, the same in every process.
fn unique_id(object: &Object) -> String {
    let part = match object.class() {
        Class::PrivateKey => "private",
        Class::PublicKey => "public",
        Class::Certificate => "certificate",
        Class::Profile => "profile",
    };
    match &object.source {
        Source::Chain(chain) => {
            let digest = mechanism::sha256(chain.certificate.der());
            format!("certificate:{}", HEXLOWER.encode(&digest[..16]))
        }
        Source::Profile(id) => format!("{part}:{id}"),
        _ => format!("{part}:{}", object.entry().map_or("", |entry| entry.keypair.id.as_str())),
    }
}

/// A certificate's DER; the public value of a post-quantum public key; the secret of a private key.
fn value(object: &Object) -> Value<'_> {
    match object.class() {
        Class::Certificate => Value::optional(object.certificate().map(Certificate::der)),
        Class::PublicKey => key(object, |key| Value::optional(key.value())),
        // An RSA private key has its exponents and primes instead.
        Class::PrivateKey => key(object, |key| match key.family() {
            Family::Rsa => Value::Absent,
            Family::Ec | Family::Edwards | Family::MlDsa | Family::SlhDsa => Value::Sensitive,
        }),
        Class::Profile => Value::Absent,
    }
}

fn rsa_secret(object: &Object) -> Value<'_> {
    key(object, |key| match key.family() {
        Family::Rsa => Value::Sensitive,
        Family::Ec | Family::Edwards | Family::MlDsa | Family::SlhDsa => Value::Absent,
    })
}

/// Keys have the subject of their certificate (4.8 and 4.9); empty without one.
fn subject(object: &Object) -> Value<'_> {
    if let Some(certificate) = object.certificate() {
        return Value::bytes(certificate.subject());
    }
    let certificate = object.entry().and_then(|entry| entry.certificate());
    certificate.map_or(Value::empty(), |certificate| Value::bytes(certificate.subject()))
}

fn public_key_info(object: &Object) -> Value<'_> {
    match object.certificate() {
        Some(certificate) => Value::bytes(certificate.spki()),
        None => key(object, |key| Value::bytes(key.spki())),
    }
}

fn category(object: &Object) -> CK_CERTIFICATE_CATEGORY {
    let own = object.entry().and_then(|entry| entry.certificate());
    if own.is_some_and(|certificate| !certificate.is_authority()) {
        CK_CERTIFICATE_CATEGORY_TOKEN_USER
    } else {
        // A certificate in a chain is a CA's, whatever its extensions say.
        CK_CERTIFICATE_CATEGORY_AUTHORITY
    }
}

/// `CK_DATE` of a certificate; keys have no dates of their own.
fn date(object: &Object, of: fn(&Certificate) -> Option<(i32, u32, u32)>) -> Value<'_> {
    object.certificate().and_then(of).and_then(date_text).map_or(Value::empty(), |text| Value::owned(text.into_bytes()))
}

/// `None` for a year that does not have four digits.
fn date_text((year, month, day): (i32, u32, u32)) -> Option<String> {
    (0..=9999).contains(&year).then(|| format!("{year:04}{month:02}{day:02}"))
}

/// Whether objects of the token can have the attribute, for templates of searches.
pub fn known(attribute: CK_ATTRIBUTE_TYPE) -> bool {
    row(attribute).is_some()
}

/// The table for the documentation, in Markdown.
pub fn markdown() -> String {
    let rows = ROWS.iter().map(|row| format!("| `{}` | {} |\n", row.name, row.whose.name()));
    format!("| attribute | objects |\n| --- | --- |\n{}", rows.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::super::entry::samples;
    use super::super::object::ChainCertificate;
    use super::*;
    use std::sync::Arc;

    #[test]
    fn each_half_and_the_certificate_of_a_keypair_show_their_own_part() {
        let (key, years) = (samples::key(), (2024, 2090));
        let entry = samples::entry(&key, vec![samples::certificate(&key, years, false)]);
        let object = |class, private| Object::new(1, 0, class, private, Source::Keypair(Arc::clone(&entry)));
        for (class, private) in [(Class::PublicKey, false), (Class::PrivateKey, false), (Class::PrivateKey, true)] {
            let half = object(class, private);
            assert!(half.public_key().is_some() && half.certificate().is_none());
            assert_eq!((half.is_private(), half.attribute(CKA_PRIVATE)), (private, Value::flag(private)));
            assert_eq!(half.attribute(CKA_START_DATE), Value::empty());
        }
        let certificate = object(Class::Certificate, false);
        assert!(certificate.public_key().is_none() && certificate.certificate().is_some());
        assert_eq!(certificate.attribute(CKA_START_DATE), Value::text("20240203"));
        assert_eq!(certificate.attribute(CKA_END_DATE), Value::text("20900203"));
        assert_eq!(certificate.attribute(CKA_UNIQUE_ID), Value::text("certificate:1"));
        let profile = Object::new(2, 0, Class::Profile, false, Source::Profile(7));
        assert_eq!(profile.attribute(CKA_UNIQUE_ID), Value::text("profile:7"));
    }

    #[test]
    fn a_certificate_is_the_users_unless_it_is_a_cas_or_of_a_chain() {
        let key = samples::key();
        for is_authority in [false, true] {
            let record = samples::certificate(&key, (2024, 2090), is_authority);
            let parsed = Certificate::parse(record.der.clone()).unwrap();
            let chain = ChainCertificate { certificate: parsed, label: "issuer".into(), id: [7; 20] };
            let own = Source::Keypair(samples::entry(&key, vec![record]));
            let of = |source| Object::new(1, 0, Class::Certificate, false, source);
            let category = |object: &Object| object.attribute(CKA_CERTIFICATE_CATEGORY).shown().map(<[u8]>::to_vec);
            let (user, authority) = [CK_CERTIFICATE_CATEGORY_TOKEN_USER, CK_CERTIFICATE_CATEGORY_AUTHORITY]
                .map(|n| Some(n.to_ne_bytes().to_vec()))
                .into();
            assert_eq!(category(&of(own)), if is_authority { authority.clone() } else { user });
            let issuer = of(Source::Chain(Box::new(chain)));
            assert_eq!(category(&issuer), authority);
            let id = issuer.attribute(CKA_UNIQUE_ID);
            let id = std::str::from_utf8(id.shown().unwrap()).unwrap();
            assert!(id.starts_with("certificate:") && id.len() == "certificate:".len() + 32, "{id}");
        }
    }

    #[test]
    fn the_size_of_an_object_is_that_of_all_it_shows() {
        let profile = Object::new(1, 0, Class::Profile, false, Source::Profile(7));
        assert_eq!(profile.size(), 2 * size_of::<CK_ULONG>() + "profile:7".len());
    }

    #[test]
    fn a_date_has_eight_digits_or_none() {
        assert_eq!(date_text((2024, 2, 29)).as_deref(), Some("20240229"));
        assert_eq!(date_text((0, 1, 1)).as_deref(), Some("00000101"));
        assert_eq!(date_text((9999, 12, 31)).as_deref(), Some("99991231"));
        assert_eq!((date_text((-1, 1, 1)), date_text((10000, 1, 1))), (None, None));
    }

    #[test]
    fn rows_are_sorted_and_each_attribute_stands_once() {
        for pair in ROWS.windows(2) {
            assert!(pair[0].attribute < pair[1].attribute, "{} before {}", pair[0].name, pair[1].name);
        }
    }

    #[test]
    fn every_row_is_found_by_its_number() {
        for expected in ROWS {
            assert_eq!(row(expected.attribute).map(|found| found.name), Some(expected.name));
        }
        assert!(row(0x7fff_ffff).is_none());
    }
}
