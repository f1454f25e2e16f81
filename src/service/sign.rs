//! A signature: exactly one `POST .../sign` that is executed, and all requests needed to learn its outcome.
//!
//! A signature that was made is billed. So if the response does not contain it yet, the module reads its log entry
//! until the signature is there, has failed, or the deadline passes.

use super::attempts::SIGNATURE_LOG;
use super::deadline::Deadline;
use super::failure::{Failure, Kind};
use super::line::Line;
use super::lookup;
use super::model::Keypair;
use super::progress::Progress;
use super::request::{Request, segment};
use super::signature_record::{self, SignatureRecord, Signed};
use crate::plural::counted;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// What the service must sign.
pub struct Order<'a> {
    pub keypair: &'a Keypair,
    /// The service's name of the algorithm.
    pub sig_alg: &'a str,
    /// The digest, or the message if the algorithm signs it whole.
    pub hash: &'a [u8],
    /// Updated during the request: the ledger needs to know whether it may have been executed.
    pub progress: &'a Arc<Progress>,
}

/// The first and the longest pause between two reads of a log entry.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// Beginnings of `signing_status`, in capitals, that mean failure. The public record shows only SUCCESS.
const FAILED: [&str; 6] = ["FAIL", "ERROR", "REJECT", "CANCEL", "DENIED", "EXPIRED"];
const DONE: [&str; 2] = ["SUCCESS", "COMPLETE"];

impl Order<'_> {
    /// Sends it, and returns the signature.
    pub async fn execute(&self, line: &Line) -> Result<Signed, Failure> {
        let answer = self.post(line).await.map_err(|failure| self.explained(failure))?;
        match signature_record::signed(&answer) {
            (id, Some(signature)) => Ok(Signed { id, signature }),
            (Some(id), None) => {
                self.progress.note_record(&id);
                let record = finished(line, &id).await?;
                if begins(&record, &FAILED) {
                    return Err(failed(&id, &record));
                }
                let signature = record.signature.ok_or_else(|| unsigned(&id, &record.signing_status))?;
                Ok(Signed { id: Some(id), signature })
            }
            (None, None) => {
                let cause = format!(
                    "the service answered without a signature and without the id of its record: the answer is {}",
                    signature_record::members(&answer)
                );
                let remedy = format!("the signature may have been made: look {SIGNATURE_LOG}, and report the answer");
                Err(Failure::new(Kind::BadAnswer, cause, remedy))
            }
        }
    }

    async fn post(&self, line: &Line) -> Result<Value, Failure> {
        let dialect = &line.endpoint.dialect;
        let known = if dialect.account() { self.account(line).await } else { None };
        let refusal = match line.run(&self.request(known.as_ref())).await {
            Err(failure) if known.is_none() && asks_for_account(&failure) => failure,
            result => return result,
        };
        let Some(account) = self.account(line).await else { return Err(refusal) };
        log::info!("{refusal}; the sign is sent with the keypair's account");
        let answer = line.run(&self.request(Some(&account))).await?;
        dialect.name_account();
        Ok(answer)
    }

    fn request(&self, account: Option<&Value>) -> Request {
        let mut body = json!({"hash": STANDARD.encode(self.hash), "sig_alg": self.sig_alg});
        if let Some(account) = account {
            body["account"] = account.clone();
        }
        let request = Request::post(format!("/keypairs/{}/sign", segment(&self.keypair.id)), body);
        Request { progress: Some(Arc::clone(self.progress)), ..request }
    }

    /// The keypair's account; requested if it is not known, for example after a cache hit.
    async fn account(&self, line: &Line) -> Option<Value> {
        let read = |text: &str| serde_json::from_str(text).ok();
        if let Some(known) = self.keypair.account.as_deref() {
            return read(known);
        }
        let keypair = lookup::by_id(line, &self.keypair.id).await.ok().flatten()?;
        keypair.account.as_deref().and_then(read)
    }

    /// Adds the algorithm to a refusal that does not mention it.
    fn explained(&self, failure: Failure) -> Failure {
        let lower = failure.cause.to_ascii_lowercase();
        let algorithm = ["sig_alg", "algorithm"].iter().any(|text| lower.contains(text));
        if failure.kind != Kind::BadRequest && !algorithm {
            return failure;
        }
        let sent = format!(
            "sig_alg {}, a hash of {}, key_alg {}",
            self.sig_alg,
            counted(self.hash.len(), "byte"),
            self.keypair.key_alg
        );
        let remedy = match failure.remedy.is_empty() {
            true if algorithm => "use a mechanism that the service has for this keypair".to_owned(),
            _ => failure.remedy,
        };
        Failure { cause: format!("{} ({sent})", failure.cause), remedy, ..failure }
    }
}

