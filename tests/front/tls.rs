//! TLS for the front: certificates good and bad from the emulator's authorities.

use rcgen::{CertificateParams, DistinguishedName, DnType, Issuer, KeyPair, SanType};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

/// What the front shows for itself, and what it wants of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// A good certificate for this address.
    Good,
    /// The same, spoken in TLS 1.2.
    GoodOld,
    /// One that has expired.
    Expired,
    /// One whose time has not come.
    Early,
    /// One for another name.
    OtherName,
    /// One of an authority that nobody knows.
    OtherAuthority,
    /// A good one; the client's certificate has to be of an authority that the client's is not of.
    WantsOtherClient,
    /// The same in TLS 1.2.
    WantsOtherClientOld,
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn authority(dir: &Path, role: &str, name: &str) -> Issuer<'static, KeyPair> {
    let text = std::fs::read_to_string(dir.join(format!("keys/ca-{role}.pem"))).expect("the authority's key");
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "STM Emulator");
    subject.push(DnType::CommonName, name);
    params.distinguished_name = subject;
    Issuer::new(params, KeyPair::from_pem(&text).expect("a key"))
}

/// The server's side with this identity; made once.
pub fn server(dir: &Path, identity: Identity) -> Arc<ServerConfig> {
    static MADE: OnceLock<Mutex<HashMap<Identity, Arc<ServerConfig>>>> = OnceLock::new();
    let mut made = MADE.get_or_init(Mutex::default).lock().expect("no panic");
    Arc::clone(made.entry(identity).or_insert_with(|| make_server(dir, identity)))
}

fn make_server(dir: &Path, identity: Identity) -> Arc<ServerConfig> {
    let issuer = match identity {
        Identity::OtherAuthority => authority(dir, "other-ca", "Unrelated CA"),
        _ => authority(dir, "tls-ca", "STM Emulator TLS CA"),
    };
    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = match identity {
        Identity::Expired => (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2021, 1, 1)),
        Identity::Early => (rcgen::date_time_ymd(2200, 1, 1), rcgen::date_time_ymd(2201, 1, 1)),
        _ => (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2200, 1, 1)),
    };
    params.subject_alt_names = match identity {
        Identity::OtherName => vec![SanType::DnsName("service.example".try_into().expect("a name"))],
        _ => vec![SanType::IpAddress([127, 0, 0, 1].into()), SanType::DnsName("localhost".try_into().expect("a name"))],
    };
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, &issuer).expect("a certificate").der().clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let old = matches!(identity, Identity::GoodOld | Identity::WantsOtherClientOld);
    let versions: &[_] = if old { &[&rustls::version::TLS12] } else { &[&rustls::version::TLS13] };
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions).expect("versions");
    let builder = match identity {
        Identity::WantsOtherClient | Identity::WantsOtherClientOld => {
            let roots = Arc::new(roots(&dir.join("other-ca.pem")));
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build().expect("a verifier");
            builder.with_client_cert_verifier(verifier)
        }
        _ => builder.with_no_client_auth(),
    };
    Arc::new(builder.with_single_cert(vec![certificate], key).expect("a certificate and its key"))
}

fn roots(file: &Path) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file).expect("a certificate")).expect("an authority");
    roots
}

/// A connection to the emulated service, with the client certificate.
pub fn client(dir: &Path) -> ClientConnection {
    static MADE: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let config = MADE.get_or_init(|| {
        let pem = dir.join("client.pem");
        let chain = CertificateDer::pem_file_iter(&pem).expect("client.pem").map(|der| der.expect("PEM")).collect();
        let key = PrivateKeyDer::from_pem_file(&pem).expect("its key");
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots(&dir.join("tls-ca.pem")))
            .with_client_auth_cert(chain, key);
        Arc::new(config.expect("a client certificate and its key"))
    });
    let name = rustls::pki_types::ServerName::from(std::net::IpAddr::from([127, 0, 0, 1]));
    ClientConnection::new(Arc::clone(config), name).expect("a TLS client")
}
