//! One run of the library, from `C_Initialize` to `C_Finalize`.

use super::account::Account;
use super::object::Object;
use super::registry::Registry;
use super::session::{Session, Sessions};
use super::slot::{MANUFACTURER, Slot, SlotKind, library_version, padded};
use crate::config::Config;
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::sync::Arc;

/// Slots, sessions and objects. Everything that `C_Finalize` ends is owned here.
pub struct Module {
    slots: Vec<Slot>,
    pub(super) sessions: Sessions,
    pub(super) registry: Arc<Registry>,
}

impl Module {
    /// Lays out the slots that the configuration asks for. No request, no file.
    pub fn new(config: &Config) -> Self {
        let registry = Arc::new(Registry::default());
        let mut slots = Vec::new();
        for settings in &config.tokens {
            let account =
                Arc::new(Account::new(Arc::clone(settings), slots.len() as CK_SLOT_ID, Arc::clone(&registry)));
            slots.push(Slot::new(slots.len() as CK_SLOT_ID, SlotKind::Classic, Arc::clone(&account)));
            if settings.modern_slot {
                slots.push(Slot::new(slots.len() as CK_SLOT_ID, SlotKind::Modern, account));
            }
        }
        Self { slots, sessions: Sessions::default(), registry }
    }

    /// `C_GetInfo`: the version is the highest interface that `C_GetInterface` offers.
    pub fn info(&self) -> CK_INFO {
        CK_INFO {
            cryptokiVersion: CK_VERSION { major: 3, minor: 2 },
            manufacturerID: padded(MANUFACTURER),
            flags: 0,
            libraryDescription: padded("Software Trust Manager keys"),
            libraryVersion: library_version(),
        }
    }

    /// All slots, in list order. Every one has its token.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The slot with this id, or `CKR_SLOT_ID_INVALID`.
    pub fn slot(&self, id: CK_SLOT_ID) -> Result<&Slot> {
        self.slots
            .iter()
            .find(|slot| slot.id == id)
            .ok_or_else(|| Error::new(CKR_SLOT_ID_INVALID, format!("there is no slot {id}")))
    }

    /// The token in the slot with this id.
    pub fn token_info(&self, id: CK_SLOT_ID) -> Result<CK_TOKEN_INFO> {
        let slot = self.slot(id)?;
        let (all, read_write) = self.sessions.count(id);
        Ok(slot.token_info(all, read_write))
    }

    /// The slot that a session is in.
    pub(super) fn slot_of(&self, session: &Session) -> &Slot {
        &self.slots[session.slot as usize]
    }

    /// The object behind a handle as this session may see it: of its slot's token, and, if private, only after login.
    pub(super) fn object(&self, session: &Session, handle: CK_OBJECT_HANDLE) -> Result<Arc<Object>> {
        let invalid =
            || Error::new(CKR_OBJECT_HANDLE_INVALID, format!("there is no object {handle} in this session's token"));
        let object = self.registry.get(handle).ok_or_else(invalid)?;
        if object.slot() != session.slot || !self.visible(session, &object) {
            return Err(invalid());
        }
        Ok(object)
    }

    /// The same for a key that an operation names: `CKR_KEY_HANDLE_INVALID` instead.
    pub(super) fn key(&self, session: &Session, handle: CK_OBJECT_HANDLE) -> Result<Arc<Object>> {
        let invalid =
            || Error::new(CKR_KEY_HANDLE_INVALID, format!("object {handle} is not a key of this session's token"));
        let object = self.registry.get(handle).filter(|object| object.slot() == session.slot).ok_or_else(invalid)?;
        if !self.visible(session, &object) {
            return Err(Error::new(CKR_USER_NOT_LOGGED_IN, "this token shows its private keys after C_Login"));
        }
        if object.public_key().is_none() || !object.class().is_key() {
            return Err(invalid());
        }
        Ok(object)
    }

    pub(super) fn visible(&self, session: &Session, object: &Object) -> bool {
        !object.is_private() || !self.slot_of(session).login_required() || self.slot_of(session).login.lock().user
    }

    fn accounts(&self) -> impl Iterator<Item = &Account> {
        // The slots of an account stand together.
        self.slots.chunk_by(|one, other| Arc::ptr_eq(&one.account, &other.account)).map(|slots| &*slots[0].account)
    }

    /// In a forked child: goes on with the parent's sessions and objects, over connections of its own. `false` where the
    /// fork caught the parent in the middle of something.
    pub fn adopt(&self) -> bool {
        self.accounts().all(|account| account.service().adopt())
    }

    /// `C_Finalize`: ends every session and says what the run cost.
    pub fn finish(&self) {
        self.sessions.close_all(None);
        self.accounts().for_each(Account::finish);
    }
}
