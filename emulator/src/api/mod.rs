//! The REST API: from a request to a response. It knows nothing about connections, faults or logs.

mod certificates;
mod create;
mod keypairs;
mod lists;
mod sign;
mod signatures;

use crate::behaviour::{Behaviour, UnknownParameter, UnknownPath, Wrapped};
use crate::errors::ApiError;
use crate::service::Service;
use hyper::body::Bytes;
use percent_encoding::percent_decode_str;
use std::net::IpAddr;

/// The base path of the API.
pub const BASE: &str = "/signingmanager/api/v1";

/// A request, with everything that a response can depend on.
pub struct Call {
    /// The method in capitals.
    pub method: String,
    /// The path, still percent-encoded.
    pub path: String,
    /// What follows the question mark.
    pub query: String,
    /// The whole body.
    pub body: Bytes,
    /// The `x-api-key` header.
    pub api_key: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// Whether the client presented a certificate; if so, it was verified.
    pub client_certificate: bool,
    pub client_ip: IpAddr,
}

#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// Headers beside `Content-Type` and `Content-Length`.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Answer {
    fn json(status: u16, body: impl Into<Bytes>) -> Answer {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Answer { status, headers, body: body.into() }
    }

    /// One JSON object, wrapped as `behaviour` says.
    fn object(status: u16, object: Vec<u8>, behaviour: &Behaviour) -> Answer {
        let (before, after): (&[u8], &[u8]) = match behaviour.wrapped_answers {
            Wrapped::None => return Answer::json(status, object),
            Wrapped::Data => (b"{\"data\":", b"}"),
            Wrapped::List => (b"[", b"]"),
        };
        Answer::json(status, [before, &object, after].concat())
    }

    /// The web application, which the service's host serves for every path outside the API.
    pub fn web_page() -> Answer {
        let headers = vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())];
        Answer { status: 200, headers, body: Bytes::from_static(WEB_PAGE.as_bytes()) }
    }
}

const WEB_PAGE: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>DigiCert ONE</title></head>\n\
    <body><noscript>You need to enable JavaScript to run this app.</noscript><div id=\"root\"></div></body></html>\n";

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Answer {
        let mut answer = Answer::json(error.status, error.body.to_string());
        answer.headers.extend(error.header.map(|(name, value)| (name.to_owned(), value)));
        answer
    }
}

/// The paths of the API.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Resource {
    Keypairs,
    Keypair,
    Sign,
    Signature,
    Certificates,
    Certificate,
}

impl Resource {
    /// The path below [`BASE`], as documentation writes it.
    fn template(self) -> &'static str {
        match self {
            Resource::Keypairs => "/keypairs",
            Resource::Keypair => "/keypairs/{id}",
            Resource::Sign => "/keypairs/{id}/sign",
            Resource::Signature => "/signatures/{id}",
            Resource::Certificates => "/certificates",
            Resource::Certificate => "/certificates/{id}",
        }
    }

    fn is_list(self) -> bool {
        matches!(self, Resource::Keypairs | Resource::Certificates)
    }

    /// The value of an `Allow` header.
    fn methods(self) -> &'static str {
        match self {
            Resource::Keypairs => "GET, POST",
            Resource::Sign => "POST",
            _ => "GET",
        }
    }

    /// What a path names, with the id or alias in it, still percent-encoded.
    fn of(path: &str) -> Option<(Resource, &str)> {
        let segments: Vec<&str> = path.strip_prefix(BASE)?.strip_prefix('/')?.split('/').collect();
        match segments[..] {
            ["keypairs"] => Some((Resource::Keypairs, "")),
            ["keypairs", id] if !id.is_empty() => Some((Resource::Keypair, id)),
            ["keypairs", id, "sign"] if !id.is_empty() => Some((Resource::Sign, id)),
            ["signatures", id] if !id.is_empty() => Some((Resource::Signature, id)),
            ["certificates"] => Some((Resource::Certificates, "")),
            ["certificates", id] if !id.is_empty() => Some((Resource::Certificate, id)),
            _ => None,
        }
    }
}

/// The kind of a request, for counting: `POST /keypairs/{id}/sign`, or `other`.
pub fn kind_of(method: &str, path: &str) -> String {
    match Resource::of(path) {
        Some((resource, _)) if resource.methods().split(", ").any(|known| known == method) => {
            format!("{method} {}", resource.template())
        }
        _ => "other".to_owned(),
    }
}

/// Whether a request asks for a signature.
pub fn is_sign(method: &str, path: &str) -> bool {
    method == "POST" && matches!(Resource::of(path), Some((Resource::Sign, _)))
}

/// Responds to a request. Blocks while keys are generated and used.
pub fn answer(service: &Service, call: &Call) -> Answer {
    route(service, call).unwrap_or_else(Answer::from)
}

