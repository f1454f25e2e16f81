//! The tokens of a timestamp authority (RFC 3161): a query in, a reply out, without HTTP.

use crate::digests::Digest;
use crate::keys::{KeyError, KeyKind, KeyMaterial};
use crate::pki::{self, Role};
use crate::service::Service;
use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos,
};
use der::asn1::{BitString, GeneralizedTime, Int, ObjectIdentifier, OctetString, SetOfVec, UtcTime};
use der::{Any, Decode, Encode, EncodeValue, Sequence, Tagged};
use sha2::Digest as _;
use std::io;
use std::time::SystemTime;
use x509_cert::Certificate;
use x509_cert::attr::Attribute;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_tsp::{Accuracy, MessageImprint, TimeStampReq, TspVersion, TstInfo};

/// The only policy: that of the CA/Browser Forum for timestamps of signed code.
const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.140.1.4.2");

const ID_SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const ID_CT_TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const ID_CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const ID_MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const ID_SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");
const ID_SIGNING_CERTIFICATE_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Digests that can be stamped, with the length of their values in bytes.
const DIGESTS: [(ObjectIdentifier, usize); 5] = [
    (ObjectIdentifier::new_unwrap("1.3.14.3.2.26"), 20),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.4"), 28),
    (SHA_256, 32),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"), 48),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"), 64),
];

/// `PKIFailureInfo` of RFC 3161, section 2.4.2: the number of its bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The digest is not one of those that can be stamped.
    BadAlg = 0,
    /// The query is invalid, or its digest does not have the length of its algorithm.
    BadDataFormat = 5,
    /// The query requires another policy.
    UnacceptedPolicy = 15,
    /// The query has extensions.
    UnacceptedExtension = 16,
    /// The server cannot issue timestamps now.
    SystemFailure = 25,
}

/// `TimeStampResp`. The type in `x509-tsp` has failure bits that RFC 3161 does not define.
#[derive(Sequence)]
struct Reply {
    status: Status,
    #[asn1(optional = "true")]
    token: Option<ContentInfo>,
}

#[derive(Sequence)]
struct Status {
    /// 0 granted, 2 rejection.
    status: u8,
    #[asn1(optional = "true")]
    fail_info: Option<BitString>,
}

/// `SigningCertificateV2` of RFC 5035, with the default digest, SHA-256.
#[derive(Sequence)]
struct SigningCertificateV2 {
    certs: Vec<EssCertIdV2>,
}

#[derive(Sequence)]
struct EssCertIdV2 {
    cert_hash: OctetString,
}

/// The authority with its key.
pub struct TimeStamper {
    key: KeyMaterial,
    certificate: Certificate,
    issuer: Certificate,
}

impl TimeStamper {
    /// The authority of the state directory, created in the first run.
    pub fn open(service: &Service) -> io::Result<TimeStamper> {
        const KIND: KeyKind = KeyKind::Rsa(2048);
        const FILE: &str = "pki/time-stamper.pem";
        let state = &service.state;
        let other = |error: KeyError| io::Error::other(error.to_string());
        let issuer = service.authority(Role::TimeStampIssuer);
        let (key, der) = match state.read_key("time-stamper", KIND)?.zip(state.read_pem(FILE)?) {
            Some(kept) => kept,
            None => {
                let key = KeyMaterial::generate(KIND).map_err(other)?;
                let der = issuer.issue_time_stamper(&key).map_err(other)?;
                state.keep_key("time-stamper", &key)?;
                state.write(FILE, pki::pem("CERTIFICATE", &der).as_bytes())?;
                (key, der)
            }
        };
        let certificate = |der: &[u8]| Certificate::from_der(der).map_err(|error| io::Error::other(error.to_string()));
        Ok(TimeStamper { key, certificate: certificate(&der)?, issuer: certificate(&issuer.der)? })
    }

