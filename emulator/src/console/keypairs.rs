//! The keypairs of the account, and the forms that change them.

use super::certificates;
use super::details::{copyable, facts};
use super::page::shown;
use super::table::{Cell, Row, Table, pager};
use super::{Answer, Console, Failure, Request};
use crate::account::ChangeError;
use crate::client_files::shell_quoted;
use crate::keys::KeyKind;
use crate::pki::{Validity, pem};
use crate::records::{ACCOUNT_NAME, Keypair};
use crate::service::Plan;
use crate::store::AddError;
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

const SECTION: &str = "/console/keypairs";

static TABLE: Table = Table {
    name: "keypairs",
    caption: "Keypairs, newest first",
    columns: &["Alias", "Key", "Type", "Storage", "Status", "Certificates", "Default until", "Created"],
    empty: "No keypair.",
};

/// Rows of a page.
const ROWS: usize = 100;

/// A validity that a form offers: word, label, and the period from now; `None` for no certificate.
type Choice = (&'static str, &'static str, fn() -> Option<Validity>);

const VALIDITIES: [Choice; 4] = [
    ("years", "valid for three years", || Some(Validity::years(3))),
    ("ending", "expires in ten days", || Some(Validity::ending())),
    ("expired", "expired a month ago", || Some(Validity::expired())),
    ("none", "none", || None),
];

pub fn page(console: &Console, request: &Request) -> Answer {
    console.page(Some(request), SECTION, "Keypairs", content(console, request))
}

fn content(console: &Console, request: &Request) -> Markup {
    let query = request.query.get("q");
    let page = request.number("page").unwrap_or(1).max(1);
    let (total, found) = console.shared.service.store.search(query, (page - 1).saturating_mul(ROWS), ROWS);
    let rows: Vec<Row> = found.iter().map(|keypair| row(keypair)).collect();
    html! {
        form.search method="get" action=(SECTION) role="search" {
            label for="q" { "Search alias and id" }
            input id="q" name="q" type="search" value=(query);
            button type="submit" { "Search" }
        }
        @if !query.is_empty() {
            p role="status" { (total) " found. " a href=(SECTION) { "Show all" } }
        }
        (TABLE.show(&rows, None))
        (pager(SECTION, query, page, ROWS, total))
        section aria-labelledby="create" {
            h2 id="create" { "Create a keypair" }
            (create_form(console, request))
        }
    }
}

fn row(keypair: &Keypair) -> Row {
    let record = &keypair.record;
    let until = keypair.default_certificate().map_or("–", |certificate| day(&certificate.record.valid_to));
    Row {
        table: TABLE.name,
        id: format!("keypair-{}", record.id),
        cells: vec![
            Cell::link(&record.alias, format!("{SECTION}/{}", record.id)).class("name"),
            Cell::text(&label(keypair.key.kind)),
            Cell::text(&record.key_type),
            Cell::text(&record.key_storage),
            Cell::text(status(keypair)).class(if record.online { "good" } else { "failed" }),
            Cell::text(&keypair.certificates.len().to_string()).class("number"),
            Cell::text(until).class("number"),
            Cell::text(day(&record.created_on)).class("number"),
        ],
    }
}

/// The date of a timestamp.
fn day(timestamp: &str) -> &str {
    timestamp.get(..10).unwrap_or(timestamp)
}

fn status(keypair: &Keypair) -> &'static str {
    if keypair.record.online { "ONLINE" } else { "OFFLINE" }
}

/// As people call the kind of key.
fn label(kind: KeyKind) -> String {
    match kind {
        KeyKind::Rsa(bits) => format!("RSA {bits}"),
        KeyKind::Ec(curve) => format!("ECDSA {}", curve.name()),
        KeyKind::Ed25519 => "Ed25519".to_owned(),
        KeyKind::MlDsa(set) => format!("ML-DSA-{set}"),
        KeyKind::SlhDsa(set) => set.name.to_owned(),
    }
}

