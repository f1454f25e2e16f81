//! Which keys stand in which slot.

use crate::mechanism::Family;

/// Which keypairs of an account a slot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SlotKind {
    /// RSA and ECDSA.
    Classic,
    /// EdDSA and post-quantum: older libp11 gives up on a whole slot when it meets a key of a type it does not know.
    Modern,
}

impl SlotKind {
    /// The kind of slot that holds keys of this family.
    pub fn of(family: Family) -> Self {
        match family {
            Family::Rsa | Family::Ec => Self::Classic,
            Family::Edwards | Family::MlDsa | Family::SlhDsa => Self::Modern,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_a_slot() {
        assert_eq!(SlotKind::of(Family::Rsa), SlotKind::Classic);
        assert_eq!(SlotKind::of(Family::Edwards), SlotKind::Modern);
    }
}
