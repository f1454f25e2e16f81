//! The operating system's own store of credentials: Windows' Credential Manager, for the user who runs the process.
//!
//! It is the last source of [`super::ORDER`]. Linux has no store that a library in any program could read: the Secret Service
//! needs a session bus, which servers and pipelines lack.

use std::collections::HashMap;

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

#[cfg(windows)]
mod system {
    use keyring_core::api::CredentialStoreApi;
    use keyring_core::{Entry, Error};
    use windows_native_keyring_store::Store;

    /// The target of an entry is `NAME.stm-pkcs11`.
    const SERVICE: &str = "stm-pkcs11";

    fn entry(name: &str) -> Result<Entry, Error> {
        Store::new()?.build(SERVICE, name, None)
    }

    pub fn read(name: &str) -> Option<String> {
        entry(name).and_then(|entry| entry.get_password()).ok()
    }

    pub fn save(name: &str, value: &str) -> Result<(), String> {
        entry(name).and_then(|entry| entry.set_password(value)).map_err(|error| error.to_string())
    }

    pub fn delete(name: &str) -> Result<bool, String> {
        match entry(name).and_then(|entry| entry.delete_credential()) {
            Ok(()) => Ok(true),
            Err(Error::NoEntry) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }
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
