//! Runs the module under a fault, and checks the consequences: return code, message, time, requests, signatures.

use super::DIGEST;
use super::fault::{Bound, Call, Fault, Requests, TIMEOUT};
use crate::ck;
use crate::front::{Front, Plan};
use crate::support::template::Attributes;
use crate::support::{Emulator, P11, check};
use cryptoki_sys::*;
use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

const KEY: &str = "demo-ec-p256";

/// After this time, the module asks an account again that refused.
const HELD: Duration = Duration::from_secs(4);

/// Signatures that the application received.
#[derive(Default)]
pub struct Returned {
    pub signatures: Vec<Vec<u8>>,
    /// Signatures that were made, but not returned.
    pub lost: usize,
}

/// Runs rows one after the other, each in a separate run of the module.
pub fn rows(emulator: &Emulator, rows: &[Fault]) {
    let front = Front::start(emulator);
    let p11 = P11::load();
    let mut returned = Returned::default();
    let before = recorded(emulator).len();
    let mut wrong = Vec::new();
    for row in rows {
        if let Err(what) = one(emulator, &front, &p11, row, &mut returned) {
            wrong.push(format!("{} ({:?}): {what}", row.what, row.call));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    agrees(&recorded(emulator)[before..], &returned);
}

/// Every returned signature is in the signature log exactly once, and the log has no others except those known to be
/// lost.
pub fn agrees(recorded: &[(String, Vec<u8>)], returned: &Returned) {
    let ids: HashSet<&String> = recorded.iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), recorded.len());
    let known: HashSet<&Vec<u8>> = recorded.iter().map(|(_, signature)| signature).collect();
    assert!(returned.signatures.iter().all(|signature| known.contains(signature)));
    assert_eq!(recorded.len(), returned.signatures.len() + returned.lost, "none more, none less than was asked for");
}

/// Ids and signatures (`r || s`) in the service's signature log.
pub fn recorded(emulator: &Emulator) -> Vec<(String, Vec<u8>)> {
    use base64::Engine;
    let list: serde_json::Value = serde_json::from_str(&emulator.call("GET", "/signatures", "")).expect("JSON");
    let one = |item: &serde_json::Value| {
        let der = base64::engine::general_purpose::STANDARD.decode(item["signature"].as_str()?).ok()?;
        let raw = p256::ecdsa::Signature::from_der(&der).map_or(der, |signature| signature.to_bytes().to_vec());
        Some((item["id"].as_str()?.to_owned(), raw))
    };
    list.as_array().expect("a list").iter().map(|item| one(item).expect("a record")).collect()
}

/// Begins a run with its own settings, and its log in a directory.
pub fn begin(p11: &P11, front: &Front, emulator: &Emulator, log: &Path, own: &[(&str, &str)]) {
    let mut settings = vec![
        ("SM_HOST".to_owned(), front.host.clone()),
        ("STM_PKCS11_TIMEOUT".to_owned(), TIMEOUT.to_string()),
        ("STM_PKCS11_CACHE".to_owned(), "off".to_owned()),
        ("SM_LOG_LEVEL".to_owned(), "TRACE".to_owned()),
        ("SM_LOG_DIR".to_owned(), log.display().to_string()),
    ];
    for (name, value) in own {
        let state = emulator.dir.display().to_string();
        let value =
            value.replace("{front}", &front.host).replace("{emulator}", &emulator.host).replace("{state}", &state);
        settings.retain(|(known, _)| known != name);
        settings.push(((*name).to_owned(), value));
    }
    let text: Vec<String> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
    p11.begin(&text.join(";"));
}

fn wanted() -> Attributes {
    Attributes::new().class(CKO_PRIVATE_KEY).label(KEY)
}

fn generate(p11: &P11, session: CK_SESSION_HANDLE) -> CK_RV {
    let mut mechanism =
        CK_MECHANISM { mechanism: CKM_EC_KEY_PAIR_GEN, pParameter: std::ptr::null_mut(), ulParameterLen: 0 };
    let p256 = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let (mut public, mut private) =
        (Attributes::new().bytes(CKA_EC_PARAMS, &p256), Attributes::new().label("new").flag(CKA_TOKEN, true));
    let (mut public, mut private) = (public.raw(), private.raw());
    let (mut public_key, mut private_key) = (0, 0);
    let (one, other) = (public.as_mut_ptr(), private.as_mut_ptr());
    ck!(p11, C_GenerateKeyPair(session, &mut mechanism, one, 1, other, 2, &mut public_key, &mut private_key))
}

fn one(emulator: &Emulator, front: &Front, p11: &P11, row: &Fault, returned: &mut Returned) -> Result<(), String> {
    let log = tempfile::tempdir().expect("a folder");
    begin(p11, front, emulator, log.path(), row.settings);
    front.set(Plan::FAIR);
    let session = p11.open_rw(0);
    let result = during(emulator, front, p11, session, row, returned, log.path());
    front.set(Plan::FAIR);
    // A connection that ends while a request is written is another row.
    std::thread::sleep(Duration::from_millis(60));
    let after = if row.passes() { again(p11, session, returned) } else { Ok(()) };
    p11.finish();
    result.and(after)
}

