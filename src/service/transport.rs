//! Requests over the wire: one HTTP client, on the calling thread.
//!
//! The runtime has no thread of its own: whoever calls drives it, and while several threads call at once one of them
//! drives it for all. HTTP/1.1 over one connection per request under way; idle connections are kept for less than the
//! minute after which firewalls drop them.

use super::failure::{Failure, Kind};
use super::retry::{self, Outcome};
use super::tls;
use crate::config::{Secret, TokenSettings};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, NoProxy, Proxy, Url};
use std::error::Error as _;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How long an idle connection is kept. Common firewalls forget one after 60 seconds.
const IDLE: Duration = Duration::from_secs(50);
/// TCP keepalive, for what is dropped while a request waits.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The client and the runtime that it lives on.
pub struct Transport {
    // Dropped in this order: connections end while their runtime is there.
    client: Client,
    runtime: tokio::runtime::Runtime,
}

/// One request.
#[derive(Clone)]
pub struct Call {
    pub method: Method,
    pub url: Url,
    pub body: Option<Arc<[u8]>>,
    /// Longest answer that is read, in bytes.
    pub limit: usize,
}

/// An answer with any status.
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub request_id: String,
    pub retry_after: Option<Duration>,
    pub body: Vec<u8>,
}

/// No answer.
pub struct Broken {
    pub outcome: Outcome,
    pub failure: Failure,
}

/// Our name in the grammar that the service's own clients have: `name/version (GOOS; GOARCH)`.
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

/// Resolves as the host's other programs do. The system's resolver may take half a minute to give up and cannot be
/// interrupted, so it is asked on a thread that lives for the one question, and the deadline holds; where the host
/// allows no threads, on the calling one.
struct Resolver {
    threads: bool,
}

fn look_up(name: &str) -> std::io::Result<Vec<SocketAddr>> {
    (name, 0).to_socket_addrs().map(Iterator::collect)
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let (answer, question) = tokio::sync::oneshot::channel();
        let asked = name.clone();
        let thread = std::thread::Builder::new().name("stm-pkcs11-dns".into());
        let started = self.threads && thread.spawn(move || answer.send(look_up(&asked))).is_ok();
        Box::pin(async move {
            let found = if started { question.await? } else { look_up(&name) };
            Ok(Box::new(found?.into_iter()) as Addrs)
        })
    }
}

impl Transport {
    /// Reads roots and identity and makes the client. `password` and `api_key` replace the configured ones.
    pub fn new(settings: &TokenSettings, password: Option<&str>, api_key: Option<&str>) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            Failure::new(Kind::Unreachable, format!("no event loop: {error}"), "raise the limit of open files")
        })?;
        let mut headers = HeaderMap::new();
        let api_key = api_key.or(settings.api_key.as_ref().map(Secret::reveal));
        if let Some(api_key) = api_key {
            let mut value = HeaderValue::from_str(api_key).map_err(|_| {
                Failure::new(Kind::Settings, "SM_API_KEY holds characters that no API key has", "copy it again")
            })?;
            value.set_sensitive(true);
            headers.insert("x-api-key", value);
        }
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls::config(settings, password)?)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(user_agent())
            .default_headers(headers)
            .dns_resolver(Arc::new(Resolver { threads: settings.threads }))
            .connect_timeout(settings.connect_timeout)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(usize::MAX)
            .tcp_nodelay(true)
            .tcp_keepalive(KEEPALIVE);
        if let Some(proxy) = &settings.proxy {
            builder = builder.proxy(self::proxy(proxy, settings.no_proxy.as_deref())?);
        }
        let client = builder.build().map_err(|error| {
            Failure::new(Kind::Settings, format!("the HTTP client cannot be made: {}", chain(&error)), "")
        })?;
        Ok(Self { client, runtime })
    }

    /// Runs a future on the calling thread.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// The client, to be used within [`Transport::block_on`].
    pub fn client(&self) -> &Client {
        &self.client
    }
}

