//! The service's refusals: status codes and the documented error bodies.
//!
//! The real service uses several formats, one for each layer that can refuse. Each constructor uses the format that the
//! documentation or a recorded response shows for that refusal, so that a client's parser is tested with all of them.

use serde_json::{Value, json};

/// A refusal, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    /// HTTP status code.
    pub status: u16,
    /// The JSON body in the format of the layer that refused.
    pub body: Value,
    /// `Allow` or `Retry-After`, if the status requires one.
    pub header: Option<(&'static str, String)>,
}

impl ApiError {
    /// An `error` object with the code in its member `status`.
    fn by_status(status: u16, word: &str, message: impl Into<String>) -> ApiError {
        ApiError { status, body: json!({"error": {"status": word, "message": message.into()}}), header: None }
    }

    /// An `error` object with the code in its member `code`.
    fn by_code(status: u16, word: &str, message: impl Into<String>) -> ApiError {
        ApiError { status, body: json!({"error": {"code": word, "message": message.into()}}), header: None }
    }

    /// An `errors` array with one entry.
    fn listed(status: u16, code: &str, message: impl Into<String>) -> ApiError {
        ApiError { status, body: json!({"errors": [{"code": code, "message": message.into()}]}), header: None }
    }

    /// The application framework's own format, in which `error` and `status` are strings.
    fn framework(status: u16, error: &str, path: &str) -> ApiError {
        ApiError { status, body: json!({"status": status.to_string(), "error": error, "path": path}), header: None }
    }

    /// 401: no `x-api-key`, or one that this service did not issue.
    pub fn invalid_api_key(message: &str) -> ApiError {
        ApiError::by_code(401, "invalid_api_key", message)
    }

    /// 403: the request requires a client certificate, and has none.
    pub fn not_multi_factor(operation: &str) -> ApiError {
        ApiError::by_status(
            403,
            "access_denied",
            format!(
                "User is not multi-factor authenticated. As per compliance rules, user needs to be authenticated \
                 using multi-factor for performing {operation} operation."
            ),
        )
    }

    /// 403: the user is not among those who may use the keypair.
    pub fn no_rights(user_id: &str, keypair_id: &str) -> ApiError {
        let message = format!("User - {user_id} does not have rights to access the keypair - {keypair_id}");
        ApiError::by_status(403, "access_denied", message)
    }

    /// 403: the keypair is OFFLINE.
    pub fn offline() -> ApiError {
        ApiError::by_status(
            403,
            "access_denied",
            "Provided keypair is in OFFLINE state and cannot be used for signing. Please provide keypair in active \
             state to be used for signing.",
        )
    }

    /// 404 of `GET /keypairs/{id}`.
    pub fn keypair_not_present(id: &str) -> ApiError {
        let message = format!("Keypair not present for given keypairId {id}. Please provide correct keypairId.");
        ApiError::by_status(404, "invalid_input_field", message)
    }

    /// 404 of `POST /keypairs/{id}/sign`; code and sentence are the tutorial's.
    pub fn keypair_not_found() -> ApiError {
        ApiError::listed(404, "KEYPAIR_NOT_FOUND", "Keypair not found or you do not have access")
    }

    /// 404 of `GET /signatures/{id}` and `GET /certificates/{id}`.
    pub fn not_present(what: &str, id: &str) -> ApiError {
        let field = what.to_lowercase();
        let message = format!("{what} not present for given {field}Id {id}. Please provide correct {field}Id.");
        ApiError::by_status(404, "invalid_input_field", message)
    }

    /// 400: `key_alg` is not an algorithm of the service; code and sentence are the tutorial's.
    pub fn invalid_key_alg() -> ApiError {
        ApiError::listed(400, "INVALID_KEY_ALG", "Invalid key algorithm specified")
    }

    /// 400: `properties` do not describe a key of the algorithm; code and sentence are the tutorial's.
    pub fn invalid_properties() -> ApiError {
        ApiError::listed(400, "INVALID_PROPERTIES", "Key properties are required for the specified algorithm")
    }

    /// 400: `sig_alg` is unknown or not supported by this key; code and sentence are the tutorial's.
    pub fn invalid_sig_alg() -> ApiError {
        ApiError::listed(400, "INVALID_SIG_ALG", "Signature algorithm is not compatible with keypair algorithm")
    }

    /// 400: the query has a parameter that the request does not have.
    pub fn unknown_parameter(name: &str) -> ApiError {
        ApiError::by_status(400, "invalid_input_field", format!("Unknown query parameter '{name}'."))
    }

    /// 409: the alias belongs to another keypair.
    pub fn duplicate(alias: &str) -> ApiError {
        ApiError::listed(409, "duplicate_error", format!("Keypair with alias {alias} already exists"))
    }

    /// 400: one field has a value that the service cannot use.
    pub fn invalid_field(message: impl Into<String>) -> ApiError {
        ApiError::by_status(400, "invalid_input_field", message)
    }

    /// 400: the body is not JSON, or not an object with the fields asked for.
    pub fn invalid_request(message: impl Into<String>) -> ApiError {
        ApiError::by_code(400, "invalid_request", message)
    }

    /// 404: the gateway does not know this path.
    pub fn no_such_path() -> ApiError {
        ApiError::listed(404, "INTERNAL_SERVER_ERROR", "Path not found")
    }

    /// 405: the path exists, the method does not.
    pub fn wrong_method(path: &str, allow: &str) -> ApiError {
        ApiError { header: Some(("allow", allow.to_owned())), ..ApiError::framework(405, "Method Not Allowed", path) }
    }

    /// 413: the body is larger than any request of this service.
    pub fn too_large(path: &str) -> ApiError {
        ApiError::framework(413, "Payload Too Large", path)
    }

    /// 429 with `Retry-After` in seconds.
    pub fn rate_limited(retry_after: u64) -> ApiError {
        ApiError {
            header: Some(("retry-after", retry_after.to_string())),
            ..ApiError::listed(429, "request_limit_exceeded", "Service unavailable, please limit request volume")
        }
    }

    /// 500: the emulator itself failed (for example, a full disk); the cause goes to its stderr, not to the client.
    pub fn internal(path: &str) -> ApiError {
        ApiError::framework(500, "Internal Server Error", path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_shape_is_spoken_by_some_refusal() {
        assert_eq!(ApiError::offline().body["error"]["status"], "access_denied");
        assert_eq!(ApiError::internal("/p").body["error"], "Internal Server Error");
        assert_eq!(ApiError::internal("/p").body["status"], "500");
        assert_eq!(ApiError::no_such_path().body["errors"][0]["message"], "Path not found");
        assert_eq!(ApiError::invalid_api_key("no").body["error"]["code"], "invalid_api_key");
    }

    #[test]
    fn a_rate_limit_says_when_to_come_back() {
        let refusal = ApiError::rate_limited(3);
        assert_eq!(refusal.status, 429);
        assert_eq!(refusal.header, Some(("retry-after", "3".to_owned())));
    }
}
