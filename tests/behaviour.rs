//! The service's other behaviours, one emulator switch each: the module must find its keys and sign, with no
//! unnecessary requests. All other tests run with the strict default.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

use cryptoki_sys::*;
use support::template::Attributes;
use support::{Emulator, P11};

/// More keypairs than one page has.
const MORE: usize = 130;

/// Signs with a key found by its label, finds its certificate, and lists all keys in another run of the library. The
/// numbers are limits for the requests until the first signature, and for the listing.
fn works(emulator: &Emulator, until_signed: usize, listing: usize) {
    for label in ["demo-rsa-2048", "demo-ec-p256"] {
        emulator.clear();
        let p11 = P11::start();
        let session = p11.open(0);
        let key = p11.private_key(session, label);
        let mechanism = if label.contains("rsa") { CKM_SHA256_RSA_PKCS } else { CKM_ECDSA_SHA256 };
        let signature = p11.sign(session, mechanism, key, b"data").unwrap();
        let requests = emulator.requests();
        assert!(requests.len() <= until_signed, "{label}: {requests:#?}");
        assert_eq!(emulator.signs(), 1, "{label}: {requests:#?}");
        let public = p11.public_key(session, label);
        p11.verify(session, mechanism, public, b"data", &signature).unwrap();
        let certificate = p11.object(session, CKO_CERTIFICATE, label);
        assert!(p11.attribute(session, certificate, CKA_VALUE).unwrap().len() > 300, "{label}");
        p11.finish();
    }
    let seed = format!(r#"{{"keypairs": {MORE}, "prefix": "many-"}}"#);
    emulator.call("POST", "/seed", &seed);
    emulator.clear();
    let p11 = P11::start();
    let session = p11.open(0);
    let keys = p11.find(session, &Attributes::new().class(CKO_PRIVATE_KEY));
    let labels: Vec<Vec<u8>> = keys.iter().map(|key| p11.attribute(session, *key, CKA_LABEL).unwrap()).collect();
    let many = labels.iter().filter(|label| label.starts_with(b"many-")).count();
    assert_eq!(many, MORE, "{:#?}", emulator.requests());
    let requests = emulator.requests();
    assert!(requests.len() <= listing, "{requests:#?}");
    p11.finish();
}

/// A test for each behaviour: options, requests until the first signature, requests of the listing.
macro_rules! behaviours {
    ($($name:ident [$($option:expr),*] $until_signed:expr, $listing:expr;)*) => {$(
        service_test!($name, [("STM_PKCS11_CACHE", "off")], [$($option),*], |emulator: &Emulator| {
            works(emulator, $until_signed, $listing);
        });
    )*};
}

behaviours! {
    the_strict_default [] 2, 2;
    an_api_key_is_required ["--require-api-key"] 2, 2;
    a_large_limit_is_refused ["--over-limit", "refuse"] 2, 2;
    a_limit_over_20_is_refused ["--over-limit", "refuse", "--page-limit", "20"] 2, 11;
    a_large_limit_is_clamped ["--over-limit", "clamp", "--page-limit", "50"] 2, 3;
    a_large_limit_is_ignored ["--over-limit", "ignore", "--page-limit", "50"] 2, 9;
    a_large_limit_makes_the_service_fail ["--over-limit", "fail", "--page-limit", "20"] 2, 11;
    an_unknown_parameter_is_ignored ["--unknown-parameter", "ignore"] 2, 2;
    an_alias_selects_more_than_itself ["--alias-match", "contains"] 2, 2;
    an_alias_selects_nothing ["--alias-match", "ignore"] 2, 2;
    an_alias_is_refused ["--alias-match", "refuse"] 3, 2;
    total_is_of_the_page ["--total", "page"] 2, 2;
    total_is_missing ["--total", "missing"] 2, 2;
    certificates_are_stubs_in_lists ["--listed-certificates", "stubs"] 3, 4;
    certificates_are_missing_in_lists ["--listed-certificates", "none"] 3, 4;
    public_keys_are_missing_in_lists ["--no-listed-public-key"] 3, 4;
    answers_are_in_an_object ["--wrapped-answers", "data"] 2, 2;
    answers_are_in_a_list ["--wrapped-answers", "list"] 2, 2;
    signatures_are_asynchronous ["--asynchronous-signatures", "2"] 5, 2;
    records_are_late ["--asynchronous-signatures", "1", "--late-records", "2"] 6, 2;
    unknown_paths_are_web_pages ["--unknown-path", "web-page"] 2, 2;
}
