//! The bodies of the C functions: each runs with the active run of the library and, if it names one, with its session.

use super::root;
pub use crate::boundary::call;
use crate::error::Result;
use crate::token::{Module, Session};
use cryptoki_sys::*;

/// The body of a function that needs only the module.
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

/// The body of a function that works in a session and affects the token's other sessions: login and logout.
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
