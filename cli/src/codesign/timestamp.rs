//! Time stamps (RFC 3161): one question to a time-stamping server, its answer checked, and asked again where it fails.

use super::cms;
use crate::print::{Exit, Failure};
use ::cms::cert::CertificateChoices;
use ::cms::cert::x509::Certificate;
use ::cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use der::asn1::{Int, OctetString};
use der::{Any, Decode, Encode, Tag, Tagged};
use std::time::Duration;
use stm_pkcs11::mechanism::{Digest, Hasher, MECHANISMS, Parameter, PublicKey, Scheme, Signing};
use x509_tsp::{MessageImprint, TimeStampReq, TspVersion};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pauses before a question is asked again.
pub const PAUSES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];
/// Longer than any answer: a token has a few certificates.
const LONGEST: usize = 1 << 20;

/// A time-stamping server.
#[derive(Debug, Clone)]
pub struct Authority {
    url: String,
    digest: Digest,
}

/// A time stamp that was checked.
pub struct Stamp {
    /// The token in DER.
    pub token: Vec<u8>,
    /// When, as people write it (UTC).
    pub time: String,
}

impl Authority {
    /// `digest` is the hash function of the time stamps. Asks nothing.
    pub fn new(url: &str, digest: Digest) -> Result<Authority, Failure> {
        let parsed = reqwest::Url::parse(url).ok().filter(|url| ["http", "https"].contains(&url.scheme()));
        if parsed.is_none_or(|url| !url.has_host()) {
            let why = format!("'{url}' is not a URL of a time-stamping server");
            let remedy = "use a URL such as http://timestamp.digicert.com, or --no-timestamp";
            return Err(Failure::new("read --timestamp", why, remedy).exit(Exit::Usage));
        }
        Ok(Authority { url: url.to_owned(), digest })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks once, for the time stamp of nothing in particular.
    pub fn try_once(&self) -> Result<(), Failure> {
        self.ask(b"stm-pkcs11").map(drop).map_err(|why| self.failed(&why))
    }

    /// The time stamp of a signature. Asks again where there is none: a signature was spent for it.
    pub fn stamp(&self, signature: &[u8]) -> Result<Stamp, Failure> {
        let mut pauses = PAUSES.iter();
        loop {
            let why = match self.ask(signature) {
                Ok(stamp) => return Ok(stamp),
                Err(why) => why,
            };
            match pauses.next() {
                Some(pause) => std::thread::sleep(*pause),
                None => return Err(self.failed(&why)),
            }
        }
    }

    fn failed(&self, why: &str) -> Failure {
        let remedy =
            "check the URL and the proxy (HTTP_PROXY), name another server with --timestamp, or use --no-timestamp";
        Failure::new(format!("get a time stamp from {}", self.url), why, remedy).exit(Exit::Network)
    }

    fn ask(&self, signature: &[u8]) -> Result<Stamp, String> {
        let mut hasher = Hasher::of(self.digest);
        hasher.update(signature);
        let unwritten = |error: der::Error| error.to_string();
        let imprint = MessageImprint {
            hash_algorithm: cms::digest_algorithm(self.digest).ok_or("no such digest")?,
            hashed_message: OctetString::new(hasher.finish()).map_err(unwritten)?,
        };
        let nonce = Int::new(&nonce()).map_err(unwritten)?;
        let query = TimeStampReq {
            version: TspVersion::V1,
            message_imprint: imprint.clone(),
            req_policy: None,
            nonce: Some(nonce.clone()),
            cert_req: true,
            extensions: None,
        };
        let reply = post(&self.url, query.to_der().map_err(unwritten)?)?;
        let token = granted(&reply)?;
        let imprint = imprint.to_der().map_err(unwritten)?;
        let time = checked(&token, &imprint, &nonce.to_der().map_err(unwritten)?)?;
        Ok(Stamp { token, time })
    }
}

/// Eight bytes of the system's random source, as a positive number without leading zeros.
fn nonce() -> [u8; 8] {
    let mut nonce = [0; 8];
    rustls::crypto::aws_lc_rs::default_provider()
        .secure_random
        .fill(&mut nonce)
        .expect("the system's random source works");
    nonce[0] = nonce[0] & 0x3f | 0x40;
    nonce
}

fn post(url: &str, query: Vec<u8>) -> Result<Vec<u8>, String> {
    // A second installation is refused, and the first one serves.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let client = reqwest::Client::builder().timeout(PATIENCE).build().map_err(|error| causes(&error))?;
        let request = client.post(url).header("Content-Type", "application/timestamp-query").body(query);
        let mut response = request.send().await.map_err(|error| causes(&error))?;
        if !response.status().is_success() {
            return Err(format!("the server answers {}", response.status()));
        }
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| causes(&error))? {
            body.extend_from_slice(&part);
            if body.len() > LONGEST {
                return Err("the answer is too long for a time stamp".to_owned());
            }
        }
        Ok(body)
    })
}

