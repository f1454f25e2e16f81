//! The API port: connections, TLS, and the way of a request through log, rate limit, faults and API.

use crate::api::{self, Answer, Call};
use crate::body::Reply;
use crate::errors::ApiError;
use crate::service::Service;
use crate::traffic::{Entry, Traffic, start_time};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// No request of this API is anywhere near this long, in bytes.
const BODY_LIMIT: usize = 1 << 20;
/// A client that does not finish its handshake does not hold a connection for ever.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What all connections share.
pub struct Shared {
    /// The service behind the API.
    pub service: Service,
    /// Log and counters.
    pub traffic: Traffic,
    /// The most items that a client gets in one page.
    pub page_limit: usize,
}

/// One connection's own part.
struct Connection {
    shared: Arc<Shared>,
    number: u64,
    peer: IpAddr,
    client_certificate: bool,
}

/// Accepts connections for ever.
pub async fn serve(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let number = shared.traffic.connection();
                tokio::spawn(connection(stream, peer, number, acceptor.clone(), shared.clone()));
            }
            // Out of file descriptors, most likely: they come back when connections end.
            Err(error) => {
                eprintln!("stm-emulator: accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, number: u64, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    // Without this, the second packet of every answer waits for the client's acknowledgement of the first.
    let _ = stream.set_nodelay(true);
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await;
    let Ok(Ok(stream)) = handshake else { return shared.traffic.handshake(false) };
    shared.traffic.handshake(true);
    let client_certificate = stream.get_ref().1.peer_certificates().is_some();
    let connection = Arc::new(Connection { shared, number, peer: peer.ip(), client_certificate });
    let handler = service_fn(|request| {
        let connection = connection.clone();
        async move { Ok::<_, Infallible>(connection.handle(request).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder.http2().timer(TokioTimer::new());
    // A client that hangs up in the middle is no event here.
    let _ = builder.serve_connection(TokioIo::new(stream), handler).await;
}

impl Connection {
    async fn handle(&self, request: Request<Incoming>) -> Response<Reply> {
        let (parts, body) = request.into_parts();
        let method = parts.method.as_str().to_owned();
        let path = parts.uri.path().to_owned();
        let entry = Entry {
            method: method.clone(),
            path: parts.uri.path_and_query().map_or_else(|| path.clone(), |both| both.as_str().to_owned()),
            status: None,
            connection: self.number,
            version: format!("{:?}", parts.version),
            client_certificate: self.client_certificate,
            start: start_time(),
            duration_ms: None,
            fault: false,
        };
        let ticket = self.shared.traffic.begin(entry, api::kind_of(&method, &path));
        let header =
            |name: &str| parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let answer = match Limited::new(body, BODY_LIMIT).collect().await {
            Err(_) => ApiError::too_large(&path).into(),
            Ok(body) => {
                let call = Call {
                    method,
                    query: parts.uri.query().unwrap_or_default().to_owned(),
                    path,
                    body: body.to_bytes(),
                    api_key: header("x-api-key"),
                    user_agent: header("user-agent"),
                    client_certificate: self.client_certificate,
                    client_ip: self.peer,
                };
                self.execute(call).await
            }
        };
        self.shared.traffic.end(ticket, Some(answer.status), false);
        response(&answer, Reply::whole(answer.body.clone()))
    }

    async fn execute(&self, call: Call) -> Answer {
        // Signing and making keys take the processor for milliseconds to seconds; reading does not.
        if call.method == "GET" {
            return api::answer(&self.shared.service, self.shared.page_limit, &call);
        }
        let shared = self.shared.clone();
        let path = call.path.clone();
        let work = move || api::answer(&shared.service, shared.page_limit, &call);
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| ApiError::internal(&path).into())
    }
}

/// The answer as HTTP.
pub fn response(answer: &Answer, body: Reply) -> Response<Reply> {
    let mut builder = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        builder = builder.header(name, value);
    }
    builder.body(body).unwrap_or_else(|_| {
        let mut broken = Response::new(Reply::whole(Bytes::new()));
        *broken.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
        broken
    })
}
