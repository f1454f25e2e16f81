//! Vendor-defined attributes (`include/stm_pkcs11.h` documents them for C and C++).
//!
//! The service's data of a keypair, on its private key, public key and certificate. Text is UTF-8 without terminator.
//! `C_GenerateKeyPair` reads the writable ones from its templates.

use cryptoki_sys::{CK_ATTRIBUTE_TYPE, CKA_VENDOR_DEFINED};

/// `STM` before our numbers, to avoid those of other vendors.
const BASE: CK_ATTRIBUTE_TYPE = CKA_VENDOR_DEFINED | 0x0053_5400;

/// The keypair's id, a UUID as text.
pub const CKA_STM_KEYPAIR_ID: CK_ATTRIBUTE_TYPE = BASE | 0x01;
/// Text in UTF-8: the alias, like `CKA_LABEL`, but never the name of a chain certificate.
pub const CKA_STM_ALIAS: CK_ATTRIBUTE_TYPE = BASE | 0x02;
/// `ONLINE` or `OFFLINE`. In a generation template: the status of the new keypair.
pub const CKA_STM_KEY_STATUS: CK_ATTRIBUTE_TYPE = BASE | 0x03;
/// `PRODUCTION` or `TEST`. Also in a generation template.
pub const CKA_STM_KEY_TYPE: CK_ATTRIBUTE_TYPE = BASE | 0x04;
/// `HSM` or `DISK`. Also in a generation template.
pub const CKA_STM_KEY_STORAGE: CK_ATTRIBUTE_TYPE = BASE | 0x05;
/// The id of the certificate that the token shows for the keypair; empty without one.
pub const CKA_STM_CERTIFICATE_ID: CK_ATTRIBUTE_TYPE = BASE | 0x06;
/// The service's status of that certificate (`ACTIVE`, ...); empty without one.
pub const CKA_STM_CERTIFICATE_STATUS: CK_ATTRIBUTE_TYPE = BASE | 0x07;
/// `CK_BBOOL`: whether this user may sign with it now; empty if the service does not say.
pub const CKA_STM_SIGNABLE: CK_ATTRIBUTE_TYPE = BASE | 0x08;
/// The id of the last signature that this session made with the key; empty before the first. It depends on the session,
/// so two sessions may read different values.
pub const CKA_STM_LAST_SIGNATURE_ID: CK_ATTRIBUTE_TYPE = BASE | 0x09;
