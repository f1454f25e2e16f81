//! The module as a client program sees it: a shared library, loaded at run time, spoken to in PKCS#11 only.
//!
//! The `cryptoki` crate does the loading and the C calls, so that this program checks the module with eyes that are not ours.

use crate::print::{self, Failure};
use base64::{Engine, prelude::BASE64_STANDARD};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, CertificateType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use serde_json::json;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Arguments {
    /// The module, libstm_pkcs11.so
    #[arg(long)]
    module: PathBuf,
    /// Label of the private key: the keypair's alias
    #[arg(long)]
    label: String,
    /// What to sign with
    #[arg(long)]
    mechanism: Signs,
    /// The file to sign
    file: PathBuf,
}

/// The two mechanisms that the demo shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Signs {
    /// CKM_SHA256_RSA_PKCS
    Sha256RsaPkcs,
    /// CKM_ECDSA_SHA256; the signature is r and s, one after the other
    EcdsaSha256,
}

impl Signs {
    fn mechanism(self) -> Mechanism<'static> {
        match self {
            Signs::Sha256RsaPkcs => Mechanism::Sha256RsaPkcs,
            Signs::EcdsaSha256 => Mechanism::EcdsaSha256,
        }
    }
}

const REMEDY: &str =
    "read the line that the module wrote above; SM_LOG_LEVEL=DEBUG SM_LOG_OUTPUT=stderr shows every step";

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let data = std::fs::read(&arguments.file).map_err(|error| {
        Failure::new(format!("read {}", arguments.file.display()), error, "name a file that can be read")
    })?;
    let failed = |what: &str| {
        let what = format!("{what} (key \"{}\")", arguments.label);
        move |error: cryptoki::error::Error| Failure::new(what, error, REMEDY)
    };
    let pkcs11 = Pkcs11::new(&arguments.module).map_err(|error| {
        Failure::new(
            format!("load {}", arguments.module.display()),
            error,
            "build it with `cargo module`, or name the library with --module",
        )
    })?;
    pkcs11
        .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
        .map_err(failed("initialise the module"))?;
    let slot = *pkcs11.get_slots_with_token().map_err(failed("list the slots"))?.first().ok_or_else(|| {
        Failure::new("list the slots", "the module shows no slot with a token", "report this as a defect of the module")
    })?;
    let session = pkcs11.open_ro_session(slot).map_err(failed("open a session"))?;

    let label = Attribute::Label(arguments.label.as_bytes().to_vec());
    let keys = session
        .find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY), label.clone()])
        .map_err(failed("find the private key"))?;
    let key = *keys.first().ok_or_else(|| {
        Failure::new(
            format!("find the private key \"{}\"", arguments.label),
            "the token has no private key with this label",
            "list what is there with `pkcs11-tool --module ... -O`; aliases are case-sensitive",
        )
    })?;
    let signature = session.sign(&arguments.mechanism.mechanism(), key, &data).map_err(failed("sign"))?;
    let certificates = certificates(&session, label).map_err(failed("read the certificates"))?;
    let keypairs = session
        .find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY)])
        .map_err(failed("list the private keys"))?
        .len();
    session.close().map_err(failed("close the session"))?;
    pkcs11.finalize().map_err(failed("finalise the module"))?;

    let certificates: Vec<String> = certificates.iter().map(|der| BASE64_STANDARD.encode(der)).collect();
    print::json(&json!({
        "signature": BASE64_STANDARD.encode(signature), "certificates": certificates, "keypairs": keypairs,
    }));
    Ok(())
}

/// The key's own certificate first, then its issuers, each found by its subject, as Java and NSS do it.
fn certificates(session: &Session, label: Attribute) -> cryptoki::error::Result<Vec<Vec<u8>>> {
    let x509 = [Attribute::Class(ObjectClass::CERTIFICATE), Attribute::CertificateType(CertificateType::X_509)];
    let find = |by: Attribute| session.find_objects(&[x509[0].clone(), x509[1].clone(), by]);
    let mut chain = Vec::new();
    let mut next = find(label)?.first().copied();
    while let Some(certificate) = next {
        let (subject, issuer, value) = names_and_value(session, certificate)?;
        chain.push(value);
        // A chain ends with a certificate that names itself as its issuer; ten is more than any real chain has.
        next = if subject == issuer || chain.len() == 10 {
            None
        } else {
            find(Attribute::Subject(issuer))?.first().copied()
        };
    }
    Ok(chain)
}

/// `CKA_SUBJECT`, `CKA_ISSUER` (DER names) and `CKA_VALUE` (DER certificate).
fn names_and_value(
    session: &Session,
    certificate: ObjectHandle,
) -> cryptoki::error::Result<(Vec<u8>, Vec<u8>, Vec<u8>)> {
    let wanted = [AttributeType::Subject, AttributeType::Issuer, AttributeType::Value];
    let (mut subject, mut issuer, mut value) = (Vec::new(), Vec::new(), Vec::new());
    for attribute in session.get_attributes(certificate, &wanted)? {
        match attribute {
            Attribute::Subject(bytes) => subject = bytes,
            Attribute::Issuer(bytes) => issuer = bytes,
            Attribute::Value(bytes) => value = bytes,
            _ => {}
        }
    }
    Ok((subject, issuer, value))
}
