//! `stm-pkcs11 demo`: from a clone to signed files, in about ten lines that a person can read.

mod cleanup;
pub mod client;
mod emulator;
pub mod pe;
mod products;
mod programs;
mod verify;

use crate::account::describe::pem;
use crate::language::Language;
use crate::print::{self, Failure};
use base64::{Engine, prelude::BASE64_STANDARD};
use cleanup::Cleanup;
use client::Signs;
use emulator::Emulator;
use indicatif::DecimalBytes;
use products::Products;
use programs::{Bench, Key, PROGRAMS};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use stm_pkcs11::plural::counted;

#[derive(clap::Args)]
pub struct Arguments {
    /// Keep the state of the emulator and the signed files in this directory
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Leave the emulator running at the end, until Ctrl-C
    #[arg(long)]
    serve: bool,
    /// Use this module in place of a fresh build
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// Use this emulator in place of a fresh build
    #[arg(long, value_name = "FILE")]
    emulator: Option<PathBuf>,
}

/// The two keypairs that the demo signs with.
const KEYS: [(&str, Signs); 2] = [("demo-rsa-3072", Signs::Sha256RsaPkcs), ("demo-ec-p256", Signs::EcdsaSha256)];

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let cleanup = Cleanup::install();
    let result = tell(arguments, &cleanup);
    cleanup.run();
    result
}

