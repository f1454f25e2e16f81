//! Signed messages (RFC 5652) as Authenticode has them: content that a program extracted, our certificates, a signature of the
//! service. Follows "Windows Authenticode Portable Executable Signature Format", of which catalogues differ in their content
//! alone.

use cms::cert::x509::Certificate;
use cms::cert::x509::attr::Attribute;
use cms::cert::x509::spki::AlgorithmIdentifierOwned;
use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos,
};
use der::asn1::{ObjectIdentifier, OctetString, SetOfVec};
use der::{Any, Decode, Encode, EncodeValue, SliceReader, Tag, Tagged};
use stm_pkcs11::mechanism::{Digest, Family, Hasher, PublicKey};

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
/// `SPC_SP_OPUS_INFO_OBJID`: what the signed file calls itself, and its web page.
const OPUS_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.12");
const STATEMENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.11");
const INDIVIDUAL_CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.21");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// The attribute that has a time stamp in it: Authenticode's, and that of RFC 3161, which Java reads.
#[derive(Debug, Clone, Copy)]
pub enum StampAttribute {
    Authenticode,
    Standard,
}

impl StampAttribute {
    fn oid(self) -> ObjectIdentifier {
        match self {
            Self::Authenticode => ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.3.3.1"),
            Self::Standard => ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.14"),
        }
    }
}

/// The object identifiers of a digest: its own, and ECDSA's with it. `None` for one that Authenticode has no use for.
fn identifiers(digest: Digest) -> Option<(ObjectIdentifier, ObjectIdentifier)> {
    let (digest, ecdsa) = match digest {
        Digest::Sha256 => ("2.16.840.1.101.3.4.2.1", "1.2.840.10045.4.3.2"),
        Digest::Sha384 => ("2.16.840.1.101.3.4.2.2", "1.2.840.10045.4.3.3"),
        Digest::Sha512 => ("2.16.840.1.101.3.4.2.3", "1.2.840.10045.4.3.4"),
        _ => return None,
    };
    Some((ObjectIdentifier::new_unwrap(digest), ObjectIdentifier::new_unwrap(ecdsa)))
}

/// The algorithm identifier of a digest.
pub fn digest_algorithm(digest: Digest) -> Option<AlgorithmIdentifierOwned> {
    let (oid, _) = identifiers(digest)?;
    Some(AlgorithmIdentifierOwned { oid, parameters: Some(Any::null()) })
}

/// What the signature says of the file beside its digest.
#[derive(Debug, Clone, Default)]
pub struct Opus {
    /// Shown by Windows when it asks for administrator rights.
    pub description: Option<String>,
    pub url: Option<String>,
}

/// A message that lacks nothing but its signature.
pub struct Unsigned {
    content: EncapsulatedContentInfo,
    certificates: Vec<Certificate>,
    attributes: SetOfVec<Attribute>,
    digest: AlgorithmIdentifierOwned,
    signature_algorithm: AlgorithmIdentifierOwned,
}

impl Unsigned {
    /// `extracted` is a message in DER with the content to sign and any signers; `certificates` are in DER, the key's own first.
    pub fn new(extracted: &[u8], certificates: &[Vec<u8>], digest: Digest, opus: &Opus) -> der::Result<Unsigned> {
        let content = signed_data(extracted)?.encap_content_info;
        let body = content.econtent.as_ref().ok_or_else(|| Tag::Sequence.value_error())?;
        let certificates =
            certificates.iter().map(|der| Certificate::from_der(der)).collect::<der::Result<Vec<_>>>()?;
        let leaf = certificates.first().ok_or_else(|| Tag::Sequence.value_error())?;
        let (_, ecdsa) = identifiers(digest).ok_or_else(|| Tag::ObjectIdentifier.value_error())?;
        let key = leaf.tbs_certificate.subject_public_key_info.to_der()?;
        let is_rsa = PublicKey::from_spki(&key).is_ok_and(|key| key.family() == Family::Rsa);
        let signature_algorithm = match is_rsa {
            true => AlgorithmIdentifierOwned { oid: RSA_ENCRYPTION, parameters: Some(Any::null()) },
            false => AlgorithmIdentifierOwned { oid: ecdsa, parameters: None },
        };
        let mut hasher = Hasher::of(digest);
        // The content octets: without the tag and the length of the SEQUENCE.
        hasher.update(body.value());
        let attributes = SetOfVec::try_from(vec![
            attribute(CONTENT_TYPE, &content.econtent_type)?,
            attribute(MESSAGE_DIGEST, &OctetString::new(hasher.finish())?)?,
            Attribute { oid: OPUS_INFO, values: SetOfVec::try_from(vec![opus.encode()?])? },
            attribute(STATEMENT_TYPE, &vec![INDIVIDUAL_CODE_SIGNING])?,
        ])?;
        let digest = digest_algorithm(digest).ok_or_else(|| Tag::ObjectIdentifier.value_error())?;
        Ok(Unsigned { content, certificates, attributes, digest, signature_algorithm })
    }

    /// What the key has to sign: the attributes, as the SET that they are.
    pub fn to_be_signed(&self) -> der::Result<Vec<u8>> {
        self.attributes.to_der()
    }

