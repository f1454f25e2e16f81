//! `stm-pkcs11 doctor`: every step on the way to a signature, each fine or with what to do. It spends no signature.

use crate::account::Choice;
use crate::failure::Failure;
use crate::keypair::{certificate, day};
use crate::progress;
use crate::table::coloured;
use serde_json::{Value, json};
use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use stm_pkcs11::config::{TokenSettings, VARIABLES};
use stm_pkcs11::mechanism::PublicKey;
use stm_pkcs11::nearest::nearest;
use stm_pkcs11::service::{self, Keypair, Kind, Service, Wanted};
use stm_pkcs11::x509::Certificate;

#[derive(clap::Args)]
pub struct Arguments {
    /// Look at this keypair only
    #[arg(long, value_name = "ALIAS")]
    keypair: Option<String>,
    #[command(flatten)]
    account: Choice,
    /// JSON instead of lines
    #[arg(long)]
    json: bool,
}

/// What a step found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Finding {
    Fine,
    /// It works, but.
    Warning,
    Wrong,
    /// Something before it is wrong.
    NotTried,
}

struct Step {
    name: &'static str,
    result: Finding,
    detail: String,
    remedy: String,
}

/// The steps that were taken so far.
struct Visit {
    steps: Vec<Step>,
}

impl Visit {
    fn add(&mut self, name: &'static str, result: Finding, detail: impl Into<String>, remedy: impl Into<String>) {
        self.steps.push(Step { name, result, detail: detail.into(), remedy: remedy.into() });
    }

    fn fine(&mut self, name: &'static str, detail: impl Into<String>) {
        self.add(name, Finding::Fine, detail, "");
    }

    fn wrong(&mut self, name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) {
        self.add(name, Finding::Wrong, detail, remedy);
    }

    fn is_wrong(&self) -> bool {
        self.steps.iter().any(|step| step.result == Finding::Wrong)
    }
}

/// How far clocks may differ before certificates and signatures suffer.
const SKEW: Duration = Duration::from_secs(120);
/// Warn when a certificate ends within this many days.
const SOON: i64 = 30;

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (config, settings) = arguments.account.settings()?;
    let mut visit = Visit { steps: Vec::new() };
    for warning in &config.log.warnings {
        visit.add("settings", Finding::Warning, warning, "");
    }
    look_at_settings(&mut visit, &settings);
    let service = Service::new(Arc::clone(&settings));
    if !visit.is_wrong() {
        identity(&mut visit, &service, &settings);
    }
    if !visit.is_wrong() {
        network(&mut visit, &settings);
    }
    let account = !visit.is_wrong() && account(&mut visit, &service);
    if account {
        keypairs(&mut visit, &service, &settings, arguments.keypair.as_deref());
    }
    if visit.is_wrong() {
        let tried: Vec<&str> = visit.steps.iter().map(|step| step.name).collect();
        let rest = STEPS.iter().filter(|name| !tried.contains(name)).copied().collect::<Vec<_>>();
        rest.into_iter().for_each(|name| visit.add(name, Finding::NotTried, "not tried", ""));
    }
    service.finish();
    if arguments.json {
        println!("{:#}", as_json(&visit))
    } else {
        print(&visit)
    }
    match visit.steps.iter().find(|step| step.result == Finding::Wrong) {
        None => Ok(()),
        Some(step) => Err(Failure::new(format!("the step '{}'", step.name), &step.detail, step.remedy.clone())),
    }
}

/// All of them, in order.
const STEPS: [&str; 9] =
    ["settings", "client certificate", "host name", "connection", "service", "clock", "keypairs", "keypair", "chain"];

fn look_at_settings(visit: &mut Visit, settings: &TokenSettings) {
    for (name, origin) in &settings.origins {
        let secret = VARIABLES.iter().any(|variable| variable.name == *name && variable.secret);
        visit.fine("settings", format!("{name} from {origin}{}", if secret { " (secret)" } else { "" }));
    }
    for problem in &settings.problems {
        visit.wrong("settings", format!("{} {}", problem.setting, problem.cause), problem.remedy.clone());
    }
    if settings.skip_verify {
        let remedy = "set SM_CA_FILE to the certificate of whoever inspects the connection, and unset it";
        visit.add("settings", Finding::Warning, "SM_TLS_SKIP_VERIFY: the service's certificate is not checked", remedy);
    }
    if let Some(host) = &settings.host
        && host.contains("digicert.com")
        && !host.contains("://clientauth.")
    {
        let remedy = format!("set SM_HOST to {}", host.replacen("://", "://clientauth.", 1));
        visit.wrong("settings", format!("{host} does not ask for client certificates, and signs nothing"), remedy);
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() as i64)
}

