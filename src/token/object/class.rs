//! Object classes (PKCS#11 3.2, chapter 4).

use cryptoki_sys::*;

/// The object classes that this token has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// `CKO_PRIVATE_KEY`
    PrivateKey,
    /// `CKO_PUBLIC_KEY`
    PublicKey,
    /// `CKO_CERTIFICATE`
    Certificate,
    /// `CKO_PROFILE`
    Profile,
}

/// Every class with its number, for searches and templates.
pub const CLASSES: [(Class, CK_OBJECT_CLASS); 4] = [
    (Class::PrivateKey, CKO_PRIVATE_KEY),
    (Class::PublicKey, CKO_PUBLIC_KEY),
    (Class::Certificate, CKO_CERTIFICATE),
    (Class::Profile, CKO_PROFILE),
];

impl Class {
    /// `CKO_...`
    pub fn number(self) -> CK_OBJECT_CLASS {
        CLASSES[self as usize].1
    }

    /// Its name in the standard: `CKO_...`
    pub fn name(self) -> &'static str {
        match self {
            Self::PrivateKey => "CKO_PRIVATE_KEY",
            Self::PublicKey => "CKO_PUBLIC_KEY",
            Self::Certificate => "CKO_CERTIFICATE",
            Self::Profile => "CKO_PROFILE",
        }
    }

    /// The class with this number, if this token can have such objects.
    pub fn from_number(number: CK_OBJECT_CLASS) -> Option<Self> {
        CLASSES.iter().find(|(_, known)| *known == number).map(|(class, _)| *class)
    }

    /// Whether it is one half of a keypair.
    pub fn is_key(self) -> bool {
        matches!(self, Self::PrivateKey | Self::PublicKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_numbers_are_the_standards() {
        for (class, number) in CLASSES {
            assert_eq!(class.number(), number);
            assert_eq!(Class::from_number(number), Some(class));
        }
    }
}
