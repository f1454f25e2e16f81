//! Keypairs in lists that show less than there is, and public keys in other dresses.

use super::guess::Ask::*;
use super::guess::*;
use crate::front::reply::{Asked, Reply};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Certificates that a list leaves out.
pub const CERTIFICATES: &[Guess] = &[
    signs("a list has certificates as stubs, without `cert`", Label, 3, |a| in_lists(a, stub)),
    signs("a list has certificates as stubs, without `cert`", Certificates, 3, |a| in_lists(a, stub)).warns(READ),
    signs("a list has `certificates: []` and no count", Label, 3, |a| {
        in_lists(a, |k| {
            none(k);
            without(k, COUNT)
        })
    }),
    signs("a list has `certificates: []` and no count", Certificates, 3, |a| {
        in_lists(a, |k| {
            none(k);
            without(k, COUNT)
        })
    })
    .warns(READ),
    signs("a list has `certificates: []`, and the count is right", Label, 3, |a| in_lists(a, none)),
    signs("a list has `certificates: []`, and the count is right", Certificates, 3, |a| in_lists(a, none)).warns(READ),
    signs("a list has no `certificates`", Label, 3, |a| in_lists(a, |k| without(k, "certificates"))),
    signs("a list has no `certificates`", Certificates, 3, |a| in_lists(a, |k| without(k, "certificates"))).warns(READ),
    signs("a list has one certificate fewer than `number_of_active_certificates`", Label, 3, |a| {
        in_lists(a, |k| k[COUNT] = 2.into())
    }),
    signs("a list has stubs, and `GET /keypairs/{id}` is refused (403)", Label, 3, |a| {
        if a.keypair() { refuse(403, "access_denied", "not for you") } else { in_lists(a, stub) }
    })
    .warns("is used as the list shows it"),
    signs("a list has stubs, and `GET /certificates` is refused (403)", List, 3, |a| {
        if a.path == "/certificates" { refuse(403, "access_denied", "not for you") } else { in_lists(a, stub) }
    })
    .warns("still incomplete"),
    signs("no response has a certificate", Label, 3, |a| {
        unless(a.lists_keypairs() || a.keypair(), || {
            each_keypair(|k| {
                none(k);
                without(k, COUNT)
            })
        })
    }),
];

/// Public keys that are no SubjectPublicKeyInfo in base64.
pub const KEYS: &[Guess] = &[
    signs("`public_key` is PEM", Label, 2, |a| key(a, pem)),
    signs("`public_key` is PEM", Rsa, 2, |a| key(a, pem)),
    signs("`public_key` is base64 of PEM", Label, 2, |a| key(a, |der| STANDARD.encode(pem(der)))),
    signs("`public_key` is hexadecimal", Label, 2, |a| key(a, hex)),
    signs("`public_key` is hexadecimal", Rsa, 2, |a| key(a, hex)),
    signs("`public_key` is the bare EC point in base64", Label, 2, |a| key(a, |der| STANDARD.encode(point(der)))),
    signs("`public_key` is the bare EC point in hexadecimal", Label, 2, |a| key(a, |der| hex(point(der)))),
    signs("`public_key` is an RSAPublicKey (PKCS#1)", Rsa, 2, |a| key(a, |der| STANDARD.encode(&der[24..]))),
    signs("`public_key` is missing, and the certificate has it", Label, 2, |a| {
        unless(a.lists_keypairs() || a.keypair(), || each_keypair(|k| without(k, "public_key")))
    }),
    signs("`public_key` is not a key, and the certificate has it", Label, 2, |a| key(a, |_| "01:hsm".to_owned())),
    signs("`public_key` is not a key, and the certificate has it", List, 2, |a| {
        unless(a.lists_keypairs() || a.keypair(), || {
            each_keypair(|k| {
                if k["certificates"].as_array().is_some_and(|all| !all.is_empty()) {
                    k["public_key"] = "01:hsm".into();
                }
            })
        })
    }),
    signs("a list has neither `public_key` nor certificates", Label, 3, |a| {
        in_lists(a, |k| {
            none(k);
            without(k, COUNT);
            without(k, "public_key")
        })
    }),
    signs("a list has neither `public_key` nor certificates", List, 18, |a| {
        in_lists(a, |k| {
            none(k);
            k[COUNT] = 0.into();
            without(k, "public_key")
        })
    })
    .warns(READ),
    fails(
        "no response has a readable key",
        Label,
        Outcome::FindsNothing,
        "exists, but the module cannot show it",
        2,
        |a| {
            unless(a.lists_keypairs() || a.keypair(), || {
                each_keypair(|k| {
                    none(k);
                    k[COUNT] = 0.into();
                    k["public_key"] = "01:hsm".into()
                })
            })
        },
    ),
    signs("a keypair is dynamic: its key changes after each signature", Twice, 4, |a| {
        unless(a.lists_keypairs(), || each_keypair(|k| k["key_modal_type"] = "DYNAMIC".into()))
    }),
];

const COUNT: &str = "number_of_active_certificates";
const READ: &str = "the module reads these separately";

/// No certificates, whatever the count says.
fn none(keypair: &mut Value) {
    keypair["certificates"] = json!([]);
}

fn stub(keypair: &mut Value) {
    for certificate in keypair["certificates"].as_array_mut().expect("certificates") {
        *certificate = json!({"id": certificate["id"], "alias": certificate["alias"]});
    }
}

/// Another dress for the public key, in every answer.
fn key(asked: &Asked, dress: fn(&[u8]) -> String) -> Reply {
    unless(asked.lists_keypairs() || asked.keypair(), || {
        each_keypair(move |keypair| {
            let der = STANDARD.decode(keypair["public_key"].as_str().expect("a key")).expect("base64");
            keypair["public_key"] = dress(&der).into();
        })
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn point(der: &[u8]) -> &[u8] {
    &der[der.len() - 65..]
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}
