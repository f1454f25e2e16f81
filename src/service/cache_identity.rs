//! The identity of a cache file: one name for the host and the credentials that its content was fetched with.

use crate::config::{ClientCert, Secret, TokenSettings};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::fs;
use std::num::NonZeroU32;
use std::time::UNIX_EPOCH;

/// A PIN may be short, and every file contains its hash, so guessing must be slow.
const PIN_ROUNDS: NonZeroU32 = NonZeroU32::new(100_000).unwrap();

/// A name for the host and the credentials, including the PIN: other credentials may see other keypairs.
pub fn identity(settings: &TokenSettings, pin: Option<&Secret>) -> String {
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    };
    add(settings.host.as_deref().unwrap_or_default().as_bytes());
    add(settings.api_key.as_ref().map(Secret::reveal).unwrap_or_default().as_bytes());
    match &settings.client_cert {
        None => add(b""),
        Some(ClientCert::Inline(text)) => add(text.reveal().as_bytes()),
        Some(ClientCert::File(path)) => {
            let meta = fs::metadata(path).ok();
            let time = meta
                .as_ref()
                .and_then(|meta| meta.modified().ok())
                .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            add(format!("{} {:?} {time:?}", path.display(), meta.map(|meta| meta.len())).as_bytes());
        }
    }
    add(settings.keypairs.join(",").as_bytes());
    if let Some(pin) = pin {
        let mut slow = [0; 32];
        let salt = settings.host.as_deref().unwrap_or_default().as_bytes();
        let algorithm = aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA256;
        aws_lc_rs::pbkdf2::derive(algorithm, PIN_ROUNDS, salt, pin.reveal().as_bytes(), &mut slow);
        add(&slow);
    }
    HEXLOWER.encode(&hash.finalize()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_credentials_and_the_pin_make_an_identity() {
        let settings =
            |pairs: &str| crate::config::load_from(crate::config::Sources::new(Some(pairs), Default::default()));
        let of = |pairs: &str, pin: Option<&str>| identity(&settings(pairs).tokens[0], pin.map(Secret::new).as_ref());
        let plain = of("SM_HOST=https://h;SM_API_KEY=k", None);
        for other in [
            of("SM_HOST=https://i;SM_API_KEY=k", None),
            of("SM_HOST=https://h;SM_API_KEY=l", None),
            of("SM_HOST=https://h;SM_API_KEY=k;SM_CLIENT_CERT_FILE_B64=AAAA", None),
            of("SM_HOST=https://h;SM_API_KEY=k;STM_PKCS11_KEYPAIRS=a", None),
            of("SM_HOST=https://h;SM_API_KEY=k", Some("1")),
            of("SM_HOST=https://h;SM_API_KEY=k", Some("2")),
        ] {
            assert_ne!(plain, other);
        }
        assert_eq!(plain, of("SM_HOST=https://h;SM_API_KEY=k", None));
        assert_ne!(of("SM_HOST=https://h", Some("1")), of("SM_HOST=https://h", Some("2")));
    }
}
