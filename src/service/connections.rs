//! The pool of connections to the service.
//!
//! A connection is an HTTP client together with the event loop that drives it. There is no thread of ours behind it:
//! whoever has taken a connection drives its event loop on the calling thread, and only while a request is under way.
//! A process that signs on one thread therefore has one connection, and a process that signs on many threads has one for
//! each request that is under way at the same time, up to [`MOST`]. The connection used last is taken first, so that the
//! others can be closed by the server when they idle. When [`MOST`] are in use, or the process has no descriptors for
//! another, requests share connections in turn.
//!
//! Why not one runtime with a thread of its own, as HTTP clients are used elsewhere? The host process is not ours: it may
//! fork at any moment (threads do not come along), unload us (no thread may be left in our code), block signals, or end
//! while we wait. A loop that runs only inside a C call has none of these states to think about. The price is that an
//! idle connection is looked after by nobody: that the server closed it is noticed when it is used next, and the
//! request goes over a new one where nothing of it had been sent (`retry.rs`).

use super::failure::{Failure, Kind};
use super::transport::Dialer;
use crate::lock::Mutex;
use reqwest::Client;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// The most connections of one account: each needs four descriptors, and many hosts allow a process 1024 in all.
const MOST: usize = 64;

struct Connection {
    // Dropped in this order: connections end while their event loop is there.
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
    /// In order of use: the last one was used last.
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

/// A connection that was taken; given back when this is dropped.
pub struct Taken<'a> {
    connections: &'a Connections,
    connection: Arc<Connection>,
    alone: bool,
}

impl Connections {
    pub fn new(dialer: Dialer) -> Self {
        Self { dialer, state: Mutex::default() }
    }

    /// A free connection, else a new one. Shares one that is in use if [`MOST`] exist, or if none can be made.
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
