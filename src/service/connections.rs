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

use super::failure::{Failure, Kind};
use super::transport::Dialer;
use crate::lock::Mutex;
use reqwest::Client;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// The most connections of one account: each needs four descriptors, and many hosts allow a process 1024.
const MOST: usize = 64;

struct Connection {
    // Dropped in this order: connections close while their event loop still exists.
    client: Client,
    runtime: Runtime,
}

/// The connections of one account.
pub struct Connections {
    dialer: Dialer,
    state: Mutex<State>,
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
        Self { dialer, state: Mutex::default() }
    }

    /// A free connection, or a new one. Shares one in use if [`MOST`] exist, or if none can be opened.
    pub fn take(&self) -> Result<Taken<'_>, Failure> {
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
        let made = self.make();
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

    fn make(&self) -> Result<Connection, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            Failure::new(Kind::Resources, format!("no event loop: {error}"), "raise the limit of open files")
        })?;
        Ok(Connection { client: self.dialer.client()?, runtime })
    }
}

impl Taken<'_> {
    /// The client, to be used within [`Taken::block_on`].
    pub fn client(&self) -> &Client {
        &self.connection.client
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
