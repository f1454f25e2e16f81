//! The slots and common properties of a catalog's objects.

use super::kind::SlotKind;
use crate::token::object::Handles;
use cryptoki_sys::CK_SLOT_ID;
use std::sync::Arc;

/// The slots and common properties of a catalog's objects.
#[derive(Clone)]
pub struct Layout {
    /// The account's one or two slots, the classic one first.
    pub slots: Vec<(SlotKind, CK_SLOT_ID)>,
    /// Whether chain certificates are shown.
    pub chain: bool,
    /// The prefix of the id in the alias of a keypair that a client created with only an id.
    pub id_prefix: Arc<str>,
    /// Whether private keys are hidden until login.
    pub private: bool,
    /// Those of the run, shared by all slots.
    pub handles: Arc<Handles>,
}
