//! The template of each client: a file of `config/` with blanks, or a page of `docs/clients/`.

use super::page;
use crate::language::{self, Language, Language::*, Refusal};

/// A client and its template.
pub struct Client {
    pub name: &'static str,
    /// Other names of the client.
    pub others: &'static [&'static str],
    pub about: &'static str,
    pub text: Text,
}

pub enum Text {
    /// A file of `config/`, and its blanks.
    File(&'static str, &'static [Blank]),
    /// A page of `docs/clients/`, and the client's own notation for aliases, if it has one.
    Page(&'static str, &'static [Language]),
}

/// A blank: a text in the file, with the quotes around it, and the value that replaces it.
pub struct Blank {
    text: &'static str,
    value: Value,
    languages: &'static [Language],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    Alias,
    /// A `pkcs11:` URI of the alias.
    Uri,
    /// A file name for the alias.
    FileName,
    Module,
}

pub struct Values<'a> {
    pub alias: &'a str,
    /// `None` means the path where packages install it.
    pub module: Option<&'a str>,
}

/// The module's path in the files: where packages install it.
pub const INSTALLED: &str = "/usr/lib/x86_64-linux-gnu/pkcs11/libstm_pkcs11.so";
/// The same in files for Windows.
pub const INSTALLED_DLL: &str = r"C:\stm-pkcs11\stm_pkcs11.dll";
/// The placeholder for an alias.
pub const ALIAS: &str = "KEYPAIR";

const fn blank(text: &'static str, value: Value, languages: &'static [Language]) -> Blank {
    Blank { text, value, languages }
}

/// `INSTALLED` with something around it.
macro_rules! module {
    ($before:literal $after:literal $languages:expr) => {
        blank(concat!($before, "/usr/lib/x86_64-linux-gnu/pkcs11/libstm_pkcs11.so", $after), Value::Module, $languages)
    };
}

const PIPELINE: &[Blank] = &[blank("'KEYPAIR'", Value::Alias, &[PipelineShell, YamlBlock])];
const JENKINS: &[Blank] = &[blank("'KEYPAIR'", Value::Alias, &[PipelineShell, Groovy])];
const GIT: &[Blank] = &[
    blank("'KEYPAIR'", Value::Alias, &[Shell, Comment]),
    blank("KEYPAIR", Value::FileName, &[]),
    module!("'" "'" &[Shell, Comment]),
];
const SSH: &[Blank] = &[module!("'" "'" &[Shell, Comment]), module!("" "" &[SshConfig])];
const OSSLSIGNCODE: &[Blank] = &[
    blank("'pkcs11:object=KEYPAIR;type=private'", Value::Uri, &[Shell]),
    blank("'KEYPAIR'", Value::Alias, &[Shell]),
    module!("'" "'" &[Shell]),
];
const JARSIGNER: &[Blank] = &[
    blank("'KEYPAIR'", Value::Alias, &[JavaName, JarsignerOperand, Shell]),
    module!("'\"" "\"'" &[JavaConfig, Shell]),
];
const JAVA: &[Blank] = &[
    blank("'KEYPAIR'", Value::Alias, &[JavaName, JarsignerOperand, Shell, Comment]),
    module!("\"" "\"" &[JavaConfig]),
];
const OPENSSL: &[Blank] =
    &[blank("'pkcs11:object=KEYPAIR;type=private'", Value::Uri, &[Shell, Comment]), module!("" "" &[OpensslConfig])];
const FLEET: &[Blank] = &[blank("'KEYPAIR'", Value::Alias, &[KeypairPattern, Shell]), module!("'" "'" &[Shell])];
const GRADLE: &[Blank] = &[blank("KEYPAIR", Value::Alias, &[JavaName, JarsignerOperand, Ant, Groovy])];
const MAVEN: &[Blank] = &[blank("KEYPAIR", Value::Alias, &[JavaName, JarsignerOperand, Maven, Xml])];
const MSBUILD: &[Blank] =
    &[blank("KEYPAIR", Value::Alias, &[PlainJson]), blank(INSTALLED_DLL, Value::Module, &[MsBuild, Xml])];
const POWERSHELL: &[Blank] = &[blank("'KEYPAIR'", Value::Alias, &[PowerShell])];
const SIGNTOOL: &[Blank] = &[blank("KEYPAIR", Value::Alias, &[PlainJson]), blank(INSTALLED_DLL, Value::Module, &[Cmd])];
const NSS: &[Blank] = &[module!("" "" &[Nss])];
const LINE: &[Blank] = &[module!("" "" &[Line])];
const NONE: &[Blank] = &[];

