//! The report as one HTML page that loads nothing and runs nothing.

use super::tables::{Column, Table, tables};
use super::{GENERATOR, Picture, Report, pictures};
use crate::print::shown;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("page.css");

/// The page. Its only style is named by its hash, and everything else is forbidden: should a name ever become an element,
/// the browser neither runs nor loads it.
pub fn page(report: &Report) -> String {
    let style = format!("{STYLE}{}", stm_charts::STYLE);
    let hash = STANDARD.encode(Sha256::digest(&style));
    let policy = format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'");
    let sections = sections(report);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="generator" content=(GENERATOR);
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { "Signatures: report of " (report.written) }
                style { (PreEscaped(style)) }
            }
            body {
                header {
                    h1 { "Signatures" }
                    p.faint { "Written " (report.written) " from the ledger of stm-pkcs11. Days are those of UTC." }
                    @for only in &report.only { p { "Only entries " (shown(only)) "." } }
                    nav aria-label="Sections" {
                        ul { @for section in &sections { li { a href=(format!("#{}", section.name)) { (section.title) } } } }
                    }
                    dl {
                        @for (name, number) in report.figures() { div { dt { (name) } dd { (number) } } }
                    }
                }
                main { @for section in &sections { (section.markup()) } }
            }
        }
    }
    .into_string()
}

struct Section {
    name: &'static str,
    title: String,
    pictures: Vec<Picture>,
    table: Table,
}

/// Each table with the charts that show it.
fn sections(report: &Report) -> Vec<Section> {
    let mut pictures = pictures(report);
    let mut section = |table: Table| {
        let (own, rest) =
            std::mem::take(&mut pictures).into_iter().partition(|picture| picture.name.starts_with(table.name));
        pictures = rest;
        Section { name: table.name, title: table.title.clone(), pictures: own, table }
    };
    tables(report).into_iter().map(&mut section).collect()
}

impl Section {
    fn markup(&self) -> Markup {
        html! {
            section id=(self.name) aria-labelledby=(format!("{}-heading", self.name)) {
                h2 id=(format!("{}-heading", self.name)) { (self.title) }
                @for picture in &self.pictures {
                    div.scroll tabindex="0" role="region" aria-label=(format!("Chart: {}", picture.name.replace('-', " "))) {
                        (PreEscaped(picture.chart.inline(&format!("chart-{}", picture.name))))
                    }
                }
                @if let Some(note) = &self.table.note { p.faint { (note) } }
                @if self.table.rows.is_empty() {
                    p { "None." }
                } @else if self.pictures.is_empty() {
                    (self.table())
                } @else {
                    details { summary { "Table: " (self.title) } (self.table()) }
                }
            }
        }
    }

    fn table(&self) -> Markup {
        let table = &self.table;
        html! {
            div.scroll tabindex="0" role="region" aria-label=(format!("Table: {}", table.title)) {
                table id=(format!("table-{}", table.name)) {
                    caption { (table.title) }
                    thead { tr {
                        @for (name, column) in &table.head {
                            th scope="col" class=[(*column == Column::Number).then_some("number")] { bdi { (shown(name)) } }
                        }
                    } }
                    tbody {
                        @for row in &table.rows {
                            tr {
                                @for (cell, (_, column)) in row.iter().zip(&table.head) {
                                    @match column {
                                        Column::Name => td.name { bdi { (shown(cell)) } },
                                        Column::Text => td { (cell) },
                                        Column::Number => td.number { (cell) },
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{example, hostile, write};
    use super::*;
    use std::path::Path;

    #[test]
    fn a_page_is_known_by_its_first_bytes_and_forbids_everything_but_its_style() {
        let page = page(&example(Vec::new(), &[]));
        assert!(page.starts_with(&write::head(Path::new("page.html"))), "{page}");
        let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        let hash = STANDARD.encode(Sha256::digest(style));
        assert!(page.contains(&format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'")), "{page}");
        for forbidden in ["<script", "style=\"", "http://", "https://", "url(", "@import"] {
            let at = page.replace("http://www.w3.org/2000/svg", "");
            assert!(!at.contains(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn names_are_text_wherever_they_are() {
        let names = [
            "</td><script>x</script>",
            "<img src=x onerror=x>",
            "\u{202e}\u{1b}[2J",
            "\"><x y='",
            "&amp;",
            "</style>",
            "]]>",
            "-->",
        ];
        let page = page(&hostile(&names));
        for forbidden in ["<script", "<img", "<x", "\u{202e}", "\u{1b}", "-->"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert_eq!(page.matches("</style>").count(), 1);
        assert!(page.contains("&amp;amp;") && page.contains("\\u{202e}\\u{1b}[2J"), "{page}");
        assert!(names.len() < page.matches("&lt;/td&gt;&lt;script&gt;x&lt;/script&gt;").count(), "{page}");
    }

    #[test]
    fn every_chart_has_its_table() {
        let page = page(&hostile(&["a", "b", "c", "d"]));
        for name in
            ["signatures", "outcomes", "budget", "keypairs", "commands", "hosts", "jobs", "failed", "unfinished"]
        {
            assert!(page.contains(&format!("<table id=\"table-{name}\">")), "{name}");
            assert!(
                page.contains(&format!("<a href=\"#{name}\">")) && page.contains(&format!("<section id=\"{name}\"")),
                "{name}"
            );
        }
        assert_eq!(page.matches("<svg ").count(), 8);
    }
}
