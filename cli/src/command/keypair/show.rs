//! `stm-pkcs11 keypair show`: all that is known of a keypair.

use crate::account::Choice;
use crate::account::describe::{certificates, cka_id, day, key, keypair_json, pem};
use crate::print::{self, Failure, table};
use stm_pkcs11::service::Keypair;

#[derive(clap::Args)]
pub struct Show {
    /// Alias, or id
    name: String,
    /// One value alone, for scripts
    #[arg(long, value_enum, value_name = "FIELD", conflicts_with = "json")]
    only: Option<Field>,
    #[command(flatten)]
    account: Choice,
    /// JSON instead of lines
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Field {
    Alias,
    Id,
    /// The id as PKCS#11 programs expect it: 32 hexadecimal digits
    CkaId,
    Key,
    Status,
    Type,
    Storage,
}

pub fn run(arguments: &Show) -> Result<(), Failure> {
    let account = arguments.account.open()?;
    let keypair = account.keypair(&arguments.name)?;
    match arguments.only {
        Some(field) => print::line(&print::shown(&value(&keypair, field, &account.key_prefix))),
        None => tell(&keypair, &account.key_prefix, arguments.json),
    }
    Ok(())
}

fn value(keypair: &Keypair, field: Field, key_prefix: &str) -> String {
    match field {
        Field::Alias => keypair.alias.clone(),
        Field::Id => keypair.id.clone(),
        Field::CkaId => cka_id(keypair, key_prefix),
        Field::Key => key(keypair),
        Field::Status => keypair.key_status.clone(),
        Field::Type => keypair.key_type.clone(),
        Field::Storage => keypair.key_storage.clone(),
    }
}

/// A keypair as lines, or as JSON.
pub fn tell(keypair: &Keypair, key_prefix: &str, json: bool) {
    if json {
        return print::json(&keypair_json(keypair, key_prefix));
    }
    let mut rows = vec![
        ("alias", keypair.alias.clone()),
        ("id", keypair.id.clone()),
        ("CKA_ID", cka_id(keypair, key_prefix)),
        ("key", key(keypair)),
        ("status", keypair.key_status.clone()),
        ("type", keypair.key_type.clone()),
        ("storage", keypair.key_storage.clone()),
    ];
    if let Some(signable) = keypair.signable {
        rows.push(("you may sign with it", if signable { "yes" } else { "no" }.to_owned()));
    }
    for held in certificates(keypair) {
        let text = match held.read {
            Ok(read) => {
                format!("{}, until {}, {}", read.subject_display(), day(read.not_after_date()), held.record.status)
            }
            Err(unfit) => format!("{} {}; the module does not show it", held.record.id, unfit.why()),
        };
        rows.push((if held.record.default { "default certificate" } else { "certificate" }, text));
    }
    table::pairs(rows);
    if let Some(der) = &keypair.public_key {
        print::text(&pem("PUBLIC KEY", der));
    }
}
