//! `stm-pkcs11 keypair`: what keypairs there are, one of them, a new one.

use crate::account::{Choice, refused};
use crate::failure::Failure;
use crate::{output, progress, table};
use base64::{Engine, prelude::BASE64_STANDARD};
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use stm_pkcs11::mechanism::PublicKey;
use stm_pkcs11::service::{Keypair, NewKeypair, Wanted};
use stm_pkcs11::x509::Certificate;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// All keypairs that the settings let through
    List(List),
    /// One keypair, with its certificates
    Show(Show),
    /// A keypair's certificate and its issuers, as PEM
    Certificate(Pem),
    /// Make a keypair. It counts against the account's licence, and cannot be undone here
    Create(Create),
}

#[derive(clap::Args)]
struct List {
    #[command(flatten)]
    account: Choice,
    /// JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Show {
    /// Alias, or id
    name: String,
    #[command(flatten)]
    account: Choice,
    /// JSON instead of lines
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Pem {
    /// Alias, or id
    name: String,
    /// The keypair's own certificate only
    #[arg(long, conflicts_with = "issuers")]
    leaf: bool,
    /// Its issuers only
    #[arg(long)]
    issuers: bool,
    /// Write it there, and not to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    account: Choice,
}

#[derive(clap::Args)]
struct Create {
    /// Alias of the new keypair
    alias: String,
    #[arg(long, value_enum, ignore_case = true, default_value = "rsa-3072")]
    algorithm: Algorithm,
    /// HSM or DISK; default: the settings'
    #[arg(long)]
    storage: Option<String>,
    /// PRODUCTION or TEST; default: the settings'
    #[arg(long = "type")]
    key_type: Option<String>,
    /// ONLINE or OFFLINE; default: the settings'
    #[arg(long)]
    status: Option<String>,
    #[command(flatten)]
    account: Choice,
    /// JSON instead of lines
    #[arg(long)]
    json: bool,
}

/// What the service makes. Each has one name, everywhere; how earlier versions and other programs spell it is understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Algorithm {
    #[value(name = "rsa-2048", alias = "rsa2048")]
    Rsa2048,
    #[value(name = "rsa-3072", alias = "rsa3072")]
    Rsa3072,
    #[value(name = "rsa-4096", alias = "rsa4096")]
    Rsa4096,
    #[value(name = "p-256", aliases = ["p256", "prime256v1", "secp256r1"])]
    P256,
    #[value(name = "p-384", aliases = ["p384", "secp384r1"])]
    P384,
    #[value(name = "p-521", aliases = ["p521", "secp521r1"])]
    P521,
    #[value(name = "ed25519", alias = "ed-25519")]
    Ed25519,
    #[value(name = "ml-dsa-44", aliases = ["ml-dsa44", "mldsa44"])]
    MlDsa44,
    #[value(name = "ml-dsa-65", aliases = ["ml-dsa65", "mldsa65"])]
    MlDsa65,
    #[value(name = "ml-dsa-87", aliases = ["ml-dsa87", "mldsa87"])]
    MlDsa87,
}

impl Algorithm {
    /// `key_alg`, and the property that says which.
    fn shape(self) -> (&'static str, &'static str, Value) {
        match self {
            Self::Rsa2048 => ("RSA", "key_size", json!(2048)),
            Self::Rsa3072 => ("RSA", "key_size", json!(3072)),
            Self::Rsa4096 => ("RSA", "key_size", json!(4096)),
            Self::P256 => ("ECDSA", "curve", json!("P-256")),
            Self::P384 => ("ECDSA", "curve", json!("P-384")),
            Self::P521 => ("ECDSA", "curve", json!("P-521")),
            Self::Ed25519 => ("EdDSA", "curve", json!("Ed25519")),
            Self::MlDsa44 => ("MLDSA", "parameter_set", json!("ML-DSA-44")),
            Self::MlDsa65 => ("MLDSA", "parameter_set", json!("ML-DSA-65")),
            Self::MlDsa87 => ("MLDSA", "parameter_set", json!("ML-DSA-87")),
        }
    }
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::List(arguments) => list(arguments),
        Command::Show(arguments) => show(arguments),
        Command::Certificate(arguments) => pem(arguments),
        Command::Create(arguments) => create(arguments),
    }
}

fn list(arguments: &List) -> Result<(), Failure> {
    let account = arguments.account.open()?;
    let all = progress::during(&account.service, || account.service.keypairs(Wanted::All, account.service.deadline()));
    let all = all.map_err(|failure| refused("list the keypairs", &failure))?;
    if arguments.json {
        let all: Vec<Value> = all.iter().map(|keypair| as_json(keypair)).collect();
        println!("{:#}", Value::Array(all));
        return Ok(());
    }
    let row = |keypair: &Arc<Keypair>| {
        let certificate = certificate(keypair);
        let until = certificate.as_ref().map_or("no certificate".to_owned(), |one| day(one.not_after_date()));
        vec![keypair.alias.clone(), key(keypair), keypair.key_status.clone(), keypair.key_type.clone(), until]
    };
    table::print(&["alias", "key", "status", "type", "certificate until"], &all.iter().map(row).collect::<Vec<_>>());
    Ok(())
}

fn show(arguments: &Show) -> Result<(), Failure> {
    let account = arguments.account.open()?;
    let keypair = account.keypair(&arguments.name)?;
    print(&keypair, arguments.json);
    Ok(())
}

