//! Values into settings, each checked as it is read.

use super::*;
use crate::trusted_file::{self, MACHINE};
use sources::LONGEST_FILE;

/// Reads settings and collects what is wrong with them.
struct Reader<'a> {
    sources: &'a mut Sources,
    problems: Vec<Problem>,
    origins: Vec<(&'static str, Origin)>,
}

const DEFAULT_LIFETIME: Duration = Duration::from_secs(600);

impl Reader<'_> {
    fn find(&mut self, name: &'static str) -> Option<Found> {
        let found = self.sources.get(name)?;
        self.origins.push((name, found.origin.clone()));
        Some(found)
    }

    fn text(&mut self, name: &'static str) -> Option<String> {
        self.find(name).map(|found| found.value)
    }

    /// A secret; in the settings file it may be a reference: `env:NAME`, `file:PATH`, `command:PROGRAM ARGUMENTS`.
    fn secret(&mut self, name: &'static str) -> Option<Secret> {
        let found = self.find(name)?;
        if !matches!(found.origin, Origin::SettingsFile(_)) {
            return Some(Secret::new(found.value));
        }
        let (kind, rest) = found.value.split_once(':').unwrap_or_default();
        let (cause, remedy) = match kind {
            "env" => match self.sources.environment(rest) {
                Some(value) => return Some(Secret::new(value.trim())),
                None => (format!("the variable {rest}, which is not set"), "set it".to_owned()),
            },
            "file" => {
                let path = self.beside(&found, rest);
                let read = self.sources.read(&path);
                match read.as_ref().map(|content| std::str::from_utf8(&content.bytes)) {
                    Ok(Ok(text)) => return Some(Secret::new(text.trim())),
                    Ok(Err(_)) => {
                        (format!("the file {}, which is not UTF-8 text", path.display()), "save it as UTF-8".to_owned())
                    }
                    Err(refusal) => {
                        let cause = format!("the file {}, which {}", path.display(), refusal.clause());
                        (cause, refusal.remedy().to_owned())
                    }
                }
            }
            "command" if self.sources.privileged => {
                let cause = "a program, and this host runs with rights that its caller does not have";
                (cause.to_owned(), format!("keep the secret in a file in {MACHINE}, and write file:PATH"))
            }
            "command" => return Some(Secret::printed_by(rest.trim())),
            _ => return Some(Secret::new(found.value)),
        };
        let cause = format!("(from {}) names {cause}", found.origin);
        self.problems.push(Problem { setting: name, cause, remedy });
        None
    }

    /// A path as its origin means it: in the settings file it is relative to that.
    fn beside(&self, found: &Found, path: &str) -> PathBuf {
        let path = self.expand(path);
        match &found.origin {
            Origin::SettingsFile(file) => file.parent().map_or(path.clone(), |folder| folder.join(&path)),
            _ => path,
        }
    }

    fn wrong(&mut self, setting: &'static str, found: &Found, remedy: &str) {
        let secret = VARIABLES.iter().any(|variable| variable.name == setting && variable.secret);
        // Credentials get into the wrong variable, too: what is long or looks like them is not repeated.
        let hidden =
            secret || found.value.len() > 200 || found.value.contains("-----BEGIN") || found.value.contains('@');
        let value = if hidden { String::new() } else { format!(" '{}'", found.value) };
        let cause = format!("(from {}) is wrong{value}", found.origin);
        self.problems.push(Problem { setting, cause, remedy: remedy.to_owned() });
    }

    /// One of some words, in any case; `default` where none is given or it is wrong.
    fn choice<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)], default: T) -> T {
        let Some(found) = self.find(name) else { return default };
        if let Some((_, meaning)) = words.iter().find(|(word, _)| found.value.eq_ignore_ascii_case(word)) {
            return *meaning;
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.wrong(name, &found, &format!("it is one of {}", known.join(", ")));
        default
    }

    fn switch(&mut self, name: &'static str, default: bool) -> bool {
        let words = [
            ("on", true),
            ("off", false),
            ("true", true),
            ("false", false),
            ("1", true),
            ("0", false),
            ("yes", true),
            ("no", false),
        ];
        self.choice(name, &words, default)
    }

    /// A positive number of some unit, at most a day's worth.
    fn duration(&mut self, name: &'static str, unit: Duration, default: Duration) -> Duration {
        let Some(found) = self.find(name) else { return default };
        let longest = Duration::from_secs(86_400);
        let number = found.value.parse::<u32>().ok().filter(|number| *number > 0);
        match number.and_then(|number| unit.checked_mul(number)).filter(|duration| *duration <= longest) {
            Some(duration) => duration,
            None => {
                let unit = if unit.as_millis() == 1 { "milliseconds" } else { "seconds" };
                self.wrong(name, &found, &format!("it is a whole number of {unit}, at most a day"));
                default
            }
        }
    }

    /// A file that is there and may be trusted, and whether others can read it.
    fn file(&mut self, name: &'static str) -> Option<(PathBuf, bool)> {
        let found = self.find(name)?;
        let path = self.beside(&found, &found.value);
        match trusted_file::check(&path, LONGEST_FILE) {
            Ok(open_to_others) => Some((path, open_to_others)),
            Err(refusal) => {
                let remedy = format!("the file {}; {}", refusal.clause(), refusal.remedy());
                self.wrong(name, &found, &remedy);
                None
            }
        }
    }

    /// `~/` is the home directory: shells expand it, quotes and configuration files do not.
    fn expand(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), &self.sources.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(path),
        }
    }

    fn host(&mut self) -> Option<String> {
        let Some(found) = self.find("SM_HOST") else {
            let cause = format!("is not set (looked in {})", self.sources.places());
            let remedy = "set it to the service's URL, such as https://clientauth.one.digicert.com".to_owned();
            self.problems.push(Problem { setting: "SM_HOST", cause, remedy });
            return None;
        };
        let value = found.value.trim_end_matches('/');
        if !plain_authority(value) {
            self.wrong("SM_HOST", &found, "it is a URL with a host in ASCII (write an international one as xn--...)");
            return None;
        }
        // A bare host name can only mean one thing.
        let url = if value.contains("://") { value.to_owned() } else { format!("https://{value}") };
        let parsed = reqwest::Url::parse(&url).ok().filter(|url| url.host_str().is_some());
        match parsed {
            Some(parsed)
                if url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
                    && parsed.username().is_empty()
                    && parsed.query().is_none() =>
            {
                Some(format!("https://{}", url[8..].trim_end_matches('/')))
            }
            Some(parsed) if parsed.scheme() != "https" => {
                self.wrong("SM_HOST", &found, "the service is reached over https:// only");
                None
            }
            _ => {
                self.wrong("SM_HOST", &found, "it is a URL such as https://clientauth.one.digicert.com");
                None
            }
        }
    }

    fn proxy(&mut self) -> Option<Secret> {
        let (name, found) = ["HTTPS_PROXY", "https_proxy"].iter().find_map(|name| Some((*name, self.find(name)?)))?;
        let reference = ["env:", "file:", "command:"].iter().any(|kind| found.value.starts_with(kind));
        if matches!(found.origin, Origin::SettingsFile(_)) && reference {
            return self.secret(name);
        }
        if !plain_authority(&found.value) {
            self.wrong(name, &found, "write it as http://user:password@host:port");
            return None;
        }
        Some(Secret::new(found.value))
    }

    fn client_cert(&mut self) -> Option<ClientCert> {
        if let Some(secret) = self.secret("SM_CLIENT_CERT_FILE_B64") {
            return Some(ClientCert::Inline(secret));
        }
        let found = self.sources.get("SM_CLIENT_CERT_FILE")?;
        // CI scripts put the content where the path belongs: PEM text, or base64 of a DER sequence, which begins with MI.
        let base64 = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=\r\n ".contains(&b));
        let content = found.value.contains("-----BEGIN ")
            || (found.value.len() > 200 && found.value.starts_with("MI") && base64(&found.value));
        if content {
            self.origins.push(("SM_CLIENT_CERT_FILE", found.origin));
            return Some(ClientCert::Inline(Secret::new(found.value)));
        }
        let (path, open_to_others) = self.file("SM_CLIENT_CERT_FILE")?;
        if open_to_others {
            self.sources.warn_open(&path);
        }
        Some(ClientCert::File(path))
    }

    fn cache(&mut self) -> (CacheMode, Option<PathBuf>) {
        let asked = self.asked_cache();
        // Nothing is written where the rights to do so are not the caller's.
        if self.sources.privileged { (CacheMode::Off, None) } else { asked }
    }

    fn asked_cache(&mut self) -> (CacheMode, Option<PathBuf>) {
        let offline = self.switch("SM_PKCS11_OFFLINE_MODE", false);
        let (memory, path) = match self.find("SM_PKCS11_DB_DSN").map(|found| (dsn::parse(&found.value), found)) {
            None => (false, None),
            Some((dsn::Dsn::Memory, _)) => (true, None),
            Some((dsn::Dsn::File(path), found)) => (false, Some(self.beside(&found, &path))),
        };
        let default = match (offline, memory) {
            (_, true) => CacheMode::Off,
            (true, false) => CacheMode::Offline,
            (false, false) => CacheMode::For(DEFAULT_LIFETIME),
        };
        let Some(found) = self.find("STM_PKCS11_CACHE") else { return (default, path) };
        let mode = match found.value.to_ascii_lowercase().as_str() {
            "off" | "0" => CacheMode::Off,
            "on" => CacheMode::For(DEFAULT_LIFETIME),
            "offline" => CacheMode::Offline,
            seconds => match seconds.parse::<u32>() {
                Ok(seconds) => CacheMode::For(Duration::from_secs(seconds.into())),
                Err(_) => {
                    self.wrong("STM_PKCS11_CACHE", &found, "it is off, a number of seconds, or offline");
                    default
                }
            },
        };
        (mode, path)
    }

    /// The XDG base directory; `%LOCALAPPDATA%` on Windows.
    fn cache_dir(&self) -> Option<PathBuf> {
        let named = ["XDG_CACHE_HOME", "LOCALAPPDATA"].iter().find_map(|name| self.sources.get(name));
        let named = named.map(|found| PathBuf::from(found.value)).filter(|path| path.is_absolute());
        named.or_else(|| self.sources.home.as_ref().map(|home| home.join(".cache")))
    }

    fn missing_credentials(&mut self, token: &TokenSettings) {
        let key = token.api_key.is_some() || token.login == Login::ApiKey;
        let certificate = token.client_cert.is_some();
        let said = |name: &str| self.problems.iter().any(|problem| problem.setting == name);
        if !key && !certificate && !said("SM_CLIENT_CERT_FILE") {
            let cause = format!("and SM_CLIENT_CERT_FILE are not set (looked in {})", self.sources.places());
            let remedy = "set both to the credentials that the service's web page gave you".to_owned();
            self.problems.push(Problem { setting: "SM_API_KEY", cause, remedy });
        } else if !key {
            self.sources.warnings.push("SM_API_KEY is not set: the service may refuse what needs it".into());
        } else if !certificate && !said("SM_CLIENT_CERT_FILE") {
            let warning = "SM_CLIENT_CERT_FILE is not set: the service signs only for clients with a certificate";
            self.sources.warnings.push(warning.into());
        }
    }
}

