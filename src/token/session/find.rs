//! Finding objects and reading their attributes (PKCS#11 3.2, 5.7 "Object management functions").

use super::create_object::WRITES;
use super::session::Session;
use crate::error::{Error, Result};
use crate::token::object::vendor::CKA_STM_LAST_SIGNATURE_ID;
use crate::token::object::{Object, Template, Value};
use crate::token::operation::FindOperation;
use crate::token::slot::matches;
use cryptoki_sys::*;
use std::sync::Arc;

impl Session {
    /// `C_FindObjectsInit`: computes the whole result; `C_FindObjects` only returns it.
    pub fn find_init(&self, template: &Template<'_>) -> Result<()> {
        log::trace!("C_FindObjectsInit({template})");
        if self.state.lock().find.is_some() {
            return Err(CKR_OPERATION_ACTIVE.into());
        }
        let slot = &self.slot;
        // Before a required login, the service cannot be asked: only known objects are found.
        let ask = !slot.login_required() || slot.login.lock().user;
        let of_token = slot.account.find(slot.id, slot.kind, template, ask)?;
        let of_sessions = self.handles.session_objects(|o| o.slot() == slot.id && matches(o, template));
        let visible = of_token.iter().chain(&of_sessions).filter(|object| self.visible(object));
        let found = visible.map(|object| object.handle()).collect::<Vec<_>>().into_iter();
        let mut state = self.state.lock();
        if state.find.is_some() {
            return Err(CKR_OPERATION_ACTIVE.into());
        }
        state.find = Some(FindOperation { found });
        Ok(())
    }

    /// `C_FindObjects`: at most `room` handles.
    pub fn find(&self, room: usize) -> Result<Vec<CK_OBJECT_HANDLE>> {
        let mut state = self.state.lock();
        let search = state.find.as_mut().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        Ok(search.found.by_ref().take(room).collect())
    }

    /// `C_FindObjectsFinal`: `CKR_OPERATION_NOT_INITIALIZED` without a search.
    pub fn find_final(&self) -> Result<()> {
        self.state.lock().find.take().map(drop).ok_or_else(|| CKR_OPERATION_NOT_INITIALIZED.into())
    }

    /// The object that `C_GetAttributeValue` reads.
    pub fn readable(&self, handle: CK_OBJECT_HANDLE) -> Result<Arc<Object>> {
        self.object(handle)
    }

    /// One attribute of an object, as this session sees it.
    pub fn attribute<'a>(&self, object: &'a Object, wanted: CK_ATTRIBUTE_TYPE) -> Value<'a> {
        if wanted != CKA_STM_LAST_SIGNATURE_ID || object.entry().is_none() || !object.class().is_key() {
            return object.attribute(wanted);
        }
        match &self.state.lock().last_signature {
            Some((key, id)) if *key == object.handle() => Value::owned(id.clone().into_bytes()),
            _ => Value::empty(),
        }
    }

    /// `C_GetObjectSize`, in bytes: the total length of all attributes that are shown.
    pub fn object_size(&self, handle: CK_OBJECT_HANDLE) -> Result<usize> {
        Ok(self.object(handle)?.size())
    }

    /// `C_DestroyObject`: session objects only, because the token cannot delete objects of the service.
    pub fn destroy_object(&self, handle: CK_OBJECT_HANDLE) -> Result<()> {
        let object = self.object(handle)?;
        if object.owner().is_none() {
            let cause = format!("objects of the service are not deleted through the token; {WRITES}");
            return Err(Error::loud(CKR_ACTION_PROHIBITED, cause));
        }
        if object.attribute(CKA_DESTROYABLE) == Value::flag(false) {
            return Err(CKR_ACTION_PROHIBITED.into());
        }
        self.handles.end(|other| other.handle() == handle);
        Ok(())
    }
}
