//! Provokes an entry, and returns the module's message, with variable parts replaced.

use super::entry::{Call, Entry};
use crate::ck;
use crate::support::template::Attributes;
use crate::support::{Emulator, P11};
use cryptoki_sys::*;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The only message that the entry is about.
pub fn said(emulator: &Emulator, p11: &P11, entry: &Entry) -> Result<String, String> {
    let keep = tempfile::tempdir().expect("a folder");
    let folder = keep.path();
    for (name, mode, text) in entry.files {
        std::fs::write(folder.join(name), filled(text, emulator, folder)).expect("a file");
        std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(*mode)).expect("its mode");
    }
    emulator.faults(entry.faults);
    begin(p11, emulator, folder, entry.settings);
    let rv = call(p11, entry.call, &folder.join("ledger"));
    p11.finish();
    emulator.faults("[]");
    let log = std::fs::read_to_string(folder.join("smpkcs11.log")).unwrap_or_default();
    // There may be more than one warning, but never more than one error.
    let told =
        |line: &str| line.contains(" ERROR ") || entry.works && line.contains(" WARN ") && line.contains(entry.words);
    // The file has every occurrence of an error; standard error has each error once.
    let text =
        |line: &str| line.split_once(" ERROR ").map(|(_, text)| text.split(" [C_").next().unwrap_or(text).to_owned());
    let mut lines: Vec<&str> = log.lines().filter(|line| told(line)).collect();
    lines.dedup_by(|next, line| text(next).is_some() && text(next) == text(line));
    match lines[..] {
        // For PKCS#11, a search that finds nothing is not an error.
        [line] if line.contains(entry.words) && (rv == CKR_OK) == (entry.works || line.contains(" keypair '")) => {
            Ok(plain(line, emulator, folder))
        }
        _ => Err(format!("{}: {rv:#x}, {lines:#?}", entry.title)),
    }
}

fn begin(p11: &P11, emulator: &Emulator, folder: &Path, own: &[(&str, &str)]) {
    let mut settings = vec![
        ("STM_PKCS11_TIMEOUT".to_owned(), "2".to_owned()),
        ("STM_PKCS11_CACHE".to_owned(), "off".to_owned()),
        ("SM_LOG_LEVEL".to_owned(), "WARN".to_owned()),
        ("SM_LOG_DIR".to_owned(), folder.display().to_string()),
    ];
    for (name, value) in own {
        settings.push(((*name).to_owned(), filled(value, emulator, folder)));
    }
    let text: Vec<String> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
    p11.begin(&text.join(";"));
}

fn filled(text: &str, emulator: &Emulator, folder: &Path) -> String {
    let (state, folder) = (emulator.dir.display().to_string(), folder.display().to_string());
    text.replace("{state}", &state).replace("{folder}", &folder).replace("{host}", &emulator.host)
}

