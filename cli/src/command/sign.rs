//! `stm-pkcs11 sign`: one file or digest, one signature, without any other program.

use crate::account::prepare::{How, prepare_digest, sends_message};
use crate::account::signature::sign;
use crate::account::{Account, Choice};
use crate::print::{self, Failure, Place, shown};
use base64::{Engine, prelude::BASE64_STANDARD};
use clap::ValueEnum;
use data_encoding::HEXLOWER;
use std::path::{Path, PathBuf};
use stm_pkcs11::mechanism::Prepared;
use stm_pkcs11::plural::counted;
use stm_pkcs11::service::Keypair;
use stm_pkcs11::token::sig_alg;

#[derive(clap::Args)]
pub struct Sign {
    /// Alias, or id, of the keypair
    keypair: String,
    /// The file; - reads from standard input
    #[arg(required_unless_present = "digest")]
    file: Option<PathBuf>,
    /// A digest that was made elsewhere, instead of a file: a file with it, or its base64 or hexadecimal text
    #[arg(long, value_name = "FILE|BASE64|HEX", requires = "sig_alg", conflicts_with_all = ["file", "hash", "pss"])]
    digest: Option<String>,
    /// The service's name of the algorithm, for --digest: SHA256WithRSA, SHA3-512WithRSA/PSS, SHA384WithECDSA, ...
    #[arg(long, value_name = "NAME", requires = "digest")]
    sig_alg: Option<String>,
    #[command(flatten)]
    how: How,
    /// Format of the signature
    #[arg(long, value_enum, default_value = "base64")]
    format: Format,
    /// Write the signature to this file; default: standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    account: Choice,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Base64,
    Hex,
    /// Raw bytes: RSA as long as the modulus, ECDSA in DER, the formats that OpenSSL uses
    Raw,
}

pub fn run(arguments: &Sign) -> Result<(), Failure> {
    let account: Account = arguments.account.open()?;
    let keypair = account.keypair(&arguments.keypair)?;
    let prepared = prepare(arguments, &keypair)?;
    // Everything that can fail for nothing fails before the signature is paid.
    let place = arguments.out.as_deref().map(Place::open).transpose()?;
    match sign(&account, &keypair, &prepared) {
        Ok(signed) => {
            if let Some(id) = &signed.id {
                print::note(&format!("the service's record: {}", shown(id)));
            }
            write(&signed.signature, arguments.format, place)
        }
        Err(failure) => {
            place.into_iter().for_each(Place::leave);
            Err(failure)
        }
    }
}

fn prepare(arguments: &Sign, keypair: &Keypair) -> Result<Prepared, Failure> {
    match (&arguments.digest, &arguments.sig_alg, &arguments.file) {
        (Some(digest), Some(sig_alg), _) => prepare_digest(keypair, digest, sig_alg),
        (_, _, file) => {
            let file = file.as_deref().unwrap_or(Path::new("-"));
            let prepared = arguments.how.prepare(keypair, file)?;
            if sends_message(keypair) {
                let (algorithm, length) = (sig_alg(prepared.algorithm), counted(prepared.hash.len(), "byte"));
                print::note(&format!("note: {algorithm} signs the data itself: all {length} are sent to the service"));
            }
            Ok(prepared)
        }
    }
}

fn write(signature: &[u8], format: Format, place: Option<Place>) -> Result<(), Failure> {
    let bytes = match format {
        Format::Base64 => format!("{}\n", BASE64_STANDARD.encode(signature)).into_bytes(),
        Format::Hex => format!("{}\n", HEXLOWER.encode(signature)).into_bytes(),
        Format::Raw => signature.to_vec(),
    };
    let written = match place {
        Some(place) => place.write(&bytes).map_err(|error| error.to_string()),
        None => {
            print::bytes(&bytes);
            print::finish().map_err(|failure| failure.to_string())
        }
    };
    let remedy = "the signature is made and kept: stm-pkcs11 signature show ID, with the id above, shows it";
    written.map_err(|error| Failure::new("write the signature", error, remedy))
}
