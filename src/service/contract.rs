//! The contract with the service: one table of the requests, and of the fields read from the responses.

/// The source of a part of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// A public page or program, by its name.
    Documented(&'static str),
    /// Not documented; the text says what it was inferred from.
    Inferred(&'static str),
}

/// One part of the contract.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Method and path below `/signingmanager/api/v1`, with `{id}` for an id.
    pub requests: &'static [&'static str],
    /// `request`, `query NAME`, `body NAME`, or `field NAME` of the response.
    pub part: &'static str,
    pub evidence: Evidence,
    /// What the module does if the assumption is wrong.
    pub otherwise: &'static str,
}

use Evidence::{Documented, Inferred};

const LIST: &str = "GET /keypairs";
const KEYPAIR: &str = "GET /keypairs/{id}";
const CERTIFICATES: &str = "GET /certificates";
const SIGN: &str = "POST /keypairs/{id}/sign";
const RECORD: &str = "GET /signatures/{id}";
const CREATE: &str = "POST /keypairs";

const fn row(
    requests: &'static [&'static str],
    part: &'static str,
    evidence: Evidence,
    otherwise: &'static str,
) -> Row {
    Row { requests, part, evidence, otherwise }
}

pub const ROWS: &[Row] = &[
    row(
        &[LIST],
        "request",
        Documented("Jenkins plugin (commented-out code)"),
        "fails; the message quotes the response",
    ),
    row(
        &[LIST],
        "query alias",
        Documented("Jenkins plugin; `smctl keypair ls --filter alias=`"),
        "refused or ignored: the module searches the whole list",
    ),
    row(
        &[LIST, CERTIFICATES],
        "query limit",
        Documented("jsign (100)"),
        "refused or too slow: the module tries 20, then no limit. Sent only for lists, never with `alias`",
    ),
    row(
        &[LIST, CERTIFICATES],
        "query offset",
        Inferred("a related product's API; `offset` in the response"),
        "ignored: one warning. Refused: the whole list in one page, or `CKR_FUNCTION_FAILED` with the fix in the message",
    ),
    row(
        &[LIST, CERTIFICATES],
        "field items",
        Documented("jsign"),
        "accepts a bare list and null; anything else fails with a message",
    ),
    row(
        &[LIST, CERTIFICATES],
        "field total",
        Documented("jsign"),
        "not essential: the module reads pages as long as they are full; a different count causes one warning",
    ),
    row(
        &[LIST, CERTIFICATES],
        "field limit",
        Documented("jsign"),
        "missing: the length of the first page is the page size",
    ),
    row(
        &[KEYPAIR],
        "request",
        Documented("jsign"),
        "404: the keypair does not exist; other refusals: the module uses the data from the list",
    ),
    row(
        &[CERTIFICATES],
        "request",
        Documented("jsign"),
        "one warning; the token shows keypairs without these certificates",
    ),
    row(&[LIST, KEYPAIR], "field id", Documented("jsign"), "missing: the module skips the keypair, with a warning"),
    row(&[LIST, KEYPAIR], "field alias", Documented("jsign"), "missing: the module skips the keypair, with a warning"),
    row(
        &[LIST, KEYPAIR],
        "field public_key",
        Documented("jsign (RSA: base64 of a SubjectPublicKeyInfo)"),
        "accepts PEM, hexadecimal, PKCS#1 and bare points; otherwise uses the certificate's key, then `GET /keypairs/{id}`; otherwise an error names the keypair",
    ),
    row(
        &[LIST, KEYPAIR],
        "field certificates",
        Documented("jsign (single keypair); inferred for lists"),
        "missing or without `cert`: read once from `GET /keypairs/{id}` or `GET /certificates`",
    ),
    row(
        &[LIST, KEYPAIR],
        "field number_of_active_certificates",
        Documented("jsign"),
        "missing: the module checks an empty list of certificates once",
    ),
    row(
        &[LIST, KEYPAIR],
        "field key_alg",
        Documented("jsign, tutorial"),
        "used only in messages; the public key decides",
    ),
    row(&[LIST, KEYPAIR], "field key_type", Documented("jsign, tutorial"), "only displayed"),
    row(&[LIST, KEYPAIR], "field key_storage", Documented("jsign, tutorial"), "only displayed"),
    row(
        &[LIST, KEYPAIR],
        "field key_status",
        Documented("jsign"),
        "only displayed: the module tries an OFFLINE keypair, because a release window may be open",
    ),
    row(&[LIST, KEYPAIR], "field status", Documented("tutorial"), "another name of `key_status`"),
    row(
        &[LIST, KEYPAIR],
        "field key_modal_type",
        Documented("jsign (STATIC); DYNAMIC is inferred"),
        "missing: the keypair counts as static; a signature by another key is discarded, and the next search requests the keypair again",
    ),
    row(&[LIST, KEYPAIR], "field is_signable_by_me", Documented("jsign"), "only displayed"),
    row(
        &[LIST, KEYPAIR],
        "field account",
        Documented("jsign"),
        "missing: requested from `GET /keypairs/{id}` if a sign request requires it",
    ),
    row(&[LIST, KEYPAIR, CERTIFICATES], "field certificates.id", Documented("jsign"), "only displayed"),
    row(&[LIST, KEYPAIR, CERTIFICATES], "field certificates.alias", Documented("jsign"), "only displayed"),
    row(
        &[LIST, KEYPAIR, CERTIFICATES],
        "field certificates.cert",
        Documented("jsign"),
        "missing: like a missing list of certificates",
    ),
    row(
        &[LIST, KEYPAIR, CERTIFICATES],
        "field certificates.chain",
        Documented("jsign"),
        "missing: the token shows the certificate without its issuers",
    ),
    row(
        &[LIST, KEYPAIR, CERTIFICATES],
        "field certificates.blob",
        Documented("jsign"),
        "unreadable: the token does not show that issuer",
    ),
    row(
        &[LIST, KEYPAIR, CERTIFICATES],
        "field certificates.default_cert",
        Documented("jsign"),
        "missing: the token shows the newest ACTIVE certificate",
    ),
    row(
        &[LIST, KEYPAIR, CERTIFICATES],
        "field certificates.certificate_status",
        Documented("jsign"),
        "missing: the token shows the newest certificate",
    ),
    row(
        &[LIST, KEYPAIR, CERTIFICATES],
        "field certificates.valid_from",
        Documented("jsign"),
        "missing: the token shows the first certificate",
    ),
    row(
        &[LIST, KEYPAIR, CERTIFICATES],
        "field certificates.valid_to",
        Documented("jsign"),
        "only displayed: the date in the certificate counts",
    ),
    row(
        &[CERTIFICATES],
        "field certificates.keypair",
        Documented("jsign"),
        "missing: uses `keypair_id`; without it, ignores the certificate",
    ),
    row(
        &[CERTIFICATES],
        "field certificates.keypair_id",
        Inferred("the field's name in the signature log"),
        "used only if `keypair` is missing",
    ),
    row(
        &[SIGN],
        "request",
        Documented("tutorial, jsign, scitt-action"),
        "fails; the message quotes the response. Never retried if it may have been executed",
    ),
    row(
        &[SIGN],
        "body hash",
        Documented("tutorial, jsign, scitt-action"),
        "400: the error message names `sig_alg` and the length. For Ed25519, ML-DSA and SLH-DSA the field contains the signed message itself, which is inferred",
    ),
    row(&[SIGN], "body sig_alg", Documented("tutorial, smctl manual"), "400: the error message names the value sent"),
    row(&[SIGN], "body account", Documented("jsign"), "sent only after a 400 that names it"),
    row(
        &[SIGN],
        "field id",
        Documented("tutorial, jsign"),
        "missing: the log entry cannot be read; not needed if the response has a signature",
    ),
    row(&[SIGN, RECORD], "field signature_id", Inferred("common practice"), "read only if `id` is missing"),
    row(
        &[SIGN],
        "field signature",
        Documented("jsign, scitt-action"),
        "missing: the module reads the log entry until it has one; also found in `data` or a list of one",
    ),
    row(
        &[RECORD],
        "request",
        Documented("tutorial"),
        "404: retried until the deadline of the call; then the message names the log entry",
    ),
    row(
        &[RECORD],
        "field signature",
        Documented("tutorial"),
        "missing: the module waits while the status is neither success nor failure",
    ),
    row(&[RECORD], "field signing_status", Documented("tutorial (SUCCESS)"), "missing: counts as not finished"),
    row(&[RECORD], "field status", Inferred("common practice"), "read only if `signing_status` is missing"),
    row(&[RECORD], "field id", Documented("tutorial"), "only displayed"),
    row(
        &[RECORD],
        "field keypair_id",
        Documented("tutorial"),
        "missing or different: with `STM_PKCS11_CONFIRM=record`, the signature is discarded",
    ),
    row(&[RECORD], "field sig_alg", Documented("tutorial"), "like `keypair_id`"),
    row(&[RECORD], "field hash", Documented("tutorial"), "like `keypair_id`"),
    row(&[RECORD], "field certificate_id", Documented("tutorial"), "only displayed"),
    row(&[RECORD], "field created_on", Documented("tutorial"), "only displayed"),
    row(&[RECORD], "field client_type", Documented("tutorial"), "only displayed"),
    row(
        &[CREATE],
        "request",
        Documented("tutorial"),
        "`CKR_ATTRIBUTE_VALUE_INVALID` or `CKR_FUNCTION_REJECTED`, with the service's message",
    ),
    row(&[CREATE], "body alias", Documented("tutorial"), "like the request"),
    row(
        &[CREATE],
        "body key_alg",
        Documented("tutorial (RSA, ECDSA, EdDSA); smctl manual for the others"),
        "like the request",
    ),
    row(&[CREATE], "body key_storage", Documented("tutorial"), "like the request"),
    row(&[CREATE], "body key_type", Documented("tutorial"), "like the request"),
    row(
        &[CREATE],
        "body properties",
        Documented("tutorial (`key_size`, `curve`); inferred for ML-DSA and SLH-DSA"),
        "like the request",
    ),
    row(&[CREATE], "body status", Documented("tutorial"), "like the request"),
];

