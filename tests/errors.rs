//! Call, state, argument, and the permitted return codes. Several hundred rows, run with the loaded library.
//!
//! A row permits more than one code only where the standard does: if several conditions hold at once, it does not say
//! which is reported.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

#[macro_use]
#[path = "errors/arguments.rs"]
mod arguments;
#[path = "errors/session_functions.rs"]
mod session_functions;

use arguments::{Memory, Row};
use cryptoki_sys::*;
use std::ptr::null_mut;
use support::template::Attributes;
use support::{Emulator, Mechanism, P11};

const GARBAGE: CK_ULONG = 0xdead_beef;
const HUGE: CK_ULONG = CK_ULONG::MAX;

/// The active operation that a function requires before it checks its arguments.
#[derive(Clone, Copy)]
enum Before {
    Nothing,
    Digest,
    Sign,
    Verify,
    MessageSign,
    MessageSignBegun,
    MessageVerify,
    MessageVerifyBegun,
    VerifySignature,
}

fn begin(p11: &P11, before: Before) -> CK_SESSION_HANDLE {
    let session = p11.open_rw(0);
    let label = "demo-rsa-2048";
    let (private, public) = (p11.private_key(session, label), p11.public_key(session, label));
    let mut mechanism = Mechanism::new(CKM_SHA256_RSA_PKCS);
    let mut mechanism = mechanism.raw();
    let mut hash = Mechanism::new(CKM_SHA256);
    let signature = [1u8; 256].as_ptr().cast_mut();
    let m = &mut mechanism;
    let rv = match before {
        Before::Nothing => CKR_OK,
        Before::Digest => ck!(p11, C_DigestInit(session, &mut hash.raw())),
        Before::Sign => ck!(p11, C_SignInit(session, m, private)),
        Before::Verify => ck!(p11, C_VerifyInit(session, m, public)),
        Before::MessageSign => ck!(p11, C_MessageSignInit(session, m, private)),
        Before::MessageSignBegun => {
            assert_eq!(ck!(p11, C_MessageSignInit(session, m, private)), CKR_OK);
            ck!(p11, C_SignMessageBegin(session, null_mut(), 0))
        }
        Before::MessageVerify => ck!(p11, C_MessageVerifyInit(session, m, public)),
        Before::MessageVerifyBegun => {
            assert_eq!(ck!(p11, C_MessageVerifyInit(session, m, public)), CKR_OK);
            ck!(p11, C_VerifyMessageBegin(session, null_mut(), 0))
        }
        Before::VerifySignature => ck!(p11, C_VerifySignatureInit(session, m, public, signature, 256)),
    };
    assert_eq!(rv, CKR_OK);
    session
}

