//! Who signs: a keypair that can sign code, with its certificates. It is one of the account; or, on a builder without credentials,
//! one that a PKCS#11 module shows.

use super::fingerprint::Fingerprint;
use super::token_key::{TokenKey, TokenKeys};
use crate::account::prepare::{prepare_bytes, public_key};
use crate::account::signature::sign;
use crate::account::{Account, Choice, describe, refused};
use crate::module_file;
use crate::print::{Exit, Failure};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stm_pkcs11::config::Limit;
use stm_pkcs11::ledger::Refusal;
use stm_pkcs11::mechanism::{Digest, Family, PublicKey};
use stm_pkcs11::service::{Keypair, Signed, Wanted};
use stm_pkcs11::x509::Certificate;

/// A keypair that can sign code now, as far as can be known without a signature.
pub struct Signer {
    source: Source,
    pub key: PublicKey,
    /// The certificate that the module shows for it.
    pub leaf: Certificate,
    /// The certificates above it, in DER, the issuer first, as the service has them.
    pub issuers: Vec<Vec<u8>>,
}

/// Where its signatures come from.
enum Source {
    Service(Box<Account>, Arc<Keypair>),
    Token(TokenKey),
}

/// Which keypair.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// By alias, or else by id.
    Keypair(&'a str),
    /// By SHA-1 or SHA-256 of a certificate: hexadecimal digits in any case, with colons or blanks between them or not.
    Fingerprint(&'a str),
    /// The only one that can sign code.
    Only,
}

impl Signer {
    /// Finds the keypair: in the account; or, where no account is set, in `module`, or else in the tokens that p11-kit knows.
    pub fn choose(choice: &Choice, module: Option<&Path>, which: Which<'_>) -> Result<Signer, Failure> {
        if choice.is_configured() {
            return Signer::find(choice.open()?, which);
        }
        if let Some(module) = module {
            return Signer::on_token(TokenKeys::of(module)?, which);
        }
        let of_account = || Signer::find(choice.open()?, which);
        let Some(proxy) = module_file::p11_kit_proxy() else { return of_account() };
        let why = match TokenKeys::of(&proxy) {
            Ok(keys) if !keys.is_empty() => return Signer::on_token(keys, which),
            Ok(_) => "it shows no keypair with a certificate".to_owned(),
            Err(failure) => failure.why().to_owned(),
        };
        // On a builder this is what matters: its signing host cannot be reached.
        of_account().map_err(|failure| failure.after(format!("nor is there one in {}: {why}", proxy.display())))
    }

    /// Finds the keypair in an account and checks that it can sign code.
    pub fn find(account: Account, which: Which<'_>) -> Result<Signer, Failure> {
        let keypair = match which {
            Which::Keypair(name) => account.keypair(name)?,
            Which::Fingerprint(text) => by_fingerprint(&account, text)?,
            Which::Only => only(&account)?,
        };
        Signer::new(account, keypair)
    }

    /// Checks that the keypair can sign code: it is ONLINE, may be used by this user, is RSA or ECDSA, and has a valid certificate
    /// of its own for code signing.
    pub fn new(account: Account, keypair: Arc<Keypair>) -> Result<Signer, Failure> {
        if let Err((why, remedy, exit)) = usable(&keypair) {
            return Err(Failure::new(format!("sign with {}", keypair.alias), why, remedy).exit(exit));
        }
        let key = public_key(&keypair)?;
        let (record, leaf) = describe::chosen(&keypair)
            .and_then(|held| Some((held.record, held.read.ok()?)))
            .expect("a usable keypair has a certificate");
        let issuers = record.chain.iter().map(|der| der.to_vec()).collect();
        Ok(Signer { key, leaf, issuers, source: Source::Service(Box::new(account), Arc::clone(&keypair)) })
    }

    /// Finds the keypair among those of a PKCS#11 module, and checks that its certificate can sign code now.
    fn on_token(keys: TokenKeys, which: Which<'_>) -> Result<Signer, Failure> {
        let read = |der: &[u8]| {
            let unfit = |why: &str| Failure::new("sign with the token's certificate", why, OTHER).exit(Exit::Settings);
            let leaf = Certificate::parse(der.to_vec()).map_err(|_| unfit("it is not a certificate"))?;
            let key = PublicKey::from_spki(leaf.spki()).map_err(|error| unfit(&error.cause))?;
            if ![Family::Rsa, Family::Ec].contains(&key.family()) {
                return Err(unfit("its key is neither RSA nor ECDSA"));
            }
            fit(&leaf).map_err(|(why, remedy, exit)| {
                Failure::new(format!("sign with {}", leaf.subject_display()), why, remedy).exit(exit)
            })?;
            Ok((key, leaf))
        };
        let (token, (key, leaf)) = keys.choose(which, read)?;
        let issuers = above(&leaf, token.others());
        Ok(Signer { key, leaf, issuers, source: Source::Token(token) })
    }

    /// The alias: `CKA_LABEL` on a token.
    pub fn alias(&self) -> &str {
        match &self.source {
            Source::Service(_, keypair) => &keypair.alias,
            Source::Token(key) => key.label(),
        }
    }

    /// The module that shows the keypair; `None`: whatever module of ours is installed.
    pub fn module(&self) -> Option<&Path> {
        match &self.source {
            Source::Service(..) => None,
            Source::Token(key) => Some(key.module()),
        }
    }

    /// Place of its slot in the list of all slots of the module.
    pub fn slot(&self) -> usize {
        match &self.source {
            Source::Service(account, _) => account.slot,
            Source::Token(key) => key.slot(),
        }
    }

    /// The ledger of this machine, if there is one; on a builder it is the signing host's affair.
    pub fn ledger_file(&self) -> Option<&PathBuf> {
        match &self.source {
            Source::Service(account, _) => account.ledger_file.as_ref(),
            Source::Token(_) => None,
        }
    }

    /// Each limit of the budget, and what is spent of it; on a builder the signing host has it.
    pub fn limits(&self) -> Result<Vec<(Limit, u64)>, Refusal> {
        match &self.source {
            Source::Service(account, _) => account.ledger.limits(),
            Source::Token(_) => Ok(Vec::new()),
        }
    }

    /// One signature over `bytes`.
    pub fn sign(&self, digest: Digest, bytes: &[u8]) -> Result<Signed, Failure> {
        match &self.source {
            Source::Service(account, keypair) => {
                let prepared = prepare_bytes(keypair, digest, bytes)?;
                sign(account, keypair, &prepared)
            }
            Source::Token(token) => Ok(Signed { id: None, signature: token.sign(&self.key, digest, bytes)? }),
        }
    }

    /// Its certificate, and those above it, in DER.
    pub fn certificates(&self) -> Vec<Vec<u8>> {
        let mut all = vec![self.leaf.der().to_vec()];
        all.extend(self.issuers.iter().filter(|issuer| issuer[..] != *self.leaf.der()).cloned());
        all
    }

    pub fn is_rsa(&self) -> bool {
        self.key.family() == Family::Rsa
    }
}

/// Why something cannot sign, what to do, and the status that says so.
type Unfit = (String, &'static str, Exit);

const OTHER: &str = "choose another keypair with --keypair";

/// Whether a keypair can sign code now.
fn usable(keypair: &Keypair) -> Result<(), Unfit> {
    let no = |why: &str, remedy, exit| Err((why.to_owned(), remedy, exit));
    if !keypair.online() {
        return no("the keypair is OFFLINE", "set it ONLINE, or choose another keypair with --keypair", Exit::Refused);
    }
    if keypair.signable == Some(false) {
        let remedy = "ask an administrator of the account for access to the keypair";
        return no("this user may not sign with the keypair", remedy, Exit::Refused);
    }
    if !public_key(keypair).is_ok_and(|key| [Family::Rsa, Family::Ec].contains(&key.family())) {
        let why = format!("{} keypairs do not sign code", describe::key(keypair));
        return Err((why, "choose an RSA or ECDSA keypair with --keypair", Exit::Usage));
    }
    let Some(held) = describe::chosen(keypair) else {
        return no("the keypair has no certificate", "issue a code signing certificate for it", Exit::Settings);
    };
    match held.read {
        Ok(certificate) => fit(&certificate),
        Err(unfit) => Err((format!("its certificate {}", unfit.why()), OTHER, Exit::Settings)),
    }
}

/// Whether a certificate is valid now, and for code signing.
fn fit(certificate: &Certificate) -> Result<(), Unfit> {
    let now = describe::now();
    if now < certificate.not_before() {
        let why = format!("its certificate is not valid before {}", describe::day(certificate.not_before_date()));
        return Err((why, "check the clock of this machine", Exit::Settings));
    }
    if now > certificate.not_after() {
        let why = format!("its certificate expired on {}", describe::day(certificate.not_after_date()));
        return Err((why, "renew the certificate", Exit::Settings));
    }
    if !certificate.permits_code_signing() {
        let why = "its certificate is not for code signing (extended key usage)".to_owned();
        return Err((why, "issue a code signing certificate for it", Exit::Settings));
    }
    Ok(())
}

/// The certificates above a certificate, in order, among others in DER.
fn above(leaf: &Certificate, others: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let all: Vec<Certificate> = others.iter().filter_map(|der| Certificate::parse(der.clone()).ok()).collect();
    let mut chain: Vec<&Certificate> = Vec::new();
    let mut last = leaf;
    while let Some(next) = all.iter().find(|other| other.subject() == last.issuer() && !last.is_self_signed()) {
        if chain.iter().any(|known| known.der() == next.der()) {
            break;
        }
        chain.push(next);
        last = next;
    }
    chain.into_iter().map(|certificate| certificate.der().to_vec()).collect()
}

fn all(account: &Account) -> Result<Vec<Arc<Keypair>>, Failure> {
    let all = account.service.keypairs(Wanted::All, account.service.deadline());
    all.map_err(|failure| refused("list the keypairs", &failure))
}

fn only(account: &Account) -> Result<Arc<Keypair>, Failure> {
    let able: Vec<_> = all(account)?.into_iter().filter(|keypair| usable(keypair).is_ok()).collect();
    match able.as_slice() {
        [one] => Ok(Arc::clone(one)),
        [] => {
            let remedy = "stm-pkcs11 doctor says of each keypair what it lacks";
            Err(Failure::new("choose a keypair", "no keypair of the account can sign code", remedy)
                .exit(Exit::NotFound))
        }
        several => {
            let names: Vec<_> = several.iter().map(|keypair| keypair.alias.as_str()).collect();
            let why = format!("{} keypairs can sign code: {}", names.len(), names.join(", "));
            Err(Failure::new("choose a keypair", why, "name one with --keypair or --fingerprint").exit(Exit::Usage))
        }
    }
}

fn by_fingerprint(account: &Account, text: &str) -> Result<Arc<Keypair>, Failure> {
    let wanted = Fingerprint::read(text)?;
    let is_it = |der: &[u8]| wanted.is_of(der);
    let what = || format!("find the certificate {}", wanted.digits());
    for keypair in all(account)? {
        let Some(place) = keypair.certificates.iter().position(|record| is_it(&record.der)) else { continue };
        if describe::chosen(&keypair).is_some_and(|held| is_it(&held.record.der)) {
            return Ok(keypair);
        }
        let alias = &keypair.certificates[place].alias;
        let why = format!("it is not the certificate that is used for keypair {}", keypair.alias);
        return Err(Failure::new(what(), why, format!("set STM_PKCS11_CERTIFICATE={alias}")).exit(Exit::Usage));
    }
    let why = "no keypair that this user sees has such a certificate";
    Err(Failure::new(what(), why, "stm-pkcs11 certificate list shows what there is").exit(Exit::NotFound))
}
