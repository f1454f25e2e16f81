//! Where a catalog's objects live.

use super::kind::SlotKind;
use crate::token::object::Handles;
use cryptoki_sys::CK_SLOT_ID;
use std::sync::Arc;

/// Where a catalog's objects live and what they look like.
#[derive(Clone)]
pub struct Layout {
    /// The account's one or two slots; the classic one first.
    pub slots: Vec<(SlotKind, CK_SLOT_ID)>,
    /// Whether chain certificates are shown.
    pub chain: bool,
    /// What stands before the id in the alias of a keypair that a client created with an id alone.
    pub id_prefix: Arc<str>,
    /// Whether private keys are hidden until login.
    pub private: bool,
    /// The run's, shared by all slots.
    pub handles: Arc<Handles>,
}
