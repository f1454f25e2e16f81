//! Every line that scripts read. What they look for is written in `tests/field/`.
//!
//! No line of success has one of the words error, fail, failed and failure in it: scripts search for them in any case.

/// At the beginning of every help.
pub const WHOSE: &str = "stm-pkcs11: follows the commands of DigiCert's smctl; not made or endorsed by DigiCert";

pub const CONNECTED: &str = "Status: Connected";
pub const NOT_CONNECTED: &str = "Status: Not connected";

pub const KEYPAIRS: [&str; 8] =
    ["ID", "Key Modal TYPE", "ALIAS", "ALGORITHM & SIZE/CURVE", "STATUS", "TYPE", "STORAGE", "CERTIFICATE"];
pub const CERTIFICATES: [&str; 7] = ["ID", "ALIAS", "STATUS", "VALID FROM", "VALID TO", "FINGERPRINT", "KEYPAIR ID"];

/// In place of a secret that is set.
pub const SET: &str = "(set)";

pub fn version() -> String {
    WHOSE.replacen("stm-pkcs11", concat!("stm-pkcs11 ", env!("CARGO_PKG_VERSION")), 1)
}

pub fn yes(yes: bool) -> &'static str {
    if yes { "Yes" } else { "No" }
}

/// `smctl sign`: a file that is signed and verified.
pub fn successful(file: &str) -> String {
    format!("signCommand command for file {file} was SUCCESSFUL")
}

/// `smctl sign`: a file that is as it was.
pub fn failed(file: &str) -> String {
    format!("signCommand command for file {file} FAILED")
}

/// `smctl sign --unsigned`: a file that is left alone.
pub fn signed_already(file: &str) -> String {
    format!("{file} is signed already")
}

/// `smctl sign`: before the reason for which a file is not signed.
pub const REASON: &str = "Error :";
/// `smctl sign`: no input can be signed.
pub const NOTHING: &str = "There were no files found for signing";

/// `smctl sign verify`: a file whose signatures are good. With the words that scripts look for.
pub fn verified(file: &str, program: &str) -> String {
    format!("verifyCommand command for file {file} was SUCCESSFUL: signature Valid, Verified by {program}")
}

/// `smctl sign verify`: a file whose signatures are not good, or that has none.
pub fn not_verified(file: &str) -> String {
    format!("verifyCommand command for file {file} FAILED")
}

/// `smctl sign verify`: a file that has none.
pub const UNSIGNED: &str = "No signature found";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_success_have_no_word_that_scripts_take_for_a_failure() {
        let tables = KEYPAIRS.iter().chain(&CERTIFICATES).map(|word| (*word).to_owned());
        let lines = [
            WHOSE.to_owned(),
            CONNECTED.to_owned(),
            SET.to_owned(),
            version(),
            successful("x"),
            signed_already("x"),
            verified("x", "y"),
        ];
        for line in lines.into_iter().chain(tables) {
            let small = line.to_lowercase();
            assert!(!small.contains("error") && !small.contains("fail"), "{line}");
        }
    }

    #[test]
    fn the_version_begins_with_whose_program_it_is() {
        assert!(version().starts_with(&format!("stm-pkcs11 {}: follows", env!("CARGO_PKG_VERSION"))), "{}", version());
        assert!(version().ends_with("not made or endorsed by DigiCert"), "{}", version());
    }
}
