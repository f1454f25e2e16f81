//! Every setting by name: what the documentation lists, and what a misspelt one is compared with.

use crate::nearest;

/// One setting.
pub struct Variable {
    /// Its name, in the environment and in the properties file.
    pub name: &'static str,
    /// What it means, its values, and its default, in one line.
    pub meaning: &'static str,
    /// Whether its value must never be shown.
    pub secret: bool,
}

const fn open(name: &'static str, meaning: &'static str) -> Variable {
    Variable { name, meaning, secret: false }
}

const fn secret(name: &'static str, meaning: &'static str) -> Variable {
    Variable { name, meaning, secret: true }
}

/// All of them.
pub const VARIABLES: &[Variable] = &[
    open(
        "STM_PKCS11_CONFIG",
        "settings file (TOML, see config/stm-pkcs11.toml), or none; default ~/.config/stm-pkcs11/stm-pkcs11.toml, then \
         /etc/stm-pkcs11/stm-pkcs11.toml, where they are",
    ),
    open("SM_HOST", "URL of the service, such as https://clientauth.one.digicert.com"),
    secret("SM_API_KEY", "API key"),
    open("SM_CLIENT_CERT_FILE", "client certificate with key: PKCS#12, or PEM"),
    secret("SM_CLIENT_CERT_FILE_B64", "the same as base64 text"),
    secret("SM_CLIENT_CERT_PASSWORD", "password of the client certificate"),
    open("SM_CA_FILE", "certificates (PEM or DER) that the service is checked against; default: the system's"),
    open("SM_TLS_SKIP_VERIFY", "TRUE: do not check the service's TLS certificate; default FALSE"),
    open("SM_CONN_TIMEOUT", "milliseconds that a connection may take; default 30000"),
    open("SM_LOG_LEVEL", "FATAL, ERROR, WARN, INFO, DEBUG or TRACE; default ERROR"),
    open("SM_LOG_OUTPUT", "stderr, stdout, discard or file; default stderr, or file where a folder or name is given"),
    open("SM_LOG_DIR", "folder of the log file; default ~/.signingmanager/logs"),
    open("SM_LOG_FILE_NAME", "name of the log file; default smpkcs11.log"),
    open("SM_PKCS11_OFFLINE_MODE", "TRUE: keep the list of keypairs on disk until it proves wrong; default FALSE"),
    open("SM_PKCS11_DB_DSN", "file that the list of keypairs is kept in; :memory: for none"),
    open("STM_PKCS11_CACHE", "off, seconds, or offline: the list of keypairs on disk; default 600"),
    open("STM_PKCS11_CHAIN", "off: do not show chain certificates; default on"),
    open("STM_PKCS11_MODERN_SLOT", "off: no second slot for EdDSA and post-quantum keypairs; default on"),
    open("STM_PKCS11_CONFIRM", "record: check each signature's record at the service, one more request; default off"),
    open(
        "STM_PKCS11_KEYPAIRS",
        "only these keypairs: aliases and patterns, separated by commas (write \\, for a comma in an alias); default all",
    ),
    open("STM_PKCS11_LOGIN", "what a PIN means: none, password (of the client certificate) or api-key; default none"),
    open("STM_PKCS11_TIMEOUT", "seconds that an operation may take, retries included; default 60"),
    open(
        "STM_PKCS11_FORK",
        "lenient: a forked child goes on with the parent's keys without C_Initialize, for servers that never call it; \
         default strict, as the standard has it",
    ),
    open("STM_PKCS11_TOKEN", "label of the token; default STM"),
    open("STM_PKCS11_KEY_STORAGE", "storage of new keypairs: HSM or DISK; default HSM"),
    open("STM_PKCS11_KEY_TYPE", "type of new keypairs: PRODUCTION or TEST; default PRODUCTION"),
    open("STM_PKCS11_KEY_STATUS", "status of new keypairs: ONLINE or OFFLINE; default ONLINE"),
    secret("HTTPS_PROXY", "proxy: http[s]://[user:password@]host:port"),
    open("NO_PROXY", "hosts that are reached without the proxy"),
];

/// Names that scripts use beside ours: not misspelt, not ours.
const FOREIGN: &[&str] = &[
    "SM_KEYPAIR_ALIAS",
    "SM_KEYPAIR_ID",
    "SM_CERT_ALIAS",
    "SM_CERT_FINGERPRINT",
    "SM_CODE_SIGNING_CERT_SHA1_HASH",
    "SM_CLIENT_CERT_B64",
    "SM_PKCS11_CONFIG",
    "SM_TIMESTAMP_URL",
    "STM_PKCS11_MODULE",
];

/// The setting that a name was probably meant to be, if it is none itself.
pub fn meant(name: &str) -> Option<&'static str> {
    let ours = name.starts_with("SM_") || name.starts_with("STM_PKCS11_");
    if !ours || FOREIGN.contains(&name) || VARIABLES.iter().any(|variable| variable.name == name) {
        return None;
    }
    // A short name is near to everything.
    nearest::within(name.len() / 6, name, VARIABLES.iter().map(|variable| variable.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_leads_to_the_nearest_setting() {
        assert_eq!(meant("SM_CLIENT_CERT_PASWORD"), Some("SM_CLIENT_CERT_PASSWORD"));
        assert_eq!(meant("SM_APIKEY"), Some("SM_API_KEY"));
        assert_eq!(meant("STM_PKCS11_CASHE"), Some("STM_PKCS11_CACHE"));
    }

    #[test]
    fn right_and_foreign_names_are_left_alone() {
        for name in ["SM_HOST", "SM_KEYPAIR_ALIAS", "SMTP_HOST", "PATH", "SM_SOMETHING_ELSE_ENTIRELY"] {
            assert_eq!(meant(name), None, "{name}");
        }
    }
}
