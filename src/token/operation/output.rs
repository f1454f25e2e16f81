//! Output buffers (PKCS#11 3.2, 5.2).

/// The room that the application provides for a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// A null buffer: the application asks for the length.
    Query,
    Bytes(usize),
}

/// The result of a function with an output buffer (5.2 "Conventions for functions returning output in a variable-length
/// buffer").
#[derive(Debug, PartialEq, Eq)]
pub enum Produced {
    Bytes(Vec<u8>),
    /// The requested length; the operation stays active.
    Length(usize),
    /// `CKR_BUFFER_TOO_SMALL` and the required length; the operation stays active.
    TooSmall(usize),
}

impl Room {
    /// `None` if a result of this length fits; otherwise what to return instead.
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
