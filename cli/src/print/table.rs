//! Tables.

use super::{shown, terminal};
use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};
use std::borrow::Cow;

/// Drawn below the head, to find its end; not printed.
const RULE: char = '─';

/// Prints rows in columns under a head; only the head if there are no rows. Without a terminal each row is one line, as long as it
/// is; on a terminal, what is too wide continues on the next line of its column.
pub fn print(head: &[&str], rows: &[Vec<String>]) {
    let (head, rows) = lines(head, rows, terminal::width());
    head.iter().for_each(|line| super::line(&coloured("1", line)));
    rows.iter().for_each(|line| super::line(line));
}

/// The lines of the head, and of the rows. `width` is that of the terminal, in columns.
fn lines(head: &[&str], rows: &[Vec<String>], width: Option<u16>) -> (Vec<String>, Vec<String>) {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill(RULE).junction(RULE)));
    table.set_header(head.iter().copied());
    table.set_content_arrangement(ContentArrangement::Disabled);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for row in rows {
        table.add_row(row.iter().map(|cell| shown(cell)).collect::<Vec<Cow<'_, str>>>());
    }
    let last = head.len().saturating_sub(1);
    for (number, column) in table.column_iter_mut().enumerate() {
        // The rule has a junction, so that there is one more space between columns.
        column.set_padding((0, if number == last { 0 } else { 1 }));
    }
    let is_rule = |line: &String| !line.is_empty() && line.chars().all(|character| character == RULE);
    let mut head: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    let rule = head.iter().position(is_rule).unwrap_or(head.len());
    let rows = head.split_off(rule).split_off(1);
    (head, rows)
}

/// Prints names and values, one pair on each line.
pub fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) {
    let pairs: Vec<_> = pairs.into_iter().collect();
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    pairs.iter().for_each(|(name, value)| super::line(&format!("{name:width$}  {}", shown(value))));
}

/// Coloured on a terminal, plain elsewhere (respects `NO_COLOR`).
pub fn coloured(code: &str, text: &str) -> String {
    if terminal::has_colours() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    #[test]
    fn columns_align_whatever_characters_take_up() {
        let names = rows(&[&["plain", "1"], &["鍵ペア", "2"], &["key😀", "3"], &["e\u{301}", "4"], &["", "5"]]);
        let (head, lines) = lines(&["alias", "n"], &names, None);
        assert_eq!(head, ["alias   n"]);
        let before = |line: &String| line[..line.len() - 1].width();
        assert_eq!(lines.iter().map(before).collect::<Vec<_>>(), [8; 5], "{lines:?}");
    }

    #[test]
    fn without_a_terminal_every_row_is_one_line_and_on_a_narrow_one_none_is_too_wide() {
        let long = "a b ".repeat(40) + &"x".repeat(100) + &"鍵".repeat(60);
        let cells = rows(&[&[&long, "2026-11-29", "id"], &["a\nb", "", "\u{1b}[2J"]]);
        let (head, wide) = lines(&["alias", "until", "id"], &cells, None);
        assert_eq!((head.len(), wide.len()), (1, 2));
        assert!(wide[0].contains(&long) && wide[1].contains("a\\u{a}b") && wide[1].ends_with("\\u{1b}[2J"), "{wide:?}");
        for width in [20, 40, 80] {
            let (head, rows) = lines(&["alias", "until", "id"], &cells, Some(width));
            assert!(
                rows.len() > 2 && head.iter().chain(&rows).all(|line| line.width() <= width.into()),
                "{width}: {rows:?}"
            );
            let characters = |lines: &[String], wanted: char| {
                lines.iter().flat_map(|line| line.chars()).filter(|c| *c == wanted).count()
            };
            assert_eq!(characters(&rows, '鍵'), 60, "nothing is cut off: {rows:?}");
        }
    }

    #[test]
    fn a_table_without_rows_is_its_head() {
        assert_eq!(lines(&["alias", "id"], &[], None), (vec!["alias  id".to_owned()], Vec::new()));
    }

    #[test]
    fn a_cell_of_dashes_is_not_the_end_of_the_head() {
        let (head, rows) = lines(&["alias"], &rows(&[&["────"], &["b"]]), Some(80));
        assert_eq!((head.len(), rows), (1, vec!["────".to_owned(), "b".to_owned()]));
    }
}
