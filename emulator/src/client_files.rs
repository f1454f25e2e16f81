//! The files for clients: credentials in every supported form, and the CA certificates to trust.

use crate::keys::{KeyKind, KeyMaterial};
use crate::pki::{Role, Validity, pem};
use crate::service::Service;
use crate::state::{StateDir, invalid};
use p12_keystore::{
    Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey, PrivateKeyChain,
};
use std::fmt::Display;
use std::io;
use std::net::SocketAddr;

/// Writes the files that depend only on the state directory. Existing ones are kept, because clients may have copied
/// them.
pub fn write_credentials(service: &Service) -> io::Result<()> {
    let state = &service.state;
    for (role, file) in
        [(Role::TlsCa, "tls-ca.pem"), (Role::SigningRoot, "signing-root.pem"), (Role::OtherCa, "other-ca.pem")]
    {
        state.write(file, pem("CERTIFICATE", &service.authority(role).der).as_bytes())?;
    }
    let key = client_key(state)?;
    let ours = service.authority(Role::ClientCa);
    let theirs = service.authority(Role::OtherCa);
    let good = match state.read_pem("client.pem")? {
        Some(der) => der,
        None => {
            let der = ours.issue_client("release-engineer", &key, Validity::years(5)).map_err(other)?;
            let text = [pem("CERTIFICATE", &der), pem("CERTIFICATE", &ours.der), pem("PRIVATE KEY", key.pkcs8())];
            state.write_secret("client.pem", text.concat().as_bytes())?;
            der
        }
    };
    let expired = ours.issue_client("release-engineer", &key, Validity::expired()).map_err(other)?;
    let ending = ours.issue_client("release-engineer", &key, Validity::ending()).map_err(other)?;
    let stranger = theirs.issue_client("stranger", &key, Validity::years(5)).map_err(other)?;
    for (file, certificate, ca, encryption) in [
        ("client.p12", &good, ours, Encryption::Modern),
        ("client-legacy.p12", &good, ours, Encryption::Legacy),
        ("client-rc2.p12", &good, ours, Encryption::Ancient),
        ("client-expired.p12", &expired, ours, Encryption::Modern),
        ("client-soon.p12", &ending, ours, Encryption::Modern),
        ("client-other.p12", &stranger, theirs, Encryption::Modern),
    ] {
        if state.read(file)?.is_none() {
            state.write_secret(file, &store(&key, &[certificate, &ca.der], &service.who.password, encryption)?)?;
        }
    }
    Ok(())
}

/// Writes `client.env`, which contains the addresses, and so changes at every start.
pub fn write_env(service: &Service, address: SocketAddr, admin: &str, tsa: SocketAddr) -> io::Result<()> {
    let state = &service.state;
    let mut text = String::new();
    for (name, value) in [
        ("SM_HOST", format!("https://{address}")),
        ("SM_API_KEY", service.who.api_key.clone()),
        ("SM_CLIENT_CERT_FILE", state.file("client.p12").display().to_string()),
        ("SM_CLIENT_CERT_PASSWORD", service.who.password.clone()),
        ("SM_CA_FILE", state.file("tls-ca.pem").display().to_string()),
        ("STM_EMULATOR_ADMIN", format!("http://{admin}")),
        ("STM_EMULATOR_TSA", format!("http://{tsa}")),
    ] {
        text.push_str(&format!("export {name}={}\n", shell_quoted(&value)));
    }
    state.write_secret("client.env", text.as_bytes())
}

/// Single quotes keep everything but a single quote.
pub fn shell_quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

fn client_key(state: &StateDir) -> io::Result<KeyMaterial> {
    let kind = KeyKind::Rsa(2048);
    if let Some(key) = state.read_key("client", kind)? {
        return Ok(key);
    }
    let key = KeyMaterial::generate(kind).map_err(other)?;
    state.keep_key("client", &key)?;
    Ok(key)
}

enum Encryption {
    /// PBES2 with AES-256, HMAC-SHA-256.
    Modern,
    /// PBE with SHA-1 and three-key triple DES, HMAC-SHA-1: written by old tools, and read by newer ones.
    Legacy,
    /// PBE with SHA-1 and 40-bit RC2, HMAC-SHA-1: written by the oldest tools.
    Ancient,
}

fn store(key: &KeyMaterial, chain: &[&Vec<u8>], password: &str, encryption: Encryption) -> io::Result<Vec<u8>> {
    let mut certificates = Vec::new();
    for der in chain {
        certificates.push(Certificate::from_der(der).map_err(other)?);
    }
    let private = PrivateKey::from_der(key.pkcs8()).map_err(other)?;
    let mut keystore = KeyStore::new();
    let entry = PrivateKeyChain::new(vec![1u8], private, certificates);
    keystore.add_entry("client", KeyStoreEntry::PrivateKeyChain(entry));
    let (algorithm, mac) = match encryption {
        Encryption::Modern => (EncryptionAlgorithm::PbeWithHmacSha256AndAes256, MacAlgorithm::HmacSha256),
        Encryption::Legacy => (EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc, MacAlgorithm::HmacSha1),
        // RC2: the library uses another name, but writes RC2's object identifier.
        Encryption::Ancient => (EncryptionAlgorithm::PbeWithShaAnd40BitRc4Cbc, MacAlgorithm::HmacSha1),
    };
    let writer = keystore.writer(password).encryption_algorithm(algorithm).mac_algorithm(mac);
    // The number that OpenSSL writes. The password is random, and a client should not wait when it opens the file.
    writer.encryption_iterations(2048).mac_iterations(2048).write().map_err(other)
}

fn other(error: impl Display) -> io::Error {
    invalid(&error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_any_value_back_as_it_was() {
        let value = "it's $HOME `x` \"y\"";
        let out = std::process::Command::new("sh").arg("-c").arg(format!("printf %s {}", shell_quoted(value))).output();
        assert_eq!(out.unwrap().stdout, value.as_bytes());
    }
}
