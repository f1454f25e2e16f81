//! `stm-pkcs11 verify`: a file's signature against a keypair's public key.

use crate::account::Choice;
use crate::account::prepare::{How, decoded, prepare_digest};
use crate::print::{self, Failure, shown};
use serde_json::json;
use std::path::PathBuf;
use stm_pkcs11::token::sig_alg;

#[derive(clap::Args)]
pub struct Verify {
    /// Alias, or id, of the keypair
    keypair: String,
    /// The file that was signed, and the file with the signature: base64, hexadecimal, or raw bytes
    #[arg(value_names = ["FILE", "SIGNATURE"], num_args = 1..=2, required = true)]
    files: Vec<PathBuf>,
    /// A digest that was made elsewhere, instead of a file: a file with it, or its base64 or hexadecimal text
    #[arg(long, value_name = "FILE|BASE64|HEX", requires = "sig_alg", conflicts_with_all = ["hash", "pss"])]
    digest: Option<String>,
    /// The service's name of the algorithm, for --digest: SHA256WithRSA, SHA3-512WithRSA/PSS, SHA384WithECDSA, ...
    #[arg(long, value_name = "NAME", requires = "digest")]
    sig_alg: Option<String>,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    account: Choice,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Verify) -> Result<(), Failure> {
    let (data, path) = match (arguments.files.as_slice(), &arguments.digest) {
        ([data, signature], None) => (Some(data), signature),
        ([signature], Some(_)) => (None, signature),
        _ => {
            let remedy = "name FILE and SIGNATURE, or --digest and SIGNATURE";
            let failure = Failure::new("verify", "a file and a signature are needed", remedy);
            return Err(failure.exit(print::Exit::Usage));
        }
    };
    let account = arguments.account.open()?;
    let keypair = account.keypair(&arguments.keypair)?;
    let (prepared, name) = match (data, &arguments.digest, &arguments.sig_alg) {
        (None, Some(digest), Some(sig_alg)) => (prepare_digest(&keypair, digest, sig_alg)?, "the digest".to_owned()),
        (data, ..) => {
            let data = data.expect("without a digest there is a file");
            (arguments.how.prepare(&keypair, data)?, data.display().to_string())
        }
    };
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::new(format!("read {}", path.display()), error, "name the file with the signature"))?;
    let valid = prepared.accept(&decoded(bytes)).is_ok();
    if arguments.json {
        print::json(&json!({"valid": valid, "keypair": keypair.alias, "sig_alg": sig_alg(prepared.algorithm)}));
    }
    if !valid {
        let remedy = "check that the file, the keypair, --hash and the signature file belong together";
        return Err(Failure::new(
            format!("verify {name}"),
            format!("the signature does not match this file and keypair {}", keypair.alias),
            remedy,
        ));
    }
    if !arguments.json {
        print::line(&format!("{} is signed by {}", shown(&name), shown(&keypair.alias)));
    }
    Ok(())
}
