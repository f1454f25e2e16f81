//! Login (PKCS#11 3.2, 5.6 "Session management functions": `C_Login`, `C_LoginUser`, `C_Logout`).
//!
//! By default, a token requires no login and accepts any PIN, so that tools that always log in work. With the `login`
//! setting, the PIN is a credential, which the service checks at login.

use super::module::Module;
use super::session::Session;
use crate::error::{Error, Result};
use cryptoki_sys::*;

impl Module {
    /// `C_Login`. `pin` is `None` if the application passed a null pointer.
    pub fn login(&self, session: &Session, user: CK_USER_TYPE, pin: Option<&[u8]>) -> Result<()> {
        match user {
            CKU_USER => self.login_user(session, pin),
            CKU_SO => Err(self.refuse_so(session)),
            CKU_CONTEXT_SPECIFIC => {
                Err(Error::new(CKR_OPERATION_NOT_INITIALIZED, "no operation of this token waits for a login"))
            }
            _ => Err(Error::new(CKR_USER_TYPE_INVALID, format!("there is no user type {user}"))),
        }
    }

    fn login_user(&self, session: &Session, pin: Option<&[u8]>) -> Result<()> {
        let slot = &session.slot;
        if slot.login.lock().user {
            return Err(CKR_USER_ALREADY_LOGGED_IN.into());
        }
        if slot.login_required() {
            let Some(pin) = pin else {
                return Err(Error::new(CKR_ARGUMENTS_BAD, "this token requires a PIN, and has no PIN pad"));
            };
            // The request runs without the lock, so that other sessions can continue.
            let checked = slot.account.log_in(pin);
            slot.login.lock().wrong_pin = checked.is_err();
            checked?;
        }
        slot.login.lock().user = true;
        Ok(())
    }

    /// The service has no security officer; the return codes are those of a token with a locked SO PIN.
    fn refuse_so(&self, session: &Session) -> Error {
        let slot = &session.slot;
        if slot.login.lock().user {
            return CKR_USER_ANOTHER_ALREADY_LOGGED_IN.into();
        }
        let (all, read_write) = self.sessions.count(slot.id);
        if all > read_write {
            return CKR_SESSION_READ_ONLY_EXISTS.into();
        }
        Error::new(CKR_PIN_LOCKED, "the service has no security officer: log in as the user")
    }

    /// `C_Logout`: hides private objects, and ends the operations of the token's sessions.
    pub fn logout(&self, session: &Session) -> Result<()> {
        let slot = &session.slot;
        if !std::mem::take(&mut slot.login.lock().user) {
            return Err(CKR_USER_NOT_LOGGED_IN.into());
        }
        if slot.login_required() {
            slot.account.log_out();
            self.sessions.end_operations(slot.id);
            self.handles.end(|object| object.slot() == slot.id && object.is_private());
        }
        Ok(())
    }

    /// Logs the user out when the last session of a token closes (5.6, `C_CloseSession`).
    pub(super) fn log_out_without_sessions(&self, slot: CK_SLOT_ID) {
        if self.sessions.count(slot).0 > 0 {
            return;
        }
        let slot = &self.slots()[slot as usize];
        if std::mem::take(&mut slot.login.lock().user) && slot.login_required() {
            slot.account.log_out();
        }
    }
}
