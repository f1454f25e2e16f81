//! A random walk through the whole module: valid handles, random order, random templates and lengths, several threads,
//! finalise in between, service faults. It looks for contradictions. These are codes that are not in their function's
//! list (the library itself ends the process), attributes that change, bytes behind a buffer that are overwritten,
//! signatures that do not verify or that the service did not record, and wrong length queries.
//!
//! `STM_TEST_WALK_SECONDS` sets its duration (5; use hours by hand), `STM_TEST_WALK_SEED` its choices, and
//! `STM_TEST_WALK_THREADS` the number of threads (4). One thread repeats the same walk with the same seed.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

use cryptoki_sys::*;
use std::collections::HashMap;
use std::ptr::null_mut;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::template::Attributes;
use support::{Emulator, Mechanism, P11};

/// xorshift64*: the walk has to be the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.roll() >> 16) as usize % limit
    }

    fn one_of<T: Copy>(&mut self, list: &[T]) -> Option<T> {
        (!list.is_empty()).then(|| list[self.below(list.len())])
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let len = self.below(most + 1);
        (0..len).map(|_| self.roll() as u8).collect()
    }
}

/// What all threads know.
struct Ground {
    p11: P11,
    /// Changes before and after each run of the library: what is remembered of another run is worth nothing.
    run: AtomicU64,
    /// The run that each walker is in.
    walkers: Vec<AtomicU64>,
    steps: AtomicU64,
    signatures: Mutex<Vec<Vec<u8>>>,
    /// The PIN of an account that requires a login; empty where any will do.
    pin: Vec<u8>,
    ends: Instant,
    /// When it ends even without a signature: a machine with much else to do needs longer for the first.
    at_last: Instant,
}

impl Ground {
    /// Whether every walker is in this run. One that is not may have a handle of the last run, which is another's in this one.
    fn is_settled(&self) -> bool {
        let run = self.run.load(Ordering::SeqCst);
        self.walkers.iter().all(|walker| walker.load(Ordering::SeqCst) == run)
    }

    fn goes_on(&self) -> bool {
        let now = Instant::now();
        now < self.ends || now < self.at_last && self.signatures.lock().expect("no thread panicked").is_empty()
    }
}

const LABELS: &[&str] =
    &["demo-rsa-2048", "demo-rsa-3072", "demo-ec-p256", "demo-ec-p521", "demo-ed25519", "demo-ml-dsa-44", "nobody"];
const CLASSES: &[CK_OBJECT_CLASS] =
    &[CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_CERTIFICATE, CKO_PROFILE, CKO_SECRET_KEY, 77];
const MECHANISMS: &[CK_MECHANISM_TYPE] = &[
    CKM_SHA256_RSA_PKCS,
    CKM_RSA_PKCS,
    CKM_RSA_PKCS_PSS,
    CKM_SHA384_RSA_PKCS_PSS,
    CKM_ECDSA,
    CKM_ECDSA_SHA512,
    CKM_EDDSA,
    CKM_ML_DSA,
    CKM_SHA256,
    CKM_SHA3_512,
    CKM_AES_CBC,
    0xffff_fff0,
];
/// Bytes behind every buffer that nobody may write.
const CANARY: [u8; 16] = [0xa5; 16];

/// One thread's walk.
struct Walker<'a> {
    ground: &'a Ground,
    /// Its place among the walkers.
    number: usize,
    dice: Dice,
    run: u64,
    sessions: Vec<CK_SESSION_HANDLE>,
    objects: Vec<CK_OBJECT_HANDLE>,
    /// What an attribute of an object of the service said.
    known: HashMap<(CK_OBJECT_HANDLE, CK_ATTRIBUTE_TYPE), Vec<u8>>,
}

