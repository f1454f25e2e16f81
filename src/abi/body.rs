//! The bodies of the C functions: with the run that is going on, and the session that the caller names.

use super::root;
pub use crate::boundary::call;
use crate::error::Result;
use crate::token::{Module, Session};
use cryptoki_sys::*;

/// The body of a function that needs the module only.
pub fn with_module(name: &'static str, body: impl FnOnce(&Module) -> Result<()>) -> CK_RV {
    call(name, || body(&*root::module()?))
}

/// The body of a function that works in a session.
pub fn with_session(
    name: &'static str,
    session: CK_SESSION_HANDLE,
    body: impl FnOnce(&Session) -> Result<()>,
) -> CK_RV {
    call(name, || body(&*root::module()?.session(session)?))
}

/// The body of a function that works in a session and changes what other sessions see: login and logout.
pub fn with_module_and_session(
    name: &'static str,
    session: CK_SESSION_HANDLE,
    body: impl FnOnce(&Module, &Session) -> Result<()>,
) -> CK_RV {
    call(name, || {
        let module = root::module()?;
        let session = module.session(session)?;
        body(&module, &session)
    })
}
