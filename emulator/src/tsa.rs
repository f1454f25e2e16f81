//! The timestamp server: RFC 3161 over plain HTTP, like public ones, with faults on demand.

use crate::body::Reply;
use crate::timestamp::{Refusal, TimeStamper};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;

/// A query is a digest and a nonce.
const BODY_LIMIT: usize = 64 << 10;

/// A fault of the server.
#[derive(Serialize, Deserialize, Clone, Copy, Default, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Closes connections without a response.
    Down,
    /// The token is for a digest other than the query's.
    WrongDigest,
    /// The body is not a valid reply.
    Garbage,
    /// Every query is refused: `systemFailure`.
    Rejection,
}

/// The body of `PUT /tsa`.
#[derive(Serialize, Deserialize, Clone, Copy, Default, PartialEq, Eq, Debug)]
#[serde(deny_unknown_fields)]
pub struct Disturbance {
    #[serde(default)]
    pub fault: Fault,
    /// Waits this long before it responds.
    #[serde(default)]
    pub delay_ms: u64,
}

pub struct Tsa {
    stamper: TimeStamper,
    disturbance: Mutex<Disturbance>,
    queries: AtomicU64,
}

impl Tsa {
    /// A server without faults.
    pub fn new(stamper: TimeStamper) -> Tsa {
        Tsa { stamper, disturbance: Mutex::default(), queries: AtomicU64::new(0) }
    }

    pub fn disturbance(&self) -> Disturbance {
        *self.disturbance.lock()
    }

    /// How many queries arrived so far.
    pub fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }

    /// The current fault, and the number of queries.
    pub fn report(&self) -> Value {
        let disturbance = self.disturbance();
        json!({"fault": disturbance.fault, "delay_ms": disturbance.delay_ms, "queries": self.queries()})
    }

    /// Whether it fails or waits.
    pub fn is_disturbed(&self) -> bool {
        *self.disturbance.lock() != Disturbance::default()
    }

    /// Sets or ends a fault.
    pub fn disturb(&self, disturbance: Disturbance) {
        *self.disturbance.lock() = disturbance;
    }

    fn answer(&self, query: &[u8]) -> (StatusCode, Bytes) {
        let reply = match self.disturbance.lock().fault {
            Fault::Garbage => Ok(b"<html>this is not a time stamp</html>".to_vec()),
            Fault::Rejection => Refusal::SystemFailure.reply(),
            fault => self.stamper.reply(query, SystemTime::now(), fault == Fault::WrongDigest),
        };
        match reply {
            Ok(reply) => (StatusCode::OK, reply.into()),
            Err(error) => {
                eprintln!("stm-emulator: time stamp: {error}");
                (StatusCode::INTERNAL_SERVER_ERROR, Bytes::new())
            }
        }
    }
}

/// Accepts connections for ever.
pub async fn serve(listener: TcpListener, tsa: Arc<Tsa>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        if tsa.disturbance.lock().fault == Fault::Down {
            continue;
        }
        let _ = stream.set_nodelay(true);
        let tsa = tsa.clone();
        tokio::spawn(async move {
            let handler = service_fn(|request| {
                let tsa = tsa.clone();
                async move { Ok::<_, Infallible>(handle(&tsa, request).await) }
            });
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), handler).await;
        });
    }
}

async fn handle(tsa: &Arc<Tsa>, request: Request<Incoming>) -> Response<Reply> {
    if request.method() != Method::POST {
        let mut response = response(StatusCode::METHOD_NOT_ALLOWED, Bytes::new());
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    if request.headers().get(CONTENT_TYPE).is_none_or(|value| value != "application/timestamp-query") {
        return response(StatusCode::UNSUPPORTED_MEDIA_TYPE, Bytes::new());
    }
    let Ok(query) = Limited::new(request.into_body(), BODY_LIMIT).collect().await else {
        return response(StatusCode::PAYLOAD_TOO_LARGE, Bytes::new());
    };
    tsa.queries.fetch_add(1, Ordering::Relaxed);
    let delay = tsa.disturbance.lock().delay_ms;
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    let (tsa, query) = (tsa.clone(), query.to_bytes());
    let signed = tokio::task::spawn_blocking(move || tsa.answer(&query)).await;
    let (status, body) = signed.unwrap_or((StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()));
    response(status, body)
}

fn response(status: StatusCode, body: Bytes) -> Response<Reply> {
    let mut response = Response::new(Reply::whole(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/timestamp-reply"));
    response
}
