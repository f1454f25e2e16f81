//! Objects: what each class shows, searches, session objects (PKCS#11 3.2, chapter 4, 5.7).

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

use cryptoki_sys::*;
use std::ptr::null_mut;
use stm_pkcs11::token::vendor::*;
use support::template::Attributes;
use support::{Emulator, P11};

service_test!(the_three_objects_of_a_keypair_share_label_and_id_and_chain_certificates_stand_once, |_: &Emulator| {
    let p11 = P11::start();
    let session = p11.open(0);
    let key = p11.private_key(session, "demo-rsa-3072");
    let id = p11.attribute(session, key, CKA_ID).unwrap();
    assert_eq!(id.len(), 16);
    let mut classes: Vec<_> = p11
        .find(session, &Attributes::new().bytes(CKA_ID, &id))
        .into_iter()
        .map(|object| (p11.number(session, object, CKA_CLASS), p11.attribute(session, object, CKA_LABEL).unwrap()))
        .collect();
    classes.sort();
    let label = b"demo-rsa-3072".to_vec();
    assert_eq!(classes, [(CKO_CERTIFICATE, label.clone()), (CKO_PUBLIC_KEY, label.clone()), (CKO_PRIVATE_KEY, label)]);
    let certificates = p11.find(session, &Attributes::new().class(CKO_CERTIFICATE));
    let mut values: Vec<_> = certificates.iter().map(|c| p11.attribute(session, *c, CKA_VALUE).unwrap()).collect();
    values.sort();
    values.dedup();
    assert_eq!(values.len(), certificates.len(), "no certificate stands twice");
    let authority =
        |c: &&CK_OBJECT_HANDLE| p11.number(session, **c, CKA_CERTIFICATE_CATEGORY) == CK_CERTIFICATE_CATEGORY_AUTHORITY;
    assert!(certificates.iter().filter(authority).count() >= 2, "an intermediate and a root");
    // The chain walks up by subject, as Java does it, and ends at the root.
    let leaf = p11.object(session, CKO_CERTIFICATE, "demo-rsa-3072");
    assert_eq!(p11.number(session, leaf, CKA_CERTIFICATE_CATEGORY), CK_CERTIFICATE_CATEGORY_TOKEN_USER);
    let mut issuer = p11.attribute(session, leaf, CKA_ISSUER).unwrap();
    let mut steps = 0;
    loop {
        let found = p11.find(session, &Attributes::new().class(CKO_CERTIFICATE).bytes(CKA_SUBJECT, &issuer));
        assert_eq!(found.len(), 1);
        steps += 1;
        let next = p11.attribute(session, found[0], CKA_ISSUER).unwrap();
        if next == issuer {
            break;
        }
        issuer = next;
    }
    assert_eq!(steps, 2);
});

service_test!(each_attribute_answers_for_itself, |_: &Emulator| {
    let p11 = P11::start();
    let session = p11.open(0);
    for (label, sensitive, absent) in
        [("demo-rsa-2048", CKA_PRIVATE_EXPONENT, CKA_EC_POINT), ("demo-ec-p384", CKA_VALUE, CKA_MODULUS)]
    {
        let key = p11.private_key(session, label);
        for (attribute, rv) in [
            (sensitive, CKR_ATTRIBUTE_SENSITIVE),
            (absent, CKR_ATTRIBUTE_TYPE_INVALID),
            (CKA_CERTIFICATE_TYPE, CKR_ATTRIBUTE_TYPE_INVALID),
            (CKA_VENDOR_DEFINED | 0x7777, CKR_ATTRIBUTE_TYPE_INVALID),
        ] {
            assert_eq!(p11.attribute(session, key, attribute), Err(rv), "{label} {attribute:#x}");
        }
        let mut label_room = [0u8; 64];
        let row = |type_, value: *mut u8, len| CK_ATTRIBUTE { type_, pValue: value.cast(), ulValueLen: len };
        let mut template = [
            row(sensitive, null_mut(), 0),
            row(absent, null_mut(), 0),
            row(CKA_LABEL, label_room.as_mut_ptr(), 3),
            row(CKA_LABEL, label_room.as_mut_ptr(), 64),
            row(CKA_ID, null_mut(), 0),
        ];
        let rv = ck!(p11, C_GetAttributeValue(session, key, template.as_mut_ptr(), 5));
        assert_eq!(rv, CKR_ATTRIBUTE_SENSITIVE);
        let lengths: Vec<_> = template.iter().map(|attribute| attribute.ulValueLen).collect();
        let none = CK_UNAVAILABLE_INFORMATION;
        assert_eq!(lengths, [none, none, none, label.len() as CK_ULONG, 16]);
        assert!(label_room.starts_with(label.as_bytes()));
    }
});

