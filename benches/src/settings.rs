//! The settings of a client, read from the same variables as in the module.

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::sync::Arc;

/// Everything below this path is the service's.
pub const API: &str = "/signingmanager/api/v1";

/// The settings of a bare client.
#[derive(Clone)]
pub struct Settings {
    /// `https://ADDRESS:PORT`
    pub host: String,
    /// The same for a socket.
    pub address: SocketAddr,
    /// Credential of every request.
    pub api_key: String,
    /// TLS with the service's authority and the client certificate.
    pub tls: ClientConfig,
}

impl Settings {
    /// Reads variables and files.
    pub fn load() -> Self {
        let get = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
        let host = get("SM_HOST");
        let address = host.trim_start_matches("https://").parse().expect("an address in SM_HOST");
        let pem = std::fs::read(get("SM_CLIENT_CERT_FILE")).expect("SM_CLIENT_CERT_FILE");
        let chain = CertificateDer::pem_slice_iter(&pem).map(|one| one.expect("a certificate")).collect();
        let key = PrivateKeyDer::from_pem_slice(&pem).expect("a private key");
        let mut roots = RootCertStore::empty();
        for one in CertificateDer::pem_file_iter(get("SM_CA_FILE")).expect("SM_CA_FILE") {
            roots.add(one.expect("a certificate")).expect("an authority");
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .expect("certificate and key that belong together");
        Self { host, address, api_key: get("SM_API_KEY"), tls }
    }
}
