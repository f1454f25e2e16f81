//! Signing through the built library, checked by implementations that the library does not use.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

use base64::engine::general_purpose::STANDARD;
use cryptoki_sys::*;
use stm_pkcs11::config;
use stm_pkcs11::mechanism::Digest;
use stm_pkcs11::token::{DirectKey, Module, Padding, Template};
use stm_pkcs11::x509::Certificate;
use support::template::Attributes;
use support::{Emulator, P11};

service_test!(a_key_is_found_by_label_and_signs_with_one_list_and_one_post, |emulator: &Emulator| {
    let p11 = P11::start();
    let session = p11.open(0);
    assert_eq!(emulator.requests().len(), 0, "nothing is asked before a search");
    let key = p11.private_key(session, "demo-rsa-2048");
    let signature = p11.sign(session, CKM_SHA256_RSA_PKCS, key, b"data").unwrap();
    assert_eq!(signature.len(), 256);
    let requests = emulator.requests();
    assert_eq!(requests.len(), 2, "{requests:?}");
    assert!(requests[0].path.contains("alias=demo-rsa-2048"), "{requests:?}");
    assert_eq!(emulator.signs(), 1);
    assert_eq!(requests[0].connection, requests[1].connection, "{requests:?}");
    p11.finish();
});

service_test!(all_objects_are_listed_and_every_attribute_reads, |_: &Emulator| {
    let p11 = P11::start();
    for slot in p11.slots() {
        let session = p11.open(slot);
        let mut names = std::collections::HashSet::new();
        let all = p11.find(session, &Attributes::new());
        assert!(all.len() > 10, "slot {slot}: {}", all.len());
        for object in all {
            let name = p11.attribute(session, object, CKA_UNIQUE_ID).unwrap();
            assert!(name.len() > 8 && names.insert(name.clone()), "{}", String::from_utf8_lossy(&name));
            let class = p11.number(session, object, CKA_CLASS);
            if class == CKO_PRIVATE_KEY {
                assert_eq!(p11.attribute(session, object, CKA_SENSITIVE), Ok(vec![1]));
            }
        }
    }
});

/// The module as a library, with settings in the initialise arguments; its log is in this directory.
fn as_library(settings: &str, folder: &std::path::Path, change: impl FnOnce(&mut config::TokenSettings)) -> Module {
    let mut config = config::load(Some(&format!("SM_LOG_DIR={};{settings}", folder.display())));
    stm_pkcs11::log::start(&config.log);
    change(std::sync::Arc::get_mut(&mut config.tokens[0]).expect("it is not shared yet"));
    Module::new(&config)
}

/// The lines of the log at these levels, without the time.
fn logged(folder: &std::path::Path, level: &str) -> Vec<String> {
    let log = std::fs::read_to_string(folder.join("smpkcs11.log")).unwrap_or_default();
    let lines = log.lines().filter_map(|line| line.split_once(&format!(" {level} ")));
    lines.map(|(_, text)| text.trim_start().to_owned()).collect()
}

// The entry points of Windows (signtool, the key storage provider) use these.
service_test!(keys_without_sessions_are_found_by_alias_and_sign_with_every_padding, |emulator: &Emulator| {
    let folder = tempfile::tempdir().expect("a folder");
    let module = as_library("STM_PKCS11_CACHE=off", folder.path(), |_| ());
    let find = |alias: &str| module.key_named(alias, None).unwrap_or_else(|error| panic!("{error}")).expect(alias);
    let rsa = find("demo-rsa-2048");
    assert_eq!(rsa.alias(), "demo-rsa-2048");
    assert_eq!(emulator.requests().len(), 1, "a key that is there is asked for by its name alone");
    let ec = find("demo-ec-p256");
    let modern = find("demo-ed25519");
    assert_eq!(emulator.requests().len(), 3, "one request answers for both slots");
    assert_eq!(modern.alias(), "demo-ed25519");
    for key in [&rsa, &ec] {
        let certificates: Vec<Certificate> =
            key.certificates().iter().map(|der| Certificate::parse(der.to_vec()).expect("a certificate")).collect();
        assert!(key.public_key().is_of(certificates[0].spki()));
        assert!(certificates.len() > 1 && certificates.windows(2).all(|pair| pair[0].issuer() == pair[1].subject()));
    }
    assert!(find("demo-bare").certificates().is_empty());

    emulator.clear();
    let digest = [7; 32];
    for (key, padding, len) in [
        (&rsa, Padding::Pkcs1(Some(Digest::Sha256)), 256),
        (&rsa, Padding::Pkcs1(None), 256),
        (&rsa, Padding::Pss(Digest::Sha256, 32), 256),
        (&ec, Padding::None, 64),
    ] {
        let signature = key.sign(padding, &digest).unwrap_or_else(|error| panic!("{padding:?}: {error}"));
        assert_eq!(signature.len(), len, "{padding:?}");
    }
    assert_eq!(emulator.signs(), 4);
    let error = rsa.sign(Padding::Pkcs1(Some(Digest::Sha256)), &digest[1..]).expect_err("too short");
    assert_eq!((error.rv, &*error.cause), (CKR_DATA_LEN_RANGE, "31 bytes is not the length of a SHA-256 digest"));
    assert_eq!(emulator.signs(), 4);

    emulator.clear();
    assert!(module.key_named("demo-rsa-2049", None).expect("an answer").is_none());
    let said = logged(folder.path(), "ERROR");
    let expected = "there is no keypair 'demo-rsa-2049' that this user may see; did you mean 'demo-rsa-2048'?";
    assert_eq!(said, [expected], "once for both slots, with what is in the list");
    let mut all: Vec<String> = module.keys().expect("a list").iter().map(|key| key.alias().to_owned()).collect();
    all.sort();
    all.dedup();
    assert!(all.len() > 10 && ["demo-ec-p256", "demo-ed25519"].iter().all(|alias| all.iter().any(|one| one == alias)));
    module.finish();
});

