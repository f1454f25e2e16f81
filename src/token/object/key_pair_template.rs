//! The attributes that the templates of `C_GenerateKeyPair` may contain (PKCS#11 3.2, 5.18): "If a call to
//! `C_GenerateKeyPair` cannot support the precise templates supplied to it, it will fail and return without creating
//! any key objects."
//!
//! One table defines the handling of each attribute in each half of the pair; docs/conformance.md shows it.

use super::attribute::Template;
use super::attribute_table::row as attribute_row;
use super::class::Class;
use super::vendor::{CKA_STM_KEY_STATUS, CKA_STM_KEY_STORAGE, CKA_STM_KEY_TYPE};
use crate::error::{Error, Result};
use crate::mechanism::{Family, MECHANISMS};
use cryptoki_sys::*;

/// The handling of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// The keypair gets this value, or the value must match the mechanism.
    Kept,
    /// Only this value is supported.
    Only(bool),
    /// Any value is accepted and has no effect, because tools set it by habit.
    Ignored,
    /// `TRUE` if the template also asks for a signing key, because tools ask for everything that a key might do. A
    /// template that asks for this but not for signing is for another kind of key.
    WithSigning,
    /// Only an empty value: the service cannot store any other.
    Empty,
    /// `CKR_ATTRIBUTE_READ_ONLY`: the token sets it (4.1, footnotes 2 and 4).
    TokenSets,
    /// This half has no such attribute: `CKR_TEMPLATE_INCONSISTENT`.
    OtherHalf,
}

struct Row {
    attribute: CK_ATTRIBUTE_TYPE,
    name: &'static str,
    public: Rule,
    private: Rule,
    why: &'static str,
}

macro_rules! rows {
    ($($attribute:ident $public:expr, $private:expr, $why:literal;)*) => {
        const ROWS: &[Row] = &[$(Row {
            attribute: $attribute,
            name: stringify!($attribute),
            public: $public,
            private: $private,
            why: $why,
        }),*];
    };
}

use Rule::*;

rows! {
    CKA_CLASS Kept, Kept, "has to be that of the half";
    CKA_KEY_TYPE Kept, Kept, "has to be that of the mechanism";
    CKA_TOKEN Only(true), Only(true), "keypairs are stored in the service; the private half must say so";
    CKA_PRIVATE Only(false), Ignored, "a private key is private where the token requires a login";
    CKA_MODIFIABLE Ignored, Ignored, "tools set the standard's default; objects of the service are never modified";
    CKA_COPYABLE Ignored, Ignored, "tools set the standard's default; objects of the service are never copied";
    CKA_DESTROYABLE Ignored, Ignored, "tools set the standard's default; objects of the service are never destroyed";
    CKA_LABEL Kept, Kept, "becomes the keypair's alias";
    CKA_ID Kept, Kept, "becomes the alias, and stays the id, where there is no label; else the service assigns the id";
    CKA_SUBJECT Empty, Empty, "the subject is that of the keypair's certificate";
    CKA_START_DATE Empty, Empty, "keypairs have no dates";
    CKA_END_DATE Empty, Empty, "keypairs have no dates";
    CKA_MODULUS_BITS Kept, Kept, "the size of an RSA keypair";
    CKA_PUBLIC_EXPONENT Kept, Kept, "65537 only";
    CKA_EC_PARAMS Kept, Kept, "the curve";
    CKA_PARAMETER_SET Kept, Kept, "the parameter set";
    CKA_ALLOWED_MECHANISMS Kept, Kept, "only all signing mechanisms of the key type: the service does not restrict keys";
    CKA_VERIFY Only(true), OtherHalf, "keypairs sign";
    CKA_SIGN OtherHalf, Only(true), "keypairs sign";
    CKA_ENCRYPT WithSigning, OtherHalf, "not had; ignored beside CKA_VERIFY, refused without";
    CKA_WRAP WithSigning, OtherHalf, "not had; ignored beside CKA_VERIFY, refused without";
    CKA_DECRYPT OtherHalf, WithSigning, "not had; ignored beside CKA_SIGN, refused without";
    CKA_UNWRAP OtherHalf, WithSigning, "not had; ignored beside CKA_SIGN, refused without";
    CKA_DERIVE WithSigning, WithSigning, "not had; ignored beside CKA_SIGN or CKA_VERIFY, refused without";
    CKA_VERIFY_RECOVER Only(false), OtherHalf, "not had";
    CKA_SIGN_RECOVER OtherHalf, Only(false), "not had";
    CKA_ENCAPSULATE Only(false), OtherHalf, "not had";
    CKA_DECAPSULATE OtherHalf, Only(false), "not had";
    CKA_SENSITIVE OtherHalf, Only(true), "private keys stay in the service's HSM";
    CKA_EXTRACTABLE OtherHalf, Only(false), "private keys stay in the service's HSM";
    CKA_WRAP_WITH_TRUSTED OtherHalf, Only(false), "private keys stay in the service's HSM";
    CKA_ALWAYS_AUTHENTICATE OtherHalf, Only(false), "there is no login for one signature";
    CKA_TRUSTED Only(false), OtherHalf, "there is no security officer";
    CKA_STM_KEY_STORAGE Kept, Kept, "HSM or DISK";
    CKA_STM_KEY_TYPE Kept, Kept, "PRODUCTION or TEST";
    CKA_STM_KEY_STATUS Kept, Kept, "ONLINE or OFFLINE";
    CKA_MODULUS TokenSets, TokenSets, "the service makes it";
    CKA_EC_POINT TokenSets, TokenSets, "the service makes it";
    CKA_VALUE TokenSets, TokenSets, "the service makes it";
    CKA_PUBLIC_KEY_INFO TokenSets, TokenSets, "the service makes it";
    CKA_UNIQUE_ID TokenSets, TokenSets, "the token makes it";
    CKA_LOCAL TokenSets, TokenSets, "always true";
    CKA_KEY_GEN_MECHANISM TokenSets, TokenSets, "the mechanism of the call";
    CKA_ALWAYS_SENSITIVE OtherHalf, TokenSets, "always true";
    CKA_NEVER_EXTRACTABLE OtherHalf, TokenSets, "always true";
}

