//! The faults that a form offers: which requests, and what happens to them, in the words of the service.

use crate::api::{Answer, BASE};
use crate::errors::ApiError;
use crate::faults::{Drop, Rule};
use crate::service::Service;
use std::time::Duration;

/// Requests that a rule can match: word, label, method and the path below [`BASE`].
pub const TARGETS: [(&str, &str, Option<&str>, &str); 5] = [
    ("sign", "sign requests", Some("POST"), "/keypairs/"),
    ("all", "all requests", None, ""),
    ("keypairs", "reads of keypairs", Some("GET"), "/keypairs"),
    ("certificates", "reads of certificates", Some("GET"), "/certificates"),
    ("signatures", "reads of the signature log", Some("GET"), "/signatures/"),
];

/// What happens to a request.
pub struct Effect {
    pub word: &'static str,
    pub label: &'static str,
    rule: fn(&Service) -> Rule,
}

/// In groups for the form.
pub const EFFECTS: [(&str, &[Effect]); 3] = [
    (
        "Refused",
        &[
            Effect {
                word: "401",
                label: "401: the API key is not valid",
                rule: |_| {
                    refusal(ApiError::invalid_api_key("The API key is not valid for this host, or it has expired."))
                },
            },
            Effect {
                word: "403",
                label: "403: no rights on the keypair",
                rule: |service| refusal(ApiError::no_rights(&service.who.user_id, "of this request")),
            },
            Effect {
                word: "403-factor",
                label: "403: not multi-factor authenticated",
                rule: |_| refusal(ApiError::not_multi_factor("sign")),
            },
            Effect { word: "404", label: "404: keypair not found", rule: |_| refusal(ApiError::keypair_not_found()) },
            Effect {
                word: "429",
                label: "429: too many requests, retry in 2 seconds",
                rule: |_| refusal(ApiError::rate_limited(2)),
            },
            Effect { word: "500", label: "500: internal server error", rule: |_| refusal(ApiError::internal(BASE)) },
            Effect { word: "503", label: "503: a web page about maintenance", rule: |_| page(503) },
        ],
    ),
    (
        "Broken",
        &[
            Effect {
                word: "half",
                label: "half of the response, then the connection closes",
                rule: |_| Rule { half_body: true, ..Rule::default() },
            },
            Effect {
                word: "before",
                label: "the connection closes, nothing is executed",
                rule: |_| Rule { drop: Some(Drop::BeforeExecution), ..Rule::default() },
            },
            Effect {
                word: "after",
                label: "executed (a signature counts), then the connection closes",
                rule: |_| Rule { drop: Some(Drop::AfterExecution), ..Rule::default() },
            },
            Effect { word: "page", label: "200: a web page instead of JSON", rule: |_| page(200) },
            Effect {
                word: "empty",
                label: "executed, but the response is an empty object",
                rule: |_| Rule { body: Some(serde_json::json!({})), ..Rule::default() },
            },
        ],
    ),
    ("Slow", &[Effect { word: "slow", label: "only the delay below", rule: |_| Rule::default() }]),
];

/// A rule for the words of the form; `None` if one is unknown.
pub fn rule(service: &Service, target: &str, effect: &str, delay: Duration, times: Option<u64>) -> Option<Rule> {
    let (_, _, method, path) = TARGETS.iter().find(|(word, ..)| *word == target)?;
    let effect = EFFECTS.iter().flat_map(|(_, effects)| *effects).find(|known| known.word == effect)?;
    Some(Rule {
        method: method.map(str::to_owned),
        path: Some(format!("{BASE}{path}")),
        times,
        delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
        ..(effect.rule)(service)
    })
}

/// A refusal in the documented form.
fn refusal(error: ApiError) -> Rule {
    let headers = error.header.clone().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Rule { status: Some(error.status), body: Some(error.body), headers, ..Rule::default() }
}

fn page(status: u16) -> Rule {
    let body = String::from_utf8_lossy(&Answer::web_page().body).into_owned();
    let headers = [("content-type".to_owned(), "text/html; charset=utf-8".to_owned())].into();
    Rule { status: Some(status), body: Some(body.into()), headers, ..Rule::default() }
}
