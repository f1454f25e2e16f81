//! The client certificate: PEM in two files, and encrypted keys.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

use cryptoki_sys::*;
use support::template::Attributes;
use support::{Emulator, P11};

service_test!(certificate_and_key_may_be_two_pem_files_in_any_encoding, |emulator: &Emulator| {
    let folder = tempfile::tempdir().expect("a folder");
    let pem = std::fs::read_to_string(emulator.dir.join("client.pem")).expect("client.pem");
    let part = |label: &str| {
        let begins = pem.find(&format!("-----BEGIN {label}")).expect("it is there");
        let ends = begins + pem[begins + 10..].find("-----END").expect("its end") + 10;
        let ends = ends + pem[ends..].find('\n').unwrap_or(pem.len() - ends);
        pem[begins..ends].to_owned()
    };
    let (certificate, key) = (part("CERTIFICATE"), part("PRIVATE KEY"));
    let utf16 = |text: &str| -> Vec<u8> {
        let units: Vec<u16> = format!("\u{feff}{text}").replace('\n', "\r\n").encode_utf16().collect();
        units.iter().flat_map(|unit| unit.to_be_bytes()).collect()
    };
    let (certificate_file, key_file) = (folder.path().join("client.crt"), folder.path().join("client.key"));
    unsafe {
        std::env::set_var("SM_CLIENT_CERT_FILE", &certificate_file);
        std::env::set_var("SM_CLIENT_KEY_FILE", &key_file);
        std::env::remove_var("SM_CLIENT_CERT_PASSWORD");
    }
    let all = [
        (certificate.clone().into_bytes(), key.clone().into_bytes()),
        (utf16(&certificate), utf16(&key)),
        (certificate.clone().into_bytes(), format!("\u{feff}{key}").into_bytes()),
    ];
    for (certificate, key) in &all {
        std::fs::write(&certificate_file, certificate).expect("a file");
        std::fs::write(&key_file, key).expect("a file");
        let p11 = P11::start();
        let session = p11.open(0);
        let private = p11.private_key(session, "demo-ec-p256");
        assert!(p11.sign(session, CKM_ECDSA, private, &[7; 32]).is_ok());
        p11.finish();
    }
    assert_eq!(emulator.signs(), all.len());
    let log = format!("SM_LOG_DIR={};STM_PKCS11_CACHE=off", folder.path().display());
    for (certificate, key, words) in [
        ("not PEM", key.as_str(), "SM_CLIENT_KEY_FILE is set, but SM_CLIENT_CERT_FILE"),
        (certificate.as_str(), "not PEM", "client.key is not PEM"),
    ] {
        std::fs::write(&certificate_file, certificate).expect("a file");
        std::fs::write(&key_file, key).expect("a file");
        let p11 = P11::load();
        p11.begin(&log);
        assert!(p11.try_find(p11.open(0), &Attributes::new().class(CKO_PRIVATE_KEY)).is_err());
        p11.finish();
        let said = std::fs::read_to_string(folder.path().join("smpkcs11.log")).expect("a log");
        assert!(said.contains(words), "{said}");
    }
});

