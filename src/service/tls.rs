//! TLS: CA certificates, client certificate, and the meaning of failed handshakes.

use super::credentials::Credentials;
use super::failure::{Failure, Kind};
use super::identity;
use super::provider::provider;
use crate::config::{LONGEST_FILE, TokenSettings};
use crate::encoding;
use crate::trusted_file;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::{AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The client's configuration. Reads files; called once, before the first request.
pub fn config(settings: &TokenSettings, credentials: &Credentials<'_>) -> Result<ClientConfig, Failure> {
    let provider = Arc::new(provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::new(Kind::Tls, format!("TLS cannot be set up: {error}"), ""))?;
    let builder = if settings.skip_verify {
        warn_unchecked();
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Unchecked(provider.signature_verification_algorithms)))
    } else {
        builder.with_root_certificates(roots(settings)?)
    };
    match identity::load(settings, credentials)? {
        Some(identity) => builder.with_client_auth_cert(identity.chain, identity.key).map_err(|error| {
            let cause = format!("the client certificate and its key cannot be used: {error}");
            Failure::new(
                Kind::Settings,
                cause,
                "check that SM_CLIENT_CERT_FILE holds a certificate and the key that belongs to it",
            )
        }),
        None => Ok(builder.with_no_client_auth()),
    }
}

/// Warns at every log level, once in a process.
fn warn_unchecked() {
    static SAID: AtomicBool = AtomicBool::new(false);
    if !SAID.swap(true, Ordering::Relaxed) {
        log::error!(
            "SM_TLS_SKIP_VERIFY: the service's TLS certificate is NOT checked; anyone on the network can pose as it"
        );
    }
}

/// Only the CA certificates in `SM_CA_FILE` if it is set, otherwise the system's.
fn roots(settings: &TokenSettings) -> Result<RootCertStore, Failure> {
    let mut store = RootCertStore::empty();
    match &settings.ca_file {
        Some(path) => {
            let (added, _) = store.add_parsable_certificates(read_certificates(path)?);
            if added == 0 {
                let cause = format!("SM_CA_FILE {} does not contain a usable certificate", path.display());
                return Err(Failure::new(
                    Kind::Settings,
                    cause,
                    "it has to hold one or more CA certificates, PEM or DER",
                ));
            }
        }
        None => {
            store.add_parsable_certificates(system_roots(settings.privileged));
            if store.is_empty() {
                let cause = "this system has no root certificates";
                return Err(Failure::new(Kind::Tls, cause, "install the package ca-certificates, or set SM_CA_FILE"));
            }
        }
    }
    Ok(store)
}

/// The files in which systems store their CA certificates: Debian, Fedora, SUSE, Alpine, BSD.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The system's CA certificates. A privileged host ignores `SSL_CERT_FILE` and `SSL_CERT_DIR`.
fn system_roots(privileged: bool) -> Vec<CertificateDer<'static>> {
    if !privileged {
        return rustls_native_certs::load_native_certs().certs;
    }
    let bundle = BUNDLES.iter().map(Path::new).find(|bundle| bundle.is_file());
    rustls_native_certs::load_certs_from_paths(bundle, None).certs
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let content = trusted_file::read(path, LONGEST_FILE).map_err(|refusal| {
        let cause = format!("SM_CA_FILE {} {}", path.display(), refusal.clause());
        Failure::new(Kind::Settings, cause, refusal.remedy().to_owned())
    })?;
    let bytes = content.bytes;
    if bytes.first() == Some(&0x30) {
        return Ok(vec![CertificateDer::from(bytes.to_vec())]);
    }
    // Windows programs also write text in UTF-16.
    let text = encoding::decode(&bytes);
    let bytes = text.as_ref().map_or(bytes.as_slice(), |text| text.as_bytes());
    Ok(CertificateDer::pem_slice_iter(bytes).filter_map(Result::ok).collect())
}