// The tables of the standard: storage objects (4.4), keys (4.7 to 4.9), RSA (6.1.2, 6.1.3), EC (6.3.3, 6.3.4), X.509 (4.6.3).
// Of those, only what may be absent or is secret is left out. Two attributes are more than the tables have: clients read the
// size of an RSA key (pkcs11-tool) and the point of an EC key (libp11) from the private half.
service_test!(each_class_has_exactly_the_attributes_of_its_table, |_: &Emulator| {
    const STORAGE: &[CK_ATTRIBUTE_TYPE] = &[
        CKA_CLASS,
        CKA_TOKEN,
        CKA_PRIVATE,
        CKA_LABEL,
        CKA_UNIQUE_ID,
        CKA_MODIFIABLE,
        CKA_COPYABLE,
        CKA_DESTROYABLE,
        CKA_OBJECT_VALIDATION_FLAGS,
    ];
    const KEY: &[CK_ATTRIBUTE_TYPE] = &[
        CKA_KEY_TYPE,
        CKA_ID,
        CKA_START_DATE,
        CKA_END_DATE,
        CKA_DERIVE,
        CKA_LOCAL,
        CKA_KEY_GEN_MECHANISM,
        CKA_ALLOWED_MECHANISMS,
        CKA_SUBJECT,
        CKA_PUBLIC_KEY_INFO,
    ];
    const PUBLIC: &[CK_ATTRIBUTE_TYPE] =
        &[CKA_ENCRYPT, CKA_VERIFY, CKA_VERIFY_RECOVER, CKA_WRAP, CKA_TRUSTED, CKA_ENCAPSULATE];
    const PRIVATE: &[CK_ATTRIBUTE_TYPE] = &[
        CKA_SENSITIVE,
        CKA_DECRYPT,
        CKA_SIGN,
        CKA_SIGN_RECOVER,
        CKA_UNWRAP,
        CKA_EXTRACTABLE,
        CKA_ALWAYS_SENSITIVE,
        CKA_NEVER_EXTRACTABLE,
        CKA_WRAP_WITH_TRUSTED,
        CKA_ALWAYS_AUTHENTICATE,
        CKA_DECAPSULATE,
    ];
    const X509: &[CK_ATTRIBUTE_TYPE] = &[
        CKA_CERTIFICATE_TYPE,
        CKA_TRUSTED,
        CKA_CERTIFICATE_CATEGORY,
        CKA_CHECK_VALUE,
        CKA_START_DATE,
        CKA_END_DATE,
        CKA_PUBLIC_KEY_INFO,
        CKA_SUBJECT,
        CKA_ID,
        CKA_ISSUER,
        CKA_SERIAL_NUMBER,
        CKA_VALUE,
        CKA_URL,
        CKA_HASH_OF_SUBJECT_PUBLIC_KEY,
        CKA_HASH_OF_ISSUER_PUBLIC_KEY,
        CKA_JAVA_MIDP_SECURITY_DOMAIN,
        CKA_NAME_HASH_ALGORITHM,
    ];
    let p11 = P11::start();
    let session = p11.open(0);
    let (rsa, ec) = ("demo-rsa-2048", "demo-ec-p256");
    for (class, label, own) in [
        (CKO_PUBLIC_KEY, rsa, [KEY, PUBLIC, &[CKA_MODULUS, CKA_MODULUS_BITS, CKA_PUBLIC_EXPONENT]]),
        (CKO_PRIVATE_KEY, rsa, [KEY, PRIVATE, &[CKA_MODULUS, CKA_MODULUS_BITS, CKA_PUBLIC_EXPONENT]]),
        (CKO_PUBLIC_KEY, ec, [KEY, PUBLIC, &[CKA_EC_PARAMS, CKA_EC_POINT]]),
        (CKO_PRIVATE_KEY, ec, [KEY, PRIVATE, &[CKA_EC_PARAMS, CKA_EC_POINT]]),
        (CKO_CERTIFICATE, rsa, [X509, &[], &[]]),
    ] {
        let object = p11.object(session, class, label);
        let mut expected = [&[STORAGE][..], &own].concat().concat();
        expected.sort_unstable();
        let has = |attribute: &CK_ATTRIBUTE_TYPE| p11.attribute(session, object, *attribute).is_ok();
        let found: Vec<_> = (0..0x700).chain([CKA_ALLOWED_MECHANISMS]).filter(has).collect();
        let names = |list: &[CK_ATTRIBUTE_TYPE]| list.iter().map(|number| format!("{number:#x}")).collect::<Vec<_>>();
        assert_eq!(names(&found), names(&expected), "{label}, class {class}");
        let vendors = CKA_STM_KEYPAIR_ID..=CKA_STM_SIGNABLE;
        let lengths =
            found.into_iter().chain(vendors).map(|attribute| p11.attribute(session, object, attribute).unwrap().len());
        assert_eq!(size(&p11, session, object), lengths.sum::<usize>(), "{label}, class {class}");
    }
});

