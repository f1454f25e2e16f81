//! `smctl healthcheck`: the doctor's findings in the layout that scripts read. No part of a secret is shown.

use super::account::Choice;
use super::literals::{CONNECTED, NOT_CONNECTED, SET, yes};
use crate::codesign::program::PROGRAMS;
use crate::command::doctor::{self, Examined};
use crate::print::{self, Failure, shown};
use stm_pkcs11::config::{ClientCert, Origin};

#[derive(clap::Args)]
pub struct Healthcheck {
    /// Account and programs, as without any flag
    #[arg(long)]
    all: bool,
    /// The account only
    #[arg(long)]
    user: bool,
    /// The signing programs only
    #[arg(long)]
    tools: bool,
    #[command(flatten)]
    account: Choice,
}

pub fn run(arguments: &Healthcheck) -> Result<(), Failure> {
    let both = arguments.all || arguments.user == arguments.tools;
    let result = if both || arguments.user { user(&arguments.account) } else { Ok(()) };
    if both || arguments.tools {
        tools();
    }
    result
}

fn user(choice: &Choice) -> Result<(), Failure> {
    let examined = doctor::examine(&choice.quiet()?, None)?;
    let connected = examined.visit.is_fine("service");
    print::line("--------- User credentials ------");
    print::line(if connected { CONNECTED } else { NOT_CONNECTED });
    print::line("");
    credentials(&examined);
    if connected {
        print::line("Privileges:");
        print::line(&format!("        Can sign: {}", yes(examined.visit.able() > 0)));
        print::line(&format!("        Keypairs: {}", examined.keypairs.len()));
    }
    for notice in &examined.notices {
        print::line(&format!("Notice: {}", shown(notice)));
    }
    print::line("");
    examined.visit.result()
}

fn credentials(examined: &Examined) {
    let settings = &examined.settings;
    let authentication = match (&settings.client_cert, &settings.api_key) {
        (Some(_), Some(_)) => "2FA",
        (Some(_), None) => "Client certificate",
        (None, Some(_)) => "API key",
        (None, None) => "None",
    };
    print::line(&format!("Authentication: {authentication}"));
    print::line("Credentials:");
    let certificate = match &settings.client_cert {
        Some(ClientCert::File(path)) => Some(path.display().to_string()),
        Some(ClientCert::Inline(_)) => Some(SET.to_owned()),
        None => None,
    };
    let secret = |given: bool| given.then(|| SET.to_owned());
    let rows = [
        ("Host", settings.host.clone(), "SM_HOST"),
        ("API key", secret(settings.api_key.is_some()), "SM_API_KEY"),
        ("Client certificate file path", certificate, "SM_CLIENT_CERT_FILE"),
        ("Client certificate password", secret(settings.client_cert_password.is_some()), "SM_CLIENT_CERT_PASSWORD"),
    ];
    for (name, value, setting) in rows {
        let origin = settings.origins.iter().find(|(known, _)| *known == setting).map(|(_, origin)| origin);
        let from = match (&value, origin) {
            (Some(_), Some(Origin::Environment)) => " (Pulled from environment variable)".to_owned(),
            (Some(_), Some(origin)) => format!(" (Pulled from {origin})"),
            _ => String::new(),
        };
        print::line(&format!("        {name}: {}{}", shown(value.as_deref().unwrap_or("(not set)")), shown(&from)));
    }
}

fn tools() {
    print::line("--------- Signing tools ---------");
    for program in PROGRAMS {
        let found = program.tool.find();
        print::line(&format!("{}:", capitalised(program.name)));
        print::line(&format!("        Mapped: {}", yes(found.is_some())));
        if let Some(found) = found {
            print::line(&format!("        Path: {}", shown(&found.path.display().to_string())));
        }
    }
}

/// As the vendor's program writes names.
fn capitalised(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}
