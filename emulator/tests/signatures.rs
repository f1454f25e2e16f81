//! Every sig_alg with every key that it fits, each signature checked by OpenSSL or another implementation than the one
//! that made it.

mod common;

use common::{Directory, Emulator, openssl, unbase64};
use sha2::Digest as _;

/// Digests and how OpenSSL and `sig_alg` call them.
const DIGESTS: &[(&str, &str, usize)] = &[
    ("SHA1", "sha1", 20),
    ("SHA224", "sha224", 28),
    ("SHA256", "sha256", 32),
    ("SHA384", "sha384", 48),
    ("SHA512", "sha512", 64),
    ("SHA3-224", "sha3-224", 28),
    ("SHA3-256", "sha3-256", 32),
    ("SHA3-384", "sha3-384", 48),
    ("SHA3-512", "sha3-512", 64),
];

/// A signature before OpenSSL, with the public key that the API shows.
struct Court<'a> {
    directory: &'a Directory,
    emulator: &'a Emulator,
}

impl Court<'_> {
    /// Whether `openssl pkeyutl -verify` with these options accepts the signature.
    fn accepts(&self, alias: &str, hash: &[u8], signature: &[u8], options: &[&str]) -> bool {
        let path = |name: &str| self.directory.path(&format!("{alias}-{name}")).display().to_string();
        let keypair = self.emulator.keypair(alias);
        std::fs::write(path("key"), unbase64(keypair["public_key"].as_str().unwrap())).unwrap();
        std::fs::write(path("hash"), hash).unwrap();
        std::fs::write(path("signature"), signature).unwrap();
        let (key, hash, signature) = (path("key"), path("hash"), path("signature"));
        let fixed =
            ["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", &key, "-in", &hash, "-sigfile", &signature];
        openssl(&[&fixed, options].concat()).status.success()
    }

    /// What the type-1 padding of an RSA signature holds.
    fn inside(&self, alias: &str, signature: &[u8]) -> Vec<u8> {
        let path = |name: &str| self.directory.path(&format!("{alias}-{name}")).display().to_string();
        std::fs::write(path("signature"), signature).unwrap();
        let options = ["pkeyutl", "-verifyrecover", "-pubin", "-keyform", "DER"];
        openssl(&[&options[..], &["-inkey", &path("key"), "-in", &path("signature")]].concat()).stdout
    }

    /// Asserts that the signature is good, and that it is not for another hash.
    fn judge(&self, alias: &str, sig_alg: &str, hash: &[u8], options: &[&str]) {
        let signature = self.emulator.sign(alias, sig_alg, hash);
        assert!(self.accepts(alias, hash, &signature, options), "{alias} {sig_alg}");
        let mut other = hash.to_vec();
        other[0] ^= 1;
        assert!(!self.accepts(alias, &other, &signature, options), "{alias} {sig_alg} accepts another hash");
    }
}

/// Some bytes that look like a digest.
fn hash(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 37 + 11) as u8).collect()
}

#[test]
fn openssl_accepts_every_rsa_signature() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &[]);
    let court = Court { directory: &directory, emulator: &emulator };
    for bits in ["2048", "3072", "4096"] {
        let alias = format!("demo-rsa-{bits}");
        // All digests on the smallest key, one on the others: the padding does not depend on the size.
        for (name, digest, length) in DIGESTS.iter().filter(|(name, ..)| bits == "2048" || *name == "SHA256") {
            let option = format!("digest:{digest}");
            court.judge(&alias, &format!("{name}WithRSA"), &hash(*length), &["-pkeyopt", &option]);
            let mgf = format!("rsa_mgf1_md:{digest}");
            let pss = [
                "-pkeyopt",
                "rsa_padding_mode:pss",
                "-pkeyopt",
                &option,
                "-pkeyopt",
                &mgf,
                "-pkeyopt",
                "rsa_pss_saltlen:digest",
            ];
            court.judge(&alias, &format!("{name}WithRSA/PSS"), &hash(*length), &pss);
        }
    }
    court.judge("demo-rsa-2048", "NONEWithRSA", &hash(36), &[]);
    // OpenSSL does not compare more than 64 bytes, but it shows what is inside the padding.
    let signature = emulator.sign("demo-rsa-2048", "NONEWithRSA", &hash(245));
    assert_eq!(court.inside("demo-rsa-2048", &signature), hash(245));
    let options = ["rsa_padding_mode:pss", "digest:sha384", "rsa_pss_saltlen:digest"];
    let options: Vec<&str> = options.iter().flat_map(|option| ["-pkeyopt", option]).collect();
    court.judge("demo-rsa-2048", "NONEwithRSASSA-PSS", &hash(48), &options);
}