service_test!(a_null_pointer_with_a_length_is_a_wrong_argument_in_every_function, |emulator: &Emulator| {
    use Before::*;
    let p11 = P11::start();
    // Each row passes a null pointer with a length, one argument at a time. C_VerifyMessageNext with a null signature
    // is missing, because that means that more parts follow.
    let rows: Vec<(Before, Row<'_>)> = [
        (
            Nothing,
            rows! { m;
                C_Login(CKU_USER, null_mut(), 4);
                C_Login(CKU_USER, null_mut(), HUGE);
                C_LoginUser(CKU_USER, null_mut(), 4, m.bytes, 0);
                C_LoginUser(CKU_USER, m.bytes, 4, null_mut(), 4);
                C_InitPIN(null_mut(), 4);
                C_SetPIN(null_mut(), 4, m.bytes, 4);
                C_SetPIN(m.bytes, 4, null_mut(), 4);
                C_SetOperationState(null_mut(), 4, 0, 0);
                C_SeedRandom(null_mut(), 4);
                C_GenerateRandom(null_mut(), 4);
                C_FindObjectsInit(null_mut(), 1);
                C_CreateObject(null_mut(), 1, m.handle);
                C_CopyObject(1, null_mut(), 1, m.handle);
                C_GetAttributeValue(1, null_mut(), 1);
                C_SetAttributeValue(1, null_mut(), 1);
                C_GenerateKeyPair(m.mechanism, null_mut(), 1, m.attributes, 1, m.handle, m.handle);
                C_GenerateKeyPair(m.mechanism, m.attributes, 1, null_mut(), 1, m.handle, m.handle);
                C_VerifySignatureInit(m.mechanism, 1, null_mut(), 256);
            },
        ),
        (Digest, rows! { m; C_Digest(null_mut(), 4, m.bytes, m.len); C_DigestUpdate(null_mut(), 4); }),
        (Sign, rows! { m; C_Sign(null_mut(), 4, m.bytes, m.len); C_SignUpdate(null_mut(), 4); }),
        (
            Verify,
            rows! { m;
                C_Verify(null_mut(), 4, m.bytes, 256);
                C_Verify(m.bytes, 4, null_mut(), 256);
                C_VerifyUpdate(null_mut(), 4);
                C_VerifyFinal(null_mut(), 256);
            },
        ),
        (
            MessageSign,
            rows! { m;
                C_SignMessage(null_mut(), 4, m.bytes, 4, m.bytes, m.len);
                C_SignMessage(null_mut(), 0, null_mut(), 4, m.bytes, m.len);
                C_SignMessageBegin(null_mut(), 4);
            },
        ),
        (
            MessageSignBegun,
            rows! { m;
                C_SignMessageNext(null_mut(), 4, m.bytes, 4, m.bytes, m.len);
                C_SignMessageNext(null_mut(), 0, null_mut(), 4, m.bytes, m.len);
            },
        ),
        (
            MessageVerify,
            rows! { m;
                C_VerifyMessage(null_mut(), 4, m.bytes, 4, m.bytes, 256);
                C_VerifyMessage(null_mut(), 0, null_mut(), 4, m.bytes, 256);
                C_VerifyMessage(null_mut(), 0, m.bytes, 4, null_mut(), 256);
                C_VerifyMessageBegin(null_mut(), 4);
            },
        ),
        (
            MessageVerifyBegun,
            rows! { m;
            C_VerifyMessageNext(null_mut(), 4, m.bytes, 4, m.bytes, 256);
            C_VerifyMessageNext(null_mut(), 0, null_mut(), 4, m.bytes, 256);
            },
        ),
        (VerifySignature, rows! { m; C_VerifySignature(null_mut(), 4); C_VerifySignatureUpdate(null_mut(), 4); }),
    ]
    .into_iter()
    .flat_map(|(before, rows)| rows.into_iter().map(move |row| (before, row)))
    .collect();
    for (place, (before, (name, function))) in rows.iter().enumerate() {
        let session = begin(&p11, *before);
        let mut info = CK_SESSION_INFO::default();
        assert_eq!(function(&p11, session), CKR_ARGUMENTS_BAD, "{name}, row {place}");
        assert_eq!(ck!(p11, C_GetSessionInfo(session, &mut info)), CKR_OK);
        assert_eq!(info.state, CKS_RW_PUBLIC_SESSION, "{name}: nobody is logged in");
        assert_eq!(ck!(p11, C_CloseSession(session)), CKR_OK);
    }
    assert_eq!(ck!(p11, C_InitToken(0, null_mut(), 4, null_mut())), CKR_ARGUMENTS_BAD);
    assert_eq!(emulator.signs(), 0);
});

service_test!(a_parameter_for_a_single_message_is_refused_because_no_mechanism_has_one, |emulator: &Emulator| {
    use Before::*;
    let p11 = P11::start();
    let rows: Vec<(Before, Row<'_>)> = [
        (
            MessageSign,
            rows! { m;
                C_SignMessage(m.bytes.cast(), 4, m.bytes, 4, m.bytes, m.len);
                C_SignMessageBegin(m.bytes.cast(), 4);
            },
        ),
        (MessageSignBegun, rows! { m; C_SignMessageNext(m.bytes.cast(), 4, m.bytes, 4, m.bytes, m.len); }),
        (
            MessageVerify,
            rows! { m;
                C_VerifyMessage(m.bytes.cast(), 4, m.bytes, 4, m.bytes, 256);
                C_VerifyMessageBegin(m.bytes.cast(), 4);
            },
        ),
        (MessageVerifyBegun, rows! { m; C_VerifyMessageNext(m.bytes.cast(), 4, m.bytes, 4, m.bytes, 256); }),
    ]
    .into_iter()
    .flat_map(|(before, rows)| rows.into_iter().map(move |row| (before, row)))
    .collect();
    for (before, (name, function)) in &rows {
        assert_eq!(function(&p11, begin(&p11, *before)), CKR_MECHANISM_PARAM_INVALID, "{name}");
    }
    assert_eq!((rows.len(), emulator.signs()), (6, 0));
});

