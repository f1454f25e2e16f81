//! Which keypairs a caller wants to know of.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// Every keypair that the settings let through.
    All,
    /// Those with exactly this alias.
    Alias(&'a str),
    /// The one with this id.
    Id(&'a str),
}
