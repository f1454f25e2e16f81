//! Opens connections, and sends single requests over them.
//!
//! HTTP/1.1, with one connection for each parallel request. Idle connections are closed before firewalls drop them
//! after a minute. `super::connections` has the event loops.

use super::credentials::Credentials;
use super::deadline::Deadline;
use super::early::{EarlyLayer, Stash};
use super::failure::{Failure, Kind};
use super::resolve::Resolver;
use super::retry::{self, Outcome};
use super::tls;
use super::transport_error::{Stage, TransportError, Way, chain, late, transport_error};
use crate::config::{Secret, TokenSettings};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, NoProxy, Proxy, Url};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use zeroize::Zeroizing;

/// The lifetime of an idle connection. Common firewalls forget one after 60 seconds.
const IDLE: Duration = Duration::from_secs(50);
/// The interval of keep-alive probes on an idle connection. They keep it in the tables of firewalls, and reveal a dead
/// peer within [`DEAF`].
const KEEPALIVE: Duration = Duration::from_secs(10);
/// The pause after an unanswered probe, and the number of probes (on systems without [`DEAF`]).
const KEEPALIVE_AGAIN: (Duration, u32) = (Duration::from_secs(5), 2);
/// A connection without any acknowledgement for this long is dead: six retransmissions.
#[cfg(any(target_os = "android", target_os = "linux"))]
const DEAF: Duration = Duration::from_secs(15);

/// The longest part of an unsuccessful response that is read, in bytes: it is only quoted.
const ERROR_LIMIT: usize = 64 << 10;

/// The configuration of every connection: read once, before the first request.
pub struct Dialer {
    tls: rustls::ClientConfig,
    headers: HeaderMap,
    connect_timeout: Duration,
    proxy: Option<Proxy>,
}

#[derive(Clone)]
pub struct Call {
    pub method: Method,
    pub url: Url,
    pub body: Option<Bytes>,
    /// The longest successful response, in bytes.
    pub limit: usize,
}

/// A response with any status.
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub request_id: String,
    /// The names of all headers, in their order.
    pub header_names: Vec<HeaderName>,
    pub retry_after: Option<Duration>,
    /// The service's clock; `None` if the response has no `Date`.
    pub date: Option<SystemTime>,
    pub body: Vec<u8>,
}

/// Our name in the format of the service's own clients: `name/version (GOOS; GOARCH)`.
pub fn user_agent() -> String {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let processor = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    };
    format!("stm-pkcs11/{} ({system}; {processor})", env!("CARGO_PKG_VERSION"))
}

impl Dialer {
    /// Reads CA certificates and client certificate from their files; opens no connection.
    // So that its stack frame, and that of `client`, is gone when a request begins.
    #[inline(never)]
    pub fn new(settings: &TokenSettings, credentials: &Credentials<'_>) -> Result<Self, Failure> {
        let mut headers = HeaderMap::new();
        if let Some(api_key) = credentials.api_key {
            // All requests share it, and the last one wipes it.
            let bytes = Bytes::from_owner(Zeroizing::new(api_key.reveal().as_bytes().to_vec()));
            let mut value = HeaderValue::from_maybe_shared(bytes).map_err(|_| {
                Failure::new(Kind::Settings, "SM_API_KEY holds characters that no API key has", "copy it again")
            })?;
            value.set_sensitive(true);
            headers.insert("x-api-key", value);
        }
        let proxy =
            settings.proxy.as_ref().map(|proxy| self::proxy(proxy, settings.no_proxy.as_deref())).transpose()?;
        let (tls, connect_timeout) = (tls::config(settings, credentials)?, settings.connect_timeout);
        Ok(Self { tls, headers, connect_timeout, proxy })
    }

    /// A client without a connection. All clients share TLS sessions, so another connection needs only a short
    /// handshake. Its first connection may come from `stash`.
    #[inline(never)]
    pub fn client(&self, stash: &Arc<Stash>) -> Result<Client, Failure> {
        let mut builder = Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(user_agent())
            .default_headers(self.headers.clone())
            .dns_resolver(Arc::new(Resolver))
            .connector_layer(EarlyLayer(Arc::clone(stash)))
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(usize::MAX)
            .tcp_nodelay(true)
            .tcp_keepalive(KEEPALIVE)
            .tcp_keepalive_interval(KEEPALIVE_AGAIN.0)
            .tcp_keepalive_retries(KEEPALIVE_AGAIN.1);
        #[cfg(any(target_os = "android", target_os = "linux"))]
        {
            builder = builder.tcp_user_timeout(DEAF);
        }
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(proxy.clone());
        }
        builder.build().map_err(|error| {
            Failure::new(Kind::Settings, format!("the HTTP client cannot be made: {}", chain(&error)), "")
        })
    }
}

/// The proxy's host and port.
pub fn proxy_name(setting: &Secret) -> Option<String> {
    let url = Url::parse(&proxy_url(setting)).ok()?;
    Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))
}

/// A proxy without a scheme uses plain HTTP.
fn proxy_url(setting: &Secret) -> zeroize::Zeroizing<String> {
    let text = setting.reveal();
    zeroize::Zeroizing::new(if text.contains("://") { text.to_owned() } else { format!("http://{text}") })
}

fn proxy(setting: &Secret, no_proxy: Option<&str>) -> Result<Proxy, Failure> {
    let proxy = Proxy::https(proxy_url(setting).as_str()).map_err(|_| {
        Failure::new(Kind::Settings, "HTTPS_PROXY is not a valid proxy URL", "use http://user:password@host:port")
    })?;
    Ok(proxy.no_proxy(no_proxy.and_then(NoProxy::from_string)))
}

