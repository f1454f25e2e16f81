//! `stm-pkcs11 ledger report`: pages, charts and summaries of the ledger.

use super::ledger::{Place, unreadable};
use crate::ledger::filter::Filter;
use crate::print::{self, Failure, unwritten};
use crate::report::records::{Records, today};
use crate::report::{self, GENERATOR, Picture};
use std::path::{Path, PathBuf};
use stm_pkcs11::config::Limit;
use stm_pkcs11::ledger::Ledger;

#[derive(clap::Args)]
#[group(skip)]
#[command(group = clap::ArgGroup::new("output").required(true).multiple(true))]
pub struct Report {
    /// Write one self-contained page: charts, the table behind each of them, the dearest jobs, failed and unfinished requests; - for
    /// standard output. Replaces an earlier report and no other file
    #[arg(long, value_name = "FILE", group = "output")]
    html: Option<PathBuf>,
    /// Write each chart as a file of its own to this directory. Replaces earlier charts and no other file
    #[arg(long, value_name = "DIR", group = "output")]
    svg: Option<PathBuf>,
    /// Print Markdown, for the summary of a job
    #[arg(long, group = "output")]
    markdown: bool,
    /// The budget to compare with, as STM_PKCS11_BUDGET has it; default: that of the settings, and none with --file
    #[arg(long, value_name = "LIMITS", value_parser = budget)]
    budget: Option<Budget>,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    place: Place,
}

/// The limits of a budget.
#[derive(Debug, Clone)]
struct Budget(Vec<Limit>);

fn budget(text: &str) -> Result<Budget, String> {
    Limit::list(text).map(Budget).ok_or_else(|| "expected limits such as 50, 200/day or 500/month,5000/year".to_owned())
}

pub fn report(arguments: &Report) -> Result<(), Failure> {
    let html = arguments.html.as_deref();
    let to_stdout = html == Some(Path::new("-"));
    if to_stdout && arguments.markdown {
        let remedy = "write the page to a file, or leave out --markdown";
        let why = "a page and Markdown cannot both be written to standard output";
        return Err(Failure::new("write the report", why, remedy).exit(print::Exit::Usage));
    }
    if let Some(path) = html.filter(|_| !to_stdout) {
        report::write::allowed(path)?;
    }
    let mut settings = arguments.place.settings()?;
    if let Some(Budget(limits)) = &arguments.budget {
        settings.budget.clone_from(limits);
    }
    let ledger = Ledger::new(&settings);
    let records = Records::read(&ledger, |entry| arguments.filter.fits(entry)).map_err(unreadable)?;
    let limits = ledger.limits().map_err(unreadable)?;
    let report = report::Report::new(records, &limits, arguments.filter.words(), today());
    if let Some(folder) = &arguments.svg {
        charts(folder, &report::pictures(&report))?;
    }
    match html {
        Some(_) if to_stdout => print::text(&report::page::page(&report)),
        Some(path) => report::write::file(path, &report::page::page(&report))?,
        None => {}
    }
    if arguments.markdown {
        print::text(&report::markdown::markdown(&report));
    }
    Ok(())
}

/// Writes all charts, or none if one of the files belongs to somebody else.
fn charts(folder: &Path, pictures: &[Picture]) -> Result<(), Failure> {
    let path = |picture: &Picture| folder.join(format!("{}.svg", picture.name));
    pictures.iter().try_for_each(|picture| report::write::allowed(&path(picture)))?;
    std::fs::create_dir_all(folder).map_err(|error| unwritten(&folder.display().to_string(), &error))?;
    pictures.iter().try_for_each(|picture| report::write::file(&path(picture), &picture.chart.file(GENERATOR)))
}
