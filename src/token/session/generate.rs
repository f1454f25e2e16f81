//! Making keypairs (PKCS#11 3.2, 5.18 `C_GenerateKeyPair`): `POST /keypairs`.

use super::session::Session;
use crate::error::{Error, Result};
use crate::mechanism::{self, Family, Mechanism, Parameter};
use crate::service::NewKeypair;
use crate::token::object::vendor::{CKA_STM_KEY_STATUS, CKA_STM_KEY_STORAGE, CKA_STM_KEY_TYPE};
use crate::token::object::{Class, Template, object_id};
use crate::token::operation::require;
use cryptoki_sys::*;

impl Session {
    /// `C_GenerateKeyPair`: handles of the new public and private key.
    pub fn generate_key_pair(
        &self,
        mechanism: (CK_MECHANISM_TYPE, Parameter),
        public: &Template<'_>,
        private: &Template<'_>,
    ) -> Result<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
        let slot = &self.slot;
        let listed = slot.mechanism(mechanism.0)?;
        require(listed, Mechanism::is_generation)?;
        let family = listed.family().ok_or(CKR_MECHANISM_INVALID)?;
        if mechanism.1 != Parameter::None {
            return Err(Error::new(CKR_MECHANISM_PARAM_INVALID, format!("{} has no parameter", listed.name)));
        }
        if !self.read_write {
            return Err(Error::new(CKR_SESSION_READ_ONLY, "a keypair is made in a read/write session"));
        }
        if slot.login_required() && !slot.login.lock().user {
            return Err(CKR_USER_NOT_LOGGED_IN.into());
        }
        check_template(public, Class::PublicKey, family)?;
        check_template(private, Class::PrivateKey, family)?;
        let new = self.new_keypair(family, public, private)?;
        let keypair = slot.account.create(&new)?;
        self.made(&keypair.id, family)
    }

    fn new_keypair(&self, family: Family, public: &Template<'_>, private: &Template<'_>) -> Result<NewKeypair> {
        let defaults = &self.slot.account.settings().generate;
        let vendor = |attribute, default: &str| -> Result<String> {
            let given = match private.text(attribute)? {
                Some(given) => Some(given),
                None => public.text(attribute)?,
            };
            Ok(given.unwrap_or(default).to_owned())
        };
        let label = match private.text(CKA_LABEL)?.filter(|label| !label.is_empty()) {
            Some(label) => Some(label),
            None => public.text(CKA_LABEL)?.filter(|label| !label.is_empty()),
        };
        let Some(alias) = label else {
            let cause = "a keypair needs an alias: give the new key a label (CKA_LABEL)";
            return Err(Error::loud(CKR_TEMPLATE_INCOMPLETE, cause));
        };
        if let (Some(one), Some(other)) = (private.text(CKA_LABEL)?, public.text(CKA_LABEL)?)
            && one != other
        {
            let cause = format!("the keypair has one alias: the labels '{one}' and '{other}' differ");
            return Err(Error::loud(CKR_TEMPLATE_INCONSISTENT, cause));
        }
        let shape = mechanism::key_shape(family, |attribute| public.get(attribute).or_else(|| private.get(attribute)))?;
        Ok(NewKeypair {
            alias: alias.to_owned(),
            key_alg: shape.key_alg.to_owned(),
            properties: shape.properties.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            key_storage: vendor(CKA_STM_KEY_STORAGE, &defaults.storage)?,
            key_type: vendor(CKA_STM_KEY_TYPE, &defaults.key_type)?,
            status: vendor(CKA_STM_KEY_STATUS, &defaults.status)?,
        })
    }

    /// The handles of the keypair that was just made.
    fn made(&self, id: &str, family: Family) -> Result<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
        let slot = &self.slot;
        let id = object_id(id);
        let handle = |class: Class| {
            let class = class.number().to_ne_bytes();
            let template = Template(vec![(CKA_CLASS, &class), (CKA_ID, &id)]);
            let found = slot.account.find(slot.id, slot.kind, &template, false)?;
            found.first().map(|object| object.handle()).ok_or_else(|| {
                let cause = format!(
                    "the service made the keypair, but its public key is no {family:?} key that this token shows"
                );
                Error::loud(CKR_DEVICE_ERROR, cause)
            })
        };
        Ok((handle(Class::PublicKey)?, handle(Class::PrivateKey)?))
    }
}

/// Attributes that a template may ask for only as the token makes keys: never readable, never more than signing.
const FIXED: &[(CK_ATTRIBUTE_TYPE, bool, &str)] = &[
    (CKA_TOKEN, true, "CKA_TOKEN"),
    (CKA_SENSITIVE, true, "CKA_SENSITIVE"),
    (CKA_EXTRACTABLE, false, "CKA_EXTRACTABLE"),
    (CKA_ALWAYS_AUTHENTICATE, false, "CKA_ALWAYS_AUTHENTICATE"),
];

/// `CKR_TEMPLATE_INCONSISTENT` for what contradicts the mechanism or cannot be had. Usage flags beyond signing are
/// passed over: tools set them by habit, and the objects show what the key can do.
fn check_template(template: &Template<'_>, class: Class, family: Family) -> Result<()> {
    if template.number(CKA_CLASS)?.is_some_and(|given| given != class.number()) {
        return Err(Error::new(CKR_TEMPLATE_INCONSISTENT, "CKA_CLASS is not that of this half of the pair"));
    }
    if template.number(CKA_KEY_TYPE)?.is_some_and(|given| given != mechanism::key_type(family)) {
        return Err(Error::new(CKR_TEMPLATE_INCONSISTENT, "CKA_KEY_TYPE is not that of the mechanism"));
    }
    for (attribute, only, name) in FIXED {
        if template.flag(*attribute)?.is_some_and(|given| given != *only) {
            let cause = format!("keypairs live in the service's HSM: {name} can only be {only}");
            return Err(Error::loud(CKR_TEMPLATE_INCONSISTENT, cause));
        }
    }
    Ok(())
}
