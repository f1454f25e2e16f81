//! `smctl certificate`: list and download.

use super::account::Choice;
use super::fingerprint::{Encoding, Hash};
use super::keypair::found;
use super::literals::CERTIFICATES;
use super::{cobra, refused};
use crate::account::certificate_file::{self, Format, Source};
use crate::account::describe::{Held, certificates, day};
use crate::print::{self, Exit, Failure, shown, table};
use clap::Subcommand;
use std::path::PathBuf;
use std::sync::Arc;
use stm_pkcs11::service::{Keypair, KeypairCertificate, Wanted};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the certificates of all keypairs, one a line: id first, alias second
    #[command(visible_alias = "ls")]
    List(List),
    /// Save a certificate to a file, which is overwritten if it is a certificate
    #[command(visible_alias = "save")]
    Download(Download),
    #[command(external_subcommand)]
    Other(Vec<String>),
}

#[derive(clap::Args)]
struct List {
    /// Only certificates with this value: id, alias, certificate_status or keypair_id
    #[arg(short, long, value_name = "NAME=VALUE", value_delimiter = ',', value_parser = cobra::pair)]
    filter: Vec<(String, String)>,
    /// Hash function of the fingerprint
    #[arg(long, value_enum, ignore_case = true, default_value = "SHA1")]
    cert_hash_alg: Hash,
    /// How the fingerprint is written
    #[arg(long, value_enum, ignore_case = true, default_value = "HEX")]
    cert_hash_encoding: Encoding,
    #[command(flatten)]
    pages: cobra::Pages,
    #[command(flatten)]
    account: Choice,
}

#[derive(clap::Args)]
struct Download {
    /// Id of the certificate
    #[arg(value_name = "CERTIFICATE ID", required_unless_present_any = ["keypair_alias", "keypair_id"])]
    id: Option<String>,
    /// The default certificate of this keypair
    #[arg(long, value_name = "ALIAS", conflicts_with_all = ["id", "keypair_id"])]
    keypair_alias: Option<String>,
    /// The default certificate of this keypair
    #[arg(long, value_name = "ID", conflicts_with = "id")]
    keypair_id: Option<String>,
    /// Name of the file; default: the certificate's alias with the format's extension
    #[arg(short, long)]
    name: Option<String>,
    /// Directory of the file; default: the current one
    #[arg(short, long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,
    /// Format of the file; p12 and pfx never contain a private key
    #[arg(short, long, value_enum, ignore_case = true, default_value = "pem")]
    format: Format,
    /// With the certificates that issued it
    #[arg(short, long)]
    chain: bool,
    /// The root first
    #[arg(long)]
    issuer_first: bool,
    /// Password of a p12 or pfx file
    #[arg(short, long, default_value = "changeit")]
    password: String,
    #[command(flatten)]
    account: Choice,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::List(arguments) => list(arguments),
        Command::Download(arguments) => download(arguments),
        Command::Other(words) => Err(refused::failure(&["certificate"], words)),
    }
}

type Pair<'a> = (&'a Keypair, &'a KeypairCertificate);

type Filter = (&'static str, fn(&Pair<'_>) -> String);

/// What a certificate is filtered by.
const FILTERS: &[Filter] = &[
    ("id", |(_, certificate)| certificate.id.clone()),
    ("alias", |(_, certificate)| certificate.alias.clone()),
    ("certificate_status", |(_, certificate)| certificate.status.clone()),
    ("keypair_id", |(keypair, _)| keypair.id.clone()),
];

fn list(arguments: &List) -> Result<(), Failure> {
    arguments.pages.check()?;
    cobra::check_filters(&arguments.filter, FILTERS)?;
    let account = arguments.account.open()?;
    let keypairs = found(&account, Wanted::All)?;
    let held = keypairs.iter().flat_map(|keypair| certificates(keypair).into_iter().map(move |held| (keypair, held)));
    let held = held.filter(|(keypair, held)| cobra::passes(&(&***keypair, held.record), &arguments.filter, FILTERS));
    let rows: Vec<_> = held.map(|(keypair, held)| row(arguments, keypair, &held)).collect();
    table::print(&CERTIFICATES, &rows);
    Ok(())
}

fn row(arguments: &List, keypair: &Arc<Keypair>, held: &Held<'_>) -> Vec<String> {
    let Held { record, read } = held;
    let date = |of: fn(&stm_pkcs11::x509::Certificate) -> Option<(i32, u32, u32)>| {
        read.as_ref().ok().and_then(of).map_or_else(|| "-".to_owned(), |date| day(Some(date)))
    };
    // A cell without a word would shift those that scripts count.
    let alias = if record.alias.is_empty() { "-" } else { &record.alias };
    vec![
        record.id.clone(),
        alias.to_owned(),
        record.status.clone(),
        date(|read| read.not_before_date()),
        date(|read| read.not_after_date()),
        arguments.cert_hash_encoding.of(&arguments.cert_hash_alg.of(&record.der)),
        keypair.id.clone(),
    ]
}

fn download(arguments: &Download) -> Result<(), Failure> {
    let account = arguments.account.open()?;
    let keypair = match arguments.keypair_alias.as_ref().or(arguments.keypair_id.as_ref()) {
        Some(name) => account.keypair(name)?,
        None => {
            let id = arguments.id.as_deref().unwrap_or_default();
            let all = found(&account, Wanted::All)?;
            let has = |keypair: &&Arc<Keypair>| keypair.certificates.iter().any(|certificate| certificate.id == id);
            all.iter().find(has).cloned().ok_or_else(|| {
                let remedy = "run smctl certificate list to see the ids";
                Failure::new(format!("find the certificate {id}"), "no keypair of this account has it", remedy)
                    .exit(Exit::NotFound)
            })?
        }
    };
    let source = Source::new(&keypair, arguments.id.as_deref())?;
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => format!("{}.{}", source.name()?, arguments.format.extension()),
    };
    let path = arguments.out.as_deref().map_or_else(|| PathBuf::from(&name), |folder| folder.join(&name));
    let mut all = source.certificates(arguments.chain || arguments.issuer_first);
    if arguments.issuer_first {
        all.reverse();
    }
    let bytes = certificate_file::encode(&all, arguments.format, &arguments.password)?;
    certificate_file::write(&path, &bytes)?;
    print::line(&format!("Certificate saved to {}", shown(&path.display().to_string())));
    Ok(())
}
