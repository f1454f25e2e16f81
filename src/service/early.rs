//! A connection that is opened before the first request.
//!
//! A program that looks for one private key by its name, and finds it in the cache, will probably sign. Until it does, the
//! connection is opened as far as that goes without waiting: nobody waits for it, and no thread drives it. Every later call of the
//! host drives it further. Nothing but the handshake is sent, and a connection that fails here is opened again for the request.
//!
//! The HTTP client opens connections only for requests. So [`EarlyLayer`] is between the two: while [`Stash::arm`] has announced
//! it, a request starts a connection, leaves it in the stash, and fails without having been sent. The next request takes it.

use crate::lock::Mutex;
use hyper::rt::{Read, ReadBuf};
use std::any::Any;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Made = Result<Box<dyn Any + Send>, BoxError>;
type Connecting = Pin<Box<dyn Future<Output = Made> + Send>>;

/// The connection of one HTTP client that no request has taken yet.
#[derive(Default)]
pub struct Stash {
    armed: AtomicBool,
    content: Mutex<Option<Content>>,
}

enum Content {
    Connecting(Connecting),
    Open(Made),
}

impl Stash {
    /// The next request opens a connection for the stash, and fails.
    pub fn arm(&self) {
        self.armed.store(true, Relaxed);
    }

    pub fn is_connecting(&self) -> bool {
        matches!(*self.content.lock(), Some(Content::Connecting(_)))
    }

    /// Drives the connection without waiting.
    pub fn drive(&self, context: &mut Context<'_>) {
        let mut content = self.content.lock();
        if let Some(Content::Connecting(connecting)) = &mut *content
            && let Poll::Ready(made) = connecting.as_mut().poll(context)
        {
            *content = Some(Content::Open(made));
        }
    }

