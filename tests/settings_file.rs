//! The settings file: several accounts, secrets by reference, and mistakes that name their line.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

use cryptoki_sys::*;
use std::path::Path;
use support::template::Attributes;
use support::{Emulator, P11};

/// Initialises with a settings file that is named in the initialise arguments.
fn start(file: &Path, more: &str) -> P11 {
    let p11 = P11::load();
    p11.begin(&format!("STM_PKCS11_CONFIG={};{more}", file.display()));
    p11
}

fn write(folder: &Path, text: &str) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("settings.toml");
    std::fs::write(&path, text).expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    path
}

fn variable(name: &str) -> String {
    std::env::var(name).expect("it is set")
}

/// Takes the account's variables out of the environment; their values.
fn without_environment() -> [String; 5] {
    let names = ["SM_HOST", "SM_API_KEY", "SM_CLIENT_CERT_FILE", "SM_CLIENT_CERT_PASSWORD", "SM_CA_FILE"];
    names.map(|name| {
        let value = variable(name);
        unsafe { std::env::remove_var(name) };
        value
    })
}

fn label(p11: &P11, slot: CK_SLOT_ID) -> String {
    let mut info = CK_TOKEN_INFO::default();
    assert_eq!(ck!(p11, C_GetTokenInfo(slot, &mut info)), CKR_OK);
    String::from_utf8_lossy(&info.label).trim_end().to_owned()
}

service_test!(two_tokens_have_slots_credentials_and_keypairs_of_their_own, |emulator: &Emulator| {
    let other = Emulator::start(&[]);
    let settings: std::collections::HashMap<String, String> = other.variables().into_iter().collect();
    let folder = tempfile::tempdir().expect("a folder");
    let [host, key, certificate, password, ca] = without_environment();
    std::fs::write(folder.path().join("api-key"), format!("{key}\n")).expect("a file");
    // One's secrets come from a variable and a file, the other's from a program and the file itself.
    unsafe { std::env::set_var("ONES_PASSWORD", &password) };
    let file = write(
        folder.path(),
        &format!(
            "[[token]]\nname = 'one'\nhost = '{host}'\napi_key = 'file:api-key'\nclient_cert_file = '{certificate}'\n\
             client_cert_password = 'env:ONES_PASSWORD'\nca_file = '{ca}'\nkeypairs = ['demo-ec-*']\nmodern_slot = false\n\
             [[token]]\nname = 'other'\nhost = '{}'\napi_key = 'command:printf {}'\nclient_cert_file = '{}'\n\
             client_cert_password = '{}'\nca_file = '{}'\ncache = 'off'\n",
            other.host,
            settings["SM_API_KEY"],
            settings["SM_CLIENT_CERT_FILE"],
            settings["SM_CLIENT_CERT_PASSWORD"],
            settings["SM_CA_FILE"],
        ),
    );
    // What the environment says of an account reaches none of the two.
    unsafe { std::env::set_var("SM_API_KEY", "an API key that neither service knows") };
    let p11 = start(&file, "");
    let slots = p11.slots();
    assert_eq!(slots.len(), 3, "one slot of the first, two of the second");
    assert_eq!([label(&p11, slots[0]), label(&p11, slots[1])], ["one", "other"]);
    for (slot, emulator) in [(slots[0], emulator), (slots[1], &other)] {
        let session = p11.open(slot);
        let private = p11.private_key(session, "demo-ec-p256");
        assert!(p11.sign(session, CKM_ECDSA, private, &[7; 32]).is_ok());
        assert_eq!(emulator.signs(), 1);
    }
    let rsa = Attributes::new().class(CKO_PRIVATE_KEY).label("demo-rsa-3072");
    assert_eq!(p11.find(p11.open(slots[0]), &rsa).len(), 0, "the first shows EC keypairs only");
    assert_eq!(p11.find(p11.open(slots[1]), &rsa).len(), 1);
    p11.finish();
});