/// The form, with what was entered before.
fn create_form(console: &Console, request: &Request) -> Markup {
    let before = |name: &str, default: &str| match request.form.get(name) {
        "" => default.to_owned(),
        given => given.to_owned(),
    };
    let select = |name: &str, label: &str, default: &str, options: &[(String, String)]| {
        let chosen = before(name, default);
        html! {
            p {
                label for=(name) { (label) }
                select id=(name) name=(name) {
                    @for (value, text) in options { option value=(value) selected[*value == chosen] { (text) } }
                }
            }
        }
    };
    let words = |words: &[&str]| -> Vec<_> { words.iter().map(|word| (word.to_string(), word.to_string())).collect() };
    let kinds: Vec<_> = KeyKind::all().map(|kind| (kind.name(), label(kind))).collect();
    html! {
        form.card method="post" action=(SECTION) {
            (console.token_field())
            div.fields {
                p {
                    label for="alias" { "Alias" }
                    input id="alias" name="alias" required autocomplete="off" value=(request.form.get("alias"));
                }
                (select("kind", "Key", "rsa-3072", &kinds))
                (select("key_type", "Type", "PRODUCTION", &words(&["PRODUCTION", "TEST"])))
                (select("key_storage", "Storage", "HSM", &words(&["HSM", "DISK"])))
                (select("status", "Status", "ONLINE", &words(&["ONLINE", "OFFLINE"])))
                (select("certificate", "Certificate", "years", &validities()))
            }
            p.check {
                input id="dynamic" name="dynamic" type="checkbox" checked[request.form.is_checked("dynamic")];
                label for="dynamic" { "Dynamic: a new key after every signature" }
            }
            button type="submit" { "Create" }
        }
    }
}

fn validities() -> Vec<(String, String)> {
    VALIDITIES.iter().map(|(word, label, _)| (word.to_string(), label.to_string())).collect()
}

pub fn create(console: &Console, request: &Request) -> Result<Answer, Failure> {
    let created = plan(request).and_then(|plan| {
        console.shared.service.create(&plan).map_err(|error| match error {
            AddError::Duplicate(alias) => format!("Alias is in use ('{alias}'); choose another one"),
            AddError::Io(error) => {
                format!("the keypair cannot be stored ({error}); check the disk of the state directory")
            }
        })
    });
    Ok(match created {
        Ok(keypair) => Answer::redirect(&format!("{SECTION}/{}", keypair.record.id), "created"),
        Err(problem) => console.refused(SECTION, "Keypairs", &problem, content(console, request)),
    })
}

/// What the form asks for. Each value must be one that the form offers.
fn plan(request: &Request) -> Result<Plan, String> {
    let form = &request.form;
    let one_of = |name: &str, words: [&str; 2]| {
        let given = form.get(name);
        let unknown = || format!("{name} is not {} or {} ('{given}'); choose one of them", words[0], words[1]);
        words.contains(&given).then(|| given.to_owned()).ok_or_else(unknown)
    };
    let alias = form.get("alias");
    if alias.is_empty() {
        return Err("Alias is empty; enter a name".to_owned());
    }
    let kind = KeyKind::by_name(form.get("kind")).ok_or_else(|| {
        format!("Key is not a kind of this service ('{}'); choose one from the list", form.get("kind"))
    })?;
    Ok(Plan {
        key_type: one_of("key_type", ["PRODUCTION", "TEST"])?,
        key_storage: one_of("key_storage", ["HSM", "DISK"])?,
        online: one_of("status", ["ONLINE", "OFFLINE"])? == "ONLINE",
        dynamic: form.is_checked("dynamic"),
        certificate: validity(form.get("certificate"))?,
        ..Plan::new(alias, kind)
    })
}

fn validity(word: &str) -> Result<Option<Validity>, String> {
    let choice = VALIDITIES.iter().find(|(known, ..)| *known == word);
    let unknown = || format!("Certificate is not one of the choices ('{word}'); choose one from the list");
    choice.map(|(_, _, period)| period()).ok_or_else(unknown)
}

pub fn details(console: &Console, request: &Request, id: &str) -> Result<Answer, Failure> {
    let keypair = console.shared.service.store.by_id(id).ok_or(Failure::NotFound)?;
    Ok(console.page(Some(request), SECTION, "Keypair", details_content(console, &keypair)))
}

