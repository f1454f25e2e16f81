//! The line between C and Rust: no panic crosses it, every failure gets its return code, and the log gets its reason.

use super::codes::code_name;
use crate::error::{Audience, Error, Result};
use cryptoki_sys::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the body of the exported function `name`.
pub fn call(name: &'static str, body: impl FnOnce() -> Result<()>) -> CK_RV {
    let mut body = Some(body);
    guard(name, &mut || body.take().map_or(Ok(()), |body| body()))
}

/// Not generic, because a hundred functions share it.
fn guard(name: &'static str, body: &mut dyn FnMut() -> Result<()>) -> CK_RV {
    // Logging is inside as well: a message may contain text from anywhere.
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
    let code = code_name(*rv);
    match (audience, cause.is_empty()) {
        (Audience::User, _) => log::error!("{cause} [{name}: {code}]"),
        (Audience::Author, false) => log::debug!("{name}: {code}: {cause}"),
        (Audience::Author, true) => log::debug!("{name}: {code}"),
    }
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
