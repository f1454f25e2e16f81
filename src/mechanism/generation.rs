//! Translates a generation template into the service's terms (`POST /keypairs`: `key_alg` and `properties`).

use super::curve::{CURVES, ED25519_CURVE_NAME, ED25519_PARAMS};
use super::family::Family;
use super::parameter_set::parameter_set;
use crate::der;
use crate::error::{Error, Result};
use cryptoki_sys::*;
use serde_json::{Value, json};

/// The kind of keypair to create.
#[derive(Debug, PartialEq)]
pub struct KeyShape {
    /// `RSA`, `ECDSA`, `EdDSA`, `MLDSA`, `SLHDSA`
    pub key_alg: &'static str,
    /// Members of `properties`.
    pub properties: Vec<(&'static str, Value)>,
}

/// The RSA sizes that the service supports.
const RSA_SIZES: [CK_ULONG; 3] = [2048, 3072, 4096];

/// Reads a template. `get` returns the value of an attribute in the template.
///
/// `CKR_TEMPLATE_INCOMPLETE` if something is missing. `CKR_CURVE_NOT_SUPPORTED`, `CKR_PARAMETER_SET_NOT_SUPPORTED` or
/// `CKR_ATTRIBUTE_VALUE_INVALID` if the service does not support the value; the message lists those that it supports.
pub fn key_shape<'a>(family: Family, get: impl Fn(CK_ATTRIBUTE_TYPE) -> Option<&'a [u8]>) -> Result<KeyShape> {
    let needed = |attribute, name: &str| {
        get(attribute).ok_or_else(|| Error::new(CKR_TEMPLATE_INCOMPLETE, format!("the template lacks {name}")))
    };
    let number = |attribute, name: &str| -> Result<CK_ULONG> {
        let bytes = needed(attribute, name)?.try_into();
        bytes
            .map(CK_ULONG::from_ne_bytes)
            .map_err(|_| Error::new(CKR_ATTRIBUTE_VALUE_INVALID, format!("{name} is not a CK_ULONG")))
    };
    let shape = |key_alg, name, value| Ok(KeyShape { key_alg, properties: vec![(name, value)] });
    // The service's documentation has neither the name of the property nor its values; these are the standards' names.
    let set = || -> Result<Value> {
        let wanted = number(CKA_PARAMETER_SET, "CKA_PARAMETER_SET")?;
        let set = parameter_set(family, wanted).ok_or_else(|| {
            let cause = format!("there is no parameter set {wanted} of {}", family.name());
            Error::loud(CKR_PARAMETER_SET_NOT_SUPPORTED, cause)
        })?;
        Ok(json!(set.name))
    };
    match family {
        Family::Rsa => {
            let size = number(CKA_MODULUS_BITS, "CKA_MODULUS_BITS")?;
            if !RSA_SIZES.contains(&size) {
                let cause = format!("the service makes RSA keys of 2048, 3072 and 4096 bits, not {size}");
                return Err(Error::loud(CKR_ATTRIBUTE_VALUE_INVALID, cause));
            }
            if get(CKA_PUBLIC_EXPONENT).is_some_and(|e| der::strip_zeros(e) != [1, 0, 1]) {
                let cause = "the service makes RSA keys with the public exponent 65537 only";
                return Err(Error::loud(CKR_ATTRIBUTE_VALUE_INVALID, cause));
            }
            shape("RSA", "key_size", json!(size))
        }
        Family::Ec => {
            let params = needed(CKA_EC_PARAMS, "CKA_EC_PARAMS")?;
            let curve = CURVES.iter().find(|curve| curve.params == params);
            let curve = curve.ok_or_else(|| {
                Error::loud(CKR_CURVE_NOT_SUPPORTED, "the service makes ECDSA keys on P-256, P-384 and P-521")
            })?;
            shape("ECDSA", "curve", json!(curve.name))
        }
        Family::Edwards => {
            let params = needed(CKA_EC_PARAMS, "CKA_EC_PARAMS")?;
            if params != ED25519_PARAMS && params != ED25519_CURVE_NAME {
                return Err(Error::loud(CKR_CURVE_NOT_SUPPORTED, "the service makes EdDSA keys on Ed25519"));
            }
            shape("EdDSA", "curve", json!("Ed25519"))
        }
        Family::MlDsa => shape("MLDSA", "parameter_set", set()?),
        Family::SlhDsa => shape("SLHDSA", "parameter_set", set()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(family: Family, template: &[(CK_ATTRIBUTE_TYPE, &[u8])]) -> Result<KeyShape> {
        key_shape(family, |wanted| template.iter().find(|(given, _)| *given == wanted).map(|(_, value)| *value))
    }

    #[test]
    fn templates_become_the_services_properties() {
        let bits = (3072 as CK_ULONG).to_ne_bytes();
        let rsa = shape(Family::Rsa, &[(CKA_MODULUS_BITS, &bits), (CKA_PUBLIC_EXPONENT, &[1, 0, 1])]).unwrap();
        assert_eq!(rsa, KeyShape { key_alg: "RSA", properties: vec![("key_size", json!(3072))] });
        let ec = shape(Family::Ec, &[(CKA_EC_PARAMS, CURVES[1].params)]).unwrap();
        assert_eq!(ec.properties, vec![("curve", json!("P-384"))]);
        let edwards = shape(Family::Edwards, &[(CKA_EC_PARAMS, ED25519_CURVE_NAME)]).unwrap();
        assert_eq!(edwards.properties, vec![("curve", json!("Ed25519"))]);
    }

    #[test]
    fn what_the_service_does_not_make_is_refused_with_the_standards_code() {
        let code = |family, template: &[(CK_ATTRIBUTE_TYPE, &[u8])]| shape(family, template).unwrap_err().rv;
        let bits = (1024 as CK_ULONG).to_ne_bytes();
        let good = (2048 as CK_ULONG).to_ne_bytes();
        assert_eq!(code(Family::Rsa, &[]), CKR_TEMPLATE_INCOMPLETE);
        assert_eq!(code(Family::Rsa, &[(CKA_MODULUS_BITS, &bits)]), CKR_ATTRIBUTE_VALUE_INVALID);
        assert_eq!(code(Family::Rsa, &[(CKA_MODULUS_BITS, &bits[..3])]), CKR_ATTRIBUTE_VALUE_INVALID);
        let template: [(CK_ATTRIBUTE_TYPE, &[u8]); 2] = [(CKA_MODULUS_BITS, &good), (CKA_PUBLIC_EXPONENT, &[3])];
        assert_eq!(code(Family::Rsa, &template), CKR_ATTRIBUTE_VALUE_INVALID);
        assert_eq!(code(Family::Ec, &[(CKA_EC_PARAMS, ED25519_PARAMS)]), CKR_CURVE_NOT_SUPPORTED);
        assert_eq!(code(Family::MlDsa, &[(CKA_PARAMETER_SET, &bits)]), CKR_PARAMETER_SET_NOT_SUPPORTED);
    }
}