    /// The reply to a query, in DER, granted or refused. `false_digest` stamps a digest other than the query's.
    pub fn reply(&self, query: &[u8], time: SystemTime, false_digest: bool) -> Result<Vec<u8>, KeyError> {
        let query = match accepted(query) {
            Ok(query) => query,
            Err(refusal) => return refusal.reply(),
        };
        let token = self.token(&query, time, false_digest)?;
        let reply = Reply { status: Status { status: 0, fail_info: None }, token: Some(token) };
        reply.to_der().map_err(KeyError::from_display)
    }

    fn token(&self, query: &TimeStampReq, time: SystemTime, false_digest: bool) -> Result<ContentInfo, KeyError> {
        let time = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let time = GeneralizedTime::from_unix_duration(std::time::Duration::from_secs(time.as_secs()));
        let time = time.map_err(KeyError::from_display)?;
        let info =
            tst_info(query, time, false_digest).and_then(|info| info.to_der()).map_err(KeyError::from_display)?;
        let attributes = self.signed_attributes(&info, time).map_err(KeyError::from_display)?;
        // The attributes are signed with the SET tag, not with their tag in the token.
        let signed = attributes.to_der().map_err(KeyError::from_display)?;
        let signature = self.key.rsa_pkcs1(Digest::Sha256, &sha2::Sha256::digest(&signed))?;
        self.signed_data(&info, attributes, signature, query.cert_req).map_err(KeyError::from_display)
    }

    fn signed_attributes(&self, info: &[u8], time: GeneralizedTime) -> der::Result<SetOfVec<Attribute>> {
        let hash = OctetString::new(sha2::Sha256::digest(self.certificate.to_der()?).as_slice())?;
        SetOfVec::try_from(vec![
            attribute(ID_CONTENT_TYPE, &ID_CT_TST_INFO)?,
            attribute(ID_SIGNING_TIME, &UtcTime::from_unix_duration(time.to_unix_duration())?)?,
            attribute(ID_MESSAGE_DIGEST, &OctetString::new(sha2::Sha256::digest(info).as_slice())?)?,
            attribute(
                ID_SIGNING_CERTIFICATE_V2,
                &SigningCertificateV2 { certs: vec![EssCertIdV2 { cert_hash: hash }] },
            )?,
        ])
    }

    fn signed_data(
        &self,
        info: &[u8],
        attributes: SetOfVec<Attribute>,
        signature: Vec<u8>,
        with_certificates: bool,
    ) -> der::Result<ContentInfo> {
        let certificate = &self.certificate.tbs_certificate;
        let sha_256 = AlgorithmIdentifierOwned { oid: SHA_256, parameters: None };
        let signer = SignerInfo {
            version: CmsVersion::V1,
            sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
                issuer: certificate.issuer.clone(),
                serial_number: certificate.serial_number.clone(),
            }),
            digest_alg: sha_256.clone(),
            signed_attrs: Some(attributes),
            signature_algorithm: AlgorithmIdentifierOwned { oid: RSA_ENCRYPTION, parameters: Some(Any::null()) },
            signature: OctetString::new(signature)?,
            unsigned_attrs: None,
        };
        let certificates = || {
            let both = [&self.certificate, &self.issuer].map(|one| CertificateChoices::Certificate(one.clone()));
            SetOfVec::try_from(both.to_vec()).map(CertificateSet)
        };
        let data = SignedData {
            version: CmsVersion::V3,
            digest_algorithms: SetOfVec::try_from(vec![sha_256])?,
            encap_content_info: EncapsulatedContentInfo {
                econtent_type: ID_CT_TST_INFO,
                econtent: Some(Any::encode_from(&OctetString::new(info)?)?),
            },
            certificates: with_certificates.then(certificates).transpose()?,
            crls: None,
            signer_infos: SignerInfos(SetOfVec::try_from(vec![signer])?),
        };
        Ok(ContentInfo { content_type: ID_SIGNED_DATA, content: Any::encode_from(&data)? })
    }
}

