//! The one door to the service: every request goes through [`Line::run`] and gets its deadline, its retries, its log line
//! and its count there.

use super::answer;
use super::failure::{Failure, Kind};
use super::retry::{self, Effect, Outcome};
use super::stats::Stats;
use super::transport::{self, Answer, Call};
use reqwest::{Client, Method, Url};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Everything under this path of the host is the service's.
const API: &str = "/signingmanager/api/v1";

/// Longest list or record that is read.
const LIMIT: usize = 64 << 20;
/// Longest answer to a sign that is read.
const SIGN_LIMIT: usize = 1 << 20;

/// Longest time that a service which never answered in this process is knocked at: it is not there.
const KNOCKING: Duration = Duration::from_secs(3);

/// A line to one service. Clones share it.
#[derive(Clone)]
pub struct Line {
    pub client: Client,
    pub host: Arc<str>,
    pub timeout: Duration,
    /// When the operation that this line was taken for has to be over, however many requests it makes.
    pub deadline: Instant,
    pub stats: Arc<Stats>,
    /// Whether the service ever answered: then a refused connection is a restart, and worth waiting for.
    pub met: Arc<AtomicBool>,
}

/// What is asked.
pub struct Request {
    pub method: Method,
    /// Below [`API`], beginning with a slash.
    pub path: String,
    pub query: Vec<(&'static str, String)>,
    pub body: Option<Value>,
    pub effect: Effect,
}

impl Request {
    /// A read.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), query: Vec::new(), body: None, effect: Effect::Read }
    }

    /// Something that must be done once.
    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, path: path.into(), query: Vec::new(), body: Some(body), effect: Effect::Once }
    }

    /// With a parameter in the query.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }
}

/// A part of a path that may hold anything.
pub fn segment(text: &str) -> String {
    let mut url = Url::parse("https://h/").unwrap_or_else(|_| unreachable!("a constant URL"));
    if let Ok(mut path) = url.path_segments_mut() {
        path.push(text);
    }
    url.path().trim_start_matches('/').to_owned()
}

impl Line {
    /// The line for an operation that begins now.
    pub fn begun(&self) -> Self {
        Self { deadline: Instant::now() + self.timeout, ..self.clone() }
    }

    fn call(&self, request: &Request) -> Result<Call, Failure> {
        let text = format!("{}{API}{}", self.host, request.path);
        let mut url = Url::parse(&text)
            .map_err(|_| Failure::new(Kind::Settings, format!("{text} is no URL"), "check SM_HOST"))?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let body = request.body.as_ref().map(|body| Arc::from(body.to_string().into_bytes()));
        let limit = if request.effect == Effect::Read { LIMIT } else { SIGN_LIMIT };
        Ok(Call { method: request.method.clone(), url, body, limit })
    }

    /// Sends a request, again where the table allows it, until there is an answer or the deadline. Success is any 2xx
    /// with a JSON body.
    pub async fn run(&self, request: &Request) -> Result<Value, Failure> {
        let call = self.call(request)?;
        let tried = format!("{} {}", call.method, call.url);
        let begun = Instant::now();
        let deadline = self.deadline;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let (outcome, asked, failure) = match self.attempt(&call, &tried, deadline).await {
                Ok(answer) if (200..300).contains(&answer.status) => return json(&tried, &answer),
                Ok(answer) => {
                    let Answer { status, content_type, request_id, retry_after, body } = answer;
                    let outcome = Outcome::Answered { status, retry_after: retry_after.is_some() };
                    (outcome, retry_after, answer::failure(&tried, status, &content_type, &request_id, &body))
                }
                Err(broken) => (broken.outcome, None, broken.failure.at(&tried)),
            };
            if !retry::again(outcome, request.effect) {
                return Err(unsure(failure, outcome, request.effect));
            }
            let pause = retry::pause(attempt, asked, dice());
            let patience = if outcome == Outcome::NotConnected && !self.met.load(Ordering::Relaxed) {
                begun + KNOCKING
            } else {
                deadline
            };
            if Instant::now() + pause >= patience {
                // The time and not the number of attempts, which chance has a part in: the same cause is the same line, and
                // the log writes it once.
                let tries = if attempt > 1 {
                    format!(" (tried for {} s)", (patience - begun).as_secs())
                } else {
                    String::new()
                };
                return Err(Failure { cause: format!("{}{tries}", failure.cause), ..failure });
            }
            log::info!("{failure}; attempt {} in {} ms", attempt + 1, pause.as_millis());
            Stats::add(&self.stats.retries, 1);
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt(&self, call: &Call, tried: &str, deadline: Instant) -> Result<Answer, transport::Broken> {
        let begun = Instant::now();
        Stats::add(&self.stats.requests, 1);
        Stats::add(&self.stats.sent, call.body.as_ref().map_or(0, |body| body.len() as u64));
        let result = tokio::time::timeout_at(deadline.into(), transport::send(&self.client, call)).await;
        let took = begun.elapsed();
        self.stats.waited(took);
        let result = result.unwrap_or_else(|_| {
            let cause = format!("no answer within {} s", self.timeout.as_secs());
            let remedy = "try again; STM_PKCS11_TIMEOUT sets how long is waited";
            Err(transport::Broken { outcome: Outcome::TimedOut, failure: Failure::new(Kind::Timeout, cause, remedy) })
        });
        match &result {
            Ok(answer) => {
                self.met.store(true, Ordering::Relaxed);
                Stats::add(&self.stats.received, answer.body.len() as u64);
                log::debug!(
                    "{tried}: HTTP {} with {} bytes in {} ms",
                    answer.status,
                    answer.body.len(),
                    took.as_millis()
                );
            }
            Err(broken) => log::debug!("{tried}: {} after {} ms", broken.failure, took.as_millis()),
        }
        result
    }
}

/// A sign that got no answer may have been executed, and that is what the user has to know.
fn unsure(failure: Failure, outcome: Outcome, effect: Effect) -> Failure {
    if effect == Effect::Read || !matches!(outcome, Outcome::Lost | Outcome::TimedOut) {
        return failure;
    }
    let remedy =
        "it may have been executed, so it is not sent again by itself: the service's list of signatures shows it";
    Failure { remedy: remedy.to_owned(), ..failure }
}

fn json(tried: &str, answer: &Answer) -> Result<Value, Failure> {
    serde_json::from_slice(&answer.body).map_err(|error| {
        let said = answer::words(&answer.body);
        let cause = match said.is_empty() {
            true => format!("HTTP {}: the answer is empty", answer.status),
            false => format!("HTTP {}: the answer is no JSON ({error}): {said}", answer.status),
        };
        Failure::new(Kind::BadAnswer, cause, "check that SM_HOST is the service and no proxy answers for it").at(tried)
    })
}

/// Uniform in 0..1, for jitter.
fn dice() -> f64 {
    let mut bytes = [0; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_cannot_leave_its_place_in_the_path() {
        assert_eq!(segment("a/b?c#d"), "a%2Fb%3Fc%23d");
        assert_eq!(segment("01234567-89ab"), "01234567-89ab");
        assert_eq!(segment("é %"), "%C3%A9%20%25");
    }
}
