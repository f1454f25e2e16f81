//! `stm-pkcs11 config`: prints the files of `config/` with this machine's paths and one of your aliases. For clients
//! without a file, it prints the commands of their page in `docs/clients/`.

mod clients;
mod page;

use crate::account::{self, Choice};
use crate::language::Refusal;
use crate::module_file;
use crate::print::{self, Exit, Failure, shown, table};
use clients::{ALIAS, CLIENTS, Client, Values};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use stm_pkcs11::service::{Deadline, Service, Wanted};

#[derive(clap::Args)]
pub struct Arguments {
    /// The client; without it, list the clients
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(CLIENTS.iter().map(Client::value)))]
    client: Option<String>,
    /// Alias to write into the file, checked against the account if the service answers; default: the first keypair that can sign
    #[arg(long, value_name = "ALIAS")]
    keypair: Option<String>,
    /// The module; default: where it is installed, or beside this program
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the list of clients as JSON
    #[arg(long, conflicts_with_all = ["client", "keypair", "module", "out"])]
    json: bool,
    #[command(flatten)]
    account: Choice,
}

/// How long to wait for the account: a file is not worth more.
const PATIENCE: Duration = Duration::from_secs(10);

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Some(name) = &arguments.client else {
        list(arguments.json);
        return Ok(());
    };
    let client = Client::named(name).expect("clap has seen it");
    let alias = match (&arguments.keypair, client.has_alias()) {
        (Some(alias), true) => {
            check_alias(&arguments.account, alias)?;
            alias.clone()
        }
        (Some(alias), false) => alias.clone(),
        (None, false) => ALIAS.to_owned(),
        (None, true) => some_alias(&arguments.account).unwrap_or_else(|| {
            print::note(&format!("note: {ALIAS} in it stands for the keypair's alias; --keypair ALIAS fills it in"));
            ALIAS.to_owned()
        }),
    };
    let module = module_for(client, arguments.module.as_deref())?;
    let text = client.fill(&Values { alias: &alias, module: module.as_deref() });
    let text = text.map_err(|refusal| refused(client, &alias, &refusal))?;
    print::to(&text, arguments.out.as_deref())
}

fn list(json: bool) {
    if json {
        let all =
            CLIENTS.iter().map(|client| json!({"client": client.name, "others": client.others, "what": client.about}));
        return print::json(&Value::Array(all.collect()));
    }
    let rows: Vec<_> = CLIENTS.iter().map(|client| vec![client.name.to_owned(), client.about.to_owned()]).collect();
    table::print(&["client", "what"], &rows);
}

fn refused(client: &Client, alias: &str, refusal: &Refusal) -> Failure {
    let Refusal { what, language } = refusal;
    let what = format!("{language} cannot carry {what}");
    let remedy = "rename the keypair, choose another one with --keypair, or another path with --module";
    Failure::new(format!("write the file of {} for '{}'", client.name, shown(alias)), what, remedy).exit(Exit::Usage)
}

/// The module's path if the client's file contains it; `None` if the file keeps the path of the packages, because it is
/// for another system.
fn module_for(client: &Client, named: Option<&Path>) -> Result<Option<String>, Failure> {
    let (ours, dll) = client.has_module();
    if !(ours || (cfg!(windows) && dll)) {
        return Ok(None);
    }
    let module = module_file::find(named)?;
    let path = module.to_str().ok_or_else(|| {
        let remedy = "name the module by a path in UTF-8, with --module";
        Failure::new(format!("write the path {}", module.display()), "it is not UTF-8", remedy).exit(Exit::Usage)
    })?;
    // A backslash has a special meaning in files that are not for Windows only; a slash works as well.
    Ok(Some(if cfg!(windows) && !dll { path.replace('\\', "/") } else { path.to_owned() }))
}

/// Refuses an alias that the account does not have. Without credentials, or if the service does not answer, the file is
/// printed with a note that the alias was not checked.
fn check_alias(account: &Choice, alias: &str) -> Result<(), Failure> {
    let unchecked = |why: &str| {
        let alias = shown(alias);
        print::note(&format!("note: the alias {alias} was not checked against the account: {}", shown(why)));
        Ok(())
    };
    let (_, settings) = account.settings()?;
    if !settings.problems.is_empty() {
        return unchecked("no usable credentials are set; run `stm-pkcs11 doctor`");
    }
    let service = Service::new(settings);
    let deadline = Deadline::after(PATIENCE);
    match service.keypairs(Wanted::Alias(alias), deadline) {
        Ok(found) if !found.is_empty() => return Ok(()),
        Ok(_) => {}
        Err(failure) => return unchecked(&failure.cause()),
    }
    match service.keypairs(Wanted::All, deadline) {
        Ok(all) => Err(account::unknown(alias, &all)),
        Err(failure) => unchecked(&failure.cause()),
    }
}

/// The alias of a keypair that can sign, if the settings give access to one.
fn some_alias(account: &Choice) -> Option<String> {
    let (_, settings) = account.settings().ok()?;
    if !settings.problems.is_empty() {
        return None;
    }
    let all = Service::new(settings).keypairs(Wanted::All, Deadline::after(PATIENCE)).ok()?;
    let able = |keypair: &&_| {
        let keypair: &stm_pkcs11::service::Keypair = keypair;
        keypair.online() && keypair.signable != Some(false) && keypair.default_certificate().is_some()
    };
    all.iter().map(|keypair| &**keypair).find(able).map(|keypair| keypair.alias.clone())
}