fn identity(visit: &mut Visit, service: &Service, settings: &TokenSettings) {
    const NAME: &str = "client certificate";
    match service.client_certificate() {
        Ok(None) if settings.client_cert.is_none() => {
            let remedy = "set SM_CLIENT_CERT_FILE to the client authentication certificate of your account";
            visit.add(NAME, Finding::Warning, "there is none: the service signs only for clients with one", remedy);
        }
        Ok(None) => visit.wrong(NAME, "its certificate cannot be read", "download it again"),
        Ok(Some(found)) => {
            let until = day(found.not_after_date());
            let text = format!("{}, until {until}", found.subject_display());
            if found.not_after() < now() + SOON * 86_400 {
                visit.add(NAME, Finding::Warning, text, "it ends soon: make another one in your account");
            } else {
                visit.fine(NAME, text);
            }
        }
        Err(failure) => visit.wrong(NAME, failure.cause(), failure.remedy()),
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
        return visit.fine("host name", "by way of HTTPS_PROXY");
    }
    let Some((host, port)) = address(settings) else { return };
    let addresses: Vec<_> = match (host.as_str(), port).to_socket_addrs() {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            let remedy = "check SM_HOST, the network's name servers, and whether a proxy is needed (HTTPS_PROXY)";
            return visit.wrong("host name", format!("{host} cannot be resolved ({error})"), remedy);
        }
    };
    visit.fine("host name", format!("{host} has {} addresses", addresses.len()));
    let tried: Vec<_> =
        addresses.iter().map(|one| std::net::TcpStream::connect_timeout(one, Duration::from_secs(5))).collect();
    match tried.iter().find_map(|one| one.as_ref().ok()) {
        Some(_) => visit.fine("connection", format!("{host}:{port} answers")),
        None => {
            let why = tried.iter().find_map(|one| one.as_ref().err().map(ToString::to_string)).unwrap_or_default();
            let remedy = "check SM_HOST and its port, the firewall, and whether a proxy is needed (HTTPS_PROXY)";
            visit.wrong("connection", format!("no connection to {host}:{port} ({why})"), remedy);
        }
    }
}

/// TLS, API key and rights, by one small request.
fn account(visit: &mut Visit, service: &Service) -> bool {
    let begun = SystemTime::now();
    let clock = match service.check() {
        Ok(clock) => clock,
        Err(failure) => {
            visit.wrong("service", failure.cause(), hint(&failure));
            return false;
        }
    };
    let took = begun.elapsed().unwrap_or_default();
    visit.fine("service", format!("TLS, API key and rights are good; it answers in {} ms", took.as_millis()));
    match clock {
        None => visit.add("clock", Finding::Warning, "the service does not tell its time", ""),
        Some(clock) => {
            let skew = SystemTime::now().duration_since(clock).unwrap_or_else(|ahead| ahead.duration());
            let text = format!("{} s from the service's", skew.as_secs());
            if skew > SKEW {
                visit.add("clock", Finding::Warning, text, "set this machine's clock: timedatectl set-ntp true");
            } else {
                visit.fine("clock", text);
            }
        }
    }
    true
}

/// The failure's own remedy, and what only the doctor has the time to say.
fn hint(failure: &service::Failure) -> String {
    let more = match failure.kind() {
        Kind::Tls => "; where a company's firewall inspects connections, SM_CA_FILE names its certificate",
        Kind::Unauthorized => "; API keys end, and are shown only once when they are made",
        _ => "",
    };
    format!("{}{more}", failure.remedy())
}

fn keypairs(visit: &mut Visit, service: &Service, settings: &TokenSettings, only: Option<&str>) {
    let all = match progress::during(service, || service.keypairs(Wanted::All, service.deadline())) {
        Ok(all) => all,
        Err(failure) => return visit.wrong("keypairs", failure.cause(), hint(&failure)),
    };
    let filter = settings.keypairs.join(", ");
    match (all.len(), filter.is_empty()) {
        (0, true) => {
            let remedy = "ask for access to a keypair, or make one: stm-pkcs11 keypair create ALIAS";
            return visit.wrong("keypairs", "this user sees none", remedy);
        }
        (0, false) => {
            let remedy = "check STM_PKCS11_KEYPAIRS: the case of aliases matters, * and ? are patterns";
            return visit.wrong("keypairs", format!("none has an alias like {filter}"), remedy);
        }
        (count, true) => visit.fine("keypairs", format!("this user sees {count}")),
        (count, false) => visit.fine("keypairs", format!("{count} have an alias like {filter}")),
    }
    let chosen: Vec<&Arc<Keypair>> =
        all.iter().filter(|keypair| only.is_none_or(|only| keypair.alias == only || keypair.id == only)).collect();
    if let (true, Some(only)) = (chosen.is_empty(), only) {
        let remedy = match nearest(only, all.iter().map(|keypair| keypair.alias.as_str())) {
            Some(near) if near.eq_ignore_ascii_case(only) => format!("the case of an alias matters: it is {near}"),
            Some(near) => format!("did you mean {near}?"),
            None => "stm-pkcs11 keypair list shows what there is".to_owned(),
        };
        return visit.wrong("keypair", format!("there is no keypair {only}"), remedy);
    }
    for keypair in chosen {
        one_keypair(visit, keypair, only.is_some());
    }
}

