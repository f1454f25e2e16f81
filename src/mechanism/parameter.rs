//! Mechanism parameters, lifted out of the application's memory.

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
    /// Not of the length, or with a pointer, that the mechanism's parameter has: `CKR_MECHANISM_PARAM_INVALID`.
    Malformed,
}

/// Which C struct a mechanism's parameter is.
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
