//! The signature log, with a search.

use super::details::facts;
use super::table::{Cell, Row, Table, pager};
use super::{Answer, Console, Failure, Request};
use crate::journal::SignatureRecord;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use data_encoding::HEXLOWER;
use maud::{Markup, html};
use std::sync::Arc;

static TABLE: Table = Table {
    name: "signatures",
    caption: "Signatures, newest first",
    columns: &["Time (UTC)", "Keypair", "Algorithm", "Status", "Hash (hex)", "Client", "Record"],
    empty: "No signature.",
};

/// Rows of a page.
const ROWS: usize = 100;
/// Digits of a hash in the table: enough to find a file's digest at a glance.
const HASH_DIGITS: usize = 16;

pub fn page(console: &Console, request: &Request) -> Answer {
    let query = request.query.get("q");
    let page = request.number("page").unwrap_or(1).max(1);
    let position = console.position();
    let mut found = console.shared.service.journal.all();
    found.reverse();
    if !query.is_empty() {
        found.retain(|record| matches(record, query));
    }
    let rows: Vec<Row> =
        found.iter().skip((page - 1).saturating_mul(ROWS)).take(ROWS).map(|record| row(record)).collect();
    let live = (query.is_empty() && page == 1).then_some((position.as_str(), ROWS));
    let content = html! {
        p { "Every signature of this account, also of earlier runs. An account of the real service pays for each." }
        form.search method="get" action="/console/signatures" role="search" {
            label for="q" { "Search all fields" }
            input id="q" name="q" type="search" value=(query) placeholder="alias, id, algorithm, client or SHA-256 in hex";
            button type="submit" { "Search" }
        }
        @if !query.is_empty() {
            p role="status" { (found.len()) " found. " a href="/console/signatures" { "Show all" } }
        }
        (TABLE.show(&rows, live))
        (pager("/console/signatures", query, page, ROWS, found.len()))
    };
    console.page(Some(request), "/console/signatures", "Signatures", content)
}

/// The table with the newest signatures.
pub fn newest(console: &Console, limit: usize) -> Markup {
    let position = console.position();
    let journal = &console.shared.service.journal;
    let (newest, _) = journal.after(journal.len().saturating_sub(limit), limit);
    let rows: Vec<Row> = newest.iter().rev().map(|record| row(record)).collect();
    TABLE.show(&rows, Some((&position, limit)))
}

pub fn row(record: &SignatureRecord) -> Row {
    let hash = hex(&record.hash);
    let start = hash.get(..HASH_DIGITS).map_or(hash.clone(), |start| format!("{start}…"));
    Row {
        table: TABLE.name,
        id: format!("signature-{}", record.id),
        cells: vec![
            Cell::text(&record.created_on).class("number"),
            Cell::link(&record.key_pair, format!("/console/keypairs/{}", record.keypair_id)).class("name"),
            Cell::text(&record.sig_alg),
            Cell::text(&record.signing_status).class(if record.signing_status == "SUCCESS" {
                "good"
            } else {
                "failed"
            }),
            Cell::text(&start).class("number"),
            Cell::text(record.client_type.as_deref().unwrap_or("unnamed")),
            Cell::link(record.id.get(..8).unwrap_or(&record.id), format!("/console/signatures/{}", record.id))
                .class("number"),
        ],
    }
}

pub fn details(console: &Console, id: &str) -> Result<Answer, Failure> {
    let record = console.shared.service.journal.find(id).ok_or(Failure::NotFound)?;
    let content = html! {
        p { a href="/console/signatures" { "All signatures" } " · "
            a href=(format!("/console/keypairs/{}", record.keypair_id)) { "Keypair" } }
        (facts(fields(&record).into_iter().chain([("hash in hex", hex(&record.hash))])))
    };
    Ok(console.page(None, "/console/signatures", "Signature record", content))
}

/// All fields of a record, by the names in the service's response.
fn fields(record: &SignatureRecord) -> Vec<(&'static str, String)> {
    let SignatureRecord {
        id,
        keypair_id,
        key_pair,
        signature,
        sig_alg,
        hash,
        signing_status,
        account,
        created_on,
        created_by,
        created_by_user,
        modified_on,
        modified_by,
        modified_by_user,
        client_ip,
        certificate_id,
        client_type,
        signature_type,
    } = record.clone();
    vec![
        ("id", id),
        ("keypair_id", keypair_id),
        ("key_pair", key_pair),
        ("sig_alg", sig_alg),
        ("hash", hash),
        ("signature", signature),
        ("signature_type", signature_type),
        ("signing_status", signing_status),
        ("certificate_id", certificate_id.unwrap_or_default()),
        ("client_type", client_type.unwrap_or_default()),
        ("client_ip", client_ip),
        ("account", account.join(", ")),
        ("created_on", created_on),
        ("created_by", created_by),
        ("created_by_user", created_by_user),
        ("modified_on", modified_on),
        ("modified_by", modified_by),
        ("modified_by_user", modified_by_user),
    ]
}

/// Whether a field contains the text in any case, or the hash does in hexadecimal, as `sha256sum` prints it.
fn matches(record: &Arc<SignatureRecord>, text: &str) -> bool {
    let text = text.to_lowercase();
    fields(record).iter().any(|(_, value)| value.to_lowercase().contains(&text)) || hex(&record.hash).contains(&text)
}

fn hex(base64: &str) -> String {
    BASE64.decode(base64).map(|bytes| HEXLOWER.encode(&bytes)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_found_by_any_field_and_by_its_digest_in_hex() {
        let text = |name: &str| format!("value-of-{name}");
        let mut value = serde_json::json!({"account": ["value-of-account"], "hash": BASE64.encode([0xab; 32])});
        let names = [
            "id",
            "keypair_id",
            "key_pair",
            "signature",
            "sig_alg",
            "signing_status",
            "created_on",
            "created_by",
            "created_by_user",
            "modified_on",
            "modified_by",
            "modified_by_user",
            "client_ip",
            "certificate_id",
            "client_type",
            "signature_type",
        ];
        for name in names {
            value[name] = text(name).into();
        }
        let record = Arc::new(serde_json::from_value::<SignatureRecord>(value).unwrap());
        for name in names.into_iter().chain(["account"]) {
            assert!(matches(&record, &text(name).to_uppercase()), "{name}");
        }
        assert!(matches(&record, &"ab".repeat(32)));
        assert!(!matches(&record, &"ba".repeat(40)));
    }
}
