//! A response that is not a success: extracts the service's message from any of its error formats, and determines its
//! meaning.

use super::failure::{Failure, Kind};
use super::subject::Subject;
use serde_json::Value;

/// The longest quotation from a response, in characters.
const QUOTED: usize = 300;

/// The service's message: `error` objects with `status` or `code`, `errors` lists, Spring's plain form, RFC 7807, or
/// text.
pub fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(64 * 1024)]);
    let said = serde_json::from_slice::<Value>(body).ok().and_then(|json| from_json(&json));
    let said = said.unwrap_or_else(|| strip_tags(&text));
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    // Redact before cutting: half a secret is harder to recognise.
    let said = crate::redact::text(&said);
    // More text follows on the same line.
    let said = said.trim_end_matches(['.', ';']);
    match said.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{} ...", &said[..end]),
        None => said.to_owned(),
    }
}

/// Codes and messages in all the fields that the service and its frameworks use.
fn from_json(json: &Value) -> Option<String> {
    let text = |value: &Value, names: &[&str]| {
        let mut found = names.iter().filter_map(|name| value[*name].as_str());
        found.find(|text| !text.is_empty()).map(str::to_owned)
    };
    let join = |code: Option<String>, message: Option<String>| match (code, message) {
        (Some(code), Some(message)) if code != message => Some(format!("{code}: {message}")),
        (code, message) => message.or(code),
    };
    // `defaultMessage` is Spring's, for a field that it did not accept.
    let message = ["message", "defaultMessage", "detail", "title"];
    let one = |value: &Value| join(text(value, &["status", "code", "field"]), text(value, &message));
    if let Some(errors) = json["errors"].as_array() {
        let each = |error: &Value| one(error).or_else(|| error.as_str().map(Into::into));
        let all: Vec<String> = errors.iter().filter_map(each).collect();
        if !all.is_empty() {
            return Some(all.join("; "));
        }
    }
    if json["error"].is_object() {
        return one(&json["error"]);
    }
    // RFC 7807 has `title` and `detail`.
    join(text(json, &["error", "code", "title"]), text(json, &["message", "detail"]))
}

