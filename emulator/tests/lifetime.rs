//! Starting, stopping and starting again.

mod common;

use common::{Directory, Emulator};
use serde_json::json;
use std::process::Command;

fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_stm-emulator")).args(arguments).output().unwrap();
    (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[test]
fn a_restart_keeps_keys_certificates_credentials_and_signatures() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "full"]);
    assert_eq!(emulator.post("/keypairs", &common::eddsa("mine")).status, 201);
    emulator.sign("mine", "Ed25519", b"x");
    emulator.sign("demo-dynamic", "SHA256WithECDSA", &[1; 32]);
    let seeded = emulator.admin("POST", "/seed", Some(&json!({"keypairs": 5, "prefix": "bulk-"})));
    assert_eq!(seeded.status, 201);
    let picture = |emulator: &Emulator| {
        let mut keypairs = emulator.get("/keypairs?limit=100").json()["items"].as_array().unwrap().clone();
        keypairs.sort_by_key(|keypair| keypair["alias"].to_string());
        let files = ["client.p12", "client.pem", "tls-ca.pem", "signing-root.pem", "other-ca.pem"]
            .map(|name| std::fs::read(emulator.state.join(name)).unwrap());
        let signatures = emulator.admin("GET", "/signatures", None).json();
        (keypairs, files, signatures, emulator.setting("SM_API_KEY"), emulator.setting("SM_CLIENT_CERT_PASSWORD"))
    };
    let before = picture(&emulator);
    assert_eq!(before.0.len(), 22);
    assert_eq!(emulator.end("-TERM"), Some(0));

    let emulator = Emulator::start(&directory, &["--seed", "full"]);
    assert_eq!(picture(&emulator), before);
    assert_eq!(emulator.setting("SM_HOST"), emulator.url);
    emulator.sign("bulk-3", "SHA256WithECDSA", &[1; 32]);
    emulator.sign("demo-slh-dsa", "SLHDSA", b"x");
    let id = before.2[0]["id"].as_str().unwrap();
    assert_eq!(emulator.get(&format!("/signatures/{id}")).json(), before.2[0]);
}

#[test]
fn a_kill_in_the_middle_of_a_line_costs_that_line_alone() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &[]);
    emulator.sign("demo-ec-p256", "SHA256WithECDSA", &[1; 32]);
    assert_eq!(emulator.end("-KILL"), None);
    for file in ["keypairs.jsonl", "signatures.jsonl"] {
        let path = directory.path("state").join(file);
        let mut text = std::fs::read_to_string(&path).unwrap();
        let half = text.lines().next().unwrap()[..40].to_owned();
        text.push_str(&half);
        std::fs::write(&path, text).unwrap();
    }
    let emulator = Emulator::start(&directory, &[]);
    assert_eq!(emulator.get("/keypairs").json()["total"], 9);
    emulator.sign("demo-ec-p256", "SHA256WithECDSA", &[1; 32]);
    assert_eq!(emulator.admin("GET", "/signatures", None).json().as_array().unwrap().len(), 2);
    drop(emulator);
    let emulator = Emulator::start(&directory, &[]);
    assert_eq!(emulator.admin("GET", "/signatures", None).json().as_array().unwrap().len(), 2);
}

#[test]
fn both_signals_end_it_cleanly_even_while_clients_are_connected() {
    for signal in ["-TERM", "-INT"] {
        let directory = Directory::new();
        let emulator = Emulator::start(&directory, &["--seed", "empty"]);
        let address = emulator.url.strip_prefix("https://").unwrap();
        let _idle = std::net::TcpStream::connect(address).unwrap();
        assert_eq!(emulator.end(signal), Some(0), "{signal}");
    }
}