service_test!(a_template_has_at_most_65536_attributes, |_: &Emulator| {
    let p11 = P11::start();
    let session = p11.open(0);
    let key = p11.private_key(session, "demo-rsa-2048");
    let class: *const CK_OBJECT_CLASS = &CKO_PRIVATE_KEY;
    let attribute = CK_ATTRIBUTE {
        type_: CKA_CLASS,
        pValue: class.cast_mut().cast(),
        ulValueLen: size_of::<CK_OBJECT_CLASS>() as CK_ULONG,
    };
    for (count, expected) in [(1 << 16, CKR_OK), ((1 << 16) + 1, CKR_ARGUMENTS_BAD)] {
        let mut wanted = vec![attribute; count];
        assert_eq!(ck!(p11, C_FindObjectsInit(session, wanted.as_mut_ptr(), count as CK_ULONG)), expected, "{count}");
        if expected == CKR_OK {
            assert_eq!(ck!(p11, C_FindObjectsFinal(session)), CKR_OK);
        }
        let mut room: CK_OBJECT_CLASS = 0;
        let read = CK_ATTRIBUTE { pValue: (&raw mut room).cast(), ..attribute };
        let mut read = vec![read; count];
        assert_eq!(
            ck!(p11, C_GetAttributeValue(session, key, read.as_mut_ptr(), count as CK_ULONG)),
            expected,
            "{count}"
        );
    }
});