fn proxy(setting: &Secret, no_proxy: Option<&str>) -> Result<Proxy, Failure> {
    let text = setting.reveal();
    let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let proxy = Proxy::https(&url).map_err(|_| {
        Failure::new(Kind::Settings, "HTTPS_PROXY is no proxy's URL", "write it as http://user:password@host:port")
    })?;
    Ok(proxy.no_proxy(no_proxy.and_then(NoProxy::from_string)))
}

/// One attempt: sends the request and reads its answer.
pub async fn send(client: &Client, call: &Call) -> Result<Answer, Broken> {
    // A connection that the other side closed while nobody drove the runtime must be noticed before it is used.
    tokio::task::yield_now().await;
    let host = call.url.host_str().unwrap_or_default().to_owned();
    let broken = |error: &reqwest::Error, sent| broken(error, &host, sent);
    let mut request = client.request(call.method.clone(), call.url.clone());
    if let Some(body) = &call.body {
        request = request.header(CONTENT_TYPE, "application/json").body(body.to_vec());
    }
    let mut response = request.send().await.map_err(|error| broken(&error, false))?;
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
        retry_after: retry::retry_after(&text(RETRY_AFTER.as_str()), SystemTime::now()),
        body: Vec::new(),
    };
    while let Some(part) = response.chunk().await.map_err(|error| broken(&error, true))? {
        if answer.body.len() + part.len() > call.limit {
            let cause = format!("the answer is longer than {} bytes", call.limit);
            let remedy = "this is not the service's answer: check SM_HOST and the proxy";
            return Err(Broken {
                outcome: Outcome::Answered { status: 0, retry_after: false },
                failure: Failure::new(Kind::BadAnswer, cause, remedy),
            });
        }
        answer.body.extend_from_slice(&part);
    }
    Ok(answer)
}

/// An error of the HTTP library and all its causes, without the URL.
fn chain(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        next = cause.source();
    }
    texts.join(": ")
}

/// The first cause of a type, also inside of I/O errors.
fn cause<'a, T: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<T>() {
            return Some(found);
        }
        let inner = current.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => current.source(),
        };
    }
    None
}

fn broken(error: &reqwest::Error, host: &str, answered: bool) -> Broken {
    if let Some(error) = cause::<rustls::Error>(error) {
        return Broken { outcome: Outcome::Handshake, failure: tls::failure(error, host) };
    }
    let io = cause::<std::io::Error>(error);
    let what = chain(error);
    if error.is_timeout() || io.is_some_and(|io| io.kind() == std::io::ErrorKind::TimedOut) {
        let outcome = if error.is_connect() { Outcome::NotConnected } else { Outcome::TimedOut };
        let cause = format!("no connection to {host} in time");
        let remedy = "check the network, HTTPS_PROXY and SM_CONN_TIMEOUT";
        return Broken { outcome, failure: Failure::new(Kind::Timeout, cause, remedy) };
    }
    if error.is_connect() {
        let lower = what.to_ascii_lowercase();
        let (cause, remedy) = if lower.contains("dns") || lower.contains("lookup") || lower.contains("name or service")
        {
            (format!("the name {host} cannot be resolved ({what})"), "check SM_HOST and the network's name servers")
        } else if lower.contains("refused") {
            (format!("{host} refuses the connection"), "check SM_HOST and its port, and that the service runs")
        } else if lower.contains("proxy") || lower.contains("tunnel") {
            (format!("the proxy makes no connection to {host} ({what})"), "check HTTPS_PROXY and its user and password")
        } else {
            (format!("no connection to {host} ({what})"), "check the network, SM_HOST and HTTPS_PROXY")
        };
        return Broken { outcome: Outcome::NotConnected, failure: Failure::new(Kind::Unreachable, cause, remedy) };
    }
    let when = if answered { "in the middle of the answer" } else { "before the answer" };
    let cause = format!("the connection to {host} broke {when} ({what})");
    Broken { outcome: Outcome::Lost, failure: Failure::new(Kind::Unreachable, cause, "try again") }
}