#[test]
fn in_the_background_it_returns_when_it_is_ready_and_says_how_to_stop_it() {
    let directory = Directory::new();
    let state = directory.path("new/state").display().to_string();
    let start = |state: &str| {
        let arguments = ["--state", state, "--seed", "empty", "--background"];
        Command::new(env!("CARGO_BIN_EXE_stm-emulator")).args(arguments).output().unwrap()
    };
    let out = start(&state);
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_else(|| panic!("{text}"));
    let admin = line("ready https://").split_once(" admin ").unwrap().1;
    let pid = line("stop it with: kill ");
    assert_eq!(std::fs::read_to_string(format!("{state}/pid")).unwrap().trim(), pid);
    // It goes on when the process that started it is gone, and its settings are the shell's line.
    let settings = line("settings: ");
    assert!(line("console, for a browser: ").starts_with("http://127.0.0.1:"));
    let ask = format!("{settings} && test \"$STM_EMULATOR_ADMIN\" = {admin} && curl -sSf $STM_EMULATOR_ADMIN/stats");
    let asked = Command::new("sh").arg("-c").arg(ask).output().unwrap();
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));

    // A second one ends with the reason on standard error, and leaves the first alone.
    let second = start(&state);
    assert_eq!(second.status.code(), Some(1));
    let complaint = String::from_utf8(second.stderr).unwrap();
    assert!(
        complaint.starts_with("stm-emulator: ") && complaint.contains("another stm-emulator works in"),
        "{complaint}"
    );
    assert_eq!(std::fs::read_to_string(format!("{state}/pid")).unwrap().trim(), pid);

    assert!(Command::new("kill").arg(pid).status().unwrap().success());
    let patience = std::time::Instant::now();
    while std::fs::exists(format!("{state}/pid")).unwrap() {
        assert!(patience.elapsed().as_secs() < 10, "it does not end");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let third = start(&state);
    assert!(third.status.success());
    let text = String::from_utf8(third.stdout).unwrap();
    let pid = text.lines().find_map(|line| line.strip_prefix("stop it with: kill ")).unwrap();
    assert!(Command::new("kill").arg(pid).status().unwrap().success());
}

#[test]
fn two_emulators_never_share_a_state_directory() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    let (code, complaint) = run(&["--state", emulator.state.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(complaint.contains("another stm-emulator works in this directory"), "{complaint}");
}

#[test]
fn what_cannot_work_is_refused_with_a_line_that_says_so() {
    let directory = Directory::new();
    let state = directory.path("state").display().to_string();
    for (arguments, reason) in [
        (&["--admin", "0.0.0.0:0"][..], "loopback"),
        (&["--page-limit", "0"], "at least 1"),
        (&["--rate-limit", "0"], "at least 1"),
        (&["--seed", "everything"], "possible values: demo, empty, full"),
    ] {
        let (code, complaint) = run(&[&["--state", &state], arguments].concat());
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(complaint.contains(reason), "{complaint}");
    }
    let file = directory.path("file");
    std::fs::write(&file, "").unwrap();
    let (code, complaint) = run(&["--state", file.join("below").to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(complaint.contains("below"), "{complaint}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, complaint) = run(&["--state", &state, "--listen", &address]);
    assert_eq!(code, Some(1));
    assert!(complaint.contains(&format!("--listen {address}")), "{complaint}");
}

#[test]
fn the_help_names_every_option_and_every_file() {
    let out = Command::new(env!("CARGO_BIN_EXE_stm-emulator")).arg("--help").output().unwrap();
    let help = String::from_utf8(out.stdout).unwrap();
    for word in [
        "--state",
        "--listen",
        "--admin",
        "--seed",
        "--page-limit",
        "--rate-limit",
        "--alias-match",
        "--over-limit",
        "--unknown-parameter",
        "--total",
        "--listed-certificates",
        "--no-listed-public-key",
        "--wrapped-answers",
        "--late-records",
        "--asynchronous-signatures",
        "--unknown-path",
        "--require-api-key",
        "--tsa",
        "--background",
        "STM_EMULATOR_TSA",
        "STM_EMULATOR_ADMIN",
        "client.env",
        "client.p12",
        "client.pem",
        "tls-ca.pem",
        "signing-root.pem",
        "ready https://",
    ] {
        assert!(help.contains(word), "{word}");
    }
}
