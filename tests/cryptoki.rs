//! The `cryptoki` crate, the Rust client of the standard, drives the built library.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use support::Emulator;
use support::check::{self, Hash};

const DATA: &[u8] = b"what the client signs";

fn start() -> Pkcs11 {
    let p11 = Pkcs11::new(support::module_path()).expect("the library loads");
    p11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).expect("C_Initialize");
    p11
}

fn find(session: &Session, class: ObjectClass, label: &str) -> ObjectHandle {
    let template = [Attribute::Class(class), Attribute::Label(label.into())];
    let found = session.find_objects(&template).expect("a search");
    assert_eq!(found.len(), 1, "{label}");
    found[0]
}

fn spki(session: &Session, key: ObjectHandle) -> Vec<u8> {
    match session.get_attributes(key, &[AttributeType::PublicKeyInfo]).expect("attributes").pop() {
        Some(Attribute::PublicKeyInfo(spki)) => spki,
        other => panic!("no CKA_PUBLIC_KEY_INFO: {other:?}"),
    }
}

service_test!(the_cryptoki_crate_lists_signs_and_verifies, |emulator: &Emulator| {
    let p11 = start();
    let slots = p11.get_slots_with_token().expect("slots");
    assert_eq!(slots.len(), 2);
    let info = p11.get_token_info(slots[0]).expect("token info");
    assert_eq!((info.label(), info.login_required()), ("STM", false));
    let mechanisms = p11.get_mechanism_list(slots[0]).expect("mechanisms");
    assert!(mechanisms.contains(&MechanismType::SHA256_RSA_PKCS) && mechanisms.contains(&MechanismType::ECDSA));
    let session = p11.open_ro_session(slots[0]).expect("a session");
    session.login(UserType::User, Some(&AuthPin::new("anything".into()))).expect("any PIN will do");

    let private = find(&session, ObjectClass::PRIVATE_KEY, "demo-rsa-2048");
    let public = find(&session, ObjectClass::PUBLIC_KEY, "demo-rsa-2048");
    let attributes = session
        .get_attributes(private, &[AttributeType::KeyType, AttributeType::Sensitive, AttributeType::PrivateExponent])
        .expect("attributes");
    assert_eq!(attributes, [Attribute::KeyType(KeyType::RSA), Attribute::Sensitive(true)]);
    let signature = session.sign(&Mechanism::Sha256RsaPkcs, private, DATA).expect("a signature");
    assert!(check::rsa_pkcs1(&spki(&session, private), &Hash::Sha256.digest_info(DATA), &signature));
    session.verify(&Mechanism::Sha256RsaPkcs, public, DATA, &signature).expect("it verifies");
    let wrong = session.verify(&Mechanism::Sha256RsaPkcs, public, b"other", &signature);
    assert!(matches!(wrong, Err(Error::Pkcs11(RvError::SignatureInvalid, _))), "{wrong:?}");

    let pss = PkcsPssParams { hash_alg: MechanismType::SHA256, mgf: PkcsMgfType::MGF1_SHA256, s_len: 32.into() };
    let signature = session.sign(&Mechanism::Sha256RsaPkcsPss(pss), private, DATA).expect("a PSS signature");
    assert!(check::rsa_pss(&spki(&session, private), Hash::Sha256, DATA, &signature));

    let key = find(&session, ObjectClass::PRIVATE_KEY, "demo-ec-p384");
    session.sign_init(&Mechanism::EcdsaSha384, key).expect("C_SignInit");
    session.sign_update(&DATA[..5]).expect("C_SignUpdate");
    session.sign_update(&DATA[5..]).expect("C_SignUpdate");
    let signature = session.sign_final().expect("C_SignFinal");
    assert!(check::ecdsa(&spki(&session, key), &Hash::Sha384.of(DATA), &signature));

    assert_eq!(session.digest(&Mechanism::Sha512, DATA).expect("a digest"), Hash::Sha512.of(DATA));
    assert_eq!(session.generate_random_vec(16).expect("random").len(), 16);
    assert_eq!(emulator.signs(), 3);

    let modern = p11.open_ro_session(slots[1]).expect("a session");
    let key = find(&modern, ObjectClass::PRIVATE_KEY, "demo-ed25519");
    let pure = cryptoki::mechanism::eddsa::EddsaParams::new(cryptoki::mechanism::eddsa::EddsaSignatureScheme::Pure);
    let signature = modern.sign(&Mechanism::Eddsa(pure), key, DATA).expect("an Ed25519 signature");
    assert!(check::ed25519(&spki(&modern, key), DATA, false, &signature));
});

service_test!(the_cryptoki_crate_makes_keypairs, |_: &Emulator| {
    let p11 = start();
    let slot = p11.get_slots_with_token().expect("slots")[0];
    let session = p11.open_rw_session(slot).expect("a session");
    let public = [Attribute::Token(true), Attribute::ModulusBits(2048.into()), Attribute::Label("crate".into())];
    let private = [Attribute::Token(true), Attribute::Label("crate".into()), Attribute::Sign(true)];
    let (public, private) =
        session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private).expect("a keypair");
    let signature = session.sign(&Mechanism::Sha256RsaPkcs, private, DATA).expect("a signature");
    session.verify(&Mechanism::Sha256RsaPkcs, public, DATA, &signature).expect("it verifies");
});
