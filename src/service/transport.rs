//! Requests over the wire: one HTTP client, on the calling thread.
//!
//! The runtime has no thread of its own: whoever calls drives it, and while several threads call at once one of them
//! drives it for all. HTTP/1.1 over one connection per request under way; idle connections are kept for less than the
//! minute after which firewalls drop them.

use super::broken::{Broken, broken, chain};
use super::failure::{Failure, Kind};
use super::resolve::Resolver;
use super::retry::{self, Outcome};
use super::tls;
use crate::config::{Secret, TokenSettings};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, NoProxy, Proxy, Url};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How long an idle connection is kept. Common firewalls forget one after 60 seconds.
const IDLE: Duration = Duration::from_secs(50);
/// An idle connection is asked for a sign of life so often: it stays in the tables of firewalls, and one whose other end is
/// gone is known to be dead (and not used) within [`DEAF`].
const KEEPALIVE: Duration = Duration::from_secs(10);
/// Pause after an unanswered sign of life, and how many of them (where the system does not know [`DEAF`]).
const KEEPALIVE_AGAIN: (Duration, u32) = (Duration::from_secs(5), 2);
/// A connection over which nothing is acknowledged for so long is dead: six retransmissions.
const DEAF: Duration = Duration::from_secs(15);

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
            .dns_resolver(Arc::new(Resolver))
            .connect_timeout(settings.connect_timeout)
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
    let too_long = || {
        let cause = format!("the answer is longer than {} bytes", call.limit);
        let remedy = "this is not the service's answer: check SM_HOST and the proxy";
        let failure = Failure::new(Kind::BadAnswer, cause, remedy);
        Broken { outcome: Outcome::Answered { status: answer.status, retry_after: false }, failure }
    };
    let promised = response.content_length().unwrap_or(0);
    if promised > call.limit as u64 {
        return Err(too_long());
    }
    let mut body = Vec::with_capacity(promised as usize);
    while let Some(part) = response.chunk().await.map_err(|error| broken(&error, true))? {
        if body.len() + part.len() > call.limit {
            return Err(too_long());
        }
        body.extend_from_slice(&part);
    }
    answer.body = body;
    Ok(answer)
}
