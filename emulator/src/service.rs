//! The service behind the API: authorities, keypairs and signatures, without HTTP.

use crate::behaviour::Behaviour;
use crate::journal::Journal;
use crate::keys::{KeyError, KeyKind, KeyMaterial};
use crate::pki::{self, Authority, Role, Validity};
use crate::records::{CertificateRecord, ChainKind, Chains, Keypair, KeypairRecord};
use crate::state::{Credentials, StateDir, invalid, new_id};
use crate::store::{AddError, Store};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The state of the API.
pub struct Service {
    pub state: StateDir,
    /// The one user.
    pub who: Credentials,
    pub store: Store,
    pub journal: Journal,
    /// The behaviour set on the command line.
    pub behaviour: Behaviour,
    authorities: HashMap<&'static str, Authority>,
    chains: Chains,
}

/// The properties of a new keypair.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Unique in the account.
    pub alias: String,
    /// Algorithm and size.
    pub kind: KeyKind,
    /// `PRODUCTION` or `TEST`.
    pub key_type: String,
    /// `HSM` or `DISK`.
    pub key_storage: String,
    /// ONLINE or OFFLINE.
    pub online: bool,
    /// Replaced after every signature.
    pub dynamic: bool,
    /// Whether the user may sign with it.
    pub signable: bool,
    /// Its certificate; `None` for a bare keypair.
    pub certificate: Option<Validity>,
}

impl Plan {
    /// An ordinary keypair: PRODUCTION, HSM, ONLINE, with a certificate for three years.
    pub fn new(alias: impl Into<String>, kind: KeyKind) -> Plan {
        Plan {
            alias: alias.into(),
            kind,
            key_type: "PRODUCTION".to_owned(),
            key_storage: "HSM".to_owned(),
            online: true,
            dynamic: false,
            signable: true,
            certificate: Some(Validity::years(3)),
        }
    }
}

impl Service {
    /// Opens the service of a state directory, and creates what is missing.
    pub fn open(state: StateDir, behaviour: Behaviour) -> io::Result<Service> {
        let who = Credentials::of(&state)?;
        let authorities = authorities(&state)?;
        let der = |role: Role| authorities[role.file_stem()].der.as_slice();
        let chains = Chains::new(der(Role::SigningRoot), der(Role::RsaIssuer), der(Role::EcIssuer));
        let mut keys: HashMap<String, Arc<KeyMaterial>> = HashMap::new();
        let mut keypairs = Vec::new();
        for record in Store::kept(&state)? {
            let key = match keys.get(&record.key) {
                Some(key) => key.clone(),
                None => {
                    let key = kept_key(&state, &record)?;
                    keys.insert(record.key.clone(), key.clone());
                    key
                }
            };
            keypairs.push(Keypair::new(record, key, &chains, &who));
        }
        let store = Store::open(&state, behaviour.alias_match, keypairs)?;
        let journal = Journal::open(&state)?;
        Ok(Service { state, who, store, journal, behaviour, authorities, chains })
    }

    pub fn authority(&self, role: Role) -> &Authority {
        &self.authorities[role.file_stem()]
    }

    /// Creates a keypair with its own key, and stores it.
    pub fn create(&self, plan: &Plan) -> Result<Arc<Keypair>, AddError> {
        if self.store.has_alias(&plan.alias) {
            return Err(AddError::Duplicate(plan.alias.clone()));
        }
        let keypair = self.make_with_new_key(plan)?;
        let added = self.store.add(vec![keypair])?;
        let keypair = added.into_iter().next().ok_or_else(|| AddError::Io(invalid("no keypair was added")))?;
        self.write_certificates(&keypair).map_err(AddError::Io)?;
        Ok(keypair)
    }

    /// A keypair with its own key, not yet in the store.
    pub fn make_with_new_key(&self, plan: &Plan) -> Result<Keypair, AddError> {
        let key = KeyMaterial::generate(plan.kind).map_err(failed)?;
        let key_id = new_id();
        self.state.keep_key(&key_id, &key).map_err(AddError::Io)?;
        self.make(plan, &key_id, Arc::new(key)).map_err(failed)
    }

    /// A keypair with a stored key, not yet in the store.
    pub fn make(&self, plan: &Plan, key_id: &str, key: Arc<KeyMaterial>) -> Result<Keypair, KeyError> {
        let now = timestamp(OffsetDateTime::now_utc());
        let alias = format!("{}-cert", plan.alias);
        let certificate = match plan.certificate {
            Some(validity) => self.issue(&plan.alias, alias, &key, validity)?,
            None => None,
        };
        let record = KeypairRecord {
            id: new_id(),
            alias: plan.alias.clone(),
            key: key_id.to_owned(),
            kind: plan.kind.name(),
            key_type: plan.key_type.clone(),
            key_storage: plan.key_storage.clone(),
            online: plan.online,
            dynamic: plan.dynamic,
            signable: plan.signable,
            created_on: now,
            modified_on: None,
            certificates: certificate.into_iter().collect(),
        };
        Ok(self.keypair(record, key))
    }

    /// The keypair of a record, ready for responses.
    pub fn keypair(&self, record: KeypairRecord, key: Arc<KeyMaterial>) -> Keypair {
        Keypair::new(record, key, &self.chains, &self.who)
    }

