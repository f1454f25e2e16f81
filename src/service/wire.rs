//! The service's JSON: the known fields, borrowed from the response's text, and nothing else.
//!
//! Every field may be missing, null, of another type or duplicated; none of this is an error. Nothing is allocated for
//! unknown fields: an account of ten thousand keypairs is forty megabytes of JSON.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The longest id, alias or word that is kept, in bytes. A longer one counts as missing.
const LONGEST_WORD: usize = 4096;
/// The most parts of a record that are kept: certificates of a keypair, links of a chain.
const MOST_PARTS: usize = 500;

/// A text. Numbers and Booleans are converted, because ids may be either. Empty text and anything else is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text<'a>(pub Option<Cow<'a, str>>);

impl Text<'_> {
    /// The unchanged text; empty if it is missing.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// An id, an alias or a word; empty if it is missing or too long.
    pub fn word(&self) -> &str {
        Some(self.as_str()).filter(|text| text.len() <= LONGEST_WORD).unwrap_or_default()
    }

    /// A copy of the [`word`](Self::word) that outlives the response.
    pub fn owned(&self) -> String {
        self.word().to_owned()
    }

    /// Whether there is a [`word`](Self::word).
    pub fn is_some(&self) -> bool {
        !self.word().is_empty()
    }

    /// `None` if it is neither `true` nor `false`.
    pub fn flag(&self) -> Option<bool> {
        self.as_str().parse().ok()
    }
}

/// A value in the service's own notation, to be sent back unchanged. Null is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Raw<'a>(pub Option<&'a str>);

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&'de RawValue>::deserialize(deserializer)?.get();
        Ok(Self((text != "null").then_some(text)))
    }
}

/// A list; `None` for anything else.
#[derive(Debug, Clone, PartialEq)]
pub struct List<T>(pub Option<Vec<T>>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> List<T> {
    pub fn items(&self) -> &[T] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// Methods of a visitor that accepts any value and ignores it.
macro_rules! nothing_of {
    ($($method:ident($type:ty))*) => {
        $(fn $method<E>(self, _: $type) -> Result<Self::Value, E> {
            Ok(Default::default())
        })*
    };
}

/// The same for values with parts, which are skipped.
macro_rules! nothing_of_list {
    () => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Default::default())
        }
    };
}

macro_rules! nothing_of_map {
    () => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Default::default())
        }
    };
}

macro_rules! nothing_of_null {
    () => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
    };
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text((!text.is_empty()).then_some(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text((!text.is_empty()).then(|| Cow::Owned(text.to_owned()))))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Text<'de>, E> {
        Ok(Text(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Text<'de>, E> {
        Ok(Text(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Text<'de>, E> {
        Ok(Text(Some(Cow::Borrowed(if flag { "true" } else { "false" }))))
    }

    nothing_of! { visit_f64(f64) }
    nothing_of_null!();
    nothing_of_list!();
    nothing_of_map!();
}

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

/// A field's name, which is only compared, and need not be decoded as text.
struct Name<'a>(Cow<'a, [u8]>);

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_bytes<E>(self, name: &'de [u8]) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Borrowed(name)))
    }

    fn visit_bytes<E>(self, name: &[u8]) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Owned(name.to_owned())))
    }
}

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(NameVisitor)
    }
}

struct ListVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List<T>, A::Error> {
        let mut items = Vec::new();
        while items.len() < MOST_PARTS {
            match list.next_element()? {
                Some(item) => items.push(item),
                None => return Ok(List(Some(items))),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(List(Some(items)))
    }

    nothing_of_null!();
    nothing_of! { visit_str(&str) visit_u64(u64) visit_i64(i64) visit_f64(f64) visit_bool(bool) }
    nothing_of_map!();
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(std::marker::PhantomData))
    }
}

/// Declares a record, with the JSON field of each member. Of two fields with one name, the last counts; a value that is
/// not an object is a record without fields.
macro_rules! record {
    ($(#[$about:meta])* $record:ident { $($(#[$of_field:meta])* $field:ident: $type:ty = $name:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct $record<'a> {
            $($(#[$of_field])* pub $field: $type,)*
        }

        #[cfg(test)]
        impl $record<'_> {
            /// The names that are read.
            pub const FIELDS: &'static [&'static str] = &[$($name),*];
        }

        impl<'de> Deserialize<'de> for $record<'de> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields;
                impl<'de> Visitor<'de> for Fields {
                    type Value = $record<'de>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("anything")
                    }

                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        let mut record = $record::default();
                        while let Some(Name(name)) = map.next_key()? {
                            $(if *name == *$name.as_bytes() {
                                record.$field = map.next_value()?;
                                continue;
                            })*
                            map.next_value::<IgnoredAny>()?;
                        }
                        Ok(record)
                    }

                    nothing_of_null!();
                    nothing_of! { visit_str(&str) visit_u64(u64) visit_i64(i64) visit_f64(f64) visit_bool(bool) }
                    nothing_of_list!();
                }
                deserializer.deserialize_any(Fields)
            }
        }
    };
}

