//! One run of the library, from `C_Initialize` to `C_Finalize`.

use super::object::Handles;
use super::session::Session;
use super::session_table::Sessions;
use super::slot::{Account, MANUFACTURER, Signer, Slot, SlotKind, library_version, padded};
use crate::config::{Config, Login};
use crate::error::{Error, Result};
use crate::ledger::Ledger;
use cryptoki_sys::*;
use std::sync::Arc;

/// Slots, sessions and objects: everything that ends with `C_Finalize`.
pub struct Module {
    slots: Vec<Arc<Slot>>,
    pub(super) sessions: Sessions,
    pub(super) handles: Arc<Handles>,
    ledger: Arc<Ledger>,
}

impl Module {
    /// Creates the slots that the settings require. Sends no request, and reads no file.
    pub fn new(config: &Config) -> Self {
        let handles = Arc::new(Handles::default());
        let ledger = Arc::new(Ledger::new(&config.ledger));
        let mut slots = Vec::new();
        for settings in &config.tokens {
            let first = slots.len() as CK_SLOT_ID;
            let mut kinds = vec![(SlotKind::Classic, first)];
            if settings.modern_slot {
                kinds.push((SlotKind::Modern, first + 1));
            }
            // A PIN belongs to the slot that it was given to, and so do its connections, lists and caches.
            let together = if settings.login == Login::None { kinds.len() } else { 1 };
            for kinds in kinds.chunks(together) {
                let signer = Signer::new(Arc::clone(&ledger), &config.ledger, settings);
                let account = Account::new(Arc::clone(settings), kinds.to_vec(), Arc::clone(&handles), signer);
                let account = Arc::new(account);
                slots.extend(kinds.iter().map(|(kind, id)| Arc::new(Slot::new(*id, *kind, Arc::clone(&account)))));
            }
        }
        Self { slots, sessions: Sessions::default(), handles, ledger }
    }

    /// `C_GetInfo`: the version is that of the newest interface that `C_GetInterface` offers.
    pub fn info(&self) -> CK_INFO {
        CK_INFO {
            cryptokiVersion: CK_VERSION { major: 3, minor: 2 },
            manufacturerID: padded(MANUFACTURER),
            flags: 0,
            libraryDescription: padded("Software Trust Manager keys"),
            libraryVersion: library_version(),
        }
    }

    /// All slots, in list order. Each has its token.
    pub fn slots(&self) -> &[Arc<Slot>] {
        &self.slots
    }

    /// The slot with this id, or `CKR_SLOT_ID_INVALID`.
    pub fn slot(&self, id: CK_SLOT_ID) -> Result<&Arc<Slot>> {
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

    /// `C_OpenSession`: `CKR_SLOT_ID_INVALID`, `CKR_SESSION_PARALLEL_NOT_SUPPORTED`.
    pub fn open_session(&self, slot: CK_SLOT_ID, flags: CK_FLAGS) -> Result<CK_SESSION_HANDLE> {
        let slot = self.slot(slot)?;
        if flags & CKF_SERIAL_SESSION == 0 {
            return Err(Error::new(CKR_SESSION_PARALLEL_NOT_SUPPORTED, "CKF_SERIAL_SESSION is always set"));
        }
        if flags & CKF_ASYNC_SESSION != 0 {
            return Err(Error::new(CKR_SESSION_ASYNC_NOT_SUPPORTED, "this token has no asynchronous sessions"));
        }
        Ok(self.sessions.open(Arc::clone(slot), Arc::clone(&self.handles), flags & CKF_RW_SESSION != 0))
    }

    /// The session behind a handle, or `CKR_SESSION_HANDLE_INVALID`. Each call drives the connection that a search began to open.
    pub fn session(&self, handle: CK_SESSION_HANDLE) -> Result<Arc<Session>> {
        let session = self.sessions.get(handle)?;
        session.slot.account.drive_early();
        Ok(session)
    }

    /// `C_CloseSession`: also destroys its session objects.
    pub fn close_session(&self, handle: CK_SESSION_HANDLE) -> Result<()> {
        let session = self.session(handle)?;
        self.sessions.close(handle);
        self.handles.end(|object| object.owner() == Some(handle));
        self.log_out_without_sessions(session.slot.id);
        Ok(())
    }

    /// `C_CloseAllSessions`: `CKR_SLOT_ID_INVALID`; the token's login ends with its last session.
    pub fn close_all_sessions(&self, slot: CK_SLOT_ID) -> Result<()> {
        let slot = self.slot(slot)?.id;
        self.sessions.close_all(Some(slot));
        self.handles.end(|object| object.slot() == slot);
        self.log_out_without_sessions(slot);
        Ok(())
    }

    fn accounts(&self) -> impl Iterator<Item = &Account> {
        // The slots of an account are adjacent.
        self.slots.chunk_by(|one, other| Arc::ptr_eq(&one.account, &other.account)).map(|slots| &*slots[0].account)
    }

    /// In a forked child: continues with the parent's sessions and objects, over new connections. No thread may have
    /// been inside the module during the fork.
    pub fn adopt(&self) {
        self.accounts().for_each(Account::adopt);
    }

    /// `C_Finalize`: ends every session, and logs what the run cost.
    pub fn finish(&self) {
        self.sessions.close_all(None);
        self.accounts().for_each(Account::finish);
        if let Some(summary) = self.ledger.summary() {
            log::info!("{summary}");
        }
    }
}
