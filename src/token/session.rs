//! Sessions (PKCS#11 3.2, 5.6) and the operations that are active in them.

use super::digest::DigestOperation;
use super::find::FindOperation;
use super::message::MessageOperation;
use super::module::Module;
use super::sign::SignOperation;
use super::verify::VerifyOperation;
use crate::error::{Error, Result};
use cryptoki_sys::*;
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One session of an application with one token.
pub struct Session {
    /// Its handle: never reused.
    pub handle: CK_SESSION_HANDLE,
    /// The slot whose token it is with.
    pub slot: CK_SLOT_ID,
    /// `CKF_RW_SESSION`
    pub read_write: bool,
    pub(super) state: Mutex<State>,
}

/// What is going on in a session. An operation that needs the service is taken out for the time of the request, so
/// that the lock is never held across one.
#[derive(Default)]
pub struct State {
    pub(super) find: Option<FindOperation>,
    pub(super) digest: Option<DigestOperation>,
    pub(super) sign: Option<SignOperation>,
    pub(super) verify: Option<VerifyOperation>,
    pub(super) message_sign: Option<MessageOperation>,
    pub(super) message_verify: Option<MessageOperation>,
    /// Key handle and id of the signature made last.
    pub(super) last_signature: Option<(CK_OBJECT_HANDLE, String)>,
}

/// How much room the application gives for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// None: it asks for the length (a null buffer).
    Query,
    /// So many bytes.
    Bytes(usize),
}

/// What a function with an output buffer has to say (5.2 "Conventions for functions returning output in a
/// variable-length buffer").
#[derive(Debug, PartialEq, Eq)]
pub enum Produced {
    /// The answer.
    Bytes(Vec<u8>),
    /// The length that was asked for; the operation goes on.
    Length(usize),
    /// `CKR_BUFFER_TOO_SMALL` and the length that is needed; the operation goes on.
    TooSmall(usize),
}

impl Room {
    /// Whether an answer of this length is wanted and fits; else what to say instead.
    pub fn check(self, needed: usize) -> Option<Produced> {
        match self {
            Self::Query => Some(Produced::Length(needed)),
            Self::Bytes(room) if room < needed => Some(Produced::TooSmall(needed)),
            Self::Bytes(_) => None,
        }
    }
}

/// All open sessions.
#[derive(Default)]
pub struct Sessions {
    last: AtomicU64,
    open: RwLock<HashMap<CK_SESSION_HANDLE, Arc<Session>>>,
}

impl Sessions {
    fn open(&self, slot: CK_SLOT_ID, read_write: bool) -> CK_SESSION_HANDLE {
        let handle = (self.last.fetch_add(1, Ordering::Relaxed) + 1) as CK_SESSION_HANDLE;
        let session = Session { handle, slot, read_write, state: Mutex::default() };
        self.open.write().insert(handle, Arc::new(session));
        handle
    }

    fn get(&self, handle: CK_SESSION_HANDLE) -> Result<Arc<Session>> {
        let found = self.open.read().get(&handle).cloned();
        found.ok_or_else(|| Error::new(CKR_SESSION_HANDLE_INVALID, format!("there is no session {handle}")))
    }

    fn close(&self, handle: CK_SESSION_HANDLE) {
        self.open.write().remove(&handle);
    }

    /// Closes the sessions of one slot, or all.
    pub(super) fn close_all(&self, slot: Option<CK_SLOT_ID>) {
        self.open.write().retain(|_, session| slot.is_some_and(|slot| slot != session.slot));
    }

    /// How many sessions a slot has: all, and read/write ones.
    pub(super) fn count(&self, slot: CK_SLOT_ID) -> (u64, u64) {
        let open = self.open.read();
        let of_slot = || open.values().filter(|session| session.slot == slot);
        (of_slot().count() as u64, of_slot().filter(|session| session.read_write).count() as u64)
    }

    pub(super) fn end_operations(&self, slot: CK_SLOT_ID) {
        for session in self.open.read().values().filter(|session| session.slot == slot) {
            *session.state.lock() = State::default();
        }
    }
}

