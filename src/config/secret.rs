//! Text that must not be seen: no `Debug`, no `Display`, wiped when dropped.

use zeroize::Zeroizing;

/// A password, an API key, a proxy with credentials.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes it over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}
