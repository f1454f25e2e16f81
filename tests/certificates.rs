//! Which of a keypair's certificates is shown, and that a certificate is recognised in any encoding of its key.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod front;
mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cryptoki_sys::*;
use front::reply::{Asked, Reply};
use front::{Front, Plan};
use rcgen::{CertificateParams, DnType, Issuer, KeyPair, PublicKeyData, SigningKey};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Mutex;
use support::template::Attributes;
use support::{Emulator, P11};
use x509_parser::asn1_rs::{Any, FromDer};

const KEY: &str = "demo-ec-p256";

/// The service's certificates of [`KEY`], and its public key; each test has a separate process.
static HELD: Mutex<(Vec<Value>, Option<String>)> = Mutex::new((Vec::new(), None));

fn service(asked: &Asked) -> Reply {
    if !(asked.lists_keypairs() || asked.keypair()) {
        return Reply::Forward;
    }
    let (certificates, public_key) = HELD.lock().expect("no panic").clone();
    let change = move |keypair: &mut Value| {
        if keypair["alias"] == KEY {
            keypair["certificates"] = certificates.clone().into();
            keypair["number_of_active_certificates"] = certificates.len().into();
            if let Some(key) = &public_key {
                keypair["public_key"] = key.clone().into();
            }
        }
    };
    Reply::edited(move |body| match body["items"].as_array_mut() {
        Some(items) => items.iter_mut().for_each(&change),
        None => change(body),
    })
}

/// A run of the module with a service that has these certificates.
struct Run {
    p11: P11,
    session: CK_SESSION_HANDLE,
    log: tempfile::TempDir,
}

impl Run {
    fn new(front: &Front, certificates: &[Value], public_key: Option<String>, settings: &str) -> Self {
        *HELD.lock().expect("no panic") = (certificates.to_vec(), public_key);
        front.set(Plan { service: Some(service), ..Plan::FAIR });
        let (p11, log) = (P11::load(), tempfile::tempdir().expect("a folder"));
        let log_dir = log.path().display();
        p11.begin(&format!("SM_HOST={};STM_PKCS11_CACHE=off;SM_LOG_DIR={log_dir};{settings}", front.host));
        let session = p11.open(0);
        Self { p11, session, log }
    }

    fn certificate(&self) -> Option<Vec<u8>> {
        let found = self.p11.find(self.session, &Attributes::new().class(CKO_CERTIFICATE).label(KEY));
        assert!(found.len() < 2, "{found:?}");
        Some(self.p11.attribute(self.session, *found.first()?, CKA_VALUE).expect("a value"))
    }

    fn signs(&self) {
        let private = self.p11.private_key(self.session, KEY);
        let signature = self.p11.sign(self.session, CKM_ECDSA_SHA256, private, b"data").expect("a signature");
        let public = self.p11.public_key(self.session, KEY);
        self.p11.verify(self.session, CKM_ECDSA_SHA256, public, b"data", &signature).expect("it is valid");
    }

    /// Ends it; the lines of these levels.
    fn said(self, levels: &[&str]) -> Vec<String> {
        self.p11.finish();
        lines(self.log.path(), levels)
    }
}

fn lines(log: &Path, levels: &[&str]) -> Vec<String> {
    let text = std::fs::read_to_string(log.join("smpkcs11.log")).unwrap_or_default();
    let of = |line: &&str| levels.iter().any(|level| line.contains(&format!(" {level} ")));
    text.lines().filter(of).map(str::to_owned).collect()
}

/// The SubjectPublicKeyInfo of [`KEY`].
fn spki(front: &Front) -> Vec<u8> {
    front.set(Plan::FAIR);
    let p11 = P11::load();
    p11.begin(&format!("SM_HOST={};STM_PKCS11_CACHE=off", front.host));
    let session = p11.open(0);
    let found = p11.attribute(session, p11.public_key(session, KEY), CKA_PUBLIC_KEY_INFO).expect("its key");
    p11.finish();
    found
}

/// A foreign public key on P-256.
struct Foreign(Vec<u8>);

