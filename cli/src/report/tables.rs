//! The tables of a report: behind each chart, and those without a chart. The page and the summary in Markdown show the same.

use super::count::{Count, Kind};
use super::groups::Groups;
use super::{Report, ending, left_out, rate};
use stm_pkcs11::ledger::Entry;
use stm_pkcs11::plural::counted;

/// What a column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// A name from outside: alias, command, host, user, reason.
    Name,
    /// Text of our own.
    Text,
    Number,
}

/// A table.
pub struct Table {
    /// The name of its section; that of its chart, if it has one.
    pub name: &'static str,
    pub title: String,
    /// What the table says that is not in it.
    pub note: Option<String>,
    pub head: Vec<(String, Column)>,
    pub rows: Vec<Vec<String>>,
}

fn head(columns: &[(&str, Column)]) -> Vec<(String, Column)> {
    columns.iter().map(|(name, column)| ((*name).to_owned(), *column)).collect()
}

/// The columns of a count, and the lines that it is from.
fn counts() -> Vec<(String, Column)> {
    let kinds = Kind::ALL.into_iter().map(Kind::name);
    let numbers = std::iter::once("spent").chain(kinds).map(|name| (name.to_owned(), Column::Number));
    numbers.chain([("ledger lines".to_owned(), Column::Text)]).collect()
}

fn cells(count: &Count) -> Vec<String> {
    let numbers = std::iter::once(count.spent()).chain(Kind::ALL.map(|kind| count.of(kind)));
    numbers.map(|number| number.to_string()).chain([count.lines()]).collect()
}

fn row(name: String, rest: impl IntoIterator<Item = String>) -> Vec<String> {
    std::iter::once(name).chain(rest).collect()
}

/// All tables, in the order of the page.
pub fn tables(report: &Report) -> Vec<Table> {
    let unit = report.periods.unit.name();
    let periods = || report.periods.all.iter().filter(|period| period.count.entries() > 0);
    let per_keypair = report.coloured().into_iter().map(|name| (name, Column::Number));
    let mut all = vec![
        Table {
            name: "signatures",
            title: format!("Signatures a {unit}, by keypair"),
            note: None,
            head: [(unit.to_owned(), Column::Text), ("all".to_owned(), Column::Number)]
                .into_iter()
                .chain(per_keypair)
                .chain([("ledger lines".to_owned(), Column::Text)])
                .collect(),
            rows: periods()
                .map(|period| {
                    let spent = period.spent.iter().map(u64::to_string);
                    let all = std::iter::once(period.count.spent().to_string());
                    row(period.name.clone(), all.chain(spent).chain([period.count.lines()]))
                })
                .collect(),
        },
        Table {
            name: "outcomes",
            title: format!("Requests a {unit}, by outcome"),
            note: None,
            head: std::iter::once((unit.to_owned(), Column::Text)).chain(counts()).collect(),
            rows: periods().map(|period| row(period.name.clone(), cells(&period.count))).collect(),
        },
    ];
    all.extend(budget(report));
    all.push(groups("keypairs", "Signatures by keypair", "keypair", &report.keypairs));
    all.push(groups("commands", "Signatures by command", "command", &report.commands));
    all.push(groups("hosts", "Signatures by host", "host", &report.hosts));
    all.push(jobs(report));
    let columns = [
        ("ledger line", Column::Number),
        ("time (UTC)", Column::Text),
        ("outcome", Column::Text),
        ("keypair", Column::Name),
    ];
    let rest = [("by", Column::Name), ("command", Column::Name)];
    let ids = [("reason", Column::Name), ("signature id", Column::Name)];
    all.push(Table {
        name: "failed",
        title: "Failed requests".to_owned(),
        note: left_out(&report.failed),
        head: head(&[&columns[..], &rest, &ids].concat()),
        rows: report.failed.entries.iter().map(|entry| failed(entry, true)).collect(),
    });
    all.push(Table {
        name: "unfinished",
        title: "Unfinished requests".to_owned(),
        note: left_out(&report.unfinished),
        head: head(&[&columns[..], &rest].concat()),
        rows: report.unfinished.entries.iter().map(|entry| failed(entry, false)).collect(),
    });
    all
}