/// The body of a request, which knows whether it was read. The HTTP library reads it only when it writes the request to
/// a connection.
struct Watched {
    bytes: Option<Bytes>,
    read: Arc<AtomicBool>,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.read.store(true, Ordering::Relaxed);
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

/// One attempt: sends the request, and reads the response until the deadline.
pub async fn send(
    client: &Client,
    call: &Call,
    proxy: Option<&str>,
    deadline: Deadline,
) -> Result<Answer, TransportError> {
    // The event loop must see a connection that the peer has closed in the meantime, before the connection is used.
    tokio::task::yield_now().await;
    let way = Way { host: call.url.host_str().unwrap_or_default(), proxy };
    let read = Arc::new(AtomicBool::new(call.body.is_none()));
    let stage = || if read.load(Ordering::Relaxed) { Stage::Sent } else { Stage::Unsent };
    let mut request = client.request(call.method.clone(), call.url.clone());
    if let Some(body) = &call.body {
        let body = Watched { bytes: Some(body.clone()), read: Arc::clone(&read) };
        request = request.header(CONTENT_TYPE, "application/json").body(reqwest::Body::wrap(body));
    }
    let exchange = on_the_heap(async || {
        let response = request.send().await.map_err(|error| transport_error(&error, &way, stage()))?;
        receive(response, call.limit, &way).await
    });
    match tokio::time::timeout_at(deadline.at().into(), exchange).await {
        Ok(result) => result,
        Err(_) => Err(late(deadline, &way, stage())),
    }
}

/// A request in progress needs many kilobytes, and a host's thread may have only 64. Not inlined: data that is moved to
/// the heap must not occupy the caller's stack frame.
#[inline(never)]
pub fn on_the_heap<F: Future>(work: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::pin(work())
}

/// Work on the heap whose type is not known to its caller.
pub type Aside<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// As [`on_the_heap`]. The compiler cannot make one function of the caller and the work either, in which their stack frames would
/// add up.
pub fn aside<'a, F: Future + Send + 'a>(work: impl FnOnce() -> F) -> Aside<'a, F::Output> {
    on_the_heap(work)
}

/// Reads the body of a response whose head has arrived.
async fn receive(mut response: reqwest::Response, limit: usize, way: &Way<'_>) -> Result<Answer, TransportError> {
    let text = |name: &str| -> String {
        response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let request_id = ["x-request-id", "x-correlation-id", "x-amzn-requestid"]
        .iter()
        .map(|name| text(name))
        .find(|id| !id.is_empty());
    let mut answer = Answer {
        status: response.status().as_u16(),
        content_type: text(CONTENT_TYPE.as_str()),
        request_id: request_id.unwrap_or_default(),
        header_names: response.headers().keys().cloned().collect(),
        retry_after: retry::retry_after(&text(RETRY_AFTER.as_str()), SystemTime::now()),
        date: httpdate::parse_http_date(&text(DATE.as_str())).ok(),
        body: Vec::new(),
    };
    let status = answer.status;
    let too_long = || {
        let cause = format!("the answer is longer than {limit} bytes");
        let remedy = "this is not the service's answer: check SM_HOST and the proxy";
        let failure = Failure::new(Kind::LongAnswer, cause, remedy);
        TransportError { outcome: Outcome::Answered { status, retry_after: false }, failure }
    };
    if !response.status().is_success() {
        while answer.body.len() < ERROR_LIMIT {
            let part = response.chunk().await.map_err(|error| transport_error(&error, way, Stage::Answered))?;
            let Some(part) = part else { break };
            answer.body.extend_from_slice(&part[..part.len().min(ERROR_LIMIT - answer.body.len())]);
        }
        return Ok(answer);
    }
    let promised = response.content_length().unwrap_or(0);
    if promised > limit as u64 {
        return Err(too_long());
    }
    answer.body.reserve_exact(promised as usize);
    while let Some(part) = response.chunk().await.map_err(|error| transport_error(&error, way, Stage::Answered))? {
        if answer.body.len() + part.len() > limit {
            return Err(too_long());
        }
        answer.body.extend_from_slice(&part);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Body;

    #[test]
    fn our_name_has_the_form_of_the_services_own_clients() {
        let name = user_agent();
        assert!(name.starts_with(concat!("stm-pkcs11/", env!("CARGO_PKG_VERSION"), " (")), "{name}");
        #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
        assert!(name.ends_with(" (linux; amd64)"), "{name}");
    }

    #[test]
    fn a_proxy_is_named_without_its_password() {
        for (setting, name) in [
            ("http://user:secret@p:8080", Some("p:8080")),
            ("https://user:secret@p", Some("p:443")),
            ("p:3128", Some("p:3128")),
            ("p", Some("p:80")),
            ("http://", None),
        ] {
            assert_eq!(proxy_name(&Secret::new(setting)).as_deref(), name, "{setting}");
        }
    }

    #[test]
    fn a_body_knows_when_it_was_read() {
        let read = Arc::new(AtomicBool::new(false));
        let mut body = Watched { bytes: Some(Bytes::from_static(b"body")), read: Arc::clone(&read) };
        let is_read = || read.load(Ordering::Relaxed);
        assert_eq!((is_read(), body.is_end_stream(), body.size_hint().exact()), (false, false, Some(4)));
        let mut context = Context::from_waker(std::task::Waker::noop());
        let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) else { panic!("it is there") };
        assert_eq!(frame.into_data().ok().as_deref(), Some(&b"body"[..]));
        assert_eq!((is_read(), body.is_end_stream(), body.size_hint().exact()), (true, true, Some(0)));
    }
}