fn tell(arguments: &Arguments, cleanup: &Cleanup) -> Result<(), Failure> {
    let start = Instant::now();
    print::line("stm-pkcs11 demo: real files signed by real tools, with keys that exist only in a remote service");
    let products = products::find(arguments.module.as_deref(), arguments.emulator.as_deref())?;
    let verb = if products.built { "built" } else { "found" };
    say(verb, &format!("the module {} and the emulator of the service", short(&products.module)));

    let place = Place::new(arguments.state.as_deref(), cleanup)?;
    print::note("             starting the service; on its first run it makes ten keypairs ...");
    let emulator = Emulator::start(&products.emulator, &place.path, cleanup)?;
    let kept = if place.temporary { "removed at the end" } else { "kept" };
    say("started", &format!("the service at {}, state in {} ({kept})", emulator.address, place.path.display()));

    let files = place.path.join("files");
    fs::create_dir_all(&files).map_err(|error| cannot_write(&files, error))?;
    let certificates = sign_in_process(&products, &emulator, &files)?;
    let bench = Bench {
        folder: &files,
        module: &products.module,
        settings: &emulator.settings,
        root: &emulator.signing_root(),
        keys: &certificates,
    };
    programs::lay_out(&bench).map_err(|why| cannot_write(&files, why))?;
    try_programs(&bench)?;

    let (requests, signatures) = emulator.bill()?;
    let took = humantime::format_duration(Duration::from_secs(start.elapsed().as_secs()));
    say(
        "billed",
        &format!(
            "{} in {} to the service; {took} in all",
            counted(signatures, "signature"),
            counted(requests, "request")
        ),
    );
    let kept = !place.temporary || arguments.serve;
    let state = if kept { &place.path } else { Path::new("my-service") };
    next_steps(&products.module, &products.emulator, state, arguments.serve).iter().for_each(|line| print::line(line));
    while arguments.serve && cleanup.is_running() {
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// Signs the module's own file with both keys, each in a process of its own with an ordinary environment, and verifies
/// with another implementation. Writes the certificates as PEM and returns where.
fn sign_in_process(products: &Products, emulator: &Emulator, files: &Path) -> Result<Vec<Key>, Failure> {
    let root = root_certificate(&emulator.signing_root())?;
    let data = fs::read(&products.module).map_err(|error| cannot_write(&products.module, error))?;
    let mut written = Vec::new();
    for (alias, signs) in KEYS {
        let signed = sign_through(products, emulator, alias, signs)?;
        let wrong = |why: String| {
            Failure::new(
                format!("verify the signature by \"{alias}\" without the module"),
                why,
                "report this as a defect of the module: it must never return a signature that does not verify",
            )
        };
        let leaf = signed.certificates.first().ok_or_else(|| wrong("the key has no certificate".to_owned()))?;
        verify::signature(leaf, signs, &data, &signed.signature).map_err(wrong)?;
        let name = verify::chain(&signed.certificates, &root).map_err(wrong)?;
        if verify::signature(leaf, signs, &data[1..], &signed.signature).is_ok() {
            return Err(wrong("the same signature verifies over other data".to_owned()));
        }
        say(
            "signed",
            &format!(
                "{} ({}) with {alias}; verified without the module, chain of {} to {name}",
                short(&products.module),
                DecimalBytes(data.len() as u64),
                signed.certificates.len(),
            ),
        );
        let [certificate, issuers] = [".pem", "-issuers.pem"].map(|end| files.join(format!("{alias}{end}")));
        let text: String = signed.certificates[1..].iter().map(|der| pem("CERTIFICATE", der)).collect();
        fs::write(&certificate, pem("CERTIFICATE", leaf)).map_err(|error| cannot_write(&certificate, error))?;
        fs::write(&issuers, text).map_err(|error| cannot_write(&issuers, error))?;
        written.push(Key { alias, certificate, issuers });
    }
    Ok(written)
}

struct Signed {
    signature: Vec<u8>,
    certificates: Vec<Vec<u8>>,
}

/// Runs this program again as the client: a module belongs in a process that was given its settings from the start.
fn sign_through(products: &Products, emulator: &Emulator, alias: &str, signs: Signs) -> Result<Signed, Failure> {
    let what = format!("sign with \"{alias}\" through the module");
    let failed = |why: String| Failure::new(what.clone(), why, "the lines above name the cause and the remedy");
    let mechanism = match signs {
        Signs::Sha256RsaPkcs => "sha256-rsa-pkcs",
        Signs::EcdsaSha256 => "ecdsa-sha256",
    };
    // Where there is one, the link to the running program: the build may have put another file in its place.
    let link = Path::new("/proc/self/exe");
    let program = if link.exists() { Ok(link.to_owned()) } else { std::env::current_exe() };
    let program = program.map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(program);
    Emulator::environment(&emulator.settings, &mut command);
    let output = command
        .arg("sign-through")
        .arg("--module")
        .arg(&products.module)
        .args(["--label", alias, "--mechanism", mechanism])
        .arg(&products.module)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(format!("the client ended with {}", output.status)));
    }
    let answer: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))?;
    let bytes = |value: &serde_json::Value| BASE64_STANDARD.decode(value.as_str().unwrap_or_default());
    let certificates = answer["certificates"].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(Signed {
        signature: bytes(&answer["signature"]).map_err(|error| failed(error.to_string()))?,
        certificates: certificates
            .iter()
            .map(bytes)
            .collect::<Result<_, _>>()
            .map_err(|error| failed(error.to_string()))?,
    })
}

fn try_programs(bench: &Bench) -> Result<(), Failure> {
    let mut absent = Vec::new();
    for program in PROGRAMS {
        if !program.is_present() {
            absent.push(program);
            continue;
        }
        (program.run)(bench).map_err(|why| {
            Failure::new(
                format!("sign and verify with {}", program.name),
                why,
                format!(
                    "the files are in {} when --state names a directory; SM_LOG_LEVEL=DEBUG says more",
                    bench.folder.display()
                ),
            )
        })?;
        say(
            "signed",
            &format!("{} with RSA and EC by {}; verified, and a changed copy refused", program.signs, program.name),
        );
    }
    if !absent.is_empty() {
        let names: Vec<&str> = absent.iter().map(|program| program.name).collect();
        say("not here", &names.join(", "));
        say("to do", &format!("sudo apt-get install {}", packages(absent.iter().map(|program| program.package))));
    }
    Ok(())
}

/// Each package once, on one line.
fn packages<'a>(of_programs: impl Iterator<Item = &'a str>) -> String {
    let all: std::collections::BTreeSet<&str> = of_programs.flat_map(str::split_whitespace).collect();
    all.into_iter().collect::<Vec<_>>().join(" ")
}

