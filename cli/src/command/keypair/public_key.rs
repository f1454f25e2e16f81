//! `stm-pkcs11 keypair public-key`.

use crate::account::Choice;
use crate::account::describe::{self, pem};
use crate::print::{self, Failure};
use data_encoding::HEXLOWER;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct PublicKey {
    /// Alias, or id
    name: String,
    /// DER instead of PEM
    #[arg(long)]
    der: bool,
    /// JSON instead of PEM
    #[arg(long, conflicts_with_all = ["der", "out"])]
    json: bool,
    /// Write it there, and not to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    account: Choice,
}

pub fn run(arguments: &PublicKey) -> Result<(), Failure> {
    let account = arguments.account.open()?;
    let keypair = account.keypair(&arguments.name)?;
    let key = keypair.public_key.as_deref().ok_or_else(|| {
        let what = format!("find the public key of {}", keypair.alias);
        Failure::new(what, "the service does not show it", "choose another keypair")
    })?;
    if arguments.json {
        print::json(&json!({
            "keypair": keypair.alias, "keypair_id": keypair.id, "key": describe::key(&keypair),
            "sha256": HEXLOWER.encode(&Sha256::digest(key)), "pem": pem("PUBLIC KEY", key),
        }));
        return Ok(());
    }
    if arguments.der {
        return print::bytes_to(key, arguments.out.as_deref());
    }
    print::bytes_to(pem("PUBLIC KEY", key).as_bytes(), arguments.out.as_deref())
}
