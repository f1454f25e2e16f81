//! `stm-pkcs11 certificate`: lists the certificates of all keypairs.

use crate::account::describe::{certificate_json, certificates, day};
use crate::account::{Choice, refused};
use crate::print::{self, Failure, progress, table};
use clap::Subcommand;
use serde_json::Value;
use stm_pkcs11::service::Wanted;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the certificates of all keypairs, with those that the module does not show
    List(List),
}

#[derive(clap::Args)]
struct List {
    /// Only those of this keypair (alias or id)
    #[arg(long, value_name = "ALIAS")]
    keypair: Option<String>,
    #[command(flatten)]
    account: Choice,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Command::List(list) = &arguments.command;
    let account = list.account.open()?;
    let keypairs = match &list.keypair {
        Some(name) => vec![account.keypair(name)?],
        None => {
            let all = || account.service.keypairs(Wanted::All, account.service.deadline());
            let all = progress::during(&account.service, all);
            all.map_err(|failure| refused("list the certificates", &failure))?
        }
    };
    let held =
        || keypairs.iter().flat_map(|keypair| certificates(keypair).into_iter().map(move |held| (keypair, held)));
    if list.json {
        let json = held().map(|(keypair, held)| {
            let mut value = certificate_json(&held);
            value["keypair"] = keypair.alias.as_str().into();
            value["keypair_id"] = keypair.id.as_str().into();
            value
        });
        print::json(&Value::Array(json.collect()));
        return Ok(());
    }
    let rows: Vec<_> = held()
        .map(|(keypair, held)| {
            let (subject, until) = match &held.read {
                Ok(read) => (read.subject_display(), day(read.not_after_date())),
                Err(unfit) => (format!("({})", unfit.why()), String::new()),
            };
            let default = if held.record.default { "default" } else { "" };
            vec![
                keypair.alias.clone(),
                held.record.status.clone(),
                until,
                default.to_owned(),
                subject,
                held.record.id.clone(),
            ]
        })
        .collect();
    table::print(&["keypair", "status", "until", "", "subject", "id"], &rows);
    Ok(())
}
