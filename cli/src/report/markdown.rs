//! The report as Markdown, for the summary of a job.

use super::Report;
use super::tables::{Column, Table, tables};
use crate::print::shown;
use std::fmt::Write;

/// The most rows of a table: a summary is read, and the page has the rest.
const ROWS: usize = 15;

/// The report: GitHub's Markdown, with headings from the second level on.
pub fn markdown(report: &Report) -> String {
    let mut text =
        format!("## Signatures\n\nWritten {} from the ledger of stm-pkcs11. Days are those of UTC.\n", report.written);
    for only in &report.only {
        let _ = writeln!(text, "\nOnly entries {}.", name(only));
    }
    text.push_str("\n| what | number |\n| --- | ---: |\n");
    for (what, number) in report.figures() {
        let _ = writeln!(text, "| {what} | {number} |");
    }
    for table in tables(report).iter().filter(|table| !table.rows.is_empty()) {
        write_table(&mut text, table);
    }
    text
}

fn write_table(text: &mut String, table: &Table) {
    let _ = writeln!(text, "\n### {}\n", table.title);
    if let Some(note) = &table.note {
        let _ = writeln!(text, "{note}\n");
    }
    let names: Vec<String> =
        table.head.iter().map(|(head, _)| if is_plain(head) { head.clone() } else { name(head) }).collect();
    let rules = table.head.iter().map(|(_, column)| if *column == Column::Number { "---:" } else { "---" });
    let _ = writeln!(text, "| {} |\n| {} |", names.join(" | "), rules.collect::<Vec<_>>().join(" | "));
    // Days and single requests are in the order of time, and the last ones matter most; other tables begin with the largest.
    let by_time = matches!(table.name, "signatures" | "outcomes" | "failed" | "unfinished");
    let left = table.rows.len().saturating_sub(ROWS);
    let shown = if by_time { &table.rows[left..] } else { &table.rows[..table.rows.len() - left] };
    for row in shown {
        let cells = row.iter().zip(&table.head).map(|(cell, (_, column))| match column {
            Column::Name => name(cell),
            Column::Text | Column::Number => cell.clone(),
        });
        let _ = writeln!(text, "| {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    if left > 0 {
        let which = if by_time { "last" } else { "first" };
        let _ = writeln!(text, "\nThe {which} {ROWS} of {} rows.", table.rows.len());
    }
}

/// Words of our own, which need no quoting.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || b" ()".contains(&byte)) || text.ends_with("(UTC)")
}

/// A name from outside, as code: nothing in it is Markdown, HTML, a mention or a link. Backticks and pipes, which would end code
/// and cell, are written as their numbers, as all characters are that cannot be seen.
fn name(text: &str) -> String {
    let text = shown(text).replace('`', "\\u{60}").replace('|', "\\u{7c}");
    match text.trim() {
        "" => String::new(),
        trimmed if trimmed.len() == text.len() => format!("`{text}`"),
        // Code loses one space on either side.
        _ => format!("` {text} `"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{example, hostile};
    use super::*;

    #[test]
    fn names_are_code_and_end_neither_cell_nor_code() {
        assert_eq!(name("release-key"), "`release-key`");
        assert_eq!(name("a|b`c\\|d"), "`a\\u{7c}b\\u{60}c\\\\u{7c}d`");
        assert_eq!(name("@org <b>&amp;</b>\n#1"), "`@org <b>&amp;</b>\\u{a}#1`");
        assert_eq!([name(" a"), name("  "), name("")], ["`  a `", "", ""]);
        let text = markdown(&hostile(&["`x` @org", "a | b", "<script>", "](x)", "\n## heading", "$`x`$", "***"]));
        for line in text.lines().filter(|line| line.starts_with('|')) {
            // Outside code there is nothing from outside, and every row has the columns of its head.
            assert_eq!(line.matches('`').count() % 2, 0, "{line}");
            let outside: String = line.split('`').step_by(2).collect();
            assert!(!outside.contains(['@', '<', '#', '*', '$', ']']), "{line}");
        }
        assert!(text.lines().all(|line| !line.starts_with("## heading")), "{text}");
    }

    #[test]
    fn long_tables_are_cut_to_what_matters() {
        let names: Vec<String> = (0..60).map(|number| format!("name-{number}")).collect();
        let text = markdown(&hostile(&names.iter().map(String::as_str).collect::<Vec<_>>()));
        assert!(text.contains("The first 15 of 21 rows.") && text.contains("The last 15 of 28 rows."), "{text}");
        assert!(markdown(&example(Vec::new(), &[])).contains("| signatures spent | 0 |"));
    }
}
