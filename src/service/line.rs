//! The only way to the service, for one call of the application.

use super::answer;
use super::budget::{Budget, Kept};
use super::deadline::Deadline;
use super::dialect::Dialect;
use super::early::Stash;
use super::failure::{Failure, Kind};
use super::observe::Observation;
use super::page::{NoPage, Page};
use super::request::Request;
use super::signature_record;
use super::stats::Stats;
use super::transport::Answer;
use super::turns::Turns;
use super::wire;
use reqwest::{Client, Url};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

/// The path below which all of the service's API is.
const API: &str = "/signingmanager/api/v1";

/// The service as the end of the line, for the life of the module.
pub struct Endpoint {
    /// The base URL of the API. Parsed once, because parsing is a tenth of a request's work.
    pub base: Url,
    /// The proxy's host and port, for messages.
    pub proxy: Option<String>,
    pub stats: Arc<Stats>,
    /// Whether the service ever accepted a request: then a refused connection is a restart, and worth waiting for.
    pub met: Arc<AtomicBool>,
    /// Sees every exchange.
    pub observation: Arc<Observation>,
    /// The requests that the service accepts.
    pub dialect: Arc<Dialect>,
    /// The pace that the processes of this user keep together.
    pub turns: Turns,
}

impl Endpoint {
    /// The API of a host.
    pub fn base(host: &str) -> Result<Url, Failure> {
        let text = format!("{host}{API}");
        Url::parse(&text)
            .map_err(|_| Failure::new(Kind::Settings, format!("{text} is not a valid URL"), "check SM_HOST"))
    }
}

/// A line to one service, for one call of the application. Clones share it.
#[derive(Clone)]
pub struct Line {
    pub client: Client,
    /// The client's connection that is being opened early.
    pub early: Arc<Stash>,
    pub endpoint: Arc<Endpoint>,
    pub deadline: Deadline,
    /// The memory budget of its lists.
    pub budget: Arc<Budget>,
}

impl Line {
    /// Sends a request, and parses the JSON in the response.
    pub async fn run(&self, request: &Request) -> Result<Value, Failure> {
        let (tried, answer) = self.answer(request).await?;
        serde_json::from_slice(&answer.body).map_err(|error| no_json(&tried, &answer, &error))
    }

    /// Sends a request and ignores the content of the response; returns the service's clock.
    pub async fn knock(&self, request: &Request) -> Result<Option<SystemTime>, Failure> {
        let (tried, answer) = self.answer(request).await?;
        match serde_json::from_slice::<serde::de::IgnoredAny>(&answer.body) {
            Ok(_) => Ok(answer.date),
            Err(error) => Err(no_json(&tried, &answer, &error)),
        }
    }

    /// Sends a request, and converts the keypair in the response.
    pub async fn keypair<T>(
        &self,
        request: &Request,
        make: impl FnOnce(&wire::Keypair<'_>) -> T,
    ) -> Result<T, Failure> {
        let (tried, answer) = self.answer(request).await?;
        let keypair: wire::Keypair<'_> =
            serde_json::from_slice(&answer.body).map_err(|error| no_json(&tried, &answer, &error))?;
        if let Some(inner) = unwrapped(&keypair, &answer.body)
            && let Ok(keypair) = serde_json::from_str(&inner)
        {
            return Ok(make(&keypair));
        }
        Ok(make(&keypair))
    }

    /// Sends a request, and parses the page of a list in the response; `make` also gets the response's text and the
    /// path.
    pub async fn page<T: Kept>(
        &self,
        request: &Request,
        read: impl Fn(&[u8], &str) -> Result<Page<T>, NoPage>,
    ) -> Result<Page<T>, Failure> {
        loop {
            let mut share = self.budget.share().await;
            let in_progress = self.budget.request().await;
            let (tried, answer) = match self.answer(&Request { limit: share.limit, ..request.clone() }).await {
                Err(failure) if failure.kind == Kind::LongAnswer && self.budget.lengthen(&share) => continue,
                answer => answer?,
            };
            // Before this page is parsed, the connection returns to the pool (its own task and the pool's), and then takes the
            // next request (the task that waits, the pool's and the connection's).
            share.arrived(answer.body.capacity());
            others_first(2).await;
            drop(in_progress);
            others_first(3).await;
            let page = out_of_line(|| read(&answer.body, &request.path)).map_err(|error| match error {
                NoPage::Syntax(error) => no_json(&tried, &answer, &error),
                NoPage::NoList(failure) => failure,
            })?;
            self.budget.keep(page.kept).map_err(|failure| failure.at(&tried))?;
            return Ok(page);
        }
    }
}

/// The keypair inside a response, if the response is not a keypair itself.
fn unwrapped(response: &wire::Keypair<'_>, body: &[u8]) -> Option<String> {
    if response.id.is_some() { None } else { signature_record::unwrapped(body) }
}

/// A success that is not JSON. For an unknown path, the service responds with status 200 and a web page.
fn no_json(tried: &str, answer: &Answer, error: &serde_json::Error) -> Failure {
    let said = answer::words(&answer.body);
    if answer::is_page(&answer.body) {
        let cause = format!("HTTP {}: a web page and not the service's answer: {said}", answer.status);
        let remedy = "check SM_HOST and the proxy: the service answers a path that it does not know with a web page";
        return Failure::new(Kind::BadAnswer, cause, remedy).at(tried);
    }
    let cause = match said.is_empty() {
        true => format!("HTTP {}: the answer is empty", answer.status),
        false => format!("HTTP {}: the response is not valid JSON ({error}): {said}", answer.status),
    };
    Failure::new(Kind::BadAnswer, cause, "check that SM_HOST is the service and no proxy answers for it").at(tried)
}

/// Runs something in a stack frame of its own, which the host's thread has no room for during a request.
#[inline(never)]
fn out_of_line<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Lets the other tasks of this thread go on, this many times.
async fn others_first(times: usize) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Answer {
        let (content_type, request_id, header_names) = (String::new(), String::new(), Vec::new());
        Answer { status: 200, content_type, request_id, header_names, retry_after: None, date: None, body: body.into() }
    }

    #[test]
    fn an_answer_that_is_not_json_is_shown() {
        let web = "check SM_HOST and the proxy: the service answers a path that it does not know with a web page";
        let other = "check that SM_HOST is the service and no proxy answers for it";
        for (body, cause, remedy) in [
            ("<html>Log in", "a web page and not the service's answer: Log in", web),
            ("", "the answer is empty", other),
            ("what", "the response is not valid JSON (expected value at line 1 column 1): what", other),
        ] {
            let error = serde_json::from_str::<Value>(body).unwrap_err();
            let failure = no_json("GET x", &answer(body), &error).to_string();
            assert_eq!(failure, format!("GET x: HTTP 200: {cause}; {remedy}"));
        }
    }

    #[test]
    fn a_keypair_is_unwrapped_if_the_response_is_not_one() {
        for (body, inner) in
            [(r#"{"data":{"id":"1"}}"#, Some(r#"{"id":"1"}"#)), (r#"{"id":"1","data":{"id":"2"}}"#, None), ("{}", None)]
        {
            let response = serde_json::from_str(body).unwrap();
            assert_eq!(unwrapped(&response, body.as_bytes()).as_deref(), inner, "{body}");
        }
    }
}