/// The table for the documentation, in Markdown.
pub fn markdown() -> String {
    let mut text = String::from("| request | part | source | if this is wrong |\n| --- | --- | --- | --- |\n");
    for row in ROWS {
        let requests: Vec<String> = row.requests.iter().map(|request| format!("`{request}`")).collect();
        let part = match row.part.split_once(' ') {
            Some((kind, name)) => format!("{kind} `{name}`"),
            None => "the request".to_owned(),
        };
        let source = match row.evidence {
            Documented(source) => source.to_owned(),
            Inferred(from) => format!("*inferred* from {from}"),
        };
        text.push_str(&format!("| {} | {part} | {source} | {} |\n", requests.join(", "), row.otherwise));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::{signature_record, wire};
    use super::*;

    fn fields(request: &str) -> Vec<&'static str> {
        let of = ROWS.iter().filter(|row| row.requests.contains(&request));
        of.filter_map(|row| row.part.strip_prefix("field ")).collect()
    }

    #[test]
    fn every_field_that_is_read_stands_in_the_table_and_no_other() {
        let envelope = ["items", "total", "limit"];
        let mut known: Vec<String> = wire::Keypair::FIELDS.iter().map(ToString::to_string).collect();
        let nested = [wire::Certificate::FIELDS, wire::Link::FIELDS].concat();
        known.extend(nested.iter().map(|name| format!("certificates.{name}")));
        for name in known.iter().filter(|name| !name.contains("keypair")) {
            assert!(fields(KEYPAIR).contains(&name.as_str()), "{name}");
        }
        for name in ["certificates.keypair", "certificates.keypair_id"] {
            assert!(fields(CERTIFICATES).contains(&name) && known.iter().any(|known| known == name), "{name}");
        }
        for request in [LIST, KEYPAIR, CERTIFICATES] {
            for name in fields(request) {
                assert!(envelope.contains(&name) || known.iter().any(|known| known == name), "{name} is not read");
            }
        }
        assert_eq!(wire::Reference::FIELDS, ["id"]);
        for (request, read) in [(RECORD, signature_record::RECORD_FIELDS), (SIGN, signature_record::SIGNED_FIELDS)] {
            for name in read {
                assert!(fields(request).contains(name), "{request}: {name}");
            }
            assert!(fields(request).iter().all(|name| read.contains(name)), "{request}");
        }
    }

    #[test]
    fn each_part_stands_once() {
        for (place, row) in ROWS.iter().enumerate() {
            let again = |other: &&Row| {
                other.part == row.part && other.requests.iter().any(|request| row.requests.contains(request))
            };
            assert!(ROWS[place + 1..].iter().find(again).is_none(), "{:?}: {}", row.requests, row.part);
        }
    }
}