impl Walker<'_> {
    fn session(&mut self) -> CK_SESSION_HANDLE {
        if self.dice.below(50) == 0 {
            return self.dice.roll() as CK_SESSION_HANDLE;
        }
        self.dice.one_of(&self.sessions).unwrap_or(0)
    }

    fn object(&mut self) -> CK_OBJECT_HANDLE {
        if self.dice.below(50) == 0 {
            return self.dice.roll() as CK_OBJECT_HANDLE;
        }
        self.dice.one_of(&self.objects).unwrap_or(1)
    }

    fn mechanism(&mut self) -> Mechanism {
        let number = self.dice.one_of(MECHANISMS).expect("a mechanism");
        // Only a mechanism with this parameter gets one: another's has pointers at the same places.
        let pss = [CKM_RSA_PKCS_PSS, CKM_SHA384_RSA_PKCS_PSS].contains(&number);
        match self.dice.below(4) {
            0 if pss => Mechanism::pss(number, CKM_SHA256, CKG_MGF1_SHA256, self.dice.below(2) * 32),
            1 if pss => Mechanism::pss(number, CKM_SHA384, CKG_MGF1_SHA384, 48),
            _ => Mechanism::new(number),
        }
    }

    fn walk(&mut self) {
        while self.ground.goes_on() {
            let run = self.ground.run.load(Ordering::SeqCst);
            if run != self.run {
                (self.run, self.sessions, self.objects) = (run, Vec::new(), Vec::new());
                self.known.clear();
                self.ground.walkers[self.number].store(run, Ordering::SeqCst);
            }
            self.step();
            self.ground.steps.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn step(&mut self) {
        let p11 = &self.ground.p11;
        match self.dice.below(16) {
            0 => self.open_or_close(),
            1 | 2 => self.find(),
            3..=5 => self.read(),
            6..=8 => self.sign(),
            9 => self.digest(),
            10 => self.verify_noise(),
            11 => self.session_object(),
            12 => {
                let session = self.session();
                let user = self.dice.below(4) as CK_USER_TYPE;
                let mut pin = self.dice.bytes(8);
                match self.dice.below(4) {
                    // Rarely, where all sessions lose what they see by it.
                    0 if self.ground.pin.is_empty() || self.dice.below(8) == 0 => ck!(p11, C_Logout(session)),
                    0 | 3 => {
                        let mut pin = self.ground.pin.clone();
                        ck!(p11, C_Login(session, CKU_USER, pin.as_mut_ptr(), pin.len() as CK_ULONG))
                    }
                    1 => ck!(p11, C_Login(session, user, null_mut(), self.dice.below(3) as CK_ULONG)),
                    _ => ck!(p11, C_Login(session, user, pin.as_mut_ptr(), pin.len() as CK_ULONG)),
                };
            }
            13 => self.out_of_order(),
            14 => {
                let (session, mut seed) = (self.session(), self.dice.bytes(100));
                let (at, len) = (seed.as_mut_ptr(), seed.len() as CK_ULONG);
                ck!(p11, C_SeedRandom(session, at, len));
                let mut out = [seed.clone(), CANARY.to_vec()].concat();
                ck!(p11, C_GenerateRandom(session, out.as_mut_ptr(), len));
                assert_eq!(out[seed.len()..], CANARY);
            }
            _ => {
                let session = self.session();
                ck!(p11, C_SessionCancel(session, self.dice.roll() as CK_FLAGS));
            }
        }
    }

    fn open_or_close(&mut self) {
        let p11 = &self.ground.p11;
        if self.sessions.len() > 6 {
            let place = self.dice.below(self.sessions.len());
            ck!(p11, C_CloseSession(self.sessions.swap_remove(place)));
            return;
        }
        let flags = self.dice.one_of(&[CKF_SERIAL_SESSION, CKF_SERIAL_SESSION | CKF_RW_SESSION, 0]).unwrap_or(0);
        if let Ok(session) = p11.open_with(self.dice.below(3) as CK_SLOT_ID, flags) {
            self.sessions.push(session);
        }
    }

    fn find(&mut self) {
        let mut template = Attributes::new();
        if self.dice.below(3) > 0 {
            template = template.class(self.dice.one_of(CLASSES).expect("a class"));
        }
        if self.dice.below(3) == 0 {
            template = template.label(self.dice.one_of(LABELS).expect("a label"));
        }
        if self.dice.below(6) == 0 {
            template = template.bytes(self.dice.below(0x200) as CK_ATTRIBUTE_TYPE, &self.dice.bytes(20));
        }
        let session = self.session();
        if let Ok(found) = self.ground.p11.try_find(session, &template) {
            self.objects.extend(found);
            let surplus = self.objects.len().saturating_sub(200);
            self.objects.drain(..surplus);
        }
    }

    /// An attribute read with a length query and with buffers of any length says one thing, and says it again.
    fn read(&mut self) {
        let (p11, session, object) = (&self.ground.p11, self.session(), self.object());
        let attribute = self.dice.below(0x640) as CK_ATTRIBUTE_TYPE;
        let mut query = CK_ATTRIBUTE { type_: attribute, pValue: null_mut(), ulValueLen: 0 };
        if ck!(p11, C_GetAttributeValue(session, object, &mut query, 1)) != CKR_OK {
            return;
        }
        let needed = query.ulValueLen as usize;
        let room = if self.dice.below(3) == 0 { self.dice.below(needed + 9) } else { needed };
        let mut value = [vec![0u8; room], CANARY.to_vec()].concat();
        (query.pValue, query.ulValueLen) = (value.as_mut_ptr().cast(), room as CK_ULONG);
        let rv = ck!(p11, C_GetAttributeValue(session, object, &mut query, 1));
        assert_eq!(value[room..], CANARY, "attribute {attribute:#x}");
        if rv != CKR_OK || self.ground.run.load(Ordering::SeqCst) != self.run {
            return;
        }
        assert_eq!(query.ulValueLen as usize, needed, "attribute {attribute:#x}");
        value.truncate(needed);
        let known = self.known.entry((object, attribute)).or_insert_with(|| value.clone());
        assert_eq!(*known, value, "attribute {attribute:#x} of object {object} changed");
    }

    fn sign(&mut self) {
        let (p11, session, key) = (&self.ground.p11, self.session(), self.object());
        let (mut mechanism, data) = (self.mechanism(), self.dice.bytes(300));
        let raw = &mut mechanism.raw();
        if ck!(p11, C_SignInit(session, raw, key)) != CKR_OK {
            return;
        }
        let (at, len) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
        let parts = self.dice.below(2) == 0;
        if parts {
            let split = self.dice.below(data.len() + 1);
            for part in [&data[..split], &data[split..]] {
                if ck!(p11, C_SignUpdate(session, part.as_ptr().cast_mut(), part.len() as CK_ULONG)) != CKR_OK {
                    return;
                }
            }
        }
        let call = |to, room: &mut CK_ULONG| {
            if parts { ck!(p11, C_SignFinal(session, to, room)) } else { ck!(p11, C_Sign(session, at, len, to, room)) }
        };
        let mut needed = 0;
        if call(null_mut(), &mut needed) != CKR_OK {
            return;
        }
        let mut signature = [vec![0u8; needed as usize], CANARY.to_vec()].concat();
        if self.dice.below(4) == 0 {
            let mut room = self.dice.below(needed as usize) as CK_ULONG;
            let rv = call(signature.as_mut_ptr(), &mut room);
            assert!(rv != CKR_OK && signature.iter().take(needed as usize).all(|byte| *byte == 0));
        }
        let mut room = needed;
        let rv = call(signature.as_mut_ptr(), &mut room);
        assert_eq!(signature[needed as usize..], CANARY);
        if rv != CKR_OK {
            return;
        }
        assert_eq!(room, needed);
        signature.truncate(needed as usize);
        self.ground.signatures.lock().expect("no thread panicked").push(signature.clone());
        let Ok(label) = p11.attribute(session, key, CKA_LABEL) else { return };
        let public = Attributes::new().class(CKO_PUBLIC_KEY).bytes(CKA_LABEL, &label).flag(CKA_TOKEN, true);
        let Ok([public]) =
            p11.try_find(session, &public).as_deref().map(|found| <[_; 1]>::try_from(found).unwrap_or([0]))
        else {
            return;
        };
        if public != 0 && ck!(p11, C_VerifyInit(session, raw, public)) == CKR_OK {
            let rv = ck!(p11, C_Verify(session, at, len, signature.as_mut_ptr(), needed));
            let gone = self.ground.run.load(Ordering::SeqCst) != self.run;
            assert!(
                rv == CKR_OK || gone,
                "a signature of {} does not verify: {rv:#x}",
                String::from_utf8_lossy(&label)
            );
        }
    }

    fn verify_noise(&mut self) {
        let (p11, session, key) = (&self.ground.p11, self.session(), self.object());
        let (mut mechanism, data, mut noise) = (self.mechanism(), self.dice.bytes(100), self.dice.bytes(300));
        if ck!(p11, C_VerifyInit(session, &mut mechanism.raw(), key)) != CKR_OK {
            return;
        }
        let (at, len) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
        let rv = ck!(p11, C_Verify(session, at, len, noise.as_mut_ptr(), noise.len() as CK_ULONG));
        assert_ne!(rv, CKR_OK, "noise is no signature");
    }

    fn digest(&mut self) {
        let (p11, session, data) = (&self.ground.p11, self.session(), self.dice.bytes(500));
        let settled = self.ground.is_settled();
        let Ok(whole) = p11.digest(session, CKM_SHA256, &data) else { return };
        let mut mechanism = Mechanism::new(CKM_SHA256);
        if ck!(p11, C_DigestInit(session, &mut mechanism.raw())) != CKR_OK {
            return;
        }
        let (mut digest, mut len) = ([0u8; 32], 32);
        let parts = data.chunks(1 + self.dice.below(99));
        let mut good = true;
        for part in parts {
            good &= ck!(p11, C_DigestUpdate(session, part.as_ptr().cast_mut(), part.len() as CK_ULONG)) == CKR_OK;
        }
        if ck!(p11, C_DigestFinal(session, digest.as_mut_ptr(), &mut len)) == CKR_OK
            && good
            && settled
            && self.ground.is_settled()
        {
            assert_eq!(whole, digest);
        }
    }

    fn session_object(&mut self) {
        let (p11, session, object) = (&self.ground.p11, self.session(), self.object());
        let mut template = Attributes::new().label("mine").flag(CKA_TOKEN, self.dice.below(8) == 0);
        if self.dice.below(2) == 0 {
            template = template.class(CKO_PUBLIC_KEY).number(CKA_KEY_TYPE, CKK_RSA);
            template = template.bytes(CKA_MODULUS, &[0xc3; 256]).bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]);
        }
        let mut raw = template.raw();
        let (at, count) = (raw.as_mut_ptr(), raw.len() as CK_ULONG);
        let mut made = 0;
        let rv = match self.dice.below(4) {
            0 => ck!(p11, C_CopyObject(session, object, at, count, &mut made)),
            1 => ck!(p11, C_SetAttributeValue(session, object, at, 1)),
            _ => ck!(p11, C_CreateObject(session, at, count, &mut made)),
        };
        if rv == CKR_OK && made != 0 {
            ck!(p11, C_DestroyObject(session, made));
        }
        ck!(p11, C_DestroyObject(session, object));
    }

    /// Functions that continue or end what may not have begun.
    fn out_of_order(&mut self) {
        let (p11, session, key, mut data) = (&self.ground.p11, self.session(), self.object(), self.dice.bytes(64));
        let (at, len) = (data.as_mut_ptr(), data.len() as CK_ULONG);
        let mut out = [0u8; 5000];
        let (to, mut room) = (out.as_mut_ptr(), 5000);
        let mut mechanism = self.mechanism();
        let raw = &mut mechanism.raw();
        match self.dice.below(14) {
            0 => ck!(p11, C_SignFinal(session, to, &mut room)),
            1 => ck!(p11, C_VerifyUpdate(session, at, len)),
            2 => ck!(p11, C_VerifyFinal(session, at, len)),
            3 => ck!(p11, C_DigestFinal(session, to, &mut room)),
            4 => ck!(p11, C_FindObjectsFinal(session)),
            5 => ck!(p11, C_MessageSignInit(session, raw, key)),
            6 => ck!(p11, C_SignMessage(session, null_mut(), 0, at, len, null_mut(), &mut room)),
            7 => ck!(p11, C_SignMessageBegin(session, null_mut(), 0)),
            8 => ck!(p11, C_SignMessageNext(session, null_mut(), 0, at, len, null_mut(), null_mut())),
            9 => ck!(p11, C_MessageSignFinal(session)),
            10 => ck!(p11, C_VerifySignatureInit(session, raw, key, at, len)),
            11 => ck!(p11, C_VerifySignatureFinal(session)),
            12 => ck!(p11, C_EncryptInit(session, raw, key)),
            _ => ck!(p11, C_GetObjectSize(session, key, &mut room)),
        };
    }
}