/// An error with what caused it, the cause last.
fn causes(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "no answer in time".to_owned() } else { "the request failed".to_owned() };
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text += &format!(": {cause}");
        next = cause.source();
    }
    text
}

/// The token of a reply that grants it (RFC 3161, 2.4.2). Read by hand: of what a refusal says, only the text is of use.
fn granted(reply: &[u8]) -> Result<Vec<u8>, String> {
    let not_one = || "the answer is not an RFC 3161 time stamp".to_owned();
    let parts = Vec::<Any>::from_der(reply).map_err(|_| not_one())?;
    let status = parts.first().ok_or_else(not_one)?;
    let status = Vec::<Any>::from_der(&status.to_der().map_err(|_| not_one())?).map_err(|_| not_one())?;
    let number = status.first().filter(|status| status.tag() == Tag::Integer).ok_or_else(not_one)?;
    match (number.value(), parts.get(1)) {
        // granted, and granted with modifications
        ([0] | [1], Some(token)) => token.to_der().map_err(|_| not_one()),
        _ => {
            let texts = status.iter().skip(1).filter(|part| part.tag() == Tag::Sequence);
            let texts = texts.map(|part| String::from_utf8_lossy(part.value()).trim().to_owned());
            let text: String = texts.collect::<String>().chars().filter(|letter| !letter.is_control()).collect();
            Err(format!("the server refuses the request (status {}) {text}", number.value()[0]).trim_end().to_owned())
        }
    }
}

/// The time of a token that is of this imprint, has this nonce, and is signed by a certificate in it.
fn checked(token: &[u8], imprint: &[u8], nonce: &[u8]) -> Result<String, String> {
    let not_one = |error: der::Error| format!("the answer's token cannot be read ({error})");
    let data = cms::signed_data(token).map_err(not_one)?;
    let content = data.encap_content_info.econtent.as_ref().ok_or("the answer's token is empty")?;
    let content = content.decode_as::<OctetString>().map_err(not_one)?;
    let content = content.as_bytes();
    // version, policy, imprint, serial number, time, then optional ones: the nonce is the one INTEGER among them.
    let fields = Vec::<Any>::from_der(content).map_err(not_one)?;
    let field = |place: usize| fields.get(place).ok_or("the answer's token is incomplete".to_owned());
    let theirs = Imprint::of(&field(2)?.to_der().map_err(not_one)?);
    if theirs.is_none() || theirs != Imprint::of(imprint) {
        return Err("the time stamp is of another digest than the one that was sent".to_owned());
    }
    let theirs = fields.iter().skip(5).find(|field| field.tag() == Tag::Integer);
    if theirs.and_then(|field| field.to_der().ok()).is_none_or(|theirs| theirs != nonce) {
        return Err("the time stamp is the answer to another request (its nonce differs)".to_owned());
    }
    verify(&data, content)?;
    Ok(time(&String::from_utf8_lossy(field(4)?.value())))
}

/// A digest with its algorithm, whose parameters may be NULL or left out.
#[derive(PartialEq, Eq)]
struct Imprint(der::asn1::ObjectIdentifier, Vec<u8>);

impl Imprint {
    fn of(der: &[u8]) -> Option<Imprint> {
        let imprint = MessageImprint::from_der(der).ok()?;
        Some(Imprint(imprint.hash_algorithm.oid, imprint.hashed_message.as_bytes().to_vec()))
    }
}