service_test!(with_one_token_the_environment_comes_first_and_the_file_fills_in, |emulator: &Emulator| {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(
        folder.path(),
        "[[token]]\nname = 'filled in'\nhost = 'https://nowhere.invalid'\nkeypairs = 'demo-rsa-*'\n",
    );
    let p11 = start(&file, "");
    assert_eq!(label(&p11, 0), "filled in");
    let session = p11.open(0);
    let keys = p11.find(session, &Attributes::new().class(CKO_PRIVATE_KEY));
    assert!(!keys.is_empty());
    for key in keys {
        let label = p11.attribute(session, key, CKA_LABEL).expect("a label");
        assert!(label.starts_with(b"demo-rsa-"));
    }
    assert!(!emulator.requests().is_empty(), "the host is that of the environment");
    p11.finish();
});

service_test!(the_users_own_file_is_found_without_being_named, |emulator: &Emulator| {
    let folder = Path::new(&variable("HOME")).join(".config").join("stm-pkcs11");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("stm-pkcs11.toml"), "[[token]]\nname = 'mine'\n").expect("a file");
    let p11 = P11::start();
    assert_eq!(label(&p11, 0), "mine");
    p11.finish();
    unsafe { std::env::set_var("STM_PKCS11_CONFIG", "none") };
    let p11 = P11::start();
    assert_eq!(label(&p11, 0), "STM");
    p11.finish();
    assert!(emulator.requests().is_empty());
});

service_test!(a_mistake_in_the_file_stops_everything_with_a_line_that_names_it, |emulator: &Emulator| {
    let folder = tempfile::tempdir().expect("a folder");
    let log = format!("SM_LOG_DIR={}", folder.path().display());
    for (text, words) in [
        ("[[token]]\nnmae = 'x'\n", "line 2 has 'nmae', which is not a key of [[token]]; did you mean 'name'?"),
        ("[[token]\n", "line 1 is not valid TOML"),
        ("[[token]]\ntimeout = 'soon'\n", "STM_PKCS11_TIMEOUT is invalid ('soon', from "),
        ("[[token]]\napi_key = 'env:NOT_SET_ANYWHERE'\n", "the variable NOT_SET_ANYWHERE, which is not set"),
        ("[[token]]\napi_key = 'file:no-such-file'\n", "no-such-file, which cannot be read"),
        ("[[token]]\napi_key = 'command:false'\n", "the command 'false' failed"),
    ] {
        let name = variable("SM_API_KEY");
        unsafe { std::env::remove_var("SM_API_KEY") };
        let file = write(folder.path(), text);
        let p11 = start(&file, &log);
        let session = p11.open(0);
        assert!(p11.try_find(session, &Attributes::new().class(CKO_PRIVATE_KEY)).is_err(), "{text}");
        p11.finish();
        let said = std::fs::read_to_string(folder.path().join("smpkcs11.log")).expect("a log");
        assert!(said.contains(words), "{text}: {said}");
        std::fs::remove_file(folder.path().join("smpkcs11.log")).expect("it is there");
        unsafe { std::env::set_var("SM_API_KEY", name) };
    }
    let p11 = start(&folder.path().join("no-such-file.toml"), &log);
    assert!(p11.try_find(p11.open(0), &Attributes::new().class(CKO_PRIVATE_KEY)).is_err());
    let said = std::fs::read_to_string(folder.path().join("smpkcs11.log")).expect("a log");
    assert!(said.contains("no-such-file.toml, which cannot be read"), "{said}");
    assert!(emulator.requests().is_empty());
});

service_test!(files_that_others_could_have_made_or_changed_set_nothing_and_run_nothing, |emulator: &Emulator| {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let log = format!("SM_LOG_DIR={};SM_API_KEY=", folder.path().join("logs").display());
    let ran = folder.path().join("ran");
    let _ = without_environment();
    let text = format!("[[token]]\nhost = '{}'\napi_key = 'command:touch {}'\n", emulator.host, ran.display());
    let said = |file: &Path| {
        let p11 = start(file, &log);
        assert!(p11.try_find(p11.open(0), &Attributes::new().class(CKO_PRIVATE_KEY)).is_err());
        p11.finish();
        let path = folder.path().join("logs/smpkcs11.log");
        let said = std::fs::read_to_string(&path).expect("a log");
        std::fs::remove_file(path).expect("it is there");
        said
    };
    let file = write(folder.path(), &text);
    for (mode, words) in [(0o620, "mode 0620"), (0o602, "mode 0602"), (0o666, "mode 0666")] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("its mode");
        let said = said(&file);
        assert!(said.contains("is refused (other users can change it (") && said.contains(words), "{said}");
        assert!(said.contains("run: chmod go-w "), "{said}");
    }
    let refused = |file: &Path, kind: &str| {
        let said = said(file);
        assert!(said.contains(&format!("is refused ({kind})")) && said.contains("name a regular file"), "{said}");
    };
    refused(folder.path(), "it is a directory");
    let fifo = folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo").success());
    refused(&fifo, "it is a FIFO");
    assert!(!ran.exists(), "no command ran");
    // The same file, once nobody else can change it, runs its command, which prints nothing.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    assert!(said(&file).contains("the command 'touch' printed nothing"));
    assert!(ran.exists());
});

