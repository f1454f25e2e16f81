//! `stm-pkcs11 doctor`: checks each step needed to sign, and says how to fix problems. It uses up no signature.

mod clients;
mod keypairs;
mod ledger;
mod shape;
mod visit;

use crate::account::Choice;
use crate::account::describe::{day, now};
use crate::print::{self, Exit, Failure};
use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use stm_pkcs11::config::{TokenSettings, setting};
use stm_pkcs11::plural::counted;
use stm_pkcs11::service::{self, Keypair, Kind, Service};
pub use visit::Visit;

#[derive(clap::Args)]
pub struct Arguments {
    /// Check this keypair only
    #[arg(long, value_name = "ALIAS")]
    keypair: Option<String>,
    /// Print the structure of the service's responses without any value, for an issue of this project
    #[arg(long, conflicts_with_all = ["keypair", "json"])]
    shape: bool,
    /// With --shape: read the record of this signature, too
    #[arg(long, value_name = "ID", requires = "shape")]
    signature: Option<String>,
    #[command(flatten)]
    account: Choice,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The largest difference between clocks that causes no problem.
const SKEW: Duration = Duration::from_secs(120);
/// Warn if a certificate expires within this many days.
const SOON: i64 = 30;

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.shape {
        return shape::run(&arguments.account, arguments.signature.as_deref());
    }
    let examined = examine(&arguments.account, arguments.keypair.as_deref())?;
    if arguments.json {
        print::json(&examined.visit.json());
    } else {
        examined.visit.tell();
    }
    examined.visit.result()
}

/// An account, and the results of its examination.
pub struct Examined {
    pub visit: Visit,
    pub settings: Arc<TokenSettings>,
    /// The keypairs that this user sees; empty if the service did not answer.
    pub keypairs: Vec<Arc<Keypair>>,
    /// Notices about the settings.
    pub notices: Vec<String>,
}

/// Performs every check, for all keypairs or for one. Uses up no signature.
///
/// # Errors
/// No account is chosen. Problems of the account are in the visit.
pub fn examine(choice: &Choice, keypair: Option<&str>) -> Result<Examined, Failure> {
    let (config, settings) = choice.settings()?;
    let mut visit = Visit::default();
    for warning in config.log.notices.iter().chain(&config.log.warnings) {
        visit.warning("settings", warning, "");
    }
    look_at_settings(&mut visit, &settings);
    ledger::look(&mut visit, &config.ledger);
    let service = Service::new(Arc::clone(&settings));
    if !visit.is_wrong() {
        identity(&mut visit, &service, &settings);
    }
    if !visit.is_wrong() {
        network(&mut visit, &settings);
    }
    let account = !visit.is_wrong() && account(&mut visit, &service);
    let keypairs = if account { keypairs::look(&mut visit, &service, &settings, keypair) } else { Vec::new() };
    visit.end();
    service.finish();
    Ok(Examined { visit, settings, keypairs, notices: config.log.notices })
}

fn look_at_settings(visit: &mut Visit, settings: &TokenSettings) {
    for (name, origin) in &settings.origins {
        let secret = setting::is_secret(name);
        visit.fine("settings", format!("{name} from {origin}{}", if secret { " (secret)" } else { "" }));
    }
    for problem in &settings.problems {
        visit.wrong(
            "settings",
            Exit::Settings,
            format!("{} {}", problem.setting, problem.cause),
            problem.remedy.clone(),
        );
    }
    if settings.skip_verify {
        let remedy = "set SM_CA_FILE to the CA certificate of the inspecting proxy, and unset SM_TLS_SKIP_VERIFY";
        visit.warning("settings", "SM_TLS_SKIP_VERIFY: the service's certificate is not checked", remedy);
    }
    if let Some(host) = &settings.host
        && host.contains("digicert.com")
        && !host.contains("://clientauth.")
    {
        let remedy = format!("set SM_HOST to {}", host.replacen("://", "://clientauth.", 1));
        visit.wrong(
            "settings",
            Exit::Settings,
            format!("{host} does not ask for client certificates, and signs nothing"),
            remedy,
        );
    }
}

