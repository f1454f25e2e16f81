//! The charts of a report.

use super::count::Kind;
use super::forecast::{End, Forecast};
use super::groups::Groups;
use super::{Report, ending};
use crate::print::shown;
use stm_charts::{Bars, Chart, Columns, Line, Lines, Scale, Series};
use stm_pkcs11::config::Period;
use stm_pkcs11::plural::counted;
use time::Date;

/// A chart, and the name of its file and its section.
pub struct Picture {
    pub name: String,
    pub chart: Chart,
}

/// How many bars a chart of names has, without that of the others.
const BARS: usize = 12;

/// All charts, in the order of the page.
pub fn pictures(report: &Report) -> Vec<Picture> {
    let picture = |name: &str, chart| Picture { name: name.to_owned(), chart };
    let mut all = vec![picture("signatures", signatures(report)), picture("outcomes", outcomes(report))];
    all.extend(report.budget.iter().filter_map(budget));
    all.push(picture("keypairs", bars("Signatures by keypair", "keypair", &report.keypairs)));
    all.push(picture("commands", bars("Signatures by command", "command", &report.commands)));
    all.push(picture("hosts", bars("Signatures by host", "host", &report.hosts)));
    all.push(picture("jobs", jobs(report)));
    all
}

fn signatures(report: &Report) -> Chart {
    let unit = report.periods.unit.name();
    let columns = &report.periods.all;
    let own = report.periods.keypairs.len();
    let series = |(place, name): (usize, String)| Series {
        name: shown(&name).into_owned(),
        values: columns.iter().map(|period| period.spent[place]).collect(),
        colour: if place < own { place } else { super::COLOURED },
    };
    let most = columns.iter().max_by_key(|period| period.count.spent());
    let most = most.map(|period| format!(" The most in one {unit} are {}, in {}.", period.count.spent(), period.name));
    let daily = report.budget.iter().filter(|forecast| forecast.limit.per == Period::Day && unit == "day");
    let daily =
        daily.map(|forecast| (format!("budget {}", forecast.limit), forecast.limit.most)).min_by_key(|limit| limit.1);
    Columns {
        title: format!("Signatures a {unit}, by keypair"),
        description: format!(
            "{} in {} from {}.{}",
            counted(report.sum.spent(), "signature"),
            counted(columns.len(), unit),
            columns.first().map_or("", |period| &period.name),
            most.unwrap_or_default()
        ),
        counts: "signatures".to_owned(),
        names: columns.iter().map(|period| period.name.clone()).collect(),
        series: report.coloured().into_iter().enumerate().map(series).collect(),
        limit: daily,
    }
    .draw()
}

fn outcomes(report: &Report) -> Chart {
    let unit = report.periods.unit.name();
    let columns = &report.periods.all;
    // Paid in blue, doubtful in orange, free in other colours.
    let colours = [0, 1, 2, 5, 8];
    let series = Kind::ALL.into_iter().zip(colours).map(|(kind, colour)| Series {
        name: kind.meaning().to_owned(),
        values: columns.iter().map(|period| period.count.of(kind)).collect(),
        colour,
    });
    let sums = Kind::ALL.map(|kind| format!("{}: {}", kind.name(), report.sum.of(kind)));
    Columns {
        title: format!("Requests a {unit}, by outcome"),
        description: format!("{}. {}.", counted(report.sum.entries(), "request"), sums.join(", ")),
        counts: "requests".to_owned(),
        names: columns.iter().map(|period| period.name.clone()).collect(),
        series: series.collect(),
        limit: None,
    }
    .draw()
}

fn bars(title: &str, noun: &str, groups: &Groups) -> Chart {
    let named = &groups.named[..groups.named.len().min(BARS)];
    let mut names: Vec<String> = named.iter().map(|group| shown(&group.name).into_owned()).collect();
    let mut values: Vec<u64> = named.iter().map(|group| group.count.spent()).collect();
    let rest = groups.named[named.len()..].iter().map(|group| group.count.spent()).sum::<u64>();
    let others = groups.named.len() - named.len() + groups.others.map_or(0, |(count, _)| count);
    if others > 0 {
        names.push(format!("{} more", counted(others, noun)));
        values.push(rest + groups.others.map_or(0, |(_, sum)| sum.spent()));
    }
    let most = named.first().map(|group| format!(" {} has most: {}.", shown(&group.name), group.count.spent()));
    Bars {
        title: title.to_owned(),
        description: format!("{}.{}", counted(named.len() + others, noun), most.unwrap_or_default()),
        names,
        series: vec![Series { name: "signatures".to_owned(), values, colour: 0 }],
    }
    .draw()
}

