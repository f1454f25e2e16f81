//! An answer that is not a success: the service's words out of any of its error shapes, and what they mean.

use super::failure::{Failure, Kind};
use serde_json::Value;

/// Longest piece of an answer that is quoted, in characters.
const QUOTED: usize = 300;

/// The service's words: `error` objects with `status` or `code`, `errors` lists, Spring's plain form, or text.
pub fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(64 * 1024)]);
    let said = serde_json::from_slice::<Value>(body).ok().and_then(|json| from_json(&json));
    let said = said.unwrap_or_else(|| strip_tags(&text));
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    // The line goes on behind them.
    let said = said.trim_end_matches(['.', ';']);
    match said.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{} ...", &said[..end]),
        None => said.to_owned(),
    }
}

fn from_json(json: &Value) -> Option<String> {
    let text = |value: &Value, name: &str| value[name].as_str().map(str::to_owned).filter(|text| !text.is_empty());
    let one = |value: &Value| {
        let code = text(value, "status").or_else(|| text(value, "code"));
        match (code, text(value, "message")) {
            (Some(code), Some(message)) => Some(format!("{code}: {message}")),
            (code, message) => message.or(code),
        }
    };
    if let Some(errors) = json["errors"].as_array() {
        let all: Vec<String> =
            errors.iter().filter_map(|error| one(error).or_else(|| error.as_str().map(Into::into))).collect();
        return (!all.is_empty()).then(|| all.join("; "));
    }
    if json["error"].is_object() {
        return one(&json["error"]);
    }
    let plain = text(json, "error");
    match (plain, text(json, "message")) {
        (Some(error), Some(message)) => Some(format!("{error}: {message}")),
        (error, message) => error.or(message),
    }
}

/// The text of a web page, roughly.
fn strip_tags(text: &str) -> String {
    let mut out = String::new();
    let mut in_tag = false;
    for character in text.chars() {
        match character {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                out.push(' ');
            }
            _ if !in_tag => out.push(character),
            _ => {}
        }
    }
    out
}

/// Text in the service's words, the kind that it means, and what to do. Looked through in order.
const MEANINGS: &[(&str, Kind, &str)] = &[
    ("multi-factor", Kind::Mfa, MFA),
    ("offline state", Kind::Offline, "set the keypair ONLINE, or open a release window for it"),
    ("is offline", Kind::Offline, "set the keypair ONLINE, or open a release window for it"),
    ("restricted to a team", Kind::NotPermitted, "ask for membership in the keypair's team"),
    (
        "does not have rights",
        Kind::NotPermitted,
        "ask for access to the keypair, or use the credentials of a user who has it",
    ),
    ("quota", Kind::Quota, "buy signatures, or wait until the account has some again"),
    ("no signatures", Kind::Quota, "buy signatures, or wait until the account has some again"),
    ("signature limit", Kind::Quota, "buy signatures, or wait until the account has some again"),
    ("keypair_not_found", Kind::NotFound, "check the alias (case matters) and that this user may see the keypair"),
    ("duplicate", Kind::Conflict, "choose an alias that is not taken"),
    ("already exists", Kind::Conflict, "choose an alias that is not taken"),
];

const MFA: &str = "SM_CLIENT_CERT_FILE must hold this user's client certificate, and SM_HOST must be the host that asks for \
                   it (its name begins with clientauth.)";

/// What statuses mean when the words say nothing special.
const STATUSES: &[(u16, Kind, &str)] = &[
    (400, Kind::BadRequest, ""),
    (401, Kind::Unauthorized, "check SM_API_KEY: it may be mistyped, expired, or of another host than SM_HOST"),
    (403, Kind::NotPermitted, "check that this user has the role and the rights for it"),
    (404, Kind::NotFound, "check the alias (case matters) and that SM_HOST is the right host"),
    (407, Kind::Unreachable, "the proxy wants credentials: set HTTPS_PROXY to http://user:password@host:port"),
    (408, Kind::Unavailable, "try again"),
    (409, Kind::Conflict, "choose an alias that is not taken"),
    (413, Kind::TooLarge, ""),
    (422, Kind::BadRequest, ""),
    (429, Kind::RateLimited, "the service limits requests: run fewer at once, or with more users' API keys"),
];

