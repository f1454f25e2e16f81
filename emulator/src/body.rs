//! The body of a response, complete or cut off in the middle.

use hyper::body::{Body, Bytes, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::Sleep;

/// What is sent after the headers.
pub enum Reply {
    Whole(Option<Bytes>),
    /// The first half; the headers announced the whole. The connection breaks after a short delay, so that the half can
    /// arrive.
    Half {
        /// What is still to be sent.
        half: Option<Bytes>,
        /// The announced length.
        promised: u64,
        /// Runs until the connection breaks.
        pause: Pin<Box<Sleep>>,
        dead: Arc<Notify>,
    },
    /// Whatever arrives, until its sender is gone.
    Stream(mpsc::Receiver<Bytes>),
}

impl Reply {
    pub fn whole(bytes: Bytes) -> Reply {
        Reply::Whole(Some(bytes))
    }

    /// A body that breaks off; `dead` is notified when the connection must break.
    pub fn half(bytes: Bytes, dead: Arc<Notify>) -> Reply {
        let promised = bytes.len() as u64;
        let pause = Box::pin(tokio::time::sleep(Duration::from_millis(50)));
        Reply::Half { half: Some(bytes.slice(..bytes.len() / 2)), promised, pause, dead }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Reply::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Reply::Half { half, pause, dead, .. } => match half.take() {
                Some(bytes) if !bytes.is_empty() => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                _ => pause.as_mut().poll(context).map(|()| {
                    dead.notify_one();
                    Some(Err(io::Error::other("broken off by a fault rule")))
                }),
            },
            Reply::Stream(receiver) => {
                receiver.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Reply::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Reply::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Reply::Half { promised, .. } => SizeHint::with_exact(*promised),
            Reply::Stream(_) => SizeHint::default(),
        }
    }
}
