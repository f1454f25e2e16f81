//! The terminal of standard output, if there is one.

use console::Term;
use std::io::IsTerminal;

/// The narrowest width that is respected, in columns: on less no table can be read.
const NARROWEST: u16 = 20;

/// The width of the terminal, in columns; `None` if standard output is not a terminal, or if its width is not known.
pub fn width() -> Option<u16> {
    let (_, columns) = Term::stdout().size_checked().filter(|_| std::io::stdout().is_terminal())?;
    (columns > 0).then_some(columns.max(NARROWEST))
}

/// Whether standard output shows colours: only on a terminal, and never with `NO_COLOR`.
pub fn has_colours() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal() && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
