//! `stm-pkcs11 keypair create`.

use super::show::tell;
use crate::account::{Choice, refused};
use crate::print::{self, Failure};
use clap::ValueEnum;
use serde_json::{Value, json};
use stm_pkcs11::service::NewKeypair;

#[derive(clap::Args)]
pub struct Create {
    /// Alias of the new keypair
    alias: String,
    #[arg(long, value_enum, ignore_case = true, default_value = "rsa-3072")]
    algorithm: Algorithm,
    /// Where the private key is kept; default: STM_PKCS11_KEY_STORAGE, or HSM
    #[arg(long, value_enum, ignore_case = true)]
    storage: Option<Storage>,
    /// What the keypair is for; TEST keypairs sign with certificates that nobody trusts; default: STM_PKCS11_KEY_TYPE, or PRODUCTION
    #[arg(long = "type", value_enum, ignore_case = true, value_name = "TYPE")]
    key_type: Option<Type>,
    /// Whether it can sign at once, or in release windows only; default: STM_PKCS11_KEY_STATUS, or ONLINE
    #[arg(long, value_enum, ignore_case = true)]
    status: Option<Status>,
    /// Show the request, and do not send it
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    account: Choice,
    /// JSON instead of lines
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "UPPER")]
enum Storage {
    Hsm,
    Disk,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "UPPER")]
enum Type {
    Production,
    Test,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "UPPER")]
enum Status {
    Online,
    Offline,
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

/// The word that was chosen, or the settings' own.
fn word<T: ValueEnum>(chosen: Option<T>, default: &str) -> String {
    let chosen = chosen.and_then(|chosen| Some(chosen.to_possible_value()?.get_name().to_owned()));
    chosen.unwrap_or_else(|| default.to_uppercase())
}

pub fn run(arguments: &Create) -> Result<(), Failure> {
    let (_, settings) = arguments.account.settings()?;
    let (key_alg, name, value) = arguments.algorithm.shape();
    let defaults = &settings.generate;
    let new = NewKeypair {
        alias: arguments.alias.clone(),
        key_alg: key_alg.to_owned(),
        properties: vec![(name.to_owned(), value)],
        key_storage: word(arguments.storage, &defaults.storage),
        key_type: word(arguments.key_type, &defaults.key_type),
        status: word(arguments.status, &defaults.status),
    };
    if arguments.dry_run {
        let host = settings.host.as_deref().unwrap_or("$SM_HOST");
        print::note(&format!("not sent: POST {host}/signingmanager/api/v1/keypairs"));
        print::json(&json!({
            "alias": new.alias, "key_alg": new.key_alg, "key_storage": new.key_storage, "key_type": new.key_type,
            "properties": {name: new.properties[0].1}, "status": new.status,
        }));
        return Ok(());
    }
    let account = arguments.account.open()?;
    let made = account.service.create_keypair(&new);
    let made = made.map_err(|failure| refused(format!("create the keypair {}", arguments.alias), &failure))?;
    tell(&made, &account.key_prefix, arguments.json);
    Ok(())
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