fn call(p11: &P11, call: Call, ledger: &Path) -> CK_RV {
    let session = p11.open_rw(0);
    let find = |attributes: &Attributes| p11.try_find(session, attributes);
    let private = |alias| Attributes::new().class(CKO_PRIVATE_KEY).label(alias);
    let code = |result: Result<(), CK_RV>| result.err().unwrap_or(CKR_OK);
    match call {
        Call::Start => CKR_OK,
        Call::Find(alias) => code(find(&private(alias)).map(drop)),
        Call::FindAmong(alias) => {
            let all = find(&Attributes::new().class(CKO_CERTIFICATE));
            code(all.and_then(|_| find(&private(alias))).map(drop))
        }
        Call::List => code(find(&Attributes::new().class(CKO_CERTIFICATE)).map(drop)),
        Call::Sign(alias) => sign(p11, session, alias),
        Call::SignTwice(alias) => match sign(p11, session, alias) {
            CKR_OK => sign(p11, session, alias),
            rv => rv,
        },
        Call::SpoilBetween(alias) => {
            let rv = sign(p11, session, alias);
            spoil(ledger);
            if rv == CKR_OK { sign(p11, session, alias) } else { rv }
        }
        Call::SpoilDuring(alias) => std::thread::scope(|scope| {
            scope.spawn(|| {
                let begun = || std::fs::read_to_string(ledger).is_ok_and(|text| text.contains(r#""line":"request""#));
                let waited = std::time::Instant::now();
                while !begun() && waited.elapsed().as_secs() < 10 {
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
                spoil(ledger);
            });
            sign(p11, session, alias)
        }),
        Call::Login(pin) => ck!(p11, C_Login(session, CKU_USER, pin.as_ptr().cast_mut(), pin.len() as CK_ULONG)),
        Call::Generate(label) => generate(p11, session, label),
    }
}

fn sign(p11: &P11, session: CK_SESSION_HANDLE, alias: &str) -> CK_RV {
    let found = p11.try_find(session, &Attributes::new().class(CKO_PRIVATE_KEY).label(alias));
    match found.as_deref() {
        Ok([key]) => {
            let mechanism = if alias.contains("rsa") { CKM_SHA256_RSA_PKCS } else { CKM_ECDSA };
            p11.sign(session, mechanism, *key, &[7; 32]).err().unwrap_or(CKR_OK)
        }
        Ok(_) => CKR_OK,
        Err(rv) => *rv,
    }
}

fn spoil(ledger: &Path) {
    std::fs::write(ledger, "my diary\n").expect("a diary");
}

fn generate(p11: &P11, session: CK_SESSION_HANDLE, label: Option<&str>) -> CK_RV {
    let mut mechanism =
        CK_MECHANISM { mechanism: CKM_EC_KEY_PAIR_GEN, pParameter: std::ptr::null_mut(), ulParameterLen: 0 };
    let p256 = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let mut public = Attributes::new().bytes(CKA_EC_PARAMS, &p256);
    let mut private = Attributes::new().flag(CKA_TOKEN, true);
    if let Some(label) = label {
        private = private.label(label);
    }
    let (mut public, mut private) = (public.raw(), private.raw());
    let (mut public_key, mut private_key) = (0, 0);
    let (one, other, count) = (public.as_mut_ptr(), private.as_mut_ptr(), private.len() as CK_ULONG);
    ck!(p11, C_GenerateKeyPair(session, &mut mechanism, one, 1, other, count, &mut public_key, &mut private_key))
}

/// Without the time, and with placeholders for variable parts: addresses, directories, dates, ids.
fn plain(line: &str, emulator: &Emulator, folder: &Path) -> String {
    let text = line.split_once(" WARN ").or_else(|| line.split_once(" ERROR ")).map_or(line, |(_, text)| text);
    let host = emulator.host.trim_start_matches("https://");
    let text = text.trim().replace(&emulator.dir.display().to_string(), "FOLDER");
    let text =
        text.replace(&folder.display().to_string(), "FOLDER").replace(host, "HOST:PORT").replace("127.0.0.1", "HOST");
    // The system's own words differ with its network and its C library (the second is musl's).
    let text = ["Temporary failure in name resolution", "Name does not resolve"]
        .iter()
        .fold(text, |text, words| text.replace(words, "Name or service not known"));
    let home = std::env::var("HOME").expect("a home");
    words(&caller(&text.replace(&home, "~")))
}

/// Without the caller: user and machine, program and its id.
fn caller(text: &str) -> String {
    let caller = stm_pkcs11::ledger::Caller::of_process();
    let text = text.replace(&format!("{}@{}", caller.user, caller.host), "USER@MACHINE");
    text.replace(&caller.process, "PROGRAM").replace(&format!("number {}", std::process::id()), "number PID")
}

/// Ids and dates, wherever they stand.
fn words(text: &str) -> String {
    let is_id = |word: &str| word.len() == 36 && word.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    let is_date = |word: &str| {
        let bytes = word.as_bytes();
        bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-' && bytes[..4].iter().all(u8::is_ascii_digit)
    };
    let mut out = String::new();
    let mut word = String::new();
    for character in text.chars().chain(['\n']) {
        if character.is_ascii_alphanumeric() || character == '-' {
            word.push(character);
            continue;
        }
        out.push_str(if is_id(&word) {
            "ID"
        } else if is_date(&word) {
            "DATE"
        } else {
            &word
        });
        word.clear();
        out.push(character);
    }
    out.trim_end().to_owned()
}