service_test!(a_key_without_a_session_is_looked_for_in_the_token_that_is_named_or_in_each, |emulator: &Emulator| {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("settings.toml");
    let variable = |name: &str| std::env::var(name).expect("it is set");
    let token = |name: &str, keypairs: &str| {
        format!(
            "[[token]]\nname = '{name}'\nhost = '{}'\napi_key = '{}'\nclient_cert_file = '{}'\nclient_cert_password = '{}'\n\
             ca_file = '{}'\nkeypairs = ['{keypairs}']\n",
            emulator.host,
            variable("SM_API_KEY"),
            variable("SM_CLIENT_CERT_FILE"),
            variable("SM_CLIENT_CERT_PASSWORD"),
            variable("SM_CA_FILE"),
        )
    };
    std::fs::write(&file, token("first", "demo-rsa-*") + &token("second", "demo-ec-*")).expect("a file");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).expect("its mode");
    let settings = format!("STM_PKCS11_CONFIG={};SM_LOG_OUTPUT=discard", file.display());
    let module = as_library(&settings, folder.path(), |_| ());
    let found = |alias: &str, token: Option<&str>| {
        let key: Option<DirectKey> = module.key_named(alias, token).unwrap_or_else(|error| panic!("{error}"));
        key.map(|key| key.alias().to_owned())
    };
    let (rsa, ec) = ("demo-rsa-2048", "demo-ec-p256");
    for (alias, token, there) in [
        (rsa, None, true),
        (ec, None, true),
        (rsa, Some("first"), true),
        (ec, Some("first"), false),
        (rsa, Some("second"), false),
        (ec, Some("second"), true),
    ] {
        assert_eq!(found(alias, token).is_some(), there, "{alias} {token:?}");
    }
    let error = module.key_named(rsa, Some("third")).err().expect("there is none");
    let cause = "there is no token 'third'; the settings have: first, second";
    assert_eq!((error.rv, &*error.cause), (CKR_TOKEN_NOT_PRESENT, cause));
    module.finish();
});

service_test!(a_list_that_is_old_is_asked_for_again_and_used_where_that_fails, |emulator: &Emulator| {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = "STM_PKCS11_CACHE=off;SM_LOG_LEVEL=WARN;STM_PKCS11_TIMEOUT=2";
    let module = as_library(settings, folder.path(), |token| token.refresh = std::time::Duration::ZERO);
    let handle = module.open_session(0, CKF_SERIAL_SESSION).expect("a session");
    let session = module.session(handle).expect("the session");
    let class = CKO_PRIVATE_KEY.to_ne_bytes();
    let find = || {
        session.find_init(&Template(vec![(CKA_CLASS, &class[..])])).unwrap_or_else(|error| panic!("{error}"));
        let found = session.find(1000).expect("handles");
        session.find_final().expect("a search");
        found
    };
    let all = find();
    assert!(all.len() > 6);
    emulator.clear();
    assert_eq!(find(), all);
    assert_eq!(emulator.requests().len(), 1);
    let key = module.keys().expect("a list").swap_remove(0);
    let item = serde_json::json!({
        "id": "new", "alias": "new", "public_key": base64::Engine::encode(&STANDARD, key.public_key().spki()),
    });
    let list = serde_json::json!({"total": 1, "offset": 0, "limit": 100, "items": [item]});
    emulator.faults(&format!(
        r#"[{{"method": "GET", "path": "/signingmanager/api/v1/keypairs", "status": 200, "times": 1, "body": {list}}}]"#
    ));
    let new = find();
    assert!(new.len() == 1 && !all.contains(&new[0]), "what the service says now: {new:?}");
    assert_eq!(find(), all);
    emulator.faults(r#"[{"method": "GET", "path": "/signingmanager/api/v1/keypairs", "status": 403}]"#);
    assert_eq!(find(), all);
    let said = logged(folder.path(), "WARN");
    let expected = "cannot refresh the list of keypairs, using the cached one: ";
    assert!(said.iter().any(|line| line.starts_with(expected)), "{said:#?}");
    module.finish();
});
