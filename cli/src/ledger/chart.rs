//! Bars in a terminal.

/// Longest bar, in characters.
const WIDTH: u64 = 50;

/// A line for each row: its name, a bar, its number. The longest bar has fifty characters; whatever is more than nothing shows.
pub fn bars(rows: &[(String, u64)]) -> Vec<String> {
    let most = rows.iter().map(|(_, count)| *count).max().unwrap_or_default().max(1);
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let line = |(name, count): &(String, u64)| {
        let length = (u128::from(*count) * u128::from(WIDTH)).div_ceil(u128::from(most)) as usize;
        let bar = "#".repeat(length);
        format!("{name:width$}  {bar}{}{count}", if bar.is_empty() { "" } else { " " })
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_the_numbers_are_large() {
        let rows = [("a".to_owned(), 100), ("bcd".to_owned(), 50), ("e".to_owned(), 1), ("f".to_owned(), 0)];
        let lines = bars(&rows);
        assert_eq!(lines[0], format!("a    {} 100", "#".repeat(50)));
        assert_eq!(lines[1], format!("bcd  {} 50", "#".repeat(25)));
        assert_eq!(lines[2..], ["e    # 1", "f    0"]);
        assert_eq!(bars(&[]), [""; 0]);
        assert_eq!(bars(&[("x".into(), u64::MAX)])[0].matches('#').count(), 50);
    }
}
