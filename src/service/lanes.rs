//! Lanes: a connection each, with the event loop that drives it.
//!
//! Whoever makes requests takes a lane for as long, the one that was used last; so a process that signs on one thread has
//! one connection, and one that signs on many has one for each that is under way, and never more. No lane waits for
//! another's event loop, and none has a thread: whoever has taken it drives it.

use super::failure::{Failure, Kind};
use super::transport::Dialer;
use parking_lot::Mutex;
use reqwest::Client;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// How many lanes there are at most: each has four descriptors, and hosts have a thousand. More users share them.
const MOST: usize = 64;

/// One of them.
struct Lane {
    // Dropped in this order: connections end while their event loop is there.
    client: Client,
    runtime: Runtime,
}

/// All of them.
pub struct Lanes {
    dialer: Dialer,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    made: usize,
    all: Vec<Arc<Lane>>,
    /// The one that was used last stands last.
    free: Vec<Arc<Lane>>,
    /// Who shares takes them in turn.
    turn: usize,
}

impl State {
    fn shared(&mut self) -> Option<Arc<Lane>> {
        self.turn = self.turn.wrapping_add(1);
        self.all.get(self.turn % self.all.len().max(1)).cloned()
    }
}

/// A lane that was taken; given back when this is dropped.
pub struct Taken<'a> {
    lanes: &'a Lanes,
    lane: Arc<Lane>,
    alone: bool,
}

impl Lanes {
    /// None yet.
    pub fn new(dialer: Dialer) -> Self {
        Self { dialer, state: Mutex::default() }
    }

    /// A free lane, else a new one; one that is in use already where there are enough of them, or no descriptors for more.
    pub fn take(&self) -> Result<Taken<'_>, Failure> {
        let taken = |lane, alone| Taken { lanes: self, lane, alone };
        {
            let mut state = self.state.lock();
            if let Some(lane) = state.free.pop() {
                return Ok(taken(lane, true));
            }
            if state.made >= MOST
                && let Some(lane) = state.shared()
            {
                return Ok(taken(lane, false));
            }
            state.made += 1;
        }
        let made = self.make();
        let mut state = self.state.lock();
        match made {
            Ok(lane) => {
                let lane = Arc::new(lane);
                state.all.push(Arc::clone(&lane));
                Ok(taken(lane, true))
            }
            Err(failure) => {
                state.made -= 1;
                state.shared().map(|lane| taken(lane, false)).ok_or(failure)
            }
        }
    }

    fn make(&self) -> Result<Lane, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            Failure::new(Kind::Unreachable, format!("no event loop: {error}"), "raise the limit of open files")
        })?;
        Ok(Lane { client: self.dialer.client()?, runtime })
    }
}

impl Taken<'_> {
    /// The client, to be used within [`Taken::block_on`].
    pub fn client(&self) -> &Client {
        &self.lane.client
    }

    /// Runs a future on the calling thread.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.lane.runtime.block_on(future)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if self.alone {
            self.lanes.state.lock().free.push(Arc::clone(&self.lane));
        }
    }
}
