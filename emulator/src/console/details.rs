//! Lists of names and values, and text to copy.

use super::page::shown;
use maud::{Markup, html};

/// Names and values, as a description list. An empty value is shown as a dash.
pub fn facts<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> Markup {
    list(rows, false)
}

/// The same for short values, of which several fit beside each other.
pub fn counts<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> Markup {
    list(rows, true)
}

fn list<'a>(rows: impl IntoIterator<Item = (&'a str, String)>, compact: bool) -> Markup {
    html! {
        dl.facts.counts[compact] {
            @for (name, value) in rows {
                div {
                    dt { (name) }
                    dd { @if value.is_empty() { "–" } @else { bdi { (shown(&value)) } } }
                }
            }
        }
    }
}

/// Text that is copied to the last character; with scripts, a button does it. `name` says what it is.
pub fn copyable(name: &str, text: &str) -> Markup {
    html! { span.copyable { code data-copy=(name) { (text) } } }
}
