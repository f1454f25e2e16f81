//! Windows' Credential Manager.

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