fn details_content(console: &Console, keypair: &Keypair) -> Markup {
    let record = &keypair.record;
    let action = |name: &str| format!("{SECTION}/{}/{name}", record.id);
    let button = |name: &str, label: &str| {
        html! { form method="post" action=(action(name)) { (console.token_field()) button type="submit" { (label) } } }
    };
    html! {
        p { a href=(SECTION) { "All keypairs" } " · "
            a href=(format!("/console/signatures?q={}", record.id)) { "Signatures with this keypair" } }
        (facts([
            ("Alias", record.alias.clone()),
            ("Id", record.id.clone()),
            ("Key", label(keypair.key.kind)),
            ("Type", record.key_type.clone()),
            ("Storage", record.key_storage.clone()),
            ("Status", status(keypair).to_owned()),
            ("Model", if record.dynamic { "DYNAMIC: a new key after every signature" } else { "STATIC" }.to_owned()),
            ("May sign", if record.signable { "yes" } else { "no: it belongs to another user" }.to_owned()),
            ("Account", ACCOUNT_NAME.to_owned()),
            ("Created", record.created_on.clone()),
            ("Modified", record.modified_on.clone().unwrap_or_else(|| record.created_on.clone())),
        ]))
        div.actions {
            @if record.online { (button("offline", "Set OFFLINE")) } @else { (button("online", "Set ONLINE")) }
            a.button.danger href=(action("delete")) { "Delete" }
        }
        details { summary { "Public key" } pre tabindex="0" { (pem("PUBLIC KEY", &keypair.key.spki)) } }
        @if let Some(command) = sign_command(keypair) {
            details {
                summary { "Sign with it" }
                p { "With OpenSSL and its PKCS#11 engine, in a shell with the settings of " code { "client.env" }
                    ", and with the path of the module in " code { "PKCS11_MODULE_PATH" } ":" }
                p { (copyable("the command", &command)) }
            }
        }
        section aria-labelledby="certificates" {
            h2 id="certificates" { "Certificates" }
            @if keypair.certificates.is_empty() { p { "This keypair has no certificate." } }
            @for certificate in keypair.certificates.iter().rev() { (certificates::section(console, &certificate.record)) }
        }
        section aria-labelledby="renew" {
            h2 id="renew" { "Renew" }
            p { "Issues another certificate for the same key. The earlier ones stay valid." }
            form.card method="post" action=(action("renew")) {
                (console.token_field())
                p {
                    label for="certificate" { "New certificate" }
                    select id="certificate" name="certificate" {
                        @for (word, label, _) in &VALIDITIES[..3] { option value=(word) { (label) } }
                    }
                }
                p.check {
                    input id="default" name="default" type="checkbox" checked;
                    label for="default" { "Make it the default" }
                }
                button type="submit" { "Renew" }
            }
        }
    }
}

/// For the keys that OpenSSL's engine supports.
fn sign_command(keypair: &Keypair) -> Option<String> {
    let (KeyKind::Rsa(_) | KeyKind::Ec(_)) = keypair.key.kind else { return None };
    let alias = utf8_percent_encode(&keypair.record.alias, NON_ALPHANUMERIC);
    let uri = shell_quoted(&format!("pkcs11:object={alias};type=private"));
    Some(format!("openssl dgst -sha256 -engine pkcs11 -keyform engine -sign {uri} -out file.sig file"))
}

/// The question before a keypair is deleted.
pub fn confirm(console: &Console, id: &str) -> Result<Answer, Failure> {
    let keypair = console.shared.service.store.by_id(id).ok_or(Failure::NotFound)?;
    let back = format!("{SECTION}/{id}");
    let content = html! {
        p { "Delete " bdi.name { (shown(&keypair.record.alias)) } ", its key and its certificates? This cannot be undone. Its signatures stay in the log." }
        div.actions {
            form method="post" action=(format!("{back}/delete")) {
                (console.token_field())
                button.danger type="submit" { "Delete" }
            }
            a.button href=(back) { "Cancel" }
        }
    };
    Ok(console.page(None, SECTION, "Delete a keypair", content))
}

pub fn act(console: &Console, request: &Request, id: &str, action: &str) -> Result<Answer, Failure> {
    let service = &console.shared.service;
    let (result, done) = match action {
        "online" => (service.set_online(id, true), "online"),
        "offline" => (service.set_online(id, false), "offline"),
        "renew" => {
            let period = validity(request.form.get("certificate")).map_err(Failure::Bad)?;
            let period = period.ok_or_else(|| Failure::Bad("Certificate is 'none'; choose a validity".to_owned()))?;
            (service.renew(id, period, request.form.is_checked("default")), "renewed")
        }
        "delete" => {
            let deleted = service.delete(id);
            return answered(deleted).map(|()| Answer::redirect(SECTION, "deleted"));
        }
        _ => return Err(Failure::NotFound),
    };
    answered(result).map(|()| Answer::redirect(&format!("{SECTION}/{id}"), done))
}

fn answered(result: Result<(), ChangeError>) -> Result<(), Failure> {
    result.map_err(|error| match error {
        ChangeError::NotFound => Failure::NotFound,
        other => Failure::Bad(other.to_string()),
    })
}
