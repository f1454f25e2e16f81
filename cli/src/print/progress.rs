//! Progress on the terminal while a long list arrives, page by page. Nothing is printed if standard error is not a
//! terminal.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use stm_pkcs11::plural::counted;
use stm_pkcs11::service::Service;

/// How often the line is updated; shorter operations print none.
const STEP: Duration = Duration::from_millis(500);

/// Runs `work` with the service, and shows its progress.
pub fn during<T>(service: &Service, work: impl FnOnce() -> T) -> T {
    if !std::io::stderr().is_terminal() {
        return work();
    }
    std::thread::scope(|scope| {
        let (done, over) = channel::<()>();
        scope.spawn(move || {
            let mut told = false;
            while over.recv_timeout(STEP) == Err(RecvTimeoutError::Timeout) {
                let (requests, bytes) = service.traffic();
                let _ = write!(
                    std::io::stderr(),
                    "\r\u{1b}[Kreading the keypairs: {}, {} kB",
                    counted(requests, "request"),
                    bytes / 1000
                );
                told = true;
            }
            if told {
                let _ = write!(std::io::stderr(), "\r\u{1b}[K");
            }
        });
        let result = work();
        drop(done);
        result
    })
}
