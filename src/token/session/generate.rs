//! Creates keypairs (PKCS#11 3.2, 5.18 `C_GenerateKeyPair`): `POST /keypairs`.

use super::create_object::NewObject;
use super::session::Session;
use crate::error::{Error, Result};
use crate::mechanism::Family;
use crate::mechanism::{self, Mechanism, Parameter};
use crate::service::NewKeypair;
use crate::token::object::vendor::{CKA_STM_KEY_STATUS, CKA_STM_KEY_STORAGE, CKA_STM_KEY_TYPE, CKA_STM_KEYPAIR_ID};
use crate::token::object::{Class, Template, alias_of_id, check_half};
use crate::token::operation::require;
use cryptoki_sys::*;

impl Session {
    /// `C_GenerateKeyPair`: returns the handles of the new public and private key.
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
        check_half(public, Class::PublicKey, family)?;
        check_half(private, Class::PrivateKey, family)?;
        self.may_create(NewObject { token: true, private: slot.login_required(), storable: true })?;
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
        let shape = mechanism::key_shape(family, |attribute| public.get(attribute).or_else(|| private.get(attribute)))?;
        Ok(NewKeypair {
            alias: self.alias(public, private)?,
            key_alg: shape.key_alg.to_owned(),
            properties: shape.properties.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            key_storage: vendor(CKA_STM_KEY_STORAGE, &defaults.storage)?,
            key_type: vendor(CKA_STM_KEY_TYPE, &defaults.key_type)?,
            status: vendor(CKA_STM_KEY_STATUS, &defaults.status)?,
        })
    }

    /// The new keypair's alias: its label, or else a prefix and the id in hexadecimal.
    fn alias(&self, public: &Template<'_>, private: &Template<'_>) -> Result<String> {
        let defaults = &self.slot.account.settings().generate;
        let labels = (private.text(CKA_LABEL)?, public.text(CKA_LABEL)?);
        if let (Some(one), Some(other)) = labels
            && one != other
        {
            let cause = format!("the keypair has one alias: the labels '{one}' and '{other}' differ");
            return Err(Error::loud(CKR_TEMPLATE_INCONSISTENT, cause));
        }
        let ids = (private.get(CKA_ID), public.get(CKA_ID));
        if ids.0.is_some() && ids.1.is_some() && ids.0 != ids.1 {
            let cause = "the halves of a keypair have one id: the values of CKA_ID in the templates differ";
            return Err(Error::loud(CKR_TEMPLATE_INCONSISTENT, cause));
        }
        let label = labels.0.or(labels.1).filter(|label| !label.is_empty());
        let id = ids.0.or(ids.1).filter(|id| !id.is_empty());
        let of_id = |id: &[u8]| alias_of_id(id, &defaults.alias_prefix);
        match (label, id) {
            (Some(label), Some(id)) if !defaults.ignore_id => Err(Error::loud(
                CKR_ATTRIBUTE_VALUE_INVALID,
                format!(
                    "CKA_ID in the template of the new keypair '{label}' cannot be kept: the service assigns the id; leave \
                     CKA_ID out, or leave CKA_LABEL out for the alias '{}', or set STM_PKCS11_KEY_ID=ignore for tools \
                     that always send one",
                    of_id(id)
                ),
            )),
            (Some(label), _) => Ok(label.to_owned()),
            (None, Some(id)) => Ok(of_id(id)),
            (None, None) => {
                let cause = "a keypair needs an alias: give the new key a label (CKA_LABEL)";
                Err(Error::loud(CKR_TEMPLATE_INCOMPLETE, cause))
            }
        }
    }

    /// The handles of the new keypair.
    fn made(&self, id: &str, family: Family) -> Result<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
        let slot = &self.slot;
        let handle = |class: Class| {
            let class = class.number().to_ne_bytes();
            let template = Template(vec![(CKA_CLASS, &class), (CKA_STM_KEYPAIR_ID, id.as_bytes())]);
            let found = slot.account.find(slot.id, slot.kind, &template, false)?;
            found.first().map(|object| object.handle()).ok_or_else(|| {
                let cause = format!(
                    "the service made the keypair, but its public key is not a {family:?} key that this token shows"
                );
                Error::loud(CKR_DEVICE_ERROR, cause)
            })
        };
        Ok((handle(Class::PublicKey)?, handle(Class::PrivateKey)?))
    }
}