service_test!(functions_without_a_session_judge_their_arguments, |_: &Emulator| {
    let p11 = P11::load();
    let m = Memory::leaked();
    let len = m.len;
    let (slot_info, token_info) = (Box::leak(Box::default()), Box::leak(Box::default()));
    let (info, mechanism_info) = (Box::leak(Box::default()), Box::leak(Box::default()));
    let mut calls = |p11: &P11, slot: CK_SLOT_ID| -> Vec<(&'static str, CK_RV)> {
        vec![
            ("C_GetSlotInfo", ck!(p11, C_GetSlotInfo(slot, slot_info))),
            ("C_GetTokenInfo", ck!(p11, C_GetTokenInfo(slot, token_info))),
            ("C_GetMechanismList", ck!(p11, C_GetMechanismList(slot, null_mut(), m.len))),
            ("C_GetMechanismInfo", ck!(p11, C_GetMechanismInfo(slot, CKM_RSA_PKCS, mechanism_info))),
            ("C_OpenSession", ck!(p11, C_OpenSession(slot, CKF_SERIAL_SESSION, null_mut(), None, m.handle))),
            ("C_CloseAllSessions", ck!(p11, C_CloseAllSessions(slot))),
        ]
    };
    for (name, rv) in calls(&p11, 0) {
        assert_eq!(rv, CKR_CRYPTOKI_NOT_INITIALIZED, "{name}");
    }
    assert_eq!(ck!(p11, C_GetInfo(info)), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_eq!(ck!(p11, C_GetSlotList(CK_TRUE, null_mut(), m.len)), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_eq!(ck!(p11, C_WaitForSlotEvent(CKF_DONT_BLOCK, m.handle, null_mut())), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_eq!(ck!(p11, C_InitToken(0, m.bytes, 4, m.bytes)), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_eq!(ck!(p11, C_Initialize(null_mut())), CKR_OK);
    for slot in [2, GARBAGE, HUGE] {
        for (name, rv) in calls(&p11, slot) {
            assert_eq!(rv, CKR_SLOT_ID_INVALID, "{name} {slot:#x}");
        }
        assert_eq!(ck!(p11, C_InitToken(slot, m.bytes, 4, m.bytes)), CKR_SLOT_ID_INVALID);
    }
    for (name, rv) in calls(&p11, 0) {
        assert_eq!(rv, CKR_OK, "{name}");
    }
    let bad = CKR_ARGUMENTS_BAD;
    for (name, rv, expected) in [
        ("C_GetInfo", ck!(p11, C_GetInfo(null_mut())), bad),
        ("C_GetFunctionList", ck!(p11, C_GetFunctionList(null_mut())), bad),
        ("C_GetSlotList", ck!(p11, C_GetSlotList(CK_TRUE, null_mut(), null_mut())), bad),
        ("C_GetSlotInfo", ck!(p11, C_GetSlotInfo(0, null_mut())), bad),
        ("C_GetTokenInfo", ck!(p11, C_GetTokenInfo(0, null_mut())), bad),
        ("C_GetMechanismList", ck!(p11, C_GetMechanismList(0, null_mut(), null_mut())), bad),
        ("C_GetMechanismInfo", ck!(p11, C_GetMechanismInfo(0, CKM_RSA_PKCS, null_mut())), bad),
        ("C_GetMechanismInfo", ck!(p11, C_GetMechanismInfo(0, GARBAGE, mechanism_info)), CKR_MECHANISM_INVALID),
        ("C_GetMechanismInfo", ck!(p11, C_GetMechanismInfo(0, CKM_EDDSA, mechanism_info)), CKR_MECHANISM_INVALID),
        ("C_OpenSession", ck!(p11, C_OpenSession(0, CKF_SERIAL_SESSION, null_mut(), None, null_mut())), bad),
        (
            "C_OpenSession",
            ck!(p11, C_OpenSession(0, 0, null_mut(), None, m.handle)),
            CKR_SESSION_PARALLEL_NOT_SUPPORTED,
        ),
        ("C_InitToken", ck!(p11, C_InitToken(0, m.bytes, 4, m.bytes)), CKR_FUNCTION_NOT_SUPPORTED),
        ("C_WaitForSlotEvent", ck!(p11, C_WaitForSlotEvent(CKF_DONT_BLOCK, m.handle, null_mut())), CKR_NO_EVENT),
        ("C_WaitForSlotEvent", ck!(p11, C_WaitForSlotEvent(CKF_DONT_BLOCK, null_mut(), null_mut())), bad),
        ("C_WaitForSlotEvent", ck!(p11, C_WaitForSlotEvent(CKF_DONT_BLOCK, m.handle, m.bytes.cast())), bad),
    ] {
        assert_eq!(rv, expected, "{name}");
    }
    unsafe { len.write(1) };
    let mut one = [0; 1];
    assert_eq!(ck!(p11, C_GetSlotList(CK_TRUE, one.as_mut_ptr(), m.len)), CKR_BUFFER_TOO_SMALL);
    assert_eq!(unsafe { len.read() }, 2);
});

service_test!(null_pointers_and_impossible_lengths_are_refused_in_a_session, |_: &Emulator| {
    let p11 = P11::start();
    let m = Memory::leaked();
    let none = null_mut::<u8>();
    let session = p11.open_rw(0);
    let key = p11.private_key(session, "demo-rsa-2048");
    let public = p11.public_key(session, "demo-rsa-2048");
    let sha256 = || Mechanism::new(CKM_SHA256);
    let sign = || Mechanism::new(CKM_SHA256_RSA_PKCS);
    let begin = |operation: &str| {
        ck!(p11, C_SessionCancel(session, HUGE));
        unsafe { m.len.write(8192) };
        let (mut digest, mut signing) = (sha256(), sign());
        assert_eq!(
            CKR_OK,
            match operation {
                "digest" => ck!(p11, C_DigestInit(session, &mut digest.raw())),
                "sign" => ck!(p11, C_SignInit(session, &mut signing.raw(), key)),
                "verify" => ck!(p11, C_VerifyInit(session, &mut signing.raw(), public)),
                "find" => ck!(p11, C_FindObjectsInit(session, null_mut(), 0)),
                _ => CKR_OK,
            }
        );
    };
    let bad = CKR_ARGUMENTS_BAD;
    type Try<'a> = (&'static str, &'static str, Box<dyn Fn() -> CK_RV + 'a>);
    let tries: Vec<Try<'_>> = vec![
        ("", "C_GetSessionInfo", Box::new(|| ck!(p11, C_GetSessionInfo(session, null_mut())))),
        ("", "C_CreateObject", Box::new(|| ck!(p11, C_CreateObject(session, null_mut(), 1, m.handle)))),
        ("", "C_CreateObject", Box::new(|| ck!(p11, C_CreateObject(session, m.attributes, 1, null_mut())))),
        ("", "C_CreateObject", Box::new(|| ck!(p11, C_CreateObject(session, m.attributes, HUGE, m.handle)))),
        ("", "C_GetObjectSize", Box::new(|| ck!(p11, C_GetObjectSize(session, key, null_mut())))),
        ("", "C_GetAttributeValue", Box::new(|| ck!(p11, C_GetAttributeValue(session, key, null_mut(), 1)))),
        ("", "C_GetAttributeValue", Box::new(|| ck!(p11, C_GetAttributeValue(session, key, m.attributes, HUGE)))),
        ("", "C_SetAttributeValue", Box::new(|| ck!(p11, C_SetAttributeValue(session, key, null_mut(), 1)))),
        ("", "C_FindObjectsInit", Box::new(|| ck!(p11, C_FindObjectsInit(session, null_mut(), 1)))),
        ("", "C_FindObjectsInit", Box::new(|| ck!(p11, C_FindObjectsInit(session, m.attributes, HUGE)))),
        ("find", "C_FindObjects", Box::new(|| ck!(p11, C_FindObjects(session, null_mut(), 1, m.len)))),
        ("find", "C_FindObjects", Box::new(|| ck!(p11, C_FindObjects(session, m.handle, 1, null_mut())))),
        ("find", "C_FindObjects", Box::new(|| ck!(p11, C_FindObjects(session, m.handle, HUGE, m.len)))),
        ("", "C_DigestInit", Box::new(|| ck!(p11, C_DigestInit(session, null_mut())))),
        ("digest", "C_Digest", Box::new(|| ck!(p11, C_Digest(session, none, 1, m.bytes, m.len)))),
        ("digest", "C_Digest", Box::new(|| ck!(p11, C_Digest(session, m.bytes, HUGE, m.bytes, m.len)))),
        ("digest", "C_Digest", Box::new(|| ck!(p11, C_Digest(session, m.bytes, 1, m.bytes, null_mut())))),
        ("digest", "C_DigestUpdate", Box::new(|| ck!(p11, C_DigestUpdate(session, none, 1)))),
        ("digest", "C_DigestUpdate", Box::new(|| ck!(p11, C_DigestUpdate(session, m.bytes, HUGE)))),
        ("digest", "C_DigestFinal", Box::new(|| ck!(p11, C_DigestFinal(session, m.bytes, null_mut())))),
        ("", "C_SignInit", Box::new(|| ck!(p11, C_SignInit(session, null_mut(), key)))),
        ("sign", "C_Sign", Box::new(|| ck!(p11, C_Sign(session, none, 1, m.bytes, m.len)))),
        ("sign", "C_Sign", Box::new(|| ck!(p11, C_Sign(session, m.bytes, HUGE, m.bytes, m.len)))),
        ("sign", "C_Sign", Box::new(|| ck!(p11, C_Sign(session, m.bytes, 1, m.bytes, null_mut())))),
        ("sign", "C_SignUpdate", Box::new(|| ck!(p11, C_SignUpdate(session, none, 1)))),
        ("sign", "C_SignUpdate", Box::new(|| ck!(p11, C_SignUpdate(session, m.bytes, HUGE)))),
        ("sign", "C_SignFinal", Box::new(|| ck!(p11, C_SignFinal(session, m.bytes, null_mut())))),
        ("", "C_VerifyInit", Box::new(|| ck!(p11, C_VerifyInit(session, null_mut(), public)))),
        ("verify", "C_Verify", Box::new(|| ck!(p11, C_Verify(session, none, 1, m.bytes, 256)))),
        ("verify", "C_Verify", Box::new(|| ck!(p11, C_Verify(session, m.bytes, 1, none, 256)))),
        ("verify", "C_Verify", Box::new(|| ck!(p11, C_Verify(session, m.bytes, 1, m.bytes, HUGE)))),
        ("verify", "C_VerifyUpdate", Box::new(|| ck!(p11, C_VerifyUpdate(session, none, 1)))),
        ("verify", "C_VerifyFinal", Box::new(|| ck!(p11, C_VerifyFinal(session, none, 256)))),
        ("", "C_GenerateRandom", Box::new(|| ck!(p11, C_GenerateRandom(session, none, 1)))),
        ("", "C_GenerateRandom", Box::new(|| ck!(p11, C_GenerateRandom(session, m.bytes, HUGE)))),
        ("", "C_SeedRandom", Box::new(|| ck!(p11, C_SeedRandom(session, none, 1)))),
        (
            "",
            "C_GetSessionValidationFlags",
            Box::new(|| ck!(p11, C_GetSessionValidationFlags(session, CKS_LAST_VALIDATION_OK, null_mut()))),
        ),
        (
            "",
            "C_GenerateKeyPair",
            Box::new(|| {
                ck!(p11, C_GenerateKeyPair(session, null_mut(), m.attributes, 1, m.attributes, 1, m.handle, m.handle))
            }),
        ),
        (
            "",
            "C_GenerateKeyPair",
            Box::new(|| {
                let mut mechanism = Mechanism::new(CKM_RSA_PKCS_KEY_PAIR_GEN);
                ck!(
                    p11,
                    C_GenerateKeyPair(
                        session,
                        &mut mechanism.raw(),
                        m.attributes,
                        1,
                        m.attributes,
                        1,
                        m.handle,
                        null_mut()
                    )
                )
            }),
        ),
    ];
    for (operation, name, attempt) in &tries {
        begin(operation);
        assert_eq!(attempt(), bad, "{name} ({operation})");
    }
    // Zero lengths need no memory.
    assert_eq!(ck!(p11, C_GenerateRandom(session, none, 0)), CKR_OK);
    begin("digest");
    assert_eq!(ck!(p11, C_DigestUpdate(session, none, 0)), CKR_OK);
    begin("find");
    assert_eq!(ck!(p11, C_FindObjects(session, null_mut(), 0, m.len)), CKR_OK);
});

service_test!(errors_end_an_operation_and_questions_do_not, |emulator: &Emulator| {
    let p11 = P11::start();
    let m = Memory::leaked();
    let len = m.len;
    let session = p11.open(0);
    let key = p11.private_key(session, "demo-ec-p256");
    let public = p11.public_key(session, "demo-ec-p256");
    let gone = CKR_OPERATION_NOT_INITIALIZED;
    let (mut digest, mut sign) = (Mechanism::new(CKM_SHA256), Mechanism::new(CKM_ECDSA_SHA256));
    let none = null_mut::<u8>();
    let mut begin_digest = || assert_eq!(ck!(p11, C_DigestInit(session, &mut digest.raw())), CKR_OK);
    let finish_digest = || {
        unsafe { len.write(8192) };
        ck!(p11, C_DigestFinal(session, m.bytes, m.len))
    };
    begin_digest();
    assert_eq!(ck!(p11, C_DigestUpdate(session, none, 1)), CKR_ARGUMENTS_BAD);
    assert_eq!(finish_digest(), gone);
    begin_digest();
    assert_eq!(ck!(p11, C_DigestUpdate(session, m.bytes, 1)), CKR_OK);
    assert_eq!(ck!(p11, C_Digest(session, m.bytes, 1, m.bytes, m.len)), gone, "C_Digest after C_DigestUpdate");
    assert_eq!(finish_digest(), gone);
    begin_digest();
    for (buffer, room, rv) in [(none, 0, CKR_OK), (m.bytes, 31, CKR_BUFFER_TOO_SMALL)] {
        unsafe { len.write(room) };
        assert_eq!(ck!(p11, C_Digest(session, m.bytes, 1, buffer, m.len)), rv);
        assert_eq!(unsafe { len.read() }, 32);
    }
    unsafe { len.write(32) };
    assert_eq!(ck!(p11, C_Digest(session, m.bytes, 1, m.bytes, m.len)), CKR_OK);
    assert_eq!(finish_digest(), gone);

    let mut begin_sign = || assert_eq!(ck!(p11, C_SignInit(session, &mut sign.raw(), key)), CKR_OK);
    let finish_sign = || {
        unsafe { len.write(8192) };
        ck!(p11, C_SignFinal(session, m.bytes, m.len))
    };
    begin_sign();
    assert_eq!(ck!(p11, C_SignUpdate(session, none, 1)), CKR_ARGUMENTS_BAD);
    assert_eq!(finish_sign(), gone);
    begin_sign();
    assert_eq!(ck!(p11, C_SignUpdate(session, m.bytes, 1)), CKR_OK);
    assert_eq!(ck!(p11, C_Sign(session, m.bytes, 1, m.bytes, m.len)), gone, "C_Sign after C_SignUpdate");
    assert_eq!(finish_sign(), gone);
    begin_sign();
    let mut again = Mechanism::new(CKM_ECDSA);
    assert_eq!(ck!(p11, C_SignInit(session, &mut again.raw(), key)), CKR_OPERATION_ACTIVE);
    assert_eq!(ck!(p11, C_SignInit(session, null_mut(), key)), CKR_OK, "a null mechanism cancels");
    assert_eq!(finish_sign(), gone);
    begin_sign();
    assert_eq!(ck!(p11, C_SessionCancel(session, CKF_DIGEST | CKF_VERIFY)), CKR_OK);
    assert_eq!(ck!(p11, C_SignUpdate(session, m.bytes, 1)), CKR_OK);
    assert_eq!(ck!(p11, C_SessionCancel(session, CKF_SIGN)), CKR_OK);
    assert_eq!(finish_sign(), gone);
    assert_eq!(emulator.signs(), 0);

    for (mechanism, handle, rv) in [
        (CKM_SHA256, key, CKR_MECHANISM_INVALID),
        (CKM_RSA_X_509, key, CKR_MECHANISM_INVALID),
        (CKM_EC_KEY_PAIR_GEN, key, CKR_MECHANISM_INVALID),
        (CKM_EDDSA, key, CKR_MECHANISM_INVALID),
        (GARBAGE, key, CKR_MECHANISM_INVALID),
        (CKM_SHA256_RSA_PKCS, key, CKR_KEY_TYPE_INCONSISTENT),
        (CKM_ECDSA, public, CKR_KEY_FUNCTION_NOT_PERMITTED),
        (CKM_ECDSA, GARBAGE, CKR_KEY_HANDLE_INVALID),
        (CKM_ECDSA, p11.object(session, CKO_CERTIFICATE, "demo-ec-p256"), CKR_KEY_HANDLE_INVALID),
    ] {
        let mut mechanism = Mechanism::new(mechanism);
        assert_eq!(ck!(p11, C_SignInit(session, &mut mechanism.raw(), handle)), rv);
        assert_eq!(finish_sign(), gone);
        let verify = if handle == key {
            public
        } else if handle == public {
            key
        } else {
            handle
        };
        assert_eq!(ck!(p11, C_VerifyInit(session, &mut mechanism.raw(), verify)), rv);
    }
    let mut raw = Mechanism::new(CKM_ECDSA);
    assert_eq!(ck!(p11, C_SignInit(session, &mut raw.raw(), key)), CKR_OK);
    unsafe { len.write(8192) };
    assert_eq!(ck!(p11, C_Sign(session, m.bytes, 0, m.bytes, m.len)), CKR_DATA_LEN_RANGE);
    assert_eq!(ck!(p11, C_FindObjectsInit(session, null_mut(), 0)), CKR_OK);
    assert_eq!(ck!(p11, C_FindObjectsInit(session, null_mut(), 0)), CKR_OPERATION_ACTIVE);
    assert_eq!(ck!(p11, C_FindObjectsFinal(session)), CKR_OK);
    unsafe { len.write(77) };
    assert_eq!(ck!(p11, C_FindObjects(session, m.handle, 1, m.len)), gone);
    assert_eq!(unsafe { len.read() }, 0, "the count is written even when the call fails");
    assert!(p11.find(session, &Attributes::new().class(CKO_PRIVATE_KEY)).contains(&key));
    assert_eq!(emulator.signs(), 0);
});
