//! The stages of a request: log, rate limit, faults, execution.

use crate::api::{self, Answer, Call};
use crate::errors::ApiError;
use crate::faults::{Drop, Rule, Weather};
use crate::rate_limit::RateLimit;
use crate::service::Service;
use crate::traffic::{Ticket, Traffic};
use crate::tsa::Tsa;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub struct Shared {
    /// The service behind the API.
    pub service: Service,
    pub traffic: Traffic,
    pub weather: Weather,
    pub rate_limit: RateLimit,
    pub tsa: Arc<Tsa>,
}

pub enum Ending {
    Answer(Answer),
    /// With this response, cut off in the middle.
    HalfAnswer(Answer),
    /// With a closed connection and no response.
    Drop,
}

/// Processes a request to its end.
///
/// Run it in a separate task: a service does not stop when a client hangs up, so a signature for a client that gave up
/// is still made and recorded.
pub async fn process(shared: Arc<Shared>, call: Call, path_and_query: String, ticket: Ticket) -> Ending {
    let rule = match shared.rate_limit.admit(Instant::now()) {
        Ok(()) => shared.weather.rule_for(&call.method, &path_and_query),
        Err(seconds) => {
            let answer = Answer::from(ApiError::rate_limited(seconds));
            shared.traffic.end(ticket, Some(answer.status), false);
            return Ending::Answer(answer);
        }
    };
    wait(shared.weather.delay(api::is_sign(&call.method, &call.path))).await;
    let ending = match &rule {
        None => Ending::Answer(execute(shared.clone(), call).await),
        Some(rule) => disturbed(&shared, call, rule).await,
    };
    let status = match &ending {
        Ending::Answer(answer) | Ending::HalfAnswer(answer) => Some(answer.status),
        Ending::Drop => None,
    };
    shared.traffic.end(ticket, status, rule.is_some());
    ending
}

/// The same under a fault rule.
async fn disturbed(shared: &Arc<Shared>, call: Call, rule: &Rule) -> Ending {
    wait(Duration::from_millis(rule.delay_ms)).await;
    if rule.drop == Some(Drop::BeforeExecution) {
        return Ending::Drop;
    }
    let answer = match rule.instead() {
        Some(answer) => answer,
        None => rule.reshape(execute(shared.clone(), call).await),
    };
    match rule.drop {
        Some(_) => Ending::Drop,
        None if rule.half_body => Ending::HalfAnswer(answer),
        None => Ending::Answer(answer),
    }
}

async fn wait(duration: Duration) {
    // Even a sleep of zero takes a tick of the timer.
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

async fn execute(shared: Arc<Shared>, call: Call) -> Answer {
    // Signing and generating keys occupy the processor for milliseconds to seconds; reading does not.
    if call.method == "GET" {
        return api::answer(&shared.service, &call);
    }
    let path = call.path.clone();
    let work = move || api::answer(&shared.service, &call);
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| ApiError::internal(&path).into())
}
