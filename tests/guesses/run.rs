//! Puts the module before a service that is otherwise than guessed, and looks at what comes of it.

use super::guess::{Ask, Guess, KEY, Outcome};
use crate::front::{Front, Plan, Seen};
use crate::support::template::Attributes;
use crate::support::{Emulator, P11, check};
use cryptoki_sys::*;
use std::path::Path;

const RSA: &str = "demo-rsa-2048";
const DATA: &[u8] = b"a release";
const DIGEST: [u8; 32] = [7; 32];

/// Runs rows one after the other, each in a run of the module of its own. All requests that were made.
pub fn rows(emulator: &Emulator, rows: &[Guess]) -> Vec<Seen> {
    let front = Front::start(emulator);
    let p11 = P11::load();
    let id = id_of_key(emulator, &front, &p11);
    let (mut wrong, mut seen) = (Vec::new(), Vec::new());
    for row in rows {
        if let Err(what) = one(emulator, &front, &p11, row, &id) {
            wrong.push(format!("{} ({:?}): {what}", row.what, row.ask));
        }
        seen.extend(front.seen());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    seen
}

fn id_of_key(emulator: &Emulator, front: &Front, p11: &P11) -> Vec<u8> {
    let log = tempfile::tempdir().expect("a folder");
    begin(emulator, front, p11, log.path());
    let session = p11.open(0);
    let id = p11.attribute(session, p11.private_key(session, KEY), CKA_ID).expect("its id");
    p11.finish();
    id
}

fn begin(_: &Emulator, front: &Front, p11: &P11, log: &Path) {
    let settings = [
        ("SM_HOST", front.host.clone()),
        ("STM_PKCS11_TIMEOUT", "2".to_owned()),
        ("STM_PKCS11_CACHE", "off".to_owned()),
        ("SM_LOG_LEVEL", "TRACE".to_owned()),
        ("SM_LOG_DIR", log.display().to_string()),
    ];
    let text: Vec<String> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
    p11.begin(&text.join(";"));
}

fn one(emulator: &Emulator, front: &Front, p11: &P11, row: &Guess, id: &[u8]) -> Result<(), String> {
    let log = tempfile::tempdir().expect("a folder");
    begin(emulator, front, p11, log.path());
    front.set(Plan { service: Some(row.service), ..Plan::FAIR });
    let session = p11.open(0);
    let outcome = ask(p11, session, row.ask, id);
    p11.finish();
    let mut wrong = Vec::new();
    match outcome {
        Ok(outcome) if outcome == row.outcome => {}
        Ok(outcome) => wrong.push(format!("{outcome:x?} instead of {:x?}", row.outcome)),
        Err(what) => wrong.push(what),
    }
    let seen = front.seen();
    if seen.len() != row.requests {
        let lines: Vec<&str> = seen.iter().map(|seen| seen.line.as_str()).collect();
        wrong.push(format!("{} requests instead of {}: {lines:#?}", seen.len(), row.requests));
    }
    let text = std::fs::read_to_string(log.path().join("smpkcs11.log")).unwrap_or_default();
    let level = if row.outcome == Outcome::Signs { " WARN " } else { " ERROR " };
    let lines: Vec<&str> = text.lines().filter(|line| line.contains(level)).collect();
    let errors = text.lines().filter(|line| line.contains(" ERROR ")).count();
    let said = lines.iter().filter(|line| line.contains(row.says)).count();
    let right = match (row.outcome, row.says) {
        (Outcome::Signs, "") => errors == 0,
        (Outcome::Signs, _) => errors == 0 && said == 1,
        _ => errors == 1 && said == 1,
    };
    if !right {
        wrong.push(format!("the log does not say '{}' once but {lines:#?}", row.says));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

fn ask(p11: &P11, session: CK_SESSION_HANDLE, ask: Ask, id: &[u8]) -> Result<Outcome, String> {
    let private = || Attributes::new().class(CKO_PRIVATE_KEY);
    let find = |attributes: &Attributes| p11.try_find(session, attributes);
    let labelled = |label: &str| find(&private().label(label));
    let found = match ask {
        Ask::Label | Ask::Twice => labelled(KEY),
        Ask::Rsa => labelled(RSA),
        Ask::Unknown => labelled("release-1"),
        Ask::Id => find(&private().bytes(CKA_ID, id)),
        Ask::List => find(&private()).and_then(|all| named(p11, session, all)),
        Ask::Certificates => find(&Attributes::new().class(CKO_CERTIFICATE)).and_then(|all| {
            let own = named(p11, session, all)?;
            if own.len() == 1 { labelled(KEY) } else { Ok(Vec::new()) }
        }),
    };
    let key = match found.as_deref() {
        Err(rv) => return Ok(Outcome::SearchFails(*rv)),
        Ok([]) => return Ok(Outcome::FindsNothing),
        Ok([key]) => *key,
        Ok(several) => return Err(format!("{} keys are found", several.len())),
    };
    match sign(p11, session, key, ask == Ask::Rsa)? {
        Ok(()) if ask == Ask::Twice => match labelled(KEY).as_deref() {
            Ok([key]) => {
                sign(p11, session, *key, false)?.map_or_else(|rv| Ok(Outcome::SignFails(rv)), |()| Ok(Outcome::Signs))
            }
            other => Err(format!("the second time {other:?} is found")),
        },
        Ok(()) => Ok(Outcome::Signs),
        Err(rv) => Ok(Outcome::SignFails(rv)),
    }
}

/// Those with the key's label.
fn named(
    p11: &P11,
    session: CK_SESSION_HANDLE,
    objects: Vec<CK_OBJECT_HANDLE>,
) -> Result<Vec<CK_OBJECT_HANDLE>, CK_RV> {
    let label = |object: &CK_OBJECT_HANDLE| {
        p11.attribute(session, *object, CKA_LABEL).is_ok_and(|label| label == KEY.as_bytes())
    };
    Ok(objects.into_iter().filter(label).collect())
}

/// Signs, and verifies without the module.
fn sign(p11: &P11, session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE, rsa: bool) -> Result<Result<(), CK_RV>, String> {
    let spki = p11.attribute(session, key, CKA_PUBLIC_KEY_INFO).map_err(|rv| format!("no public key: {rv:#x}"))?;
    let signed = match rsa {
        true => p11.sign(session, CKM_SHA256_RSA_PKCS, key, DATA),
        false => p11.sign(session, CKM_ECDSA, key, &DIGEST),
    };
    let signature = match signed {
        Ok(signature) => signature,
        Err(rv) => return Ok(Err(rv)),
    };
    let good = match rsa {
        true => check::rsa_pkcs1(&spki, &check::Hash::Sha256.digest_info(DATA), &signature),
        false => check::ecdsa(&spki, &DIGEST, &signature),
    };
    if good { Ok(Ok(())) } else { Err("the signature is wrong".into()) }
}
