//! Every mechanism, single- and multi-part, with the built library, verified by another implementation. Each signature
//! is exactly one `POST .../sign`; length queries and buffers that are too small cost none.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

use cryptoki_sys::*;
use std::ptr::null_mut;
use support::check::{self, HASHES, Hash};
use support::{Emulator, Mechanism, P11};

const DATA: &[u8] = b"what a release engineer signs on a Friday afternoon";

/// The mechanisms of a hash: PKCS#1 v1.5, PSS, ECDSA, and the hash itself.
fn mechanisms(hash: Hash) -> [CK_MECHANISM_TYPE; 4] {
    match hash {
        Hash::Sha1 => [CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS, CKM_ECDSA_SHA1, CKM_SHA_1],
        Hash::Sha224 => [CKM_SHA224_RSA_PKCS, CKM_SHA224_RSA_PKCS_PSS, CKM_ECDSA_SHA224, CKM_SHA224],
        Hash::Sha256 => [CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS, CKM_ECDSA_SHA256, CKM_SHA256],
        Hash::Sha384 => [CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS, CKM_ECDSA_SHA384, CKM_SHA384],
        Hash::Sha512 => [CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS, CKM_ECDSA_SHA512, CKM_SHA512],
        Hash::Sha3_224 => [CKM_SHA3_224_RSA_PKCS, CKM_SHA3_224_RSA_PKCS_PSS, CKM_ECDSA_SHA3_224, CKM_SHA3_224],
        Hash::Sha3_256 => [CKM_SHA3_256_RSA_PKCS, CKM_SHA3_256_RSA_PKCS_PSS, CKM_ECDSA_SHA3_256, CKM_SHA3_256],
        Hash::Sha3_384 => [CKM_SHA3_384_RSA_PKCS, CKM_SHA3_384_RSA_PKCS_PSS, CKM_ECDSA_SHA3_384, CKM_SHA3_384],
        Hash::Sha3_512 => [CKM_SHA3_512_RSA_PKCS, CKM_SHA3_512_RSA_PKCS_PSS, CKM_ECDSA_SHA3_512, CKM_SHA3_512],
    }
}

fn mgf(hash: Hash) -> CK_RSA_PKCS_MGF_TYPE {
    match hash {
        Hash::Sha1 => CKG_MGF1_SHA1,
        Hash::Sha224 => CKG_MGF1_SHA224,
        Hash::Sha256 => CKG_MGF1_SHA256,
        Hash::Sha384 => CKG_MGF1_SHA384,
        Hash::Sha512 => CKG_MGF1_SHA512,
        Hash::Sha3_224 => CKG_MGF1_SHA3_224,
        Hash::Sha3_256 => CKG_MGF1_SHA3_256,
        Hash::Sha3_384 => CKG_MGF1_SHA3_384,
        Hash::Sha3_512 => CKG_MGF1_SHA3_512,
    }
}

/// A key in a session, signing with a count.
struct Key<'a> {
    p11: &'a P11,
    emulator: &'a Emulator,
    session: CK_SESSION_HANDLE,
    private: CK_OBJECT_HANDLE,
    public: CK_OBJECT_HANDLE,
    spki: Vec<u8>,
}

impl<'a> Key<'a> {
    fn new(p11: &'a P11, emulator: &'a Emulator, slot: CK_SLOT_ID, label: &str) -> Self {
        let session = p11.open(slot);
        let private = p11.private_key(session, label);
        let public = p11.public_key(session, label);
        let spki = p11.attribute(session, private, CKA_PUBLIC_KEY_INFO).expect("the key");
        Self { p11, emulator, session, private, public, spki }
    }

