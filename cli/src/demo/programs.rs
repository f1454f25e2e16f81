//! Client programs that may be installed, and how each of them signs, verifies and refuses.
//!
//! Each knows nothing of the demo but a [`Bench`]: a directory to work in, the module, the settings of the service.

use super::emulator::Emulator;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where a program is tried.
pub struct Bench<'a> {
    /// Directory for files; the programs run in it.
    pub folder: &'a Path,
    pub module: &'a Path,
    /// The environment that the module reads.
    pub settings: &'a BTreeMap<String, String>,
    /// The root certificate (PEM) that signing certificates lead to.
    pub root: &'a Path,
    /// What to sign with: an RSA keypair and an EC one.
    pub keys: &'a [Key],
}

/// A keypair, and its certificates in files.
pub struct Key {
    /// The keypair's alias: label of its objects, alias in a Java key store.
    pub alias: &'static str,
    /// The leaf certificate, in PEM.
    pub certificate: PathBuf,
    /// Its issuers up to the root, in PEM.
    pub issuers: PathBuf,
}

impl Key {
    /// Certificate, issuers and the key's PKCS#11 URI, as a command line requires them.
    fn words(&self) -> (String, String, String) {
        let path = |file: &PathBuf| file.display().to_string();
        (path(&self.certificate), path(&self.issuers), format!("pkcs11:object={};type=private", self.alias))
    }
}

pub struct Program {
    /// Its name, also the command that must be there.
    pub name: &'static str,
    /// The Debian package to install when it is not.
    pub package: &'static str,
    /// What it signs, for the reader.
    pub signs: &'static str,
    /// Whether all its parts are there.
    present: fn() -> bool,
    /// Signs with each key, verifies, and sees a changed file refused; the error says which step went wrong.
    pub run: fn(&Bench) -> Result<(), String>,
}

pub static PROGRAMS: &[Program] = &[
    Program {
        name: "openssl",
        package: "openssl libengine-pkcs11-openssl",
        signs: "a file, and a CMS message",
        present: || runs("openssl", &["engine", "pkcs11"]),
        run: openssl,
    },
    Program {
        name: "osslsigncode",
        package: "osslsigncode libengine-pkcs11-openssl",
        signs: "a Windows program",
        present: || runs("osslsigncode", &["--version"]) && runs("openssl", &["engine", "pkcs11"]),
        run: osslsigncode,
    },
    Program {
        name: "jarsigner",
        package: "default-jdk-headless",
        signs: "a Java archive",
        present: || on_path("jarsigner") && on_path("keytool") && on_path("jar"),
        run: jarsigner,
    },
    Program {
        name: "pkcs11-tool",
        package: "opensc",
        signs: "a file",
        present: || on_path("pkcs11-tool") && on_path("openssl"),
        run: pkcs11_tool,
    },
];

impl Program {
    pub fn is_present(&self) -> bool {
        (self.present)()
    }
}

fn runs(name: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(name);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn on_path(name: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(name).is_file())
}

impl Bench<'_> {
    /// Runs a command line in the directory; its output is shown only when it fails.
    fn run(&self, line: &[&str]) -> Result<(), String> {
        let (status, said) = self.output(line)?;
        if status { Ok(()) } else { Err(format!("`{}` failed:\n{said}", line.join(" "))) }
    }

    /// The same, for a check of a file that was changed: it must fail.
    fn refused(&self, line: &[&str]) -> Result<(), String> {
        let (status, _) = self.output(line)?;
        if status { Err(format!("`{}` accepted a file that was changed", line.join(" "))) } else { Ok(()) }
    }

    fn output(&self, line: &[&str]) -> Result<(bool, String), String> {
        let mut command = Command::new(line[0]);
        Emulator::environment(self.settings, &mut command);
        let output = command
            .args(&line[1..])
            .current_dir(self.folder)
            .env("PKCS11_MODULE_PATH", self.module)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("`{}` did not start: {error}", line[0]))?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&said).trim().to_owned()))
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// A copy of a file with one byte in the middle changed.
    fn changed(&self, name: &str, copy: &str) -> Result<(), String> {
        let mut bytes = std::fs::read(self.folder.join(name)).map_err(|error| format!("{name}: {error}"))?;
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(self.folder.join(copy), bytes).map_err(|error| format!("{copy}: {error}"))
    }
}

const FILE: &str = "report.txt";
const CHANGED: &str = "report-changed.txt";

