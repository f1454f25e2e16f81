//! The pictures of docs/performance.md, drawn from the results of a run, and the texts beside them. All of them name the commit that
//! was measured, as benches/RESULTS.md does: the test below compares.

use serde_json::Value;
use std::fmt::Write;
use std::path::Path;
use stm_charts::{Line, Lines, Scale};

/// The first attribute of every picture.
const GENERATOR: &str = "benches/run --plots";

/// A line, and how it is drawn.
struct Drawn {
    /// Its name in the results.
    name: &'static str,
    legend: &'static str,
    colour: usize,
    dashed: bool,
    /// The line that it is compared with.
    beside: Option<&'static str>,
}

struct Picture {
    name: &'static str,
    title: &'static str,
    axes: [&'static str; 2],
    scales: [Scale; 2],
    lines: &'static [Drawn],
    /// The axis whose values are compared at the last point: 0 along the bottom, 1 beside it; and their unit.
    compared: (usize, &'static str),
    /// Where the last point is, with `{}` for its place along the bottom.
    at: &'static str,
}

const fn line(name: &'static str, legend: &'static str, colour: usize, beside: &'static str) -> Drawn {
    Drawn { name, legend, colour, dashed: false, beside: Some(beside) }
}

const fn dashes(name: &'static str, legend: &'static str, colour: usize) -> Drawn {
    Drawn { name, legend, colour, dashed: true, beside: None }
}

const PICTURES: &[Picture] = &[
    Picture {
        name: "signature-time",
        title: "Time of one signature (P-256)",
        axes: ["round-trip time in ms", "ms"],
        scales: [Scale::Linear, Scale::Linear],
        lines: &[
            line("cold", "cold process", 0, "bare cold"),
            dashes("bare cold", "bare client: TCP, TLS, GET, POST", 0),
            line("cached", "cold process, cached list", 1, "bare cached"),
            dashes("bare cached", "bare client: TCP, TLS, POST", 1),
            line("warm", "warm process", 2, "bare warm"),
            dashes("bare warm", "bare client: POST", 2),
        ],
        compared: (1, "ms"),
        at: ", round-trip time {} ms",
    },
    Picture {
        name: "throughput",
        title: "Signatures a second of one process, 20 ms each",
        axes: ["threads", "signatures a second"],
        scales: [Scale::Logarithmic, Scale::Logarithmic],
        lines: &[line("module", "module", 0, "bare"), dashes("bare", "bare client, one connection for each thread", 1)],
        compared: (1, "signatures a second"),
        at: ", {} threads",
    },
    Picture {
        name: "listing",
        title: "Requests for the list of all keypairs",
        axes: ["keypairs of the account", "requests"],
        scales: [Scale::Linear, Scale::Linear],
        lines: &[
            line("module", "first process", 0, "pages"),
            dashes("pages", "pages of 100 keypairs", 1),
            Drawn { name: "cached", legend: "next process, cached list", colour: 2, dashed: false, beside: None },
        ],
        compared: (1, "requests"),
        at: ", {} keypairs",
    },
    Picture {
        name: "fleet",
        title: "100 cold processes at once, service limited to 20 requests a second",
        axes: ["seconds", "processes with their signature"],
        scales: [Scale::Linear, Scale::Linear],
        lines: &[
            line("together", "without a cache", 0, "bound"),
            dashes("bound", "200 requests at 20 a second", 0),
            line("alone", "without a cache, each for itself", 4, "bound"),
            line("together cached", "with a cache", 2, "bound cached"),
            dashes("bound cached", "101 requests at 20 a second", 2),
            line("alone cached", "with a cache, each for itself", 6, "bound cached"),
        ],
        compared: (0, "seconds until all have their signature"),
        at: "",
    },
];

/// The points of a line; none if the run did not measure it.
fn points(results: &Value, picture: &Picture, line: &str) -> Vec<(f64, f64)> {
    let point = |point: &Value| Some((point[0].as_f64()?, point[1].as_f64()?));
    let all = results["pictures"][picture.name][line].as_array();
    all.into_iter().flatten().filter_map(point).collect()
}

/// The line of `machine` with the commit, such as `commit 1a2b3c4`.
fn commit(results: &Value) -> &str {
    let lines = results["machine"].as_array().into_iter().flatten().filter_map(Value::as_str);
    lines.into_iter().find(|line| line.starts_with("commit ")).unwrap_or("commit unknown")
}

/// The pictures that the run measured.
fn measured(results: &Value) -> impl Iterator<Item = &'static Picture> {
    PICTURES.iter().filter(|picture| !results["pictures"][picture.name].is_null())
}

fn draw(results: &Value, picture: &Picture) -> String {
    let lines = picture.lines.iter().map(|line| Line {
        name: line.legend.to_owned(),
        points: points(results, picture, line.name),
        colour: Some(line.colour),
        dashed: line.dashed,
        // A hundred points are a line.
        marked: !line.dashed && points(results, picture, line.name).len() < 20,
    });
    let compared =
        ratios(results, picture).into_iter().map(|row| format!("{}: {} of {}.", row.what, row.ratio, row.beside));
    let description = format!("Measured at {}. {}", commit(results), compared.collect::<Vec<_>>().join(" "));
    let chart = Lines {
        title: picture.title.to_owned(),
        description,
        axes: picture.axes.map(str::to_owned),
        scales: picture.scales,
        lines: lines.collect(),
        label: None,
    };
    format!("{}\n", chart.draw().file(GENERATOR))
}

/// What a line is beside the one that it is compared with, at their last points.
struct Ratio {
    what: String,
    measured: f64,
    beside: &'static str,
    than: f64,
    ratio: String,
}

fn ratios(results: &Value, picture: &Picture) -> Vec<Ratio> {
    let ratio = |line: &Drawn| {
        let other = picture.lines.iter().find(|other| Some(other.name) == line.beside)?;
        let last = |name: &str| points(results, picture, name).last().map(|(x, y)| [*x, *y]);
        let (mine, than) = (last(line.name)?, last(other.name)?);
        let (measured, than) = (mine[picture.compared.0], than[picture.compared.0]);
        let what = format!("{}{}", line.legend, picture.at.replace("{}", &mine[0].to_string()));
        Some(Ratio { what, measured, beside: other.legend, than, ratio: format!("{:.2} x", measured / than) })
    };
    picture.lines.iter().filter_map(ratio).collect()
}

/// The part of docs/performance.md that a run writes: when and where it was, and each picture with its ratios.
fn page(results: &Value) -> String {
    let mut text = String::new();
    for line in results["machine"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let _ = writeln!(text, "- {line}");
    }
    for picture in measured(results) {
        let _ = writeln!(text, "\n## {}\n\n![{}](performance/{}.svg)\n", picture.title, picture.title, picture.name);
        let unit = picture.compared.1;
        let _ = writeln!(text, "| {unit} | measured | beside | ratio |\n| --- | ---: | --- | ---: |");
        for Ratio { what, measured, beside, than, ratio } in ratios(results, picture) {
            let _ = writeln!(text, "| {what} | {measured:.1} | {than:.1} ({beside}) | {ratio} |");
        }
    }
    text
}

/// Writes all pictures to a directory.
pub fn write(results: &Value, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for picture in measured(results) {
        std::fs::write(folder.join(picture.name).with_extension("svg"), draw(results, picture))?;
    }
    Ok(())
}

/// Replaces what is between the marks of a page: in docs/performance.md the pictures, in benches/RESULTS.md the tables.
pub fn fill(path: &Path, results: &Value, tables: Option<&str>) -> std::io::Result<()> {
    let page = tables.map_or_else(|| page(results), str::to_owned);
    let text = std::fs::read_to_string(path)?;
    let (begin, end) = ("<!-- results: written by benches/run --plots -->\n", "<!-- results: end -->");
    let (before, rest) = text.split_once(begin).unwrap_or_else(|| panic!("{} has no mark", path.display()));
    let (_, after) = rest.split_once(end).unwrap_or_else(|| panic!("{} has no end of the mark", path.display()));
    std::fs::write(path, format!("{before}{begin}{page}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn results() -> Value {
        json!({"machine": ["2026-11-29", "commit 1a2b3c4"], "pictures": {
            "throughput": {"module": [[1.0, 45.0], [8.0, 350.0]], "bare": [[1.0, 46.0], [8.0, 400.0]]},
            "fleet": {"together": [[0.5, 1.0], [10.0, 100.0]], "bound": [[0.0, 10.0], [9.0, 100.0]]},
        }})
    }

    #[test]
    fn a_picture_names_its_commit_and_compares_the_last_points() {
        let text = draw(&results(), &PICTURES[1]);
        assert!(text.contains("Measured at commit 1a2b3c4. module, 8 threads: 0.88 x of bare client"), "{text}");
        assert_eq!(text.matches("<circle").count(), 2, "{text}");
        let rows = ratios(&results(), &PICTURES[3]);
        assert_eq!((rows.len(), rows[0].ratio.as_str(), rows[0].measured), (1, "1.11 x", 10.0));
    }

    #[test]
    fn only_what_was_measured_is_drawn_and_a_page_keeps_what_is_around_its_marks() {
        let folder = tempfile::tempdir().unwrap();
        write(&results(), folder.path()).unwrap();
        let mut names: Vec<_> = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["fleet.svg", "throughput.svg"]);
        let path = folder.path().join("page.md");
        std::fs::write(
            &path,
            "before\n<!-- results: written by benches/run --plots -->\nstale\n<!-- results: end -->\nafter\n",
        )
        .unwrap();
        fill(&path, &results(), None).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("before\n<!--")
                && text.ends_with("<!-- results: end -->\nafter\n")
                && !text.contains("stale"),
            "{text}"
        );
        assert!(
            text.contains(
                "| module, 8 threads | 350.0 | 400.0 (bare client, one connection for each thread) | 0.88 x |"
            ),
            "{text}"
        );
    }

    /// A picture is never older than the results beside it.
    #[test]
    fn pictures_page_and_results_are_of_one_commit() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let read =
            |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let of = |text: &str| {
            let after = text
                .split("commit ")
                .skip(1)
                .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default());
            after.map(str::to_owned).next()
        };
        let results = read("benches/RESULTS.md");
        let measured = results.split("<!-- results: written by benches/run --plots -->").nth(1).expect("its mark");
        let measured = of(measured).expect("its commit");
        assert!(measured.len() >= 7, "{measured}");
        assert_eq!(of(commit(&serde_json::from_str(&read("benches/results.json")).unwrap())), Some(measured.clone()));
        assert_eq!(of(read("docs/performance.md").split("<!-- results").nth(1).unwrap()), Some(measured.clone()));
        for picture in PICTURES {
            let path = format!("docs/performance/{}.svg", picture.name);
            assert_eq!(of(&read(&path)), Some(measured.clone()), "{path}: benches/run --plots draws it again");
        }
    }
}