fn asks_for_account(failure: &Failure) -> bool {
    failure.status == Some(400) && failure.cause.to_ascii_lowercase().contains("account")
}

fn begins(record: &SignatureRecord, words: &[&str]) -> bool {
    let status = record.signing_status.as_deref().unwrap_or_default().to_ascii_uppercase();
    words.iter().any(|word| status.starts_with(word))
}

/// The log entry of a new signature: read again until it exists and is final.
pub async fn finished(line: &Line, id: &str) -> Result<SignatureRecord, Failure> {
    let request = Request::get(format!("/signatures/{}", segment(id)));
    let mut pause = PAUSES.0;
    loop {
        let last = match judged(line.run(&request).await, id) {
            ControlFlow::Break(end) => return end,
            ControlFlow::Continue(last) => last,
        };
        if pause >= line.deadline.left() {
            return Err(last.late(line.deadline, id));
        }
        tokio::time::sleep(pause).await;
        pause = next(pause);
    }
}

/// Whether another read of the log entry may bring more than this one.
fn judged(read: Result<Value, Failure>, id: &str) -> ControlFlow<Result<SignatureRecord, Failure>, Unfinished> {
    match read.map(|record| signature_record::record(&record)) {
        Ok(record) if record.signature.is_some() || begins(&record, &DONE) || begins(&record, &FAILED) => {
            ControlFlow::Break(Ok(record))
        }
        Ok(record) => ControlFlow::Continue(Unfinished::Status(record.signing_status)),
        Err(failure) if matches!(failure.kind, Kind::NotFound | Kind::Unavailable) => {
            ControlFlow::Continue(Unfinished::Failure(failure))
        }
        Err(failure) => ControlFlow::Break(Err(Failure { remedy: kept(id), ..failure })),
    }
}

fn next(pause: Duration) -> Duration {
    (pause * 2).min(PAUSES.1)
}

/// Why a log entry is not final yet.
#[derive(Debug, PartialEq)]
enum Unfinished {
    Status(Option<String>),
    Failure(Failure),
}

impl Unfinished {
    fn late(self, deadline: Deadline, id: &str) -> Failure {
        match self {
            Self::Status(status) => {
                let status = status.as_deref().unwrap_or("(none)").to_owned();
                let what = format!("the signature is not ready (record {id}, status {status})");
                Failure { remedy: kept(id), ..deadline.passed(&what) }
            }
            Self::Failure(failure) => {
                let cause = format!("the record of the signature cannot be read: {}", failure.cause);
                Failure { cause, remedy: kept(id), ..failure }
            }
        }
    }
}

fn kept(id: &str) -> String {
    format!("the service keeps the signature as record {id}: `stm-pkcs11 signature show {id}` reads it")
}

fn failed(id: &str, record: &SignatureRecord) -> Failure {
    let status = record.signing_status.as_deref().unwrap_or_default();
    let reason = record.reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"));
    let cause = format!("the service did not sign: the record {id} has the status {status}{reason}");
    Failure::new(
        Kind::BadAnswer,
        cause,
        format!("see `stm-pkcs11 signature show {id}`, and the keypair in the web page"),
    )
}

