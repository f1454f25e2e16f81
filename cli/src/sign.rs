//! `stm-pkcs11 sign` and `verify`: one file, one signature, without any other program.

use crate::account::{Account, Choice, refused};
use crate::failure::Failure;
use base64::{Engine, prelude::BASE64_STANDARD};
use clap::ValueEnum;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use stm_pkcs11::mechanism::{self, Family, Parameter, Prepared, PublicKey, Signing};
use stm_pkcs11::service::Keypair;

#[derive(clap::Args)]
pub struct Sign {
    /// Alias, or id, of the keypair
    keypair: String,
    /// The file; - reads from standard input
    file: PathBuf,
    #[command(flatten)]
    how: How,
    /// How the signature is written
    #[arg(long, value_enum, default_value = "base64")]
    format: Format,
    /// Where it is written; default: standard output
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    account: Choice,
}

#[derive(clap::Args)]
pub struct Verify {
    /// Alias, or id, of the keypair
    keypair: String,
    /// The file that was signed
    file: PathBuf,
    /// The file with the signature: base64, hexadecimal, or as it is
    signature: PathBuf,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    account: Choice,
}

/// What is signed, and how.
#[derive(clap::Args)]
struct How {
    /// The hash function; EdDSA, ML-DSA and SLH-DSA have none
    #[arg(long, value_enum, default_value = "sha256")]
    hash: Hash,
    /// RSASSA-PSS instead of PKCS#1 v1.5
    #[arg(long)]
    pss: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Base64,
    Hex,
    /// Bytes as they are: RSA as the modulus is long, ECDSA in DER, as OpenSSL has them
    Raw,
}

