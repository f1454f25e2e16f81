//! Objects that an application creates (PKCS#11 3.2, 5.7 `C_CreateObject`, `C_CopyObject`, `C_SetAttributeValue`).

use super::session::Session;
use crate::error::{Error, Result};
use crate::token::object::{Class, Object, SessionObject, Source, TOKEN_SETS, Template, changed};
use cryptoki_sys::*;
use std::collections::BTreeMap;

/// The fix for a refused write to the token.
pub(super) const WRITES: &str = "create keypairs with C_GenerateKeyPair, and attach certificates, rename and delete in the \
                                 service: its web page, smctl, or stm-pkcs11 keypair";

/// An object that an application wants to create.
pub(super) struct NewObject {
    /// `CKA_TOKEN`
    pub token: bool,
    /// Whether it is hidden without a login.
    pub private: bool,
    /// Whether the token could store it.
    pub storable: bool,
}

impl Session {
    /// `C_CreateObject`: certificates and public keys, for the life of the session.
    pub fn create_object(&self, template: &Template<'_>) -> Result<CK_OBJECT_HANDLE> {
        let class = template
            .number(CKA_CLASS)?
            .ok_or_else(|| Error::new(CKR_TEMPLATE_INCOMPLETE, "the template lacks CKA_CLASS"))?;
        let class = match Class::from_number(class) {
            Some(class @ (Class::PublicKey | Class::Certificate)) => class,
            _ => {
                let cause = format!("objects of class {class:#x} cannot be created: only public keys and certificates");
                return Err(Error::new(CKR_ATTRIBUTE_VALUE_INVALID, cause));
            }
        };
        if let Some((attribute, _)) = template.0.iter().find(|(attribute, _)| TOKEN_SETS.contains(attribute)) {
            let cause = format!("attribute {attribute:#x} is for the token to set");
            return Err(Error::new(CKR_ATTRIBUTE_READ_ONLY, cause));
        }
        let given: BTreeMap<_, _> = template.0.iter().map(|(attribute, value)| (*attribute, value.to_vec())).collect();
        self.keep(class, SessionObject::build(self.handle, class, given)?)
    }

    /// The conditions for a new object besides a valid template, in the same order for `C_CreateObject`, `C_CopyObject`
    /// and `C_GenerateKeyPair`. A token object requires a read/write session and a token that can store it; a private
    /// object requires a login.
    pub(super) fn may_create(&self, new: NewObject) -> Result<()> {
        if new.token && !self.read_write {
            return Err(Error::loud(CKR_SESSION_READ_ONLY, format!("the session is read-only; {WRITES}")));
        }
        if new.token && !new.storable {
            let cause = format!("the token stores no objects of applications (CKA_TOKEN can only be FALSE); {WRITES}");
            return Err(Error::loud(CKR_TEMPLATE_INCONSISTENT, cause));
        }
        if new.private && self.slot.login_required() && !self.slot.login.lock().user {
            return Err(CKR_USER_NOT_LOGGED_IN.into());
        }
        Ok(())
    }

    fn keep(&self, class: Class, object: SessionObject) -> Result<CK_OBJECT_HANDLE> {
        let private = object.flag(CKA_PRIVATE);
        self.may_create(NewObject { token: object.flag(CKA_TOKEN), private, storable: false })?;
        let source = Source::Session(Box::new(object));
        Ok(self.handles.add(|handle| Object::new(handle, self.slot.id, class, private, source)))
    }

    /// `C_CopyObject`: a session object, with the template's changes.
    pub fn copy_object(&self, handle: CK_OBJECT_HANDLE, template: &Template<'_>) -> Result<CK_OBJECT_HANDLE> {
        let object = self.object(handle)?;
        let Source::Session(original) = &object.source else {
            return Err(Error::new(CKR_ACTION_PROHIBITED, "objects of the service have CKA_COPYABLE false"));
        };
        if !original.flag(CKA_COPYABLE) {
            return Err(CKR_ACTION_PROHIBITED.into());
        }
        // Besides the attributes that may change later, a copy may set these (4.1.2).
        let also = [CKA_TOKEN, CKA_PRIVATE, CKA_MODIFIABLE, CKA_DESTROYABLE, CKA_COPYABLE];
        let attributes = changed(original, object.class(), template, &also)?;
        self.keep(object.class(), SessionObject::build(self.handle, object.class(), attributes)?)
    }

    /// `C_SetAttributeValue`: applies the whole template, or nothing.
    pub fn set_attributes(&self, handle: CK_OBJECT_HANDLE, template: &Template<'_>) -> Result<()> {
        let object = self.object(handle)?;
        let Source::Session(original) = &object.source else {
            if !self.read_write {
                return Err(Error::loud(CKR_SESSION_READ_ONLY, format!("the session is read-only; {WRITES}")));
            }
            let cause = format!("objects of the service are not modified through the token; {WRITES}");
            return Err(Error::loud(CKR_ACTION_PROHIBITED, cause));
        };
        if !original.flag(CKA_MODIFIABLE) {
            return Err(CKR_ACTION_PROHIBITED.into());
        }
        let attributes = changed(original, object.class(), template, &[])?;
        let new = SessionObject::build(original.session, object.class(), attributes)?;
        let source = Source::Session(Box::new(new));
        self.handles.replace(Object::new(handle, object.slot(), object.class(), object.is_private(), source));
        Ok(())
    }
}
