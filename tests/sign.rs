//! Signing through the built library, checked by implementations that the library does not use.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

use cryptoki_sys::*;
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
        let all = p11.find(session, &Attributes::new());
        assert!(all.len() > 10, "slot {slot}: {}", all.len());
        for object in all {
            assert!(p11.attribute(session, object, CKA_UNIQUE_ID).is_ok());
            let class = p11.number(session, object, CKA_CLASS);
            if class == CKO_PRIVATE_KEY {
                assert_eq!(p11.attribute(session, object, CKA_SENSITIVE), Ok(vec![1]));
            }
        }
    }
});
