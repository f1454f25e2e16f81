//! The certificates of keypairs, with their chains.

use super::details::facts;
use super::{Answer, Console, Failure};
use crate::pki::pem;
use crate::records::{CertificateRecord, Keypair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use data_encoding::HEXUPPER;
use der::Decode;
use maud::{Markup, html};
use sha2::Digest as _;
use x509_cert::Certificate;

/// One certificate of a keypair, as a part of the keypair's page.
pub fn section(console: &Console, certificate: &CertificateRecord) -> Markup {
    let der = BASE64.decode(&certificate.cert).unwrap_or_default();
    let [issuer, root] = console.shared.service.issuers(certificate.chain);
    let (subject, issuer_name, serial) = names(&der);
    let heading = format!("certificate-{}", certificate.id);
    html! {
        article.card aria-labelledby=(heading) {
            h3 id=(heading) {
                bdi.name { (super::page::shown(&certificate.alias)) } " "
                span.badge { (certificate.status) }
                @if certificate.default { " " span.badge.strong { "default" } }
            }
            (facts([
                ("Id", certificate.id.clone()),
                ("Subject", subject),
                ("Issuer", issuer_name),
                ("Serial number", serial),
                ("Valid from", certificate.valid_from.clone()),
                ("Valid to", certificate.valid_to.clone()),
                ("SHA-256", HEXUPPER.encode(&sha2::Sha256::digest(&der))),
                ("SHA-1", HEXUPPER.encode(&sha1::Sha1::digest(&der))),
            ]))
            h4 { "Chain" }
            ol { @for authority in [&der, &issuer.der, &root.der] { li { bdi { (super::page::shown(&names(authority).0)) } } } }
            p { a href=(format!("/console/certificates/{}/certificate.pem", certificate.id)) { "Download the certificate" } " · "
                a href=(format!("/console/certificates/{}/chain.pem", certificate.id)) { "Download it with its chain" } }
            @if !certificate.default {
                form method="post" action=(format!("/console/certificates/{}/default", certificate.id)) {
                    (console.token_field())
                    button type="submit" { "Make it the default" }
                }
            }
        }
    }
}

/// Subject, issuer and serial number.
fn names(der: &[u8]) -> (String, String, String) {
    let Ok(certificate) = Certificate::from_der(der) else { return Default::default() };
    let inner = certificate.tbs_certificate;
    (inner.subject.to_string(), inner.issuer.to_string(), HEXUPPER.encode(inner.serial_number.as_bytes()))
}

/// A certificate as a file, alone or with its chain.
pub fn file(console: &Console, id: &str, name: &str) -> Result<Answer, Failure> {
    let (keypair, index) = console.shared.service.store.by_certificate(id).ok_or(Failure::NotFound)?;
    let record = &keypair.certificates[index].record;
    let leaf = pem("CERTIFICATE", &BASE64.decode(&record.cert).unwrap_or_default());
    match name {
        "certificate.pem" => Ok(Answer::download("certificate.pem", leaf)),
        "chain.pem" => {
            let issuers =
                console.shared.service.issuers(record.chain).map(|authority| pem("CERTIFICATE", &authority.der));
            Ok(Answer::download("chain.pem", leaf + &issuers.concat()))
        }
        _ => Err(Failure::NotFound),
    }
}

pub fn make_default(console: &Console, id: &str) -> Result<Answer, Failure> {
    let service = &console.shared.service;
    service.make_default(id).map_err(|error| Failure::Bad(error.to_string()))?;
    let keypair: Option<std::sync::Arc<Keypair>> = service.store.by_certificate(id).map(|(keypair, _)| keypair);
    let keypair = keypair.ok_or(Failure::NotFound)?;
    Ok(Answer::redirect(&format!("/console/keypairs/{}", keypair.record.id), "default"))
}
