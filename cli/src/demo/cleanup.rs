//! What the demo leaves behind: nothing, however it ends.

use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;

/// The emulator's process and its temporary directory; both go when the demo ends, fails or is interrupted.
#[derive(Default)]
pub struct Cleanup {
    child: Mutex<Option<Child>>,
    folder: Mutex<Option<TempDir>>,
}

impl Cleanup {
    /// Also arranges that Ctrl-C and SIGTERM clean up before the program ends.
    pub fn install() -> Arc<Cleanup> {
        let cleanup = Arc::new(Cleanup::default());
        let on_signal = Arc::clone(&cleanup);
        // A second installation fails, and there is none: one demo a process.
        let _ = ctrlc::set_handler(move || {
            on_signal.run();
            std::process::exit(130);
        });
        cleanup
    }

    pub fn end_process(&self, child: Child) {
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
    }

    pub fn remove_folder(&self, folder: TempDir) {
        *self.folder.lock().unwrap_or_else(PoisonError::into_inner) = Some(folder);
    }

    /// Whether the process is still there.
    pub fn is_running(&self) -> bool {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    pub fn run(&self) {
        if let Some(mut child) = self.child.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        drop(self.folder.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

#[cfg(test)]
mod tests {
    use super::Cleanup;
    use std::process::Command;

    #[test]
    fn the_process_and_the_folder_are_gone_afterwards() {
        let cleanup = Cleanup::default();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        cleanup.remove_folder(folder);
        cleanup.end_process(Command::new("sleep").arg("60").spawn().unwrap());
        assert!(cleanup.is_running());
        cleanup.run();
        assert!(!cleanup.is_running());
        assert!(!path.exists());
        cleanup.run();
    }
}
