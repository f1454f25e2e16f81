//! `smctl keypair`: list and describe.

use super::account::Choice;
use super::literals::KEYPAIRS;
use super::{cobra, refused};
use crate::account::describe::{Algorithm, algorithm};
use crate::account::{Account, refused as service_refused};
use crate::print::{self, Exit, Failure, shown, table};
use base64::{Engine, prelude::BASE64_STANDARD};
use clap::Subcommand;
use std::sync::Arc;
use stm_pkcs11::service::{Keypair, Wanted};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List keypairs, one a line: id first, alias third, id of the default certificate last
    #[command(visible_alias = "ls")]
    List(List),
    /// Show a keypair, with its public key
    #[command(visible_alias = "desc")]
    Describe(Describe),
    #[command(external_subcommand)]
    Other(Vec<String>),
}

#[derive(clap::Args)]
struct List {
    /// Only keypairs with this value: alias, key_alg, key_size, curve or key_status
    #[arg(short, long, value_name = "NAME=VALUE", value_delimiter = ',', value_parser = cobra::pair)]
    filter: Vec<(String, String)>,
    #[command(flatten)]
    pages: cobra::Pages,
    #[command(flatten)]
    account: Choice,
}

#[derive(clap::Args)]
struct Describe {
    /// Id, or alias
    #[arg(value_name = "KEYPAIR ID")]
    keypair: String,
    #[command(flatten)]
    account: Choice,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::List(arguments) => list(arguments),
        Command::Describe(arguments) => describe(arguments),
        Command::Other(words) => Err(refused::failure(&["keypair"], words)),
    }
}

type Filter = (&'static str, fn(&Keypair) -> String);

/// What a keypair is filtered by.
const FILTERS: &[Filter] = &[
    ("alias", |keypair| keypair.alias.clone()),
    ("key_alg", |keypair| algorithm(keypair).family),
    ("key_size", |keypair| algorithm(keypair).size),
    ("curve", |keypair| algorithm(keypair).curve),
    ("key_status", |keypair| keypair.key_status.clone()),
];

fn list(arguments: &List) -> Result<(), Failure> {
    arguments.pages.check()?;
    cobra::check_filters(&arguments.filter, FILTERS)?;
    let account = arguments.account.open()?;
    let alias = arguments.filter.iter().find(|(name, _)| name == "alias").map(|(_, alias)| alias.as_str());
    let mut all = found(&account, alias.map_or(Wanted::All, Wanted::Alias))?;
    all.retain(|keypair| cobra::passes(&**keypair, &arguments.filter, FILTERS));
    let rows: Vec<_> = all.iter().map(|keypair| row(keypair)).collect();
    table::print(&KEYPAIRS, &rows);
    Ok(())
}

/// The keypairs that the service has.
pub fn found(account: &Account, wanted: Wanted<'_>) -> Result<Vec<Arc<Keypair>>, Failure> {
    let all = account.service.keypairs(wanted, account.service.deadline());
    all.map_err(|failure| service_refused("list the keypairs", &failure))
}

fn row(keypair: &Keypair) -> Vec<String> {
    vec![
        keypair.id.clone(),
        modal(keypair).to_owned(),
        keypair.alias.clone(),
        algorithm(keypair).to_string(),
        keypair.key_status.clone(),
        keypair.key_type.clone(),
        keypair.key_storage.clone(),
        keypair.default_certificate().map_or_else(String::new, |certificate| certificate.id.clone()),
    ]
}

fn modal(keypair: &Keypair) -> &'static str {
    if keypair.dynamic { "DYNAMIC" } else { "STATIC" }
}

fn describe(arguments: &Describe) -> Result<(), Failure> {
    let account = arguments.account.open()?;
    let keypair = account.keypair(&arguments.keypair)?;
    let Some(key) = &keypair.public_key else {
        let what = format!("find the public key of {}", keypair.alias);
        return Err(Failure::new(what, "the service does not show it", "choose another keypair").exit(Exit::NotFound));
    };
    let kind = algorithm(&keypair);
    let certificate = keypair.default_certificate().map_or("", |certificate| &certificate.id);
    let Algorithm { size, curve, .. } = &kind;
    let lines = [
        ("Keypair ID", keypair.id.as_str()),
        ("Keypair alias", &keypair.alias),
        ("Key algorithm", &kind.to_string()),
        ("Key size", size),
        ("Key curve", curve),
        ("Keypair status", &keypair.key_status),
        ("Keypair type", modal(&keypair)),
        ("Keypair category", &keypair.key_type),
        ("Key storage", &keypair.key_storage),
    ];
    let tell = |(name, value): (&str, &str)| print::line(format!("{name}: {}", shown(value)).trim_end());
    lines.into_iter().for_each(tell);
    print::line("Public key:");
    print::line(&format!("        {}", BASE64_STANDARD.encode(key)));
    tell(("Default certificate ID", certificate));
    Ok(())
}
