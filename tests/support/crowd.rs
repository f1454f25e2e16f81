//! Many processes at once that each search and sign: every one runs the test again, which calls [`sign_once`] there.

use crate::support::P11;
use cryptoki_sys::{CKM_ECDSA_SHA256, CKR_FUNCTION_REJECTED};
use std::process::{Child, Command, Stdio};

const ONE: &str = "STM_PKCS11_TEST_ONE";

/// Whether this is a process of a crowd.
pub fn is_one() -> bool {
    std::env::var_os(ONE).is_some()
}

/// The status of a process whose signature was refused because of the budget.
pub const REJECTED: i32 = 3;

/// The work of one process: a search and a signature. Its status is 0, [`REJECTED`] or 1.
pub fn sign_once() -> ! {
    let p11 = P11::start();
    let session = p11.open(0);
    let key = p11.private_key(session, "demo-ec-p256");
    let signed = p11.sign(session, CKM_ECDSA_SHA256, key, b"data");
    p11.finish();
    let status = match signed {
        Ok(_) => 0,
        Err(CKR_FUNCTION_REJECTED) => REJECTED,
        Err(rv) => {
            eprintln!("C_Sign: {rv:#x}");
            1
        }
    };
    std::process::exit(status)
}

/// Another process that runs the test `name`, with this log level.
pub fn one(name: &str, level: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("the test knows its own path"));
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(ONE, "1").env("SM_LOG_LEVEL", level);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a process")
}
