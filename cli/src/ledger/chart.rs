//! Bars in a terminal.

use console::truncate_str;
use unicode_width::UnicodeWidthStr;

/// Longest bar, in columns.
const LONGEST: usize = 50;

/// A line for each row: its name, a bar, its number. The longest bar has fifty columns, or less where `width`, that of the terminal,
/// leaves less; whatever is more than nothing shows. A name that takes up more than half of the terminal is cut.
pub fn bars(rows: &[(String, u64)], width: Option<u16>) -> Vec<String> {
    let most = rows.iter().map(|(_, count)| *count).max().unwrap_or_default().max(1);
    let room = width.map_or(usize::MAX, usize::from);
    let named: Vec<_> = rows.iter().map(|(name, count)| (truncate_str(name, room / 2, "…"), *count)).collect();
    let names = named.iter().map(|(name, _)| name.width()).max().unwrap_or_default();
    let longest = LONGEST.min(room.saturating_sub(names + 4 + most.to_string().len())).max(1);
    let line = |(name, count): &(std::borrow::Cow<'_, str>, u64)| {
        let length = (u128::from(*count) * longest as u128).div_ceil(u128::from(most)) as usize;
        let (bar, gap) = ("#".repeat(length), " ".repeat(names - name.width()));
        format!("{name}{gap}  {bar}{}{count}", if bar.is_empty() { "" } else { " " })
    };
    named.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_the_numbers_are_large() {
        let rows = [("a".to_owned(), 100), ("bcd".to_owned(), 50), ("e".to_owned(), 1), ("f".to_owned(), 0)];
        let lines = bars(&rows, None);
        assert_eq!(lines[0], format!("a    {} 100", "#".repeat(50)));
        assert_eq!(lines[1], format!("bcd  {} 50", "#".repeat(25)));
        assert_eq!(lines[2..], ["e    # 1", "f    0"]);
        assert_eq!(bars(&[], None), [""; 0]);
        assert_eq!(bars(&[("x".into(), u64::MAX)], None)[0].matches('#').count(), 50);
    }

    #[test]
    fn bars_fit_the_terminal_and_begin_in_one_column() {
        let rows = [("鍵ペア".to_owned(), 1000), ("release".to_owned(), 10), ("x".repeat(200), 1)];
        for width in [20, 40, 80] {
            let lines = bars(&rows, Some(width));
            assert!(lines.iter().all(|line| line.width() <= width.into()), "{width}: {lines:?}");
            let begins = |line: &String| line[..line.find('#').unwrap()].width();
            assert!(lines.iter().all(|line| begins(line) == begins(&lines[0])), "{width}: {lines:?}");
        }
        assert!(bars(&rows, Some(40))[2].contains('…'));
    }
}