fn size(p11: &P11, session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> usize {
    let mut size = 0;
    assert_eq!(ck!(p11, C_GetObjectSize(session, object, &mut size)), CKR_OK);
    size as usize
}

service_test!(a_private_key_shows_what_clients_read, |_: &Emulator| {
    let p11 = P11::start();
    let session = p11.open(0);
    let key = p11.private_key(session, "demo-rsa-2048");
    for (attribute, expected) in [
        (CKA_TOKEN, true),
        (CKA_PRIVATE, false),
        (CKA_SENSITIVE, true),
        (CKA_ALWAYS_SENSITIVE, true),
        (CKA_NEVER_EXTRACTABLE, true),
        (CKA_EXTRACTABLE, false),
        (CKA_SIGN, true),
        (CKA_DECRYPT, false),
        (CKA_SIGN_RECOVER, false),
        (CKA_UNWRAP, false),
        (CKA_DERIVE, false),
        (CKA_ALWAYS_AUTHENTICATE, false),
        (CKA_MODIFIABLE, false),
        (CKA_COPYABLE, false),
        (CKA_DESTROYABLE, false),
        (CKA_LOCAL, true),
        (CKA_WRAP_WITH_TRUSTED, false),
    ] {
        assert_eq!(p11.attribute(session, key, attribute), Ok(vec![u8::from(expected)]), "{attribute:#x}");
    }
    let modulus = p11.attribute(session, key, CKA_MODULUS).unwrap();
    assert_eq!(modulus.len(), 256);
    assert_eq!(p11.attribute(session, key, CKA_PUBLIC_EXPONENT), Ok(vec![1, 0, 1]));
    let mechanisms = p11.attribute(session, key, CKA_ALLOWED_MECHANISMS).unwrap();
    assert!(mechanisms.chunks(8).any(|m| m == CKM_SHA256_RSA_PKCS.to_ne_bytes()));
    let public = p11.find(session, &Attributes::new().class(CKO_PUBLIC_KEY).bytes(CKA_MODULUS, &modulus));
    assert_eq!(public, [p11.public_key(session, "demo-rsa-2048")], "a search by modulus finds that key");
    let ec = p11.private_key(session, "demo-ec-p521");
    let point = p11.attribute(session, ec, CKA_EC_POINT).unwrap();
    assert_eq!((point[0], point.len()), (4, 3 + 133));
    let found = p11.find(session, &Attributes::new().class(CKO_PUBLIC_KEY).bytes(CKA_EC_POINT, &point));
    assert_eq!(found, [p11.public_key(session, "demo-ec-p521")]);
});

service_test!(keys_stand_in_the_slot_of_their_kind, |_: &Emulator| {
    let p11 = P11::start();
    let types = |slot| -> Vec<CK_ULONG> {
        let session = p11.open(slot);
        let keys = p11.find(session, &Attributes::new().class(CKO_PRIVATE_KEY));
        let mut types: Vec<_> = keys.into_iter().map(|key| p11.number(session, key, CKA_KEY_TYPE)).collect();
        types.sort();
        types.dedup();
        types
    };
    assert_eq!(types(0), [CKK_RSA, CKK_EC]);
    assert_eq!(types(1), [CKK_EC_EDWARDS, CKK_ML_DSA, CKK_SLH_DSA]);
    let (classic, modern) = (p11.open(0), p11.open(1));
    let key = p11.private_key(classic, "demo-rsa-2048");
    assert_eq!(p11.attribute(modern, key, CKA_LABEL), Err(CKR_OBJECT_HANDLE_INVALID));
    assert!(p11.find(modern, &Attributes::new().label("demo-rsa-2048")).is_empty());
});

service_test!(searches_ask_for_what_they_name_and_memory_answers_the_rest, |emulator: &Emulator| {
    let p11 = P11::start();
    let session = p11.open(0);
    let asked = |attributes: &Attributes| {
        emulator.clear();
        let found = p11.find(session, attributes);
        (found.len(), emulator.requests().iter().map(|request| request.path.clone()).collect::<Vec<_>>())
    };
    let private = || Attributes::new().class(CKO_PRIVATE_KEY);
    let (found, paths) = asked(&private().label("demo-ec-p256"));
    assert_eq!((found, paths.len()), (1, 1), "{paths:?}");
    assert_eq!(asked(&private().label("demo-ec-p256")), (1, vec![]));
    assert_eq!(asked(&Attributes::new().label("demo-ec-p256")), (3, vec![]));
    let (found, paths) = asked(&private().label("no-such-key"));
    assert_eq!((found, paths.len()), (0, 1), "{paths:?}");
    assert_eq!(asked(&private().label("no-such-key")), (0, vec![]), "a miss is remembered for a while");
    assert_eq!(asked(&private().label("demo-EC-p256")).0, 0, "aliases are case-sensitive");
    let key = p11.private_key(session, "demo-ec-p256");
    let id = p11.attribute(session, key, CKA_ID).unwrap();
    assert_eq!(asked(&private().bytes(CKA_ID, &id)), (1, vec![]));
    let uuid = p11.attribute(session, key, CKA_STM_KEYPAIR_ID).unwrap();
    assert_eq!(asked(&private().bytes(CKA_STM_KEYPAIR_ID, &uuid)), (1, vec![]));
    let (found, paths) = asked(&private());
    assert!(found > 6 && paths.len() == 1, "{found} {paths:?}");
    // The key of a dynamic keypair may be another one each time.
    let dynamic = ["/signingmanager/api/v1/keypairs?alias=demo-dynamic"];
    assert_eq!(asked(&Attributes::new().class(CKO_CERTIFICATE)).1, dynamic);
    let curves = asked(&private().number(CKA_KEY_TYPE, CKK_EC));
    assert!(curves.0 >= 3 && curves.0 < found && curves.1 == dynamic, "{curves:?}");
    assert_eq!(asked(&private().flag(CKA_SIGN, false)).0, 0);
});

service_test!(an_offline_keypair_and_one_that_is_not_ours_are_shown_and_refuse_to_sign, |emulator: &Emulator| {
    let p11 = P11::start();
    let session = p11.open(0);
    let offline = p11.private_key(session, "demo-offline");
    assert_eq!(p11.attribute(session, offline, CKA_STM_KEY_STATUS), Ok(b"OFFLINE".to_vec()));
    let not_mine = p11.private_key(session, "demo-not-mine");
    assert_eq!(p11.attribute(session, not_mine, CKA_STM_SIGNABLE), Ok(vec![0]));
    for key in [offline, not_mine] {
        let key_type = p11.number(session, key, CKA_KEY_TYPE);
        let mechanism = if key_type == CKK_RSA { CKM_SHA256_RSA_PKCS } else { CKM_ECDSA_SHA256 };
        assert_eq!(p11.sign(session, mechanism, key, b"x"), Err(CKR_FUNCTION_REJECTED));
    }
    assert_eq!(emulator.signs(), 2, "each was asked for once");
    let bare = p11.private_key(session, "demo-bare");
    assert!(p11.find(session, &Attributes::new().class(CKO_CERTIFICATE).label("demo-bare")).is_empty());
    assert_eq!(p11.attribute(session, bare, CKA_STM_CERTIFICATE_ID), Ok(vec![]));
});

service_test!(the_last_signature_of_a_session_can_be_looked_up, |_: &Emulator| {
    let p11 = P11::start();
    let (session, other) = (p11.open(0), p11.open(0));
    let key = p11.private_key(session, "demo-ec-p256");
    assert_eq!(p11.attribute(session, key, CKA_STM_LAST_SIGNATURE_ID), Ok(vec![]));
    p11.sign(session, CKM_ECDSA, key, &[7; 32]).unwrap();
    assert_eq!(p11.attribute(session, key, CKA_STM_LAST_SIGNATURE_ID).unwrap().len(), 36);
    assert_eq!(p11.attribute(other, key, CKA_STM_LAST_SIGNATURE_ID), Ok(vec![]));
    let another = p11.private_key(session, "demo-ec-p384");
    assert_eq!(p11.attribute(session, another, CKA_STM_LAST_SIGNATURE_ID), Ok(vec![]), "it is of one key");
});

service_test!(
    a_confirmed_signature_costs_one_more_request_and_a_record_that_differs_holds_it_back,
    [("STM_PKCS11_CONFIRM", "record")],
    [],
    |emulator: &Emulator| {
        let p11 = P11::start();
        let session = p11.open(0);
        let key = p11.private_key(session, "demo-ec-p256");
        emulator.clear();
        assert!(p11.sign(session, CKM_ECDSA_SHA256, key, b"x").is_ok());
        let paths: Vec<_> = emulator.requests().into_iter().map(|request| request.path).collect();
        assert_eq!(paths.len(), 2, "{paths:?}");
        assert!(paths[1].contains("/signatures/"), "{paths:?}");
        emulator.faults(
            r#"[{"method":"GET","path":"/signingmanager/api/v1/signatures","status":200,
                 "body":{"id":"x","signing_status":"FAILED"},"times":1}]"#,
        );
        assert_eq!(p11.sign(session, CKM_ECDSA_SHA256, key, b"x"), Err(CKR_FUNCTION_FAILED));
        assert!(p11.sign(session, CKM_ECDSA_SHA256, key, b"x").is_ok(), "the next one is unharmed");
    }
);