/// Whether a body is a web page, or XML.
pub fn is_page(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
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

/// Texts in the service's messages (all must occur), their kind of failure, and the fix. The first match counts.
const MEANINGS: &[(&[&str], Kind, &str)] = &[
    (&["multi-factor"], Kind::Mfa, MFA),
    (&["client authentication certificate"], Kind::Mfa, MFA),
    (&["offline state"], Kind::Offline, OFFLINE),
    (&["is offline"], Kind::Offline, OFFLINE),
    (&["release window"], Kind::Window, WINDOW),
    (&["release", "closed"], Kind::Window, WINDOW),
    (&["restricted to a team"], Kind::NotPermitted, "ask for membership in the keypair's team"),
    (&["does not have rights"], Kind::NotPermitted, RIGHTS),
    (&["licence"], Kind::Quota, LICENCE),
    (&["license"], Kind::Quota, LICENCE),
    (&["subscription"], Kind::Quota, LICENCE),
    (&["quota"], Kind::Quota, QUOTA),
    (&["no signatures"], Kind::Quota, QUOTA),
    (&["signature limit"], Kind::Quota, QUOTA),
    (&["limit", "signatures"], Kind::Quota, QUOTA),
    (&["maximum number of signatures"], Kind::Quota, QUOTA),
    (&["signature unit"], Kind::Quota, QUOTA),
    (&["limit is exhausted"], Kind::Quota, QUOTA),
    (&["duplicate"], Kind::Conflict, ALIAS_TAKEN),
    (&["already exists"], Kind::Conflict, ALIAS_TAKEN),
];

/// Words for limits over time.
const RATES: [&str; 4] = ["per second", "per minute", "rate limit", "request"];

const MFA: &str = "SM_CLIENT_CERT_FILE must contain this user's client certificate, and SM_HOST must be the host that asks for \
                   it (its name begins with clientauth.)";
const OFFLINE: &str = "set the keypair ONLINE, or open a release window for it";
const WINDOW: &str = "open a release window that covers this keypair, this user and enough signatures";
const RIGHTS: &str = "ask for access to the keypair, or use the credentials of a user who has it";
const LICENCE: &str = "check the account's licence: it must cover this kind of keypair and further signatures";
const QUOTA: &str = "buy more signatures, or wait for the quota to reset";
const ALIAS_TAKEN: &str = "choose an alias that is not in use";
const ALIAS: &str = "check the alias (case matters) and that this user may see the keypair";
const UNAUTHORIZED: &str = "check SM_API_KEY: it may be mistyped, expired, or of another host than SM_HOST; check that the \
                            client certificate (SM_CLIENT_CERT_FILE) and the service user have not expired";

/// The meaning of a refusal with this status for this kind of request, if its message says nothing specific.
fn by_status(status: u16, subject: Subject) -> (Kind, &'static str) {
    use Subject::{Creation, Keypair, List, Record, Sign};
    match (status, subject) {
        (400 | 422, _) => (Kind::BadRequest, ""),
        (401, _) => (Kind::Unauthorized, UNAUTHORIZED),
        (402, _) => (Kind::Quota, LICENCE),
        (403, Sign) => (
            Kind::NotPermitted,
            "check that this user may sign with the keypair (role SSM_SIGNER or SSM_BUILD_ENGINEER)",
        ),
        (403, Creation) => (Kind::NotPermitted, "check that this user has a role that may create keypairs"),
        (403, _) => (Kind::NotPermitted, "check that this user has the role and the rights for it"),
        (404, List | Creation) => (Kind::NotFound, "check that SM_HOST is the right host"),
        (404, Keypair | Sign) => (Kind::NotFound, ALIAS),
        (404, Record) => (Kind::NotFound, "check the signature's id, and that this user may see the signature log"),
        (407, _) => {
            (Kind::Unreachable, "the proxy requires authentication: set HTTPS_PROXY to http://user:password@host:port")
        }
        (408, _) => (Kind::Unavailable, "try again"),
        (409, Creation) => (Kind::Conflict, ALIAS_TAKEN),
        (409, _) => (Kind::Conflict, "check the state of the keypair in the service's web page, and try again"),
        (413, _) => (Kind::TooLarge, ""),
        (429, _) => (Kind::RateLimited, "the service limits requests: run fewer at once, or with more users' API keys"),
        (500.., _) => (Kind::Unavailable, "the service has a fault or is in maintenance: try later"),
        (300..400, _) => {
            (Kind::BadAnswer, "the module follows no redirect, because the API key belongs to one host: check SM_HOST")
        }
        _ => (Kind::BadAnswer, ""),
    }
}

/// The failure that a response means.
pub fn failure(
    subject: Subject,
    tried: &str,
    status: u16,
    content_type: &str,
    request_id: &str,
    body: &[u8],
) -> Failure {
    let said = words(body);
    let lower = said.to_ascii_lowercase();
    let meant = |row: &&(&[&str], Kind, &str)| row.0.iter().all(|text| lower.contains(text));
    // A limit on requests ends by itself.
    let of_requests = status == 429 && RATES.iter().any(|text| lower.contains(text));
    let by_words = MEANINGS
        .iter()
        .find(meant)
        .filter(|row| (400..500).contains(&status) && !(of_requests && row.1 == Kind::Quota));
    let (kind, remedy) = by_words.map_or_else(|| by_status(status, subject), |(_, kind, remedy)| (*kind, *remedy));
    let page = content_type.contains("html") || is_page(body);
    let no_keypair = matches!(subject, Subject::List | Subject::Keypair | Subject::Sign)
        && ["no keypair found", "keypair_not_found", "keypair not present"].iter().any(|text| lower.contains(text));
    let (kind, remedy) = match (page, no_keypair) {
        (true, _) if kind != Kind::Unavailable => {
            (kind, "this is a web page and not the service's answer: check SM_HOST and the proxy")
        }
        (false, true) if by_words.is_none() && status < 500 => (Kind::NotFound, ALIAS),
        _ => (kind, remedy),
    };
    let said = if said.is_empty() { String::from("(no message)") } else { said };
    let id = if request_id.is_empty() { String::new() } else { format!(" [request {request_id}]") };
    let cause = format!("HTTP {status}: {said}{id}");
    let status = Some(status).filter(|_| !page);
    Failure { kind, tried: tried.to_owned(), cause, remedy: remedy.to_owned(), status }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Failure {
        failure(Subject::Sign, "GET https://h/p", status, "application/json", "", body.as_bytes())
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
            (
                r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"no limit"}"#,
                "Bad Request: no limit",
            ),
            (r#"{"title":"Forbidden","status":403}"#, "Forbidden"),
            (
                r#"{"status":400,"error":"Bad Request","errors":[{"field":"limit","defaultMessage":"must be at most 100"}]}"#,
                "limit: must be at most 100",
            ),
            (r#"{"errors":[],"message":"m"}"#, "m"),
            ("Invalid CORS request", "Invalid CORS request"),
            (r#"{"error":{"code":"same","message":"same"}}"#, "same"),
            ("<html><body><h1>Log\nin</h1></body>", "Log in"),
            (&format!("<p class=\"{}\">Log in", "x".repeat(2000)), "Log in"),
            ("5 > 4", "5 > 4"),
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
            (401, "The license of this account has expired", Kind::Quota),
            (402, "Payment required", Kind::Quota),
            (429, "The maximum number of signatures is reached", Kind::Quota),
            (429, "Your limit of 1000 signatures is used up", Kind::Quota),
            (403, "No signature units are left", Kind::Quota),
            (403, "The keypair is not in an open release window", Kind::Window),
            (429, "At most 10 signatures per second: limit reached", Kind::RateLimited),
            (429, "Service unavailable, please limit request volume", Kind::RateLimited),
            (403, "Missing Client Authentication Certificate", Kind::Mfa),
            (400, "KEYPAIR_NOT_FOUND", Kind::NotFound),
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
    fn a_remedy_fits_its_call() {
        let remedy = |subject, status| failure(subject, "x", status, "", "", b"{}").remedy;
        assert!(remedy(Subject::Record, 404).contains("signature's id"));
        assert!(remedy(Subject::Keypair, 404).contains("alias"));
        assert!(remedy(Subject::List, 404).contains("SM_HOST"));
        assert!(remedy(Subject::Creation, 409).contains("not in use"));
        assert!(!remedy(Subject::Sign, 409).contains("alias"));
        assert!(remedy(Subject::Sign, 403).contains("SSM_SIGNER"));
        let unauthorized = remedy(Subject::List, 401);
        for what in ["SM_API_KEY", "client certificate", "service user"] {
            assert!(unauthorized.contains(what), "{unauthorized}");
        }
    }

    #[test]
    fn every_status_has_its_kind_and_its_fix() {
        use Subject::{Creation, Keypair, List, Record, Sign};
        for (subject, status, kind, fix) in [
            (Sign, 400, Kind::BadRequest, ""),
            (Sign, 422, Kind::BadRequest, ""),
            (List, 401, Kind::Unauthorized, "check SM_API_KEY"),
            (Sign, 402, Kind::Quota, "check the account's licence"),
            (Sign, 403, Kind::NotPermitted, "check that this user may sign with the keypair"),
            (Creation, 403, Kind::NotPermitted, "check that this user has a role that may create keypairs"),
            (List, 403, Kind::NotPermitted, "check that this user has the role and the rights for it"),
            (List, 404, Kind::NotFound, "check that SM_HOST is the right host"),
            (Creation, 404, Kind::NotFound, "check that SM_HOST is the right host"),
            (Keypair, 404, Kind::NotFound, "check the alias"),
            (Sign, 404, Kind::NotFound, "check the alias"),
            (Record, 404, Kind::NotFound, "check the signature's id"),
            (Sign, 407, Kind::Unreachable, "the proxy requires authentication"),
            (Sign, 408, Kind::Unavailable, "try again"),
            (Creation, 409, Kind::Conflict, "choose an alias that is not in use"),
            (Sign, 409, Kind::Conflict, "check the state of the keypair"),
            (Sign, 413, Kind::TooLarge, ""),
            (Sign, 429, Kind::RateLimited, "the service limits requests"),
            (Sign, 500, Kind::Unavailable, "the service has a fault or is in maintenance"),
            (Sign, 599, Kind::Unavailable, "the service has a fault or is in maintenance"),
            (Sign, 300, Kind::BadAnswer, "the module follows no redirect"),
            (Sign, 399, Kind::BadAnswer, "the module follows no redirect"),
            (Sign, 418, Kind::BadAnswer, ""),
        ] {
            let failure = failure(subject, "x", status, "", "", b"{}");
            assert_eq!((failure.kind, failure.status), (kind, Some(status)), "{status} {subject:?}");
            let is_right = if fix.is_empty() { failure.remedy.is_empty() } else { failure.remedy.starts_with(fix) };
            assert!(is_right, "{status} {subject:?}: {}", failure.remedy);
        }
    }

    #[test]
    fn a_missing_keypair_is_named_unless_the_service_says_more_or_has_a_fault() {
        for (status, message, kind) in [
            (400, "No keypair found", Kind::NotFound),
            (499, "keypair not present", Kind::NotFound),
            (403, "Keypair not present: it is offline", Kind::Offline),
            (500, "no keypair found", Kind::Unavailable),
        ] {
            assert_eq!(of(status, message).kind, kind, "{status} {message}");
        }
        let record = failure(Subject::Record, "x", 400, "", "", b"no keypair found");
        assert_eq!(record.kind, Kind::BadRequest);
    }

    #[test]
    fn a_web_page_is_known_by_its_type_or_its_text_and_a_service_in_maintenance_may_send_one() {
        let remedy = |status, content_type, body: &[u8]| {
            let failure = failure(Subject::Sign, "x", status, content_type, "", body);
            assert_eq!(failure.status, None);
            failure.remedy
        };
        let page = "this is a web page and not the service's answer: check SM_HOST and the proxy";
        assert_eq!(remedy(403, "text/html; charset=utf-8", b"Please log in"), page);
        assert_eq!(remedy(403, "text/plain", b" <html>Please log in"), page);
        let fault = "the service has a fault or is in maintenance: try later";
        assert_eq!(remedy(503, "text/html", b"<html>Maintenance"), fault);
    }

    #[test]
    fn a_proxys_web_page_is_told_from_the_service() {
        let failure = failure(Subject::List, "GET https://h/p", 403, "text/html", "", b"<html>Please log in</html>");
        assert_eq!(failure.status, None);
        assert!(failure.to_string().contains("not the service's answer"), "{failure}");
    }
}