#[test]
fn openssl_accepts_every_ecdsa_signature() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &[]);
    let court = Court { directory: &directory, emulator: &emulator };
    for alias in ["demo-ec-p256", "demo-ec-p384", "demo-ec-p521"] {
        for (name, _, length) in DIGESTS {
            court.judge(alias, &format!("{name}WithECDSA"), &hash(*length), &[]);
        }
        for length in [1, 31, 64] {
            court.judge(alias, "NONEWithECDSA", &hash(length), &[]);
        }
    }
}

/// OpenSSL's command line takes no hash of more than 64 bytes, so another judge is needed.
#[test]
fn ecdsa_cuts_long_bytes_to_the_length_of_the_curve() {
    use p256::ecdsa::signature::hazmat::PrehashVerifier;
    use rsa::pkcs8::DecodePublicKey;

    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &[]);
    macro_rules! judge {
        ($curve:ident, $alias:literal) => {
            let spki = unbase64(emulator.keypair($alias)["public_key"].as_str().unwrap());
            let key = $curve::ecdsa::VerifyingKey::from_public_key_der(&spki).unwrap();
            for length in [65, 66, 67, 100] {
                let signature = emulator.sign($alias, "NONEWithECDSA", &hash(length));
                let signature = $curve::ecdsa::Signature::from_der(&signature).unwrap();
                key.verify_prehash(&hash(length), &signature).unwrap();
                assert!(key.verify_prehash(&hash(length - 1)[1..], &signature).is_err());
            }
        };
    }
    judge!(p256, "demo-ec-p256");
    judge!(p384, "demo-ec-p384");
    judge!(p521, "demo-ec-p521");
}

#[test]
fn ed25519_signs_the_bytes_and_ed25519ph_the_sha512_of_a_message() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &[]);
    let court = Court { directory: &directory, emulator: &emulator };
    for (sig_alg, length) in [("Ed25519", 5), ("ED25519", 32), ("ed25519", 3000)] {
        court.judge("demo-ed25519", sig_alg, &hash(length), &["-rawin"]);
    }

    let prehash: [u8; 64] = sha2::Sha512::digest(b"a message").into();
    let signature = emulator.sign("demo-ed25519", "Ed25519ph", &prehash);
    let spki = unbase64(emulator.keypair("demo-ed25519")["public_key"].as_str().unwrap());
    let public: [u8; 32] = spki[spki.len() - 32..].try_into().unwrap();
    let public = ed25519_dalek::VerifyingKey::from_bytes(&public).unwrap();
    let signature = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    let hasher = sha2::Sha512::new_with_prefix(b"a message");
    public.verify_prehashed_strict(hasher, None, &signature).unwrap();
    let other = sha2::Sha512::new_with_prefix(b"another message");
    assert!(public.verify_prehashed_strict(other, None, &signature).is_err());
}

