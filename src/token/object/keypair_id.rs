//! A keypair's id in the service, and the `CKA_ID` of its objects.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

/// `CKA_ID` of a keypair. A client that created it with an id and no label gets that id back: the alias contains it
/// after `prefix` (`STM_PKCS11_KEY_PREFIX`), in lower-case hexadecimal. Otherwise it is derived from the service's id,
/// see [`assigned_id`].
pub fn object_id(keypair_id: &str, alias: &str, prefix: &str) -> Box<[u8]> {
    named_id(alias, prefix).unwrap_or_else(|| assigned_id(keypair_id).into())
}

/// The alias of a keypair that is created with this `CKA_ID` and no label.
pub fn alias_of_id(id: &[u8], prefix: &str) -> String {
    format!("{prefix}{}", HEXLOWER.encode(id))
}

fn named_id(alias: &str, prefix: &str) -> Option<Box<[u8]>> {
    let id = HEXLOWER.decode(alias.strip_prefix(prefix)?.as_bytes()).ok()?;
    (!id.is_empty()).then(|| id.into())
}

/// The 16 bytes of a keypair's UUID. If its id is not a UUID: the first 16 bytes of the id's SHA-256.
fn assigned_id(keypair_id: &str) -> [u8; 16] {
    uuid_bytes(keypair_id.as_bytes()).unwrap_or_else(|| {
        let digest = crate::mechanism::sha256(keypair_id.as_bytes());
        std::array::from_fn(|place| digest[place])
    })
}

fn uuid_bytes(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != 36 || [8, 13, 18, 23].iter().any(|dash| text[*dash] != b'-') {
        return None;
    }
    let (mut digits, mut bytes) = ([0; 32], [0; 16]);
    for (digit, byte) in digits.iter_mut().zip(text.iter().filter(|byte| **byte != b'-')) {
        *digit = *byte;
    }
    HEXLOWER_PERMISSIVE.decode_mut(&digits, &mut bytes).ok()?;
    Some(bytes)
}

/// The UUID that 16 bytes of `CKA_ID` may encode.
pub fn keypair_id(object_id: &[u8]) -> Option<String> {
    let hex = HEXLOWER.encode(object_id);
    (object_id.len() == 16)
        .then(|| format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_becomes_its_sixteen_bytes_and_back() {
        let uuid = "ea936a8f-446d-8bab-b782-c01e8612bf1e";
        let id = object_id(uuid, "release", "key-");
        assert_eq!(id.len(), 16);
        assert_eq!(id[..2], [0xea, 0x93]);
        assert_eq!(keypair_id(&id).as_deref(), Some(uuid));
    }

    #[test]
    fn an_id_that_is_no_uuid_becomes_sixteen_bytes_of_its_hash() {
        for odd in ["42", "key_711812656", "ea936a8f-446d-8bab-b782-c01e8612bf1g", "ea936a8f-446d-8bab-b782-c01e8612bé"]
        {
            assert_eq!(assigned_id(odd).len(), 16, "{odd}");
        }
        assert_ne!(assigned_id("a"), assigned_id("b"));
    }

    #[test]
    fn the_id_of_a_client_is_in_the_alias_and_comes_out_again() {
        for id in [&[0x0a, 0xff][..], &[7; 20], &[0]] {
            let alias = alias_of_id(id, "key-");
            assert_eq!(&*object_id("42", &alias, "key-"), id, "{alias}");
            assert_eq!(&*object_id("42", &alias, "other-"), assigned_id("42"));
        }
        for alias in ["key-", "key-a", "key-0A", "key-0g", "key-0a ", "release", "key-\u{fc}"] {
            assert_eq!(&*object_id("42", alias, "key-"), assigned_id("42"), "{alias}");
        }
    }
}
