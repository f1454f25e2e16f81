//! The attempts of one request: [`Line::answer`] gives each its deadline, its retries, its log message and its count.

use super::answer;
use super::failure::{Failure, Kind};
use super::line::{Endpoint, Line};
use super::request::Request;
use super::retry::{self, Effect, Outcome};
use super::stats::Stats;
use super::subject::Subject;
use super::transport::{self, Answer, Aside, Call};
use super::transport_error::TransportError;
use crate::plural::counted;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The longest time for connecting to a service that this process has never reached.
const KNOCKING: Duration = Duration::from_secs(5);

/// Less time than this without an answer is usual.
const TELLING: Duration = Duration::from_secs(1);

/// Where the service's web page lists every signature.
pub const SIGNATURE_LOG: &str = "in the service's web page (Software Trust Manager, Logs, Signature logs)";

impl Line {
    /// Sends a request, with the retries that the table allows, until it succeeds (any 2xx) or the deadline passes.
    /// Returns the response and a description of the request.
    pub fn answer<'a>(&'a self, request: &'a Request) -> Aside<'a, Result<(String, Answer), Failure>> {
        transport::aside(|| self.attempts(request))
    }

    fn call(&self, request: &Request) -> Call {
        let mut url = self.endpoint.base.clone();
        url.set_path(&format!("{}{}", self.endpoint.base.path(), request.path));
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let body = request.body.as_ref().map(|body| body.to_string().into());
        Call { method: request.method.clone(), url, body, limit: request.limit }
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

    fn answer(status: u16, retry_after: Option<Duration>) -> Answer {
        let (content_type, request_id, header_names) = (String::new(), String::new(), Vec::new());
        Answer { status, content_type, request_id, header_names, retry_after, date: None, body: Vec::new() }
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
        let post = |path| Request::post(path, serde_json::Value::Null);
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

    #[test]
    fn an_answer_has_its_status_and_whether_it_asks_for_a_pause() {
        let asked = Some(Duration::from_secs(1));
        for (retry_after, expected) in [(asked, true), (None, false)] {
            let outcome = Outcome::Answered { status: 503, retry_after: expected };
            assert_eq!(outcome_of(&Ok(answer(503, retry_after))), outcome);
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
    fn dice_are_between_nothing_and_one_and_differ() {
        let thrown: Vec<f64> = (0..64).map(|_| dice()).collect();
        assert!(thrown.iter().all(|dice| (0.0..=1.0).contains(dice)), "{thrown:?}");
        assert!(thrown.iter().any(|dice| *dice != thrown[0]), "{thrown:?}");
    }
}
