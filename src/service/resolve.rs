//! Resolves names within the deadline.
//!
//! The system's resolver cannot be interrupted, and with a silent name server it takes many seconds. So each lookup has
//! its own thread; one that outlives its deadline is abandoned. If the host forbids threads
//! (`CKF_LIBRARY_CANT_CREATE_OS_THREADS`) or none can be started, the calling thread resolves the name, and may exceed
//! the deadline. An address in `SM_HOST`, or a name in `/etc/hosts`, avoids this.

use crate::host::{self, Spawner};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::oneshot;

/// Whether `C_Initialize` permitted threads; it applies to the whole process.
static PERMITTED: AtomicBool = AtomicBool::new(false);

/// Permits threads, or forbids them.
pub fn permit_threads(permitted: bool) {
    PERMITTED.store(permitted, Ordering::Relaxed);
}

fn spawner() -> Option<Spawner> {
    host::spawner().filter(|_| PERMITTED.load(Ordering::Relaxed))
}

/// Whether a lookup keeps nobody waiting: it gets a thread of its own.
pub fn is_aside() -> bool {
    spawner().is_some()
}

pub struct Resolver;

type Found = io::Result<Vec<SocketAddr>>;

fn look_up(name: &str) -> Found {
    (name, 0).to_socket_addrs().map(Iterator::collect)
}

/// Resolves on a separate thread, or on this one if none can be started.
async fn aside(name: String, look_up: fn(&str) -> Found) -> Found {
    let Some(spawn) = spawner() else { return look_up(&name) };
    let (tell, told) = oneshot::channel();
    let for_thread = name.clone();
    let work = move || drop(tell.send(look_up(&for_thread)));
    let Ok(thread) = spawn(Box::new(work)) else { return look_up(&name) };
    let found = told.await.map_err(|_| io::Error::other("the lookup ended early"))?;
    // It has nothing left to do, and must have ended when C_Finalize returns.
    let _ = thread.join();
    found
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        Box::pin(async move {
            let found = aside(name, look_up).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Host;
    use std::time::{Duration, Instant};

    #[test]
    fn a_name_server_that_is_silent_is_not_waited_for_beyond_the_deadline() {
        host::lend(Host {
            spawn: |work| std::thread::Builder::new().spawn(work),
            quietly: |body| body(),
            raised: || false,
            process: std::process::id,
        });
        permit_threads(true);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let begun = Instant::now();
        let silent = |_: &str| {
            std::thread::sleep(Duration::from_secs(3));
            Ok(Vec::new())
        };
        let found = runtime.block_on(async {
            tokio::time::timeout(Duration::from_millis(100), aside("h.example".into(), silent)).await
        });
        assert!(found.is_err());
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        permit_threads(false);
    }
}
