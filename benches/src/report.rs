//! Results, each with the value that it is compared with, and its target.

use serde_json::{Value, json};
use std::fmt::Write;

/// The target of a result.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// At most this, in the result's own unit.
    AtMost(f64),
    /// At most so many times what it is compared with.
    TimesAtMost(f64),
    /// At least so many times what it is compared with.
    TimesAtLeast(f64),
    /// A count that must be exactly this.
    Exactly(u64),
    /// A count that must not be more than this.
    NoMoreThan(u64),
}

/// One result.
#[derive(Clone, Debug)]
pub struct Row {
    what: String,
    value: f64,
    unit: &'static str,
    beside: Option<(String, f64)>,
    target: Option<Target>,
}

impl Row {
    /// A measured value.
    pub fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { what: what.into(), value, unit, beside: None, target: None }
    }

    /// A count, which is wrong unless it meets its target.
    pub fn count(what: impl Into<String>, count: u64, target: Target) -> Self {
        Self { target: Some(target), ..Self::new(what, count as f64, "") }
    }

    /// What it is compared with, in the same unit.
    pub fn beside(mut self, what: impl Into<String>, value: f64) -> Self {
        self.beside = Some((what.into(), value));
        self
    }

    /// What it has to be.
    pub fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    fn ratio(&self) -> Option<f64> {
        self.beside.as_ref().map(|(_, beside)| self.value / beside)
    }

    fn met(&self) -> Option<bool> {
        let ratio = self.ratio().unwrap_or(f64::NAN);
        Some(match self.target? {
            Target::AtMost(most) => self.value <= most,
            Target::TimesAtMost(most) => ratio <= most,
            Target::TimesAtLeast(least) => ratio >= least,
            Target::Exactly(count) => self.value == count as f64,
            Target::NoMoreThan(count) => self.value <= count as f64,
        })
    }

    fn is_count(&self) -> bool {
        matches!(self.target, Some(Target::Exactly(_) | Target::NoMoreThan(_)))
    }

    /// Times depend on the machine and its other work; counts do not.
    fn wrong(&self) -> bool {
        self.is_count() && self.met() == Some(false)
    }

    fn cells(&self) -> [String; 6] {
        let target = self.target.map_or(String::new(), |target| match target {
            Target::AtMost(most) => format!("<= {most} {}", self.unit),
            Target::TimesAtMost(most) => format!("<= {most} x"),
            Target::TimesAtLeast(least) => format!(">= {least} x"),
            Target::Exactly(count) => format!("= {count}"),
            Target::NoMoreThan(count) => format!("<= {count}"),
        });
        [
            self.what.clone(),
            format!("{} {}", figure(self.value), self.unit).trim().to_owned(),
            self.beside.as_ref().map_or(String::new(), |(what, value)| format!("{} ({what})", figure(*value))),
            self.ratio().map_or(String::new(), |ratio| format!("{ratio:.3}")),
            target,
            self.met().map_or(String::new(), |met| if met { "yes".to_owned() } else { "**no**".to_owned() }),
        ]
    }
}

/// Four significant figures, whole numbers whole.
fn figure(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e15 {
        return format!("{value}");
    }
    let digits = (3 - value.abs().log10().floor() as i32).clamp(0, 6);
    format!("{value:.*}", digits as usize)
}

/// All results, by section.
#[derive(Default)]
pub struct Report {
    sections: Vec<(&'static str, Vec<Row>, Vec<String>)>,
    /// The points of pictures: the name of the picture, of its line, and where the point is.
    points: Vec<(&'static str, &'static str, f64, f64)>,
}

const HEAD: [&str; 6] = ["what", "measured", "beside", "ratio", "target", "met"];

impl Report {
    /// Begins a section.
    pub fn section(&mut self, name: &'static str) {
        eprintln!("== {name}");
        self.sections.push((name, Vec::new(), Vec::new()));
    }

    /// Adds a result to the section that was begun last.
    pub fn add(&mut self, row: Row) {
        let cells = row.cells();
        eprintln!("   {}", cells.iter().filter(|cell| !cell.is_empty()).cloned().collect::<Vec<_>>().join(" | "));
        self.last().1.push(row);
    }

    /// Adds a remark to the section that was begun last.
    pub fn remark(&mut self, text: impl Into<String>) {
        let text = text.into();
        eprintln!("   {text}");
        self.last().2.push(text);
    }

    /// Adds a point to a line of a picture (`pictures.rs`).
    pub fn point(&mut self, picture: &'static str, line: &'static str, x: f64, y: f64) {
        self.points.push((picture, line, x, y));
    }

    fn last(&mut self) -> &mut (&'static str, Vec<Row>, Vec<String>) {
        self.sections.last_mut().expect("a section")
    }

    /// The counts that miss their target.
    pub fn wrong(&self) -> Vec<String> {
        let rows = self.sections.iter().flat_map(|(name, rows, _)| rows.iter().map(move |row| (name, row)));
        rows.filter(|(_, row)| row.wrong())
            .map(|(name, row)| format!("{name}: {}", row.cells()[..5].join(" ")))
            .collect()
    }

