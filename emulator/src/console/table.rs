//! Tables whose rows a page shows, and whose new rows arrive as events: both from the same cells.

use super::page::shown;
use maud::{Markup, html};
use serde::Serialize;

/// One cell: text of any origin, perhaps a link to a page of the console.
#[derive(Serialize, Default)]
pub struct Cell {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    href: Option<String>,
    /// A class of the style sheet.
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
}

impl Cell {
    pub fn text(text: &str) -> Cell {
        Cell { text: shown(text), ..Cell::default() }
    }

    /// `href` is a path of the console.
    pub fn link(text: &str, href: String) -> Cell {
        Cell { href: Some(href), ..Cell::text(text) }
    }

    pub fn class(self, class: &'static str) -> Cell {
        Cell { class: Some(class), ..self }
    }
}

/// One row. An event with the id of an existing row replaces it.
#[derive(Serialize)]
pub struct Row {
    /// [`Table::name`].
    pub table: &'static str,
    /// Unique on the page.
    pub id: String,
    pub cells: Vec<Cell>,
}

/// The columns of a table.
pub struct Table {
    pub name: &'static str,
    /// For screen readers, and above the table.
    pub caption: &'static str,
    pub columns: &'static [&'static str],
    /// What is there instead of rows.
    pub empty: &'static str,
}

impl Table {
    /// The table, in a box of its own that scrolls sideways. `live` is the position after which events are missing, and
    /// the most rows that the page keeps; `None` for a table that does not change.
    pub fn show(&self, rows: &[Row], live: Option<(&str, usize)>) -> Markup {
        html! {
            @if live.is_some() { p.state role="status" data-state hidden {} }
            div.scroll tabindex="0" role="region" aria-label=(self.caption) {
                table data-live=[live.map(|_| self.name)] data-after=[live.map(|(after, _)| after)] data-limit=[live.map(|(_, limit)| limit)] {
                    caption { (self.caption) }
                    thead { tr { @for column in self.columns { th scope="col" { (column) } } } }
                    tbody {
                        @for row in rows {
                            tr id=(row.id) { @for cell in &row.cells { (self.cell(cell)) } }
                        }
                    }
                }
                p.empty hidden[!rows.is_empty()] { (self.empty) }
            }
        }
    }

    fn cell(&self, cell: &Cell) -> Markup {
        html! {
            td class=[cell.class] {
                @match &cell.href {
                    Some(href) => a href=(href) { bdi { (cell.text) } },
                    None => bdi { (cell.text) },
                }
            }
        }
    }
}

/// Links to the pages before and after one of a list, which has `total` items in all.
pub fn pager(path: &str, query: &str, page: usize, size: usize, total: usize) -> Markup {
    let href = |page: usize| {
        let encoded: String = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("q", query), ("page", &page.to_string())])
            .finish();
        format!("{path}?{encoded}")
    };
    let (first, last) = ((page - 1).saturating_mul(size), page.saturating_mul(size).min(total));
    html! {
        @if total > size || page > 1 {
            nav.pager aria-label="Pages" {
                @if page > 1 { a href=(href(page - 1)) rel="prev" { "Newer" } }
                span { (first.min(last) + 1) " to " (last) " of " (total) }
                @if last < total { a href=(href(page + 1)) rel="next" { "Older" } }
            }
        }
    }
}