    /// Signs in one part, and where the mechanism can in many; checks each with `good`, with `C_Verify`, and that a changed
    /// signature is refused. Counts the requests.
    fn check(&self, mechanism: impl Fn() -> Mechanism, data: &[u8], parts: bool, good: impl Fn(&[u8]) -> bool) {
        let what = format!("mechanism {:#x}", mechanism().raw().mechanism);
        self.emulator.clear();
        let single = self.p11.sign(self.session, mechanism(), self.private, data).expect(&what);
        assert_eq!(self.emulator.requests().len(), 1, "{what}");
        assert!(good(&single), "{what}");
        assert_eq!(self.p11.verify(self.session, mechanism(), self.public, data, &single), Ok(()), "{what}");
        let mut wrong = single.clone();
        wrong[7] ^= 1;
        assert_eq!(
            self.p11.verify(self.session, mechanism(), self.public, data, &wrong),
            Err(CKR_SIGNATURE_INVALID),
            "{what}"
        );
        let short = &single[1..];
        assert_eq!(
            self.p11.verify(self.session, mechanism(), self.public, data, short),
            Err(CKR_SIGNATURE_LEN_RANGE),
            "{what}"
        );
        let multi = self.p11.sign_parts(self.session, mechanism(), self.private, data, 7);
        if parts {
            assert!(good(&multi.expect(&what)), "{what}");
            assert_eq!(self.emulator.requests().len(), 2, "{what}");
        } else {
            assert_eq!(multi, Err(CKR_OPERATION_NOT_INITIALIZED), "{what}");
            assert_eq!(self.emulator.requests().len(), 1, "{what}");
        }
    }
}

service_test!(rsa_pkcs1_signs_with_every_digest, |emulator: &Emulator| {
    let p11 = P11::start();
    for label in ["demo-rsa-2048", "demo-rsa-3072", "demo-rsa-4096"] {
        let key = Key::new(&p11, emulator, 0, label);
        for hash in HASHES {
            let info = hash.digest_info(DATA);
            let good = |signature: &[u8]| check::rsa_pkcs1(&key.spki, &info, signature);
            key.check(|| mechanisms(hash)[0].into(), DATA, true, good);
            key.check(|| CKM_RSA_PKCS.into(), &info, false, good);
        }
    }
});

service_test!(raw_rsa_pkcs1_signs_what_is_no_digest_info_as_it_is, |emulator: &Emulator| {
    let p11 = P11::start();
    let key = Key::new(&p11, emulator, 0, "demo-rsa-2048");
    let mut without_null = Hash::Sha256.digest_info(DATA);
    without_null.drain(15..17);
    without_null[1] -= 2;
    without_null[3] -= 2;
    for data in [&b"x"[..], &[7; 36], &[7; 32], &[7; 245], &without_null] {
        key.check(|| CKM_RSA_PKCS.into(), data, false, |signature| check::rsa_pkcs1(&key.spki, data, signature));
    }
    let mut raw = Mechanism::new(CKM_RSA_PKCS);
    assert_eq!(ck!(p11, C_SignInit(key.session, &mut raw.raw(), key.private)), CKR_OK);
    let mut len = 256;
    let mut room = [0; 256];
    let too_long = [7; 246];
    let rv = ck!(p11, C_Sign(key.session, too_long.as_ptr().cast_mut(), 246, room.as_mut_ptr(), &mut len));
    assert_eq!(rv, CKR_DATA_LEN_RANGE);
});

service_test!(rsa_pss_signs_with_every_digest, |emulator: &Emulator| {
    let p11 = P11::start();
    let key = Key::new(&p11, emulator, 0, "demo-rsa-3072");
    for hash in HASHES {
        let [_, hashed, _, plain] = mechanisms(hash);
        let good = |signature: &[u8]| check::rsa_pss(&key.spki, hash, DATA, signature);
        key.check(|| Mechanism::pss(hashed, plain, mgf(hash), hash.len()), DATA, true, good);
        key.check(|| Mechanism::pss(CKM_RSA_PKCS_PSS, plain, mgf(hash), hash.len()), &hash.of(DATA), false, good);
    }
});

service_test!(pss_parameters_that_the_service_cannot_do_are_refused, |emulator: &Emulator| {
    let p11 = P11::start();
    let key = Key::new(&p11, emulator, 0, "demo-rsa-2048");
    let refused = |mut mechanism: Mechanism| ck!(p11, C_SignInit(key.session, &mut mechanism.raw(), key.private));
    for bad in [
        Mechanism::new(CKM_SHA256_RSA_PKCS_PSS),
        Mechanism::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 20),
        Mechanism::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA1, 32),
        Mechanism::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA384, 48),
        Mechanism::pss(CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 0),
        Mechanism::pss(CKM_RSA_PKCS_PSS, CKM_MD5, CKG_MGF1_SHA256, 16),
        Mechanism::with(CKM_RSA_PKCS_PSS, 7u32),
        Mechanism::with(CKM_SHA256_RSA_PKCS, 7u32),
    ] {
        assert_eq!(refused(bad), CKR_MECHANISM_PARAM_INVALID);
    }
    assert_eq!(emulator.signs(), 0);
});

