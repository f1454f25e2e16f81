//! Generation of keypairs (PKCS#11 3.2, 5.18.2): codes, names and ids.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

use cryptoki_sys::*;
use stm_pkcs11::token::vendor::*;
use support::template::Attributes;
use support::{Emulator, P11};

service_test!(keypairs_are_made_found_at_once_and_sign, |emulator: &Emulator| {
    let p11 = P11::start();
    let p256 = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let ed25519 = [0x06, 0x03, 0x2b, 0x65, 0x70];
    for (slot, label, mechanism, public, sign) in [
        (
            0,
            "new-rsa",
            CKM_RSA_PKCS_KEY_PAIR_GEN,
            Attributes::new().number(CKA_MODULUS_BITS, 2048),
            CKM_SHA256_RSA_PKCS,
        ),
        (0, "new-ec", CKM_EC_KEY_PAIR_GEN, Attributes::new().bytes(CKA_EC_PARAMS, &p256), CKM_ECDSA_SHA256),
        (1, "new-ed", CKM_EC_EDWARDS_KEY_PAIR_GEN, Attributes::new().bytes(CKA_EC_PARAMS, &ed25519), CKM_EDDSA),
        (1, "new-ml", CKM_ML_DSA_KEY_PAIR_GEN, Attributes::new().number(CKA_PARAMETER_SET, 2), CKM_ML_DSA),
    ] {
        let (session, other) = (p11.open_rw(slot), p11.open(slot));
        emulator.clear();
        let private = Attributes::new().label(label).flag(CKA_TOKEN, true).bytes(CKA_STM_KEY_TYPE, b"TEST");
        let (public_key, private_key) = p11.generate(session, mechanism, public, private).expect(label);
        let posts = emulator.requests().iter().filter(|request| request.method == "POST").count();
        assert_eq!(posts, 1, "{label}");
        assert_eq!(p11.attribute(session, private_key, CKA_STM_KEY_TYPE), Ok(b"TEST".to_vec()));
        assert_eq!(p11.attribute(session, private_key, CKA_STM_KEY_STORAGE), Ok(b"HSM".to_vec()));
        emulator.clear();
        assert_eq!(p11.private_key(other, label), private_key, "{label}");
        assert_eq!(emulator.requests().len(), 0, "{label}");
        let signature = p11.sign(session, sign, private_key, b"data").expect(label);
        assert_eq!(p11.verify(other, sign, public_key, b"data", &signature), Ok(()), "{label}");
    }
});