fn openssl(bench: &Bench) -> Result<(), String> {
    let root = bench.root.display().to_string();
    for key in bench.keys {
        let (certificate, issuers, key) = key.words();
        let engine = ["-engine", "pkcs11", "-keyform", "engine"];

        bench.run(&["openssl", "x509", "-in", &certificate, "-pubkey", "-noout", "-out", "public.pem"])?;
        bench.run(
            &[&["openssl", "dgst", "-sha256"], &engine[..], &["-sign", &key, "-out", "openssl.sig", FILE]].concat(),
        )?;
        bench.run(&["openssl", "dgst", "-sha256", "-verify", "public.pem", "-signature", "openssl.sig", FILE])?;
        bench.refused(&[
            "openssl",
            "dgst",
            "-sha256",
            "-verify",
            "public.pem",
            "-signature",
            "openssl.sig",
            CHANGED,
        ])?;

        let sign = ["openssl", "cms", "-sign", "-binary", "-nosmimecap", "-outform", "DER", "-md", "sha256"];
        let what = ["-in", FILE, "-signer", &certificate, "-certfile", &issuers, "-inkey", &key, "-out", "report.p7s"];
        bench.run(&[&sign, &engine[..], &what].concat())?;
        let verify = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "report.p7s", "-purpose", "any"];
        bench.run(&[&verify[..], &["-CAfile", &root, "-content", FILE, "-out", "/dev/null"]].concat())?;
        bench.refused(&[&verify[..], &["-CAfile", &root, "-content", CHANGED, "-out", "/dev/null"]].concat())?;
    }
    Ok(())
}

fn osslsigncode(bench: &Bench) -> Result<(), String> {
    let root = bench.root.display().to_string();
    let module = bench.module.display().to_string();
    engine_file().ok_or("the engine pkcs11.so was not found in openssl's engine directory")?;
    std::fs::write(bench.folder.join("hello.exe"), super::pe::program()).map_err(|error| error.to_string())?;
    for key in bench.keys {
        let signed = format!("hello-{}.exe", key.alias);
        let (certificate, issuers, key) = key.words();
        let tool = ["osslsigncode", "sign", "-pkcs11module", &module, "-h", "sha256"];
        let what = ["-certs", &certificate, "-ac", &issuers, "-key", &key, "-in", "hello.exe", "-out", &signed];
        bench.run(&[&tool[..], &what].concat())?;
        bench.run(&["osslsigncode", "verify", "-CAfile", &root, "-in", &signed])?;
        // The middle of the file lies in its code, which the signature covers.
        change_code(&bench.folder.join(&signed), &bench.folder.join("hello-changed.exe"))?;
        bench.refused(&["osslsigncode", "verify", "-CAfile", &root, "-in", "hello-changed.exe"])?;
    }
    Ok(())
}

fn change_code(file: &Path, copy: &Path) -> Result<(), String> {
    let mut bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    bytes[0x200] ^= 1;
    std::fs::write(copy, bytes).map_err(|error| error.to_string())
}

/// `ENGINESDIR: "/usr/lib/..."` is what `openssl version -e` says.
fn engine_file() -> Option<String> {
    let output = Command::new("openssl").args(["version", "-e"]).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let folder = said.split('"').nth(1)?;
    ["pkcs11.so", "libpkcs11.so"]
        .iter()
        .map(|name| Path::new(folder).join(name))
        .find(|file| file.is_file())
        .map(|file| file.display().to_string())
}

