//! Progress on the terminal while a long list arrives, page by page. Nothing is printed if standard error is not a
//! terminal.

use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use stm_pkcs11::plural::counted;
use stm_pkcs11::service::Service;

/// How often the line is updated; shorter operations print none.
const STEP: Duration = Duration::from_millis(500);

/// A bar, or with `template` another line, of which a terminal shows as much as it has room for.
pub fn bar(length: Option<u64>, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).expect("the template is right");
    length.map_or_else(ProgressBar::no_length, ProgressBar::new).with_style(style)
}

/// Runs `work` with the service, and shows its progress.
pub fn during<T>(service: &Service, work: impl FnOnce() -> T) -> T {
    let line = bar(None, "{wide_msg}");
    if line.is_hidden() {
        return work();
    }
    std::thread::scope(|scope| {
        let (done, over) = channel::<()>();
        scope.spawn(move || {
            while over.recv_timeout(STEP) == Err(RecvTimeoutError::Timeout) {
                let (requests, bytes) = service.traffic();
                let so_far = format!("{}, {}", counted(requests, "request"), DecimalBytes(bytes));
                line.set_message(format!("reading the keypairs: {so_far}"));
            }
            line.finish_and_clear();
        });
        let result = work();
        drop(done);
        result
    })
}
