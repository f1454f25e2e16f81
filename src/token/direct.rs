//! Keys for entry points without sessions and templates (`src/windows`): found by alias, used in one call. They share
//! the code behind `C_FindObjects` and `C_Sign`.

use super::module::Module;
use super::object::{Class, Entry, Object, Template};
use super::slot::{Account, Slot};
use crate::error::{Error, Result};
use crate::mechanism::{Digest, Parameter, PublicKey, Signing};
use crate::plural::counted;
use cryptoki_sys::*;
use std::sync::Arc;

/// A private key with everything that it needs to sign. It stays valid for as long as the caller holds it.
#[derive(Clone)]
pub struct DirectKey {
    account: Arc<Account>,
    entry: Arc<Entry>,
}

/// The padding of a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// RSASSA-PKCS1-v1_5 with the DigestInfo of this hash. Without a hash, the data is a DigestInfo, or is signed
    /// unchanged.
    Pkcs1(Option<Digest>),
    /// RSASSA-PSS with MGF1 of the same hash, and a salt of this many bytes.
    Pss(Digest, u64),
    /// ECDSA: `r || s`
    None,
}

impl Module {
    /// The private key with this alias, in the token with this name, or else in the first that has it. Logs an error if
    /// there is none.
    pub fn key_named(&self, alias: &str, token: Option<&str>) -> Result<Option<DirectKey>> {
        let class = CKO_PRIVATE_KEY.to_ne_bytes();
        let template = Template(vec![(CKA_CLASS, &class[..]), (CKA_LABEL, alias.as_bytes())]);
        let mut asked: Option<&Arc<Account>> = None;
        for slot in self.named(token)? {
            // One lookup answers for both slots of an account.
            let ask = asked.is_none_or(|asked| !Arc::ptr_eq(asked, &slot.account));
            asked = Some(&slot.account);
            let found = slot.account.find_or_suggest(slot.id, slot.kind, &template, ask)?;
            if let Some(key) = found.iter().find_map(|object| key(slot, object)) {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// The private keys of all slots; may request the list of every account.
    pub fn keys(&self) -> Result<Vec<DirectKey>> {
        let class = CKO_PRIVATE_KEY.to_ne_bytes();
        let template = Template(vec![(CKA_CLASS, &class[..])]);
        let mut keys = Vec::new();
        for slot in self.slots() {
            keys.extend(
                slot.account.find(slot.id, slot.kind, &template, true)?.iter().filter_map(|one| key(slot, one)),
            );
        }
        Ok(keys)
    }

    fn named(&self, token: Option<&str>) -> Result<Vec<&Slot>> {
        let is = |slot: &&Arc<Slot>| token.is_none_or(|token| slot.account.settings().name == token);
        let slots: Vec<&Slot> = self.slots().iter().filter(is).map(|slot| &**slot).collect();
        if let (true, Some(token)) = (slots.is_empty(), token) {
            let mut names: Vec<&str> = self.slots().iter().map(|slot| slot.account.settings().name.as_str()).collect();
            names.dedup();
            let cause = format!("there is no token '{token}'; the settings have: {}", names.join(", "));
            return Err(Error::loud(CKR_TOKEN_NOT_PRESENT, cause));
        }
        Ok(slots)
    }
}

fn key(slot: &Slot, object: &Arc<Object>) -> Option<DirectKey> {
    let entry = object.entry().filter(|_| object.class() == Class::PrivateKey)?;
    Some(DirectKey { account: Arc::clone(&slot.account), entry: Arc::clone(entry) })
}

impl DirectKey {
    pub fn alias(&self) -> &str {
        &self.entry.keypair.alias
    }

    pub fn public_key(&self) -> &PublicKey {
        &self.entry.key
    }

    /// Its certificate and the issuers that the service returns, in order, in DER; empty if it has none.
    pub fn certificates(&self) -> Vec<&[u8]> {
        let Some(record) = self.entry.certificate_record().filter(|_| self.entry.certificate().is_some()) else {
            return Vec::new();
        };
        std::iter::once(&record.der[..]).chain(record.chain.iter().map(|der| &der[..])).collect()
    }

    /// One signature of a digest: exactly one request, verified before it is returned.
    pub fn sign(&self, padding: Padding, digest: &[u8]) -> Result<Vec<u8>> {
        let (mechanism, parameter, data) = match padding {
            Padding::Pkcs1(Some(hash)) => {
                let row = hash.row();
                if digest.len() != row.len {
                    let cause = format!("{} is not the length of a {} digest", counted(digest.len(), "byte"), row.name);
                    return Err(Error::new(CKR_DATA_LEN_RANGE, cause));
                }
                (CKM_RSA_PKCS, Parameter::None, [row.info, digest].concat())
            }
            Padding::Pkcs1(None) => (CKM_RSA_PKCS, Parameter::None, digest.to_vec()),
            Padding::Pss(hash, salt_len) => {
                let row = hash.row();
                let parameter = Parameter::Pss { hash: row.mechanism_type, mgf: row.mgf, salt_len };
                (CKM_RSA_PKCS_PSS, parameter, digest.to_vec())
            }
            Padding::None => (CKM_ECDSA, Parameter::None, digest.to_vec()),
        };
        let mut signing = Signing::new(mechanism, &parameter, &self.entry.key)?;
        signing.update(&data)?;
        let (signature, _) = self.account.sign(&self.entry.keypair, &signing.finish()?)?;
        Ok(signature)
    }
}