macro_rules! clients {
    (@text file $name:literal $blanks:ident) => {
        Text::File(include_str!(concat!("../../../../config/", $name)), $blanks)
    };
    (@text page $name:literal $languages:ident) => {
        Text::Page(include_str!(concat!("../../../../docs/clients/", $name)), $languages)
    };
    ($($client:literal $([$($other:literal)*])? $kind:ident $name:literal $more:ident $about:literal;)*) => {
        &[$(Client {
            name: $client, others: &[$($($other),*)?], about: $about, text: clients!(@text $kind $name $more),
        }),*]
    };
}

/// Programs that read an alias unchanged.
const PLAIN: &[Language] = &[];
/// Java programs.
const BY_JAVA: &[Language] = &[JavaName];
/// Programs that read an alias from an INI file.
const IN_INI: &[Language] = &[Ini];

pub const CLIENTS: &[Client] = clients! {
    "android" ["apksigner"] page "android.md" BY_JAVA "apksigner: the commands";
    "azure" ["azure-pipelines"] file "azure-pipelines.yml" PIPELINE "Azure Pipelines: azure-pipelines.yml";
    "espsecure" ["esptool" "esp32"] page "espsecure.md" IN_INI "espsecure: the commands for ESP32 firmware";
    "fleet" ["signing-host"] file "fleet.sh" FLEET "a script that sets up a signing host, and builders without credentials";
    "git" file "gitconfig" GIT "git: commits and tags signed by ssh, for ~/.gitconfig";
    "github" ["github-actions"] file "github-actions.yml" PIPELINE "GitHub Actions: .github/workflows/sign.yml";
    "github-emulator" file "github-actions-emulator.yml" NONE "GitHub Actions with the emulator: no account, no cost";
    "gitlab" ["gitlab-ci"] file "gitlab-ci.yml" PIPELINE "GitLab CI: .gitlab-ci.yml";
    "gnutls" ["certtool" "p11tool"] page "gnutls.md" PLAIN "GnuTLS, certtool: the commands";
    "gpg" ["gnupg"] file "gnupg-pkcs11-scd.conf" LINE "GnuPG: ~/.gnupg/gnupg-pkcs11-scd.conf";
    "gradle" file "sign.gradle" GRADLE "Gradle: signs the jar task's archive";
    "jarsigner" file "jarsigner.sh" JARSIGNER "a script that signs Java archives";
    "java" ["sunpkcs11" "keytool"] file "sunpkcs11.cfg" JAVA "Java's SunPKCS11 provider: jarsigner, keytool, apksigner";
    "jenkins" file "Jenkinsfile" JENKINS "Jenkins: Jenkinsfile";
    "jsign" page "jsign.md" BY_JAVA "jsign: the commands for programs, installers, scripts and packages";
    "maven" file "maven-jarsigner.xml" MAVEN "Maven: a plugin for pom.xml";
    "msbuild" ["visual-studio"] file "sign.targets" MSBUILD "Visual Studio, MSBuild: Directory.Build.targets";
    "node" ["pkcs11js"] page "programs.md" PLAIN "Node.js, pkcs11js: the commands";
    "nss" ["certutil" "modutil"] file "nss-pkcs11.txt" NSS "NSS: two lines for pkcs11.txt of a database";
    "openssl" page "openssl.md" PLAIN "openssl: the commands";
    "openssl-engine" file "openssl-engine.cnf" OPENSSL "OpenSSL with libp11's engine: OPENSSL_CONF";
    "openssl-provider" ["pkcs11-provider"] file "openssl-provider.cnf" OPENSSL "OpenSSL 3 with pkcs11-provider: OPENSSL_CONF";
    "osslsigncode" file "osslsigncode.sh" OSSLSIGNCODE "a script that signs Windows programs, installers and scripts";
    "p11-kit" file "p11-kit.module" LINE "p11-kit: /usr/share/p11-kit/modules/stm-pkcs11.module";
    "pdf" ["pyhanko" "pdfsig"] page "pdf.md" PLAIN "pyHanko, pdfsig: the commands";
    "pkcs11-tool" ["opensc"] page "pkcs11-tool.md" PLAIN "pkcs11-tool: the commands";
    "powershell" ["set-authenticodesignature"] file "sign.ps1" POWERSHELL "PowerShell: a script that signs scripts and modules";
    "python" ["python-pkcs11" "pykcs11"] page "python.md" PLAIN "Python: the commands";
    "rauc" page "rauc.md" PLAIN "rauc: the commands";
    "settings" ["stm-pkcs11"] file "stm-pkcs11.toml" NONE "the module's own settings: ~/.config/stm-pkcs11/stm-pkcs11.toml";
    "signtool" file "signtool.cmd" SIGNTOOL "a script for Windows that signs programs, installers and scripts";
    "ssh" ["openssh"] file "ssh_config" SSH "OpenSSH: ~/.ssh/config";
    "uefi" ["sbsign" "pesign"] page "uefi.md" PLAIN "sbsign, pesign: the commands";
};