/// Only root can give files away; src/trusted_file.rs has the rule for all others.
fn is_root(folder: &Path) -> bool {
    std::os::unix::fs::MetadataExt::uid(&folder.metadata().expect("a folder")) == 0
}

service_test!(root_uses_a_credential_of_another_user_and_obeys_no_settings_of_one, |emulator: &Emulator| {
    const OTHER: Option<u32> = Some(65_534);
    let folder = tempfile::tempdir().expect("a folder");
    if !is_root(folder.path()) {
        return;
    }
    let ran = folder.path().join("ran");
    let credential = folder.path().join("client.p12");
    std::fs::copy(emulator.dir.join("client.p12"), &credential).expect("a copy");
    std::os::unix::fs::chown(&credential, OTHER, OTHER).expect("another owner");
    let own = write(folder.path(), "[log]\nlevel = 'TRACE'\n");
    let signs = |file: &Path, more: &str| {
        let p11 = start(file, &format!("SM_CLIENT_CERT_FILE={}{more}", credential.display()));
        let session = p11.open(0);
        let found = p11.try_find(session, &Attributes::new().class(CKO_PRIVATE_KEY).label("demo-ec-p256"));
        let signed = found.and_then(|keys| p11.sign(session, CKM_ECDSA, keys[0], &[7; 32]));
        p11.finish();
        signed.is_ok()
    };
    assert!(signs(&own, ""), "a certificate that is mounted into a container has the owner that it has outside");
    let text = format!("[[token]]\nhost = '{}'\napi_key = 'command:touch {}'\n", emulator.host, ran.display());
    let others = folder.path().join("others");
    std::fs::create_dir(&others).expect("a folder");
    let others = write(&others, &text);
    std::os::unix::fs::chown(&others, OTHER, OTHER).expect("another owner");
    let logs = folder.path().join("logs");
    assert!(!signs(&others, &format!(";SM_LOG_DIR={}", logs.display())));
    let said = std::fs::read_to_string(logs.join("smpkcs11.log")).expect("a log");
    let expected = "is refused (it belongs to user 65534; this process obeys files of root only)";
    assert!(said.contains(expected), "{said}");
    assert!(said.contains("set its values in the environment, copy it, or run: chown 0 /"), "{said}");
    assert!(!ran.exists());
});

service_test!(a_readable_file_with_secrets_is_warned_about_at_the_level_that_nobody_set, |emulator: &Emulator| {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), "[[token]]\nname = 'readable'\n");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("its mode");
    let certificate = folder.path().join("client.p12");
    std::fs::copy(emulator.dir.join("client.p12"), &certificate).expect("a copy");
    std::fs::set_permissions(&certificate, std::fs::Permissions::from_mode(0o644)).expect("its mode");
    // SAFETY: the test is alone in its process.
    unsafe { std::env::remove_var("SM_LOG_LEVEL") };
    let logs = folder.path().join("logs");
    let p11 = start(&file, &format!("SM_LOG_DIR={};SM_CLIENT_CERT_FILE={}", logs.display(), certificate.display()));
    p11.finish();
    let said = std::fs::read_to_string(logs.join("smpkcs11.log")).expect("a log");
    for path in [&file, &certificate] {
        let path = path.display();
        assert!(said.contains(&format!("{path} can be read by other users; run: chmod 600 {path}")), "{said}");
    }
    assert!(!said.contains("C_Initialize"), "the level is the default: {said}");
});

