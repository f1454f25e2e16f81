//! Text that must not be seen: no `Debug`, no `Display`, wiped when dropped.

use super::command;
use crate::redact::{self, Hidden};
use once_cell::sync::OnceCell;
use std::sync::{Arc, Weak};
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a program may take outside of a call that has a deadline: somebody may have to touch a key.
const PATIENCE: Duration = Duration::from_secs(30);

/// A password, an API key, a proxy with credentials. Clones share it.
#[derive(Clone)]
pub struct Secret(Arc<Inner>);

struct Inner {
    text: OnceCell<Zeroizing<String>>,
    /// What prints it, where it is not known yet.
    command: Option<String>,
}

impl Hidden for Inner {
    fn hidden(&self) -> Option<&str> {
        self.text.get().map(|text| text.as_str())
    }
}

impl Secret {
    fn watched(inner: Inner) -> Self {
        let inner = Arc::new(inner);
        let weak: Weak<Inner> = Arc::downgrade(&inner);
        redact::watch(&(weak as Weak<dyn Hidden>));
        Self(inner)
    }

    /// Wiped when the last clone is dropped, and hidden in every log line from here on.
    pub fn new(text: impl Into<String>) -> Self {
        Self::watched(Inner { text: OnceCell::with_value(Zeroizing::new(text.into())), command: None })
    }

    /// What a program prints. It runs once, when the secret is first needed.
    pub fn printed_by(command: impl Into<String>) -> Self {
        Self::watched(Inner { text: OnceCell::new(), command: Some(command.into()) })
    }

    /// Whether it is known, or has yet to be printed.
    pub fn is_known(&self) -> bool {
        self.0.text.get().is_some()
    }

    /// Runs the program that prints it, if it has not run yet, for no longer than `patience`; what went wrong, in words.
    pub fn obtain(&self, patience: Duration) -> Result<(), String> {
        let Some(command) = &self.0.command else { return Ok(()) };
        self.0.text.get_or_try_init(|| command::output(command, patience)).map(|_| ())
    }

    /// The text itself, for the one place that needs it. Empty where the program that prints it fails.
    pub fn reveal(&self) -> &str {
        let _ = self.obtain(PATIENCE);
        self.0.text.get().map_or("", |text| text)
    }
}
