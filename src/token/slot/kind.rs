//! The kinds of slots, and which keys each has.

use crate::mechanism::Family;

/// The keypairs of an account that a slot shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SlotKind {
    /// RSA and ECDSA.
    Classic,
    /// EdDSA and post-quantum: older libp11 ignores a whole slot if it finds a key of an unknown type.
    Modern,
}

impl SlotKind {
    /// The kind of slot for keys of this family.
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
