/// What a request is about, because the fix for the same refusal depends on it.
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