service_test!(generation_answers_the_standards_codes, |emulator: &Emulator| {
    let p11 = P11::start();
    let session = p11.open_rw(0);
    let bits = |bits| Attributes::new().number(CKA_MODULUS_BITS, bits);
    let label = |label: &str| Attributes::new().flag(CKA_TOKEN, true).label(label);
    let rsa = CKM_RSA_PKCS_KEY_PAIR_GEN;
    let allowed = CKM_SHA256_RSA_PKCS_PSS.to_ne_bytes();
    for (mechanism, public, private, rv) in [
        (rsa, bits(2048), Attributes::new().flag(CKA_TOKEN, true), CKR_TEMPLATE_INCOMPLETE),
        (rsa, Attributes::new(), label("x"), CKR_TEMPLATE_INCOMPLETE),
        (rsa, bits(2048), Attributes::new(), CKR_TEMPLATE_INCOMPLETE),
        (rsa, bits(2048), Attributes::new().label("x"), CKR_TEMPLATE_INCOMPLETE),
        (rsa, bits(1024), label("x"), CKR_ATTRIBUTE_VALUE_INVALID),
        (rsa, bits(2048), label("x").bytes(CKA_ID, b"id"), CKR_ATTRIBUTE_VALUE_INVALID),
        (rsa, bits(2048).bytes(CKA_ID, b"one"), label("").bytes(CKA_ID, b"two"), CKR_TEMPLATE_INCONSISTENT),
        (rsa, bits(2048), label("x").bytes(CKA_ALLOWED_MECHANISMS, &allowed), CKR_ATTRIBUTE_VALUE_INVALID),
        (rsa, bits(2048), label("x").flag(CKA_SIGN, false), CKR_TEMPLATE_INCONSISTENT),
        (rsa, bits(2048), label("x").flag(CKA_SIGN, false).flag(CKA_DECRYPT, true), CKR_TEMPLATE_INCONSISTENT),
        (rsa, bits(2048), label("x").flag(CKA_UNWRAP, true), CKR_TEMPLATE_INCONSISTENT),
        (rsa, bits(2048).flag(CKA_ENCRYPT, true), label("x"), CKR_TEMPLATE_INCONSISTENT),
        (rsa, bits(2048).flag(CKA_WRAP, true), label("x"), CKR_TEMPLATE_INCONSISTENT),
        (rsa, bits(2048), label("x").bytes(CKA_SUBJECT, &[0x30, 0]), CKR_ATTRIBUTE_VALUE_INVALID),
        (rsa, bits(2048).flag(CKA_PRIVATE, true), label("x"), CKR_TEMPLATE_INCONSISTENT),
        (rsa, bits(2048), label("x").bytes(CKA_APPLICATION, b"x"), CKR_ATTRIBUTE_TYPE_INVALID),
        (rsa, bits(2048).label("y"), label("x"), CKR_TEMPLATE_INCONSISTENT),
        (rsa, bits(2048), label("x").flag(CKA_EXTRACTABLE, true), CKR_TEMPLATE_INCONSISTENT),
        (rsa, bits(2048), label("x").flag(CKA_TOKEN, false), CKR_TEMPLATE_INCONSISTENT),
        (rsa, bits(2048), label("x").number(CKA_KEY_TYPE, CKK_EC), CKR_TEMPLATE_INCONSISTENT),
        (rsa, bits(2048), label("x").bytes(CKA_LABEL, b"\xff"), CKR_ATTRIBUTE_VALUE_INVALID),
        (rsa, bits(2048), label("demo-rsa-2048"), CKR_ATTRIBUTE_VALUE_INVALID),
        (
            CKM_EC_KEY_PAIR_GEN,
            Attributes::new().bytes(CKA_EC_PARAMS, b"\x06\x01\x00"),
            label("x"),
            CKR_CURVE_NOT_SUPPORTED,
        ),
        (CKM_EC_EDWARDS_KEY_PAIR_GEN, Attributes::new(), label("x"), CKR_MECHANISM_INVALID),
        (CKM_RSA_PKCS, bits(2048), label("x"), CKR_MECHANISM_INVALID),
        (CKM_DES3_KEY_GEN, bits(2048), label("x"), CKR_MECHANISM_INVALID),
    ] {
        assert_eq!(p11.generate(session, mechanism, public, private), Err(rv), "{mechanism:#x}");
    }
    let read_only = p11.open(0);
    assert_eq!(p11.generate(read_only, rsa, bits(2048), label("x")), Err(CKR_SESSION_READ_ONLY));
    // Session objects are allowed in a read-only session: the template is at fault.
    let session_key = Attributes::new().label("x").flag(CKA_TOKEN, false);
    assert_eq!(p11.generate(read_only, rsa, bits(2048), session_key), Err(CKR_TEMPLATE_INCONSISTENT));
    let ephemeral = p11.generate(read_only, rsa, bits(2048), Attributes::new().label("x"));
    assert_eq!(ephemeral, Err(CKR_TEMPLATE_INCOMPLETE));
    let made = emulator.requests().iter().filter(|request| request.method == "POST" && request.status < 300).count();
    assert_eq!(made, 0);
});

service_test!(a_keypair_with_an_id_and_no_label_is_named_after_the_id, |_: &Emulator| {
    let p11 = P11::start();
    let session = p11.open_rw(0);
    let bits = Attributes::new().number(CKA_MODULUS_BITS, 2048).bytes(CKA_ID, &[0x0a, 0xff]);
    // What pkcs11-tool and pkcs11-provider ask for by habit beside it.
    let bits = bits.flag(CKA_ENCRYPT, true).flag(CKA_VERIFY, true).flag(CKA_WRAP, true).flag(CKA_TOKEN, true);
    let private = Attributes::new().flag(CKA_TOKEN, true).flag(CKA_PRIVATE, true).flag(CKA_SENSITIVE, true);
    let private =
        private.flag(CKA_DECRYPT, true).flag(CKA_SIGN, true).flag(CKA_UNWRAP, true).bytes(CKA_ID, &[0x0a, 0xff]);
    let (_, private_key) = p11.generate(session, CKM_RSA_PKCS_KEY_PAIR_GEN, bits, private).expect("a keypair");
    assert_eq!(p11.private_key(session, "key-0aff"), private_key);
    assert_eq!(p11.attribute(session, private_key, CKA_DECRYPT), Ok(vec![0]), "the object shows what the key can do");
    assert_eq!(p11.attribute(session, private_key, CKA_ID), Ok(vec![0x0a, 0xff]));
});