// A suite that probes a thousand parameters fills no screen; the log keeps every line.
service_test!(a_refusal_that_is_met_again_is_counted_on_stderr_and_stands_in_full_in_the_log, |emulator: &Emulator| {
    const TIMES: usize = 123;
    let folder = tempfile::tempdir().expect("a folder");
    unsafe { std::env::set_var("SM_LOG_DIR", folder.path()) };
    let said = folder.path().join("stderr");
    let file = std::fs::File::create(&said).expect("a file");
    let stderr = unsafe { libc::dup(2) };
    assert_eq!(unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&file), 2) }, 2);
    let p11 = P11::start();
    let key = Key::new(&p11, emulator, 0, "demo-rsa-2048");
    let refused = (0..TIMES).all(|_| {
        let mut mechanism = Mechanism::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 20);
        ck!(p11, C_SignInit(key.session, &mut mechanism.raw(), key.private)) == CKR_MECHANISM_PARAM_INVALID
    });
    p11.finish();
    assert_eq!(unsafe { libc::dup2(stderr, 2) }, 2);
    assert!(refused);
    let said = std::fs::read_to_string(said).expect("what was said");
    let lines: Vec<_> = said.lines().filter(|line| line.contains("PSS with SHA-256")).collect();
    let (first, rest) = lines.split_first().expect("a first line");
    assert!(first.contains("salt") && !first.contains("more like this"), "{first}");
    // At 10, at 100, and at the end of the run.
    let counts: Vec<_> = rest.iter().filter_map(|line| line.split_once(" more like this: ")).collect();
    assert_eq!(counts.len(), rest.len(), "{said}");
    let told: Vec<_> = counts.iter().map(|(before, _)| before.rsplit(' ').next().unwrap_or_default()).collect();
    assert_eq!(told, ["10", "100", "122"], "{said}");
    let log = std::fs::read_to_string(folder.path().join("smpkcs11.log")).expect("a log");
    let whole = log.lines().filter(|line| line.contains(" ERROR ") && line.contains("CKR_MECHANISM_PARAM_INVALID"));
    assert_eq!(whole.filter(|line| !line.contains("more like this")).count(), TIMES);
});

service_test!(ecdsa_signs_on_every_curve_with_every_digest, |emulator: &Emulator| {
    let p11 = P11::start();
    for label in ["demo-ec-p256", "demo-ec-p384", "demo-ec-p521"] {
        let key = Key::new(&p11, emulator, 0, label);
        for hash in HASHES {
            let digest = hash.of(DATA);
            let good = |signature: &[u8]| check::ecdsa(&key.spki, &digest, signature);
            key.check(|| mechanisms(hash)[2].into(), DATA, true, good);
            key.check(|| CKM_ECDSA.into(), &digest, false, good);
        }
    }
});

service_test!(ecdsa_halves_keep_their_length_whatever_r_and_s_are, |emulator: &Emulator| {
    let p11 = P11::start();
    // Among 64 signatures some have a high bit and some a leading zero in r or s.
    for (label, half) in [("demo-ec-p256", 32), ("demo-ec-p384", 48), ("demo-ec-p521", 66)] {
        let key = Key::new(&p11, emulator, 0, label);
        for number in 0..64u8 {
            let digest = Hash::Sha256.of(&[number]);
            let signature = p11.sign(key.session, CKM_ECDSA, key.private, &digest).unwrap();
            assert_eq!(signature.len(), 2 * half);
            assert!(check::ecdsa(&key.spki, &digest, &signature), "{label} {number}");
        }
    }
});

