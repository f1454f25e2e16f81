//! `stm-pkcs11 config`: the files of `config/` with this machine's paths and a real alias in them; for clients that need no
//! file, the commands of their page in `docs/clients/`.

use crate::account::Choice;
use crate::failure::Failure;
use crate::{output, table};
use std::path::{Path, PathBuf};
use std::time::Duration;
use stm_pkcs11::service::{Deadline, Service, Wanted};

#[derive(clap::Args)]
pub struct Arguments {
    /// The client; without it, a list of them
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(CLIENTS.iter().map(Client::value)))]
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

/// What there is for a client.
struct Client {
    name: &'static str,
    /// What people may call it, too.
    others: &'static [&'static str],
    about: &'static str,
    text: Text,
}

enum Text {
    /// A file of `config/`.
    File(&'static str),
    /// A page of `docs/clients/`.
    Page(&'static str),
}

impl Client {
    fn value(&self) -> clap::builder::PossibleValue {
        clap::builder::PossibleValue::new(self.name).aliases(self.others)
    }

    /// Whether an alias stands in it.
    fn wants_alias(&self) -> bool {
        match self.text {
            Text::File(text) => text.contains(ALIAS),
            Text::Page(_) => true,
        }
    }

    /// With an alias, and the place of the package's module.
    fn text(&self, alias: &str) -> String {
        match self.text {
            Text::File(text) => text.replace(ALIAS, alias),
            Text::Page(page) => commands(self.name, page, alias),
        }
    }
}

macro_rules! clients {
    (@text file $name:literal) => {
        Text::File(include_str!(concat!("../../config/", $name)))
    };
    (@text page $name:literal) => {
        Text::Page(include_str!(concat!("../../docs/clients/", $name)))
    };
    ($($client:literal $([$($other:literal)*])? $kind:ident $name:literal $about:literal;)*) => {
        &[$(Client {
            name: $client, others: &[$($($other),*)?], about: $about, text: clients!(@text $kind $name),
        }),*]
    };
}

const CLIENTS: &[Client] = clients! {
    "android" ["apksigner"] page "android.md" "apksigner: the commands";
    "azure" ["azure-pipelines"] file "azure-pipelines.yml" "Azure Pipelines: azure-pipelines.yml";
    "git" file "gitconfig" "git: commits and tags signed by ssh, for ~/.gitconfig";
    "github" ["github-actions"] file "github-actions.yml" "GitHub Actions: .github/workflows/sign.yml";
    "github-emulator" file "github-actions-emulator.yml" "GitHub Actions with the emulator: nothing to pay";
    "gitlab" ["gitlab-ci"] file "gitlab-ci.yml" "GitLab CI: .gitlab-ci.yml";
    "gnutls" ["certtool" "p11tool"] page "gnutls.md" "GnuTLS, certtool: the commands";
    "gpg" ["gnupg"] file "gnupg-pkcs11-scd.conf" "GnuPG: ~/.gnupg/gnupg-pkcs11-scd.conf";
    "gradle" file "sign.gradle" "Gradle: signs the jar task's archive";
    "jarsigner" file "jarsigner.sh" "a script that signs Java archives";
    "java" ["sunpkcs11" "keytool"] file "sunpkcs11.cfg" "Java's SunPKCS11 provider: jarsigner, keytool, apksigner";
    "jenkins" file "Jenkinsfile" "Jenkins: Jenkinsfile";
    "maven" file "maven-jarsigner.xml" "Maven: a plugin for pom.xml";
    "msbuild" ["visual-studio"] file "sign.targets" "Visual Studio, MSBuild: Directory.Build.targets";
    "node" ["pkcs11js"] page "programs.md" "Node.js, pkcs11js: the commands";
    "nss" ["certutil" "modutil"] file "nss-pkcs11.txt" "NSS: two lines for pkcs11.txt of a database";
    "openssl" page "openssl.md" "openssl: the commands";
    "openssl-engine" file "openssl-engine.cnf" "OpenSSL with libp11's engine: OPENSSL_CONF";
    "openssl-provider" ["pkcs11-provider"] file "openssl-provider.cnf" "OpenSSL 3 with pkcs11-provider: OPENSSL_CONF";
    "osslsigncode" file "osslsigncode.sh" "a script that signs Windows programs, installers and scripts";
    "p11-kit" file "p11-kit.module" "p11-kit: /usr/share/p11-kit/modules/stm-pkcs11.module";
    "pdf" ["pyhanko" "pdfsig"] page "pdf.md" "pyHanko, pdfsig: the commands";
    "pkcs11-tool" ["opensc"] page "pkcs11-tool.md" "pkcs11-tool: the commands";
    "powershell" ["set-authenticodesignature"] file "sign.ps1" "PowerShell: a script that signs scripts and modules";
    "python" ["python-pkcs11" "pykcs11"] page "python.md" "Python: the commands";
    "rauc" page "rauc.md" "rauc: the commands";
    "settings" ["stm-pkcs11"] file "stm-pkcs11.toml" "the module's own settings: ~/.config/stm-pkcs11/stm-pkcs11.toml";
    "signtool" file "signtool.cmd" "a script for Windows that signs programs, installers and scripts";
    "ssh" ["openssh"] file "ssh_config" "OpenSSH: ~/.ssh/config";
    "uefi" ["sbsign" "pesign"] page "uefi.md" "sbsign, pesign: the commands";
};

/// What a page says to type: the code under "Configure" and "Sign", with what it stands on in front.
fn commands(name: &str, page: &str, alias: &str) -> String {
    let mut code = String::new();
    let (mut wanted, mut inside) = (false, false);
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            wanted = ["Configure", "Sign"].contains(&heading);
        } else if line.starts_with("```") {
            inside = wanted && !inside && line == "```sh";
            code += if inside && !code.is_empty() { "\n" } else { "" };
        } else if inside {
            code += &format!("{line}\n");
        }
    }
    let mut head =
        format!("# {name}: the names of files stand for yours\nexport MODULE='{INSTALLED}' KEYPAIR='{alias}'\n");
    for (file, part) in [("cert.pem", "leaf"), ("chain.pem", "issuers")] {
        if code.contains(file) {
            head += &format!("stm-pkcs11 keypair certificate \"$KEYPAIR\" --{part} --out {file}\n");
        }
    }
    format!("{head}\n{code}")
}