impl PublicKeyData for Foreign {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

/// A CA for certificates of [`KEY`].
struct Authority(Issuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "an authority");
        Self(Issuer::new(params, KeyPair::generate().expect("a key")))
    }

    /// Valid from the first day of one year to that of another.
    fn issue(&self, spki: &[u8], years: (i32, i32)) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("from {} to {}", years.0, years.1));
        (params.not_before, params.not_after) =
            (rcgen::date_time_ymd(years.0, 1, 1), rcgen::date_time_ymd(years.1, 1, 1));
        let subject = Foreign(spki[spki.len() - 65..].to_vec());
        params.signed_by(&subject, &self.0).expect("a certificate").der().to_vec()
    }

    /// The same certificate, with explicit curve parameters.
    fn with_explicit_curve(&self, certificate: &[u8]) -> Vec<u8> {
        let whole = children(certificate);
        let tbs: Vec<Vec<u8>> = children(&whole[0])
            .into_iter()
            .map(|part| match part.windows(NAMED.len()).any(|window| window == NAMED) {
                true => explicit_spki(&part),
                false => part,
            })
            .collect();
        let tbs = element(0x30, &tbs.concat());
        let signature = self.0.key().sign(&tbs).expect("a signature");
        element(0x30, &[tbs, whole[1].clone(), element(0x03, &[&[0], &signature[..]].concat())].concat())
    }
}

/// `id-ecPublicKey` and the name of P-256.
const NAMED: [u8; 21] = *b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";

/// `openssl ecparam -name prime256v1 -param_enc explicit -outform DER`
const EXPLICIT: &str = "MIH3AgEBMCwGByqGSM49AQECIQD/////AAAAAQAAAAAAAAAAAAAAAP///////////////zBbBCD/////AAAAAQAA\
                        AAAAAAAAAAAAAP///////////////AQgWsY12Ko6k+ez671VdpiGvGUdBrDMU7D2O848PifSYEsDFQDEnTYIhucE\
                        k2pmeOETnSa3gZ9+kARBBGsX0fLhLEJH+Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT+NC4v4af5uO5+tKfA+eFivO\
                        M1drMV7Oy7ZAaDe/UfUCIQD/////AAAAAP//////////vOb6racXnoTzucrC/GMlUQIBAQ==";

fn explicit_spki(spki: &[u8]) -> Vec<u8> {
    let parameters = STANDARD.decode(EXPLICIT).expect("base64");
    let algorithm = element(0x30, &[&NAMED[2..11], &parameters].concat());
    element(0x30, &[algorithm, children(spki)[1].clone()].concat())
}

/// The elements in an element, each whole.
fn children(der: &[u8]) -> Vec<Vec<u8>> {
    let mut content = Any::from_der(der).expect("DER").1.data;
    let mut all = Vec::new();
    while !content.is_empty() {
        let rest = Any::from_der(content).expect("DER").0;
        all.push(content[..content.len() - rest.len()].to_vec());
        content = rest;
    }
    all
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..=0x7f => vec![tag, length as u8],
        0x80..=0xff => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [&head, content].concat()
}

fn record(name: &str, der: &[u8], default: bool, status: &str) -> Value {
    json!({"id": format!("id-of-{name}"), "alias": name, "cert": STANDARD.encode(der), "default_cert": default,
           "certificate_status": status, "chain": []})
}

service_test!(a_certificate_that_writes_out_its_curve_is_of_its_key, |emulator: &Emulator| {
    let front = Front::start(emulator);
    let spki = spki(&front);
    let authority = Authority::new();
    let explicit = authority.with_explicit_curve(&authority.issue(&spki, (2020, 2090)));
    assert!(explicit.len() > 400 && !explicit.windows(21).any(|window| window == NAMED));
    let held = [record("explicit", &explicit, true, "ACTIVE")];
    // The service's public key has a named curve, explicit parameters, or is missing.
    for public_key in [None, Some(STANDARD.encode(explicit_spki(&spki))), Some(String::new())] {
        let run = Run::new(&front, &held, public_key, "");
        assert_eq!(run.certificate().as_deref(), Some(&explicit[..]));
        run.signs();
        let (private, public) = (run.p11.private_key(run.session, KEY), run.p11.public_key(run.session, KEY));
        for key in [private, public] {
            let parameters = run.p11.attribute(run.session, key, CKA_EC_PARAMS).expect("its curve");
            assert_eq!(parameters, NAMED[11..], "clients are told the curve by its name");
        }
        let said = run.said(&["WARN", "ERROR"]);
        assert!(said.is_empty(), "{said:#?}");
    }
    assert_eq!(emulator.signs(), 3);
});