fn pem(arguments: &Pem) -> Result<(), Failure> {
    let account = arguments.account.open()?;
    let keypair = account.keypair(&arguments.name)?;
    let what = || format!("find the certificate of {}", arguments.name);
    let record = keypair.default_certificate().ok_or_else(|| {
        Failure::new(what(), "the keypair has none", "issue a certificate for it in the service's web page")
    })?;
    let leaf = [&record.der[..]].into_iter().filter(|_| !arguments.issuers);
    let issuers = record.chain.iter().map(|der| &der[..]).filter(|_| !arguments.leaf);
    let text: String = leaf.chain(issuers).map(as_pem).collect();
    if text.is_empty() {
        return Err(Failure::new(what(), "the service gives no issuers for it", "ask whoever issued it for the chain"));
    }
    output::write(&text, arguments.out.as_deref())
}

fn as_pem(der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

fn create(arguments: &Create) -> Result<(), Failure> {
    let account = arguments.account.open()?;
    let (key_alg, name, value) = arguments.algorithm.shape();
    let defaults = &account.settings.generate;
    let chosen = |given: &Option<String>, default: &str| given.as_deref().unwrap_or(default).to_uppercase();
    let new = NewKeypair {
        alias: arguments.alias.clone(),
        key_alg: key_alg.to_owned(),
        properties: vec![(name.to_owned(), value)],
        key_storage: chosen(&arguments.storage, &defaults.storage),
        key_type: chosen(&arguments.key_type, &defaults.key_type),
        status: chosen(&arguments.status, &defaults.status),
    };
    let made = account.service.create_keypair(&new);
    let made = made.map_err(|failure| refused(format!("make the keypair {}", arguments.alias), &failure))?;
    print(&made, arguments.json);
    Ok(())
}

fn print(keypair: &Keypair, json: bool) {
    if json {
        println!("{:#}", as_json(keypair));
        return;
    }
    let mut rows = vec![
        ("alias", keypair.alias.clone()),
        ("id", keypair.id.clone()),
        ("key", key(keypair)),
        ("status", keypair.key_status.clone()),
        ("type", keypair.key_type.clone()),
        ("storage", keypair.key_storage.clone()),
    ];
    if let Some(signable) = keypair.signable {
        rows.push(("you may sign with it", if signable { "yes" } else { "no" }.to_owned()));
    }
    for record in &keypair.certificates {
        let read = Certificate::parse(record.der.clone());
        let text = read.map_or("unreadable".to_owned(), |read| {
            format!("{}, until {}, {}", read.subject_display(), day(read.not_after_date()), record.status)
        });
        rows.push((if record.default { "default certificate" } else { "certificate" }, text));
    }
    for (name, value) in rows {
        println!("{name:<20}  {value}");
    }
}

fn as_json(keypair: &Keypair) -> Value {
    let certificates: Vec<Value> = keypair
        .certificates
        .iter()
        .map(|record| {
            let read = Certificate::parse(record.der.clone()).ok();
            json!({
                "id": record.id, "alias": record.alias, "status": record.status, "default": record.default,
                "subject": read.as_ref().map(Certificate::subject_display),
                "not_after": read.as_ref().map(|read| day(read.not_after_date())),
                "chain_length": record.chain.len(),
            })
        })
        .collect();
    json!({
        "id": keypair.id, "alias": keypair.alias, "key": key(keypair), "status": keypair.key_status,
        "type": keypair.key_type, "storage": keypair.key_storage, "signable": keypair.signable,
        "certificates": certificates,
    })
}

/// Kind and size.
fn key(keypair: &Keypair) -> String {
    let read = keypair.public_key.as_deref().and_then(|der| PublicKey::from_spki(der).ok());
    read.map_or_else(|| keypair.key_alg.clone(), |key| key.name())
}

/// Its default certificate.
pub fn certificate(keypair: &Keypair) -> Option<Certificate> {
    Certificate::parse(keypair.default_certificate()?.der.clone()).ok()
}

/// As people write dates.
pub fn day(date: Option<(i32, u32, u32)>) -> String {
    date.map_or_else(String::new, |(year, month, day)| format!("{year:04}-{month:02}-{day:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        create: Create,
    }

    fn algorithm(arguments: &[&str]) -> Algorithm {
        let all = ["create", "an-alias"].iter().chain(arguments);
        Program::try_parse_from(all).unwrap_or_else(|error| panic!("{arguments:?}: {error}")).create.algorithm
    }

    #[test]
    fn a_keypair_is_made_with_defaults_and_with_every_spelling_of_an_algorithm() {
        assert_eq!(algorithm(&[]), Algorithm::Rsa3072);
        for (spelling, meant) in [
            ("rsa-4096", Algorithm::Rsa4096),
            ("RSA-2048", Algorithm::Rsa2048),
            ("rsa3072", Algorithm::Rsa3072),
            ("p-256", Algorithm::P256),
            ("P-384", Algorithm::P384),
            ("p521", Algorithm::P521),
            ("Ed25519", Algorithm::Ed25519),
            ("ml-dsa-65", Algorithm::MlDsa65),
            ("ML-DSA-87", Algorithm::MlDsa87),
            ("ml-dsa44", Algorithm::MlDsa44),
        ] {
            assert_eq!(algorithm(&["--algorithm", spelling]), meant, "{spelling}");
        }
    }
}
