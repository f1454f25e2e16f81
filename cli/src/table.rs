//! Tables for people.

use std::io::IsTerminal;

/// Prints rows in columns under a head; nothing but the head where there are none.
pub fn print(head: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &[String]| {
        let cells: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}", width = *width)).collect();
        cells.join("  ").trim_end().to_owned()
    };
    let names: Vec<String> = head.iter().map(|name| (*name).to_owned()).collect();
    println!("{}", bold(&line(&names)));
    rows.iter().for_each(|row| println!("{}", line(row)));
}

/// In colour on a terminal, as it is elsewhere (`NO_COLOR` is honoured).
pub fn coloured(code: &str, text: &str) -> String {
    let plain = !std::io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if plain { text.to_owned() } else { format!("\u{1b}[{code}m{text}\u{1b}[0m") }
}

fn bold(text: &str) -> String {
    coloured("1", text)
}