fn unsigned(id: &str, status: &Option<String>) -> Failure {
    let status = status.as_deref().unwrap_or("(none)");
    let cause = format!("the service answered without a signature (record {id}, status {status})");
    let remedy = "the keypair may be OFFLINE or its certificate expired: look at it in the service's web page";
    Failure::new(Kind::BadAnswer, cause, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_may_be_about_the_algorithm_names_what_was_sent() {
        let keypair = Keypair::from_json(&json!({"id": "1", "alias": "k", "key_alg": "RSA"}));
        let order = Order { keypair: &keypair, sig_alg: "SHA256WithRSA", hash: &[7; 32], progress: &Arc::default() };
        let explained = |kind, cause, remedy| order.explained(Failure::new(kind, cause, remedy)).to_string();
        let sent = "(sig_alg SHA256WithRSA, a hash of 32 bytes, key_alg RSA)";
        let mechanism = "use a mechanism that the service has for this keypair";
        for (kind, cause, remedy, expected) in [
            (Kind::BadRequest, "no", "", format!("no {sent}")),
            (Kind::BadRequest, "no", "ask", format!("no {sent}; ask")),
            (Kind::BadRequest, "wrong Algorithm", "", format!("wrong Algorithm {sent}; {mechanism}")),
            (Kind::NotPermitted, "this SIG_ALG", "", format!("this SIG_ALG {sent}; {mechanism}")),
            (Kind::NotPermitted, "this sig_alg", "ask", format!("this sig_alg {sent}; ask")),
            (Kind::NotPermitted, "not you", "ask", "not you; ask".to_owned()),
        ] {
            assert_eq!(explained(kind, cause, remedy), expected);
        }
    }

    #[test]
    fn a_log_entry_is_read_until_it_is_final_or_cannot_be_read() {
        for (read, last) in [
            (json!({"signature": "AA=="}), true),
            (json!({"signature": "AA==", "status": "PENDING"}), true),
            (json!({"status": "Success"}), true),
            (json!({"status": "COMPLETED"}), true),
            (json!({"status": "failed"}), true),
            (json!({"status": "PENDING"}), false),
            (json!({}), false),
        ] {
            let expected = match last {
                true => ControlFlow::Break(Ok(signature_record::record(&read))),
                false => ControlFlow::Continue(Unfinished::Status(read["status"].as_str().map(str::to_owned))),
            };
            assert_eq!(judged(Ok(read.clone()), "7"), expected, "{read}");
        }
        let failure = |kind| Failure::new(kind, "no", "ask");
        for kind in [Kind::NotFound, Kind::Unavailable] {
            let again = ControlFlow::Continue(Unfinished::Failure(failure(kind)));
            assert_eq!(judged(Err(failure(kind)), "7"), again, "it may be there in a moment");
        }
        for kind in [Kind::Unauthorized, Kind::Timeout, Kind::Unreachable] {
            let end = ControlFlow::Break(Err(Failure { remedy: kept("7"), ..failure(kind) }));
            assert_eq!(judged(Err(failure(kind)), "7"), end);
        }
    }

    #[test]
    fn pauses_between_reads_grow_up_to_two_seconds() {
        let pauses = [200, 400, 1600, 2000].map(|ms| next(Duration::from_millis(ms)));
        assert_eq!(pauses, [400, 800, 2000, 2000].map(Duration::from_millis));
    }

    #[test]
    fn a_signature_that_is_late_can_be_read_later() {
        let deadline = Deadline::after(Duration::from_secs(60));
        let show = "the service keeps the signature as record 7: `stm-pkcs11 signature show 7` reads it";
        for (last, cause) in [
            (
                Unfinished::Status(Some("PENDING".into())),
                "the signature is not ready (record 7, status PENDING) within 60 s",
            ),
            (Unfinished::Status(None), "the signature is not ready (record 7, status (none)) within 60 s"),
            (
                Unfinished::Failure(Failure::new(Kind::NotFound, "no such record", "check the id")),
                "the record of the signature cannot be read: no such record",
            ),
        ] {
            assert_eq!(last.late(deadline, "7").to_string(), format!("{cause}; {show}"));
        }
    }

    #[test]
    fn a_signature_that_failed_says_so_and_why() {
        let record = signature_record::record(&json!({"status": "REJECTED", "reason": "no approval"}));
        assert_eq!(
            failed("7", &record).to_string(),
            "the service did not sign: the record 7 has the status REJECTED: no approval; see `stm-pkcs11 signature show 7`, \
             and the keypair in the web page"
        );
        assert_eq!(
            unsigned("7", &None).to_string(),
            "the service answered without a signature (record 7, status (none)); the keypair may be OFFLINE or its \
             certificate expired: look at it in the service's web page"
        );
    }

    #[test]
    fn only_a_bad_request_about_the_account_is_sent_again_with_it() {
        let asks = |status, cause| asks_for_account(&Failure { status, ..Failure::new(Kind::BadRequest, cause, "") });
        assert!(asks(Some(400), "HTTP 400: Account is required"));
        for (status, cause) in [(Some(403), "no such account"), (None, "no such account"), (Some(400), "no")] {
            assert!(!asks(status, cause), "{status:?} {cause}");
        }
    }
}
