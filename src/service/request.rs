//! The only way to the service: [`Line::run`] gives every request its deadline, its retries, its log message and its
//! count.

use super::answer;
use super::budget::{Budget, Kept, LONGEST_PAGE};
use super::deadline::Deadline;
use super::dialect::Dialect;
use super::early::Stash;
use super::failure::{Failure, Kind};
use super::observe::Observation;
use super::page::{NoPage, Page};
use super::progress::Progress;
use super::retry::{self, Effect, Outcome};
use super::signature_record;
use super::stats::Stats;
use super::subject::Subject;
use super::transport::{self, Answer, Aside, Call};
use super::transport_error::TransportError;
use super::turns::Turns;
use super::wire;
use crate::plural::counted;
use reqwest::{Client, Method, Url};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// The path below which all of the service's API is.
const API: &str = "/signingmanager/api/v1";

/// The longest single record, in bytes. Parsed JSON can take a hundred times its length in memory.
const RECORD_LIMIT: usize = 1 << 20;

/// The longest time for connecting to a service that this process has never reached.
const KNOCKING: Duration = Duration::from_secs(5);

/// Less time than this without an answer is usual.
const TELLING: Duration = Duration::from_secs(1);

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

#[derive(Clone)]
pub struct Request {
    pub method: Method,
    /// Below [`API`], beginning with a slash.
    pub path: String,
    pub query: Vec<(&'static str, String)>,
    pub body: Option<Value>,
    pub effect: Effect,
    /// Where the progress is recorded, for callers that need it.
    pub progress: Option<Arc<Progress>>,
    /// The longest successful response, in bytes. Pages of a list have a limit of their own ([`Budget`]).
    pub limit: usize,
    /// A plainer request exists: this one gets half of the time that is left, and is not repeated after a 504.
    pub hasty: bool,
}

impl Request {
    /// A read: repeated where `retry.rs` allows it.
    pub fn get(path: impl Into<String>) -> Self {
        let path = path.into();
        let (method, effect) = (Method::GET, Effect::Read);
        Self { method, path, query: Vec::new(), body: None, effect, progress: None, limit: RECORD_LIMIT, hasty: false }
    }

    /// A page of a list.
    pub fn list(path: &str) -> Self {
        Self { limit: LONGEST_PAGE, ..Self::get(path) }
    }

    /// A request that must be executed only once.
    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, body: Some(body), effect: Effect::Once, ..Self::get(path) }
    }

    /// A request with a plainer alternative.
    pub fn hasty(self) -> Self {
        Self { hasty: true, ..self }
    }

    pub fn subject(&self) -> Subject {
        match (&self.method, self.path.trim_matches('/').split_once('/')) {
            (&Method::POST, None) => Subject::Creation,
            (&Method::POST, Some(_)) => Subject::Sign,
            (_, None) => Subject::List,
            (_, Some(("signatures", _))) => Subject::Record,
            (_, Some(_)) => Subject::Keypair,
        }
    }

    /// Adds a query parameter.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }
}

/// An arbitrary text as one segment of a path.
pub fn segment(text: &str) -> String {
    let mut url = Url::parse("https://h/").unwrap_or_else(|_| unreachable!("a constant URL"));
    if let Ok(mut path) = url.path_segments_mut() {
        path.push(text);
    }
    url.path().trim_start_matches('/').to_owned()
}

impl Line {
    fn call(&self, request: &Request) -> Call {
        let mut url = self.endpoint.base.clone();
        url.set_path(&format!("{}{}", self.endpoint.base.path(), request.path));
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let body = request.body.as_ref().map(|body| body.to_string().into());
        Call { method: request.method.clone(), url, body, limit: request.limit }
    }

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

    /// Sends a request, with the retries that the table allows, until it succeeds (any 2xx) or the deadline passes.
    /// Returns the response and a description of the request.
    fn answer<'a>(&'a self, request: &'a Request) -> Aside<'a, Result<(String, Answer), Failure>> {
        transport::aside(|| self.attempts(request))
    }