/// The commands that a user types next. `state`: the emulator's directory. All paths may have any characters.
fn next_steps(module: &Path, emulator: &Path, state: &Path, serving: bool) -> Vec<String> {
    let module = std::path::absolute(module).unwrap_or_else(|_| module.to_owned());
    let directory = word(&state.display().to_string());
    let mut lines = vec!["next:".to_owned()];
    if !serving {
        // A bare file name would be looked for on the PATH.
        let emulator = std::path::absolute(emulator).unwrap_or_else(|_| emulator.to_owned());
        lines.push(format!("  {} --state {directory} --seed demo &", word(&emulator.display().to_string())));
    }
    let environment = word(&state.join("client.env").display().to_string());
    lines.extend([
        format!("  source {environment}          # four variables; a real account needs the same four"),
        format!("  export PKCS11_MODULE_PATH={}", word(&module.display().to_string())),
        "  openssl dgst -sha256 -engine pkcs11 -keyform engine \\".to_owned(),
        "      -sign 'pkcs11:object=demo-ec-p256;type=private' -out README.sig README.md".to_owned(),
    ]);
    if serving {
        lines.push("the service keeps running; Ctrl-C ends it".to_owned());
    }
    lines
}

/// A word of a shell's command, in quotes only where it needs them.
fn word(text: &str) -> String {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c));
    if plain { text.to_owned() } else { Language::Shell.write(text).unwrap_or_else(|_| text.to_owned()) }
}

/// The emulator's directory: the user's, or a temporary one.
struct Place {
    path: PathBuf,
    temporary: bool,
}

impl Place {
    fn new(named: Option<&Path>, cleanup: &Cleanup) -> Result<Place, Failure> {
        if let Some(path) = named {
            fs::create_dir_all(path).map_err(|error| cannot_write(path, error))?;
            let path = path.canonicalize().map_err(|error| cannot_write(path, error))?;
            return Ok(Place { path, temporary: false });
        }
        let temporary = tempfile::Builder::new()
            .prefix("stm-demo-")
            .tempdir()
            .map_err(|error| cannot_write(&std::env::temp_dir(), error))?;
        let path = temporary.path().to_owned();
        cleanup.remove_folder(temporary);
        Ok(Place { path, temporary: true })
    }
}

fn root_certificate(file: &Path) -> Result<Vec<u8>, Failure> {
    let failed =
        |why: String| Failure::new(format!("read {}", file.display()), why, "start with an empty --state directory");
    let text = fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    BASE64_STANDARD.decode(body).map_err(|error| failed(error.to_string()))
}

fn cannot_write(path: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::new(format!("use {}", path.display()), why, "choose another directory with --state DIR, or make room")
}

/// A path as one would type it from here.
fn short(path: &Path) -> String {
    let here = std::env::current_dir().ok().and_then(|here| here.canonicalize().ok());
    here.and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path).display().to_string()
}

fn say(what: &str, line: &str) {
    print::line(&format!("{what:>10}   {line}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_installed_is_one_command_with_each_package_once() {
        let all = packages(PROGRAMS.iter().map(|program| program.package));
        assert_eq!(all, "default-jdk-headless libengine-pkcs11-openssl opensc openssl osslsigncode");
    }

    #[test]
    fn what_to_type_next_names_paths_that_are_right_wherever_they_are() {
        let steps = next_steps(Path::new("/a b/m.so"), Path::new("/it's/emulator"), Path::new("my-service"), false);
        assert_eq!(steps[1], r"  '/it'\''s/emulator' --state my-service --seed demo &");
        assert!(steps[2].starts_with("  source my-service/client.env "), "{steps:?}");
        assert_eq!(steps[3], "  export PKCS11_MODULE_PATH='/a b/m.so'");
        let here = std::env::current_dir().unwrap().join("m.so");
        let serving = next_steps(Path::new("m.so"), Path::new("e"), Path::new("/s t"), true);
        assert_eq!(serving[1].split("  #").next().unwrap().trim(), "source '/s t/client.env'");
        assert_eq!(serving[2], format!("  export PKCS11_MODULE_PATH={}", word(&here.display().to_string())));
    }
}
