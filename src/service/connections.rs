//! The pool of connections to the service.
//!
//! A connection is an HTTP client with the event loop that drives it. No thread of ours runs it: the caller drives the
//! event loop on its own thread, and only during a request. So a process that signs on one thread has one connection. A
//! process that signs on many threads has one for each parallel request, up to [`MOST`]. The most recently used
//! connection is taken first, so that the server can close idle ones. If [`MOST`] are in use, or the process has no
//! descriptors left, requests share connections in turn.
//!
//! Why not one runtime with its own thread, the usual design of HTTP clients? The host process is not ours. It may fork
//! at any moment (threads do not survive), unload the library (no thread may still run its code), block signals, or
//! exit while we wait. A loop that runs only inside a C call avoids all of these states. The price is that nobody
//! watches an idle connection. If the server has closed it, the next request notices, and is sent over a new one if
//! none of it was sent (`retry.rs`).

use super::early::Stash;
use super::failure::{Failure, Kind};
use super::transport::Dialer;
use crate::lock::Mutex;
use crate::open_files;
use reqwest::{Client, Url};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// The most connections of one account: each needs four descriptors, and many hosts allow a process 1024.
const MOST: usize = 64;
/// How long an early connection is kept for a signature that does not follow.
const UNUSED: Duration = Duration::from_secs(10);

struct Connection {
    // Dropped in this order: connections close while their event loop still exists.
    client: Client,
    stash: Arc<Stash>,
    runtime: Runtime,
}

/// The connections of one account.
pub struct Connections {
    dialer: Dialer,
    state: Mutex<State>,
    /// The connection that is opened before the first request, and since when.
    early: Mutex<Option<(Arc<Connection>, Instant)>>,
}

#[derive(Default)]
struct State {
    made: usize,
    all: Vec<Arc<Connection>>,
    /// In order of use, the most recent last.
    free: Vec<Arc<Connection>>,
    /// The next connection to share, modulo their number.
    turn: usize,
}

impl State {
    fn shared(&mut self) -> Option<Arc<Connection>> {
        self.turn = self.turn.wrapping_add(1);
        self.all.get(self.turn % self.all.len().max(1)).cloned()
    }
}

/// A connection in use; dropping this gives it back.
pub struct Taken<'a> {
    connections: &'a Connections,
    connection: Arc<Connection>,
    alone: bool,
}

impl Connections {
    pub fn new(dialer: Dialer) -> Self {
        Self { dialer, state: Mutex::default(), early: Mutex::default() }
    }

    /// A free connection, or a new one. Shares one in use if [`MOST`] exist, or if none can be opened.
    pub fn take(&self) -> Result<Taken<'_>, Failure> {
        self.take_or(|| self.make())
    }

    fn take_or(&self, make: impl FnOnce() -> Result<Connection, Failure>) -> Result<Taken<'_>, Failure> {
        let taken = |connection, alone| Taken { connections: self, connection, alone };
        {
            let mut state = self.state.lock();
            if let Some(connection) = state.free.pop() {
                return Ok(taken(connection, true));
            }
            if state.made >= MOST
                && let Some(connection) = state.shared()
            {
                return Ok(taken(connection, false));
            }
            state.made += 1;
        }
        let made = make();
        let mut state = self.state.lock();
        match made {
            Ok(connection) => {
                let connection = Arc::new(connection);
                state.all.push(Arc::clone(&connection));
                Ok(taken(connection, true))
            }
            Err(failure) => {
                state.made -= 1;
                state.shared().map(|connection| taken(connection, false)).ok_or(failure)
            }
        }
    }

    // So that its stack frame is gone when a request begins.
    #[inline(never)]
    fn make(&self) -> Result<Connection, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime
            .map_err(|error| Failure::new(Kind::Resources, format!("no event loop: {error}"), open_files::REMEDY))?;
        let stash = Arc::new(Stash::default());
        Ok(Connection { client: self.dialer.client(&stash)?, stash, runtime })
    }

    /// Begins to open the first connection, without waiting for it. Does nothing if there is one.
    ///
    /// # Errors
    /// There are not enough resources for a connection.
    pub fn open_early(&self, url: Url) -> Result<(), Failure> {
        let mut early = self.early.lock();
        if self.state.lock().made > 0 {
            return Ok(());
        }
        let taken = self.take()?;
        let connection = Arc::clone(&taken.connection);
        connection.stash.arm();
        // Polled once: it fails as soon as the connection is under way.
        taken.block_on(async {
            let mut request = pin!(connection.client.get(url).send());
            poll_fn(|context| {
                let _ = request.as_mut().poll(context);
                Poll::Ready(())
            })
            .await;
        });
        *early = Some((connection, Instant::now()));
        Ok(())
    }

    /// Drives the early connection as far as it goes without waiting; returns whether there is more to do. One that nobody took
    /// within [`UNUSED`] is closed.
    pub fn drive_early(&self) -> bool {
        // Another thread drives it.
        let Some(mut early) = self.early.try_lock() else { return true };
        let Some((connection, since)) = &*early else { return false };
        if since.elapsed() >= UNUSED {
            let entered = connection.runtime.enter();
            connection.stash.clear();
            drop(entered);
            *early = None;
            return false;
        }
        if connection.stash.is_connecting() {
            let drive = || {
                poll_fn(|context| {
                    connection.stash.drive(context);
                    Poll::Ready(())
                })
            };
            connection.runtime.block_on(async {
                drive().await;
                // The event loop looks what has arrived.
                tokio::task::yield_now().await;
                drive().await;
            });
        }
        true
    }

    /// A request has taken the early connection, or will open its own.
    pub fn forget_early(&self) {
        *self.early.lock() = None;
    }
}