service_test!(a_fifo_in_place_of_the_log_file_keeps_nobody_waiting, |_emulator: &Emulator| {
    let folder = tempfile::tempdir().expect("a folder");
    let fifo = folder.path().join("smpkcs11.log");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo").success());
    let begun = std::time::Instant::now();
    let p11 = P11::load();
    p11.begin(&format!("SM_LOG_DIR={}", folder.path().display()));
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    let session = p11.open(0);
    let key = p11.private_key(session, "demo-ec-p256");
    assert!(p11.sign(session, CKM_ECDSA, key, &[7; 32]).is_ok());
    p11.finish();
});

service_test!(settings_and_properties_may_be_utf16_as_powershell_writes_them, |emulator: &Emulator| {
    let utf16 = |text: &str| -> Vec<u8> {
        let units: Vec<u16> = format!("\u{feff}{text}").encode_utf16().collect();
        units.iter().flat_map(|unit| unit.to_le_bytes()).collect()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let [host, key, certificate, password, ca] = without_environment();
    let file = write(folder.path(), "");
    std::fs::write(&file, utf16("[[token]]\r\nname = 'größe'\r\n")).expect("a file");
    let properties = Path::new(&variable("HOME")).join(".signingmanager");
    std::fs::create_dir_all(&properties).expect("a folder");
    let text = format!(
        "export SM_HOST={host}/signingmanager/api/v1/\r\nSM_API_KEY=\"{key}\"\r\nSM_CLIENT_CERT_FILE={certificate}\r\n\
         SM_CLIENT_CERT_PASSWORD={password}\r\nSM_CA_FILE={ca}\r\n"
    );
    std::fs::write(properties.join("ssm-config.properties"), utf16(&text)).expect("a file");
    let p11 = start(&file, "");
    assert_eq!(label(&p11, 0), "größe");
    let session = p11.open(0);
    let key = p11.private_key(session, "demo-ec-p256");
    assert!(p11.sign(session, CKM_ECDSA, key, &[7; 32]).is_ok());
    assert_eq!(emulator.signs(), 1);
    p11.finish();
});

service_test!(without_a_key_a_refusal_says_that_it_is_not_set, [], ["--require-api-key"], |_emulator: &Emulator| {
    let folder = tempfile::tempdir().expect("a folder");
    unsafe { std::env::remove_var("SM_API_KEY") };
    let p11 = P11::load();
    p11.begin(&format!("SM_LOG_DIR={}", folder.path().display()));
    assert!(p11.try_find(p11.open(0), &Attributes::new().class(CKO_PRIVATE_KEY)).is_err());
    p11.finish();
    let said = std::fs::read_to_string(folder.path().join("smpkcs11.log")).expect("a log");
    assert!(said.contains("HTTP 401") && said.contains("SM_API_KEY is not set"), "{said}");
    assert!(!said.contains("mistyped"), "{said}");
});

service_test!(a_packaged_module_that_nobody_configured_shows_no_token, |emulator: &Emulator| {
    let folder = tempfile::tempdir().expect("a folder");
    let variables = without_environment();
    let begin = || {
        let p11 = P11::load();
        let log = folder.path().display();
        p11.begin(&format!("STM_PKCS11_UNCONFIGURED=no-token;SM_LOG_DIR={log};SM_LOG_LEVEL=INFO"));
        p11
    };
    let p11 = begin();
    assert!(p11.slots().is_empty());
    p11.finish();
    let said = std::fs::read_to_string(folder.path().join("smpkcs11.log")).expect("a log");
    let lines: Vec<&str> =
        said.lines().filter(|line| line.contains("no token is shown: nothing is configured")).collect();
    assert_eq!((lines.len(), said.contains(" WARN ") || said.contains(" ERROR ")), (1, false), "{said}");
    // Any setting brings the token back, and with it the message about what is missing.
    unsafe { std::env::set_var("SM_HOST", &variables[0]) };
    let p11 = begin();
    assert!(!p11.slots().is_empty());
    assert!(p11.try_find(p11.open(0), &Attributes::new().class(CKO_PRIVATE_KEY)).is_err());
    p11.finish();
    assert!(emulator.requests().is_empty());
});

service_test!(an_alias_cannot_write_lines_of_its_own_into_the_log, |_emulator: &Emulator| {
    let folder = tempfile::tempdir().expect("a folder");
    let p11 = P11::load();
    p11.begin(&format!("SM_LOG_DIR={}", folder.path().display()));
    let alias = "evil\n2026-01-01 ERROR forged\u{1b}[2J\u{2028}\u{202e}##vso[task.complete]";
    let wanted = Attributes::new().class(CKO_PRIVATE_KEY).label(alias);
    for _ in 0..3 {
        assert_eq!(p11.try_find(p11.open(0), &wanted), Ok(vec![]));
    }
    p11.finish();
    let said = std::fs::read_to_string(folder.path().join("smpkcs11.log")).expect("a log");
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("forged") && !line.contains(" GET ")).collect();
    let errors = lines.iter().filter(|line| line.contains(" ERROR there is no keypair")).count();
    assert_eq!((errors, lines.len()), (3, 6), "the file has each error, and each search: {said}");
    assert!(
        lines.iter().all(|line| line.contains(r"evil\u{a}2026-01-01 ERROR forged\u{1b}[2J\u{2028}\u{202e}#\u{23}vso[")),
        "{said}"
    );
});