fn refuse(rv: CK_RV, name: &str, problem: &str) -> Error {
    Error::loud(rv, format!("{name} in the template of a new keypair {problem}"))
}

/// Checks one half's template for unsupported values. No request is sent before both halves have passed.
pub fn check_half(template: &Template<'_>, class: Class, family: Family) -> Result<()> {
    for (attribute, value) in &template.0 {
        let Some(row) = ROWS.iter().find(|row| row.attribute == *attribute) else {
            let name =
                attribute_row(*attribute).map_or_else(|| format!("attribute {attribute:#x}"), |row| row.name.into());
            return Err(refuse(CKR_ATTRIBUTE_TYPE_INVALID, &name, "is not supported; leave it out"));
        };
        check(row, if class == Class::PrivateKey { row.private } else { row.public }, template, value)?;
    }
    if template.number(CKA_CLASS)?.is_some_and(|given| given != class.number()) {
        return Err(refuse(CKR_TEMPLATE_INCONSISTENT, "CKA_CLASS", "is not that of this half of the pair"));
    }
    if template.number(CKA_KEY_TYPE)?.is_some_and(|given| given != family.key_type()) {
        return Err(refuse(CKR_TEMPLATE_INCONSISTENT, "CKA_KEY_TYPE", "is not that of the mechanism"));
    }
    if template.get(CKA_ALLOWED_MECHANISMS).is_some_and(|given| !allows_all(given, family)) {
        let problem = "restricts the key, which the service cannot do; leave it out";
        return Err(refuse(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_ALLOWED_MECHANISMS", problem));
    }
    // The default is FALSE: a session object, which the service cannot create.
    if class == Class::PrivateKey && template.get(CKA_TOKEN).is_none() {
        let problem = "is missing, which asks for a session key; keypairs are stored in the service: set it to TRUE";
        return Err(refuse(CKR_TEMPLATE_INCOMPLETE, "CKA_TOKEN", problem));
    }
    Ok(())
}

fn check(row: &Row, rule: Rule, template: &Template<'_>, value: &[u8]) -> Result<()> {
    let flag = || template.flag(row.attribute).map(|flag| flag == Some(true));
    match rule {
        Kept => Ok(()),
        Ignored => flag().map(drop),
        Only(only) if flag()? != only => {
            let (value, why) = (if only { "TRUE" } else { "FALSE" }, row.why);
            Err(refuse(CKR_TEMPLATE_INCONSISTENT, row.name, &format!("can only be {value} ({why})")))
        }
        Only(_) => Ok(()),
        WithSigning => {
            let signs = template.flag(CKA_SIGN)? == Some(true) || template.flag(CKA_VERIFY)? == Some(true);
            if !flag()? || signs {
                return Ok(());
            }
            let problem = "asks for what keypairs of the service cannot do: they sign; leave it out";
            Err(refuse(CKR_TEMPLATE_INCONSISTENT, row.name, problem))
        }
        Empty if value.is_empty() => Ok(()),
        Empty => {
            Err(refuse(CKR_ATTRIBUTE_VALUE_INVALID, row.name, &format!("cannot be kept ({}); leave it out", row.why)))
        }
        TokenSets => Err(refuse(CKR_ATTRIBUTE_READ_ONLY, row.name, "is not for the application to set; leave it out")),
        OtherHalf => {
            Err(refuse(CKR_TEMPLATE_INCONSISTENT, row.name, "belongs to the other half of the pair; leave it out here"))
        }
    }
}

/// Whether a `CKA_ALLOWED_MECHANISMS` allows every mechanism of the family.
fn allows_all(given: &[u8], family: Family) -> bool {
    let (numbers, rest) = given.as_chunks::<{ size_of::<CK_MECHANISM_TYPE>() }>();
    let given: Vec<_> = numbers.iter().map(|number| CK_MECHANISM_TYPE::from_ne_bytes(*number)).collect();
    let mut all = MECHANISMS.iter().filter(|mechanism| mechanism.is_sign() && mechanism.family() == Some(family));
    rest.is_empty() && all.all(|mechanism| given.contains(&mechanism.mechanism_type))
}

/// The table for the documentation, in Markdown.
pub fn markdown() -> String {
    let words = |rule| match rule {
        Kept => "kept, or refused where it cannot be had",
        Only(true) => "TRUE only",
        Only(false) => "FALSE only",
        Ignored => "ignored",
        WithSigning => "ignored for a signing key, else refused",
        Empty => "empty only",
        TokenSets => "refused (read-only)",
        OtherHalf => "refused",
    };
    let mut text = String::from("| attribute | public key | private key | why |\n| --- | --- | --- | --- |\n");
    for row in ROWS {
        text += &format!("| `{}` | {} | {} | {} |\n", row.name, words(row.public), words(row.private), row.why);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUE: &[u8] = &[CK_TRUE];
    const FALSE: &[u8] = &[CK_FALSE];

    fn code(class: Class, template: &[(CK_ATTRIBUTE_TYPE, &[u8])]) -> CK_RV {
        let mut template = template.to_vec();
        if template.iter().all(|(attribute, _)| *attribute != CKA_TOKEN) {
            template.push((CKA_TOKEN, TRUE));
        }
        let checked = check_half(&Template(template), class, Family::Rsa);
        checked.inspect_err(|error| assert!(!error.cause.is_empty())).err().map_or(CKR_OK, |error| error.rv)
    }

    #[test]
    fn each_attribute_stands_once_and_every_attribute_of_keys_does() {
        for (place, row) in ROWS.iter().enumerate() {
            assert!(ROWS[place + 1..].iter().all(|other| other.attribute != row.attribute), "{}", row.name);
        }
    }

    #[test]
    fn class_and_key_type_are_those_of_the_half_and_of_the_mechanism() {
        let said = |attribute, value: CK_ULONG| {
            let value = value.to_ne_bytes();
            let checked = check_half(&Template(vec![(attribute, &value[..])]), Class::PublicKey, Family::Rsa);
            checked.err().map(|error| (error.rv, error.cause.into_owned()))
        };
        assert_eq!(said(CKA_CLASS, CKO_PUBLIC_KEY), None);
        assert_eq!(said(CKA_KEY_TYPE, CKK_RSA), None);
        for (attribute, value, problem) in [
            (
                CKA_CLASS,
                CKO_PRIVATE_KEY,
                "CKA_CLASS in the template of a new keypair is not that of this half of the pair",
            ),
            (CKA_KEY_TYPE, CKK_EC, "CKA_KEY_TYPE in the template of a new keypair is not that of the mechanism"),
        ] {
            assert_eq!(said(attribute, value), Some((CKR_TEMPLATE_INCONSISTENT, problem.to_owned())));
        }
    }

    #[test]
    fn what_would_change_what_the_key_may_do_is_refused() {
        for (private, rv) in [
            (CKA_SIGN, CKR_TEMPLATE_INCONSISTENT),
            (CKA_SENSITIVE, CKR_TEMPLATE_INCONSISTENT),
            (CKA_TOKEN, CKR_TEMPLATE_INCONSISTENT),
            (CKA_LOCAL, CKR_ATTRIBUTE_READ_ONLY),
            (CKA_VERIFY, CKR_TEMPLATE_INCONSISTENT),
            (CKA_APPLICATION, CKR_ATTRIBUTE_TYPE_INVALID),
            (CKA_VENDOR_DEFINED | 1, CKR_ATTRIBUTE_TYPE_INVALID),
        ] {
            assert_eq!(code(Class::PrivateKey, &[(private, FALSE)]), rv, "{private:#x}");
        }
        for attribute in [CKA_DECRYPT, CKA_UNWRAP, CKA_DERIVE] {
            let class = Class::PrivateKey;
            assert_eq!(code(class, &[(attribute, TRUE)]), CKR_TEMPLATE_INCONSISTENT, "{attribute:#x}");
            assert_eq!(code(class, &[(attribute, TRUE), (CKA_SIGN, FALSE)]), CKR_TEMPLATE_INCONSISTENT);
            assert_eq!(code(class, &[(attribute, TRUE), (CKA_SIGN, TRUE)]), CKR_OK, "{attribute:#x}");
            assert_eq!(code(class, &[(attribute, FALSE)]), CKR_OK, "{attribute:#x}");
        }
        for attribute in [CKA_ENCRYPT, CKA_WRAP, CKA_DERIVE] {
            assert_eq!(code(Class::PublicKey, &[(attribute, TRUE)]), CKR_TEMPLATE_INCONSISTENT, "{attribute:#x}");
            assert_eq!(code(Class::PublicKey, &[(attribute, TRUE), (CKA_VERIFY, TRUE)]), CKR_OK, "{attribute:#x}");
        }
        assert_eq!(code(Class::PublicKey, &[(CKA_PRIVATE, TRUE)]), CKR_TEMPLATE_INCONSISTENT);
        assert_eq!(code(Class::PrivateKey, &[(CKA_SUBJECT, &[0x30, 0])]), CKR_ATTRIBUTE_VALUE_INVALID);
        assert_eq!(code(Class::PrivateKey, &[(CKA_SUBJECT, &[])]), CKR_OK);
        assert_eq!(code(Class::PrivateKey, &[(CKA_SIGN, &[7, 7])]), CKR_ATTRIBUTE_VALUE_INVALID);
    }

    #[test]
    fn a_restriction_to_some_mechanisms_is_refused() {
        let bytes = |types: &[CK_MECHANISM_TYPE]| -> Vec<u8> { types.iter().flat_map(|t| t.to_ne_bytes()).collect() };
        let all: Vec<_> = MECHANISMS
            .iter()
            .filter(|m| m.is_sign() && m.family() == Some(Family::Rsa))
            .map(|m| m.mechanism_type)
            .collect();
        for (given, rv) in [
            (bytes(&all), CKR_OK),
            (bytes(&all[1..]), CKR_ATTRIBUTE_VALUE_INVALID),
            (bytes(&[CKM_SHA256_RSA_PKCS_PSS]), CKR_ATTRIBUTE_VALUE_INVALID),
            (vec![], CKR_ATTRIBUTE_VALUE_INVALID),
        ] {
            assert_eq!(code(Class::PrivateKey, &[(CKA_ALLOWED_MECHANISMS, &given)]), rv);
        }
    }

    #[test]
    fn a_private_key_without_cka_token_is_a_session_key() {
        let check = |class| check_half(&Template(vec![]), class, Family::Rsa);
        assert_eq!(check(Class::PrivateKey).unwrap_err().rv, CKR_TEMPLATE_INCOMPLETE);
        assert_eq!(check(Class::PublicKey), Ok(()));
    }
}
