//! The operating system's own store of credentials: Windows' Credential Manager, for the user who runs the process.
//!
//! It is the last source of [`super::ORDER`]. Linux has no store that a library in any program could read: the Secret Service
//! needs a session bus, which servers and pipelines lack.

#[cfg(windows)]
mod windows;

use std::collections::HashMap;
#[cfg(windows)]
use windows as system;

/// What is kept there, by the names of the settings.
pub const NAMES: [&str; 2] = ["SM_API_KEY", "SM_CLIENT_CERT_PASSWORD"];

/// What the store is called; `None` where the system has none.
pub const STORE: Option<&str> = if cfg!(windows) { Some("Windows Credential Manager") } else { None };

/// Everything that is kept there. Empty where nothing is, and where the store cannot be read.
pub(super) fn values() -> HashMap<String, String> {
    NAMES.into_iter().filter_map(|name| Some((name.to_owned(), system::read(name)?))).collect()
}

/// Keeps a value, in place of one that was kept.
///
/// # Errors
/// What the system says, in words; always where there is no store.
pub fn save(name: &str, value: &str) -> Result<(), String> {
    system::save(name, value)
}

/// Removes a value; says whether there was one.
///
/// # Errors
/// As [`save`]; not where there is no store.
pub fn delete(name: &str) -> Result<bool, String> {
    system::delete(name)
}

#[cfg(not(windows))]
mod system {
    pub fn read(_: &str) -> Option<String> {
        None
    }

    pub fn save(_: &str, _: &str) -> Result<(), String> {
        Err("this system has no store of credentials".to_owned())
    }

    pub fn delete(_: &str) -> Result<bool, String> {
        Ok(false)
    }
}

#[cfg(all(test, not(windows)))]
mod tests {
    use super::*;

    #[test]
    fn where_there_is_no_store_nothing_is_kept_and_saving_says_so() {
        assert_eq!(save(NAMES[0], "x").unwrap_err(), "this system has no store of credentials");
        assert_eq!(delete(NAMES[0]), Ok(false));
        assert!(values().is_empty());
    }
}
