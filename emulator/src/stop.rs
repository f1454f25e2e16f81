//! The end that a user asks for.

use std::io;
use tokio::sync::oneshot;

/// Becomes ready when this process is asked to end, by SIGTERM or SIGINT. On Windows never: the system ends it.
///
/// # Errors
/// The signals cannot be received.
pub fn asked() -> io::Result<oneshot::Receiver<()>> {
    let (told, asked) = oneshot::channel();
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT])?;
        std::thread::spawn(move || {
            signals.forever().next();
            let _ = told.send(());
        });
    }
    #[cfg(windows)]
    std::mem::forget(told);
    Ok(asked)
}
