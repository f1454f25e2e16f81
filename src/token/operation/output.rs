//! Output buffers (PKCS#11 3.2, 5.2).

/// How much room the application gives for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// None: it asks for the length (a null buffer).
    Query,
    Bytes(usize),
}

/// What a function with an output buffer has to say (5.2 "Conventions for functions returning output in a
/// variable-length buffer").
#[derive(Debug, PartialEq, Eq)]
pub enum Produced {
    Bytes(Vec<u8>),
    /// The length that was asked for; the operation goes on.
    Length(usize),
    /// `CKR_BUFFER_TOO_SMALL` and the length that is needed; the operation goes on.
    TooSmall(usize),
}

impl Room {
    /// Whether an answer of this length is wanted and fits; else what to say instead.
    pub fn check(self, needed: usize) -> Option<Produced> {
        match self {
            Self::Query => Some(Produced::Length(needed)),
            Self::Bytes(room) if room < needed => Some(Produced::TooSmall(needed)),
            Self::Bytes(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_only_where_the_answer_fits() {
        assert_eq!(Room::Query.check(5), Some(Produced::Length(5)));
        assert_eq!(Room::Bytes(4).check(5), Some(Produced::TooSmall(5)));
        assert_eq!(Room::Bytes(5).check(5), None);
    }
}
