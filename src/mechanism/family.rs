//! Key families: one row for each, with all its names. Adding a family causes a compile error wherever the code
//! distinguishes families.

use cryptoki_sys::*;

macro_rules! families {
    ($($(#[$doc:meta])* $family:ident $name:literal $key_type:ident $generation:ident;)*) => {
        /// A family of keys that share their mechanisms.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Family {
            $($(#[$doc])* $family,)*
        }

        impl Family {
            pub const ALL: &[Self] = &[$(Self::$family),*];

            /// Its usual name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$family => $name,)*
                }
            }

            /// `CKA_KEY_TYPE`
            pub fn key_type(self) -> CK_KEY_TYPE {
                match self {
                    $(Self::$family => $key_type,)*
                }
            }

            /// The family with this `CKA_KEY_TYPE`; `None` for keys that the service does not support.
            pub fn of_key_type(key_type: CK_KEY_TYPE) -> Option<Self> {
                Self::ALL.iter().copied().find(|family| family.key_type() == key_type)
            }

            /// `CKA_KEY_GEN_MECHANISM`
            pub fn generation(self) -> CK_MECHANISM_TYPE {
                match self {
                    $(Self::$family => $generation,)*
                }
            }
        }
    };
}

families! {
    /// RSA, for PKCS#1 v1.5 and PSS.
    Rsa "RSA" CKK_RSA CKM_RSA_PKCS_KEY_PAIR_GEN;
    /// P-256, P-384, P-521.
    Ec "ECDSA" CKK_EC CKM_EC_KEY_PAIR_GEN;
    /// Ed25519.
    Edwards "EdDSA" CKK_EC_EDWARDS CKM_EC_EDWARDS_KEY_PAIR_GEN;
    /// The sets of FIPS 204.
    MlDsa "ML-DSA" CKK_ML_DSA CKM_ML_DSA_KEY_PAIR_GEN;
    /// The sets of FIPS 205.
    SlhDsa "SLH-DSA" CKK_SLH_DSA CKM_SLH_DSA_KEY_PAIR_GEN;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_types_and_mechanisms_are_of_one_family() {
        for family in Family::ALL {
            assert_eq!(Family::of_key_type(family.key_type()), Some(*family));
            assert_eq!(Family::ALL.iter().filter(|other| other.generation() == family.generation()).count(), 1);
        }
        assert_eq!(Family::of_key_type(CKK_AES), None);
    }
}
