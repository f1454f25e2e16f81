//! Mechanism parameters, copied from the application's memory.

use cryptoki_sys::*;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameter {
    /// A null pointer or no bytes.
    None,
    /// `CK_RSA_PKCS_PSS_PARAMS`
    Pss {
        /// `hashAlg`
        hash: CK_MECHANISM_TYPE,
        mgf: CK_RSA_PKCS_MGF_TYPE,
        /// `sLen`, bytes
        salt_len: u64,
    },
    /// `CK_EDDSA_PARAMS`
    Eddsa {
        /// `phFlag`
        prehash: bool,
        /// `pContextData`
        context: Vec<u8>,
    },
    /// `CK_SIGN_ADDITIONAL_CONTEXT`, or `CK_HASH_SIGN_ADDITIONAL_CONTEXT` with a hash.
    SignContext {
        /// `hedgeVariant`
        hedge: u64,
        /// `pContext`
        context: Vec<u8>,
        hash: Option<CK_MECHANISM_TYPE>,
    },
    /// A length or a pointer that the mechanism's parameter cannot have: `CKR_MECHANISM_PARAM_INVALID`.
    Malformed,
}

/// The C struct of a mechanism's parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterShape {
    None,
    /// `CK_RSA_PKCS_PSS_PARAMS`
    Pss,
    /// `CK_EDDSA_PARAMS`
    Eddsa,
    /// `CK_SIGN_ADDITIONAL_CONTEXT`
    SignContext,
    /// `CK_HASH_SIGN_ADDITIONAL_CONTEXT`
    HashSignContext,
}