service_test!(an_expired_default_certificate_gives_way_to_a_valid_active_one, |emulator: &Emulator| {
    let front = Front::start(emulator);
    let (spki, authority) = (spki(&front), Authority::new());
    let expired = authority.issue(&spki, (2020, 2021));
    let valid = authority.issue(&spki, (2022, 2090));
    let stranger = authority.issue(&[7; 91], (2022, 2090));
    let default = record("the-old-one", &expired, true, "ACTIVE");
    let run = Run::new(&front, &[default.clone(), record("the-new-one", &valid, false, "ACTIVE")], None, "");
    assert_eq!(run.certificate().as_deref(), Some(&valid[..]));
    assert_eq!(run.certificate().as_deref(), Some(&valid[..]));
    run.signs();
    let said = run.said(&["WARN", "ERROR"]);
    assert_eq!(said.len(), 1, "once: {said:#?}");
    assert!(
        said[0].contains(" WARN ")
            && said[0]
                .contains("the default certificate the-old-one is not valid now, so the module shows the-new-one"),
        "{said:#?}"
    );
    // Certificates that are revoked, not valid yet, or for another key are not chosen.
    for useless in [
        record("revoked", &valid, false, "REVOKED"),
        record("early", &authority.issue(&spki, (2080, 2090)), false, "ACTIVE"),
        record("strange", &stranger, false, "ACTIVE"),
    ] {
        let run = Run::new(&front, &[useless.clone(), default.clone()], None, "");
        assert_eq!(run.certificate().as_deref(), Some(&expired[..]), "{useless}");
        run.p11.finish();
    }
});

service_test!(a_setting_chooses_the_certificate_by_id_or_alias, |emulator: &Emulator| {
    let front = Front::start(emulator);
    let (spki, authority) = (spki(&front), Authority::new());
    let [first, second, ended] = [(2020, 2090), (2021, 2090), (2020, 2021)].map(|years| authority.issue(&spki, years));
    let held = [
        record("first", &first, true, "ACTIVE"),
        record("second, of two", &second, false, "ACTIVE"),
        record("ended", &ended, false, "ACTIVE"),
    ];
    for (setting, shown, words) in [
        ("ID-OF-second\\, of two", &second, None),
        ("second\\, of two", &second, None),
        ("of-nobody,second\\, of two", &second, None),
        ("ended", &ended, Some(" WARN ! is not valid now, and STM_PKCS11_CERTIFICATE names it")),
        (
            "Second",
            &first,
            Some(
                " ERROR !STM_PKCS11_CERTIFICATE (Second) does not name a certificate of keypair demo-ec-p256, so first \
                 (id-of-first) is used; name one of: first (id-of-first), ",
            ),
        ),
    ] {
        let run = Run::new(&front, &held, None, &format!("STM_PKCS11_CERTIFICATE={setting}"));
        let session = run.session;
        // By its alias, like most programs.
        assert!(!run.p11.find(session, &Attributes::new().class(CKO_PRIVATE_KEY).label(KEY)).is_empty());
        assert_eq!(run.certificate().as_deref(), Some(&shown[..]), "{setting}");
        run.signs();
        let said = run.said(&["WARN", "ERROR"]);
        match words.map(|words| words.split_once('!').expect("a level and words")) {
            None => assert!(said.is_empty(), "{setting}: {said:#?}"),
            Some((level, words)) => {
                assert_eq!(said.len(), 1, "{setting}: {said:#?}");
                assert!(said[0].contains(level) && said[0].contains(words), "{setting}: {said:#?}");
            }
        }
    }
    // In a list, each name must match some keypair; keypairs that are not named keep their own certificate.
    let run = Run::new(&front, &held, None, "STM_PKCS11_CERTIFICATE=id-of-second\\, of two,nobodys");
    let all = run.p11.find(run.session, &Attributes::new().class(CKO_CERTIFICATE));
    assert!(all.len() > 4, "{all:?}");
    assert_eq!(run.certificate().as_deref(), Some(&second[..]));
    let said = run.said(&["WARN", "ERROR"]);
    let vain: Vec<&String> = said.iter().filter(|line| line.contains("STM_PKCS11_CERTIFICATE")).collect();
    assert_eq!(vain.len(), 1, "{said:#?}");
    assert!(
        vain[0].contains("STM_PKCS11_CERTIFICATE (nobodys) does not name a certificate of any keypair"),
        "{vain:?}"
    );
});
