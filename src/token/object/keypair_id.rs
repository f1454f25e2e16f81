//! A keypair's id at the service, and the `CKA_ID` of its objects.

/// `CKA_ID` of a keypair: the 16 bytes of its UUID, else the first 16 of SHA-256 of the id as it stands.
pub fn object_id(keypair_id: &str) -> [u8; 16] {
    uuid_bytes(keypair_id.as_bytes()).unwrap_or_else(|| {
        let digest = crate::mechanism::sha256(keypair_id.as_bytes());
        std::array::from_fn(|place| digest[place])
    })
}

fn uuid_bytes(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != 36 || [8, 13, 18, 23].iter().any(|dash| text[*dash] != b'-') {
        return None;
    }
    let mut digits = text.iter().filter(|byte| **byte != b'-').map(|byte| char::from(*byte).to_digit(16));
    let mut id = [0; 16];
    for byte in &mut id {
        *byte = (digits.next()?? << 4 | digits.next()??) as u8;
    }
    digits.next().is_none().then_some(id)
}

/// The UUID that 16 bytes of `CKA_ID` may stand for.
pub fn keypair_id(object_id: &[u8]) -> Option<String> {
    let hex: String = object_id.iter().map(|byte| format!("{byte:02x}")).collect();
    (object_id.len() == 16)
        .then(|| format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_becomes_its_sixteen_bytes_and_back() {
        let uuid = "ea936a8f-446d-8bab-b782-c01e8612bf1e";
        let id = object_id(uuid);
        assert_eq!(id.len(), 16);
        assert_eq!(id[..2], [0xea, 0x93]);
        assert_eq!(keypair_id(&id).as_deref(), Some(uuid));
    }

    #[test]
    fn an_id_that_is_no_uuid_becomes_sixteen_bytes_of_its_hash() {
        for odd in ["42", "key_711812656", "ea936a8f-446d-8bab-b782-c01e8612bf1g", "ea936a8f-446d-8bab-b782-c01e8612bé"]
        {
            assert_eq!(object_id(odd).len(), 16, "{odd}");
        }
        assert_ne!(object_id("a"), object_id("b"));
    }
}
