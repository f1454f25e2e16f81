//! Measurements of the stm-pkcs11 module. `benches/run --help` has the command line, `benches/RESULTS.md` the results.

mod bare;
mod bench;
mod cases;
mod link;
mod measure;
mod module;
mod pictures;
mod raw;
mod report;
mod service;
mod settings;

use bench::Bench;
use report::Report;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
Measures the stm-pkcs11 module against an emulated service on this machine.

Usage: stm-bench [--check] [--json FILE] [--markdown FILE] [--commit ID] [--plots ROOT] [CASE...]
       stm-bench --plots ROOT --from FILE

  --check           only what counts of requests, connections and signatures
                    need; under a minute
  --json FILE       writes the results as JSON
  --markdown FILE   writes the table to a file, too
  --commit ID       what is measured, for the results
  --plots ROOT      draws the pictures: of a whole run into the repository at ROOT,
                    docs/performance, with the pages that have the results;
                    of some cases only into target/bench/plots below ROOT
  --from FILE       draws the results of an earlier run, and measures nothing
  CASE              startup, cold, early, commands, warm, distance, ledger, throughput, listing, crowd,
                    hashing, footprint; all of them unless given

STM_PKCS11_MODULE and STM_EMULATOR name the library and the service's program;
unless set, they are those beside this program. Times are reported and never
decide; the exit status is 1 where a count is not what it has to be.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == bench::CHILD) {
        let (name, rest) = arguments[1..].split_first().expect("a name");
        let (_, body) = cases::BODIES.iter().find(|(known, _)| known == name).expect("a name that is known");
        println!("{}", body(rest));
        return ExitCode::SUCCESS;
    }
    let options = match Options::read(arguments) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("stm-bench: {message}; --help has the options");
            return ExitCode::from(2);
        }
    };
    match (&options.plots, &options.from) {
        (Some(root), Some(path)) => {
            let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            draw(root, &serde_json::from_slice(&text).expect("the results of a run"));
            ExitCode::SUCCESS
        }
        (None, Some(_)) => {
            eprintln!("stm-bench: --from requires --plots");
            ExitCode::from(2)
        }
        _ => measure(options),
    }
}

fn measure(options: Options) -> ExitCode {
    let mut bench = Bench {
        module: beside("STM_PKCS11_MODULE", "libstm_pkcs11.so"),
        emulator: beside("STM_EMULATOR", "stm-emulator"),
        check: options.check,
        report: Report::default(),
        dir: tempfile::tempdir().expect("a folder"),
    };
    let mut machine = machine();
    machine.extend(options.commit.iter().map(|commit| format!("commit {commit}")));
    for case in cases::CASES.iter().filter(|case| options.cases.is_empty() || options.cases.contains(&case.name)) {
        (case.run)(&mut bench);
    }
    machine.push(format!("load average after the run: {}", measure::load()));
    let markdown = bench.report.markdown(&machine);
    println!("{markdown}\n{}", bench.report.verdict());
    let write = |path: &Option<PathBuf>, text: &str| {
        if let Some(path) = path {
            std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    };
    write(&options.markdown, &markdown);
    let mut results = bench.report.json(&machine);
    if options.cases.is_empty() && !options.check {
        results["tables"] = markdown.into();
    }
    write(&options.json, &format!("{results:#}\n"));
    if let Some(root) = &options.plots {
        draw(root, &results);
    }
    let wrong = bench.report.wrong();
    wrong.iter().for_each(|line| eprintln!("WRONG {line}"));
    ExitCode::from(u8::from(!wrong.is_empty()))
}

/// Draws the pictures. Those of a whole run, which has tables, are those of the documentation.
fn draw(root: &Path, results: &serde_json::Value) {
    let drawn = match results["tables"].as_str() {
        None => {
            let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
            pictures::write(results, &target.join("bench/plots"))
        }
        Some(tables) => pictures::write(results, &root.join("docs/performance"))
            .and_then(|()| pictures::fill(&root.join("docs/performance.md"), results, None))
            .and_then(|()| pictures::fill(&root.join("benches/RESULTS.md"), results, Some(tables)))
            .and_then(|()| std::fs::write(root.join("benches/results.json"), format!("{results:#}\n"))),
    };
    drawn.unwrap_or_else(|error| panic!("the pictures below {}: {error}", root.display()));
}

struct Options {
    commit: Option<String>,
    plots: Option<PathBuf>,
    from: Option<PathBuf>,
    check: bool,
    json: Option<PathBuf>,
    markdown: Option<PathBuf>,
    cases: Vec<&'static str>,
}

impl Options {
    fn read(arguments: Vec<String>) -> Result<Option<Self>, String> {
        let mut options =
            Self { commit: None, plots: None, from: None, check: false, json: None, markdown: None, cases: Vec::new() };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut file = || arguments.next().map(PathBuf::from).ok_or(format!("{argument} requires a value"));
            match argument.as_str() {
                "--help" | "-h" => return Ok(None),
                "--check" => options.check = true,
                "--commit" => options.commit = Some(file()?.display().to_string()),
                "--plots" => options.plots = Some(file()?),
                "--from" => options.from = Some(file()?),
                "--json" => options.json = Some(file()?),
                "--markdown" => options.markdown = Some(file()?),
                name => match cases::CASES.iter().find(|case| case.name == name) {
                    Some(case) => options.cases.push(case.name),
                    None => return Err(format!("there is no case {name}")),
                },
            }
        }
        Ok(Some(options))
    }
}

fn beside(variable: &str, name: &str) -> PathBuf {
    let path = std::env::var_os(variable)
        .map_or_else(|| std::env::current_exe().expect("the path of this program").with_file_name(name), PathBuf::from);
    assert!(path.exists(), "{} is not there: build it, or set {variable}", path.display());
    path.canonicalize().expect("a path")
}

/// The machine and the hour.
fn machine() -> Vec<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |name: &str| {
        let line = info.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map_or("unknown", |(_, value)| value.trim()).to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let date = std::process::Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]).output();
    let date = date.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    vec![
        date,
        format!("{cores} cores of {}, Linux {}", value("model name"), kernel.trim()),
        "client and service share the cores".to_owned(),
        format!("load average before the run: {}", measure::load()),
    ]
}
