//! The API port: connections, TLS and HTTP.

use crate::api::{self, Answer, Call};
use crate::body::Reply;
use crate::errors::ApiError;
use crate::pipeline::{Ending, Shared, process};
use crate::traffic::{Entry, start_time};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// No request of this API is nearly this long, in bytes.
const BODY_LIMIT: usize = 1 << 20;
/// Ends connections whose client does not finish the handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);

/// The data of one connection.
struct Connection {
    shared: Arc<Shared>,
    number: u64,
    peer: IpAddr,
    client_certificate: bool,
    /// Notified when a fault rule closes the connection.
    dead: Arc<Notify>,
}

/// Accepts connections for ever.
pub async fn serve(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let number = shared.traffic.connection();
                tokio::spawn(connection(stream, peer, number, acceptor.clone(), shared.clone()));
            }
            // Probably out of file descriptors, which become free when connections end.
            Err(error) => {
                eprintln!("stm-emulator: accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, number: u64, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    // Without this, the second packet of every response would wait for the acknowledgement of the first.
    let _ = stream.set_nodelay(true);
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await;
    let Ok(Ok(stream)) = handshake else { return shared.traffic.handshake(None) };
    shared.traffic.handshake(stream.get_ref().1.handshake_kind());
    let client_certificate = stream.get_ref().1.peer_certificates().is_some();
    let dead = Arc::new(Notify::new());
    let connection = Arc::new(Connection { shared, number, peer: peer.ip(), client_certificate, dead: dead.clone() });
    let handler = service_fn(|request| {
        let connection = connection.clone();
        async move { Ok::<_, Infallible>(connection.handle(request).await) }
    });
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let stream = TokioIo::new(stream);
    let served = async {
        if http2 {
            let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            builder.timer(TokioTimer::new()).serve_connection(stream, handler).await
        } else {
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder.timer(TokioTimer::new()).serve_connection(stream, handler).await
        }
    };
    // A client that hangs up is not an error; neither is a connection that a rule closes.
    tokio::select! {
        _ = served => {}
        () = dead.notified() => {}
    }
}

impl Connection {
    async fn handle(&self, request: Request<Incoming>) -> Response<Reply> {
        let (parts, body) = request.into_parts();
        let method = parts.method.as_str().to_owned();
        let path = parts.uri.path().to_owned();
        let path_and_query = parts.uri.path_and_query().map_or_else(|| path.clone(), |both| both.as_str().to_owned());
        let header =
            |name: &str| parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let entry = Entry {
            method: method.clone(),
            path: path_and_query.clone(),
            status: None,
            connection: self.number,
            version: format!("{:?}", parts.version),
            client_certificate: self.client_certificate,
            user_agent: header("user-agent"),
            start: start_time(),
            duration_ms: None,
            fault: false,
        };
        let ticket = self.shared.traffic.begin(entry, api::kind_of(&method, &path));
        let Some(body) = read(body).await else {
            let answer = Answer::from(ApiError::too_large(&path));
            self.shared.traffic.end(ticket, Some(answer.status), false);
            return response(&answer, Reply::whole(answer.body.clone()));
        };
        let call = Call {
            method,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            path,
            body,
            api_key: header("x-api-key"),
            user_agent: header("user-agent"),
            client_certificate: self.client_certificate,
            client_ip: self.peer,
        };
        let processing = tokio::spawn(process(self.shared.clone(), call, path_and_query, ticket));
        match processing.await.unwrap_or(Ending::Drop) {
            Ending::Answer(answer) => response(&answer, Reply::whole(answer.body.clone())),
            Ending::HalfAnswer(answer) => response(&answer, Reply::half(answer.body.clone(), self.dead.clone())),
            Ending::Drop => self.die().await,
        }
    }

    /// Closes the connection. The response only satisfies the type checker.
    async fn die(&self) -> Response<Reply> {
        self.dead.notify_one();
        tokio::time::sleep(Duration::from_secs(1)).await;
        Response::new(Reply::whole(Bytes::new()))
    }
}

/// The whole body; `None` if it is too long or incomplete.
///
/// A body that is too long is still read to its end, because a client that is cut off while sending never sees the
/// response.
async fn read(mut body: Incoming) -> Option<Bytes> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.ok()?.into_data()
            && bytes.len() <= BODY_LIMIT
        {
            bytes.extend_from_slice(&data);
        }
    }
    (bytes.len() <= BODY_LIMIT).then(|| bytes.into())
}

fn response(answer: &Answer, body: Reply) -> Response<Reply> {
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
