//! Properties of the provider and of its keys (`ncrypt.h`), by name, in CNG's formats.

use super::blob::{self, Kind};
use crate::mechanism::PublicKey;

/// `NCRYPT_ALLOW_SIGNING_FLAG`
const SIGNING: u32 = 2;
/// `NCRYPT_IMPL_HARDWARE_FLAG`: the private key is not in this machine's memory.
const HARDWARE: u32 = 1;

/// UTF-16 with a terminator.
pub fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn number(number: u32) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

/// A property of the provider that was opened with this name.
pub fn of_provider(provider: &str, name: &str) -> Option<Vec<u8>> {
    match name {
        "Name" => Some(wide(provider)),
        "Impl Type" => Some(number(HARDWARE)),
        // The major version in the high word, the minor version in the low word.
        "Version" => Some(number(0x1_0000)),
        "Max Name Length" => Some(number(255)),
        _ => None,
    }
}

/// A property of a key, by its alias and its public key.
pub fn of_key(alias: &str, key: &PublicKey, name: &str) -> Option<Vec<u8>> {
    let Kind { group, name: algorithm, .. } = blob::kind(key)?;
    let bits = u32::try_from(key.bits()).unwrap_or(u32::MAX);
    match name {
        "Name" | "Unique Name" => Some(wide(alias)),
        "Algorithm Group" => Some(wide(group)),
        "Algorithm Name" => Some(wide(algorithm)),
        "Length" | "PublicKeyLength" => Some(number(bits)),
        // Minimum, maximum, step, default.
        "Lengths" => Some([number(bits), number(bits), number(0), number(bits)].concat()),
        "Key Usage" => Some(number(SIGNING)),
        "Impl Type" => Some(number(HARDWARE)),
        // A user key, of which only the public part can be exported.
        "Key Type" | "Export Policy" => Some(number(0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_what_signing_programs_ask() {
        let key = PublicKey::rsa(&[0xc1; 256], &[1, 0, 1]).expect("a key");
        let get = |name| of_key("release", &key, name);
        assert_eq!(get("Algorithm Group"), Some(vec![b'R', 0, b'S', 0, b'A', 0, 0, 0]));
        assert_eq!(get("Length"), Some(vec![0, 8, 0, 0]));
        assert_eq!(get("Key Usage"), Some(vec![2, 0, 0, 0]));
        assert_eq!(get("Window Handle"), None);
        assert_eq!(of_provider("STM", "Version"), Some(vec![0, 0, 1, 0]));
    }
}
