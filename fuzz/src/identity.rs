//! The client certificate: PKCS#12 or PEM, from a file that people copy around and cut off.

use super::workplace::configuration;
use base64::Engine;
use stm_pkcs11::service::fuzzing::identity;

/// The whole input is the file. The password of the seeds is `seed`.
pub fn run(data: &[u8]) {
    let text = base64::engine::general_purpose::STANDARD.encode(data);
    let config = configuration(&format!("SM_HOST=nowhere;SM_CLIENT_CERT_FILE_B64={text}"));
    for password in [Some("seed"), None] {
        match identity(&config.tokens[0], password) {
            Ok(chain) => assert_ne!(chain, Some(0), "an identity has a certificate"),
            Err(failure) => assert!(!failure.to_string().contains(['\n', '\r']), "{failure}"),
        }
    }
}