#[test]
fn the_newer_algorithms_sign_the_bytes_with_an_empty_context() {
    use ml_dsa::{MlDsa44, MlDsa65, MlDsa87, MlDsaParams, Verifier, VerifyingKey};
    use rsa::pkcs8::DecodePublicKey;

    fn ml_dsa<
        P: MlDsaParams + ml_dsa::pkcs8::spki::AssociatedAlgorithmIdentifier<Params = ml_dsa::pkcs8::der::AnyRef<'static>>,
    >(
        emulator: &Emulator,
        level: u32,
        signature_len: usize,
    ) {
        let alias = format!("demo-ml-dsa-{level}");
        let message = hash(200);
        let signature = emulator.sign(&alias, &format!("MLDSA{level}"), &message);
        assert_eq!(signature.len(), signature_len);
        let spki = unbase64(emulator.keypair(&alias)["public_key"].as_str().unwrap());
        let key = VerifyingKey::<P>::from_public_key_der(&spki).unwrap();
        let signature = ml_dsa::Signature::<P>::try_from(signature.as_slice()).unwrap();
        key.verify(&message, &signature).unwrap();
        assert!(key.verify(b"another message", &signature).is_err());
    }

    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "full"]);
    ml_dsa::<MlDsa44>(&emulator, 44, 2420);
    ml_dsa::<MlDsa65>(&emulator, 65, 3309);
    ml_dsa::<MlDsa87>(&emulator, 87, 4627);

    let signature = emulator.sign("demo-slh-dsa", "SLHDSA", b"a message");
    let spki = unbase64(emulator.keypair("demo-slh-dsa")["public_key"].as_str().unwrap());
    let key = slh_dsa::VerifyingKey::<slh_dsa::Sha2_128f>::from_public_key_der(&spki).unwrap();
    let signature = slh_dsa::Signature::try_from(signature.as_slice()).unwrap();
    key.try_verify_with_context(b"a message", b"", &signature).unwrap();
    assert!(key.try_verify_with_context(b"another message", b"", &signature).is_err());
}

#[test]
fn a_signature_algorithm_may_be_written_in_any_case_and_is_recorded_as_it_was_written() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &[]);
    for spelling in ["SHA256withRSA", "sha256withrsa", "SHA256WithRSA"] {
        emulator.sign("demo-rsa-2048", spelling, &hash(32));
    }
    let recorded = emulator.admin("GET", "/signatures", None).json();
    let spellings: Vec<&str> = recorded.as_array().unwrap().iter().map(|s| s["sig_alg"].as_str().unwrap()).collect();
    assert_eq!(spellings, ["SHA256withRSA", "sha256withrsa", "SHA256WithRSA"]);
}

#[test]
fn a_hash_of_the_wrong_length_and_an_algorithm_of_another_family_are_refused() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &[]);
    for (alias, sig_alg, length) in [
        ("demo-rsa-2048", "SHA256WithRSA", 20),
        ("demo-rsa-2048", "SHA512WithRSA/PSS", 32),
        ("demo-rsa-2048", "NONEWithRSA", 246),
        ("demo-rsa-2048", "NONEWithRSASSA-PSS", 33),
        ("demo-ec-p256", "SHA384WithECDSA", 32),
        ("demo-ed25519", "Ed25519ph", 32),
    ] {
        let answer = emulator.try_sign(alias, sig_alg, &hash(length));
        assert_eq!(answer.status, 400, "{alias} {sig_alg}");
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(&format!("{length} bytes")), "{message}");
    }
    for (alias, sig_alg) in [
        ("demo-rsa-2048", "SHA256WithECDSA"),
        ("demo-ec-p256", "SHA256WithRSA"),
        ("demo-ed25519", "SHA256WithECDSA"),
        ("demo-rsa-2048", "MLDSA44"),
        ("demo-rsa-2048", "MD5WithRSA"),
    ] {
        let answer = emulator.try_sign(alias, sig_alg, &hash(32));
        assert_eq!(answer.status, 400, "{alias} {sig_alg}");
        assert_eq!(answer.json()["errors"][0]["code"], "INVALID_SIG_ALG");
    }
    assert_eq!(emulator.admin("GET", "/signatures", None).json(), serde_json::json!([]));
}
