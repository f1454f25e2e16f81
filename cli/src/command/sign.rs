//! `stm-pkcs11 sign`: one file or digest, one signature, without any other program.

use crate::account::prepare::{How, prepare_digest, sends_message};
use crate::account::{Account, Choice, refused};
use crate::print::{self, Exit, Failure, shown};
use base64::{Engine, prelude::BASE64_STANDARD};
use clap::ValueEnum;
use data_encoding::HEXLOWER;
use std::fs::{File, OpenOptions};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use stm_pkcs11::mechanism::Prepared;
use stm_pkcs11::service::{self, Keypair, Kind, SIGNATURE_LOG};
use stm_pkcs11::token::{Unsigned, sig_alg};

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
        Ok(signature) => write(&signature, arguments.format, place),
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
                let (algorithm, length) = (sig_alg(prepared.algorithm), prepared.hash.len());
                print::note(&format!(
                    "note: {algorithm} signs the data itself: all {length} bytes are sent to the service"
                ));
            }
            Ok(prepared)
        }
    }
}

fn sign(account: &Account, keypair: &Keypair, prepared: &Prepared) -> Result<Vec<u8>, Failure> {
    let what = || format!("sign with {}", keypair.alias);
    let made = account.signer.sign(&account.service, keypair, prepared, account.service.deadline());
    let signed = match made {
        Ok(made) => made.signed,
        Err(Unsigned::Refused(line)) => {
            let (why, remedy) = line.rsplit_once("; ").unwrap_or((&line, "raise the budget"));
            return Err(Failure::new(what(), why, remedy).exit(Exit::Refused));
        }
        Err(Unsigned::Failed(failure)) => return Err(failed(what(), keypair, prepared, &failure)),
        Err(Unsigned::Wrong(error, record)) => {
            let record = record.as_deref().unwrap_or("none");
            let remedy = format!("look at the service's record {record}, and report it as a defect");
            return Err(Failure::new(what(), error.cause, remedy));
        }
    };
    if let Some(id) = &signed.id {
        print::note(&format!("the service's record: {}", shown(id)));
    }
    Ok(signed.signature)
}

fn failed(what: String, keypair: &Keypair, prepared: &Prepared, failure: &service::Failure) -> Failure {
    match failure.kind() {
        // The signature may have been made, and its answer lost.
        Kind::Timeout | Kind::Unreachable | Kind::Unavailable | Kind::BadAnswer | Kind::LongAnswer => {
            let known = failure.remedy().trim_end_matches('.');
            let place = if known.contains(SIGNATURE_LOG) { "there" } else { SIGNATURE_LOG };
            let remedy = format!(
                "{known}; before you sign again, look {place} for a signature of {} by {} at this minute, and show it with \
                 stm-pkcs11 signature show ID",
                sig_alg(prepared.algorithm),
                keypair.alias
            );
            Failure::new(what, failure.cause(), remedy.trim_start_matches("; ")).exit(failure.kind().into())
        }
        _ => refused(what, failure),
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

/// The file of `--out`, opened before the signature is paid. A file that is there keeps its content until then.
struct Place {
    file: File,
    path: PathBuf,
    new: bool,
}

/// Space that is reserved in a new file beforehand; the longest signatures (SLH-DSA) have 50 kB, most a thousandth of that.
const ROOM: usize = 16 << 10;

impl Place {
    fn open(path: &Path) -> Result<Place, Failure> {
        let refused = |error: &std::io::Error| print::unwritten(&path.display().to_string(), error);
        let new = !path.exists();
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(|error| refused(&error))?;
        let mut place = Place { file, path: path.to_owned(), new };
        if new && let Err(error) = place.file.write_all(&[0; ROOM]).and_then(|()| place.file.flush()) {
            place.leave();
            return Err(refused(&error));
        }
        Ok(place)
    }

    fn write(mut self, bytes: &[u8]) -> std::io::Result<()> {
        if self.file.metadata()?.is_file() {
            self.file.rewind()?;
            self.file.write_all(bytes)?;
            self.file.set_len(bytes.len() as u64)?;
            return self.file.sync_all();
        }
        self.file.write_all(bytes)
    }

    /// Nothing was signed: what was not there is not there afterwards.
    fn leave(self) {
        if self.new {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_place_that_is_left_is_as_it_was_and_one_that_is_written_has_the_signature_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        std::fs::write(&old, "what was there").unwrap();
        for path in [&old, &new] {
            Place::open(path).unwrap().leave();
        }
        assert_eq!(std::fs::read(&old).unwrap(), b"what was there");
        assert!(!new.exists());
        for path in [&old, &new] {
            Place::open(path).unwrap().write(b"signature").unwrap();
            assert_eq!(std::fs::read(path).unwrap(), b"signature");
        }
        let said = Place::open(&folder.path().join("none/x")).err().unwrap().to_string();
        assert!(said.contains("No such file or directory") && said.contains("choose a place"), "{said}");
    }
}
