//! Whole commands of three clients with a cached list, at several distances, with and without the early connection in turns.

use crate::bench::{Bench, with};
use crate::link;
use crate::measure::{Series, ms};
use crate::report::{Row, Target};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ALIAS: &str = "demo-rsa-3072";
/// The lines of the signed file: 4 MB, which takes the clients a moment to hash.
const LINES: usize = 60_000;

/// A client's command, which signs a file in the current folder.
struct Client {
    program: &'static str,
    arguments: fn(&str) -> Vec<String>,
}

const CLIENTS: &[Client] = &[
    Client {
        program: "jarsigner",
        arguments: |_| {
            let java = "-keystore NONE -storetype PKCS11 -storepass none -providerClass sun.security.pkcs11.SunPKCS11 \
                        -providerArg sunpkcs11.cfg -signedjar signed.jar file.jar";
            words(java).chain([ALIAS.to_owned()]).collect()
        },
    },
    Client {
        program: "osslsigncode",
        arguments: |module| {
            let sign = format!(
                "sign -h sha256 -pkcs11module {module} -certs certificate.pem -in file.ps1 -out signed.ps1 \
                 -key pkcs11:object={ALIAS};type=private"
            );
            words(&sign).collect()
        },
    },
    Client {
        program: "openssl",
        arguments: |_| {
            let sign = format!(
                "dgst -sha256 -engine pkcs11 -keyform engine -sign pkcs11:object={ALIAS};type=private -out signature file.ps1"
            );
            words(&sign).collect()
        },
    },
];

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_whitespace().map(str::to_owned)
}

/// The files that the clients sign, and their configuration.
fn prepare(folder: &Path, module: &str, certificate: &str) {
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("a file");
    let line = |number| format!("Write-Output \"line {number} of a script that is long enough to be hashed\"\r\n");
    write("file.ps1", &(0..LINES).map(line).collect::<String>());
    write("sunpkcs11.cfg", &format!("name = STM\nlibrary = \"{module}\"\nslotListIndex = 0\n"));
    write(
        "openssl.cnf",
        &format!(
            "openssl_conf = init\n[init]\nengines = engines\n[engines]\npkcs11 = engine\n\
             [engine]\nengine_id = pkcs11\nMODULE_PATH = {module}\ninit = 0\n"
        ),
    );
    let lines: Vec<_> = certificate.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
    write("certificate.pem", &pem);
    let jar = Command::new("jar").args(["--create", "--file", "file.jar", "file.ps1"]).current_dir(folder).status();
    assert!(jar.is_err() || folder.join("file.jar").exists(), "jar makes an archive");
}

/// Runs a client once; returns its milliseconds.
fn took(mut command: Command) -> f64 {
    let begun = Instant::now();
    let output = command.stdin(Stdio::null()).output().expect("a client");
    let took = ms(begun.elapsed());
    let said = [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat();
    assert!(output.status.success(), "{:?}: {said}", command.get_program());
    took
}

/// Reports.
pub fn run(bench: &mut Bench) {
    let service = bench.demo_service(&[]);
    let folder = bench.folder("commands");
    let module = bench.module.display().to_string();
    prepare(&folder, &module, &service.certificate(ALIAS));
    let rounds = bench.rounds(5, 1);
    let distances: &[(u64, &str)] = &[
        (0, "Whole commands with a cached list, 0 ms"),
        (20, "Whole commands with a cached list, behind a link of 20 ms"),
        (100, "Whole commands with a cached list, behind a link of 100 ms"),
    ];
    for (distance, name) in &distances[..bench.rounds(3, 1)] {
        bench.report.section(name);
        let mut settings = service.settings();
        if *distance > 0 {
            let near = link::open(service.address, Duration::from_millis(*distance));
            settings = with(&settings, &[("SM_HOST", &format!("https://{near}"))]);
        }
        for client in CLIENTS {
            if !super::is_installed(client.program) {
                bench.report.remark(format!("{} is not installed.", client.program));
                continue;
            }
            let run = |early: &str| {
                let settings = with(&settings, &[("STM_PKCS11_EARLY_CONNECT", early)]);
                let mut command = bench.host(OsStr::new(client.program), &folder, &settings);
                command.args((client.arguments)(&module)).current_dir(&folder).env("OPENSSL_CONF", "openssl.cnf");
                let _ = fs::remove_file(folder.join("signed.ps1"));
                took(command)
            };
            // Fills the caches of the list, of the disk and of Java's classes.
            run("on");
            let mut times = [Series::default(), Series::default()];
            let ((), counts) = service.counted(|| {
                for round in 0..rounds {
                    for turn in 0..2 {
                        let place = (round + turn) % 2;
                        times[place].add(run(["on", "off"][place]));
                    }
                }
            });
            let [on, off] = times.map(|series| series.median());
            let report = &mut bench.report;
            let before = "STM_PKCS11_EARLY_CONNECT=off";
            report.add(Row::new(format!("{}, median", client.program), on, "ms").beside(before, off));
            let signatures = Target::Exactly(2 * rounds as u64);
            report.add(Row::count(format!("signatures, {}", client.program), counts.signatures, signatures));
        }
    }
}
