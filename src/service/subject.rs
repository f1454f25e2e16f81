//! What a request is about.

/// What a request is about: the same refusal has another remedy for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// `GET /keypairs`, `GET /certificates`
    List,
    /// `GET /keypairs/{id}`
    Keypair,
    /// `POST /keypairs/{id}/sign`
    Sign,
    /// `GET /signatures/{id}`
    Record,
    /// `POST /keypairs`
    Creation,
}
