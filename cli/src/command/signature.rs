//! `stm-pkcs11 signature`: the service's record of a signature.

use crate::account::{Account, Choice, refused};
use crate::print::{self, Failure, table};
use base64::{Engine, prelude::BASE64_STANDARD};
use clap::Subcommand;
use data_encoding::HEXLOWER;
use serde_json::json;
use std::time::{Duration, Instant};
use stm_pkcs11::service::SignatureRecord;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the record of a signature; exit status 0 only if the signature was made
    Show(Show),
}

#[derive(clap::Args)]
struct Show {
    /// The record's id, as `stm-pkcs11 sign` prints it
    id: String,
    /// Poll until the signature is made or has failed, at most this long
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "60")]
    wait: Option<u64>,
    #[command(flatten)]
    account: Choice,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How long after one question the next is asked.
const STEP: Duration = Duration::from_secs(2);

/// What a record says of its signature.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Made,
    UnderWay,
    Failed,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Command::Show(show) = &arguments.command;
    let account = show.account.open()?;
    let begun = Instant::now();
    let patience = Duration::from_secs(show.wait.unwrap_or_default());
    let mut record = read(&account, &show.id)?;
    while state(&record) == State::UnderWay && begun.elapsed() + STEP <= patience {
        std::thread::sleep(STEP);
        record = read(&account, &show.id)?;
    }
    tell(&record, show.json);
    let status = record.signing_status.as_deref().unwrap_or("not told");
    let remedy = match state(&record) {
        State::Made => return Ok(()),
        State::UnderWay => "wait for it with --wait",
        State::Failed => "look at it in the service's web page: Software Trust Manager, Logs, Signature logs",
    };
    Err(Failure::new(
        format!("find a finished signature in the record {}", show.id),
        format!("its status is {status}"),
        remedy,
    ))
}

fn read(account: &Account, id: &str) -> Result<SignatureRecord, Failure> {
    let record = account.service.signature(id, account.service.deadline());
    record.map_err(|failure| refused(format!("show the signature {id}"), &failure))
}

/// The service's documentation has SUCCESS; other words are on record for the same.
fn state(record: &SignatureRecord) -> State {
    match record.signing_status.as_deref().unwrap_or_default().to_ascii_uppercase().as_str() {
        "SUCCESS" | "SUCCESSFUL" | "COMPLETED" | "SIGNED" => State::Made,
        "PENDING" | "IN_PROGRESS" | "PROCESSING" | "QUEUED" | "SUBMITTED" => State::UnderWay,
        "" if record.signature.is_some() => State::Made,
        _ => State::Failed,
    }
}

fn tell(record: &SignatureRecord, json: bool) {
    let base64 = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| BASE64_STANDARD.encode(bytes));
    if json {
        return print::json(&json!({
            "id": record.id, "keypair_id": record.keypair_id, "signing_status": record.signing_status,
            "sig_alg": record.sig_alg, "hash": base64(&record.hash), "signature": base64(&record.signature),
            "certificate_id": record.certificate_id, "created_on": record.created_on,
            "client_type": record.client_type,
        }));
    }
    let rows = [
        ("id", record.id.clone()),
        ("keypair", record.keypair_id.clone()),
        ("status", record.signing_status.clone()),
        ("algorithm", record.sig_alg.clone()),
        ("hash", record.hash.as_deref().map(|hash| HEXLOWER.encode(hash))),
        ("signature", base64(&record.signature)),
        ("certificate", record.certificate_id.clone()),
        ("made on", record.created_on.clone()),
        ("by", record.client_type.clone()),
    ];
    table::pairs(rows.into_iter().filter_map(|(name, value)| Some((name, value?))));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_signature_that_was_made_is_one() {
        let of =
            |status: &str| state(&SignatureRecord { signing_status: Some(status.to_owned()), ..Default::default() });
        assert_eq!(of("SUCCESS"), State::Made);
        assert_eq!(of("completed"), State::Made);
        assert_eq!(of("PENDING"), State::UnderWay);
        for status in ["FAILED", "ERROR", "REJECTED", "", "anything new"] {
            assert_eq!(of(status), State::Failed, "{status}");
        }
        let told_by_signature = SignatureRecord { signature: Some(vec![1]), ..Default::default() };
        assert_eq!(state(&told_by_signature), State::Made);
    }
}
