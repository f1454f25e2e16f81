//! Text that must never be shown: it has no `Debug` and no `Display`, and is wiped when dropped.

use super::command;
use crate::redact::{self, Hidden};
use once_cell::sync::OnceCell;
use std::sync::{Arc, Weak};
use std::time::Duration;
use zeroize::Zeroizing;

/// The timeout of a program outside a call that has a deadline: the user may have to touch a hardware key.
const PATIENCE: Duration = Duration::from_secs(30);

/// A password, an API key, or a proxy URL with credentials. Clones share it.
#[derive(Clone)]
pub struct Secret(Arc<Inner>);

struct Inner {
    text: OnceCell<Zeroizing<String>>,
    /// The program that prints it, if its value is not known yet.
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

    /// Wiped when the last clone is dropped, and hidden in every log message from now on.
    pub fn new(text: impl Into<String>) -> Self {
        Self::watched(Inner { text: OnceCell::with_value(Zeroizing::new(text.into())), command: None })
    }

    /// A secret that a program prints. The program runs once, when the secret is first needed.
    pub fn printed_by(command: impl Into<String>) -> Self {
        Self::watched(Inner { text: OnceCell::new(), command: Some(command.into()) })
    }

    /// Whether the value is known; otherwise its program must run first.
    pub fn is_known(&self) -> bool {
        self.0.text.get().is_some()
    }

    /// Runs the program that prints it, if it has not run yet, for at most `patience`. The error describes the failure.
    pub fn obtain(&self, patience: Duration) -> Result<(), String> {
        let Some(command) = &self.0.command else { return Ok(()) };
        self.0.text.get_or_try_init(|| command::output(command, patience)).map(|_| ())
    }

    /// The text itself, for the one place that needs it. Empty if its program failed.
    pub fn reveal(&self) -> &str {
        let _ = self.obtain(PATIENCE);
        self.0.text.get().map_or("", |text| text)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_a_secret_runs_when_it_is_needed_and_its_failure_has_words() {
        assert!(Secret::new("known").is_known());
        let printed = Secret::printed_by("printf printed");
        assert!(!printed.is_known());
        assert_eq!(printed.obtain(PATIENCE), Ok(()));
        assert!(printed.is_known());
        assert_eq!(printed.reveal(), "printed");
        let failing = Secret::printed_by("false");
        assert!(failing.obtain(PATIENCE).is_err_and(|reason| reason.contains("'false' failed")));
        assert!(!failing.is_known());
        assert_eq!(failing.reveal(), "");
    }
}