    /// The message with its signature: RSA as long as the modulus, ECDSA in DER.
    pub fn with(self, signature: &[u8]) -> der::Result<SignedData> {
        let leaf = &self.certificates[0].tbs_certificate;
        let signer = SignerInfo {
            version: CmsVersion::V1,
            sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
                issuer: leaf.issuer.clone(),
                serial_number: leaf.serial_number.clone(),
            }),
            digest_alg: self.digest.clone(),
            signed_attrs: Some(self.attributes),
            signature_algorithm: self.signature_algorithm,
            signature: OctetString::new(signature)?,
            unsigned_attrs: None,
        };
        let certificates = self.certificates.into_iter().map(CertificateChoices::Certificate).collect::<Vec<_>>();
        Ok(SignedData {
            version: CmsVersion::V1,
            digest_algorithms: SetOfVec::try_from(vec![self.digest])?,
            encap_content_info: self.content,
            certificates: Some(CertificateSet(SetOfVec::try_from(certificates)?)),
            crls: None,
            signer_infos: SignerInfos(SetOfVec::try_from(vec![signer])?),
        })
    }
}

/// The signed data of a message in DER. What follows the message is left alone: osslsigncode writes a whole cabinet there, and
/// Windows fills certificate tables up with zeros.
pub fn signed_data(message: &[u8]) -> der::Result<SignedData> {
    let message = ContentInfo::decode(&mut SliceReader::new(message)?)?;
    message.content.decode_as()
}

/// A message in DER.
pub fn message(data: &SignedData) -> der::Result<Vec<u8>> {
    ContentInfo { content_type: SIGNED_DATA, content: Any::encode_from(data)? }.to_der()
}

/// How many signers a message has; 0 where it cannot be read.
pub fn signers(message: &[u8]) -> usize {
    signed_data(message).map_or(0, |data| data.signer_infos.0.len())
}

/// The signature of the first signer: what a time stamp is of.
pub fn signature(data: &SignedData) -> Option<&[u8]> {
    Some(data.signer_infos.0.get(0)?.signature.as_bytes())
}

/// Puts a time stamp's token, in DER, to the first signer. What else it has is kept.
pub fn add_stamp(data: &mut SignedData, token: &[u8], place: StampAttribute) -> der::Result<()> {
    let mut signers = data.signer_infos.0.clone().into_vec();
    let signer = signers.first_mut().ok_or_else(|| Tag::Set.value_error())?;
    let mut attributes = signer.unsigned_attrs.take().map(SetOfVec::into_vec).unwrap_or_default();
    attributes.push(Attribute { oid: place.oid(), values: SetOfVec::try_from(vec![Any::from_der(token)?])? });
    signer.unsigned_attrs = Some(SetOfVec::try_from(attributes)?);
    data.signer_infos = SignerInfos(SetOfVec::try_from(signers)?);
    Ok(())
}

fn attribute(oid: ObjectIdentifier, value: &(impl EncodeValue + Tagged)) -> der::Result<Attribute> {
    Ok(Attribute { oid, values: SetOfVec::try_from(vec![Any::encode_from(value)?])? })
}

impl Opus {
    /// `SpcSpOpusInfo`: the description as `[0] [0]` in UTF-16, the address as `[1] [0]` in ASCII.
    fn encode(&self) -> der::Result<Any> {
        let tagged = |number: u8, inner: Vec<u8>| -> der::Result<Vec<u8>> {
            let inner = [vec![0x80], length(inner.len())?, inner].concat();
            Ok([vec![0xa0 | number], length(inner.len())?, inner].concat())
        };
        let mut body = Vec::new();
        if let Some(description) = &self.description {
            body.extend(tagged(0, description.encode_utf16().flat_map(u16::to_be_bytes).collect())?);
        }
        if let Some(url) = &self.url {
            body.extend(tagged(1, url.as_bytes().to_vec())?);
        }
        Any::new(Tag::Sequence, body)
    }
}

fn length(bytes: usize) -> der::Result<Vec<u8>> {
    der::Length::try_from(bytes)?.to_der()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opus_is_empty_or_has_its_two_texts() {
        assert_eq!(Opus::default().encode().unwrap().to_der().unwrap(), [0x30, 0]);
        let opus = Opus { description: Some("Hä".into()), url: Some("u".into()) };
        let expected = [0x30, 13, 0xa0, 6, 0x80, 4, 0, 0x48, 0, 0xe4, 0xa1, 3, 0x80, 1, b'u'];
        assert_eq!(opus.encode().unwrap().to_der().unwrap(), expected);
        let long = Opus { description: Some("x".repeat(100)), url: None };
        assert_eq!(long.encode().unwrap().to_der().unwrap()[..8], [0x30, 0x81, 0xce, 0xa0, 0x81, 0xcb, 0x80, 0x81]);
    }

    #[test]
    fn what_is_not_a_message_has_no_signers() {
        assert_eq!(signers(b""), 0);
        assert_eq!(signers(&[0x30, 0]), 0);
        assert!(Unsigned::new(&[0x30, 0], &[], Digest::Sha256, &Opus::default()).is_err());
    }
}
