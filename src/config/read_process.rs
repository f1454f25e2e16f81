//! The settings of the process: ledger, forks, time stamps, log. One account's are in [`super::read`].

use super::reader::Reader;
use super::setting as row;
use super::*;
use crate::trusted_file::MACHINE;

/// The ledger's settings and their problems. With a problem the module signs nothing, because a budget that it cannot
/// parse would not limit anything.
pub(super) fn ledger(sources: &mut Sources) -> (LedgerSettings, Vec<Problem>) {
    let mut reader = Reader::new(sources);
    let path = reader.find(&row::LEDGER).map(|found| reader.beside(&found, &found.value));
    let budget = match reader.find(&row::BUDGET) {
        None => Vec::new(),
        Some(found) => Limit::list(&found.value).unwrap_or_else(|| {
            let remedy = "use a number of signatures, or a number for a period: 50, 200/day, 500/month, 1000/year";
            reader.invalid(&row::BUDGET, &found, remedy);
            Vec::new()
        }),
    };
    let reuse = reader.find(&row::REUSE).filter(|found| !found.value.eq_ignore_ascii_case("off"));
    let reuse = reuse.and_then(|found| {
        let time = ledger::lifetime(&found.value);
        if time.is_none() {
            reader.invalid(&row::REUSE, &found, "use off, or a time of at most 30 days: 90s, 30m, 1h, 2d");
        }
        time
    });
    let privileged = reader.sources.privileged;
    let path = path.filter(|_| !privileged);
    if let (None, Some(limit)) = (&path, budget.iter().find(|limit| limit.per != Period::Process)) {
        let (cause, remedy) = if privileged {
            (
                "counts in a ledger, and a program with rights that its caller does not have writes none",
                "use a number for the process, such as 50",
            )
        } else {
            ("counts in a ledger, and STM_PKCS11_LEDGER is not set", "set STM_PKCS11_LEDGER to the path of the ledger")
        };
        reader.problem(&row::BUDGET, format!("({limit}) {cause}"), remedy);
    }
    (LedgerSettings { path, budget, reuse: reuse.filter(|_| !privileged) }, reader.problems)
}

/// Whether a forked child continues the parent's run.
pub(super) fn lenient_fork(sources: &mut Sources) -> bool {
    let mut reader = Reader::new(sources);
    let lenient = reader.choice(&row::FORK, &[("strict", false), ("lenient", true)]);
    let problems: Vec<String> = reader.problems.iter().map(ToString::to_string).collect();
    sources.warnings.extend(problems);
    lenient
}

/// The time-stamping server.
pub(super) fn timestamp(sources: &mut Sources) -> Option<String> {
    let url = Reader::new(sources).text_or_default(&row::TIMESTAMP);
    Some(url).filter(|url| !url.eq_ignore_ascii_case("none"))
}

/// Whether the module shows no token where nothing is configured.
pub(super) fn hides_unconfigured(sources: &mut Sources) -> bool {
    Reader::new(sources).choice(&row::UNCONFIGURED, &[("error", false), ("no-token", true)])
}

#[derive(Clone, Copy, PartialEq)]
enum Output {
    Default,
    Stderr,
    Stdout,
    Discard,
    File,
}

/// The service's own tools call the terminal `console`. The host's standard output carries its own results, so here the
/// console is standard error.
const OUTPUTS: &[(&str, Output)] = &[
    ("", Output::Default),
    ("stderr", Output::Stderr),
    ("console", Output::Stderr),
    ("stdout", Output::Stdout),
    ("discard", Output::Discard),
    ("none", Output::Discard),
    ("null", Output::Discard),
    ("file", Output::File),
];

/// The log's settings. An invalid value causes a warning, and the log uses the default.
pub(super) fn log(sources: &mut Sources) -> LogSettings {
    use ::log::LevelFilter::*;
    let mut reader = Reader::new(sources);
    // FATAL has no level of its own here: an error is what ends a call.
    let levels = [
        ("FATAL", Error),
        ("ERROR", Error),
        ("WARN", Warn),
        ("WARNING", Warn),
        ("INFO", Info),
        ("DEBUG", Debug),
        ("TRACE", Trace),
    ];
    let level = reader.choice(&row::LOG_LEVEL, &levels);
    let folder = reader.text(&row::LOG_DIR).map(|folder| reader.expand(&folder));
    let named = reader.sources.get(&row::LOG_FILE_NAME).is_some();
    let name = reader.text_or_default(&row::LOG_FILE_NAME);
    let output = reader.choice(&row::LOG_OUTPUT, OUTPUTS);
    let to_file = output == Output::File || (output == Output::Default && (folder.is_some() || named));
    let home = reader.sources.home.as_ref().map(|home| home.join(".signingmanager").join("logs"));
    let folder = folder.or(home).filter(|_| !reader.sources.privileged);
    let output = match (output, &folder) {
        (Output::Stdout, _) => LogOutput::Stdout,
        (Output::Discard, _) => LogOutput::Discard,
        (_, Some(folder)) if to_file => LogOutput::File(folder.join(name)),
        _ => LogOutput::Stderr,
    };
    let mut notices = std::mem::take(&mut reader.sources.notices);
    if reader.sources.privileged {
        notices.push(format!(
            "this program runs with rights that its caller does not have (set-uid, set-gid, capabilities): environment, \
             home directory, cache and log file are not used; configure it in {MACHINE}/stm-pkcs11.toml, owned by root"
        ));
    }
    let mut warnings: Vec<String> = reader.problems.iter().map(ToString::to_string).collect();
    warnings.append(&mut reader.sources.warnings);
    LogSettings { level, output, folder, warnings, notices, notes: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_settings_are_read_in_any_case_and_a_folder_means_a_file() {
        let read = |pairs: &[(&str, &str)]| {
            let environment = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            log(&mut Sources::new(None, environment))
        };
        assert_eq!(read(&[("SM_LOG_LEVEL", "trace")]).level, ::log::LevelFilter::Trace);
        assert_eq!(read(&[]).output, LogOutput::Stderr);
        assert_eq!(read(&[("SM_LOG_DIR", "/x")]).output, LogOutput::File("/x/smpkcs11.log".into()));
        assert_eq!(
            read(&[("SM_LOG_OUTPUT", "file"), ("SM_LOG_DIR", "/x")]).output,
            LogOutput::File("/x/smpkcs11.log".into())
        );
        assert_eq!(
            read(&[("SM_LOG_FILE_NAME", "own.log"), ("HOME", "/h")]).output,
            LogOutput::File("/h/.signingmanager/logs/own.log".into())
        );
        assert_eq!(read(&[("SM_LOG_OUTPUT", "stderr"), ("SM_LOG_DIR", "/x")]).output, LogOutput::Stderr);
        assert_eq!(read(&[("SM_LOG_OUTPUT", "file")]).output, LogOutput::Stderr, "there is no place for one");
        assert_eq!(read(&[("HOME", "/h")]).output, LogOutput::Stderr);
        assert_eq!(read(&[("SM_LOG_OUTPUT", "stdout")]).output, LogOutput::Stdout);
        assert_eq!(read(&[("SM_LOG_OUTPUT", "stdout"), ("SM_LOG_DIR", "/x")]).output, LogOutput::Stdout);
        assert_eq!(read(&[("SM_LOG_OUTPUT", "NULL")]).output, LogOutput::Discard);
        assert_eq!(read(&[("SM_LOG_OUTPUT", "console")]).output, LogOutput::Stderr);
        assert_eq!(read(&[("SM_LOG_LEVEL", "loud")]).warnings.len(), 1);
    }
}