    async fn attempts(&self, request: &Request) -> Result<(String, Answer), Failure> {
        let call = self.call(request);
        let tried = format!("{} {}", call.method, call.url);
        let begun = Instant::now();
        let mut attempt = 0;
        let mut last: Option<Failure> = None;
        let turns = &self.endpoint.turns;
        let mut turn = turns.first(self.early.opened(), self.deadline.at()).await;
        loop {
            attempt += 1;
            if let Some(progress) = &request.progress {
                progress.begin();
            }
            let sent = Instant::now();
            let result = self.attempt(&call, &tried, request.hasty).await;
            if let Some(progress) = &request.progress {
                progress.end(outcome_of(&result));
            }
            let (outcome, asked, failure) = match result {
                Ok(answer) if (200..300).contains(&answer.status) => return Ok((tried, answer)),
                Ok(answer) => {
                    let Answer { status, content_type, request_id, retry_after, body, .. } = answer;
                    let outcome = Outcome::Answered { status, retry_after: retry_after.is_some() };
                    let failure = answer::failure(request.subject(), &tried, status, &content_type, &request_id, &body);
                    (outcome, retry_after, failure)
                }
                Err(error) => (error.outcome, None, error.failure.at(&tried)),
            };
            if request.hasty && is_slow(outcome, &failure) {
                return Err(Failure { status: Some(504), ..failure });
            }
            // A used-up quota or a closed window will not change in a moment.
            let lasting = matches!(failure.kind, Kind::Quota | Kind::Window);
            if lasting || !retry::again(outcome, request.effect) {
                let failure = unsure(failure, outcome, request);
                let late = last.filter(|_| outcome == Outcome::TimedOut);
                return Err(late_after(late, failure, request.effect, sent.elapsed()));
            }
            let met = self.endpoint.met.load(Ordering::Relaxed);
            let left = patience(outcome, met, begun, self.deadline.at()).saturating_duration_since(Instant::now());
            let Some(pause) = retry::pause(attempt, asked, left, dice()) else {
                return Err(given_up(failure, attempt > 1, asked));
            };
            Stats::add(&self.endpoint.stats.retries, 1);
            log::info!("{failure}; attempt {} in at least {} ms", attempt + 1, asked.unwrap_or(pause).as_millis());
            turn = match retry::limits_rate(outcome) {
                true => turns.after_refusal(turn, asked, self.deadline.at()).await,
                false => None,
            };
            if turn.is_none() {
                tokio::time::sleep(pause).await;
            }
            last = Some(failure);
        }
    }

    async fn attempt(&self, call: &Call, tried: &str, hasty: bool) -> Result<Answer, TransportError> {
        panic_point!("service");
        let begun = Instant::now();
        let Endpoint { proxy, stats, met, observation, .. } = &*self.endpoint;
        let deadline = if hasty { self.deadline.half() } else { self.deadline };
        Stats::add(&stats.requests, 1);
        Stats::add(&stats.sent, call.body.as_ref().map_or(0, |body| body.len() as u64));
        let result = transport::send(&self.client, call, proxy.as_deref(), deadline).await;
        let took = begun.elapsed();
        stats.waited(took);
        if matches!(outcome_of(&result), Outcome::Answered { .. } | Outcome::Lost) {
            met.store(true, Ordering::Relaxed);
        }
        match &result {
            Ok(answer) => {
                observation.show(call, answer);
                *stats.last_answer.lock() = Some(Instant::now());
                Stats::add(&stats.received, answer.body.len() as u64);
                log::debug!(
                    "{tried}: HTTP {} with {} in {} ms",
                    answer.status,
                    counted(answer.body.len(), "byte"),
                    took.as_millis()
                );
            }
            Err(error) => log::debug!("{tried}: {} after {} ms", error.failure, took.as_millis()),
        }
        result
    }
}

/// When retries end: soon, if no connection was opened to a service that this process has never `met`.
fn patience(outcome: Outcome, met: bool, begun: Instant, end: Instant) -> Instant {
    if outcome == Outcome::NotConnected && !met { end.min(begun + KNOCKING) } else { end }
}

/// Whether the service, or a gateway before it, needed too long.
fn is_slow(outcome: Outcome, failure: &Failure) -> bool {
    outcome == Outcome::TimedOut || failure.status == Some(504)
}

/// The keypair inside a response, if the response is not a keypair itself.
fn unwrapped(response: &wire::Keypair<'_>, body: &[u8]) -> Option<String> {
    if response.id.is_some() { None } else { signature_record::unwrapped(body) }
}

fn outcome_of(result: &Result<Answer, TransportError>) -> Outcome {
    match result {
        Ok(answer) => Outcome::Answered { status: answer.status, retry_after: answer.retry_after.is_some() },
        Err(error) => error.outcome,
    }
}

