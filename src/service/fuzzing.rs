//! Entry points for the fuzz targets: the parsers of responses, of the cache file and of the client certificate.

use super::cache::Cache;
use super::cache_file;
use super::cache_identity;
use super::chains::Chains;
use super::credentials::Credentials;
use super::model;
use super::signature_record;
use super::subject::Subject;
use super::{Failure, Keypair, KeypairCertificate, SignatureRecord, Wanted, answer, identity, page, wire};
use crate::config::{Secret, TokenSettings};
use serde_json::Value;
use std::sync::Arc;

pub use crate::pattern::matches as glob;

/// A response that is not a success.
pub fn failure(status: u16, content_type: &str, body: &[u8]) -> Failure {
    answer::failure(Subject::Sign, "GET /x", status, content_type, "request", body)
}

/// The keypairs of a page of `GET /keypairs`; `None` if it is not a page.
pub fn keypairs(body: &[u8]) -> Option<Vec<Keypair>> {
    let mut chains = Chains::new();
    let read = |item: wire::Keypair<'_>| model::keypair(&item, &mut chains);
    page::read(body, "/x", read).ok().map(|page| page.items)
}

/// The certificates of a page of `GET /certificates`, with the ids of their keypairs.
pub fn certificates(body: &[u8]) -> Option<Vec<(Option<String>, KeypairCertificate)>> {
    let mut chains = Chains::new();
    let read = |item: wire::Certificate<'_>| {
        Some((model::keypair_of_certificate(&item), model::certificate(&item, &mut chains)?))
    };
    page::read(body, "/x", read).ok().map(|page| page.items)
}

/// A single keypair.
pub fn keypair(body: &[u8]) -> Option<Keypair> {
    model::keypair(&serde_json::from_slice(body).ok()?, &mut Chains::new())
}

/// The id and the signature in a response to a sign request.
pub fn signed(value: &Value) -> (Option<String>, Option<Vec<u8>>) {
    signature_record::signed(value)
}

/// An entry of the signature log.
pub fn record(value: &Value) -> SignatureRecord {
    signature_record::record(value)
}

/// Writes a list into the cache file that the settings name.
pub fn store(settings: &TokenSettings, keypairs: &[Arc<Keypair>]) {
    Cache::new(settings, None).store(Wanted::All, keypairs);
}

/// The content of the cache file, if it is valid.
pub fn find(settings: &TokenSettings, wanted: Wanted<'_>) -> Option<Vec<Arc<Keypair>>> {
    Cache::new(settings, None).find(wanted).map(|known| known.keypairs)
}

/// A body with the lines that the module writes before it, for these settings' identity.
pub fn framed(settings: &TokenSettings, body: &str) -> String {
    cache_file::framed(&cache_identity::identity(settings, None), cache_file::now(), body)
}

/// Reads the client certificate; returns the number of certificates that came with the key.
pub fn identity(settings: &TokenSettings, password: Option<&str>) -> Result<Option<usize>, Failure> {
    let password = password.map(Secret::new);
    let credentials = Credentials { password: password.as_ref(), ..Credentials::default() };
    Ok(identity::load(settings, &credentials)?.map(|identity| identity.chain.len()))
}
