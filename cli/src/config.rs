//! `stm-pkcs11 config`: the files of `config/` with this machine's paths and a real alias in them.

use crate::account::Choice;
use crate::failure::Failure;
use crate::table;
use std::path::{Path, PathBuf};
use std::time::Duration;
use stm_pkcs11::service::{Deadline, Service, Wanted};

#[derive(clap::Args)]
pub struct Arguments {
    /// The client; without it, a list of them
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(FILES.iter().map(|file| file.client)))]
    client: Option<String>,
    /// Alias that stands in the file; default: the first keypair of the account that can sign
    #[arg(long, value_name = "ALIAS")]
    keypair: Option<String>,
    /// The module; default: where it is installed, or beside this program
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// Write it there, and not to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    account: Choice,
}

/// A file of `config/`.
struct File {
    client: &'static str,
    about: &'static str,
    text: &'static str,
}

macro_rules! files {
    ($($client:literal $name:literal $about:literal;)*) => {
        &[$(File { client: $client, about: $about, text: include_str!(concat!("../../config/", $name)) }),*]
    };
}

const FILES: &[File] = files! {
    "azure" "azure-pipelines.yml" "Azure Pipelines: azure-pipelines.yml";
    "git" "gitconfig" "git: commits and tags signed by ssh, for ~/.gitconfig";
    "github" "github-actions.yml" "GitHub Actions: .github/workflows/sign.yml";
    "github-emulator" "github-actions-emulator.yml" "GitHub Actions with the emulator: nothing to pay";
    "gitlab" "gitlab-ci.yml" "GitLab CI: .gitlab-ci.yml";
    "gpg" "gnupg-pkcs11-scd.conf" "GnuPG: ~/.gnupg/gnupg-pkcs11-scd.conf";
    "gradle" "sign.gradle" "Gradle: signs the jar task's archive";
    "jarsigner" "jarsigner.sh" "a script that signs Java archives";
    "java" "sunpkcs11.cfg" "Java's SunPKCS11 provider: jarsigner, keytool, apksigner";
    "jenkins" "Jenkinsfile" "Jenkins: Jenkinsfile";
    "maven" "maven-jarsigner.xml" "Maven: a plugin for pom.xml";
    "nss" "nss-pkcs11.txt" "NSS: two lines for pkcs11.txt of a database";
    "openssl-engine" "openssl-engine.cnf" "OpenSSL with libp11's engine: OPENSSL_CONF";
    "openssl-provider" "openssl-provider.cnf" "OpenSSL 3 with pkcs11-provider: OPENSSL_CONF";
    "osslsigncode" "osslsigncode.sh" "a script that signs Windows programs, installers and scripts";
    "p11-kit" "p11-kit.module" "p11-kit: /usr/share/p11-kit/modules/stm-pkcs11.module";
    "settings" "stm-pkcs11.toml" "the module's own settings: ~/.config/stm-pkcs11/stm-pkcs11.toml";
    "ssh" "ssh_config" "OpenSSH: ~/.ssh/config";
};

/// Where a package puts the module, as the files name it.
const INSTALLED: &str = "/usr/lib/x86_64-linux-gnu/pkcs11/libstm_pkcs11.so";
/// What stands for an alias.
const ALIAS: &str = "KEYPAIR";
/// A file is not worth a long wait for the account.
const PATIENCE: Duration = Duration::from_secs(10);

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Some(client) = &arguments.client else {
        let rows: Vec<_> = FILES.iter().map(|file| vec![file.client.to_owned(), file.about.to_owned()]).collect();
        table::print(&["client", "what"], &rows);
        return Ok(());
    };
    let file = FILES.iter().find(|file| file.client == client).expect("clap has seen it");
    let module = module(arguments.module.as_deref())?;
    let mut text = file.text.replace(INSTALLED, &module.display().to_string());
    text = text.replace("/x86_64-linux-gnu/", &format!("/{}-linux-gnu/", std::env::consts::ARCH));
    if text.contains(ALIAS) {
        match arguments.keypair.clone().or_else(|| some_alias(&arguments.account)) {
            Some(alias) => text = text.replace(ALIAS, &alias),
            None => eprintln!("note: {ALIAS} in it stands for the keypair's alias; --keypair ALIAS fills it in"),
        }
    }
    match &arguments.out {
        None => print!("{text}"),
        Some(path) => std::fs::write(path, text).map_err(|error| {
            Failure::new(format!("write {}", path.display()), error, "name a file in a folder that can be written to")
        })?,
    }
    Ok(())
}

/// The module that was named, or else is found beside this program or where packages put it.
fn module(named: Option<&Path>) -> Result<PathBuf, Failure> {
    const NAME: &str = "libstm_pkcs11.so";
    if let Some(named) = named {
        return std::path::absolute(named).ok().filter(|path| path.is_file()).ok_or_else(|| {
            Failure::new(format!("find {}", named.display()), "there is no such file", "check the path of --module")
        });
    }
    let program = std::env::current_exe().ok().and_then(|path| path.canonicalize().ok());
    let beside = program.as_deref().and_then(Path::parent);
    let triple = format!("{}-linux-gnu", std::env::consts::ARCH);
    let near = beside.into_iter().flat_map(|folder| {
        let root = folder.parent().unwrap_or(folder);
        [
            folder.join(NAME),
            root.join("lib").join(&triple).join("pkcs11").join(NAME),
            root.join("lib/pkcs11").join(NAME),
        ]
    });
    let system =
        ["/usr/local/lib/pkcs11", "/usr/lib/pkcs11", "/usr/lib64/pkcs11"].map(|folder| Path::new(folder).join(NAME));
    near.chain(system).find(|path| path.is_file()).ok_or_else(|| {
        Failure::new("find the module", format!("{NAME} is not installed"), "name it with --module FILE")
    })
}

/// The alias of a keypair that can sign, if the settings lead to an account that has one.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_offered_and_names_what_is_filled_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
        let there =
            std::fs::read_dir(folder).expect("config/").flatten().filter(|entry| entry.file_name() != "README.md");
        assert_eq!(there.count(), FILES.len());
        for file in FILES {
            assert!(
                file.text.contains(INSTALLED) || file.text.contains(ALIAS) || file.client == "settings",
                "{}",
                file.client
            );
        }
    }
}