/// The account's settings.
pub(super) fn token(sources: &mut Sources) -> TokenSettings {
    let mut reader = Reader { sources, problems: Vec::new(), origins: Vec::new() };
    let (cache, cache_file) = reader.cache();
    let word = |reader: &mut Reader<'_>, name, words: [&'static str; 2]| {
        reader.choice(name, &[(words[0], words[0]), (words[1], words[1])], words[0]).to_owned()
    };
    let generate = GenerateDefaults {
        storage: word(&mut reader, "STM_PKCS11_KEY_STORAGE", ["HSM", "DISK"]),
        key_type: word(&mut reader, "STM_PKCS11_KEY_TYPE", ["PRODUCTION", "TEST"]),
        status: word(&mut reader, "STM_PKCS11_KEY_STATUS", ["ONLINE", "OFFLINE"]),
    };
    let logins = [
        ("none", Login::None),
        ("password", Login::ClientCertPassword),
        ("api-key", Login::ApiKey),
        ("api_key", Login::ApiKey),
    ];
    let mut token = TokenSettings {
        name: reader.text("STM_PKCS11_TOKEN").unwrap_or_else(|| "STM".into()),
        modern_slot: reader.switch("STM_PKCS11_MODERN_SLOT", true),
        chain: reader.switch("STM_PKCS11_CHAIN", true),
        confirm_record: reader.choice("STM_PKCS11_CONFIRM", &[("off", false), ("record", true)], false),
        login: reader.choice("STM_PKCS11_LOGIN", &logins, Login::None),
        keypairs: reader.text("STM_PKCS11_KEYPAIRS").map(|list| crate::pattern::split(&list)).unwrap_or_default(),
        generate,
        refresh: DEFAULT_LIFETIME,
        host: reader.host(),
        api_key: reader.secret("SM_API_KEY"),
        client_cert: reader.client_cert(),
        client_cert_password: reader.secret("SM_CLIENT_CERT_PASSWORD"),
        ca_file: reader.file("SM_CA_FILE").map(|(path, _)| path),
        skip_verify: reader.switch("SM_TLS_SKIP_VERIFY", false),
        connect_timeout: reader.duration("SM_CONN_TIMEOUT", Duration::from_millis(1), Duration::from_secs(30)),
        timeout: reader.duration("STM_PKCS11_TIMEOUT", Duration::from_secs(1), Duration::from_secs(60)),
        proxy: reader.proxy(),
        no_proxy: reader.text("NO_PROXY").or_else(|| reader.text("no_proxy")),
        cache,
        cache_file,
        cache_dir: reader.cache_dir(),
        home: reader.sources.home.clone(),
        privileged: reader.sources.privileged,
        problems: Vec::new(),
        origins: Vec::new(),
    };
    reader.missing_credentials(&token);
    token.problems = reader.problems;
    token.origins = reader.origins;
    token
}

