//! The way to the service: opened by the first request, and used by all others.

use super::connections::Connections;
use super::credentials::Credentials;
use super::deadline::Deadline;
use super::dialect::Dialect;
use super::failure::{Failure, Kind};
use super::line::{Endpoint, Line};
use super::observe::Observation;
use super::stats::Stats;
use super::transport::{self, Dialer};
use super::turns::Turns;
use super::{cache_identity, listing, resolve};
use crate::config::{Login, Secret, TokenSettings};
use crate::host::quietly;
use crate::lock::{Condvar, Mutex, RwLock};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tokio::runtime::Handle;

/// An open line: connections, and the shared state of requests.
pub struct Open {
    connections: Connections,
    endpoint: Arc<Endpoint>,
}

/// The lines of one account, one after the other: each belongs to the credentials that it was opened with.
pub struct Lines {
    settings: Arc<TokenSettings>,
    pub stats: Arc<Stats>,
    pub observation: Arc<Observation>,
    pub dialect: Arc<Dialect>,
    met: Arc<AtomicBool>,
    pin: Mutex<Option<Secret>>,
    open: RwLock<Option<Arc<Open>>>,
    /// Whether a thread is opening the line.
    opening: Mutex<bool>,
    opened: Condvar,
    /// Whether the first connection is being opened before a request needs it.
    early: AtomicBool,
    /// Whether the parent of this process had connections.
    forked: AtomicBool,
}

impl Lines {
    /// Reads no file, and opens nothing.
    pub fn new(settings: Arc<TokenSettings>) -> Self {
        Self {
            settings,
            stats: Arc::default(),
            observation: Arc::default(),
            dialect: Arc::default(),
            met: Arc::default(),
            pin: Mutex::default(),
            open: RwLock::default(),
            opening: Mutex::default(),
            opened: Condvar::default(),
            early: AtomicBool::new(false),
            forked: AtomicBool::new(false),
        }
    }

    /// The open line; the first caller opens it. Not inlined, to save stack.
    #[inline(never)]
    fn line(&self, deadline: Deadline) -> Result<Arc<Open>, Failure> {
        let _one_opens = {
            let mut opening = self.opening.lock();
            loop {
                if let Some(open) = &*self.open.read() {
                    return Ok(Arc::clone(open));
                }
                if !*opening {
                    break;
                }
                if deadline.is_over() {
                    return Err(deadline.passed("another thread did not get the connection ready"));
                }
                opening = self.opened.wait_until(opening, deadline.at());
            }
            *opening = true;
            Opening(self)
        };
        let open = Arc::new(self.make_line(self.pin.lock().clone().as_ref())?);
        *self.open.write() = Some(Arc::clone(&open));
        Ok(open)
    }

    /// Runs the programs that print secrets, if they have not run yet, within the deadline. The result records how much
    /// time they took.
    pub fn obtain(&self, deadline: Deadline) -> Result<Deadline, Failure> {
        let settings = &*self.settings;
        let begun = Instant::now();
        let mut ran = false;
        for secret in [&settings.api_key, &settings.client_cert_password, &settings.proxy].into_iter().flatten() {
            if secret.is_known() {
                continue;
            }
            ran = true;
            secret.obtain(deadline.left()).map_err(|cause| match deadline.is_over() {
                false => Failure::new(Kind::Settings, cause, "check the settings file"),
                true => Failure::new(Kind::Timeout, cause, "use a faster command, or raise STM_PKCS11_TIMEOUT"),
            })?;
        }
        Ok(if ran { deadline.with_secrets(begun.elapsed()) } else { deadline })
    }

    fn make_line(&self, pin: Option<&Secret>) -> Result<Open, Failure> {
        let settings = &*self.settings;
        if !settings.problems.is_empty() {
            return Err(Failure::of_settings(&settings.problems));
        }
        let Some(host) = &settings.host else { return Err(Failure::new(Kind::Settings, "SM_HOST is not set", "")) };
        let connections = Connections::new(Dialer::new(settings, &Credentials::new(settings, pin))?);
        let endpoint = Arc::new(Endpoint {
            base: Endpoint::base(host)?,
            proxy: settings.proxy.as_ref().and_then(transport::proxy_name),
            stats: Arc::clone(&self.stats),
            met: Arc::clone(&self.met),
            observation: Arc::clone(&self.observation),
            dialect: Arc::clone(&self.dialect),
            turns: Turns::new(self.pace_path(pin)),
        });
        Ok(Open { connections, endpoint })
    }