service_test!(session_objects_are_made_changed_copied_and_end_with_their_session, |emulator: &Emulator| {
    let p11 = P11::start();
    let session = p11.open(0);
    let key = p11.private_key(session, "demo-rsa-2048");
    let modulus = p11.attribute(session, key, CKA_MODULUS).unwrap();
    let make = |attributes: Attributes| {
        let mut attributes = attributes;
        let mut raw = attributes.raw();
        let mut object = 0;
        let rv = ck!(p11, C_CreateObject(session, raw.as_mut_ptr(), raw.len() as CK_ULONG, &mut object));
        if rv == CKR_OK { Ok(object) } else { Err(rv) }
    };
    let public = || {
        Attributes::new()
            .class(CKO_PUBLIC_KEY)
            .number(CKA_KEY_TYPE, CKK_RSA)
            .bytes(CKA_MODULUS, &modulus)
            .bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1])
    };
    let own = make(public().label("mine").flag(CKA_TOKEN, false)).unwrap();
    let signature = p11.sign(session, CKM_SHA256_RSA_PKCS, key, b"x").unwrap();
    assert_eq!(p11.verify(session, CKM_SHA256_RSA_PKCS, own, b"x", &signature), Ok(()));
    emulator.clear();
    assert_eq!(p11.number(session, own, CKA_MODULUS_BITS), 2048);
    assert_eq!(p11.find(session, &Attributes::new().flag(CKA_TOKEN, false)), [own]);
    assert!(p11.find(session, &Attributes::new().flag(CKA_TOKEN, false).label("another")).is_empty());
    let modern = p11.open(1);
    assert!(p11.find(modern, &Attributes::new().flag(CKA_TOKEN, false)).is_empty(), "it is of the other token");
    let length = |attribute| p11.attribute(session, own, attribute).unwrap_or_default().len();
    assert_eq!(size(&p11, session, own), (0..0x700).map(length).sum::<usize>());

    for (attributes, rv) in [
        (Attributes::new(), CKR_TEMPLATE_INCOMPLETE),
        (Attributes::new().class(CKO_PUBLIC_KEY), CKR_TEMPLATE_INCOMPLETE),
        (Attributes::new().class(CKO_PUBLIC_KEY).number(CKA_KEY_TYPE, CKK_RSA), CKR_TEMPLATE_INCOMPLETE),
        (Attributes::new().class(CKO_SECRET_KEY), CKR_ATTRIBUTE_VALUE_INVALID),
        (Attributes::new().bytes(CKA_CLASS, b"x"), CKR_ATTRIBUTE_VALUE_INVALID),
        (public().flag(CKA_TOKEN, true), CKR_SESSION_READ_ONLY),
        (public().flag(CKA_LOCAL, true), CKR_ATTRIBUTE_READ_ONLY),
        (public().bytes(CKA_VERIFY, b"yes"), CKR_ATTRIBUTE_VALUE_INVALID),
        (public().flag(CKA_SIGN, true), CKR_ATTRIBUTE_TYPE_INVALID),
        (public().bytes(CKA_UNIQUE_ID, b"x"), CKR_ATTRIBUTE_READ_ONLY),
        (public().bytes(CKA_MODULUS, &[4; 256]), CKR_ATTRIBUTE_VALUE_INVALID),
        (Attributes::new().class(CKO_CERTIFICATE), CKR_TEMPLATE_INCOMPLETE),
        (
            Attributes::new().class(CKO_CERTIFICATE).number(CKA_CERTIFICATE_TYPE, CKC_X_509).bytes(CKA_VALUE, b"x"),
            CKR_ATTRIBUTE_VALUE_INVALID,
        ),
    ] {
        assert_eq!(make(attributes), Err(rv));
    }

    let change = |object, attributes: Attributes| {
        let mut attributes = attributes;
        let mut raw = attributes.raw();
        ck!(p11, C_SetAttributeValue(session, object, raw.as_mut_ptr(), raw.len() as CK_ULONG))
    };
    assert_eq!(change(own, Attributes::new().label("renamed")), CKR_OK);
    assert_eq!(p11.attribute(session, own, CKA_LABEL), Ok(b"renamed".to_vec()));
    assert_eq!(change(own, Attributes::new().label("x").bytes(CKA_MODULUS, &modulus)), CKR_ATTRIBUTE_READ_ONLY);
    assert_eq!(p11.attribute(session, own, CKA_LABEL), Ok(b"renamed".to_vec()), "all of a template or nothing");
    assert_eq!(change(key, Attributes::new().label("x")), CKR_SESSION_READ_ONLY);

    let mut copy = 0;
    let mut attributes = Attributes::new().label("copy").flag(CKA_MODIFIABLE, false);
    let mut raw = attributes.raw();
    assert_eq!(ck!(p11, C_CopyObject(session, own, raw.as_mut_ptr(), 2, &mut copy)), CKR_OK);
    assert_eq!(change(copy, Attributes::new().label("x")), CKR_ACTION_PROHIBITED);
    assert_eq!(ck!(p11, C_CopyObject(session, key, raw.as_mut_ptr(), 2, &mut copy)), CKR_ACTION_PROHIBITED);

    assert_eq!(ck!(p11, C_DestroyObject(session, key)), CKR_ACTION_PROHIBITED);
    assert_eq!(ck!(p11, C_DestroyObject(session, own)), CKR_OK);
    assert_eq!(ck!(p11, C_DestroyObject(session, own)), CKR_OBJECT_HANDLE_INVALID);
    let other = p11.open(0);
    assert_eq!(p11.find(other, &Attributes::new().label("copy")).len(), 1, "session objects are the token's");
    assert_eq!(ck!(p11, C_CloseSession(session)), CKR_OK);
    assert!(p11.find(other, &Attributes::new().label("copy").flag(CKA_TOKEN, false)).is_empty());
});