service_test!(ed25519_signs_messages_and_prehashed_messages, |emulator: &Emulator| {
    let p11 = P11::start();
    let key = Key::new(&p11, emulator, 1, "demo-ed25519");
    let params = |prehash| {
        Mechanism::with(CKM_EDDSA, CK_EDDSA_PARAMS { phFlag: prehash, ulContextDataLen: 0, pContextData: null_mut() })
    };
    let pure = |signature: &[u8]| check::ed25519(&key.spki, DATA, false, signature);
    key.check(|| CKM_EDDSA.into(), DATA, true, pure);
    key.check(|| params(CK_FALSE), DATA, true, pure);
    key.check(|| params(CK_TRUE), DATA, true, |signature| check::ed25519(&key.spki, DATA, true, signature));
    let context = [1u8; 3];
    let mut bad = Mechanism::with(
        CKM_EDDSA,
        CK_EDDSA_PARAMS { phFlag: CK_FALSE, ulContextDataLen: 3, pContextData: context.as_ptr().cast_mut() },
    );
    assert_eq!(ck!(p11, C_SignInit(key.session, &mut bad.raw(), key.private)), CKR_MECHANISM_PARAM_INVALID);
});

// The functions that take a message in parts, with the mechanisms that send it whole; and their bound.
service_test!(messages_that_are_sent_whole_are_taken_in_parts_up_to_a_bound, |emulator: &Emulator| {
    const MOST: usize = 1 << 20;
    let p11 = P11::start();
    for (label, mechanism) in
        [("demo-ed25519", CKM_EDDSA), ("demo-ml-dsa-44", CKM_ML_DSA), ("demo-slh-dsa", CKM_SLH_DSA)]
    {
        let key = Key::new(&p11, emulator, 1, label);
        let session = key.session;
        let signature = p11.sign_parts(session, mechanism, key.private, DATA, 20).expect(label);
        let (given, len) = (signature.as_ptr().cast_mut(), signature.len() as CK_ULONG);
        let parts =
            [&DATA[..20], &DATA[20..40], &DATA[40..]].map(|part| (part.as_ptr().cast_mut(), part.len() as CK_ULONG));
        let mut own = Mechanism::new(mechanism);
        let own = &mut own.raw();
        assert_eq!(ck!(p11, C_VerifyInit(session, own, key.public)), CKR_OK);
        for (part, len) in parts {
            assert_eq!(ck!(p11, C_VerifyUpdate(session, part, len)), CKR_OK, "{label}");
        }
        assert_eq!(ck!(p11, C_VerifyFinal(session, given, len)), CKR_OK, "{label}");
        assert_eq!(ck!(p11, C_VerifySignatureInit(session, own, key.public, given, len)), CKR_OK);
        for (part, len) in parts {
            assert_eq!(ck!(p11, C_VerifySignatureUpdate(session, part, len)), CKR_OK, "{label}");
        }
        assert_eq!(ck!(p11, C_VerifySignatureFinal(session)), CKR_OK, "{label}");
        assert_eq!(ck!(p11, C_MessageSignInit(session, own, key.private)), CKR_OK);
        assert_eq!(ck!(p11, C_SignMessageBegin(session, null_mut(), 0)), CKR_OK);
        let next = |(part, len), to, room| ck!(p11, C_SignMessageNext(session, null_mut(), 0, part, len, to, room));
        let mut again = vec![0u8; signature.len()];
        let mut room = len;
        assert_eq!(next(parts[0], null_mut(), null_mut()), CKR_OK, "{label}");
        assert_eq!(next(parts[1], null_mut(), null_mut()), CKR_OK, "{label}");
        assert_eq!(next(parts[2], again.as_mut_ptr(), &mut room), CKR_OK, "{label}");
        assert_eq!(ck!(p11, C_MessageSignFinal(session)), CKR_OK);
        assert_eq!(p11.verify(session, mechanism, key.public, DATA, &again), Ok(()), "{label}");

        let much = vec![7u8; MOST];
        assert_eq!(ck!(p11, C_SignInit(session, own, key.private)), CKR_OK);
        assert_eq!(ck!(p11, C_SignUpdate(session, much.as_ptr().cast_mut(), MOST as CK_ULONG)), CKR_OK);
        let rv = ck!(p11, C_SignUpdate(session, much.as_ptr().cast_mut(), 1));
        assert_eq!(rv, CKR_TOKEN_RESOURCE_EXCEEDED, "{label}");
        assert_eq!(ck!(p11, C_SignFinal(session, null_mut(), &mut room)), CKR_OPERATION_NOT_INITIALIZED, "{label}");
        let more = [much.as_slice(), &[7]].concat();
        assert_eq!(p11.sign(session, mechanism, key.private, &more), Err(CKR_TOKEN_RESOURCE_EXCEEDED), "{label}");
    }
    assert_eq!(emulator.signs(), 6);
});