    /// The deadline of a call that begins now.
    pub fn deadline(&self) -> Deadline {
        Deadline::after(self.settings.timeout)
    }

    /// Runs work that sends requests, on the calling thread.
    pub fn run<T, F>(&self, deadline: Deadline, work: impl FnOnce(Line) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        Stats::add(&self.stats.operations, 1);
        let deadline = self.obtain(deadline)?;
        let open = self.line(deadline)?;
        if self.early.swap(false, Ordering::Relaxed) {
            open.connections.forget_early();
        }
        run_on(&open, deadline, work).map_err(|failure| self.without_key(failure))
    }

    /// If no API key was sent, a refusal of the credentials has one likely reason.
    fn without_key(&self, failure: Failure) -> Failure {
        let sent = self.settings.api_key.is_some() || self.settings.login == Login::ApiKey;
        if sent || failure.kind() != Kind::Unauthorized {
            return failure;
        }
        let remedy = "SM_API_KEY is not set: set it, or ask whether the client certificate alone may sign in";
        Failure { remedy: remedy.into(), ..failure }
    }

    /// The file through which the processes with this identity share their pace; `None` if they do not.
    fn pace_path(&self, pin: Option<&Secret>) -> Option<PathBuf> {
        let dir = self.settings.cache_dir.as_ref().filter(|_| self.settings.shared_pace)?;
        Some(dir.join("stm-pkcs11").join(cache_identity::identity(&self.settings, pin)).join("pace"))
    }

    /// A signature will probably follow: begins to open a connection, if there is none, without waiting for it. Failures are those of
    /// the request that follows, which opens its own.
    pub fn expect_signature(&self) {
        if !may_connect_early(&self.settings, resolve::is_aside(), self.forked.load(Ordering::Relaxed)) {
            return;
        }
        let Ok(open) = self.line(self.deadline()) else { return };
        let begun = guarded(|| open.connections.open_early(open.endpoint.base.clone()).is_ok());
        if begun {
            self.early.store(true, Ordering::Relaxed);
            self.drive_early();
        }
    }

    /// Drives the connection that [`Lines::expect_signature`] began, without waiting.
    pub fn drive_early(&self) {
        if !self.early.load(Ordering::Relaxed) {
            return;
        }
        let Some(open) = self.open.read().clone() else { return };
        if !guarded(|| open.connections.drive_early()) {
            self.early.store(false, Ordering::Relaxed);
        }
    }

    /// The PIN of the user who is logged in.
    pub fn pin(&self) -> Option<Secret> {
        self.pin.lock().clone()
    }

    /// Opens a line with a PIN, and checks it with one small request.
    pub fn try_pin(&self, pin: &Secret) -> Result<Arc<Open>, Failure> {
        Stats::add(&self.stats.operations, 1);
        let deadline = self.obtain(self.deadline())?;
        let open = Arc::new(self.make_line(Some(pin))?);
        run_on(&open, deadline, async |line| listing::knock(&line).await)?;
        Ok(open)
    }

    /// Later requests use the line that was opened with this PIN.
    pub fn log_in(&self, pin: Secret, open: Arc<Open>) {
        *self.pin.lock() = Some(pin);
        *self.open.write() = Some(open);
    }

    /// Forgets the PIN, and closes the connections that were opened with it.
    pub fn log_out(&self) {
        *self.pin.lock() = None;
        self.close();
    }

    /// In a forked child: abandons the parent's connections, and opens others when needed.
    pub fn adopt(&self) {
        // Never dropped: that could write to the parent's sockets.
        std::mem::forget(self.open.write().take());
        self.early.store(false, Ordering::Relaxed);
        self.forked.store(true, Ordering::Relaxed);
    }

    pub fn close(&self) {
        quietly(|| *self.open.write() = None);
    }
}

/// The thread that opens the line.
struct Opening<'a>(&'a Lines);

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        *self.0.opening.lock() = false;
        self.0.opened.notify_all();
    }
}

/// Whether a connection may be opened before a request needs it. A program that prints a secret may take long, and a name server
/// as well, unless names are resolved `aside`.
fn may_connect_early(settings: &TokenSettings, aside: bool, forked: bool) -> bool {
    let mut secrets = [&settings.api_key, &settings.client_cert_password, &settings.proxy].into_iter().flatten();
    settings.early_connect && aside && !forked && secrets.all(Secret::is_known)
}