    /// A line for each result that has a target of time, rate or size, and one for all counts.
    pub fn verdict(&self) -> String {
        let mut text = String::new();
        let (mut right, mut counts) = (0, 0);
        for (name, rows, _) in &self.sections {
            for row in rows {
                let Some(met) = row.met() else { continue };
                if row.is_count() {
                    counts += 1;
                    right += usize::from(met);
                    continue;
                }
                let [what, measured, _, ratio, target, _] = row.cells();
                let said = if met { "met   " } else { "MISSED" };
                let ratio = if ratio.is_empty() { String::new() } else { format!(", ratio {ratio}") };
                let _ = writeln!(text, "{said}  {name}: {what}: {measured}{ratio}, target {target}");
            }
        }
        let _ = writeln!(text, "{right} of {counts} counts are right");
        text
    }

    /// Markdown, which is also readable in a terminal.
    pub fn markdown(&self, machine: &[String]) -> String {
        let mut text = String::new();
        for line in machine {
            let _ = writeln!(text, "- {line}");
        }
        for (name, rows, remarks) in &self.sections {
            let _ = writeln!(text, "\n## {name}\n");
            if !rows.is_empty() {
                text.push_str(&table(rows));
            }
            for remark in remarks {
                let _ = writeln!(text, "\n{remark}");
            }
        }
        text
    }

    /// The same for programs.
    pub fn json(&self, machine: &[String]) -> Value {
        let row = |row: &Row| {
            json!({
                "what": row.what, "value": row.value, "unit": row.unit, "ratio": row.ratio(), "met": row.met(),
                "beside": row.beside.as_ref().map(|(what, value)| json!({"what": what, "value": value})),
                "target": row.target.map(|_| row.cells()[4].clone()),
            })
        };
        let section = |(name, rows, remarks): &(&str, Vec<Row>, Vec<String>)| json!({"name": name, "results": rows.iter().map(row).collect::<Vec<_>>(), "remarks": remarks});
        let mut pictures = json!({});
        for (picture, line, x, y) in &self.points {
            let points = &mut pictures[picture][line];
            if points.is_null() {
                *points = json!([]);
            }
            points.as_array_mut().expect("points").push(json!([x, y]));
        }
        let sections = self.sections.iter().map(section).collect::<Vec<_>>();
        json!({"machine": machine, "sections": sections, "pictures": pictures})
    }
}

fn table(rows: &[Row]) -> String {
    let mut cells: Vec<[String; 6]> = vec![HEAD.map(str::to_owned)];
    cells.extend(rows.iter().map(Row::cells));
    let width: Vec<usize> = (0..HEAD.len())
        .map(|column| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or_default())
        .collect();
    let mut text = String::new();
    for (place, row) in cells.iter().enumerate() {
        for (cell, width) in row.iter().zip(&width) {
            let _ = write!(text, "| {cell:width$} ");
        }
        text.push_str("|\n");
        if place == 0 {
            let rules: Vec<String> = width.iter().map(|width| "-".repeat(*width)).collect();
            let _ = writeln!(text, "| {} |", rules.join(" | "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_held_against_its_target() {
        let row = Row::new("sign", 1.2, "ms").beside("raw", 1.0);
        assert_eq!(row.clone().target(Target::TimesAtMost(1.25)).met(), Some(true));
        assert_eq!(row.clone().target(Target::TimesAtMost(1.1)).met(), Some(false));
        assert_eq!(row.target(Target::TimesAtLeast(1.1)).met(), Some(true));
    }

    #[test]
    fn a_slow_machine_is_not_wrong_but_a_request_too_many_is() {
        let mut report = Report::default();
        report.section("x");
        report.add(Row::new("time", 9.0, "ms").target(Target::AtMost(5.0)));
        assert!(report.wrong().is_empty());
        report.add(Row::count("requests", 3, Target::Exactly(2)));
        assert_eq!(report.wrong().len(), 1);
    }

    #[test]
    fn the_verdict_has_each_area_with_ratio_and_target() {
        let mut report = Report::default();
        report.section("Warm");
        report.add(Row::new("sign", 1.2, "ms").beside("raw", 1.0).target(Target::TimesAtMost(1.25)));
        report.add(Row::new("more", 0.05, "ms").target(Target::AtMost(0.04)));
        report.add(Row::new("no target", 7.0, "ms"));
        report.add(Row::count("requests", 2, Target::Exactly(2)));
        assert_eq!(
            report.verdict(),
            "met     Warm: sign: 1.200 ms, ratio 1.200, target <= 1.25 x\n\
             MISSED  Warm: more: 0.05000 ms, target <= 0.04 ms\n\
             1 of 1 counts are right\n"
        );
    }

    #[test]
    fn points_are_in_the_lines_of_their_pictures() {
        let mut report = Report::default();
        report.point("fleet", "bound", 1.0, 2.0);
        report.point("fleet", "bound", 3.0, 4.0);
        assert_eq!(report.json(&[])["pictures"], json!({"fleet": {"bound": [[1.0, 2.0], [3.0, 4.0]]}}));
    }

    #[test]
    fn figures_have_four_digits_that_mean_something() {
        assert_eq!(figure(0.012_345_6), "0.01235");
        assert_eq!(figure(1234.56), "1235");
        assert_eq!(figure(100.0), "100");
    }
}
