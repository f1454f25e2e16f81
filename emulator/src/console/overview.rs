//! The first page: how to connect a client, and what arrived last.

use super::details::{copyable, counts};
use super::{Answer, Console, Request, requests, signatures};
use maud::{Markup, html};

/// Rows of each table.
const ROWS: usize = 10;

pub fn page(console: &Console, request: &Request) -> Answer {
    console.page(Some(request), "/", "Overview", content(console, false))
}

/// The same with the secrets, after the click that asks for them.
pub fn secrets(console: &Console) -> Answer {
    console.page(None, "/", "Overview", content(console, true))
}

fn content(console: &Console, with_secrets: bool) -> Markup {
    let shared = &console.shared;
    let stats = shared.traffic.stats(shared.service.store.len(), shared.service.journal.len());
    let requests: u64 = stats.requests.values().sum();
    html! {
        section aria-labelledby="connect" {
            h2 id="connect" { "Connect a client" }
            p { "Load the settings into a shell, or set the variables where your tool runs. They are those of the real service, and "
                code { "SM_CA_FILE" } " for the certificate of this one." }
            p { (copyable("the command", &format!("source {}", console.shell_quoted("client.env")))) }
            (variables(console, with_secrets))
        }
        section aria-labelledby="counts" {
            h2 id="counts" { "So far, when this page was loaded" }
            (counts([
                ("Keypairs", stats.keypairs.to_string()),
                ("Signatures in the log", stats.signatures.to_string()),
                ("Requests since the start", requests.to_string()),
                ("Connections", stats.connections.to_string()),
                ("TLS handshakes", format!("{}, {} failed", stats.tls_handshakes + stats.tls_failures, stats.tls_failures)),
                ("Time-stamp queries", shared.tsa.queries().to_string()),
            ]))
        }
        section aria-labelledby="latest" {
            h2 id="latest" { "Latest" }
            (requests::newest(console, ROWS))
            p { a href="/console/requests" { "All requests" } }
            (signatures::newest(console, ROWS))
            p { a href="/console/signatures" { "All signatures" } }
        }
    }
}

/// The variables, the two secret ones only on request: they are in no page before.
fn variables(console: &Console, with_secrets: bool) -> Markup {
    let service = &console.shared.service;
    let file = |name: &str| service.state.file(name).display().to_string();
    let secret = |value: &str| with_secrets.then(|| value.to_owned());
    let rows = [
        ("SM_HOST", Some(console.api.clone())),
        ("SM_API_KEY", secret(&service.who.api_key)),
        ("SM_CLIENT_CERT_FILE", Some(file("client.p12"))),
        ("SM_CLIENT_CERT_PASSWORD", secret(&service.who.password)),
        ("SM_CA_FILE", Some(file("tls-ca.pem"))),
        ("STM_EMULATOR_TSA", Some(console.tsa.clone())),
    ];
    html! {
        dl.facts.variables {
            @for (name, value) in rows {
                div {
                    dt { (name) }
                    dd {
                        @match value {
                            Some(value) => (copyable(name, &value)),
                            None => "hidden",
                        }
                    }
                }
            }
        }
        @if with_secrets {
            p { a.button href="/" { "Hide the secrets" } }
        } @else {
            form method="post" action="/console/secrets" {
                (console.token_field())
                button type="submit" { "Show the API key and the password" }
            }
        }
    }
}

impl Console {
    /// The path of a file in the state directory, for a shell.
    fn shell_quoted(&self, name: &str) -> String {
        crate::client_files::shell_quoted(&self.shared.service.state.file(name).display().to_string())
    }
}