service_test!(a_refusal_of_empty_data_is_about_the_data, |emulator: &Emulator| {
    let p11 = P11::start();
    // There may be a signature of nothing: the service is asked.
    for (slot, label, mechanism, asked) in [
        (0, "demo-rsa-2048", CKM_RSA_PKCS, 1),
        (1, "demo-ed25519", CKM_EDDSA, 1),
        (1, "demo-ml-dsa-44", CKM_ML_DSA, 1),
        (1, "demo-slh-dsa", CKM_SLH_DSA, 1),
        (0, "demo-ec-p256", CKM_ECDSA, 0),
    ] {
        let key = Key::new(&p11, emulator, slot, label);
        emulator.clear();
        assert_eq!(p11.sign(key.session, mechanism, key.private, b""), Err(CKR_DATA_LEN_RANGE), "{label}");
        assert_eq!(emulator.signs(), asked, "{label}");
    }
});

service_test!(ecdsa_signatures_verify_in_their_short_form, |emulator: &Emulator| {
    let p11 = P11::start();
    let key = Key::new(&p11, emulator, 0, "demo-ec-p521");
    let verify = |signature: &[u8]| p11.verify(key.session, CKM_ECDSA_SHA256, key.public, DATA, signature);
    // Of four signatures of P-521 one has a leading zero byte in both halves.
    let signature = (0..200)
        .map(|_| p11.sign(key.session, CKM_ECDSA_SHA256, key.private, DATA).expect("a signature"))
        .inspect(|signature| assert_eq!(signature.len(), 132))
        .find(|signature| signature[0] == 0 && signature[66] == 0)
        .expect("one in four");
    let short = [&signature[1..66], &signature[67..]].concat();
    assert_eq!(verify(&signature), Ok(()));
    assert_eq!(verify(&short), Ok(()));
    let mut wrong = short.clone();
    wrong[5] ^= 1;
    assert_eq!(verify(&wrong), Err(CKR_SIGNATURE_INVALID));
    for len in [0, 1, 129, 131] {
        assert_eq!(verify(&signature[..len]), Err(CKR_SIGNATURE_LEN_RANGE), "{len}");
    }
    assert_eq!(verify(&[&signature[..], &[0, 0]].concat()), Err(CKR_SIGNATURE_LEN_RANGE));
    assert_eq!(verify(&signature[..2]), Err(CKR_SIGNATURE_INVALID));
});

service_test!(ecdsa_of_long_data_is_that_of_its_leftmost_bits, |emulator: &Emulator| {
    let p11 = P11::start();
    for (label, half) in [("demo-ec-p256", 32), ("demo-ec-p384", 48)] {
        let key = Key::new(&p11, emulator, 0, label);
        let data: Vec<u8> = (0..=255).cycle().take(5000).collect();
        for len in [1, 31, 32, 33, 48, 63, 64, 65, 66, 100, 5000] {
            let data = &data[..len];
            let signature = p11.sign(key.session, CKM_ECDSA, key.private, data).expect("a signature");
            assert!(check::ecdsa(&key.spki, &data[..len.min(half)], &signature), "{label} {len}");
            assert_eq!(p11.verify(key.session, CKM_ECDSA, key.public, data, &signature), Ok(()), "{label} {len}");
        }
        assert_eq!(p11.sign(key.session, CKM_ECDSA, key.private, b""), Err(CKR_DATA_LEN_RANGE));
    }
    let key = Key::new(&p11, emulator, 0, "demo-ec-p521");
    assert_eq!(p11.sign(key.session, CKM_ECDSA, key.private, &[7; 65]), Err(CKR_DATA_LEN_RANGE));
});

service_test!(ml_dsa_signs_with_every_parameter_set, |emulator: &Emulator| {
    let p11 = P11::start();
    for label in ["demo-ml-dsa-44", "demo-ml-dsa-65", "demo-ml-dsa-87"] {
        let key = Key::new(&p11, emulator, 1, label);
        let good = |signature: &[u8]| check::ml_dsa(&key.spki, DATA, signature);
        key.check(|| CKM_ML_DSA.into(), DATA, true, good);
        let hedged =
            CK_SIGN_ADDITIONAL_CONTEXT { hedgeVariant: CKH_HEDGE_REQUIRED, pContext: null_mut(), ulContextLen: 0 };
        key.check(|| Mechanism::with(CKM_ML_DSA, hedged), DATA, true, good);
    }
});

