//! The open sessions, by handle.

use super::object::Handles;
use super::session::Session;
use super::slot::Slot;
use crate::error::{Error, Result};
use crate::lock::RwLock;
use cryptoki_sys::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Default)]
pub struct Sessions {
    last: AtomicU64,
    open: RwLock<HashMap<CK_SESSION_HANDLE, Arc<Session>>>,
}

impl Sessions {
    pub(super) fn open(&self, slot: Arc<Slot>, handles: Arc<Handles>, read_write: bool) -> CK_SESSION_HANDLE {
        let handle = (self.last.fetch_add(1, Ordering::Relaxed) + 1) as CK_SESSION_HANDLE;
        let session = Session::new(handle, slot, handles, read_write);
        self.open.write().insert(handle, Arc::new(session));
        handle
    }

    pub(super) fn get(&self, handle: CK_SESSION_HANDLE) -> Result<Arc<Session>> {
        let found = self.open.read().get(&handle).cloned();
        found.ok_or_else(|| Error::new(CKR_SESSION_HANDLE_INVALID, format!("there is no session {handle}")))
    }

    pub(super) fn close(&self, handle: CK_SESSION_HANDLE) {
        self.open.write().remove(&handle);
    }

    /// Closes the sessions of one slot, or all.
    pub(super) fn close_all(&self, slot: Option<CK_SLOT_ID>) {
        self.open.write().retain(|_, session| slot.is_some_and(|slot| slot != session.slot.id));
    }

    /// How many sessions a slot has: all, and read/write ones.
    pub(super) fn count(&self, slot: CK_SLOT_ID) -> (u64, u64) {
        let open = self.open.read();
        let of_slot = || open.values().filter(|session| session.slot.id == slot);
        (of_slot().count() as u64, of_slot().filter(|session| session.read_write).count() as u64)
    }

    pub(super) fn end_operations(&self, slot: CK_SLOT_ID) {
        for session in self.open.read().values().filter(|session| session.slot.id == slot) {
            session.end_operations();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::slot::{Account, SlotKind};
    use super::*;
    use crate::config::{Sources, load_from};

    #[test]
    fn handles_of_closed_sessions_are_never_given_again() {
        let config = load_from(Sources::new(None, HashMap::default()));
        let ledger = Arc::new(crate::ledger::Ledger::new(&config.ledger));
        let signer = crate::token::Signer::new(ledger, &config.ledger, &config.tokens[0]);
        let account =
            Arc::new(Account::new(Arc::clone(&config.tokens[0]), vec![(SlotKind::Classic, 0)], Arc::default(), signer));
        let slot = Arc::new(Slot::new(0, SlotKind::Classic, account));
        let sessions = Sessions::default();
        let first = sessions.open(Arc::clone(&slot), Arc::default(), false);
        sessions.close(first);
        let second = sessions.open(slot, Arc::default(), true);
        assert_ne!(first, second);
        assert_ne!(first, CK_INVALID_HANDLE);
        assert_eq!(sessions.get(first).err().map(|error| error.rv), Some(CKR_SESSION_HANDLE_INVALID));
        assert_eq!(sessions.count(0), (1, 1));
        assert_eq!(sessions.count(1), (0, 0));
    }
}
