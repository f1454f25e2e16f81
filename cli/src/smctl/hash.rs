//! `smctl sign sign-hash` and `verify-hash`: a signature by itself.

use super::account::Choice;
use crate::account::prepare::{How, algorithm, digest_named, prepare_digest, sends_message};
use crate::account::signature::sign;
use crate::print::{self, Exit, Failure, Place, shown};
use base64::{Engine, prelude::BASE64_STANDARD};
use std::path::{Path, PathBuf};
use stm_pkcs11::mechanism::{Digest, Prepared, Scheme};
use stm_pkcs11::service::Keypair;
use stm_pkcs11::token::sig_alg;

/// What is signed, and how.
#[derive(clap::Args)]
struct What {
    /// Id of the keypair, or its alias
    #[arg(value_name = "KEYPAIR ID")]
    keypair: String,
    /// The file, which is hashed here
    #[arg(long, required_unless_present = "hash", conflicts_with = "hash")]
    file: Option<PathBuf>,
    /// A hash that was made elsewhere, in base64
    #[arg(long, value_name = "BASE64")]
    hash: Option<String>,
    /// The hash function: SHA-256, SHA-384, SHA-512, SHA3-256, ...; default: that of the signature algorithm, or SHA-256
    #[arg(long, value_name = "NAME")]
    hash_algorithm: Option<String>,
    /// SHA256WithRSA, SHA256WithRSA/PSS, SHA384WithECDSA, ..., in any case; default: by the key and the hash function
    #[arg(long, value_name = "NAME")]
    signature_algorithm: Option<String>,
    #[command(flatten)]
    account: Choice,
}

#[derive(clap::Args)]
pub struct SignHash {
    #[command(flatten)]
    what: What,
    /// Write the signature to this file; default: standard output
    #[arg(long, value_name = "FILE")]
    signature_file: Option<PathBuf>,
    /// Raw bytes instead of base64
    #[arg(long)]
    binary: bool,
    /// ECDSA: r and s side by side instead of in ASN.1
    #[arg(long)]
    non_decorate_signature: bool,
}

#[derive(clap::Args)]
pub struct VerifyHash {
    #[command(flatten)]
    what: What,
    /// The signature in base64
    #[arg(long, value_name = "BASE64", required_unless_present = "signature_file", conflicts_with = "signature_file")]
    signature: Option<String>,
    /// The file with the signature: raw bytes, base64 or hexadecimal
    #[arg(long, value_name = "FILE")]
    signature_file: Option<PathBuf>,
}

impl What {
    fn refused(why: String, remedy: &str) -> Failure {
        Failure::new("choose the algorithm", why, remedy).exit(Exit::Usage)
    }

    /// The digest and, where one is named, the scheme; algorithms that sign the data itself have neither.
    fn algorithm(&self) -> Result<(Digest, Option<Scheme>), Failure> {
        let hash = match &self.hash_algorithm {
            None => None,
            Some(name) => Some(digest_named(name).ok_or_else(|| {
                let why = format!("'{}' is not a known hash function", shown(name));
                Self::refused(why, "use SHA-256, SHA-384, SHA-512, SHA3-256, SHA3-384 or SHA3-512")
            })?),
        };
        let named = match self.signature_algorithm.as_deref() {
            None => None,
            Some(name) if signs_data(name) => None,
            Some(name) => Some(algorithm(name)?),
        };
        match (hash, named) {
            (Some(hash), Some((digest, _))) if hash != digest => {
                let why = format!(
                    "--hash-algorithm is {}, and --signature-algorithm is of {}",
                    hash.row().name,
                    digest.row().name
                );
                Err(Self::refused(why, "use the same hash function in both"))
            }
            (_, Some((digest, scheme))) => Ok((digest, Some(scheme))),
            (hash, None) => Ok((hash.unwrap_or(Digest::Sha256), None)),
        }
    }

    fn prepare(&self, keypair: &Keypair) -> Result<Prepared, Failure> {
        let (digest, scheme) = self.algorithm()?;
        let how = How::new(digest, matches!(scheme, Some(Scheme::Pss(_))));
        let prepared = match (&self.hash, &self.file) {
            (Some(hash), _) => {
                let made = how.sig_alg(keypair)?;
                prepare_digest(keypair, hash, made)?
            }
            (None, file) => how.prepare(keypair, file.as_deref().unwrap_or(Path::new("-")))?,
        };
        let asked = self.signature_algorithm.as_deref().unwrap_or_default();
        let made = sig_alg(prepared.algorithm);
        let fits = match scheme {
            Some(_) => plain(made) == plain(asked),
            None => asked.is_empty() || signs_data(asked) && sends_message(keypair),
        };
        if fits {
            return Ok(prepared);
        }
        let why = format!("{} keypairs do not sign with {}", crate::account::describe::key(keypair), shown(asked));
        Err(Self::refused(why, &format!("use {made}, or leave --signature-algorithm out")))
    }
}