fn budget(report: &Report) -> Option<Table> {
    let row = |forecast: &super::Forecast| {
        let left = forecast.limit.most.saturating_sub(forecast.spent).to_string();
        vec![forecast.limit.to_string(), forecast.spent.to_string(), left, rate(forecast), ending(forecast)]
    };
    (!report.budget.is_empty()).then(|| Table {
        name: "budget",
        title: "Budget".to_owned(),
        note: Some("A budget is for all keypairs, commands and hosts, whatever this report is about.".to_owned()),
        head: head(&[
            ("limit", Column::Text),
            ("spent", Column::Number),
            ("left", Column::Number),
            ("present rate", Column::Text),
            ("used up", Column::Text),
        ]),
        rows: report.budget.iter().map(row).collect(),
    })
}

fn groups(name: &'static str, title: &str, noun: &str, groups: &Groups) -> Table {
    let named = groups.named.iter().map(|group| row(group.name.clone(), cells(&group.count)));
    let others = groups.others.map(|(count, sum)| row(format!("{} more", counted(count, noun)), cells(&sum)));
    Table {
        name,
        title: title.to_owned(),
        note: None,
        head: std::iter::once((noun.to_owned(), Column::Name)).chain(counts()).collect(),
        rows: named.chain(others).collect(),
    }
}

fn jobs(report: &Report) -> Table {
    let row = |job: &super::Job| {
        let more = job.commands - 1;
        let command =
            if more == 0 { job.command.clone() } else { format!("{} (and {})", job.command, counted(more, "other")) };
        let mut keypairs: Vec<_> = job.keypairs.iter().take(3).cloned().collect();
        if job.keypairs.len() > 3 {
            keypairs.push(format!("{} more", job.keypairs.len() - 3));
        }
        vec![
            job.count.spent().to_string(),
            job.begin.clone(),
            job.end.clone(),
            format!("{}@{}", job.user, job.host),
            job.program.clone(),
            command,
            keypairs.join(", "),
            job.count.lines(),
        ]
    };
    Table {
        name: "jobs",
        title: "The dearest jobs".to_owned(),
        note: Some(format!(
            "A job is what one user on one host signed with one program, without a pause of {} minutes.",
            super::jobs::PAUSE / 60
        )),
        head: head(&[
            ("spent", Column::Number),
            ("from (UTC)", Column::Text),
            ("to (UTC)", Column::Text),
            ("by", Column::Name),
            ("program", Column::Name),
            ("command", Column::Name),
            ("keypairs", Column::Name),
            ("ledger lines", Column::Text),
        ]),
        rows: report.jobs.iter().map(row).collect(),
    }
}

fn failed(entry: &Entry, ended: bool) -> Vec<String> {
    let known = super::records::moment(&entry.time).is_some();
    let time = entry.time.get(..19).filter(|_| known).map_or("unknown".to_owned(), |time| time.replace('T', " "));
    let mut cells = vec![
        entry.n.to_string(),
        time,
        entry.outcome_name().to_owned(),
        entry.keypair.clone(),
        format!("{}@{}", entry.user, entry.host),
        entry.command.clone(),
    ];
    if ended {
        cells.push(entry.why.clone().unwrap_or_default());
        cells.push(entry.signature_id.clone().unwrap_or_default());
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;

    #[test]
    fn every_row_has_a_cell_for_each_column() {
        let names: Vec<String> = (0..60).map(|number| format!("name-{number}")).collect();
        let report = hostile(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let all = tables(&report);
        for table in &all {
            assert!(!table.rows.is_empty(), "{}", table.name);
            assert!(table.rows.iter().all(|row| row.len() == table.head.len()), "{}", table.name);
        }
        let of = |name| all.iter().find(|table| table.name == name).unwrap();
        assert_eq!(of("keypairs").rows.last().unwrap()[0], "40 keypairs more");
        let spent = |name| of(name).rows.iter().map(|row| row[1].parse::<u64>().unwrap()).sum::<u64>();
        assert_eq!([spent("signatures"), spent("outcomes"), spent("keypairs"), spent("hosts")], [45; 4]);
        assert_eq!(of("budget").rows[0][4], "each process begins at 0");
    }
}
