//! Tables.

use super::shown;
use std::io::IsTerminal;

/// Prints rows in columns under a head; only the head if there are no rows. Each cell is one line.
pub fn print(head: &[&str], rows: &[Vec<String>]) {
    let rows: Vec<Vec<_>> = rows.iter().map(|row| row.iter().map(|cell| shown(cell)).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<String> =
            cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}", width = *width)).collect();
        cells.join("  ").trim_end().to_owned()
    };
    super::line(&coloured("1", &line(&mut head.iter().copied())));
    rows.iter().for_each(|row| super::line(&line(&mut row.iter().map(AsRef::as_ref))));
}

/// Prints names and values, one pair on each line.
pub fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) {
    let pairs: Vec<_> = pairs.into_iter().collect();
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    pairs.iter().for_each(|(name, value)| super::line(&format!("{name:width$}  {}", shown(value))));
}

/// Coloured on a terminal, plain elsewhere (respects `NO_COLOR`).
pub fn coloured(code: &str, text: &str) -> String {
    let plain = !std::io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if plain { text.to_owned() } else { format!("\u{1b}[{code}m{text}\u{1b}[0m") }
}
