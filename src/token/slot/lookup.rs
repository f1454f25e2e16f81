//! Determines the smallest request that can answer a search.

use super::kind::SlotKind;
use crate::mechanism::Family;
use crate::token::object::vendor::{CKA_STM_ALIAS, CKA_STM_KEYPAIR_ID};
use crate::token::object::{Class, Template, alias_of_id, keypair_id, known};
use cryptoki_sys::*;

/// The longest `CKA_ID` that an alias may contain, in bytes.
const LONGEST_ID: usize = 64;

/// What must be known before memory can answer a search.
#[derive(Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: the search can match no object of the service, or only objects that always exist.
    Nothing,
    /// The keypairs with this alias.
    Alias(String, Permitted),
    /// The keypair with this id.
    Id(String, Permitted),
    /// The keypair that a client created with this `CKA_ID` and no label, which has this alias.
    Named(Vec<u8>, String),
    /// An issuer's certificate: known from any keypair below it, or otherwise in the list.
    Issuer,
    Everything,
}

/// Whether to request the whole list if a narrow lookup finds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permitted {
    /// No: only keypairs have this name.
    NoListing,
    /// Yes: a chain certificate may have it, or a keypair whose id is not a UUID.
    Listing,
}

impl Need {
    /// Derives the need from the template of a search in a slot of this kind. `prefix` is that of [`alias_of_id`].
    pub fn of(template: &Template<'_>, kind: SlotKind, prefix: &str) -> Self {
        if template.flag(CKA_TOKEN) == Ok(Some(false))
            || template.0.iter().any(|(attribute, _)| !known(*attribute))
            || elsewhere(template, kind)
        {
            return Self::Nothing;
        }
        let class = match template.number(CKA_CLASS).map(|class| class.map(Class::from_number)) {
            Ok(None) => None,
            Ok(Some(Some(Class::Profile))) | Ok(Some(None)) | Err(_) => return Self::Nothing,
            Ok(Some(Some(class))) => Some(class),
        };
        let certificate = class.is_none_or(|class| class == Class::Certificate);
        let permitted = if certificate { Permitted::Listing } else { Permitted::NoListing };
        if let Some(id) = template.get(CKA_ID) {
            return match (keypair_id(id), id.len()) {
                (Some(uuid), _) => Self::Id(uuid, Permitted::Listing),
                (None, 20) if certificate => Self::Issuer,
                (None, 1..=LONGEST_ID) => Self::Named(id.to_vec(), alias_of_id(id, prefix)),
                _ => Self::Nothing,
            };
        }
        if let Some(id) = template.get(CKA_STM_KEYPAIR_ID) {
            return text(id).map_or(Self::Nothing, |id| Self::Id(id, Permitted::NoListing));
        }
        if let Some(alias) = template.get(CKA_STM_ALIAS) {
            return text(alias).map_or(Self::Nothing, |alias| Self::Alias(alias, Permitted::NoListing));
        }
        if let Some(label) = template.get(CKA_LABEL) {
            return text(label).map_or(Self::Nothing, |label| Self::Alias(label, permitted));
        }
        Self::Everything
    }
}

/// Text that can be a name in the service.
fn text(value: &[u8]) -> Option<String> {
    std::str::from_utf8(value).ok().filter(|text| !text.is_empty() && !text.contains('\0')).map(str::to_owned)
}

