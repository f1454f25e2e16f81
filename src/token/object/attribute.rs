//! Attribute values and templates (PKCS#11 3.2, 4.1 and 5.7).

use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::borrow::Cow;

/// The value of one attribute of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// The value's bytes, in the host's byte order for numbers.
    Bytes(Cow<'a, [u8]>),
    /// The object has a value, but does not reveal it: `CKR_ATTRIBUTE_SENSITIVE`.
    Sensitive,
    /// Objects of this kind do not have the attribute: `CKR_ATTRIBUTE_TYPE_INVALID`.
    Absent,
}

impl<'a> Value<'a> {
    /// Bytes stored in the object.
    pub fn bytes(bytes: &'a [u8]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }

    /// Bytes computed for this call.
    pub fn owned(bytes: Vec<u8>) -> Self {
        Self::Bytes(Cow::Owned(bytes))
    }

    /// UTF-8 text without terminator.
    pub fn text(text: &'a str) -> Self {
        Self::bytes(text.as_bytes())
    }

    /// A `CK_BBOOL`.
    pub fn flag(value: bool) -> Self {
        Self::bytes(if value { &[CK_TRUE] } else { &[CK_FALSE] })
    }

    /// A `CK_ULONG` in the byte order of the machine.
    pub fn number(value: CK_ULONG) -> Self {
        Self::owned(value.to_ne_bytes().to_vec())
    }

    /// An attribute with an empty value.
    pub fn empty() -> Self {
        Self::bytes(&[])
    }

    /// `Absent` for `None`.
    pub fn optional(bytes: Option<&'a [u8]>) -> Self {
        bytes.map_or(Self::Absent, Self::bytes)
    }

    /// The value's bytes, if they may be shown.
    pub fn shown(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The length of the bytes that may be shown.
    pub fn shown_len(&self) -> Option<usize> {
        self.shown().map(<[u8]>::len)
    }
}

/// A template of the application: types and values, copied out of its structures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template<'a>(pub Vec<(CK_ATTRIBUTE_TYPE, &'a [u8])>);

impl<'a> Template<'a> {
    /// The value of this attribute; the last one if the template has several.
    pub fn get(&self, wanted: CK_ATTRIBUTE_TYPE) -> Option<&'a [u8]> {
        self.0.iter().rev().find(|(given, _)| *given == wanted).map(|(_, value)| *value)
    }

    /// A `CK_BBOOL`: `CKR_ATTRIBUTE_VALUE_INVALID` if the value is not one byte.
    pub fn flag(&self, wanted: CK_ATTRIBUTE_TYPE) -> Result<Option<bool>> {
        self.get(wanted)
            .map(|value| match value {
                [byte] => Ok(*byte != CK_FALSE),
                _ => Err(invalid(wanted, "a CK_BBOOL")),
            })
            .transpose()
    }

    /// A `CK_ULONG`: `CKR_ATTRIBUTE_VALUE_INVALID` if the value has another length.
    pub fn number(&self, wanted: CK_ATTRIBUTE_TYPE) -> Result<Option<CK_ULONG>> {
        self.get(wanted).map(|value| number(value).ok_or_else(|| invalid(wanted, "a CK_ULONG"))).transpose()
    }

    /// UTF-8 text: `CKR_ATTRIBUTE_VALUE_INVALID` if it is not.
    pub fn text(&self, wanted: CK_ATTRIBUTE_TYPE) -> Result<Option<&'a str>> {
        self.get(wanted).map(|value| std::str::from_utf8(value).map_err(|_| invalid(wanted, "UTF-8 text"))).transpose()
    }
}

/// The number in a value of the length of a `CK_ULONG`; `None` for any other length.
pub fn number(value: &[u8]) -> Option<CK_ULONG> {
    Some(CK_ULONG::from_ne_bytes(value.try_into().ok()?))
}

fn invalid(attribute: CK_ATTRIBUTE_TYPE, wanted: &str) -> Error {
    Error::new(CKR_ATTRIBUTE_VALUE_INVALID, format!("the value of attribute {attribute:#x} is not {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn template_values_are_checked_for_their_type() {
        let number = 7 as CK_ULONG;
        let bytes = number.to_ne_bytes();
        let template = Template(vec![(CKA_TOKEN, &[1]), (CKA_KEY_TYPE, &bytes), (CKA_LABEL, b"x"), (CKA_ID, &[0xff])]);
        assert_eq!(template.flag(CKA_TOKEN), Ok(Some(true)));
        assert_eq!(template.number(CKA_KEY_TYPE), Ok(Some(7)));
        assert_eq!(template.text(CKA_LABEL), Ok(Some("x")));
        assert_eq!(template.text(CKA_SUBJECT), Ok(None));
        assert_eq!(template.number(CKA_TOKEN).unwrap_err().rv, CKR_ATTRIBUTE_VALUE_INVALID);
        assert_eq!(template.flag(CKA_KEY_TYPE).unwrap_err().rv, CKR_ATTRIBUTE_VALUE_INVALID);
        assert_eq!(template.text(CKA_ID).unwrap_err().rv, CKR_ATTRIBUTE_VALUE_INVALID);
    }
}
