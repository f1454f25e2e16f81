//! `stm-pkcs11 keypair certificate`: a keypair's certificate and its issuers.

use crate::account::Choice;
use crate::account::describe::{bare_certificate_json, chosen, pem};
use crate::print::{self, Exit, Failure};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Certificate {
    /// Alias, or id
    name: String,
    /// The keypair's own certificate only
    #[arg(long, conflicts_with = "issuers")]
    leaf: bool,
    /// Its issuers only
    #[arg(long)]
    issuers: bool,
    /// The root first; default: the keypair's own certificate first, each followed by its issuer
    #[arg(long)]
    root_first: bool,
    /// DER instead of PEM; of one certificate, so with --leaf
    #[arg(long, requires = "leaf", conflicts_with = "root_first")]
    der: bool,
    /// JSON instead of PEM
    #[arg(long, conflicts_with_all = ["der", "out"])]
    json: bool,
    /// Write it there, and not to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    account: Choice,
}

pub fn run(arguments: &Certificate) -> Result<(), Failure> {
    let account = arguments.account.open()?;
    let keypair = account.keypair(&arguments.name)?;
    let what = || format!("find the certificate of {}", arguments.name);
    let missing = |why: String, remedy: &str| Failure::new(what(), why, remedy).exit(Exit::NotFound);
    let Some(first) = chosen(&keypair) else {
        let remedy = "issue a certificate for it in the service's web page";
        return Err(missing("the keypair has none".to_owned(), remedy));
    };
    // What the module does not show is given to nobody here, too: programs would sign with a key and name another.
    if let Err(unfit) = &first.read {
        let why = format!("the certificate {} {}", first.record.id, unfit.why());
        return Err(missing(why, "choose another default certificate in the service's web page"));
    }
    if arguments.der {
        return print::bytes_to(&first.record.der, arguments.out.as_deref());
    }
    let leaf = [&first.record.der[..]].into_iter().filter(|_| !arguments.issuers);
    let issuers = first.record.chain.iter().map(|der| &der[..]).filter(|_| !arguments.leaf);
    let mut all: Vec<&[u8]> = leaf.chain(issuers).collect();
    if arguments.root_first {
        all.reverse();
    }
    if all.is_empty() {
        let why = "the service gives no issuers for it".to_owned();
        return Err(missing(why, "ask its issuer for the chain"));
    }
    if arguments.json {
        print::json(&all.into_iter().map(bare_certificate_json).collect());
        return Ok(());
    }
    let text: String = all.into_iter().map(|der| pem("CERTIFICATE", der)).collect();
    print::bytes_to(text.as_bytes(), arguments.out.as_deref())
}