/// Where a package puts the module, as the files name it.
const INSTALLED: &str = "/usr/lib/x86_64-linux-gnu/pkcs11/libstm_pkcs11.so";
/// The same in files that are for Windows alone.
const INSTALLED_DLL: &str = r"C:\stm-pkcs11\stm_pkcs11.dll";
/// What stands for an alias.
const ALIAS: &str = "KEYPAIR";
/// A file is not worth a long wait for the account.
const PATIENCE: Duration = Duration::from_secs(10);

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Some(client) = &arguments.client else {
        let rows: Vec<_> = CLIENTS.iter().map(|client| vec![client.name.to_owned(), client.about.to_owned()]).collect();
        table::print(&["client", "what"], &rows);
        return Ok(());
    };
    let named = |one: &&Client| one.name == client || one.others.contains(&client.as_str());
    let client = CLIENTS.iter().find(named).expect("clap has seen it");
    let alias = match (&arguments.keypair, client.wants_alias()) {
        (Some(alias), _) => alias.clone(),
        (None, false) => ALIAS.to_owned(),
        (None, true) => some_alias(&arguments.account).unwrap_or_else(|| {
            eprintln!("note: {ALIAS} in it stands for the keypair's alias; --keypair ALIAS fills it in");
            ALIAS.to_owned()
        }),
    };
    let text = with_module(client.text(&alias), arguments.module.as_deref())?;
    output::write(&text, arguments.out.as_deref())
}

/// The text with the place of the module in it: of this machine's, where it is for this kind of machine.
fn with_module(text: String, named: Option<&Path>) -> Result<String, Failure> {
    let for_us = text.contains(INSTALLED) || (cfg!(windows) && text.contains(INSTALLED_DLL));
    if !for_us {
        return Ok(text);
    }
    let module = module(named)?.display().to_string();
    if cfg!(windows) {
        // A backslash has a meaning of its own in the files that are not Windows' own; a slash serves as well.
        return Ok(text.replace(INSTALLED_DLL, &module).replace(INSTALLED, &module.replace('\\', "/")));
    }
    Ok(text
        .replace(INSTALLED, &module)
        .replace("/x86_64-linux-gnu/", &format!("/{}-linux-gnu/", std::env::consts::ARCH)))
}

/// The module that was named, or else is found beside this program or where packages put it.
fn module(named: Option<&Path>) -> Result<PathBuf, Failure> {
    const NAME: &str = if cfg!(windows) { "stm_pkcs11.dll" } else { "libstm_pkcs11.so" };
    if let Some(named) = named {
        return std::path::absolute(named).ok().filter(|path| path.is_file()).ok_or_else(|| {
            Failure::new(format!("find {}", named.display()), "there is no such file", "check the path of --module")
        });
    }
    // Through links to where it is; on Windows that would be a path in a form that few programs know.
    let program = std::env::current_exe().ok();
    let program = if cfg!(windows) { program } else { program.and_then(|path| path.canonicalize().ok()) };
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
        let there = std::fs::read_dir(folder).expect("config/").flatten();
        let there = there.filter(|entry| entry.file_name() != "README.md").count();
        assert_eq!(there, CLIENTS.iter().filter(|client| matches!(client.text, Text::File(_))).count());
        for client in CLIENTS {
            let text = client.text("an-alias");
            assert!(
                text.contains(INSTALLED)
                    || client.wants_alias()
                    || ["settings", "github-emulator"].contains(&client.name),
                "{}",
                client.name
            );
            assert_eq!(text.contains("an-alias"), client.wants_alias(), "{}", client.name);
        }
    }

    #[test]
    fn the_commands_of_a_page_are_its_code_and_what_that_needs() {
        let page = "# X\n## Install\n```sh\nget x\n```\n## Sign\n```sh\nx \"$KEYPAIR\" cert.pem\n```\n## Verify\n```sh\ny\n```\n";
        let text = commands("x", page, "an-alias");
        assert!(text.ends_with("--leaf --out cert.pem\n\nx \"$KEYPAIR\" cert.pem\n"), "{text}");
        assert!(text.contains("KEYPAIR='an-alias'\n"));
        assert!(!text.contains("get x") && !text.contains("--issuers"));
    }
}