    /// A certificate for a key, the default one; `None` if keys of this kind cannot have one (SLH-DSA).
    pub fn issue(
        &self,
        common_name: &str,
        alias: String,
        key: &KeyMaterial,
        validity: Validity,
    ) -> Result<Option<CertificateRecord>, KeyError> {
        let chain = match key.kind {
            KeyKind::Rsa(_) => ChainKind::Rsa,
            _ => ChainKind::Ec,
        };
        let [issuer, _] = self.issuers(chain);
        let Some(der) = issuer.issue_leaf(common_name, key, validity) else { return Ok(None) };
        Ok(Some(CertificateRecord {
            id: new_id(),
            alias,
            cert: BASE64.encode(der?),
            chain,
            status: if validity.to > OffsetDateTime::now_utc() { "ACTIVE" } else { "EXPIRED" }.to_owned(),
            default: true,
            valid_from: timestamp(validity.from),
            valid_to: timestamp(validity.to),
            created_on: None,
            modified_on: None,
        }))
    }

    /// The authorities above a certificate: its issuer, and the root.
    pub fn issuers(&self, chain: ChainKind) -> [&Authority; 2] {
        let issuer = match chain {
            ChainKind::Rsa => Role::RsaIssuer,
            ChainKind::Ec => Role::EcIssuer,
        };
        [self.authority(issuer), self.authority(Role::SigningRoot)]
    }

    /// Writes `certs/<alias>.pem` and `certs/<alias>-chain.pem` for verification outside the service.
    ///
    /// An alias that is not a plain file name gets no files, because aliases are free text.
    pub fn write_certificates(&self, keypair: &Keypair) -> io::Result<()> {
        let alias = &keypair.record.alias;
        let [leaf_file, chain_file] = certificate_files(alias);
        if !is_file_name(alias) {
            return Ok(());
        }
        let Some(certificate) = keypair.default_certificate() else { return Ok(()) };
        let der = BASE64.decode(&certificate.record.cert).map_err(|error| invalid(&error.to_string()))?;
        let leaf = pki::pem("CERTIFICATE", &der);
        let issuers = self.issuers(certificate.record.chain);
        let chain = issuers.map(|authority| pki::pem("CERTIFICATE", &authority.der)).concat();
        self.state.write(&leaf_file, leaf.as_bytes())?;
        self.state.write(&chain_file, format!("{leaf}{chain}").as_bytes())
    }

    /// Removes the files of [`Service::write_certificates`].
    pub fn remove_certificates(&self, alias: &str) -> io::Result<()> {
        if !is_file_name(alias) {
            return Ok(());
        }
        certificate_files(alias).iter().try_for_each(|file| self.state.remove(file))
    }

    /// After a signature with a dynamic keypair: replaces the keypair and its certificate by new ones with the same
    /// alias and parameters.
    pub fn renew_dynamic(&self, keypair: &Keypair) -> Result<(), AddError> {
        let plan = Plan {
            key_type: keypair.record.key_type.clone(),
            key_storage: keypair.record.key_storage.clone(),
            dynamic: true,
            certificate: keypair.default_certificate().map(|_| Validity::years(3)),
            ..Plan::new(&keypair.record.alias, keypair.key.kind)
        };
        let new = self.make_with_new_key(&plan)?;
        match self.store.replace(&keypair.record.id, new).map_err(AddError::Io)? {
            Some(new) => self.write_certificates(&new).map_err(AddError::Io),
            None => Ok(()),
        }
    }
}

/// Whether an alias can be the name of a file in `certs/`.
fn is_file_name(alias: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !alias.starts_with('.') && alias.len() <= 100 && alias.chars().all(plain)
}

/// The files with a keypair's default certificate: alone, and with its chain.
fn certificate_files(alias: &str) -> [String; 2] {
    [format!("certs/{alias}.pem"), format!("certs/{alias}-chain.pem")]
}

impl From<KeyError> for AddError {
    fn from(error: KeyError) -> AddError {
        failed(error)
    }
}

fn failed(error: KeyError) -> AddError {
    AddError::Io(io::Error::other(error.to_string()))
}

/// RFC 3339 in whole seconds, the service's format.
pub fn timestamp(time: OffsetDateTime) -> String {
    time.replace_nanosecond(0).unwrap_or(time).format(&Rfc3339).unwrap_or_default()
}

fn kept_key(state: &StateDir, record: &KeypairRecord) -> io::Result<Arc<KeyMaterial>> {
    let kind = KeyKind::by_name(&record.kind)
        .ok_or_else(|| invalid(&format!("keypair {}: unknown kind of key {}", record.alias, record.kind)))?;
    let missing = || invalid(&format!("keypair {}: keys/{}.pem is missing", record.alias, record.key));
    Ok(Arc::new(state.read_key(&record.key, kind)?.ok_or_else(missing)?))
}

/// Reads the authorities, or creates them in the first run.
fn authorities(state: &StateDir) -> io::Result<HashMap<&'static str, Authority>> {
    let mut found = HashMap::new();
    for role in Role::ALL {
        let stem = role.file_stem();
        let certificate = format!("pki/{stem}.pem");
        let kept = state.read_key(&format!("ca-{stem}"), role.kind())?.zip(state.read_pem(&certificate)?);
        let other = |error: KeyError| io::Error::other(error.to_string());
        let authority = match kept {
            Some((key, der)) => Authority::revive(role, &key, der).map_err(other)?,
            None => {
                let key = KeyMaterial::generate(role.kind()).map_err(other)?;
                let parent = role.parent().and_then(|parent| found.get(parent.file_stem()));
                let authority = Authority::found(role, &key, parent).map_err(other)?;
                state.keep_key(&format!("ca-{stem}"), &key)?;
                state.write(&certificate, pki::pem("CERTIFICATE", &authority.der).as_bytes())?;
                authority
            }
        };
        found.insert(stem, authority);
    }
    Ok(found)
}
