//! The module's own HTTP stack without the module: the same client, the same runtime, the same requests.

use crate::settings::{API, Settings};
use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use std::time::Duration;
use tokio::runtime::Runtime;

/// A client with a pool of connections, driven by whoever calls.
pub struct Raw {
    client: Client,
    runtime: Runtime,
    base: String,
}

/// The HTTP version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    /// One connection for each parallel request.
    Http1,
    /// One connection for all.
    #[cfg(feature = "http2")]
    Http2,
}

impl Version {
    /// The protocols that the handshake offers; the module offers none, which means HTTP/1.1.
    fn alpn(self) -> Vec<Vec<u8>> {
        match self {
            Self::Http1 => Vec::new(),
            #[cfg(feature = "http2")]
            Self::Http2 => vec![b"h2".to_vec()],
        }
    }
}

impl Raw {
    /// Connects to nothing yet.
    pub fn new(settings: &Settings, version: Version) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an event loop");
        let mut api_key = HeaderValue::from_str(&settings.api_key).expect("an API key");
        api_key.set_sensitive(true);
        let mut tls = settings.tls.clone();
        tls.alpn_protocols = version.alpn();
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .default_headers(HeaderMap::from_iter([("x-api-key".parse().expect("a name"), api_key)]))
            .pool_idle_timeout(Duration::from_secs(50))
            .pool_max_idle_per_host(usize::MAX)
            .tcp_nodelay(true);
        builder = match version {
            Version::Http1 => builder.http1_only(),
            #[cfg(feature = "http2")]
            Version::Http2 => builder.http2_prior_knowledge(),
        };
        Self { client: builder.build().expect("a client"), runtime, base: format!("{}{API}", settings.host) }
    }

    /// One POST on the calling thread; panics unless the status is 200. Returns the length of the response.
    pub fn post(&self, path: &str, body: &str) -> usize {
        let url = format!("{}{path}", self.base);
        self.runtime.block_on(async {
            let request = self.client.post(url).header(CONTENT_TYPE, "application/json").body(body.to_owned());
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), 200, "POST {path}");
            answer.bytes().await.expect("the whole answer").len()
        })
    }

    /// Fetches a list in pages, the first alone and then several in parallel, and keeps nothing. Returns the bytes
    /// received.
    pub fn list(&self, path: &'static str, total: usize, page: usize, at_once: usize) -> usize {
        self.runtime.block_on(async {
            let mut bytes = get(self.client.clone(), format!("{}{path}?limit=100", self.base)).await;
            let mut offsets = (page..total).step_by(page);
            let mut under_way = tokio::task::JoinSet::new();
            loop {
                while under_way.len() < at_once
                    && let Some(offset) = offsets.next()
                {
                    let url = format!("{}{path}?limit={page}&offset={offset}", self.base);
                    under_way.spawn(get(self.client.clone(), url));
                }
                match under_way.join_next().await {
                    Some(count) => bytes += count.expect("a page"),
                    None => return bytes,
                }
            }
        })
    }
}

async fn get(client: Client, url: String) -> usize {
    let answer = client.get(&url).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "GET {url}");
    answer.bytes().await.expect("the whole answer").len()
}
