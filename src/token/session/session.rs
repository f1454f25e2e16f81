//! Sessions (PKCS#11 3.2, 5.6) and their active operations.
//!
//! **The lock rule.** A session has one lock, around [`State`], which is never held during a request. A request may
//! take seconds, and `C_SessionCancel`, `C_GetSessionInfo` and `C_CloseSession` must not wait for it. So code that
//! sends a request first *takes* its operation out of the state (`state.lock().sign.take()`; the lock is free again at
//! the end of that line). It puts the operation back only if the standard lets it continue: after a length query, after
//! `CKR_BUFFER_TOO_SMALL`, after an update. Otherwise the operation is dropped, so that every error ends it, as 5.2
//! requires. While an operation is out, a second thread in the same session gets `CKR_OPERATION_NOT_INITIALIZED`, and
//! never sees a partial state. Only hashing and verifying hold the lock, because they are short, and the session
//! belongs to its caller. No code holds the locks of two sessions. Under a session's lock, code reads only the slot's
//! login and the handles, each briefly.

use crate::error::{Error, Result};
use crate::lock::Mutex;
use crate::token::object::{Handles, Object};
use crate::token::operation::{DigestOperation, FindOperation, MessageOperation, SignOperation, VerifyOperation};
use crate::token::slot::Slot;
use cryptoki_sys::*;
use std::sync::Arc;

/// One session of an application with one token.
pub struct Session {
    /// Its handle, which is never reused.
    pub handle: CK_SESSION_HANDLE,
    /// The slot of its token.
    pub slot: Arc<Slot>,
    pub(super) handles: Arc<Handles>,
    /// Opened with `CKF_RW_SESSION`.
    pub read_write: bool,
    pub(super) state: Mutex<State>,
}

/// The active operations of a session. An operation that needs the service is taken out during the request, so that the
/// lock is never held across one.
#[derive(Default)]
pub struct State {
    pub(super) find: Option<FindOperation>,
    pub(super) digest: Option<DigestOperation>,
    pub(super) sign: Option<SignOperation>,
    pub(super) verify: Option<VerifyOperation>,
    pub(super) message_sign: Option<MessageOperation<SignOperation>>,
    pub(super) message_verify: Option<MessageOperation<VerifyOperation>>,
    /// Key handle and id of the last signature.
    pub(super) last_signature: Option<(CK_OBJECT_HANDLE, String)>,
}

/// Ends one kind of operation.
type Cancel = fn(&mut State);

/// The operations that `C_SessionCancel` can cancel, by flag.
const CANCELLABLE: &[(CK_FLAGS, Cancel)] = &[
    (CKF_FIND_OBJECTS, |state| state.find = None),
    (CKF_DIGEST, |state| state.digest = None),
    (CKF_SIGN, |state| state.sign = None),
    (CKF_VERIFY, |state| state.verify = None),
    (CKF_MESSAGE_SIGN, |state| state.message_sign = None),
    (CKF_MESSAGE_VERIFY, |state| state.message_verify = None),
];

impl Session {
    pub(in crate::token) fn new(
        handle: CK_SESSION_HANDLE,
        slot: Arc<Slot>,
        handles: Arc<Handles>,
        read_write: bool,
    ) -> Self {
        Self { handle, slot, handles, read_write, state: Mutex::default() }
    }

    /// Ends every operation (`C_Logout`).
    pub(in crate::token) fn end_operations(&self) {
        *self.state.lock() = State::default();
    }

    /// `C_GetSessionInfo`
    pub fn session_info(&self) -> CK_SESSION_INFO {
        let read_write = if self.read_write { CKF_RW_SESSION } else { 0 };
        CK_SESSION_INFO {
            slotID: self.slot.id,
            state: self.session_state(),
            flags: CKF_SERIAL_SESSION | read_write,
            ulDeviceError: 0,
        }
    }

    /// `C_SessionCancel`: ignores unknown flags, and flags without an active operation (5.6).
    pub fn session_cancel(&self, flags: CK_FLAGS) {
        let mut state = self.state.lock();
        CANCELLABLE.iter().filter(|(flag, _)| flags & flag != 0).for_each(|(_, cancel)| cancel(&mut state));
    }

    /// `CKS_...`: the login belongs to the token, not to the session.
    fn session_state(&self) -> CK_STATE {
        match (self.read_write, self.slot.login.lock().user) {
            (false, false) => CKS_RO_PUBLIC_SESSION,
            (false, true) => CKS_RO_USER_FUNCTIONS,
            (true, false) => CKS_RW_PUBLIC_SESSION,
            (true, true) => CKS_RW_USER_FUNCTIONS,
        }
    }

    /// The object with a handle, if this session may see it: it must belong to the slot's token, and a private one
    /// requires a login.
    pub(super) fn object(&self, handle: CK_OBJECT_HANDLE) -> Result<Arc<Object>> {
        let invalid =
            || Error::new(CKR_OBJECT_HANDLE_INVALID, format!("there is no object {handle} in this session's token"));
        let object = self.handles.get(handle).ok_or_else(invalid)?;
        if object.slot() != self.slot.id || !self.visible(&object) {
            return Err(invalid());
        }
        Ok(object)
    }

    /// The same for the key of an operation, with `CKR_KEY_HANDLE_INVALID` as the error.
    pub(super) fn key(&self, handle: CK_OBJECT_HANDLE) -> Result<Arc<Object>> {
        let invalid =
            || Error::new(CKR_KEY_HANDLE_INVALID, format!("object {handle} is not a key of this session's token"));
        let object = self.handles.get(handle).filter(|object| object.slot() == self.slot.id).ok_or_else(invalid)?;
        if !self.visible(&object) {
            return Err(Error::new(CKR_USER_NOT_LOGGED_IN, "this token shows its private keys after C_Login"));
        }
        if object.public_key().is_some() { Ok(object) } else { Err(invalid()) }
    }

    pub(super) fn visible(&self, object: &Object) -> bool {
        !object.is_private() || !self.slot.login_required() || self.slot.login.lock().user
    }
}