service_test!(slh_dsa_signs, |emulator: &Emulator| {
    let p11 = P11::start();
    let key = Key::new(&p11, emulator, 1, "demo-slh-dsa");
    key.check(|| CKM_SLH_DSA.into(), DATA, true, |signature| signature.len() > 7000);
});

service_test!(digests_are_those_of_another_implementation, |emulator: &Emulator| {
    let p11 = P11::start();
    let session = p11.open(0);
    for hash in HASHES {
        assert_eq!(p11.digest(session, mechanisms(hash)[3], DATA), Ok(hash.of(DATA)), "{hash:?}");
        assert_eq!(p11.digest(session, mechanisms(hash)[3], b""), Ok(hash.of(b"")), "{hash:?}");
    }
    assert_eq!(emulator.requests().len(), 0);
});

service_test!(messages_are_signed_one_after_the_other_with_one_key, |emulator: &Emulator| {
    let p11 = P11::start();
    let key = Key::new(&p11, emulator, 0, "demo-ec-p256");
    let mut mechanism = Mechanism::new(CKM_ECDSA_SHA256);
    assert_eq!(ck!(p11, C_MessageSignInit(key.session, &mut mechanism.raw(), key.private)), CKR_OK);
    emulator.clear();
    for message in [&b"one"[..], b"two"] {
        let (mut signature, mut len) = ([0u8; 64], 64);
        let data = message.as_ptr().cast_mut();
        let rv = ck!(p11, C_SignMessage(key.session, null_mut(), 0, data, 3, signature.as_mut_ptr(), &mut len));
        assert_eq!((rv, len), (CKR_OK, 64));
        assert!(check::ecdsa(&key.spki, &Hash::Sha256.of(message), &signature));
    }
    assert_eq!(ck!(p11, C_SignMessageBegin(key.session, null_mut(), 0)), CKR_OK);
    assert_eq!(ck!(p11, C_SignMessageBegin(key.session, null_mut(), 0)), CKR_OPERATION_ACTIVE);
    let part = b"par".as_ptr().cast_mut();
    assert_eq!(ck!(p11, C_SignMessageNext(key.session, null_mut(), 0, part, 3, null_mut(), null_mut())), CKR_OK);
    let (mut signature, mut len) = ([0u8; 64], 0);
    let last = b"ts".as_ptr().cast_mut();
    assert_eq!(ck!(p11, C_SignMessageNext(key.session, null_mut(), 0, last, 2, null_mut(), &mut len)), CKR_OK);
    assert_eq!(len, 64);
    let to = signature.as_mut_ptr();
    assert_eq!(ck!(p11, C_SignMessageNext(key.session, null_mut(), 0, last, 2, to, &mut len)), CKR_OK);
    assert!(check::ecdsa(&key.spki, &Hash::Sha256.of(b"parts"), &signature));
    assert_eq!(ck!(p11, C_MessageSignFinal(key.session)), CKR_OK);
    assert_eq!(ck!(p11, C_MessageSignFinal(key.session)), CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(emulator.signs(), 3);

    // A mechanism that takes its data in one part takes messages of one part.
    let mut raw = Mechanism::new(CKM_ECDSA);
    assert_eq!(ck!(p11, C_MessageSignInit(key.session, &mut raw.raw(), key.private)), CKR_OK);
    let hash = Hash::Sha256.of(b"parts");
    let whole = hash.as_ptr().cast_mut();
    let rv = |to, len: *mut CK_ULONG| {
        assert_eq!(ck!(p11, C_SignMessageBegin(key.session, null_mut(), 0)), CKR_OK);
        ck!(p11, C_SignMessageNext(key.session, null_mut(), 0, whole, 32, to, len))
    };
    assert_eq!(rv(null_mut(), null_mut()), CKR_OPERATION_NOT_INITIALIZED);
    let mut own = [0u8; 64];
    assert_eq!(rv(own.as_mut_ptr(), &mut len), CKR_OK);
    assert!(check::ecdsa(&key.spki, &hash, &own));
    assert_eq!(ck!(p11, C_MessageSignFinal(key.session)), CKR_OK);

    assert_eq!(ck!(p11, C_MessageVerifyInit(key.session, &mut mechanism.raw(), key.public)), CKR_OK);
    let given = signature.as_mut_ptr();
    let whole = b"parts".as_ptr().cast_mut();
    assert_eq!(ck!(p11, C_VerifyMessage(key.session, null_mut(), 0, whole, 5, given, 64)), CKR_OK);
    assert_eq!(ck!(p11, C_VerifyMessage(key.session, null_mut(), 0, whole, 4, given, 64)), CKR_SIGNATURE_INVALID);
    assert_eq!(ck!(p11, C_VerifyMessageBegin(key.session, null_mut(), 0)), CKR_OK);
    assert_eq!(ck!(p11, C_VerifyMessageNext(key.session, null_mut(), 0, part, 3, null_mut(), 0)), CKR_OK);
    assert_eq!(ck!(p11, C_VerifyMessageNext(key.session, null_mut(), 0, last, 2, given, 64)), CKR_OK);
    assert_eq!(ck!(p11, C_MessageVerifyFinal(key.session)), CKR_OK);

    assert_eq!(ck!(p11, C_VerifySignatureInit(key.session, &mut mechanism.raw(), key.public, given, 64)), CKR_OK);
    assert_eq!(ck!(p11, C_Verify(key.session, whole, 5, given, 64)), CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(ck!(p11, C_VerifySignature(key.session, whole, 5)), CKR_OK);
    assert_eq!(ck!(p11, C_VerifyInit(key.session, &mut mechanism.raw(), key.public)), CKR_OK);
    assert_eq!(ck!(p11, C_VerifySignature(key.session, whole, 5)), CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(ck!(p11, C_Verify(key.session, whole, 5, given, 64)), CKR_OK);
    assert_eq!(ck!(p11, C_VerifySignatureInit(key.session, &mut mechanism.raw(), key.public, given, 64)), CKR_OK);
    assert_eq!(ck!(p11, C_VerifySignatureUpdate(key.session, part, 3)), CKR_OK);
    assert_eq!(ck!(p11, C_VerifySignatureUpdate(key.session, last, 2)), CKR_OK);
    assert_eq!(ck!(p11, C_VerifySignatureFinal(key.session)), CKR_OK);
});

service_test!(a_length_query_and_a_small_buffer_cost_no_signature_and_keep_the_operation, |emulator: &Emulator| {
    let p11 = P11::start();
    for (slot, label, mechanism, wanted) in [
        (0, "demo-rsa-2048", CKM_SHA256_RSA_PKCS, 256),
        (0, "demo-ec-p521", CKM_ECDSA_SHA512, 132),
        (1, "demo-ed25519", CKM_EDDSA, 64),
        (1, "demo-ml-dsa-65", CKM_ML_DSA, 3309),
    ] {
        let key = Key::new(&p11, emulator, slot, label);
        emulator.clear();
        let mut raw = Mechanism::new(mechanism);
        let data = DATA.as_ptr().cast_mut();
        let data_len = DATA.len() as CK_ULONG;
        let mut signature = vec![0u8; wanted];
        assert_eq!(ck!(p11, C_SignInit(key.session, &mut raw.raw(), key.private)), CKR_OK);
        for (buffer, room, rv) in
            [(false, 0, CKR_OK), (true, 0, CKR_BUFFER_TOO_SMALL), (true, wanted - 1, CKR_BUFFER_TOO_SMALL)]
        {
            let mut len = room as CK_ULONG;
            let to = if buffer { signature.as_mut_ptr() } else { null_mut() };
            assert_eq!(ck!(p11, C_Sign(key.session, data, data_len, to, &mut len)), rv, "{label}");
            assert_eq!(len as usize, wanted, "{label}");
        }
        assert_eq!(emulator.requests().len(), 0, "{label}");
        let mut len = wanted as CK_ULONG;
        assert_eq!(ck!(p11, C_Sign(key.session, data, data_len, signature.as_mut_ptr(), &mut len)), CKR_OK, "{label}");
        assert_eq!(emulator.requests().len(), 1, "{label}");
    }
});