/// The last of several failures, and why there is no further attempt.
fn given_up(failure: Failure, again: bool, asked: Option<Duration>) -> Failure {
    // Without the number of attempts, which varies: the same failure must be the same line, so that it is written once.
    let tries = if again { " (tried again)" } else { "" };
    let asked = asked.filter(|asked| asked.as_secs() > 0);
    let asked = asked.map_or_else(String::new, |asked| format!(" (retry after {} s)", asked.as_secs()));
    Failure { cause: format!("{}{asked}{tries}", failure.cause), ..failure }
}

/// The deadline passed during another attempt, `took` after it was sent; `last` is the failure before it. If that was soon,
/// the attempt says nothing about the service, and `last` is the one to mend; unless the attempt may have been executed.
fn late_after(last: Option<Failure>, failure: Failure, effect: Effect, took: Duration) -> Failure {
    let Some(last) = last else { return failure };
    if effect == Effect::Read && took < TELLING {
        return given_up(last, true, None);
    }
    Failure { cause: format!("{} (before that: {})", failure.cause, last.cause), ..failure }
}

/// Where the service's web page lists every signature.
pub const SIGNATURE_LOG: &str = "in the service's web page (Software Trust Manager, Logs, Signature logs)";

/// A sign or create request without a response may have been executed, and the message must say so.
fn unsure(failure: Failure, outcome: Outcome, request: &Request) -> Failure {
    if request.effect == Effect::Read || !matches!(outcome, Outcome::Lost | Outcome::TimedOut) {
        return failure;
    }
    let look = match request.subject() {
        Subject::Creation => "`stm-pkcs11 keypair list` shows whether the keypair is there".to_owned(),
        _ => format!("look {SIGNATURE_LOG} before you sign again"),
    };
    let remedy = format!("not retried, because it may have been executed: {look}");
    Failure { remedy, ..failure }
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

/// Uniform in 0..1, for jitter.
fn dice() -> f64 {
    let mut bytes = [0; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
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

    #[test]
    fn a_request_knows_what_it_is_about() {
        let body = || serde_json::json!({});
        for (request, subject) in [
            (Request::list("/keypairs"), Subject::List),
            (Request::list("/certificates"), Subject::List),
            (Request::get("/keypairs/1"), Subject::Keypair),
            (Request::get("/signatures/1"), Subject::Record),
            (Request::post("/keypairs", body()), Subject::Creation),
            (Request::post("/keypairs/1/sign", body()), Subject::Sign),
        ] {
            assert_eq!(request.subject(), subject, "{}", request.path);
        }
    }

    #[test]
    fn what_the_deadline_cut_short_does_not_hide_the_failure_before_it() {
        let refused = || Failure::new(Kind::Unreachable, "refused by the proxy", "check HTTPS_PROXY");
        let late = || Failure::new(Kind::Timeout, "no answer within 2 s", "raise STM_PKCS11_TIMEOUT");
        let told = |effect, took| late_after(Some(refused()), late(), effect, took).to_string();
        let short = Duration::from_millis(150);
        assert_eq!(told(Effect::Read, short), "refused by the proxy (tried again); check HTTPS_PROXY");
        let both = "no answer within 2 s (before that: refused by the proxy); raise STM_PKCS11_TIMEOUT";
        assert_eq!(told(Effect::Read, TELLING), both);
        assert_eq!(told(Effect::Once, short), both, "it may have been executed");
        assert_eq!(late_after(None, late(), Effect::Read, short), late());
    }

    #[test]
    fn a_request_that_was_given_up_says_whether_it_was_tried_again_and_what_the_service_asked_for() {
        let given_up = |again, asked: Option<u64>| {
            given_up(Failure::new(Kind::RateLimited, "no", "wait"), again, asked.map(Duration::from_millis)).to_string()
        };
        assert_eq!(given_up(false, None), "no; wait");
        assert_eq!(given_up(true, None), "no (tried again); wait");
        assert_eq!(given_up(false, Some(999)), "no; wait");
        assert_eq!(given_up(true, Some(1_000)), "no (retry after 1 s) (tried again); wait");
    }

    #[test]
    fn a_request_that_may_have_been_executed_says_so_and_where_to_look() {
        let post = |path| Request::post(path, Value::Null);
        let sign = "not retried, because it may have been executed: look in the service's web page (Software Trust \
                    Manager, Logs, Signature logs) before you sign again";
        let create = "not retried, because it may have been executed: `stm-pkcs11 keypair list` shows whether the \
                      keypair is there";
        let answered = Outcome::Answered { status: 500, retry_after: false };
        for (request, outcome, remedy) in [
            (post("/keypairs/1/sign"), Outcome::Lost, sign),
            (post("/keypairs/1/sign"), Outcome::TimedOut, sign),
            (post("/keypairs"), Outcome::Lost, create),
            (post("/keypairs/1/sign"), Outcome::NotConnected, "wait"),
            (post("/keypairs/1/sign"), answered, "wait"),
            (Request::get("/keypairs/1"), Outcome::Lost, "wait"),
        ] {
            let failure = unsure(Failure::new(Kind::Unreachable, "no", "wait"), outcome, &request);
            assert_eq!(failure.to_string(), format!("no; {remedy}"), "{} {outcome:?}", request.path);
        }
    }

    fn answer(status: u16, retry_after: Option<Duration>, body: &str) -> Answer {
        let (content_type, request_id, header_names) = (String::new(), String::new(), Vec::new());
        Answer { status, content_type, request_id, header_names, retry_after, date: None, body: body.into() }
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
            let failure = no_json("GET x", &answer(200, None, body), &error).to_string();
            assert_eq!(failure, format!("GET x: HTTP 200: {cause}; {remedy}"));
        }
    }

    #[test]
    fn an_answer_has_its_status_and_whether_it_asks_for_a_pause() {
        let asked = Some(Duration::from_secs(1));
        for (retry_after, expected) in [(asked, true), (None, false)] {
            let outcome = Outcome::Answered { status: 503, retry_after: expected };
            assert_eq!(outcome_of(&Ok(answer(503, retry_after, ""))), outcome);
        }
        let failure = Failure::new(Kind::Unreachable, "no", "");
        assert_eq!(outcome_of(&Err(TransportError { outcome: Outcome::Lost, failure })), Outcome::Lost);
    }

    #[test]
    fn a_service_that_was_never_reached_is_waited_for_shortly() {
        let begun = Instant::now();
        let (soon, end) = (begun + KNOCKING, begun + KNOCKING * 2);
        assert_eq!(patience(Outcome::NotConnected, false, begun, end), soon);
        assert_eq!(patience(Outcome::NotConnected, false, begun, begun), begun, "never after the deadline");
        assert_eq!(patience(Outcome::NotConnected, true, begun, end), end, "it may be restarting");
        assert_eq!(patience(Outcome::Lost, false, begun, end), end);
    }

    #[test]
    fn a_slow_answer_is_none_in_time_or_one_of_a_gateway() {
        let is_slow =
            |outcome, status| is_slow(outcome, &Failure { status, ..Failure::new(Kind::Unavailable, "no", "") });
        let answered = |status| Outcome::Answered { status, retry_after: false };
        assert!(is_slow(Outcome::TimedOut, None) && is_slow(answered(504), Some(504)));
        assert!(!is_slow(answered(504), None), "a web page");
        assert!(!is_slow(answered(503), Some(503)) && !is_slow(Outcome::Lost, None));
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

    #[test]
    fn a_list_may_be_longer_than_a_record_and_only_a_post_has_an_effect() {
        let (get, list, post) = (Request::get("/x"), Request::list("/x"), Request::post("/x", Value::Null));
        assert_eq!((get.limit, list.limit, post.limit), (RECORD_LIMIT, LONGEST_PAGE, RECORD_LIMIT));
        assert_eq!((get.effect, list.effect, post.effect), (Effect::Read, Effect::Read, Effect::Once));
        assert_eq!((list.method.as_str(), post.method.as_str()), ("GET", "POST"));
        assert!(!list.hasty && list.hasty().hasty);
    }

    #[test]
    fn dice_are_between_nothing_and_one_and_differ() {
        let thrown: Vec<f64> = (0..64).map(|_| dice()).collect();
        assert!(thrown.iter().all(|dice| (0.0..=1.0).contains(dice)), "{thrown:?}");
        assert!(thrown.iter().any(|dice| *dice != thrown[0]), "{thrown:?}");
    }

    #[test]
    fn a_segment_cannot_leave_its_place_in_the_path() {
        assert_eq!(segment("a/b?c#d"), "a%2Fb%3Fc%23d");
        assert_eq!(segment("01234567-89ab"), "01234567-89ab");
        assert_eq!(segment("é %"), "%C3%A9%20%25");
    }
}