service_test!(the_key_of_a_pem_certificate_may_be_encrypted, |emulator: &Emulator| {
    use base64::Engine;
    use pkcs8::der::Encode;
    use pkcs8::pkcs5::pbes2::Parameters;
    use pkcs8::{EncryptedPrivateKeyInfoOwned, pkcs5};
    use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};

    let folder = tempfile::tempdir().expect("a folder");
    let password = "pass word, ünï";
    let pem = std::fs::read_to_string(emulator.dir.join("client.pem")).expect("client.pem");
    let (certificate, _) = pem.split_once("-----BEGIN PRIVATE KEY").expect("certificates come first");
    let key = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).expect("its key");
    let encrypt = |parameters: Parameters| {
        let encrypted_data = parameters.encrypt(password, key.secret_pkcs8_der()).expect("it encrypts");
        let encrypted_data = pkcs8::der::asn1::OctetString::new(encrypted_data).expect("it is short");
        let encrypted = EncryptedPrivateKeyInfoOwned { encryption_algorithm: parameters.into(), encrypted_data };
        let text = base64::engine::general_purpose::STANDARD.encode(encrypted.to_der().expect("it encodes"));
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
        format!(
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\r\n{}\r\n-----END ENCRYPTED PRIVATE KEY-----\r\n",
            lines.join("\r\n")
        )
    };
    let pbkdf2 = |rounds| Parameters::generate_pbkdf2_sha256_aes256cbc(rounds, &[1; 16], [2; 16]).expect("in range");
    let scrypt = pkcs5::scrypt::Params::new(14, 8, 1).expect("in range");
    let scrypt = Parameters::generate_scrypt_aes256cbc(scrypt, &[3; 16], [4; 16]).expect("in range");
    let (certificate_file, key_file) = (folder.path().join("client.crt"), folder.path().join("client.key"));
    let set = |name: &str, value: &std::ffi::OsStr| unsafe { std::env::set_var(name, value) };
    set("SM_CLIENT_CERT_FILE", certificate_file.as_os_str());
    set("SM_CLIENT_CERT_PASSWORD", password.as_ref());
    let log = folder.path().join("smpkcs11.log");
    let start = || {
        let p11 = P11::load();
        p11.begin(&format!("SM_LOG_DIR={};STM_PKCS11_CACHE=off", folder.path().display()));
        p11
    };
    // In one file, key first or last, and in two.
    let encrypted = [encrypt(pbkdf2(2048)), encrypt(scrypt), encrypt(pbkdf2(600_000))];
    let one_file = [format!("{certificate}{}", encrypted[0]), format!("{}{certificate}", encrypted[1])];
    for content in &one_file {
        std::fs::write(&certificate_file, content).expect("a file");
        let p11 = start();
        let session = p11.open(0);
        let private = p11.private_key(session, "demo-ec-p256");
        assert!(p11.sign(session, CKM_ECDSA, private, &[7; 32]).is_ok());
        p11.finish();
    }
    set("SM_CLIENT_KEY_FILE", key_file.as_os_str());
    std::fs::write(&certificate_file, certificate).expect("a file");
    std::fs::write(&key_file, &encrypted[2]).expect("a file");
    let p11 = start();
    let session = p11.open(0);
    assert!(p11.sign(session, CKM_ECDSA, p11.private_key(session, "demo-ec-p256"), &[7; 32]).is_ok());
    p11.finish();
    assert_eq!(emulator.signs(), 3);
    // What is wrong is said before any request, and names the file with the key.
    emulator.clear();
    let name = format!("SM_CLIENT_KEY_FILE {}", key_file.display());
    let traditional = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMIIB\n";
    for (content, password, words) in [
        (encrypted[0].as_str(), "wrong", format!("wrong password for the key in {name}; check SM_CLIENT_CERT_P")),
        (
            encrypted[0].as_str(),
            "",
            format!("the key in {name} is encrypted, and there is no password; set SM_CLIENT_C"),
        ),
        (
            traditional,
            "any",
            format!(
                "the key in {name} is encrypted in the traditional format (Proc-Type: 4,ENCRYPTED); convert it: openssl pkcs8 -topk8"
            ),
        ),
    ] {
        std::fs::write(&key_file, content).expect("a file");
        match password {
            "" => unsafe { std::env::remove_var("SM_CLIENT_CERT_PASSWORD") },
            some => set("SM_CLIENT_CERT_PASSWORD", some.as_ref()),
        }
        std::fs::remove_file(&log).unwrap_or_default();
        let p11 = start();
        assert!(p11.try_find(p11.open(0), &Attributes::new().class(CKO_PRIVATE_KEY)).is_err());
        p11.finish();
        let said = std::fs::read_to_string(&log).expect("a log");
        assert!(said.contains(&words), "{said}");
    }
    assert!(emulator.requests().is_empty());
    // With a PIN that is the password, a wrong one is a wrong PIN.
    std::fs::write(&key_file, &encrypted[0]).expect("a file");
    set("STM_PKCS11_LOGIN", "password".as_ref());
    let p11 = start();
    let session = p11.open(0);
    for (pin, code) in [("wrong", CKR_PIN_INCORRECT), (password, CKR_OK)] {
        let pin = pin.as_bytes();
        assert_eq!(ck!(p11, C_Login(session, CKU_USER, pin.as_ptr().cast_mut(), pin.len() as CK_ULONG)), code);
    }
    p11.finish();
});
