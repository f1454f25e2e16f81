//! The test cases of the OASIS PKCS#11 3.2 profiles, as far as they apply to a token that signs: what the profile
//! document has a consumer do, step by step, and what a provider of the profile must answer.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

use cryptoki_sys::*;
use std::ptr::null_mut;
use support::template::Attributes;
use support::{Emulator, P11};

/// The profiles that a token says it meets, by its profile objects.
fn claimed(p11: &P11, session: CK_SESSION_HANDLE) -> Vec<CK_PROFILE_ID> {
    let objects = p11.find(session, &Attributes::new().class(CKO_PROFILE));
    let mut ids: Vec<_> = objects.iter().map(|object| p11.number(session, *object, CKA_PROFILE_ID)).collect();
    ids.sort();
    ids
}

/// The steps that every case begins with: library, slots, token, mechanisms, session.
fn begin(p11: &P11, flags: CK_FLAGS) -> (CK_SLOT_ID, CK_SESSION_HANDLE) {
    let mut args = CK_C_INITIALIZE_ARGS { flags: CKF_OS_LOCKING_OK, ..Default::default() };
    assert_eq!(ck!(p11, C_Initialize((&raw mut args).cast())), CKR_OK);
    let mut info = CK_INFO::default();
    assert_eq!(ck!(p11, C_GetInfo(&mut info)), CKR_OK);
    assert_eq!((info.cryptokiVersion.major, info.cryptokiVersion.minor, info.flags), (3, 2, 0));
    let slot = p11.slots()[0];
    let (mut slot_info, mut token_info) = (CK_SLOT_INFO::default(), CK_TOKEN_INFO::default());
    assert_eq!(ck!(p11, C_GetSlotInfo(slot, &mut slot_info)), CKR_OK);
    assert_ne!(slot_info.flags & CKF_TOKEN_PRESENT, 0);
    assert_eq!(ck!(p11, C_GetTokenInfo(slot, &mut token_info)), CKR_OK);
    assert_ne!(token_info.flags & CKF_TOKEN_INITIALIZED, 0);
    (slot, p11.open_with(slot, CKF_SERIAL_SESSION | flags).expect("a session"))
}

service_test!(bl_m_1_32_baseline_provider, |_: &Emulator| {
    let p11 = P11::load();
    let (slot, session) = begin(&p11, 0);
    let mechanisms = p11.mechanisms(slot);
    assert!(!mechanisms.is_empty());
    for mechanism in mechanisms {
        let mut info = CK_MECHANISM_INFO::default();
        assert_eq!(ck!(p11, C_GetMechanismInfo(slot, mechanism, &mut info)), CKR_OK);
        assert_ne!(info.flags, 0);
    }
    let mut info = CK_SESSION_INFO::default();
    assert_eq!(ck!(p11, C_GetSessionInfo(session, &mut info)), CKR_OK);
    assert_eq!((info.slotID, info.state, info.flags), (slot, CKS_RO_PUBLIC_SESSION, CKF_SERIAL_SESSION));
    assert!(claimed(&p11, session).contains(&CKP_BASELINE_PROVIDER));
    let objects = p11.find(session, &Attributes::new());
    let stored = p11.find(session, &Attributes::new().flag(CKA_TOKEN, true));
    for object in &objects {
        let profile = p11.number(session, *object, CKA_CLASS) == CKO_PROFILE;
        assert_eq!(stored.contains(object), !profile);
        assert_eq!(p11.attribute(session, *object, CKA_TOKEN).is_ok(), !profile);
    }
    assert_eq!(ck!(p11, C_CloseSession(session)), CKR_OK);
    p11.finish();
});

// A profile object has the attributes of its table (4.14), and is no storage object.
service_test!(profile_objects_have_exactly_the_attributes_of_their_table, |emulator: &Emulator| {
    let p11 = P11::load();
    let (_, session) = begin(&p11, 0);
    assert!(p11.find(session, &Attributes::new().class(CKO_PROFILE).flag(CKA_TOKEN, true)).is_empty());
    let profiles = p11.find(session, &Attributes::new().class(CKO_PROFILE));
    assert_eq!(profiles.len(), 2);
    for profile in profiles {
        let has = |attribute: &CK_ATTRIBUTE_TYPE| p11.attribute(session, profile, *attribute).is_ok();
        let found: Vec<_> = (0..0x700).filter(has).collect();
        assert_eq!(found, [CKA_CLASS, CKA_UNIQUE_ID, CKA_PROFILE_ID]);
    }
    assert_eq!(emulator.requests().len(), 0);
});