record! {
    /// A keypair (`/keypairs`).
    Keypair {
        id: Text<'a> = "id",
        alias: Text<'a> = "alias",
        key_alg: Text<'a> = "key_alg",
        key_type: Text<'a> = "key_type",
        key_storage: Text<'a> = "key_storage",
        key_status: Text<'a> = "key_status",
        /// The name in some responses.
        status: Text<'a> = "status",
        key_modal_type: Text<'a> = "key_modal_type",
        is_signable_by_me: Text<'a> = "is_signable_by_me",
        public_key: Text<'a> = "public_key",
        certificates: List<Certificate<'a>> = "certificates",
        number_of_active_certificates: Text<'a> = "number_of_active_certificates",
        account: Raw<'a> = "account",
    }
}

record! {
    /// A certificate, within its keypair or of `/certificates`.
    Certificate {
        id: Text<'a> = "id",
        alias: Text<'a> = "alias",
        certificate_status: Text<'a> = "certificate_status",
        default_cert: Text<'a> = "default_cert",
        valid_from: Text<'a> = "valid_from",
        valid_to: Text<'a> = "valid_to",
        cert: Text<'a> = "cert",
        /// Thousands of certificates have the same: see [`links`].
        chain: Raw<'a> = "chain",
        keypair: Reference<'a> = "keypair",
        keypair_id: Text<'a> = "keypair_id",
    }
}

record! {
    /// A certificate of a chain.
    Link {
        blob: Text<'a> = "blob",
    }
}

/// The certificates of a chain; none if it is no list.
pub fn links(chain: &str) -> List<Link<'_>> {
    serde_json::from_str(chain).unwrap_or_default()
}

record! {
    /// A certificate's reference to its keypair.
    Reference {
        id: Text<'a> = "id",
    }
}

/// An item of a list: it has an id.
pub trait Item<'de>: Deserialize<'de> {
    fn id(&self) -> &str;
}

impl<'de> Item<'de> for Keypair<'de> {
    fn id(&self) -> &str {
        self.id.word()
    }
}

impl<'de> Item<'de> for Certificate<'de> {
    fn id(&self) -> &str {
        self.id.word()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_any_type_or_of_none_are_no_error() {
        for value in ["null", "7", "-7", "1.5", "true", "\"\"", "[]", "[[1, {}]]", "{}", "{\"a\": [null]}"] {
            let names = ["id", "alias", "public_key", "certificates", "key_status", "unknown"];
            let fields: Vec<String> = names.iter().map(|name| format!("\"{name}\": {value}")).collect();
            let text = format!("{{{}}}", fields.join(", "));
            let keypair: Keypair<'_> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert!(keypair.certificates.items().len() <= 1, "{text}");
            let text = format!("{{\"certificates\": [{value}, {{\"chain\": {value}, \"keypair\": {value}}}]}}");
            let keypair: Keypair<'_> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(keypair.certificates.items().len(), 2, "{text}");
            serde_json::from_str::<Keypair<'_>>(value).unwrap_or_else(|error| panic!("{value}: {error}"));
        }
    }

    #[test]
    fn numbers_are_ids_and_the_last_of_two_fields_counts() {
        let keypair: Keypair<'_> = serde_json::from_str(r#"{"id": "x", "id": 7, "alias": "a\u0062"}"#).unwrap();
        assert_eq!((keypair.id.as_str(), keypair.alias.as_str()), ("7", "ab"));
        let item: Certificate<'_> = serde_json::from_str(r#"{"id": -7, "keypair_id": true}"#).unwrap();
        assert_eq!((Item::id(&item), item.keypair_id.as_str()), ("-7", "true"));
    }

    #[test]
    fn what_is_longer_than_any_word_or_list_is_not_kept() {
        let long = "x".repeat(LONGEST_WORD + 1);
        let text =
            format!(r#"{{"id": "{long}", "alias": "{}", "certificates": [{}{{}}]}}"#, &long[1..], "{},".repeat(9999));
        let keypair: Keypair<'_> = serde_json::from_str(&text).unwrap();
        assert!(!keypair.id.is_some() && keypair.id.owned().is_empty());
        assert_eq!(keypair.alias.owned().len(), LONGEST_WORD);
        assert_eq!(keypair.certificates.items().len(), MOST_PARTS);
    }

    #[test]
    fn text_without_escapes_is_not_copied() {
        let keypair: Keypair<'_> = serde_json::from_str(r#"{"public_key": "MFkw"}"#).unwrap();
        assert!(matches!(keypair.public_key.0, Some(Cow::Borrowed("MFkw"))));
    }
}