/// Whether a forked child goes on with the parent's run.
pub(super) fn lenient_fork(sources: &mut Sources) -> bool {
    let mut reader = Reader { sources, problems: Vec::new(), origins: Vec::new() };
    let lenient = reader.choice("STM_PKCS11_FORK", &[("strict", false), ("lenient", true)], false);
    let problems: Vec<String> = reader.problems.iter().map(ToString::to_string).collect();
    sources.warnings.extend(problems);
    lenient
}

/// Whether a URL has a host, right behind the slashes, that is written in ASCII and without escapes. (Credentials before it
/// may have escapes.) The URL standard would pass over any number of further slashes.
fn plain_authority(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    !host.is_empty() && !host.ends_with(':') && url.bytes().all(|byte| byte.is_ascii_graphic()) && !host.contains('%')
}

/// The log's settings. A wrong value is warned about; the log works with the default.
pub(super) fn log(sources: &mut Sources) -> LogSettings {
    use ::log::LevelFilter::*;
    let mut reader = Reader { sources, problems: Vec::new(), origins: Vec::new() };
    // FATAL has no level of its own here: what ends a call is an error.
    let levels = [
        ("FATAL", Error),
        ("ERROR", Error),
        ("WARN", Warn),
        ("WARNING", Warn),
        ("INFO", Info),
        ("DEBUG", Debug),
        ("TRACE", Trace),
    ];
    let level = reader.choice("SM_LOG_LEVEL", &levels, Error);
    let folder = reader.text("SM_LOG_DIR").map(|folder| reader.expand(&folder));
    let name = reader.text("SM_LOG_FILE_NAME");
    #[derive(Clone, Copy, PartialEq)]
    enum Output {
        Default,
        Stderr,
        Stdout,
        Discard,
        File,
    }
    let outputs = [
        ("stderr", Output::Stderr),
        ("stdout", Output::Stdout),
        ("console", Output::Stdout),
        ("discard", Output::Discard),
        ("none", Output::Discard),
        ("null", Output::Discard),
        ("file", Output::File),
    ];
    let output = reader.choice("SM_LOG_OUTPUT", &outputs, Output::Default);
    let wants_file = output == Output::File || (output == Output::Default && (folder.is_some() || name.is_some()));
    let home = reader.sources.home.as_ref().map(|home| home.join(".signingmanager").join("logs"));
    let output = match (output, folder.or(home)) {
        (Output::Stdout, _) => LogOutput::Stdout,
        (Output::Discard, _) => LogOutput::Discard,
        (_, Some(folder)) if wants_file => LogOutput::File(folder.join(name.unwrap_or_else(|| "smpkcs11.log".into()))),
        _ => LogOutput::Stderr,
    };
    let output = match output {
        LogOutput::File(_) if reader.sources.privileged => LogOutput::Stderr,
        output => output,
    };
    let mut warnings: Vec<String> = reader.problems.iter().map(ToString::to_string).collect();
    warnings.append(&mut reader.sources.warnings);
    let mut notices = std::mem::take(&mut reader.sources.notices);
    if reader.sources.privileged {
        notices.push(format!(
            "this program runs with rights that its caller does not have (set-uid, set-gid, capabilities): environment, \
             home directory, cache and log file are not used; configure it in {MACHINE}/stm-pkcs11.toml, owned by root"
        ));
    }
    LogSettings { level, output, warnings, notices }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> TokenSettings {
        token(&mut Sources::new(None, pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()))
    }

    fn problems(pairs: &[(&str, &str)]) -> String {
        settings(pairs).problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_host_loses_slashes_and_gains_https() {
        for host in
            ["https://h.example", "HTTPS://h.example/", "https://h.example/", " 'https://h.example//' ", "h.example"]
        {
            assert_eq!(settings(&[("SM_HOST", host)]).host.as_deref(), Some("https://h.example"), "{host}");
        }
    }

    #[test]
    fn mistakes_name_the_setting_the_value_its_origin_and_the_remedy() {
        let text = problems(&[("SM_HOST", "http://h.example"), ("SM_API_KEY", "k")]);
        assert_eq!(
            text,
            "SM_HOST (from the environment) is wrong 'http://h.example': the service is reached over https:// only"
        );
        let text = problems(&[("SM_API_KEY", "k")]);
        assert!(
            text.starts_with("SM_HOST is not set (looked in the environment): set it to the service's URL"),
            "{text}"
        );
        let text = problems(&[("SM_HOST", "h"), ("SM_API_KEY", "k"), ("SM_CLIENT_CERT_FILE", "/no/such.p12")]);
        assert!(
            text.contains("SM_CLIENT_CERT_FILE (from the environment) is wrong '/no/such.p12': the file"),
            "{text}"
        );
        let text = problems(&[("SM_HOST", "h"), ("SM_API_KEY", "k"), ("SM_CONN_TIMEOUT", "soon")]);
        assert!(text.contains("SM_CONN_TIMEOUT") && text.contains("milliseconds"), "{text}");
        let text = problems(&[("SM_HOST", "h"), ("SM_API_KEY", "k"), ("STM_PKCS11_CHAIN", "maybe")]);
        assert!(text.contains("'maybe'") && text.contains("on, off"), "{text}");
        let text = problems(&[("SM_HOST", "https://me:secret@h"), ("SM_API_KEY", "k")]);
        assert!(text.contains("SM_HOST") && !text.contains("secret"), "{text}");
        for host in ["https:///h.example", "//h.example", "https://", "https://%68.example"] {
            let text = problems(&[("SM_HOST", host), ("SM_API_KEY", "k")]);
            assert!(text.contains("SM_HOST (from the environment)"), "{host}: {text}");
        }
        assert!(problems(&[("SM_HOST", "h")]).contains("SM_API_KEY and SM_CLIENT_CERT_FILE are not set"));
    }

    #[test]
    fn the_cache_follows_our_setting_and_the_older_ones() {
        let mode = |pairs: &[(&str, &str)]| settings(pairs).cache;
        assert_eq!(mode(&[]), CacheMode::For(DEFAULT_LIFETIME));
        assert_eq!(mode(&[("STM_PKCS11_CACHE", "off")]), CacheMode::Off);
        assert_eq!(mode(&[("STM_PKCS11_CACHE", "30")]), CacheMode::For(Duration::from_secs(30)));
        assert_eq!(mode(&[("SM_PKCS11_OFFLINE_MODE", "TRUE")]), CacheMode::Offline);
        assert_eq!(mode(&[("SM_PKCS11_DB_DSN", ":memory:")]), CacheMode::Off);
    }

    #[test]
    fn log_settings_are_read_in_any_case_and_a_folder_means_a_file() {
        let read = |pairs: &[(&str, &str)]| {
            log(&mut Sources::new(None, pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()))
        };
        assert_eq!(read(&[("SM_LOG_LEVEL", "trace")]).level, ::log::LevelFilter::Trace);
        assert_eq!(read(&[]).output, LogOutput::Stderr);
        assert_eq!(read(&[("SM_LOG_DIR", "/x")]).output, LogOutput::File("/x/smpkcs11.log".into()));
        assert_eq!(read(&[("SM_LOG_OUTPUT", "NULL")]).output, LogOutput::Discard);
        assert_eq!(read(&[("SM_LOG_LEVEL", "loud")]).warnings.len(), 1);
    }
}