impl Taken<'_> {
    /// The client, to be used within [`Taken::block_on`].
    pub fn client(&self) -> &Client {
        &self.connection.client
    }

    /// Its connection that is being opened early.
    pub fn early(&self) -> &Arc<Stash> {
        &self.connection.stash
    }

    /// Runs a future on the calling thread.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.connection.runtime.block_on(future)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if self.alone {
            self.connections.state.lock().free.push(Arc::clone(&self.connection));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::credentials::Credentials;
    use super::*;
    use crate::config::{Sources, load_from};

    fn connections() -> Connections {
        let settings = &load_from(Sources::new(None, Default::default())).tokens[0];
        Connections::new(Dialer::new(settings, &Credentials::new(settings, None)).unwrap())
    }

    fn is_same(one: &Taken<'_>, other: &Taken<'_>) -> bool {
        Arc::ptr_eq(&one.connection, &other.connection)
    }

    #[test]
    fn each_request_has_a_connection_of_its_own_until_there_are_too_many() {
        let connections = connections();
        let (one, other) = (connections.take().unwrap(), connections.take().unwrap());
        assert!(!is_same(&one, &other) && one.alone && other.alone);
        connections.state.lock().made = MOST;
        let shared: Vec<_> = (0..4).map(|_| connections.take().unwrap()).collect();
        assert!(shared.iter().all(|taken| !taken.alone));
        let of_one: Vec<_> = shared.iter().map(|taken| is_same(taken, &one)).collect();
        assert!(of_one == [true, false, true, false] || of_one == [false, true, false, true], "in turn: {of_one:?}");
        drop(shared);
        assert_eq!(connections.state.lock().free.len(), 0, "both are in use");
        let last = Arc::clone(&other.connection);
        drop((one, other));
        assert!(Arc::ptr_eq(&connections.take().unwrap().connection, &last), "the most recently used first");
    }

    #[test]
    fn a_connection_that_cannot_be_made_uses_up_no_place() {
        let connections = connections();
        let fail = || Err(Failure::new(Kind::Resources, "no event loop", ""));
        for _ in 0..=MOST {
            assert_eq!(connections.take_or(fail).err().expect("there is none to share").to_string(), "no event loop");
        }
        let one = connections.take().unwrap();
        assert!(one.alone);
        let other = connections.take_or(fail).unwrap();
        assert!(is_same(&one, &other) && !other.alone);
        assert_eq!(connections.state.lock().made, 1);
    }

    #[test]
    fn an_early_connection_is_that_of_the_next_request_and_is_driven_until_then() {
        let connections = connections();
        assert!(!connections.drive_early(), "there is none");
        connections.open_early(Url::parse("https://127.0.0.1:1/").unwrap()).unwrap();
        assert!(connections.take().unwrap().early().is_connecting());
        assert!(connections.drive_early());
        connections.forget_early();
        assert!(!connections.drive_early());
    }
}