/// Whether the event loop can run on this thread. A thread that is ending may have lost its thread-locals, and so has the main thread
/// when `exit` calls the handlers of other libraries; the event loop would panic there, and print that on stderr.
fn has_thread_locals() -> bool {
    !Handle::try_current().is_err_and(|error| error.is_thread_local_destroyed())
}

/// Runs work on an event loop that nobody waits for; false if it cannot run on this thread.
fn guarded(work: impl FnOnce() -> bool) -> bool {
    if !has_thread_locals() {
        return false;
    }
    let mut work = Some(work);
    let mut done = false;
    let run = || quietly(|| done = work.take().is_some_and(|work| work()));
    catch_unwind(AssertUnwindSafe(run)).is_ok() && done
}

/// Runs work on an open line. If the event loop cannot run on this thread, that is a failure of this call, not of the host.
fn run_on<T, F>(open: &Open, deadline: Deadline, work: impl FnOnce(Line) -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let ending = || {
        let cause = "the request could not be run on this thread (is the thread or the process ending?)";
        Err(Failure::new(Kind::Cancelled, cause, ""))
    };
    if !has_thread_locals() {
        return ending();
    }
    let connection = open.connections.take()?;
    let endpoint = Arc::clone(&open.endpoint);
    let (client, early) = (connection.client().clone(), Arc::clone(connection.early()));
    let line = Line { client, early, endpoint, deadline, budget: Arc::default() };
    let work = transport::on_the_heap(|| work(line));
    let run = || quietly(|| connection.block_on(work));
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| ending())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};

    #[test]
    fn a_connection_is_opened_early_only_where_nothing_can_hold_it_up() {
        let may = |change: fn(&mut TokenSettings), aside, forked| {
            let settings = TokenSettings::sample(|settings| {
                settings.early_connect = true;
                change(settings);
            });
            may_connect_early(&settings, aside, forked)
        };
        assert!(may(|_| {}, true, false));
        assert!(!may(|_| {}, false, false), "a name server may take long");
        assert!(!may(|_| {}, true, true), "the parent had connections");
        assert!(!may(|settings| settings.early_connect = false, true, false));
        assert!(!may(|settings| settings.api_key = Some(Secret::printed_by("sleep 9")), true, false));
    }

    #[test]
    fn the_processes_of_an_identity_share_their_pace_unless_the_settings_say_no() {
        let path = |shared, pin: Option<&str>| {
            let settings = TokenSettings::sample(|settings| {
                settings.cache_dir = Some("/cache".into());
                settings.shared_pace = shared;
            });
            let identity = cache_identity::identity(&settings, pin.map(Secret::new).as_ref());
            (Lines::new(settings).pace_path(pin.map(Secret::new).as_ref()), identity)
        };
        for pin in [None, Some("1234")] {
            let (shared, identity) = path(true, pin);
            assert_eq!(shared, Some(PathBuf::from(format!("/cache/stm-pkcs11/{identity}/pace"))));
            assert_eq!(path(false, pin).0, None);
        }
        assert_ne!(path(true, None), path(true, Some("1234")));
    }

    #[test]
    fn a_pin_and_its_connections_are_kept_until_the_logout() {
        let lines = Lines::new(TokenSettings::sample(|_| {}));
        let pin = Secret::new("1234");
        let open = Arc::new(lines.make_line(Some(&pin)).unwrap());
        lines.log_in(pin, Arc::clone(&open));
        assert_eq!(lines.pin().unwrap().reveal(), "1234");
        assert!(Arc::ptr_eq(&lines.line(lines.deadline()).unwrap(), &open));
        lines.log_out();
        assert!(lines.pin().is_none() && lines.open.read().is_none());
        lines.line(lines.deadline()).unwrap();
        lines.close();
        assert!(lines.open.read().is_none());
    }

    #[test]
    fn work_that_nobody_waits_for_says_whether_it_is_done() {
        assert!(guarded(|| true));
        assert!(!guarded(|| false));
        assert!(!guarded(|| panic!("injected")));
    }

    #[test]
    fn a_thread_that_has_lost_its_thread_locals_is_known() {
        struct Last(Sender<bool>);
        impl Drop for Last {
            fn drop(&mut self) {
                let _ = self.0.send(has_thread_locals());
            }
        }
        thread_local!(static LAST: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) });
        let (sender, receiver) = channel();
        let thread = std::thread::spawn(move || {
            // Before the event loop's, so that it is dropped after them.
            LAST.set(Some(Last(sender)));
            has_thread_locals()
        });
        assert!(thread.join().unwrap());
        assert!(!receiver.recv().unwrap(), "while the thread ends");
    }
}
