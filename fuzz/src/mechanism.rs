//! Mechanism parameters, and what an operation does with them, with the data, and with the service's answer.

use super::memory::Memory;
use super::reader::Reader;
use super::workplace::pantry;
use stm_pkcs11::abi::pointer;
use stm_pkcs11::mechanism::{Hasher, PublicKey, Signing};

/// A mechanism, a key, two parts of data, an answer.
pub fn run(data: &[u8]) {
    let mut reader = Reader(data);
    let mut memory = Memory::default();
    let mechanism = memory.mechanism(&mut reader);
    // SAFETY: the mechanism and its parameter are in `memory`.
    let Ok(Some((number, parameter))) = (unsafe { pointer::mechanism(mechanism) }) else { return };
    let Some(key) = key(&mut reader) else { return };
    let (first, second, answer) = (reader.bytes(), reader.bytes(), reader.0);
    if let Ok(mut hasher) = Hasher::new(number) {
        let len = hasher.len();
        hasher.update(first);
        assert_eq!(hasher.finish().len(), len);
    }
    let Ok(mut signing) = Signing::new(number, &parameter, &key) else { return };
    let len = signing.signature_len();
    if signing.update(first).is_err() || (signing.multipart() && signing.update(second).is_err()) {
        return;
    }
    let Ok(prepared) = signing.finish() else { return };
    if let Ok(signature) = prepared.accept(answer) {
        assert_eq!(signature.len(), len);
        assert!(prepared.verify(&signature).is_ok(), "what was accepted verifies");
    }
    // An answer of the right length goes on to the verification.
    let mut padded = answer.to_vec();
    padded.resize(len, 0);
    let _ = (prepared.accept(&padded), prepared.verify(&padded));
}

/// One of the pantry, or whatever the bytes make.
fn key(reader: &mut Reader<'_>) -> Option<PublicKey> {
    let keys = &pantry().keys;
    let kind = reader.byte();
    match kind {
        0xff => PublicKey::rsa(reader.bytes(), reader.bytes()).ok(),
        0xfe => PublicKey::from_spki(reader.long_bytes()).ok(),
        kind => Some(keys[usize::from(kind) % keys.len()].clone()),
    }
}