    /// Returns when the connection is open, or failed, or at once if there is none.
    pub async fn opened(&self) {
        poll_fn(|context| {
            self.drive(context);
            if self.is_connecting() { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    /// Closes the connection, if no request has taken it.
    pub fn clear(&self) {
        self.armed.store(false, Relaxed);
        *self.content.lock() = None;
    }
}

/// Gives the stashed connection to the request that needs one.
#[derive(Clone)]
pub struct EarlyLayer(pub Arc<Stash>);

impl<S> Layer<S> for EarlyLayer {
    type Service = EarlyConnector<S>;

    fn layer(&self, connector: S) -> EarlyConnector<S> {
        EarlyConnector { connector, stash: Arc::clone(&self.0) }
    }
}

/// The client's connector with the stash before it.
#[derive(Clone)]
pub struct EarlyConnector<S> {
    connector: S,
    stash: Arc<Stash>,
}

impl<S, R> Service<R> for EarlyConnector<S>
where
    S: Service<R, Error = BoxError> + Clone + Send + 'static,
    S::Response: Read + Send + Unpin + 'static,
    S::Future: Send + 'static,
    R: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        if self.stash.armed.swap(false, Relaxed) {
            let connecting = self.connector.call(request);
            let connecting = async move { connecting.await.map(|made| Box::new(made) as Box<dyn Any + Send>) };
            *self.stash.content.lock() = Some(Content::Connecting(Box::pin(connecting)));
            return Box::pin(async { Err("the connection is only opened".into()) });
        }
        let Some(content) = self.stash.content.lock().take() else { return Box::pin(self.connector.call(request)) };
        let mut connector = self.connector.clone();
        Box::pin(async move {
            let made = match content {
                Content::Connecting(connecting) => connecting.await,
                Content::Open(made) => made,
            };
            if let Ok(made) = made
                && let Ok(mut connection) = made.downcast::<S::Response>()
                && is_open(&mut *connection).await
            {
                return Ok(*connection);
            }
            poll_fn(|context| connector.poll_ready(context)).await?;
            connector.call(request).await
        })
    }
}

/// Whether the peer has neither closed the connection nor sent anything meanwhile. Without waiting.
async fn is_open(connection: &mut (impl Read + Unpin)) -> bool {
    poll_fn(|context| {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        Poll::Ready(pin!(&mut *connection).poll_read(context, buffer.unfilled()).is_pending())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::atomic::AtomicUsize;

    /// Connections that are `Pending` for a number of polls; the service counts them.
    #[derive(Clone)]
    struct Connector {
        made: Arc<AtomicUsize>,
        closed: bool,
    }

    struct Connection {
        number: usize,
        closed: bool,
    }

    impl Read for Connection {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: hyper::rt::ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            if self.closed { Poll::Ready(Ok(())) } else { Poll::Pending }
        }
    }

    impl Service<()> for Connector {
        type Response = Connection;
        type Error = BoxError;
        type Future = Pin<Box<dyn Future<Output = Result<Connection, BoxError>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            let number = self.made.fetch_add(1, Relaxed) + 1;
            let closed = self.closed && number == 1;
            Box::pin(async move {
                tokio::task::yield_now().await;
                Ok(Connection { number, closed })
            })
        }
    }

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
    }

    /// The number of the connection that a request gets, after so many drives.
    fn got(closed: bool, drives: usize) -> (usize, usize) {
        let (stash, made) = (Arc::new(Stash::default()), Arc::new(AtomicUsize::new(0)));
        let mut connector = EarlyLayer(Arc::clone(&stash)).layer(Connector { made: Arc::clone(&made), closed });
        run(async {
            stash.arm();
            assert!(connector.call(()).await.is_err());
            for _ in 0..drives {
                poll_fn(|context| {
                    stash.drive(context);
                    Poll::Ready(())
                })
                .await;
                tokio::task::yield_now().await;
            }
            assert_eq!(stash.is_connecting(), drives < 2);
            let number = connector.call(()).await.unwrap().number;
            (number, made.load(Relaxed))
        })
    }

    #[test]
    fn a_request_takes_the_stashed_connection_however_far_it_is() {
        for drives in [0, 1, 2, 5] {
            assert_eq!(got(false, drives), (1, 1), "{drives}");
        }
    }

    #[test]
    fn a_connection_can_be_waited_for_and_is_then_taken() {
        let (stash, made) = (Arc::new(Stash::default()), Arc::new(AtomicUsize::new(0)));
        let mut connector = EarlyLayer(Arc::clone(&stash)).layer(Connector { made: Arc::clone(&made), closed: false });
        run(async {
            stash.opened().await;
            stash.arm();
            assert!(connector.call(()).await.is_err());
            assert!(stash.is_connecting());
            stash.opened().await;
            assert!(!stash.is_connecting());
            assert_eq!((connector.call(()).await.unwrap().number, made.load(Relaxed)), (1, 1));
        });
    }

    #[test]
    fn a_stashed_connection_that_the_peer_has_closed_is_opened_again() {
        assert_eq!(got(true, 5), (2, 2));
    }

    #[test]
    fn whether_another_connection_may_be_opened_is_the_clients_decision() {
        #[derive(Clone)]
        struct Busy;
        impl Service<()> for Busy {
            type Response = Connection;
            type Error = BoxError;
            type Future = std::future::Pending<Result<Connection, BoxError>>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
                Poll::Ready(Err("busy".into()))
            }

            fn call(&mut self, (): ()) -> Self::Future {
                std::future::pending()
            }
        }
        let mut connector = EarlyLayer(Arc::default()).layer(Busy);
        let refused = run(poll_fn(|context| connector.poll_ready(context))).unwrap_err();
        assert_eq!(refused.to_string(), "busy");
    }

    #[test]
    fn a_connection_that_was_cleared_is_not_used() {
        let (stash, made) = (Arc::new(Stash::default()), Arc::new(AtomicUsize::new(0)));
        let mut connector = EarlyLayer(Arc::clone(&stash)).layer(Connector { made: Arc::clone(&made), closed: false });
        run(async {
            stash.arm();
            assert!(connector.call(()).await.is_err());
            stash.clear();
            assert_eq!(connector.call(()).await.unwrap().number, 2);
            assert_eq!(connector.call(()).await.unwrap().number, 3, "the stash is empty");
        });
    }
}
