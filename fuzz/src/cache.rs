//! The cache file: another process, another version or a disk error may have written anything into it.

use super::workplace::{cache_file, configuration, offline};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, OnceLock};
use stm_pkcs11::config::TokenSettings;
use stm_pkcs11::service::{Wanted, fuzzing};

/// The first byte says whether the rest is the file, or a body that gets the right head and checksum.
pub fn run(data: &[u8]) {
    static SETTINGS: OnceLock<Arc<TokenSettings>> = OnceLock::new();
    let settings = SETTINGS.get_or_init(|| Arc::clone(&configuration(&offline("cache")).tokens[0]));
    let Some((kind, body)) = data.split_first() else { return };
    if kind % 2 == 0 {
        write(body)
    } else {
        let Ok(body) = std::str::from_utf8(body) else { return };
        write(fuzzing::framed(settings, body).as_bytes())
    }
    let Some(found) = fuzzing::find(settings, Wanted::All) else { return };
    for keypair in &found {
        let same = fuzzing::find(settings, Wanted::Id(&keypair.id)).expect("what the list has is found by its id");
        assert!(same.contains(keypair) || keypair.id.is_empty());
    }
    // What was read is written so that it is read as the same, but for keypairs that are never kept.
    fuzzing::store(settings, &found);
    assert_eq!(fuzzing::find(settings, Wanted::All).as_ref(), Some(&found));
}

fn write(content: &[u8]) {
    std::fs::write(cache_file("cache"), content).expect("the cache file");
    let own = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(cache_file("cache"), own).expect("its permissions");
}
