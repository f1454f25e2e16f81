//! Templates that own their values.

use cryptoki_sys::*;

/// Attributes for a search or a new object.
#[derive(Default, Clone)]
pub struct Attributes(Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)>);

impl Attributes {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn bytes(mut self, attribute: CK_ATTRIBUTE_TYPE, value: &[u8]) -> Self {
        self.0.push((attribute, value.to_vec()));
        self
    }

    pub fn number(self, attribute: CK_ATTRIBUTE_TYPE, value: CK_ULONG) -> Self {
        self.bytes(attribute, &value.to_ne_bytes())
    }

    pub fn flag(self, attribute: CK_ATTRIBUTE_TYPE, value: bool) -> Self {
        self.bytes(attribute, &[u8::from(value)])
    }

    pub fn class(self, class: CK_OBJECT_CLASS) -> Self {
        self.number(CKA_CLASS, class)
    }

    pub fn label(self, label: &str) -> Self {
        self.bytes(CKA_LABEL, label.as_bytes())
    }

    /// The C form; good while `self` lives.
    pub fn raw(&mut self) -> Vec<CK_ATTRIBUTE> {
        let attribute = |(type_, value): &mut (CK_ATTRIBUTE_TYPE, Vec<u8>)| CK_ATTRIBUTE {
            type_: *type_,
            pValue: value.as_mut_ptr().cast(),
            ulValueLen: value.len() as CK_ULONG,
        };
        self.0.iter_mut().map(attribute).collect()
    }
}