fn one_keypair(visit: &mut Visit, keypair: &Keypair, asked_for: bool) {
    let alias = &keypair.alias;
    // What is wrong with one of many keypairs is wrong only for who wants that one.
    let bad = if asked_for { Finding::Wrong } else { Finding::Warning };
    let key = keypair.public_key.as_deref().map(PublicKey::from_spki);
    let Some(Ok(key)) = key else {
        return visit.add(
            "keypair",
            bad,
            format!("{alias}: its public key is of no kind that is known here"),
            "choose another one",
        );
    };
    if !keypair.online() {
        let remedy = "set it ONLINE in the service's web page, or open a release window";
        return visit.add("keypair", bad, format!("{alias} is OFFLINE, and does not sign"), remedy);
    }
    if keypair.signable == Some(false) {
        let remedy = "ask for the right to sign with it, or for membership in its team";
        return visit.add("keypair", bad, format!("{alias}: you may not sign with it"), remedy);
    }
    let Some(found) = certificate(keypair) else {
        let remedy = "make a certificate for it in the service's web page; Java and Windows sign only with one";
        return visit.add("keypair", Finding::Warning, format!("{alias} ({}) has no certificate", key.name()), remedy);
    };
    let until = day(found.not_after_date());
    if found.not_after() < now() {
        let remedy = "renew it in the service's web page";
        return visit.add("keypair", bad, format!("{alias}: its certificate ended on {until}"), remedy);
    }
    let text = format!("{alias} ({}), certificate until {until}", key.name());
    if found.not_after() < now() + SOON * 86_400 {
        visit.add("keypair", Finding::Warning, text, "its certificate ends soon: renew it");
    } else {
        visit.fine("keypair", text);
    }
    chain(visit, keypair, &found);
}

/// Whether each certificate is followed by its issuer, up to one that is its own.
fn chain(visit: &mut Visit, keypair: &Keypair, leaf: &Certificate) {
    let Some(record) = keypair.default_certificate() else { return };
    let above: Vec<Certificate> = record.chain.iter().filter_map(|der| Certificate::parse(der.to_vec()).ok()).collect();
    let mut last = leaf.clone();
    let mut length = 1;
    while !last.is_self_signed() {
        let Some(issuer) = above.iter().find(|one| one.subject() == last.issuer()) else {
            let remedy = "tools that need the whole chain want the missing certificates in a file";
            let text = format!("{}: the issuer of '{}' is not among them", keypair.alias, last.subject_display());
            return visit.add("chain", Finding::Warning, text, remedy);
        };
        if issuer.not_after() < now() {
            let text =
                format!("{}: '{}' ended on {}", keypair.alias, issuer.subject_display(), day(issuer.not_after_date()));
            return visit.add("chain", Finding::Warning, text, "renew the keypair's certificate");
        }
        last = issuer.clone();
        length += 1;
        if length > 10 {
            return visit.add("chain", Finding::Warning, format!("{}: it has no end", keypair.alias), "");
        }
    }
    visit.fine("chain", format!("{}: {length} certificates, up to '{}'", keypair.alias, last.subject_display()));
}

fn as_json(visit: &Visit) -> Value {
    let steps: Vec<Value> = visit
        .steps
        .iter()
        .map(|step| json!({"step": step.name, "result": word(step.result), "detail": step.detail, "remedy": step.remedy}))
        .collect();
    json!({"fine": !visit.is_wrong(), "steps": steps})
}

fn word(result: Finding) -> &'static str {
    match result {
        Finding::Fine => "ok",
        Finding::Warning => "warning",
        Finding::Wrong => "wrong",
        Finding::NotTried => "not tried",
    }
}

fn print(visit: &Visit) {
    for step in &visit.steps {
        let word = match step.result {
            Finding::Fine => coloured("32", "ok     "),
            Finding::Warning => coloured("33", "warning"),
            Finding::Wrong => coloured("31", "WRONG  "),
            Finding::NotTried => coloured("2", "-      "),
        };
        println!("{word}  {:<18}  {}", step.name, step.detail);
        if !step.remedy.is_empty() {
            println!("{:29}to do: {}", "", step.remedy);
        }
    }
}