fn during(
    emulator: &Emulator,
    front: &Front,
    p11: &P11,
    session: CK_SESSION_HANDLE,
    row: &Fault,
    returned: &mut Returned,
    log: &Path,
) -> Result<(), String> {
    let key = if row.call == Call::Sign { p11.private_key(session, KEY) } else { 0 };
    if row.plan.greeting != Plan::FAIR.greeting {
        // Faults of connections need a new one.
        front.hang_up(crate::front::HangUp::Fin);
    }
    let made = recorded(emulator).len();
    front.set(row.plan);
    let begun = Instant::now();
    let rv = match row.call {
        Call::Find => p11.try_find(session, &wanted()).err().unwrap_or(CKR_OK),
        Call::List => p11.try_find(session, &Attributes::new().class(CKO_PRIVATE_KEY)).err().unwrap_or(CKR_OK),
        Call::Generate => generate(p11, session),
        Call::Sign => match p11.sign(session, CKM_ECDSA, key, &DIGEST) {
            Ok(signature) => {
                returned.signatures.push(signature);
                CKR_OK
            }
            Err(rv) => rv,
        },
    };
    let took = begun.elapsed();
    let seen = front.seen().len();
    let made = recorded(emulator).len() - made;
    if rv != CKR_OK {
        returned.lost += made;
    }
    let errors = errors(log);
    let code = code(row.call);
    let mut wrong = Vec::new();
    if rv != row.rv {
        wrong.push(format!("{code} returned {rv:#x}, not {:#x}", row.rv));
    }
    let lines_right = match (row.line, errors.as_slice()) {
        ("", []) => true,
        ("", _) | (_, []) => false,
        // If the call succeeds, the message is a warning.
        (words, [line]) => line.contains(words) && (rv == CKR_OK || line.contains(code)),
        _ => false,
    };
    if !lines_right {
        wrong.push(format!("the log does not say '{}' but {errors:#?}", row.line));
    }
    let bound = match row.bound {
        Bound::AtOnce => Duration::from_secs(1),
        Bound::Deadline => Duration::from_secs(row.timeout() + 1),
    };
    if took > bound {
        wrong.push(format!("it took {took:?}"));
    }
    let requests_right = match row.requests {
        Requests::Exactly(number) => seen == number,
        Requests::Several => seen > 1,
        Requests::UpTo(number) => (1..=number).contains(&seen),
    };
    if !requests_right {
        wrong.push(format!("{seen} requests were sent instead of {:?}: {:?}", row.requests, front.seen()));
    }
    if made != row.executed {
        wrong.push(format!("{made} signatures were made instead of {}", row.executed));
    }
    let text = std::fs::read_to_string(log.join("smpkcs11.log")).unwrap_or_default();
    for name in ["SM_API_KEY", "SM_CLIENT_CERT_PASSWORD"] {
        if std::env::var(name).is_ok_and(|secret| text.contains(&secret)) || text.contains("proxy-password") {
            wrong.push(format!("the log shows {name}"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

/// The function that a row's message names.
pub fn code(call: Call) -> &'static str {
    match call {
        Call::Find | Call::List => "[C_FindObjectsInit: CKR_",
        Call::Sign => "[C_Sign: CKR_",
        Call::Generate => "[C_GenerateKeyPair: CKR_",
    }
}

fn errors(log: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(log.join("smpkcs11.log")).unwrap_or_default();
    text.lines().filter(|line| line.contains(" ERROR ")).map(str::to_owned).collect()
}

/// After the fault, the same session finds the key and signs.
fn again(p11: &P11, session: CK_SESSION_HANDLE, returned: &mut Returned) -> Result<(), String> {
    // A refusal of the whole account is remembered for a few seconds.
    let begun = Instant::now();
    let found = loop {
        match p11.try_find(session, &wanted()) {
            Ok(found) => break found,
            Err(rv) if begun.elapsed() > HELD => return Err(format!("afterwards the search fails with {rv:#x}")),
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    };
    let [key] = found[..] else { return Err(format!("afterwards {} keys are found", found.len())) };
    let spki = p11.attribute(session, key, CKA_PUBLIC_KEY_INFO).map_err(|rv| format!("no public key: {rv:#x}"))?;
    let signature = p11.sign(session, CKM_ECDSA, key, &DIGEST);
    let signature = signature.map_err(|rv| format!("afterwards C_Sign fails with {rv:#x}"))?;
    if !check::ecdsa(&spki, &DIGEST, &signature) {
        return Err("afterwards the signature is wrong".into());
    }
    returned.signatures.push(signature);
    Ok(())
}