/// Checks the token's own signature with the certificate in it that signed it.
fn verify(data: &SignedData, content: &[u8]) -> Result<(), String> {
    let wrong = || "the signature of the time stamp does not verify".to_owned();
    let signer = data.signer_infos.0.get(0).ok_or_else(wrong)?;
    let attributes = signer.signed_attrs.as_ref().ok_or_else(wrong)?;
    let digest = digest_named(&signer.digest_alg.oid.to_string()).ok_or_else(wrong)?;
    let mut hasher = Hasher::of(digest);
    hasher.update(content);
    let digests = attributes.iter().filter(|attribute| attribute.oid.to_string() == "1.2.840.113549.1.9.4");
    let mut values = digests.filter_map(|attribute| attribute.values.get(0));
    if values.next().is_none_or(|value| value.value() != hasher.finish()) {
        return Err(wrong());
    }
    let certificate = certificate_of(data, signer).ok_or("the time stamp has no certificate of its signer")?;
    let key = certificate.tbs_certificate.subject_public_key_info.to_der().map_err(|_| wrong())?;
    let key = PublicKey::from_spki(&key).map_err(|_| wrong())?;
    let signed = attributes.to_der().map_err(|_| wrong())?;
    let schemes = [Scheme::Pkcs1(Some(digest)), Scheme::Ecdsa(Some(digest))];
    let mechanism = MECHANISMS.iter().find(|mechanism| mechanism.fits(&key) && schemes.contains(&mechanism.scheme));
    let mechanism = mechanism.ok_or_else(wrong)?.mechanism_type;
    let mut signing = Signing::new(mechanism, &Parameter::None, &key).map_err(|_| wrong())?;
    signing.update(&signed).map_err(|_| wrong())?;
    let prepared = signing.finish().map_err(|_| wrong())?;
    prepared.accept(signer.signature.as_bytes()).map(drop).map_err(|_| wrong())
}

fn digest_named(oid: &str) -> Option<Digest> {
    Some(match oid {
        "1.3.14.3.2.26" => Digest::Sha1,
        "2.16.840.1.101.3.4.2.1" => Digest::Sha256,
        "2.16.840.1.101.3.4.2.2" => Digest::Sha384,
        "2.16.840.1.101.3.4.2.3" => Digest::Sha512,
        _ => return None,
    })
}

fn certificate_of<'a>(data: &'a SignedData, signer: &SignerInfo) -> Option<&'a Certificate> {
    data.certificates.as_ref()?.0.iter().find_map(|choice| match (choice, &signer.sid) {
        (CertificateChoices::Certificate(certificate), SignerIdentifier::IssuerAndSerialNumber(sid)) => {
            let tbs = &certificate.tbs_certificate;
            (tbs.issuer == sid.issuer && tbs.serial_number == sid.serial_number).then_some(certificate)
        }
        (CertificateChoices::Certificate(certificate), SignerIdentifier::SubjectKeyIdentifier(id)) => {
            let extensions = certificate.tbs_certificate.extensions.as_ref()?;
            let own = extensions.iter().find(|extension| extension.extn_id.to_string() == "2.5.29.14")?;
            own.extn_value.as_bytes().ends_with(id.0.as_bytes()).then_some(certificate)
        }
        _ => None,
    })
}

/// `20261128101530Z` or `20261128101530.25Z` -> `2026-11-28 10:15:30`
pub fn time(generalized: &str) -> String {
    let part = |range| generalized.get(range).unwrap_or_default();
    format!("{}-{}-{} {}:{}:{}", part(0..4), part(4..6), part(6..8), part(8..10), part(10..12), part(12..14))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_people_write_it() {
        assert_eq!(time("20261128101530Z"), "2026-11-28 10:15:30");
        assert_eq!(time("20261128101530.25Z"), "2026-11-28 10:15:30");
    }

    #[test]
    fn a_reply_is_granted_or_says_why_not() {
        assert!(granted(b"<html>").unwrap_err().contains("not an RFC 3161 time stamp"));
        // status 2, systemFailure; then the same with a text
        let said = granted(&[0x30, 9, 0x30, 7, 2, 1, 2, 3, 2, 7, 0x80]).unwrap_err();
        assert_eq!(said, "the server refuses the request (status 2)");
        let said = granted(&[0x30, 11, 0x30, 9, 2, 1, 2, 0x30, 4, 0x0c, 2, b'n', b'o']).unwrap_err();
        assert!(said.ends_with("no"), "{said}");
        assert_eq!(granted(&[0x30, 7, 0x30, 3, 2, 1, 0, 0x30, 0]).unwrap(), [0x30, 0]);
        assert!(granted(&[0x30, 5, 0x30, 3, 2, 1, 0]).is_err(), "granted, and no token");
    }

    #[test]
    fn a_url_is_one_of_a_server() {
        assert!(Authority::new("http://timestamp.example", Digest::Sha256).is_ok());
        for wrong in ["", "timestamp.example", "ftp://timestamp.example", "http://"] {
            let said = Authority::new(wrong, Digest::Sha256).unwrap_err().to_string();
            assert!(said.contains("is not a URL of a time-stamping server"), "{wrong}: {said}");
        }
    }

    #[test]
    fn a_nonce_is_positive_and_never_the_same() {
        let (one, other) = (nonce(), nonce());
        assert!(one != other && (0x40..0x80).contains(&one[0]));
    }
}
