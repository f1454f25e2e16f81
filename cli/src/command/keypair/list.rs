//! `stm-pkcs11 keypair list`.

use crate::account::describe::{certificate, day, key, keypair_json};
use crate::account::{Choice, refused};
use crate::print::{self, Failure, progress, table};
use serde_json::Value;
use std::sync::Arc;
use stm_pkcs11::pattern::matches;
use stm_pkcs11::plural::counted;
use stm_pkcs11::service::{Keypair, Wanted};

#[derive(clap::Args)]
pub struct List {
    /// Only these: aliases, ids, and patterns with * and ?; default: all that STM_PKCS11_KEYPAIRS includes
    #[arg(value_name = "PATTERN")]
    patterns: Vec<String>,
    #[command(flatten)]
    account: Choice,
    /// JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &List) -> Result<(), Failure> {
    let account = arguments.account.open()?;
    let all = progress::during(&account.service, || account.service.keypairs(Wanted::All, account.service.deadline()));
    let mut all = all.map_err(|failure| refused("list the keypairs", &failure))?;
    let patterns = &arguments.patterns;
    let count = all.len();
    all.retain(|keypair| {
        let fits = |pattern: &String| matches(pattern, &keypair.alias) || matches(pattern, &keypair.id);
        patterns.is_empty() || patterns.iter().any(fits)
    });
    if all.is_empty() && !patterns.is_empty() {
        print::note(&format!(
            "note: no keypair matches {}: the account lists {}",
            patterns.join(", "),
            counted(count, "keypair")
        ));
    }
    if arguments.json {
        print::json(&Value::Array(all.iter().map(|keypair| keypair_json(keypair, &account.key_prefix)).collect()));
    } else {
        let rows: Vec<_> = all.iter().map(row).collect();
        table::print(&["alias", "key", "status", "type", "certificate until", "id"], &rows);
    }
    Ok(())
}

fn row(keypair: &Arc<Keypair>) -> Vec<String> {
    let until = certificate(keypair).map_or("no certificate".to_owned(), |one| day(one.not_after_date()));
    let Keypair { alias, key_status, key_type, id, .. } = &**keypair;
    vec![alias.clone(), key(keypair), key_status.clone(), key_type.clone(), until, id.clone()]
}
