//! A guess about the service that turns out wrong, and what comes of it: one row of the table.

use crate::front::reply::{Asked, Reply};
use cryptoki_sys::*;
use serde_json::{Value, json};

/// The keypair that is signed with.
pub const KEY: &str = "demo-ec-p256";

/// What the application does, in a process that knows nothing yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ask {
    /// Finds a private key by its label and signs.
    Label,
    /// The same for an RSA key, without padding or digest of its own: `CKM_SHA256_RSA_PKCS`.
    Rsa,
    /// Finds a private key by a label that no keypair has.
    Unknown,
    /// Lists all private keys, and signs with one of them.
    List,
    /// Lists all certificates, one of the key among them, and signs.
    Certificates,
    /// Finds the private key by its id and signs.
    Id,
    /// Finds by label, signs, finds again and signs again.
    Twice,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// A signature that verifies.
    Signs,
    /// Nothing is found, and no call fails.
    FindsNothing,
    /// `C_FindObjectsInit` returns this.
    SearchFails(CK_RV),
    /// `C_Sign` returns this.
    SignFails(CK_RV),
}

/// A row.
#[derive(Clone, Copy)]
pub struct Guess {
    /// What the service does differently.
    pub what: &'static str,
    pub ask: Ask,
    pub service: fn(&Asked) -> Reply,
    pub outcome: Outcome,
    /// Words of the one error or, where it signs, of one warning; empty where there is neither.
    pub says: &'static str,
    /// How many requests there are in all.
    pub requests: usize,
}

/// It signs all the same.
pub const fn signs(what: &'static str, ask: Ask, requests: usize, service: fn(&Asked) -> Reply) -> Guess {
    Guess { what, ask, service, outcome: Outcome::Signs, says: "", requests }
}

/// It does not, and says why.
pub const fn fails(
    what: &'static str,
    ask: Ask,
    outcome: Outcome,
    says: &'static str,
    requests: usize,
    service: fn(&Asked) -> Reply,
) -> Guess {
    Guess { what, ask, service, outcome, says, requests }
}

impl Guess {
    /// With one warning.
    pub const fn warns(self, says: &'static str) -> Self {
        Self { says, ..self }
    }
}

/// A refusal in the tutorial's form.
pub fn refuse(status: u16, code: &str, message: &str) -> Reply {
    Reply::Json(status, json!({"errors": [{"code": code, "message": message}]}))
}

/// Forwards what the condition does not hold for.
pub fn unless(condition: bool, reply: impl FnOnce() -> Reply) -> Reply {
    if condition { reply() } else { Reply::Forward }
}

/// Changes each keypair of a list, and a keypair alone.
pub fn each_keypair(change: impl Fn(&mut Value) + 'static) -> Reply {
    Reply::edited(move |body| match body["items"].as_array_mut() {
        Some(items) => items.iter_mut().for_each(&change),
        None => change(body),
    })
}

/// Changes the items of lists of keypairs only: a keypair alone is whole.
pub fn in_lists(asked: &Asked, change: impl Fn(&mut Value) + 'static) -> Reply {
    unless(asked.lists_keypairs(), || each_keypair(change))
}

/// Takes a member away.
pub fn without(value: &mut Value, name: &str) {
    value.as_object_mut().expect("an object").remove(name);
}

/// No page has more items than this.
pub fn clamp(body: &mut Value, size: usize) {
    body["items"].as_array_mut().expect("items").truncate(size);
}