/// What the service does wrong, one after the other.
const FAULTS: &[&str] = &[
    "[]",
    r#"[{"method": "POST", "path": "/signingmanager", "status": 500, "times": 3}]"#,
    r#"[{"path": "/signingmanager", "status": 429, "headers": {"Retry-After": "0"}, "times": 3}]"#,
    r#"[{"method": "GET", "path": "/signingmanager", "half_body": true, "times": 2}]"#,
    r#"[{"method": "POST", "path": "/signingmanager", "drop": "before_execution", "times": 2}]"#,
    r#"[{"method": "POST", "path": "/signingmanager", "body": {"signature": "AAAA"}, "times": 2}]"#,
];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Walks with the threads and for the time that the environment says. `pin` is that of an account that requires a login.
fn walk(emulator: &Emulator, pin: &str) {
    let time = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_nanos() as u64;
    let seed = number("STM_TEST_WALK_SEED", time | 1);
    let seconds = number("STM_TEST_WALK_SECONDS", 5);
    println!("STM_TEST_WALK_SEED={seed}");
    let threads = number("STM_TEST_WALK_THREADS", 4);
    let ground = Ground {
        p11: P11::start(),
        run: AtomicU64::new(0),
        walkers: (0..threads).map(|_| AtomicU64::new(0)).collect(),
        steps: AtomicU64::new(0),
        signatures: Mutex::default(),
        pin: pin.into(),
        ends: Instant::now() + Duration::from_secs(seconds),
        at_last: Instant::now() + Duration::from_secs(seconds + 60),
    };
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let ground = &ground;
            scope.spawn(move || {
                let dice = Dice(seed.wrapping_add(thread.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1);
                let mut walker = Walker {
                    ground,
                    number: thread as usize,
                    dice,
                    run: 0,
                    sessions: Vec::new(),
                    objects: Vec::new(),
                    known: HashMap::new(),
                };
                walker.walk();
            });
        }
        // Weather and new runs, while they walk. After each run there is a login first, which takes its time.
        let mut dice = Dice(seed | 1);
        while ground.goes_on() {
            std::thread::sleep(Duration::from_millis(300));
            emulator.faults(dice.one_of(FAULTS).expect("a fault"));
            if dice.below(if pin.is_empty() { 3 } else { 12 }) == 0 {
                ground.run.fetch_add(1, Ordering::SeqCst);
                assert_eq!(ck!(ground.p11, C_Finalize(null_mut())), CKR_OK);
                assert_eq!(ck!(ground.p11, C_Initialize(null_mut())), CKR_OK);
                ground.run.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    emulator.faults("[]");
    ground.p11.finish();
    let delivered = ground.signatures.into_inner().expect("no thread panicked");
    let recorded: serde_json::Value = serde_json::from_str(&emulator.call("GET", "/signatures", "")).expect("JSON");
    let recorded = recorded.as_array().map_or(0, Vec::len);
    let sent = emulator.signs();
    println!(
        "{} steps; {} signatures delivered, {recorded} recorded, {sent} asked for",
        ground.steps.into_inner(),
        delivered.len()
    );
    assert!(!delivered.is_empty(), "the walk signed");
    // A fault can eat an answer; nothing can deliver what was not made.
    assert!(delivered.len() <= recorded && recorded <= sent, "{} {recorded} {sent}", delivered.len());
}

const KEYPAIRS: (&str, &str) = ("STM_PKCS11_KEYPAIRS", "demo-rsa-*, demo-ec-*, demo-ed25519, demo-ml-dsa-44");

service_test!(
    a_random_walk_finds_no_contradiction,
    [("STM_PKCS11_TIMEOUT", "5"), ("SM_LOG_OUTPUT", "discard"), KEYPAIRS],
    [],
    |emulator: &Emulator| walk(emulator, "")
);

service_test!(
    a_random_walk_with_logins_finds_no_contradiction,
    [("STM_PKCS11_LOGIN", "password"), ("STM_PKCS11_TIMEOUT", "5"), ("SM_LOG_OUTPUT", "discard"), KEYPAIRS],
    [],
    |emulator: &Emulator| walk(emulator, &std::env::var("SM_CLIENT_CERT_PASSWORD").expect("a password"))
);