/// The failure that an answer is.
pub fn failure(tried: &str, status: u16, content_type: &str, request_id: &str, body: &[u8]) -> Failure {
    let said = words(body);
    let lower = said.to_ascii_lowercase();
    let by_words = MEANINGS.iter().find(|(text, ..)| (400..500).contains(&status) && lower.contains(text));
    let by_status = STATUSES.iter().find(|(known, ..)| *known == status);
    let (kind, remedy) = match (by_words, by_status) {
        (Some((_, kind, remedy)), _) | (None, Some((_, kind, remedy))) => (*kind, (*remedy).to_owned()),
        (None, None) if status >= 500 => {
            (Kind::Unavailable, "the service has a fault or is in maintenance: try later".into())
        }
        (None, None) if (300..400).contains(&status) => {
            (Kind::BadAnswer, "redirects are not followed, so that the API key goes nowhere else: check SM_HOST".into())
        }
        (None, None) => (Kind::BadAnswer, String::new()),
    };
    let page = content_type.contains("html") || body.trim_ascii_start().starts_with(b"<");
    let remedy = if page && kind != Kind::Unavailable {
        "this is a web page and not the service's answer: check SM_HOST and the proxy".to_owned()
    } else if lower.contains("no keypair found") || kind == Kind::NotFound && lower.contains("keypair") {
        "check the alias (case matters) and that this user may see the keypair".to_owned()
    } else {
        remedy
    };
    let said = if said.is_empty() { String::from("(no words)") } else { said };
    let id = if request_id.is_empty() { String::new() } else { format!(" [request {request_id}]") };
    Failure { kind, tried: tried.to_owned(), cause: format!("HTTP {status}: {said}{id}"), remedy }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Failure {
        failure("GET https://h/p", status, "application/json", "", body.as_bytes())
    }

    #[test]
    fn every_error_shape_gives_the_services_words() {
        for (body, expected) in [
            (
                r#"{"error":{"status":"invalid_input_field","message":"Keypair not present"}}"#,
                "invalid_input_field: Keypair not present",
            ),
            (r#"{"error":{"code":"c","message":"m"}}"#, "c: m"),
            (r#"{"errors":[{"code":"A","message":"one"},{"code":"B","message":"two"}]}"#, "A: one; B: two"),
            (r#"{"status":"500","error":"Internal Server Error","path":"/x"}"#, "Internal Server Error"),
            (r#"{"error":7}"#, r#"{"error":7}"#),
            ("Invalid CORS request", "Invalid CORS request"),
            ("<html><body><h1>Log\nin</h1></body>", "Log in"),
            ("", ""),
        ] {
            assert_eq!(words(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn words_decide_before_statuses() {
        let shape = |message: &str| format!(r#"{{"error":{{"status":"access_denied","message":"{message}"}}}}"#);
        for (status, message, kind) in [
            (403, "User is not multi-factor authenticated. As per compliance rules", Kind::Mfa),
            (403, "Provided keypair is in OFFLINE state and cannot be used for signing.", Kind::Offline),
            (403, "User - 1 does not have rights to access the keypair - 2", Kind::NotPermitted),
            (403, "You cannot access this keypair. This keypair is restricted to a team.", Kind::NotPermitted),
            (403, "Signature quota exceeded", Kind::Quota),
            (400, "duplicate_error", Kind::Conflict),
            (401, "invalid_api_key", Kind::Unauthorized),
            (404, "Keypair not present", Kind::NotFound),
            (429, "slow down", Kind::RateLimited),
            (500, "quota service down", Kind::Unavailable),
            (302, "", Kind::BadAnswer),
        ] {
            assert_eq!(of(status, &shape(message)).kind, kind, "{status} {message}");
        }
    }

    #[test]
    fn the_line_names_what_was_tried_what_was_said_and_what_to_do() {
        let failure = of(401, r#"{"errors":[{"code":"invalid_api_key","message":"API key is wrong"}]}"#);
        let line = failure.to_string();
        assert!(
            line.starts_with("GET https://h/p: HTTP 401: invalid_api_key: API key is wrong; check SM_API_KEY"),
            "{line}"
        );
    }

    #[test]
    fn a_proxys_web_page_is_told_from_the_service() {
        let failure = failure("GET https://h/p", 403, "text/html", "", b"<html>Please log in</html>");
        assert!(failure.to_string().contains("not the service's answer"), "{failure}");
    }
}
