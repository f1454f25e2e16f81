//! The service's TLS: 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN, with client certificate requests.

use crate::keys::{Curve, KeyKind, KeyMaterial};
use crate::pki::Role;
use crate::service::Service;
use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

/// The server's configuration for every connection.
///
/// The server requests and verifies a client certificate, but accepts clients without one; the API answers those with
/// the service's message. An expired certificate, or one of another CA, ends the handshake.
pub fn server_config(service: &Service, address: IpAddr) -> Result<Arc<ServerConfig>, Box<dyn Error>> {
    // Generated at every start: clients trust the CA, and the address may change.
    let key = KeyMaterial::generate(KeyKind::Ec(Curve::P256))?;
    let ca = service.authority(Role::TlsCa);
    let certificate = ca.issue_server(address, &key)?;
    let mut client_roots = RootCertStore::empty();
    client_roots.add(CertificateDer::from(service.authority(Role::ClientCa).der.clone()))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(client_roots), provider.clone())
        .allow_unauthenticated()
        .build()?;
    let chain = vec![CertificateDer::from(certificate), CertificateDer::from(ca.der.clone())];
    let key = PrivatePkcs8KeyDer::from(key.pkcs8().to_vec());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key.into())?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