impl How {
    /// Mechanism and parameter, by their names in the standard.
    fn mechanism(&self, key: &PublicKey) -> Result<(&'static str, Parameter), String> {
        let place = self.hash as usize;
        let by_hash = |names: [&'static str; 3]| names[place];
        Ok(match (key.family(), self.pss) {
            (Family::Rsa, false) => {
                (by_hash(["CKM_SHA256_RSA_PKCS", "CKM_SHA384_RSA_PKCS", "CKM_SHA512_RSA_PKCS"]), Parameter::None)
            }
            (Family::Rsa, true) => {
                let name = by_hash(["CKM_SHA256_RSA_PKCS_PSS", "CKM_SHA384_RSA_PKCS_PSS", "CKM_SHA512_RSA_PKCS_PSS"]);
                // The numbers of CKM_SHA256, CKM_SHA384, CKM_SHA512 and their mask generation functions (PKCS#11 3.2).
                let (hash, mgf, salt_len) = [(0x250, 2, 32), (0x260, 3, 48), (0x270, 4, 64)][place];
                (name, Parameter::Pss { hash, mgf, salt_len })
            }
            (_, true) => return Err("only RSA keypairs sign with PSS".to_owned()),
            (Family::Ec, false) => {
                (by_hash(["CKM_ECDSA_SHA256", "CKM_ECDSA_SHA384", "CKM_ECDSA_SHA512"]), Parameter::None)
            }
            (Family::Edwards, false) => ("CKM_EDDSA", Parameter::None),
            (Family::MlDsa, false) => ("CKM_ML_DSA", Parameter::None),
            (Family::SlhDsa, false) => ("CKM_SLH_DSA", Parameter::None),
        })
    }

    fn prepare(&self, keypair: &Keypair, file: &Path) -> Result<Prepared, Failure> {
        let what = || format!("sign {} with {}", file.display(), keypair.alias);
        let key = keypair.public_key.as_deref().ok_or("the service does not show its public key".to_owned());
        let key = key.and_then(|der| PublicKey::from_spki(der).map_err(|error| error.cause.into_owned()));
        let key = key.map_err(|why| Failure::new(what(), why, "choose another keypair"))?;
        let (name, parameter) = self.mechanism(&key).map_err(|why| Failure::new(what(), why, "leave --pss out"))?;
        let number = mechanism::MECHANISMS.iter().find(|row| row.name == name).map(|row| row.mechanism_type);
        let refuse = |error: stm_pkcs11::error::Error| Failure::new(what(), error.cause, "choose another --hash");
        let number =
            number.ok_or_else(|| Failure::new(what(), format!("{name} is not known"), "please report this"))?;
        let mut signing = Signing::new(number, &parameter, &key).map_err(refuse)?;
        for_parts(file, |part| signing.update(part).map_err(refuse))?;
        signing.finish().map_err(refuse)
    }
}

/// Reads a file in parts: it may be larger than memory.
fn for_parts(file: &Path, mut each: impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<(), Failure> {
    let unreadable = |error| Failure::new(format!("read {}", file.display()), error, "name a file that can be read");
    let mut reader: Box<dyn Read> = match file.to_str() {
        Some("-") => Box::new(std::io::stdin().lock()),
        _ => Box::new(std::fs::File::open(file).map_err(unreadable)?),
    };
    let mut part = vec![0; 1 << 20];
    loop {
        match reader.read(&mut part).map_err(unreadable)? {
            0 => return Ok(()),
            count => each(&part[..count])?,
        }
    }
}

pub fn sign(arguments: &Sign) -> Result<(), Failure> {
    let account: Account = arguments.account.open()?;
    let keypair = account.keypair(&arguments.keypair)?;
    let prepared = arguments.how.prepare(&keypair, &arguments.file)?;
    let what = || format!("sign {} with {}", arguments.file.display(), keypair.alias);
    let signed = account.service.sign(&keypair, prepared.sig_alg, &prepared.hash, account.service.deadline());
    let signed = signed.map_err(|failure| refused(what(), &failure))?;
    prepared.accept(&signed.signature).map_err(|error| {
        let record = signed.id.as_deref().unwrap_or("none");
        Failure::new(what(), error.cause, format!("look at the service's record {record}, and please report it"))
    })?;
    if let Some(id) = &signed.id {
        eprintln!("the service's record: {id}");
    }
    let bytes = match arguments.format {
        Format::Base64 => format!("{}\n", BASE64_STANDARD.encode(&signed.signature)).into_bytes(),
        Format::Hex => format!("{}\n", hex(&signed.signature)).into_bytes(),
        Format::Raw => signed.signature,
    };
    let written = match &arguments.out {
        Some(path) => std::fs::write(path, &bytes),
        None => std::io::stdout().write_all(&bytes),
    };
    written
        .map_err(|error| Failure::new("write the signature", error, "the record keeps it: stm-pkcs11 signature show"))
}

pub fn verify(arguments: &Verify) -> Result<(), Failure> {
    let account = arguments.account.open()?;
    let keypair = account.keypair(&arguments.keypair)?;
    let prepared = arguments.how.prepare(&keypair, &arguments.file)?;
    let what = || format!("verify {}", arguments.file.display());
    let path = &arguments.signature;
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::new(format!("read {}", path.display()), error, "name the file with the signature"))?;
    let remedy = "it is another file, another keypair, another --hash, or no signature at all";
    if prepared.accept(&decoded(bytes)).is_err() {
        return Err(Failure::new(what(), format!("it is not signed so by {}", keypair.alias), remedy));
    }
    println!("{} is signed by {}", arguments.file.display(), keypair.alias);
    Ok(())
}

/// Base64 and hexadecimal text become what they stand for.
fn decoded(bytes: Vec<u8>) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(&bytes) else { return bytes };
    let text: String = text.split_whitespace().collect();
    let digits: Option<Vec<u8>> = text
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok())
        .collect();
    digits.or_else(|| BASE64_STANDARD.decode(&text).ok()).filter(|found| !found.is_empty()).unwrap_or(bytes)
}

/// Lower-case digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_read_as_base64_as_hexadecimal_and_as_they_are() {
        assert_eq!(decoded(b"AQID/w==\n".to_vec()), [1, 2, 3, 255]);
        assert_eq!(decoded(b"010203 ff\n".to_vec()), [1, 2, 3, 255]);
        assert_eq!(decoded(vec![0x30, 0xff, 1]), [0x30, 0xff, 1]);
    }
}
