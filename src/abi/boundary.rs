//! The line between C and Rust: no panic crosses it, every failure has its number, and its reason in the log.

use super::root;
use crate::error::{Audience, Error, Result};
use crate::token::{Module, Session};
use cryptoki_sys::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the body of a C function.
pub fn call(name: &'static str, body: impl FnOnce() -> Result<()>) -> CK_RV {
    let mut body = Some(body);
    guard(name, &mut || body.take().map_or(Ok(()), |body| body()))
}

/// Not generic: a hundred functions share it.
fn guard(name: &'static str, body: &mut dyn FnMut() -> Result<()>) -> CK_RV {
    // What is logged is inside, too: the text may come from anywhere.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        panic_point!(name);
        match body() {
            Ok(()) => {
                log::trace!("{name}: CKR_OK");
                CKR_OK
            }
            Err(error) => {
                report(name, &error);
                error.rv
            }
        }
    }));
    let rv = match outcome {
        Ok(rv) => rv,
        Err(panic) => {
            let _ = catch_unwind(AssertUnwindSafe(|| {
                let what = panic.downcast_ref::<&str>().copied().map(str::to_owned);
                let what = what.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
                log::error!("{name} stopped at a defect of this module ({what}); please report it");
            }));
            CKR_GENERAL_ERROR
        }
    };
    #[cfg(debug_assertions)]
    super::allowed::check(name, rv);
    rv
}

fn report(name: &str, error: &Error) {
    let Error { rv, cause, audience, .. } = error;
    let code = super::interface::code_name(*rv);
    match (audience, cause.is_empty()) {
        (Audience::User, _) => log::error!("{cause} [{name}: {code}]"),
        (Audience::Author, false) => log::debug!("{name}: {code}: {cause}"),
        (Audience::Author, true) => log::debug!("{name}: {code}"),
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_general_error() {
        assert_eq!(call("C_Sign", || panic!("injected")), CKR_GENERAL_ERROR);
        let owned = String::from("injected with text");
        assert_eq!(call("C_Sign", move || std::panic::panic_any(owned)), CKR_GENERAL_ERROR);
    }

    #[test]
    fn an_error_becomes_its_code() {
        assert_eq!(call("C_Sign", || Err(CKR_DATA_LEN_RANGE.into())), CKR_DATA_LEN_RANGE);
        assert_eq!(call("C_Sign", || Ok(())), CKR_OK);
    }
}