/// Without what people write differently.
fn plain(name: &str) -> String {
    name.replace(['-', '_', '/'], "").to_lowercase()
}

/// Whether an algorithm of this name signs the data itself, not its hash.
fn signs_data(name: &str) -> bool {
    ["eddsa", "ed25519", "mldsa", "slhdsa"].iter().any(|family| plain(name).starts_with(family))
}

pub fn sign_hash(arguments: &SignHash) -> Result<(), Failure> {
    let account = arguments.what.account.open()?;
    let keypair = account.keypair(&arguments.what.keypair)?;
    let prepared = arguments.what.prepare(&keypair)?;
    let place = arguments.signature_file.as_deref().map(Place::open).transpose()?;
    let signed = match sign(&account, &keypair, &prepared) {
        Ok(signed) => signed,
        Err(failure) => {
            place.into_iter().for_each(Place::leave);
            return Err(failure);
        }
    };
    let signature = match prepared.accept(&signed.signature) {
        // As PKCS#11 has it: r and s side by side.
        Ok(bare) if arguments.non_decorate_signature => bare,
        _ => signed.signature,
    };
    let bytes =
        if arguments.binary { signature } else { format!("{}\n", BASE64_STANDARD.encode(&signature)).into_bytes() };
    let Some(place) = place else {
        print::bytes(&bytes);
        return Ok(());
    };
    let path = arguments.signature_file.as_deref().unwrap_or(Path::new("")).display().to_string();
    place.write(&bytes).map_err(|error| {
        let remedy = "the signature is made and kept: stm-pkcs11 signature show ID shows it";
        Failure::new(
            format!("write {path}"),
            format!("{error} (record {})", signed.id.as_deref().unwrap_or("unknown")),
            remedy,
        )
    })?;
    print::line(&format!("Signature saved to {}", shown(&path)));
    if let Some(id) = &signed.id {
        print::line(&format!("Signature ID: {}", shown(id)));
    }
    Ok(())
}

pub fn verify_hash(arguments: &VerifyHash) -> Result<(), Failure> {
    let account = arguments.what.account.open()?;
    let keypair = account.keypair(&arguments.what.keypair)?;
    let prepared = arguments.what.prepare(&keypair)?;
    let given = match (&arguments.signature, &arguments.signature_file) {
        (Some(text), _) => text.clone().into_bytes(),
        (None, path) => {
            let path = path.as_deref().unwrap_or(Path::new("-"));
            let unreadable =
                |error| Failure::new(format!("read {}", path.display()), error, "name the file with the signature");
            std::fs::read(path).map_err(unreadable)?
        }
    };
    let given = crate::account::prepare::decoded(given);
    // Also r and s side by side, as `sign-hash --non-decorate-signature` writes them.
    if prepared.accept(&given).is_err() && prepared.verify(&given).is_err() {
        let why = format!("the signature does not match, for keypair {}", keypair.alias);
        let remedy = "check that file or hash, keypair, algorithm and signature belong together";
        return Err(Failure::new("verify the signature", why, remedy));
    }
    print::line(&format!("Signature is valid: signed by {}", shown(&keypair.alias)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        what: What,
    }

    fn read(words: &str) -> String {
        let line = format!("x ID --file f {words}");
        let program =
            Program::try_parse_from(line.split_whitespace()).unwrap_or_else(|error| panic!("{words}: {error}"));
        match program.what.algorithm() {
            Ok((digest, scheme)) => format!("{digest:?} {scheme:?}"),
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn algorithms_are_read_in_any_spelling_and_must_agree() {
        for (words, meant) in [
            ("", "Sha256 None"),
            ("--hash-algorithm SHA-512", "Sha512 None"),
            ("--hash-algorithm sha3-256", "Sha3_256 None"),
            ("--signature-algorithm SHA384withRSA", "Sha384 Some(Pkcs1(None))"),
            ("--signature-algorithm sha256WithRSA/pss --hash-algorithm SHA256", "Sha256 Some(Pss(None))"),
            ("--signature-algorithm ML-DSA-65 --hash-algorithm SHA-512", "Sha512 None"),
        ] {
            assert_eq!(read(words), meant, "{words}");
        }
        let text = read("--signature-algorithm SHA384WithECDSA --hash-algorithm SHA-256");
        assert!(text.contains("--hash-algorithm is SHA-256, and --signature-algorithm is of SHA-384"), "{text}");
        assert!(read("--hash-algorithm MD5").contains("'MD5' is not a known hash function"));
    }
}