fn jobs(report: &Report) -> Chart {
    let name = |job: &super::Job| format!("{} {}", job.begin.get(..16).unwrap_or_default(), shown(&job.program));
    Bars {
        title: "The dearest jobs".to_owned(),
        description: report.jobs.first().map_or("No job spent a signature.".to_owned(), |job| {
            format!(
                "The dearest one spent {}, from {} to {}.",
                counted(job.count.spent(), "signature"),
                job.begin,
                job.end
            )
        }),
        names: report.jobs.iter().map(name).collect(),
        series: vec![Series {
            name: "signatures".to_owned(),
            values: report.jobs.iter().map(|job| job.count.spent()).collect(),
            colour: 0,
        }],
    }
    .draw()
}

/// What is spent in a month or a year, the limit, and how it continues at the present rate.
fn budget(forecast: &Forecast) -> Option<Picture> {
    let name = match forecast.limit.per {
        Period::Month => "budget-month",
        Period::Year => "budget-year",
        Period::Day | Period::Process => return None,
    };
    let (first, next) = forecast.period?;
    let place = |date: Date| f64::from(date.to_julian_day());
    let mut spent = vec![(place(first), forecast.before as f64)];
    for (day, total) in &forecast.days {
        // Steps, because nothing is spent between two days with a signature.
        spent.push((place(*day), spent.last().map_or(0.0, |last| last.1)));
        spent.push((place(*day) + 1.0, *total as f64));
    }
    let most = forecast.limit.most as f64;
    let today = forecast.days.last().map_or(place(first), |(day, _)| place(*day) + 1.0);
    let end = match forecast.end {
        End::On(day) => Some((place(day) + 1.0, most)),
        End::After => forecast.rate.map(|rate| (place(next), forecast.spent as f64 + rate * (place(next) - today))),
        _ => None,
    };
    let line =
        |name: &str, points, colour, dashed| Line { name: name.to_owned(), points, colour, dashed, marked: false };
    let mut lines = vec![
        line("spent", spent, Some(0), false),
        line(&format!("budget {}", forecast.limit), vec![(place(first), most), (place(next), most)], None, false),
    ];
    lines.extend(end.map(|end| line("at the present rate", vec![(today, forecast.spent as f64), end], Some(0), true)));
    let label = |day: f64| Date::from_julian_day(day as i32).map(|date| date.to_string()).unwrap_or_default();
    let chart = Lines {
        title: format!("Budget {}", forecast.limit),
        description: format!("{} of {} are spent. Used up: {}.", forecast.spent, forecast.limit.most, ending(forecast)),
        axes: [String::new(), "signatures".to_owned()],
        scales: [Scale::Linear; 2],
        lines,
        label: Some(&label),
    };
    Some(Picture { name: name.to_owned(), chart: chart.draw() })
}

#[cfg(test)]
mod tests {
    use super::super::{example, hostile};
    use super::*;
    use stm_pkcs11::config::Limit;
    use stm_pkcs11::ledger::{Entry, Outcome};

    fn entries(count: u64, keypairs: u64) -> Vec<Entry> {
        let entry = |n| Entry {
            n,
            time: format!("2026-11-{:02}T10:00:00.000Z", n % 29 + 1),
            keypair: format!("key-{}", n % keypairs),
            outcome: Some(Outcome::Signed),
            ..Entry::default()
        };
        (1..=count).map(entry).collect()
    }

    #[test]
    fn charts_are_files_that_parse_and_name_what_there_is() {
        let limits: Vec<_> =
            Limit::list("9/day,50/month,60/year").unwrap().into_iter().map(|limit| (limit, 40)).collect();
        let all = pictures(&example(entries(40, 30), &limits));
        let names: Vec<_> = all.iter().map(|picture| picture.name.as_str()).collect();
        let expected =
            ["signatures", "outcomes", "budget-month", "budget-year", "keypairs", "commands", "hosts", "jobs"];
        assert_eq!(names, expected);
        let file = |name| all.iter().find(|picture| picture.name == name).unwrap().chart.file("test");
        assert!(file("signatures").contains("22 keypairs more") && file("signatures").contains("budget 9/day"));
        assert!(file("keypairs").contains("18 keypairs more"), "{}", file("keypairs"));
        assert!(file("budget-year").contains("at the present rate") && file("budget-year").contains("2026-"));
    }

    #[test]
    fn nothing_signed_is_charts_without_bars() {
        for picture in pictures(&example(Vec::new(), &[])) {
            let text = picture.chart.file("test");
            assert!(text.starts_with("<svg data-generator=\"test\"") && text.ends_with("</svg>"), "{}", picture.name);
        }
    }

    #[test]
    fn names_are_text_in_every_chart() {
        for picture in
            pictures(&hostile(&["</svg><script>x</script>", "\u{1b}[2J\u{0}", "\u{202e}txt", "\" onload=\"x"]))
        {
            let text = picture.chart.file("test");
            let bad = text.chars().any(|c| c != '\n' && stm_pkcs11::shown::is_acted_on(c));
            assert!(!bad && !text.contains("<script") && text.matches("</svg>").count() == 1, "{text}");
        }
    }
}