/// Ends one kind of operation.
type Cancel = fn(&mut State);

/// What `C_SessionCancel` can cancel, by flag.
const CANCELLABLE: &[(CK_FLAGS, Cancel)] = &[
    (CKF_FIND_OBJECTS, |state| state.find = None),
    (CKF_DIGEST, |state| state.digest = None),
    (CKF_SIGN, |state| state.sign = None),
    (CKF_VERIFY, |state| state.verify = None),
    (CKF_MESSAGE_SIGN, |state| state.message_sign = None),
    (CKF_MESSAGE_VERIFY, |state| state.message_verify = None),
];

impl Module {
    /// `C_OpenSession`
    pub fn open_session(&self, slot: CK_SLOT_ID, flags: CK_FLAGS) -> Result<CK_SESSION_HANDLE> {
        let slot = self.slot(slot)?;
        if flags & CKF_SERIAL_SESSION == 0 {
            return Err(Error::new(CKR_SESSION_PARALLEL_NOT_SUPPORTED, "CKF_SERIAL_SESSION is always set"));
        }
        if flags & CKF_ASYNC_SESSION != 0 {
            return Err(Error::new(CKR_SESSION_ASYNC_NOT_SUPPORTED, "this token has no asynchronous sessions"));
        }
        Ok(self.sessions.open(slot.id, flags & CKF_RW_SESSION != 0))
    }

    /// The session behind a handle, or `CKR_SESSION_HANDLE_INVALID`.
    pub fn session(&self, handle: CK_SESSION_HANDLE) -> Result<Arc<Session>> {
        self.sessions.get(handle)
    }

    /// `C_CloseSession`: its session objects end with it.
    pub fn close_session(&self, handle: CK_SESSION_HANDLE) -> Result<()> {
        let session = self.session(handle)?;
        self.sessions.close(handle);
        self.registry.end(|object| object.owner() == Some(handle));
        self.log_out_without_sessions(session.slot);
        Ok(())
    }

    /// `C_CloseAllSessions`
    pub fn close_all_sessions(&self, slot: CK_SLOT_ID) -> Result<()> {
        let slot = self.slot(slot)?.id;
        self.sessions.close_all(Some(slot));
        self.registry.end(|object| object.slot() == slot);
        self.log_out_without_sessions(slot);
        Ok(())
    }

    /// `C_GetSessionInfo`
    pub fn session_info(&self, session: &Session) -> CK_SESSION_INFO {
        let read_write = if session.read_write { CKF_RW_SESSION } else { 0 };
        CK_SESSION_INFO {
            slotID: session.slot,
            state: self.session_state(session),
            flags: CKF_SERIAL_SESSION | read_write,
            ulDeviceError: 0,
        }
    }

    /// `C_SessionCancel`: flags without an active operation, and unknown ones, are passed over (5.6).
    pub fn session_cancel(&self, session: &Session, flags: CK_FLAGS) {
        let mut state = session.state.lock();
        CANCELLABLE.iter().filter(|(flag, _)| flags & flag != 0).for_each(|(_, cancel)| cancel(&mut state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_of_closed_sessions_are_never_given_again() {
        let sessions = Sessions::default();
        let first = sessions.open(0, false);
        sessions.close(first);
        let second = sessions.open(0, true);
        assert_ne!(first, second);
        assert_eq!(sessions.get(first).err().map(|error| error.rv), Some(CKR_SESSION_HANDLE_INVALID));
        assert_eq!(sessions.count(0), (1, 1));
        assert_eq!(sessions.count(1), (0, 0));
    }

    #[test]
    fn a_buffer_is_used_only_where_the_answer_fits() {
        assert_eq!(Room::Query.check(5), Some(Produced::Length(5)));
        assert_eq!(Room::Bytes(4).check(5), Some(Produced::TooSmall(5)));
        assert_eq!(Room::Bytes(5).check(5), None);
    }
}