service_test!(the_ledger_its_budget_and_reuse_are_set_in_a_table_of_their_own, |emulator: &Emulator| {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "[ledger]\nfile = 'signatures'\nbudget = '2/day'\nreuse = '1h'\n[[token]]\n";
    let file = write(folder.path(), text);
    let sign = |more: &str, data: &[u8]| {
        let p11 = start(&file, more);
        let session = p11.open(0);
        let key = p11.private_key(session, "demo-rsa-2048");
        let signed = p11.sign(session, CKM_SHA256_RSA_PKCS, key, data);
        p11.finish();
        signed
    };
    let first = sign("", b"one").expect("a signature");
    assert_eq!(sign("", b"one"), Ok(first.clone()), "reused");
    assert!(sign("", b"two").is_ok());
    assert_eq!(sign("", b"three"), Err(CKR_FUNCTION_REJECTED), "two are spent");
    assert_eq!(emulator.signs(), 2);
    // A relative path is beside the settings file.
    let ledger = std::fs::read_to_string(folder.path().join("signatures")).expect("the ledger");
    let lines = |kind: &str| ledger.matches(&format!(r#""line":"{kind}""#)).count();
    assert_eq!([lines("request"), lines("completed"), lines("reused")], [2, 2, 1]);
    // The environment, or here the initialise arguments, go before the file.
    assert!(sign("STM_PKCS11_BUDGET=3/day;STM_PKCS11_REUSE=off", b"one").is_ok());
    assert_eq!(emulator.signs(), 3);
});

service_test!(a_mistake_in_the_table_of_the_ledger_signs_nothing_and_names_its_line, |emulator: &Emulator| {
    let folder = tempfile::tempdir().expect("a folder");
    for (line, words) in [
        ("budget = '2/fortnight'", "use a number of signatures, or a number for a period"),
        ("reuse = 'often'", "use off, or a time of at most 30 days"),
        ("bugdet = '2'", "did you mean 'budget'"),
    ] {
        let file = write(folder.path(), &format!("[ledger]\nfile = 'signatures'\n{line}\n[[token]]\n"));
        let p11 = start(&file, &format!("SM_LOG_DIR={};SM_LOG_FILE_NAME=log", folder.path().display()));
        let session = p11.open(0);
        let wanted = Attributes::new().class(CKO_PRIVATE_KEY).label("demo-rsa-2048");
        assert_eq!(p11.try_find(session, &wanted), Err(CKR_FUNCTION_FAILED), "{line}");
        p11.finish();
        let log = std::fs::read_to_string(folder.path().join("log")).expect("a log");
        let told = log.lines().filter(|told| told.contains(" ERROR ") && told.contains(words));
        assert!(told.clone().count() >= 1 && told.clone().all(|told| told.contains("settings.toml")), "{log}");
        assert_eq!(emulator.requests().len(), 0, "{line}");
        assert!(!folder.path().join("signatures").exists(), "{line}");
    }
});