impl Client {
    /// The client with this name or alternative name.
    pub fn named(name: &str) -> Option<&'static Client> {
        CLIENTS.iter().find(|client| client.name == name || client.others.contains(&name))
    }

    pub fn value(&self) -> clap::builder::PossibleValue {
        clap::builder::PossibleValue::new(self.name).aliases(self.others)
    }

    /// Whether its template contains an alias.
    pub fn has_alias(&self) -> bool {
        match self.text {
            Text::File(_, blanks) => blanks.iter().any(|blank| blank.value != Value::Module),
            Text::Page(..) => true,
        }
    }

    /// Whether its template contains the path of the module, and of the Windows module.
    pub fn has_module(&self) -> (bool, bool) {
        match self.text {
            Text::File(text, _) => (text.contains(INSTALLED), text.contains(INSTALLED_DLL)),
            Text::Page(..) => (true, false),
        }
    }

    /// The text with all blanks filled in.
    pub fn fill(&self, values: &Values<'_>) -> Result<String, Refusal> {
        match self.text {
            Text::File(text, blanks) => filled(text, blanks, values),
            Text::Page(page, languages) => page::commands(self.name, page, values, languages),
        }
    }
}

/// Replaces Debian's library directory with that of this machine's architecture.
pub fn native(text: &str) -> String {
    text.replace("/x86_64-linux-gnu/", &format!("/{}-linux-gnu/", std::env::consts::ARCH))
}

/// In one pass, so that no value is searched for blanks. If several blanks match, the first one counts.
fn filled(text: &str, blanks: &[Blank], values: &Values<'_>) -> Result<String, Refusal> {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let next = blanks.iter().filter_map(|blank| Some((rest.find(blank.text)?, blank))).min_by_key(|(at, _)| *at);
        let Some((at, blank)) = next else { break };
        written.push_str(&native(&rest[..at]));
        rest = &rest[at + blank.text.len()..];
        match blank.value(values) {
            Some(value) => written.push_str(&Language::nested(blank.languages, &value)?),
            None => written.push_str(blank.text),
        }
    }
    written.push_str(&native(rest));
    Ok(written)
}

impl Blank {
    fn value(&self, values: &Values<'_>) -> Option<String> {
        match self.value {
            Value::Alias => Some(values.alias.to_owned()),
            Value::Uri => Some(language::key_uri(values.alias)),
            Value::FileName => Some(language::file_name(values.alias)),
            Value::Module => values.module.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_file_of_the_folder_is_offered() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
        let there = std::fs::read_dir(folder).expect("config/").flatten();
        let there = there.filter(|entry| entry.file_name() != "README.md").count();
        assert_eq!(there, CLIENTS.iter().filter(|client| matches!(client.text, Text::File(..))).count());
    }

    #[test]
    fn nothing_in_any_file_is_left_to_fill_in() {
        let values = Values { alias: "an-alias", module: Some("/a/module.so") };
        for client in CLIENTS {
            let text = client.fill(&values).expect("plain values fit everywhere");
            let open = text.replace("STM_PKCS11_KEYPAIRS", "").replace("StmKeypair", "");
            for blank in [INSTALLED, INSTALLED_DLL] {
                assert!(!open.contains(blank), "{}: {blank}", client.name);
            }
            if matches!(client.text, Text::File(..)) {
                assert!(!open.contains(ALIAS), "{}", client.name);
            }
            assert_eq!(text.contains("an-alias"), client.has_alias(), "{}", client.name);
            let (module, dll) = client.has_module();
            assert_eq!(text.contains("/a/module.so"), module || dll, "{}", client.name);
        }
    }

    #[test]
    fn each_blank_is_in_its_file() {
        for client in CLIENTS {
            let Text::File(text, blanks) = client.text else { continue };
            for blank in blanks {
                assert!(text.contains(blank.text), "{}: {}", client.name, blank.text);
            }
        }
    }
}
