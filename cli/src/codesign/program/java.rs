//! What Java's programs have in common: they load the module, by a configuration of SunPKCS11, and know a keypair by its alias.

use super::process::{Said, command, run};
use super::{Job, Trust, Unfit, Use};
use crate::codesign::options::Options;
use crate::codesign::signer::Signer;
use crate::language::Language;
use crate::module_file;
use crate::on_path;
use crate::print::Failure;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use stm_pkcs11::config::LedgerSettings;
use stm_pkcs11::ledger::Ledger;

/// Whether the module is there, and the alias can be said to Java.
pub fn can(wanted: &Use<'_>) -> Result<(), Unfit> {
    let module = module(wanted.signer, wanted.options)
        .map_err(|failure| Unfit::new(format!("cannot load the module: {}", failure.why()), failure.remedy()))?;
    library(&module).map_err(|what| {
        Unfit::new(format!("cannot load a module with {what} in its path"), "move it, or name another with --module")
    })?;
    alias(wanted.signer.alias()).map(drop).map_err(|what| {
        Unfit::new(format!("cannot name a keypair with {what} in its alias"), "choose another keypair with --keypair")
    })
}

/// Refuses a description and a URL, for a format that has no field for them.
pub fn without_description(wanted: &Use<'_>) -> Result<(), Unfit> {
    let opus = &wanted.options.opus;
    match opus.description.is_some() || opus.url.is_some() {
        true => Err(Unfit::new("cannot store a description or a URL in the file", "leave out --description and --url")),
        false => Ok(()),
    }
}

/// What `program` says to `words` for help. A failure is that it does not run.
pub fn help(program: &Path, words: &[&str], package: &str) -> Result<String, Unfit> {
    let remedy = || format!("check that {} {} runs, or install {package}", program.display(), words.join(" "));
    match run(command(program, words)) {
        Ok(said) if said.ok => Ok(said.text),
        Ok(said) => Err(Unfit::new(format!("does not run: {}", said.why()), remedy())),
        Err(failure) => Err(Unfit::new(format!("does not run: {}", failure.why()), remedy())),
    }
}

fn module(signer: &Signer, options: &Options) -> Result<PathBuf, Failure> {
    module_file::find(signer.module().or(options.module.as_deref()))
}

/// The alias as Java reads it.
pub fn alias(alias: &str) -> Result<String, String> {
    Language::nested(&[Language::JavaName, Language::JarsignerOperand], alias).map_err(|refusal| refusal.what)
}

fn library(module: &Path) -> Result<String, String> {
    let path = module.to_str().ok_or("bytes that are not UTF-8")?;
    // A backslash has a meaning of its own there.
    let path = if cfg!(windows) { path.replace('\\', "/") } else { path.to_owned() };
    Language::JavaConfig.write(&path).map_err(|refusal| refusal.what)
}

/// The configuration of SunPKCS11, written into the job's directory.
pub fn configuration(job: &Job<'_>) -> Result<PathBuf, Failure> {
    let module = module(job.signer, job.options)?;
    let library = library(&module).map_err(|what| {
        Failure::new(
            "name the module to Java",
            format!("its path has {what}"),
            "move it, or name another with --module",
        )
    })?;
    let path = job.work.join("sunpkcs11.cfg");
    let text = format!("name = STM\nlibrary = {library}\nslotListIndex = {}\n", job.signer.slot());
    fs::write(&path, text)
        .map_err(|error| Failure::new(format!("write {}", path.display()), error, "make room on the disk"))?;
    Ok(path)
}

/// Runs a program that signs by the module; with the ids of the records of what it signed, as the ledger has them.
pub fn run_with_module(job: &Job<'_>, mut command: Command) -> Result<(Said, Vec<String>), Failure> {
    let path = job.signer.ledger_file().cloned().unwrap_or_else(|| {
        let own = job.work.join("ledger");
        command.env("STM_PKCS11_LEDGER", &own);
        own
    });
    let said = {
        let _turn = job.turns.take();
        run(command)?
    };
    let entries = Ledger::new(&LedgerSettings { path: Some(path), budget: Vec::new(), reuse: None }).entries();
    let entries = entries.unwrap_or_default();
    let own = entries.into_iter().filter(|entry| entry.pid == said.pid);
    let records = own.filter_map(|entry| entry.signature_id).collect();
    Ok((said, records))
}

/// A failure that names what was spent before it.
pub fn spent(failure: Failure, records: &[String]) -> Failure {
    match records {
        [] => failure,
        records => failure.after(format!("a signature was spent for it (record {})", records.join(", "))),
    }
}

/// A Java key store with the trust anchors, made by `keytool`, which is beside `program`.
pub fn trust_store(program: &Path, trust: &Trust<'_>) -> Result<PathBuf, Failure> {
    let store = trust.work.join("trust.p12");
    let failed =
        |why: String| Failure::new("make a key store of the trusted roots", why, "check the file of --ca-file");
    let text = fs::read_to_string(trust.anchors).map_err(|error| failed(error.to_string()))?;
    let folder = program.parent().unwrap_or(Path::new("."));
    let keytool = on_path::find_in(folder, "keytool").or_else(|| on_path::find("keytool"));
    let keytool = keytool.ok_or_else(|| failed("keytool is not beside jarsigner".to_owned()))?;
    let end = "-----END CERTIFICATE-----";
    for (number, pem) in text.split_inclusive(end).filter(|part| part.contains(end)).enumerate() {
        let one = trust.work.join("anchor.pem");
        fs::write(&one, pem).map_err(|error| failed(error.to_string()))?;
        let words = ["-importcert", "-noprompt", "-storetype", "PKCS12", "-storepass", "changeit", "-alias"];
        let mut command = command(&keytool, words);
        command.arg(number.to_string()).arg("-file").arg(&one).arg("-keystore").arg(&store);
        let said = run(command)?;
        if !said.ok {
            return Err(failed(said.why()));
        }
    }
    Ok(store)
}