/// `SM_TLS_SKIP_VERIFY`: accepts any certificate, but still verifies the handshake's signatures.
#[derive(Debug)]
struct Unchecked(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// Whether the server refuses the client certificate, or requires one.
pub fn refuses_client(error: &rustls::Error) -> bool {
    let rustls::Error::AlertReceived(alert) = error else { return false };
    matches!(
        alert,
        AlertDescription::CertificateExpired
            | AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    )
}

/// The meaning of a failed handshake, and the fix.
pub fn failure(error: &rustls::Error, host: &str) -> Failure {
    let tls = |cause: String, remedy: &str| Failure::new(Kind::Tls, cause, remedy);
    match error {
        rustls::Error::InvalidCertificate(reason) => match reason {
            CertificateError::UnknownIssuer => tls(
                format!("the TLS certificate of {host} is signed by an unknown CA"),
                "set SM_CA_FILE to that CA's certificate (the service's CA, or that of a proxy that inspects TLS)",
            ),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                tls(format!("the TLS certificate of {host} has expired"), "check this machine's clock")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                tls(format!("the TLS certificate of {host} is not valid yet"), "check this machine's clock")
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                tls(format!("the TLS certificate is not for {host}"), "check the name in SM_HOST")
            }
            other => tls(
                format!("the TLS certificate of {host} is not acceptable: {other:?}"),
                "check SM_HOST and SM_CA_FILE",
            ),
        },
        error if refuses_client(error) => tls(
            format!("{host} does not accept the client certificate ({error})"),
            "check that SM_CLIENT_CERT_FILE was made for this host (SM_HOST), and that it has not expired or been revoked",
        ),
        other => tls(format!("the TLS handshake with {host} failed: {other}"), "check SM_HOST, its port and the proxy"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_handshake_says_why_and_what_to_do() {
        use AlertDescription::{AccessDenied, CertificateExpired, CertificateRequired, HandshakeFailure, UnknownCA};
        for (error, cause, remedy) in [
            (
                rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer),
                "the TLS certificate of h is signed by an unknown CA",
                "set SM_CA_FILE",
            ),
            (
                rustls::Error::InvalidCertificate(CertificateError::Expired),
                "the TLS certificate of h has expired",
                "check this machine's clock",
            ),
            (
                rustls::Error::InvalidCertificate(CertificateError::NotValidYet),
                "the TLS certificate of h is not valid yet",
                "check this machine's clock",
            ),
            (
                rustls::Error::InvalidCertificate(CertificateError::NotValidForName),
                "the TLS certificate is not for h",
                "check the name in SM_HOST",
            ),
            (
                rustls::Error::InvalidCertificate(CertificateError::BadSignature),
                "the TLS certificate of h is not acceptable: BadSignature",
                "check SM_HOST and SM_CA_FILE",
            ),
            (
                rustls::Error::AlertReceived(HandshakeFailure),
                "the TLS handshake with h failed: ",
                "check SM_HOST, its port and the proxy",
            ),
            (rustls::Error::DecryptError, "the TLS handshake with h failed: ", "check SM_HOST, its port and the proxy"),
        ] {
            let failure = failure(&error, "h");
            assert!(failure.cause().starts_with(cause) && failure.remedy().starts_with(remedy), "{failure}");
            assert!(!refuses_client(&error), "{error}");
        }
        for alert in [CertificateExpired, CertificateRequired, UnknownCA, AccessDenied] {
            let error = rustls::Error::AlertReceived(alert);
            let failure = failure(&error, "h").to_string();
            assert!(refuses_client(&error), "{error}");
            assert!(
                failure.starts_with("h does not accept the client certificate (")
                    && failure.contains("; check that SM_CLIENT_CERT_FILE was made for this host"),
                "{failure}"
            );
        }
    }

    #[test]
    fn without_verification_of_the_certificate_the_handshake_is_still_signed() {
        let algorithms = provider().signature_verification_algorithms;
        let schemes = Unchecked(algorithms).supported_verify_schemes();
        assert!(schemes.contains(&SignatureScheme::ECDSA_NISTP256_SHA256) && schemes == algorithms.supported_schemes());
    }

    #[test]
    fn a_privileged_host_has_the_systems_ca_certificates() {
        if BUNDLES.iter().any(|bundle| Path::new(bundle).is_file()) {
            assert!(!system_roots(true).is_empty());
        }
    }
}
