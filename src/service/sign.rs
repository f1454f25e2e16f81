//! A signature: exactly one `POST .../sign` that is executed, and all requests needed to learn its outcome.
//!
//! A signature that was made is billed. So if the response does not contain it yet, the module reads its log entry
//! until the signature is there, has failed, or the deadline passes.

use super::deadline::Deadline;
use super::failure::{Failure, Kind};
use super::lookup;
use super::model::Keypair;
use super::progress::Progress;
use super::request::{Line, Request, SIGNATURE_LOG, segment};
use super::signature_record::{self, SignatureRecord, Signed};
use crate::plural::counted;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

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
        let last = match line.run(&request).await {
            Ok(record) => {
                let record = signature_record::record(&record);
                if record.signature.is_some() || begins(&record, &DONE) || begins(&record, &FAILED) {
                    return Ok(record);
                }
                Unfinished::Status(record.signing_status)
            }
            Err(failure) if matches!(failure.kind, Kind::NotFound | Kind::Unavailable) => Unfinished::Failure(failure),
            Err(failure) => return Err(Failure { remedy: kept(id), ..failure }),
        };
        if Instant::now() + pause >= line.deadline.at() {
            return Err(last.late(line.deadline, id));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Why a log entry is not final yet.
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