fn route(service: &Service, call: &Call) -> Result<Answer, ApiError> {
    let found = Resource::of(&call.path);
    if found.is_none() && service.behaviour.unknown_path == UnknownPath::WebPage {
        return Ok(Answer::web_page());
    }
    authenticate(service, call)?;
    let (resource, id) = found.ok_or_else(ApiError::no_such_path)?;
    if !resource.is_list() {
        parameters(call, &service.behaviour, &[])?;
    }
    let id = percent_decode_str(id).decode_utf8_lossy();
    match (call.method.as_str(), resource) {
        ("GET", Resource::Keypairs) => keypairs::list(service, call),
        ("POST", Resource::Keypairs) => create::create(service, call),
        ("GET", Resource::Keypair) => keypairs::get(service, &id),
        ("POST", Resource::Sign) => sign::sign(service, call, &id),
        ("GET", Resource::Signature) => signatures::get(service, &id),
        ("GET", Resource::Certificates) => certificates::list(service, call),
        ("GET", Resource::Certificate) => certificates::get(service, &id),
        _ => Err(ApiError::wrong_method(&call.path, resource.methods())),
    }
}

/// Authenticates the client. A client certificate can replace the API key, unless `behaviour` forbids it; an invalid
/// key is refused with any certificate. Operations that require the certificate check it themselves.
fn authenticate(service: &Service, call: &Call) -> Result<(), ApiError> {
    match &call.api_key {
        None if call.client_certificate && !service.behaviour.require_api_key => Ok(()),
        None => Err(ApiError::invalid_api_key("API key is missing. Send it in the x-api-key header.")),
        Some(key) if *key != service.who.api_key => {
            Err(ApiError::invalid_api_key("The API key is not valid for this host, or it has expired."))
        }
        Some(_) => Ok(()),
    }
}

/// The query's parameters, decoded.
///
/// # Errors
/// 400 for one that is not among `known`, unless `behaviour` ignores it.
fn parameters(call: &Call, behaviour: &Behaviour, known: &[&str]) -> Result<Vec<(String, String)>, ApiError> {
    let mut found = Vec::new();
    for (name, value) in form_urlencoded::parse(call.query.as_bytes()) {
        if known.contains(&&*name) {
            found.push((name.into_owned(), value.into_owned()));
        } else if behaviour.unknown_parameter == UnknownParameter::Refuse {
            return Err(ApiError::unknown_parameter(&name));
        }
    }
    Ok(found)
}

fn need_multi_factor(call: &Call, operation: &str) -> Result<(), ApiError> {
    if call.client_certificate { Ok(()) } else { Err(ApiError::not_multi_factor(operation)) }
}

/// A body that must be a JSON object with no other members than `known`.
fn object(body: &[u8], known: &[&str]) -> Result<serde_json::Map<String, serde_json::Value>, ApiError> {
    let members = match serde_json::from_slice(body) {
        Ok(serde_json::Value::Object(members)) => members,
        Ok(_) => return Err(ApiError::invalid_request("The request body is not a JSON object.")),
        Err(error) => return Err(ApiError::invalid_request(format!("The request body is not valid JSON: {error}"))),
    };
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(ApiError::invalid_request(format!("Unknown member '{name}' in the request body."))),
        None => Ok(members),
    }
}

/// A member that must be a string with something in it.
fn text<'a>(body: &'a serde_json::Map<String, serde_json::Value>, name: &str) -> Result<&'a str, ApiError> {
    match body.get(name) {
        Some(serde_json::Value::String(text)) if !text.trim().is_empty() => Ok(text),
        Some(serde_json::Value::String(_) | serde_json::Value::Null) | None => {
            Err(ApiError::invalid_field(format!("{name} must not be empty.")))
        }
        Some(_) => Err(ApiError::invalid_request(format!("{name} must be a string."))),
    }
}

/// Reports the cause to the operator of the emulator; a client only sees status 500.
fn failed(call: &Call, error: impl std::fmt::Display) -> ApiError {
    eprintln!("stm-emulator: {} {}: {error}", call.method, call.path);
    ApiError::internal(&call.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_recognised_with_and_only_with_what_belongs_in_them() {
        assert_eq!(Resource::of("/signingmanager/api/v1/keypairs"), Some((Resource::Keypairs, "")));
        assert_eq!(Resource::of("/signingmanager/api/v1/keypairs/a%20b/sign"), Some((Resource::Sign, "a%20b")));
        assert_eq!(Resource::of("/signingmanager/api/v1/keypairs//sign"), None);
        assert_eq!(Resource::of("/signingmanager/api/v1/keypairs/"), None);
        assert_eq!(Resource::of("/signingmanager/api/v2/keypairs"), None);
        assert_eq!(Resource::of("/keypairs"), None);
    }

    #[test]
    fn requests_are_counted_by_what_they_ask_for() {
        assert_eq!(kind_of("POST", "/signingmanager/api/v1/keypairs/x/sign"), "POST /keypairs/{id}/sign");
        assert_eq!(kind_of("PUT", "/signingmanager/api/v1/keypairs/x/sign"), "other");
        assert_eq!(kind_of("GET", "/"), "other");
    }
}