// What of the case applies to a token that signs. By the letter it asks for RSA keys of 16384 bits and for encryption,
// so the profile is not claimed.
service_test!(ext_m_1_32_extended_provider, |_: &Emulator| {
    let p11 = P11::load();
    let (slot, session) = begin(&p11, CKF_RW_SESSION);
    assert!(!claimed(&p11, session).contains(&CKP_EXTENDED_PROVIDER));
    let pin = b"1234".as_ptr().cast_mut();
    assert_eq!(ck!(p11, C_Login(session, CKU_USER, pin, 4)), CKR_OK);
    let mut info = CK_SESSION_INFO::default();
    assert_eq!(ck!(p11, C_GetSessionInfo(session, &mut info)), CKR_OK);
    assert_eq!(info.state, CKS_RW_USER_FUNCTIONS);
    assert!(p11.mechanisms(slot).contains(&CKM_RSA_PKCS_KEY_PAIR_GEN));
    let mut random = [0u8; 32];
    assert_eq!(ck!(p11, C_GenerateRandom(session, random.as_mut_ptr(), 32)), CKR_OK);
    assert_ne!(random, [0; 32]);

    let public = Attributes::new()
        .flag(CKA_TOKEN, true)
        .label("ext-m-1-32")
        .number(CKA_MODULUS_BITS, 2048)
        .bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1])
        .flag(CKA_VERIFY, true);
    let private = Attributes::new().flag(CKA_TOKEN, true).label("ext-m-1-32").flag(CKA_SIGN, true);
    let made = p11.generate(session, CKM_RSA_PKCS_KEY_PAIR_GEN, public, private);
    let (public_key, private_key) = made.expect("a keypair");
    assert_eq!(p11.public_key(session, "ext-m-1-32"), public_key);
    let signature = p11.sign(session, CKM_SHA256_RSA_PKCS, private_key, b"data").expect("a signature");
    assert_eq!(p11.verify(session, CKM_SHA256_RSA_PKCS, public_key, b"data", &signature), Ok(()));
    assert_eq!(ck!(p11, C_Logout(session)), CKR_OK);
    assert_eq!(ck!(p11, C_CloseAllSessions(slot)), CKR_OK);
    p11.finish();
});

service_test!(cert_m_1_32_public_certificates_token, |_: &Emulator| {
    let p11 = P11::load();
    let (_, session) = begin(&p11, 0);
    assert!(claimed(&p11, session).contains(&CKP_PUBLIC_CERTIFICATES_TOKEN));
    let certificates =
        p11.find(session, &Attributes::new().class(CKO_CERTIFICATE).number(CKA_CERTIFICATE_TYPE, CKC_X_509));
    assert!(!certificates.is_empty(), "certificates are there without a login");
    for certificate in certificates {
        assert_eq!(p11.attribute(session, certificate, CKA_PRIVATE), Ok(vec![0]));
        for attribute in [CKA_VALUE, CKA_SUBJECT, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_ID, CKA_LABEL, CKA_PUBLIC_KEY_INFO]
        {
            let value = p11.attribute(session, certificate, attribute).expect("the attribute");
            assert!(!value.is_empty(), "{attribute:#x}");
        }
    }
    p11.finish();
});

service_test!(auth_m_1_32_authentication_token, [("STM_PKCS11_LOGIN", "password")], [], |emulator: &Emulator| {
    let p11 = P11::load();
    let (_, session) = begin(&p11, 0);
    assert_eq!(claimed(&p11, session), [CKP_BASELINE_PROVIDER, CKP_AUTHENTICATION_TOKEN]);
    assert!(p11.find(session, &Attributes::new().class(CKO_PRIVATE_KEY)).is_empty());
    let pin = std::env::var("SM_CLIENT_CERT_PASSWORD").expect("the PIN");
    let rv = ck!(p11, C_Login(session, CKU_USER, pin.as_ptr().cast_mut(), pin.len() as CK_ULONG));
    assert_eq!(rv, CKR_OK);
    let certificate = p11.object(session, CKO_CERTIFICATE, "demo-rsa-2048");
    let id = p11.attribute(session, certificate, CKA_ID).expect("an id");
    let keys = p11.find(session, &Attributes::new().class(CKO_PRIVATE_KEY).bytes(CKA_ID, &id).flag(CKA_SIGN, true));
    assert_eq!(keys.len(), 1, "the key of a certificate is found by its id");
    assert!(p11.sign(session, CKM_SHA256_RSA_PKCS, keys[0], b"challenge").is_ok());
    assert_eq!(ck!(p11, C_Logout(session)), CKR_OK);
    assert_eq!(ck!(p11, C_Finalize(null_mut())), CKR_OK);
    assert_eq!(emulator.signs(), 1);
});
