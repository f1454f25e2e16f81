//! The keypairs that a caller searches for.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// Every keypair that the settings do not exclude.
    All,
    /// Those with exactly this alias.
    Alias(&'a str),
    /// The one with this id.
    Id(&'a str),
}
