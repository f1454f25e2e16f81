//! `stm-pkcs11 signature`: the service's record of a signature.

use crate::account::{Choice, refused};
use crate::failure::Failure;
use crate::sign::hex;
use base64::{Engine, prelude::BASE64_STANDARD};
use clap::Subcommand;
use serde_json::json;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// What the service recorded of a signature
    Show(Show),
}

#[derive(clap::Args)]
struct Show {
    /// The record's id, as `stm-pkcs11 sign` prints it
    id: String,
    #[command(flatten)]
    account: Choice,
    /// JSON instead of lines
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Command::Show(Show { id, account, json }) = &arguments.command;
    let account = account.open()?;
    let record = account.service.signature(id, account.service.deadline());
    let record = record.map_err(|failure| refused(format!("show the signature {id}"), &failure))?;
    let base64 = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| BASE64_STANDARD.encode(bytes));
    if *json {
        println!(
            "{:#}",
            json!({
                "id": record.id, "keypair_id": record.keypair_id, "signing_status": record.signing_status,
                "sig_alg": record.sig_alg, "hash": base64(&record.hash), "signature": base64(&record.signature),
                "certificate_id": record.certificate_id, "created_on": record.created_on,
                "client_type": record.client_type,
            })
        );
        return Ok(());
    }
    let rows = [
        ("id", record.id),
        ("keypair", record.keypair_id),
        ("status", record.signing_status),
        ("algorithm", record.sig_alg),
        ("hash", record.hash.as_deref().map(hex)),
        ("signature", base64(&record.signature)),
        ("certificate", record.certificate_id),
        ("made on", record.created_on),
        ("by", record.client_type),
    ];
    for (name, value) in rows {
        if let Some(value) = value {
            println!("{name:<12}  {value}");
        }
    }
    Ok(())
}
