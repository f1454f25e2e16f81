//! An object: the target of a handle (PKCS#11 3.2, chapter 4 "Objects").

use super::class::Class;
use super::entry::Entry;
use super::session_object::SessionObject;
use crate::mechanism::PublicKey;
use crate::x509::Certificate;
use cryptoki_sys::*;
use std::sync::Arc;

/// Where an object's data comes from.
pub enum Source {
    /// A half of a keypair, or its certificate.
    Keypair(Arc<Entry>),
    /// A certificate of a chain.
    Chain(Box<ChainCertificate>),
    /// `CKP_...`
    Profile(CK_PROFILE_ID),
    /// Created by the application (`C_CreateObject`, `C_CopyObject`).
    Session(Box<SessionObject>),
}

/// A certificate in the chain of a keypair's certificate.
pub struct ChainCertificate {
    pub certificate: Certificate,
    /// Its subject's common name.
    pub label: String,
    /// SHA-1 of its public key bits, by which clients look for issuers.
    pub id: [u8; 20],
}

/// One object of one token.
pub struct Object {
    handle: CK_OBJECT_HANDLE,
    slot: CK_SLOT_ID,
    class: Class,
    private: bool,
    pub(in crate::token) source: Source,
}

impl Object {
    /// An object with a given handle.
    pub(in crate::token) fn new(
        handle: CK_OBJECT_HANDLE,
        slot: CK_SLOT_ID,
        class: Class,
        private: bool,
        source: Source,
    ) -> Self {
        Self { handle, slot, class, private, source }
    }

    pub fn handle(&self) -> CK_OBJECT_HANDLE {
        self.handle
    }

    /// The slot whose token it belongs to.
    pub fn slot(&self) -> CK_SLOT_ID {
        self.slot
    }

    pub fn class(&self) -> Class {
        self.class
    }

    /// The session that owns it, if it is a session object.
    pub fn owner(&self) -> Option<CK_SESSION_HANDLE> {
        match &self.source {
            Source::Session(object) => Some(object.session),
            _ => None,
        }
    }

    /// `CKA_PRIVATE`: whether only a logged-in user sees it. Private keys are private objects if the token requires a
    /// login. Without a login requirement everybody sees them, as the standard defines for objects that are not
    /// private.
    pub fn is_private(&self) -> bool {
        self.private
    }

    /// The keypair behind a private key, public key or certificate of the token.
    pub fn entry(&self) -> Option<&Arc<Entry>> {
        match &self.source {
            Source::Keypair(entry) => Some(entry),
            _ => None,
        }
    }

    /// The public key of a key object.
    pub fn public_key(&self) -> Option<&PublicKey> {
        match &self.source {
            Source::Keypair(entry) if self.class.is_key() => Some(&entry.key),
            Source::Session(object) => object.key.as_ref(),
            _ => None,
        }
    }

    /// The certificate of a certificate object.
    pub fn certificate(&self) -> Option<&Certificate> {
        match &self.source {
            Source::Keypair(entry) if self.class == Class::Certificate => entry.certificate(),
            Source::Chain(chain) => Some(&chain.certificate),
            _ => None,
        }
    }
}