// Knot's `keymgr generate` (GnuTLS) creates a key with a random id of 20 bytes, and finds it by that alone from then on. SunPKCS11
// does so where its configuration has an `attributes` section.
service_test!(
    a_keypair_with_an_id_and_no_label_is_found_by_its_id,
    [("STM_PKCS11_CACHE", "off")],
    [],
    |emulator: &Emulator| {
        let p256 = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
        let ids = [(1..=20).collect::<Vec<u8>>(), vec![0xab; 16], vec![9], (0..64).collect()];
        for id in &ids {
            let p11 = P11::start();
            let session = p11.open_rw(0);
            let public = Attributes::new().bytes(CKA_EC_PARAMS, &p256).bytes(CKA_ID, id).flag(CKA_VERIFY, true);
            let public = public.flag(CKA_TOKEN, true).flag(CKA_PRIVATE, false);
            let private = Attributes::new().bytes(CKA_ID, id).flag(CKA_SIGN, true).flag(CKA_TOKEN, true);
            let private = private.flag(CKA_PRIVATE, true).flag(CKA_SENSITIVE, true);
            let (public_key, private_key) =
                p11.generate(session, CKM_EC_KEY_PAIR_GEN, public, private).expect("a keypair");
            for (key, class) in [(public_key, CKO_PUBLIC_KEY), (private_key, CKO_PRIVATE_KEY)] {
                assert_eq!(p11.attribute(session, key, CKA_ID).as_ref(), Ok(id));
                assert_eq!(p11.find(session, &Attributes::new().class(class).bytes(CKA_ID, id)), [key]);
            }
            p11.finish();
            // So does a process that knows nothing yet.
            emulator.clear();
            let p11 = P11::start();
            let session = p11.open(0);
            let found = p11.find(session, &Attributes::new().class(CKO_PRIVATE_KEY).bytes(CKA_ID, id));
            assert_eq!(found.len(), 1, "{id:x?}");
            assert!(p11.sign(session, CKM_ECDSA, found[0], &[7; 32]).is_ok());
            // 16 bytes may be the service's own id, which is asked for first.
            let most = if id.len() == 16 { 4 } else { 2 };
            assert!(emulator.requests().len() <= most, "{id:x?}: {:#?}", emulator.requests());
            p11.finish();
        }
        // An id that no keypair has costs one small request, and that of an issuer's certificate none.
        let p11 = P11::start();
        let session = p11.open(0);
        let leaf = p11.object(session, CKO_CERTIFICATE, "demo-rsa-2048");
        let issuer = p11.attribute(session, leaf, CKA_ISSUER).expect("its issuer");
        let above = p11.find(session, &Attributes::new().class(CKO_CERTIFICATE).bytes(CKA_SUBJECT, &issuer));
        let id = p11.attribute(session, above[0], CKA_ID).expect("its id");
        emulator.clear();
        assert!(p11.find(session, &Attributes::new().class(CKO_PRIVATE_KEY).bytes(CKA_ID, &id)).is_empty());
        assert_eq!(emulator.requests().len(), 0);
        p11.finish();
    }
);

service_test!(
    an_id_beside_the_label_is_ignored_where_the_setting_says_so,
    [("STM_PKCS11_KEY_ID", "ignore"), ("STM_PKCS11_KEY_PREFIX", "release-")],
    [],
    |_: &Emulator| {
        let p11 = P11::start();
        let session = p11.open_rw(0);
        let rsa = CKM_RSA_PKCS_KEY_PAIR_GEN;
        let public = || Attributes::new().number(CKA_MODULUS_BITS, 2048).bytes(CKA_ID, &[1]);
        let private = || Attributes::new().flag(CKA_TOKEN, true).bytes(CKA_ID, &[1]);
        let (_, named) = p11.generate(session, rsa, public(), private().label("named")).expect("a keypair");
        assert_eq!(p11.private_key(session, "named"), named);
        let (_, unnamed) = p11.generate(session, rsa, public(), private()).expect("a keypair");
        assert_eq!(p11.private_key(session, "release-01"), unnamed);
    }
);