fn jarsigner(bench: &Bench) -> Result<(), String> {
    let root = bench.root.display().to_string();
    let settings = format!("name = STM\nlibrary = {}\nslotListIndex = 0\n", bench.module.display());
    std::fs::write(bench.folder.join("sunpkcs11.cfg"), settings).map_err(|error| error.to_string())?;
    let (cfg, trust) = (bench.path("sunpkcs11.cfg"), bench.path("trust.p12"));
    let import = ["keytool", "-importcert", "-noprompt", "-alias", "root", "-file", &root];
    bench.run(&[&import[..], &["-keystore", &trust, "-storetype", "PKCS12", "-storepass", "changeit"]].concat())?;
    bench.run(&["jar", "--create", "--file", "hello.jar", FILE])?;
    for Key { alias, .. } in bench.keys {
        let signed = format!("hello-{alias}.jar");
        let store = ["-keystore", "NONE", "-storetype", "PKCS11", "-storepass", "none"];
        let provider = ["-providerClass", "sun.security.pkcs11.SunPKCS11", "-providerArg", &cfg];
        let tool = [&["jarsigner"], &store[..], &provider, &["-signedjar", &signed, "hello.jar", alias]].concat();
        bench.run(&tool)?;
        let trusted = ["-keystore", &trust, "-storepass", "changeit"];
        let (ok, said) = bench.output(&[&["jarsigner", "-verify", "-strict"], &trusted[..], &[&signed]].concat())?;
        // A signature without a time stamp is worth a warning to jarsigner, and -strict makes it a status.
        if !said.contains("jar verified") {
            return Err(format!("`jarsigner -verify` did not accept {signed} (status ok: {ok}):\n{said}"));
        }
        // The manifest holds the digest of every file: another file under the same name must be refused.
        std::fs::copy(bench.folder.join(&signed), bench.folder.join("changed.jar"))
            .map_err(|error| error.to_string())?;
        let other = bench.folder.join("other");
        std::fs::create_dir_all(&other).map_err(|error| error.to_string())?;
        std::fs::write(other.join(FILE), "something else\n").map_err(|error| error.to_string())?;
        bench.run(&["jar", "--update", "--file", "changed.jar", "-C", "other", FILE])?;
        bench.refused(&[
            "jarsigner",
            "-verify",
            "-strict",
            "-keystore",
            &trust,
            "-storepass",
            "changeit",
            "changed.jar",
        ])?;
    }
    Ok(())
}

fn pkcs11_tool(bench: &Bench) -> Result<(), String> {
    let module = bench.module.display().to_string();
    for key @ Key { alias, .. } in bench.keys {
        let (certificate, ..) = key.words();
        let id = object_id(bench, alias)?;
        let (mechanism, format): (_, &[&str]) = if alias.contains("rsa") {
            ("SHA256-RSA-PKCS", &[])
        } else {
            ("ECDSA-SHA256", &["--signature-format", "openssl"])
        };
        let tool = ["pkcs11-tool", "--module", &module, "--sign", "--id", &id, "--mechanism", mechanism];
        bench.run(&[&tool[..], format, &["--input-file", FILE, "--output-file", "tool.sig"]].concat())?;
        bench.run(&["openssl", "x509", "-in", &certificate, "-pubkey", "-noout", "-out", "public.pem"])?;
        bench.run(&["openssl", "dgst", "-sha256", "-verify", "public.pem", "-signature", "tool.sig", FILE])?;
        bench.refused(&["openssl", "dgst", "-sha256", "-verify", "public.pem", "-signature", "tool.sig", CHANGED])?;
    }
    Ok(())
}

/// pkcs11-tool signs by id only; its listing names the id of a label.
fn object_id(bench: &Bench, alias: &str) -> Result<String, String> {
    let module = bench.module.display().to_string();
    let (_, said) = bench.output(&["pkcs11-tool", "--module", &module, "--list-objects", "--type", "privkey"])?;
    id_of(&said, alias).ok_or_else(|| format!("pkcs11-tool does not list \"{alias}\":\n{said}"))
}

fn id_of(listing: &str, alias: &str) -> Option<String> {
    let mut lines = listing.lines().skip_while(|line| line.trim().strip_prefix("label:").map(str::trim) != Some(alias));
    lines.find_map(|line| Some(line.trim().strip_prefix("ID:")?.trim().to_owned()))
}

/// Writes the file that every program signs, and its changed copy.
pub fn lay_out(bench: &Bench) -> Result<(), String> {
    let text = "Released by the demo of stm-pkcs11.\n".repeat(200);
    std::fs::write(bench.folder.join(FILE), text).map_err(|error| error.to_string())?;
    bench.changed(FILE, CHANGED)
}

#[cfg(test)]
mod tests {
    use super::id_of;

    const LISTING: &str = "Private Key Object; RSA\n  label:      one\n  ID:         aa01\n  Usage:      sign\n\
                           Private Key Object; EC\n  label:      two\n  ID:         bb02\n";

    #[test]
    fn the_id_of_a_label_is_the_one_that_follows_it() {
        assert_eq!(id_of(LISTING, "one").as_deref(), Some("aa01"));
        assert_eq!(id_of(LISTING, "two").as_deref(), Some("bb02"));
        assert_eq!(id_of(LISTING, "tw"), None);
    }
}