/// Whether the template names a key type that this slot never shows.
fn elsewhere(template: &Template<'_>, kind: SlotKind) -> bool {
    match template.number(CKA_KEY_TYPE) {
        Ok(None) => false,
        Ok(Some(wanted)) => Family::of_key_type(wanted).map(SlotKind::of) != Some(kind),
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIVATE: [u8; 8] = CKO_PRIVATE_KEY.to_ne_bytes();
    const CERTIFICATE: [u8; 8] = CKO_CERTIFICATE.to_ne_bytes();
    const SECRET: [u8; 8] = CKO_SECRET_KEY.to_ne_bytes();
    const EDWARDS: [u8; 8] = CKK_EC_EDWARDS.to_ne_bytes();

    fn need(template: &[(CK_ATTRIBUTE_TYPE, &[u8])]) -> Need {
        Need::of(&Template(template.to_vec()), SlotKind::Classic, "key-")
    }

    #[test]
    fn a_label_asks_for_that_alias_alone() {
        let expected = Need::Alias("k".into(), Permitted::NoListing);
        assert_eq!(need(&[(CKA_CLASS, &PRIVATE), (CKA_LABEL, b"k")]), expected);
        let expected = Need::Alias("k".into(), Permitted::Listing);
        assert_eq!(need(&[(CKA_CLASS, &CERTIFICATE), (CKA_LABEL, b"k")]), expected);
    }

    #[test]
    fn an_id_asks_for_that_keypair() {
        let id = [0xab; 16];
        let expected = Need::Id("abababab-abab-abab-abab-abababababab".into(), Permitted::Listing);
        assert_eq!(need(&[(CKA_CLASS, &PRIVATE), (CKA_ID, &id)]), expected);
        let expected = Need::Named(id[..3].to_vec(), "key-ababab".into());
        assert_eq!(need(&[(CKA_CLASS, &PRIVATE), (CKA_ID, &id[..3])]), expected);
        assert_eq!(need(&[(CKA_CLASS, &PRIVATE), (CKA_ID, &[])]), Need::Nothing);
        assert_eq!(need(&[(CKA_CLASS, &PRIVATE), (CKA_ID, &[1; 200])]), Need::Nothing);
    }

    #[test]
    fn an_id_of_twenty_bytes_may_be_an_issuers_unless_a_key_is_wanted() {
        let id = [7; 20];
        assert_eq!(need(&[(CKA_CLASS, &CERTIFICATE), (CKA_ID, &id)]), Need::Issuer);
        assert_eq!(need(&[(CKA_ID, &id)]), Need::Issuer);
        let named = Need::Named(id.to_vec(), format!("key-{}", "07".repeat(20)));
        assert_eq!(need(&[(CKA_CLASS, &PRIVATE), (CKA_ID, &id)]), named);
        assert!(matches!(need(&[(CKA_CLASS, &CERTIFICATE), (CKA_ID, &id[..19])]), Need::Named(..)));
    }

    #[test]
    fn a_class_alone_asks_for_the_list() {
        assert_eq!(need(&[(CKA_CLASS, &PRIVATE)]), Need::Everything);
        assert_eq!(need(&[]), Need::Everything);
    }

    #[test]
    fn every_family_is_looked_for_in_its_slot_and_nowhere_else() {
        for family in Family::ALL {
            let key_type = family.key_type().to_ne_bytes();
            let template = Template(vec![(CKA_CLASS, &PRIVATE[..]), (CKA_KEY_TYPE, &key_type[..])]);
            for kind in [SlotKind::Classic, SlotKind::Modern] {
                let expected = if kind == SlotKind::of(*family) { Need::Everything } else { Need::Nothing };
                assert_eq!(Need::of(&template, kind, "key-"), expected, "{} in {kind:?}", family.name());
            }
        }
    }

    #[test]
    fn what_cannot_match_asks_for_nothing() {
        assert_eq!(need(&[(CKA_CLASS, &SECRET)]), Need::Nothing);
        assert_eq!(need(&[(CKA_TOKEN, &[0])]), Need::Nothing);
        assert_eq!(need(&[(CKA_CLASS, &PRIVATE), (0xce53_4351, b"x")]), Need::Nothing);
        assert_eq!(need(&[(CKA_KEY_TYPE, &EDWARDS)]), Need::Nothing);
        assert_eq!(need(&[(CKA_LABEL, b"")]), Need::Nothing);
        assert_eq!(need(&[(CKA_LABEL, b"\xff\xfe")]), Need::Nothing);
        assert_eq!(need(&[(CKA_CLASS, b"x")]), Need::Nothing);
    }
}