fn identity(visit: &mut Visit, service: &Service, settings: &TokenSettings) {
    const NAME: &str = "client certificate";
    match service.client_certificate() {
        Ok(None) if settings.client_cert.is_none() => {
            let remedy =
                "if the service refuses to sign, set SM_CLIENT_CERT_FILE to your client authentication certificate";
            visit.warning(NAME, "not set: most accounts do not sign for an API key alone", remedy);
        }
        Ok(None) => visit.wrong(NAME, Exit::Settings, "its certificate cannot be read", "download it again"),
        Ok(Some(found)) => {
            let until = day(found.not_after_date());
            let text = format!("{}, until {until}", found.subject_display());
            if found.not_after() < now() + SOON * 86_400 {
                visit.warning(NAME, text, "it expires soon: create a new one in your account");
            } else {
                visit.fine(NAME, text);
            }
        }
        Err(failure) => visit.wrong(NAME, Exit::Settings, failure.cause(), failure.remedy()),
    }
}

/// Host and port of the service.
fn address(settings: &TokenSettings) -> Option<(String, u16)> {
    let rest = settings.host.as_deref()?.split_once("://")?.1;
    let authority = rest.split('/').next()?;
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            Some((host.trim_matches(['[', ']']).to_owned(), port.parse().ok()?))
        }
        _ => Some((authority.trim_matches(['[', ']']).to_owned(), 443)),
    }
}

fn network(visit: &mut Visit, settings: &TokenSettings) {
    if settings.proxy.is_some() {
        // The proxy resolves the name and connects.
        return visit.fine("host name", "through HTTPS_PROXY");
    }
    let Some((host, port)) = address(settings) else { return };
    let addresses: Vec<_> = match (host.as_str(), port).to_socket_addrs() {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            let remedy = "check SM_HOST, the network's name servers, and whether a proxy is needed (HTTPS_PROXY)";
            return visit.wrong("host name", Exit::Network, format!("{host} cannot be resolved ({error})"), remedy);
        }
    };
    visit.fine("host name", format!("{host} resolves to {}", counted(addresses.len(), "address")));
    let tried: Vec<_> =
        addresses.iter().map(|one| std::net::TcpStream::connect_timeout(one, Duration::from_secs(5))).collect();
    match tried.iter().find_map(|one| one.as_ref().ok()) {
        Some(_) => visit.fine("connection", format!("{host}:{port} answers")),
        None => {
            let why = tried.iter().find_map(|one| one.as_ref().err().map(ToString::to_string)).unwrap_or_default();
            let remedy = "check SM_HOST and its port, the firewall, and whether a proxy is needed (HTTPS_PROXY)";
            visit.wrong("connection", Exit::Network, format!("no connection to {host}:{port} ({why})"), remedy);
        }
    }
}

/// Checks TLS, API key and permissions with one small request.
fn account(visit: &mut Visit, service: &Service) -> bool {
    let begun = SystemTime::now();
    let clock = match service.check() {
        Ok(clock) => clock,
        Err(failure) => {
            visit.wrong("service", failure.kind().into(), failure.cause(), hint(&failure));
            return false;
        }
    };
    let took = begun.elapsed().unwrap_or_default();
    visit.fine("service", format!("reachable; TLS, API key and permissions OK; answers in {} ms", took.as_millis()));
    match clock {
        None => visit.warning("clock", "the service does not tell its time", ""),
        Some(clock) => {
            let skew = SystemTime::now().duration_since(clock).unwrap_or_else(|ahead| ahead.duration());
            let text =
                format!("{} from the service's", humantime::format_duration(Duration::from_secs(skew.as_secs())));
            if skew > SKEW {
                visit.warning("clock", text, "set this machine's clock: timedatectl set-ntp true");
            } else {
                visit.fine("clock", text);
            }
        }
    }
    true
}

/// The failure's own fix, with additional advice.
pub fn hint(failure: &service::Failure) -> String {
    let more = match failure.kind() {
        Kind::Tls => "; where a company's firewall inspects connections, SM_CA_FILE names its certificate",
        Kind::Unauthorized => "; API keys end, and are shown only once when they are made",
        _ => "",
    };
    format!("{}{more}", failure.remedy())
}