/// The query, if it can be granted.
fn accepted(query: &[u8]) -> Result<TimeStampReq, Refusal> {
    let query = TimeStampReq::from_der(query).map_err(|_| Refusal::BadDataFormat)?;
    let imprint = &query.message_imprint;
    let digest = DIGESTS.iter().find(|(oid, _)| *oid == imprint.hash_algorithm.oid);
    let (_, length) = digest.ok_or(Refusal::BadAlg)?;
    if imprint.hashed_message.as_bytes().len() != *length {
        return Err(Refusal::BadDataFormat);
    }
    if query.req_policy.is_some_and(|policy| policy != POLICY) {
        return Err(Refusal::UnacceptedPolicy);
    }
    if query.extensions.is_some() {
        return Err(Refusal::UnacceptedExtension);
    }
    Ok(query)
}

fn tst_info(query: &TimeStampReq, time: GeneralizedTime, false_digest: bool) -> der::Result<TstInfo> {
    let mut imprint = query.message_imprint.clone();
    if false_digest {
        let mut digest = imprint.hashed_message.as_bytes().to_vec();
        digest[0] ^= 1;
        imprint = MessageImprint { hashed_message: OctetString::new(digest)?, ..imprint };
    }
    let mut serial = [0u8; 16];
    aws_lc_rs::rand::fill(&mut serial).expect("the system's random source works");
    // Positive, and without leading zero octets.
    serial[0] = serial[0] & 0x7f | 0x40;
    Ok(TstInfo {
        version: TspVersion::V1,
        policy: POLICY,
        message_imprint: imprint,
        serial_number: Int::new(&serial)?,
        gen_time: time,
        accuracy: Some(Accuracy { seconds: Some(1), millis: None, micros: None }),
        ordering: false,
        nonce: query.nonce.clone(),
        tsa: None,
        extensions: None,
    })
}

fn attribute(oid: ObjectIdentifier, value: &(impl EncodeValue + Tagged)) -> der::Result<Attribute> {
    Ok(Attribute { oid, values: SetOfVec::try_from(vec![Any::encode_from(value)?])? })
}

impl Refusal {
    /// The reply that refuses, in DER.
    pub fn reply(self) -> Result<Vec<u8>, KeyError> {
        let bit = self as usize;
        let mut bits = vec![0u8; bit / 8 + 1];
        bits[bit / 8] = 0x80 >> (bit % 8);
        // A named bit list has no zero bits at its end.
        let fail_info = BitString::new(7 - (bit % 8) as u8, bits).map_err(KeyError::from_display)?;
        let reply = Reply { status: Status { status: 2, fail_info: Some(fail_info) }, token: None };
        reply.to_der().map_err(KeyError::from_display)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_the_bit_of_the_standard() {
        assert_eq!(Refusal::BadAlg.reply().unwrap(), [0x30, 9, 0x30, 7, 2, 1, 2, 3, 2, 7, 0x80]);
        assert_eq!(Refusal::SystemFailure.reply().unwrap(), [0x30, 12, 0x30, 10, 2, 1, 2, 3, 5, 6, 0, 0, 0, 0x40]);
    }

    #[test]
    fn what_is_not_a_query_is_refused_for_what_is_wrong_with_it() {
        // SEQUENCE { 1, SEQUENCE { SEQUENCE { sha-256 }, OCTET STRING of 32 bytes } }
        let digest = [7u8; 32];
        let query = |oid_end: u8, digest: &[u8]| {
            let algorithm = [0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, oid_end];
            let imprint = [&algorithm, &[4, digest.len() as u8][..], digest].concat();
            let body = [&[2, 1, 1, 0x30, imprint.len() as u8][..], &imprint].concat();
            [&[0x30, body.len() as u8][..], &body].concat()
        };
        assert!(accepted(&query(1, &digest)).is_ok());
        assert_eq!(accepted(&query(1, &digest[1..])).err(), Some(Refusal::BadDataFormat));
        assert_eq!(accepted(&query(9, &digest)).err(), Some(Refusal::BadAlg));
        assert_eq!(accepted(b"garbage").err(), Some(Refusal::BadDataFormat));
        assert_eq!(accepted(&[]).err(), Some(Refusal::BadDataFormat));
    }
}
