//! Handles: never reused, and valid until `C_Finalize`.
//!
//! SunPKCS11 closes its last session and continues to use key handles from it, so handles belong to the module, not to
//! a session. A handle refers to the same object after the catalog is refreshed.

use super::object::Object;
use crate::lock::{Mutex, RwLock};
use cryptoki_sys::{CK_OBJECT_HANDLE, CK_PROFILE_ID, CK_SLOT_ID};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The identity of a token object across refreshes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ObjectKey {
    /// The private half of the keypair with this id.
    PrivateKey(CK_SLOT_ID, String),
    /// The public half of the keypair with this id.
    PublicKey(CK_SLOT_ID, String),
    /// A keypair's certificate, by the SHA-256 of its DER: a renewed certificate is a different object.
    Certificate(CK_SLOT_ID, String, [u8; 32]),
    /// A chain certificate, by the SHA-256 of its DER.
    Chain(CK_SLOT_ID, [u8; 32]),
    /// A profile object, by its profile id.
    Profile(CK_SLOT_ID, CK_PROFILE_ID),
}

impl ObjectKey {
    fn slot(&self) -> CK_SLOT_ID {
        match self {
            Self::PrivateKey(slot, _)
            | Self::PublicKey(slot, _)
            | Self::Certificate(slot, ..)
            | Self::Chain(slot, _)
            | Self::Profile(slot, _) => *slot,
        }
    }
}

/// All objects with a handle. Session objects are separate, because every search looks at all of them.
#[derive(Default)]
pub struct Handles {
    last: AtomicU64,
    by_key: Mutex<HashMap<ObjectKey, CK_OBJECT_HANDLE>>,
    token: RwLock<HashMap<CK_OBJECT_HANDLE, Arc<Object>>>,
    session: RwLock<BTreeMap<CK_OBJECT_HANDLE, Arc<Object>>>,
}

impl Handles {
    fn next(&self) -> CK_OBJECT_HANDLE {
        (self.last.fetch_add(1, Ordering::Relaxed) + 1) as CK_OBJECT_HANDLE
    }

    /// The object with this handle.
    pub fn get(&self, handle: CK_OBJECT_HANDLE) -> Option<Arc<Object>> {
        let found = self.token.read().get(&handle).cloned();
        found.or_else(|| self.session.read().get(&handle).cloned())
    }

    /// Creates a token object with the existing handle of its key, or with a new one.
    pub fn settle(&self, key: ObjectKey, make: impl FnOnce(CK_OBJECT_HANDLE) -> Object) -> Arc<Object> {
        let handle = *self.by_key.lock().entry(key).or_insert_with(|| self.next());
        let object = Arc::new(make(handle));
        self.token.write().insert(handle, Arc::clone(&object));
        object
    }

    /// The existing token object with this key.
    pub fn settled(&self, key: &ObjectKey) -> Option<Arc<Object>> {
        let handle = *self.by_key.lock().get(key)?;
        self.token.read().get(&handle).cloned()
    }

    /// Creates a session object with a new handle.
    pub fn add(&self, make: impl FnOnce(CK_OBJECT_HANDLE) -> Object) -> CK_OBJECT_HANDLE {
        let handle = self.next();
        self.session.write().insert(handle, Arc::new(make(handle)));
        handle
    }

    /// Puts a changed session object where the old one was; nothing if that has ended meanwhile.
    pub fn replace(&self, object: Object) {
        if let Some(place) = self.session.write().get_mut(&object.handle()) {
            *place = Arc::new(object);
        }
    }

    /// Ends the objects of a token: another user has logged in.
    pub fn end_of_token(&self, slot: CK_SLOT_ID) {
        self.by_key.lock().retain(|key, _| key.slot() != slot);
        self.token.write().retain(|_, object| object.slot() != slot);
    }

    /// Ends the session objects that `ended` names.
    pub fn end(&self, ended: impl Fn(&Object) -> bool) {
        self.session.write().retain(|_, object| !ended(object));
    }

    /// The session objects for which `wanted` holds, oldest first.
    pub fn session_objects(&self, wanted: impl Fn(&Object) -> bool) -> Vec<Arc<Object>> {
        self.session.read().values().filter(|object| wanted(object)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::class::Class;
    use super::super::object::Source;
    use super::*;

    fn profile(handles: &Handles, slot: CK_SLOT_ID) -> CK_OBJECT_HANDLE {
        let make = |handle| Object::new(handle, slot, Class::Profile, false, Source::Profile(7));
        handles.settle(ObjectKey::Profile(slot, 7), make).handle()
    }

    #[test]
    fn an_object_keeps_its_handle_until_another_user_logs_in_to_its_token() {
        let handles = Handles::default();
        let (first, second) = (profile(&handles, 0), profile(&handles, 1));
        assert!(first != 0 && second != 0 && first != second, "0 is CK_INVALID_HANDLE");
        assert_eq!((profile(&handles, 0), profile(&handles, 1)), (first, second));
        let settled = |slot| handles.settled(&ObjectKey::Profile(slot, 7)).map(|object| object.handle());
        assert_eq!((settled(0), settled(1), settled(2)), (Some(first), Some(second), None));
        handles.end_of_token(1);
        assert_eq!((settled(0), settled(1)), (Some(first), None));
        assert!(handles.get(first).is_some() && handles.get(second).is_none());
        assert_eq!(profile(&handles, 0), first);
        let third = profile(&handles, 1);
        assert!(third != first && third != second, "handles are never reused");
    }
}