service_test!(
    the_key_of_an_issuers_certificate_is_not_asked_for,
    [("STM_PKCS11_CACHE", "off")],
    [],
    |emulator: &Emulator| {
        let p11 = P11::start();
        let session = p11.open(0);
        let leaf = p11.object(session, CKO_CERTIFICATE, "demo-rsa-3072");
        let subject = p11.attribute(session, leaf, CKA_ISSUER).unwrap();
        let issuer = p11.find(session, &Attributes::new().class(CKO_CERTIFICATE).bytes(CKA_SUBJECT, &subject));
        let id = p11.attribute(session, issuer[0], CKA_ID).unwrap();
        p11.finish();
        p11.begin("");
        let session = p11.open(0);
        p11.private_key(session, "demo-rsa-3072");
        emulator.clear();
        assert_eq!(p11.find(session, &Attributes::new().class(CKO_CERTIFICATE).bytes(CKA_ID, &id)).len(), 1);
        assert!(p11.find(session, &Attributes::new().class(CKO_PRIVATE_KEY).bytes(CKA_ID, &id)).is_empty());
        assert_eq!(emulator.requests().len(), 0);
    }
);

// `keytool -importcert`, `-changealias` and `-delete`: the message says where it is done instead.
service_test!(every_refused_write_on_the_token_has_its_message, |emulator: &Emulator| {
    let folder = tempfile::tempdir().expect("a folder");
    unsafe { std::env::set_var("SM_LOG_DIR", folder.path()) };
    let p11 = P11::start();
    let (read_only, session) = (p11.open(0), p11.open_rw(0));
    let certificate = p11.object(session, CKO_CERTIFICATE, "demo-rsa-2048");
    let value = p11.attribute(session, certificate, CKA_VALUE).expect("a certificate");
    let message = |problem: &str| {
        let log = std::fs::read_to_string(folder.path().join("smpkcs11.log")).expect("a log");
        let last = log.lines().rfind(|line| line.contains(" ERROR ")).expect("a message").to_owned();
        let advice = "attach certificates, rename and delete in the service";
        assert!(last.contains(problem) && last.contains(advice), "{last}");
    };
    let mut template = Attributes::new()
        .class(CKO_CERTIFICATE)
        .number(CKA_CERTIFICATE_TYPE, CKC_X_509)
        .bytes(CKA_VALUE, &value)
        .flag(CKA_TOKEN, true);
    let mut raw = template.raw();
    let mut handle = 0;
    let (to, count) = (raw.as_mut_ptr(), raw.len() as CK_ULONG);
    assert_eq!(ck!(p11, C_CreateObject(session, to, count, &mut handle)), CKR_TEMPLATE_INCONSISTENT);
    message("the token stores no objects of applications (CKA_TOKEN can only be FALSE)");
    assert_eq!(ck!(p11, C_CreateObject(read_only, to, count, &mut handle)), CKR_SESSION_READ_ONLY);
    message("the session is read-only");
    let mut session_object =
        Attributes::new().class(CKO_CERTIFICATE).number(CKA_CERTIFICATE_TYPE, CKC_X_509).bytes(CKA_VALUE, &value);
    let mut raw = session_object.raw();
    assert_eq!(ck!(p11, C_CreateObject(read_only, raw.as_mut_ptr(), 3, &mut handle)), CKR_OK);
    let mut token = Attributes::new().flag(CKA_TOKEN, true);
    let mut raw = token.raw();
    let mut copy = 0;
    let template = raw.as_mut_ptr();
    assert_eq!(ck!(p11, C_CopyObject(session, handle, template, 1, &mut copy)), CKR_TEMPLATE_INCONSISTENT);
    assert_eq!(ck!(p11, C_CopyObject(read_only, handle, template, 1, &mut copy)), CKR_SESSION_READ_ONLY);
    let mut label = Attributes::new().label("other");
    let mut raw = label.raw();
    let change = raw.as_mut_ptr();
    assert_eq!(ck!(p11, C_SetAttributeValue(session, certificate, change, 1)), CKR_ACTION_PROHIBITED);
    message("objects of the service are not modified through the token");
    assert_eq!(ck!(p11, C_DestroyObject(session, certificate)), CKR_ACTION_PROHIBITED);
    message("objects of the service are not deleted through the token");
    let mut info = CK_TOKEN_INFO::default();
    assert_eq!(ck!(p11, C_GetTokenInfo(0, &mut info)), CKR_OK);
    assert_eq!(info.flags & CKF_WRITE_PROTECTED, 0, "C_GenerateKeyPair makes token objects");
    assert!(emulator.requests().iter().all(|request| request.method == "GET"));
});

service_test!(
    only_the_keypairs_of_the_setting_are_shown,
    [("STM_PKCS11_KEYPAIRS", "demo-ec-p256, demo-rsa-2048")],
    [],
    |emulator: &Emulator| {
        let p11 = P11::start();
        let session = p11.open(0);
        let keys = p11.find(session, &Attributes::new().class(CKO_PRIVATE_KEY));
        assert_eq!(keys.len(), 2);
        assert_eq!(emulator.requests().len(), 2, "one small request each");
        assert!(p11.find(session, &Attributes::new().label("demo-rsa-3072")).is_empty());
        assert_eq!(emulator.requests().len(), 2);
    }
);

service_test!(
    chain_certificates_and_the_modern_slot_can_be_hidden,
    [("STM_PKCS11_CHAIN", "off"), ("STM_PKCS11_MODERN_SLOT", "off")],
    [],
    |_: &Emulator| {
        let p11 = P11::start();
        assert_eq!(p11.slots(), [0]);
        let session = p11.open(0);
        for certificate in p11.find(session, &Attributes::new().class(CKO_CERTIFICATE)) {
            let label = p11.attribute(session, certificate, CKA_LABEL).unwrap();
            assert!(label.starts_with(b"demo-"), "{label:?}");
        }
    }
);
