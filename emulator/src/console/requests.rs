//! The requests of the API port, as they arrive.

use super::table::{Cell, Row, Table};
use super::{Answer, Console, Request};
use crate::traffic::Entry;
use maud::{Markup, html};

pub static TABLE: Table = Table {
    name: "requests",
    caption: "Requests, newest first",
    columns: &["Time (UTC)", "Request", "Status", "Duration", "Client", "Certificate", "Connection"],
    empty: "No request yet. Each request of a client appears here when it arrives.",
};

/// The most rows on a page.
const ROWS: usize = 200;
/// A longer path is cut off, in bytes.
const LONGEST_PATH: usize = 4000;

pub fn page(console: &Console, request: &Request) -> Answer {
    let content = html! {
        p { "What clients ask of the API port " code { (console.api) } ". The "
            a href="/console/faults" { "fault switches" } " make requests fail." }
        (newest(console, ROWS))
        form method="post" action="/console/requests/clear" {
            (console.token_field())
            button.quiet type="submit" { "Empty this log" }
        }
    };
    console.page(Some(request), "/console/requests", "Requests", content)
}

/// The table with the newest requests.
pub fn newest(console: &Console, limit: usize) -> Markup {
    let position = console.position();
    let (entries, _) = console.shared.traffic.newest(limit);
    let rows: Vec<Row> = entries.iter().map(|(number, entry)| row(*number, entry)).collect();
    TABLE.show(&rows, Some((&position, limit)))
}

pub fn row(number: u64, entry: &Entry) -> Row {
    let (status, class) = match entry.status {
        None if entry.duration_ms.is_none() => ("…".to_owned(), "pending"),
        None => ("connection closed".to_owned(), "failed"),
        Some(status @ 0..400) => (status.to_string(), "good"),
        Some(status) => (status.to_string(), "failed"),
    };
    let path = if entry.path.len() > LONGEST_PATH {
        format!("{}…", &entry.path[..entry.path.floor_char_boundary(LONGEST_PATH)])
    } else {
        entry.path.clone()
    };
    Row {
        table: TABLE.name,
        id: format!("request-{number}"),
        cells: vec![
            Cell::text(entry.start.get(11..23).unwrap_or(&entry.start)).class("number"),
            Cell::text(&format!("{} {path}", entry.method)).class("path"),
            Cell::text(&if entry.fault { format!("{status} (fault)") } else { status }).class(class),
            Cell::text(&entry.duration_ms.map_or(String::new(), |ms| format!("{ms:.1} ms"))).class("number"),
            Cell::text(entry.user_agent.as_deref().unwrap_or("unnamed")),
            Cell::text(if entry.client_certificate { "yes" } else { "no" }),
            Cell::text(&format!("{} ({})", entry.connection, entry.version)).class("number"),
        ],
    }
}

pub fn clear(console: &Console) -> Answer {
    console.shared.traffic.clear();
    Answer::redirect("/console/requests", "cleared")
}
