//! Reads the settings of one account into the structure that the other modules use. [`super::read_process`] reads those
//! of the process, and [`super::reader`] parses the kinds of values.

use super::reader::Reader;
use super::setting as row;
use super::*;

/// The settings of one account; its `problems` lists what is wrong with them.
pub(super) fn token(sources: &mut Sources) -> TokenSettings {
    let mut reader = Reader::new(sources);
    let (cache, cache_file) = read_cache::mode(&mut reader);
    let word = |reader: &mut Reader<'_>, setting, words: [&'static str; 2]| {
        reader.choice(setting, &[(words[0], words[0]), (words[1], words[1])]).to_owned()
    };
    let generate = GenerateDefaults {
        storage: word(&mut reader, &row::KEY_STORAGE, ["HSM", "DISK"]),
        key_type: word(&mut reader, &row::KEY_TYPE, ["PRODUCTION", "TEST"]),
        status: word(&mut reader, &row::KEY_STATUS, ["ONLINE", "OFFLINE"]),
        alias_prefix: reader.text_or_default(&row::KEY_PREFIX),
        ignore_id: reader.choice(&row::KEY_ID, &[("refuse", false), ("ignore", true)]),
    };
    let logins = [
        ("none", Login::None),
        ("password", Login::ClientCertPassword),
        ("api-key", Login::ApiKey),
        ("api_key", Login::ApiKey),
    ];
    let login = reader.choice(&row::LOGIN, &logins);
    let mut token = TokenSettings {
        name: reader.text_or_default(&row::TOKEN),
        modern_slot: reader.switch(&row::MODERN_SLOT),
        chain: reader.switch(&row::CHAIN),
        confirm_record: reader.choice(&row::CONFIRM, &[("off", false), ("record", true)]),
        login,
        keypairs: reader.text(&row::KEYPAIRS).map(|list| crate::pattern::split(&list)).unwrap_or_default(),
        certificates: reader.text(&row::CERTIFICATE).map(|list| crate::pattern::split(&list)).unwrap_or_default(),
        generate,
        refresh: read_cache::default_lifetime(),
        host: host(&mut reader),
        api_key: api_key(&mut reader, login),
        client_cert: client_cert(&mut reader),
        client_key_file: optional_file(&mut reader, &row::CLIENT_KEY_FILE, true),
        client_cert_password: password(&mut reader),
        ca_file: optional_file(&mut reader, &row::CA_FILE, false),
        skip_verify: reader.switch(&row::SKIP_VERIFY),
        connect_timeout: reader.duration(&row::CONN_TIMEOUT, Duration::from_millis(1)),
        timeout: reader.duration(&row::TIMEOUT, Duration::from_secs(1)),
        proxy: proxy(&mut reader),
        no_proxy: reader.text(&row::NO_PROXY),
        cache,
        cache_file,
        cache_dir: read_cache::folder(&reader),
        early_connect: reader.switch(&row::EARLY_CONNECT),
        shared_pace: reader.switch(&row::PACE),
        home: reader.sources.home.clone(),
        privileged: reader.sources.privileged,
        problems: Vec::new(),
        origins: Vec::new(),
    };
    check_credentials(&mut reader, &token);
    token.problems = reader.problems;
    token.origins = reader.origins;
    token
}

/// How the cause of a missing setting begins.
const NOT_SET: &str = "is not set";

fn host(reader: &mut Reader<'_>) -> Option<String> {
    let Some(found) = reader.credential(&row::HOST) else {
        if !reader.problems.iter().any(|problem| problem.setting == row::HOST.name) {
            let cause = format!("{NOT_SET} (looked in {})", reader.sources.places());
            reader.problem(
                &row::HOST,
                cause,
                "set it to the service's URL, such as https://clientauth.one.digicert.com",
            );
        }
        return None;
    };
    let origin = &found.origin;
    if let Some(mistake) = reader.other_secret(&found.value) {
        let cause = format!("contains the value of {} (from {origin}; not shown)", mistake.belongs_to.name);
        reader.problem(&row::HOST, cause, "set it to the service's URL, such as https://clientauth.one.digicert.com");
        return None;
    }
    match super::host::parse(&found.value) {
        Ok(host) => Some(host),
        Err(remedy) if super::host::is_plain(&found.value) => {
            reader.invalid(&row::HOST, &found, &remedy);
            None
        }
        Err(remedy) => {
            reader.problem(&row::HOST, format!("is invalid (value not shown, from {origin})"), remedy);
            None
        }
    }
}

fn api_key(reader: &mut Reader<'_>, login: Login) -> Option<Secret> {
    // A PIN replaces it.
    let found = if login == Login::ApiKey { reader.find(&row::API_KEY) } else { reader.credential(&row::API_KEY) }?;
    if found.value.contains("://") {
        let cause = format!("is a URL (from {})", found.origin);
        reader.problem(&row::API_KEY, cause, "set it to the API key, and SM_HOST to the URL");
        return None;
    }
    reader.secret(&row::API_KEY, found)
}

fn password(reader: &mut Reader<'_>) -> Option<Secret> {
    let found = reader.find(&row::CLIENT_CERT_PASSWORD)?;
    reader.secret(&row::CLIENT_CERT_PASSWORD, found)
}

fn client_cert(reader: &mut Reader<'_>) -> Option<ClientCert> {
    if reader.sources.get(&row::CLIENT_CERT_B64).is_some() {
        let found = reader.credential(&row::CLIENT_CERT_B64)?;
        return reader.secret(&row::CLIENT_CERT_B64, found).map(ClientCert::Inline);
    }
    let Some(found) = reader.sources.get(&row::CLIENT_CERT_FILE) else {
        // An empty variable is reported once, whichever of the two it is.
        let empty = [&row::CLIENT_CERT_FILE, &row::CLIENT_CERT_B64]
            .into_iter()
            .find(|row| reader.sources.emptied(row).is_some());
        return empty.and_then(|row| reader.credential(row)).and(None);
    };
    // CI scripts sometimes put the content in place of the path: PEM text, or base64 of a DER sequence, which begins
    // with MI.
    let base64 = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=\r\n ".contains(&b));
    let content = found.value.contains("-----BEGIN ")
        || (found.value.len() > 200 && found.value.starts_with("MI") && base64(&found.value));
    let found = reader.credential(&row::CLIENT_CERT_FILE)?;
    if content {
        return Some(ClientCert::Inline(Secret::new(found.value)));
    }
    reader.private_file(&row::CLIENT_CERT_FILE, &found).map(ClientCert::File)
}

/// A file whose setting is optional.
fn optional_file(reader: &mut Reader<'_>, setting: &'static Setting, private: bool) -> Option<PathBuf> {
    let found = reader.find(setting)?;
    if private { reader.private_file(setting, &found) } else { reader.file(setting, &found).map(|(path, _)| path) }
}

fn proxy(reader: &mut Reader<'_>) -> Option<Secret> {
    let found = reader.find(&row::PROXY)?;
    let reference = ["env:", "file:", "command:"].iter().any(|kind| found.value.starts_with(kind));
    if matches!(found.origin, Origin::SettingsFile(_)) && reference {
        return reader.secret(&row::PROXY, found);
    }
    if !super::host::has_plain_authority(&found.value) {
        reader.invalid(&row::PROXY, &found, "use http://user:password@host:port");
        return None;
    }
    Some(Secret::new(found.value))
}

/// The service authenticates users by client certificate, API key, or both, depending on the account. At least one is
/// required; if the other is missing, a warning says so.
fn check_credentials(reader: &mut Reader<'_>, token: &TokenSettings) {
    let key = token.api_key.is_some() || token.login == Login::ApiKey;
    let certificate = token.client_cert.is_some();
    let said = |name: &str| reader.problems.iter().any(|problem| problem.setting == name);
    let (no_key, no_certificate) =
        (!said(row::API_KEY.name), !said(row::CLIENT_CERT_FILE.name) && !said(row::CLIENT_CERT_B64.name));
    if token.client_key_file.is_some() && !certificate && no_certificate {
        let remedy = "set SM_CLIENT_CERT_FILE to the certificate of this key";
        reader.problem(&row::CLIENT_KEY_FILE, "is set, and SM_CLIENT_CERT_FILE is not", remedy);
    } else if !key && !certificate && no_certificate && no_key {
        let places = reader.sources.places();
        let host_too = reader
            .problems
            .iter()
            .position(|problem| problem.setting == row::HOST.name && problem.cause.starts_with(NOT_SET));
        if let Some(host) = host_too {
            reader.problems.remove(host);
            let cause =
                format!("and the credentials (SM_API_KEY, SM_CLIENT_CERT_FILE) are not set (looked in {places})");
            let remedy = "set them to the service's URL, such as https://clientauth.one.digicert.com, and to the credentials \
                          that the service's web page gave you";
            reader.problem(&row::HOST, cause, remedy);
        } else {
            let cause = format!("and SM_CLIENT_CERT_FILE are not set (looked in {places})");
            reader.problem(&row::API_KEY, cause, "set both to the credentials that the service's web page gave you");
        }
    } else if !key && no_key {
        reader.sources.warnings.push("SM_API_KEY is not set: signing in with the client certificate alone".into());
    } else if !certificate && no_certificate {
        reader.sources.warnings.push("SM_CLIENT_CERT_FILE is not set: signing in with the API key alone".into());
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::read_process::{hides_unconfigured, ledger, lenient_fork, log, timestamp};
    use super::*;
    use crate::trusted_file::MACHINE;
    use std::collections::{HashMap, HashSet};

    fn sources(pairs: &[(&str, &str)]) -> Sources {
        Sources::new(None, pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    pub fn settings(pairs: &[(&str, &str)]) -> TokenSettings {
        token(&mut sources(pairs))
    }

    fn problems(pairs: &[(&str, &str)]) -> String {
        settings(pairs).problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    /// Problems of these settings, beside a valid host and API key.
    fn problems_beside(pairs: &[(&str, &str)]) -> String {
        problems(&[&[("SM_HOST", "https://h.example"), ("SM_API_KEY", "a-key-of-the-service")], pairs].concat())
    }

    #[test]
    fn every_row_is_read_and_every_default_is_a_value_of_its_setting() {
        let mut sources = Sources::new(None, HashMap::new());
        let _ = settings_file::find(&mut sources);
        // This parses the defaults; a debug assertion fails if one is not a valid value of its setting.
        token(&mut sources);
        let _ = ledger(&mut sources);
        lenient_fork(&mut sources);
        hides_unconfigured(&mut sources);
        timestamp(&mut sources);
        log(&mut sources);
        let asked: HashSet<&str> = sources.asked.borrow().iter().copied().collect();
        let rows: HashSet<&str> = SETTINGS.iter().map(|row| row.name).collect();
        assert_eq!(asked, rows);
    }

    #[test]
    fn mistakes_name_the_setting_the_value_its_origin_and_the_remedy() {
        assert_eq!(
            problems(&[("SM_HOST", "http://h.example"), ("SM_API_KEY", "k")]),
            "SM_HOST is invalid ('http://h.example', from the environment); use https://h.example; the module sends credentials \
             over TLS only"
        );
        let text = problems(&[("SM_API_KEY", "k")]);
        assert!(
            text.starts_with("SM_HOST is not set (looked in the environment); set it to the service's URL"),
            "{text}"
        );
        // A setting that is read earlier has a problem, too.
        let text = problems(&[("STM_PKCS11_KEY_TYPE", "neither"), ("SM_API_KEY", "k")]);
        assert!(text.contains("\nSM_HOST is not set (looked in the environment)"), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
        let text = problems(&[("SM_HOST", ""), ("SM_API_KEY", "k")]);
        assert!(text.starts_with("SM_HOST is empty (from the environment)"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        for (name, value, words) in [
            (
                "SM_CLIENT_CERT_FILE",
                "/no/such.p12",
                "(from the environment) names /no/such.p12, which cannot be read (",
            ),
            (
                "SM_CONN_TIMEOUT",
                "soon",
                "is invalid ('soon', from the environment); use a whole number of milliseconds",
            ),
            ("STM_PKCS11_CHAIN", "maybe", "is invalid ('maybe', from the environment); use one of on, off"),
            ("SM_CLIENT_KEY_FILE", "/etc/hostname", "is set, and SM_CLIENT_CERT_FILE is not; set SM_CLIENT_CERT_FILE"),
        ] {
            let text = problems_beside(&[(name, value)]);
            assert!(text.starts_with(name) && text.contains(words), "{text}");
        }
        let nothing = problems(&[]);
        assert!(
            nothing.starts_with("SM_HOST and the credentials (SM_API_KEY, SM_CLIENT_CERT_FILE) are not set"),
            "{nothing}"
        );
        assert_eq!(nothing.lines().count(), 1, "{nothing}");
        assert!(problems(&[("SM_HOST", "h.example")]).contains("SM_API_KEY and SM_CLIENT_CERT_FILE are not set"));
    }

    #[test]
    fn a_host_with_more_than_a_host_is_refused_and_what_may_be_secret_not_shown() {
        for (host, words) in [
            ("https://me:s3cret@h.example", "remove user name and password"),
            ("https://:s3cret@h.example", "remove user name and password"),
            ("https://h.example/#s3cret", "remove what follows the host"),
            ("s3cret0123456789s3cret0123456789", "use a URL such as"),
            ("https://h.example/other/path", "remove the path: SM_HOST is the host alone"),
        ] {
            let text = problems(&[("SM_HOST", host), ("SM_API_KEY", "k")]);
            assert!(text.starts_with("SM_HOST is invalid (") && text.contains(words), "{text}");
            assert!(!text.contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn credentials_in_the_wrong_setting_are_recognised_and_not_shown() {
        let key = "0123456789abcdef_fedcba9876543210";
        let swapped = [
            (vec![("SM_HOST", key), ("SM_API_KEY", key)], "SM_HOST contains the value of SM_API_KEY"),
            (vec![("SM_HOST", key), ("SM_API_KEY", "https://h.example")], "SM_API_KEY is a URL"),
            (
                vec![
                    ("SM_HOST", "h.example"),
                    ("SM_CLIENT_CERT_FILE", "pa55word-of-it"),
                    ("SM_CLIENT_CERT_PASSWORD", "pa55word-of-it"),
                ],
                "SM_CLIENT_CERT_FILE contains the value of SM_CLIENT_CERT_PASSWORD",
            ),
            (
                vec![
                    ("SM_HOST", "h.example"),
                    ("SM_CLIENT_CERT_FILE", "pa55word-of-it"),
                    ("SM_CLIENT_CERT_PASSWORD", "client.p12"),
                ],
                "names a name that is not shown, which cannot be read",
            ),
        ];
        for (pairs, words) in swapped {
            let text = problems(&pairs);
            assert!(text.contains(words), "{text}");
            assert!(!text.contains(key) && !text.contains("pa55word"), "{text}");
        }
        let text = problems_beside(&[("STM_PKCS11_CHAIN", key)]);
        assert!(text.contains("STM_PKCS11_CHAIN is invalid (value not shown") && !text.contains(key), "{text}");
    }

    #[test]
    fn what_a_pipeline_left_empty_or_unfilled_is_refused_before_any_request() {
        let host = ("SM_HOST", "https://h.example");
        for value in ["***", "${{ secrets.SM_API_KEY }}", "$(SM_API_KEY)", "%SM_API_KEY%"] {
            let text = problems(&[host, ("SM_API_KEY", value)]);
            assert!(text.starts_with("SM_API_KEY is still a placeholder (from the environment); check"), "{text}");
        }
        for name in ["SM_API_KEY", "SM_CLIENT_CERT_FILE", "SM_CLIENT_CERT_FILE_B64"] {
            for value in ["", "  ", "\"\""] {
                let others =
                    if name == "SM_API_KEY" { ("SM_CLIENT_CERT_FILE_B64", "MIIB") } else { ("SM_API_KEY", "k") };
                let text = problems(&[host, others, (name, value)]);
                assert!(text.starts_with(&format!("{name} is empty (from the environment); set it")), "{text}");
                assert_eq!(text.lines().count(), 1, "{text}");
            }
        }
        // A byte order mark from an editor is not part of the value.
        let marked = settings(&[("SM_HOST", "\u{feff}h.example"), ("SM_API_KEY", "\u{feff}key")]);
        assert_eq!((marked.host.as_deref(), marked.api_key.unwrap().reveal()), (Some("https://h.example"), "key"));
    }

    #[test]
    fn a_certificate_without_a_key_and_a_key_without_a_certificate_are_enough() {
        let host = ("SM_HOST", "https://h.example");
        for (name, value, warning) in [
            ("SM_API_KEY", "k", "SM_CLIENT_CERT_FILE is not set: signing in with the API key alone"),
            ("SM_CLIENT_CERT_FILE_B64", "MIIB", "SM_API_KEY is not set: signing in with the client certificate alone"),
        ] {
            let mut sources = sources(&[host, (name, value)]);
            assert!(token(&mut sources).problems.is_empty());
            assert_eq!(sources.warnings, [warning]);
        }
    }

    #[test]
    fn the_content_of_a_certificate_file_may_stand_in_place_of_its_path() {
        let long = |character: &str| format!("MI{}", character.repeat(200));
        for (value, content) in [
            ("-----BEGIN CERTIFICATE-----\n", true),
            (&long("A")[..], true),
            (&long("-")[..], false),
            (&long("A")[..200], false),
            ("MIclient", false),
            (&format!("/no/{}", long("A"))[..], false),
        ] {
            let read = settings(&[("SM_HOST", "h.example"), ("SM_CLIENT_CERT_FILE", value)]);
            assert_eq!(
                matches!(read.client_cert, Some(ClientCert::Inline(_))),
                content,
                "{value}: {:?}",
                read.problems
            );
        }
    }

    #[test]
    fn a_proxy_is_a_url_and_in_a_file_it_may_be_a_reference() {
        let read = |pairs: &[(&str, &str)], file: &[(&str, &str)]| {
            let owned =
                |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let mut sources = Sources::new(None, owned(pairs));
            sources.add_settings(std::path::Path::new("/x/settings.toml"), owned(file));
            let token = token(&mut sources);
            let problems: Vec<String> = token.problems.iter().map(ToString::to_string).collect();
            (token.proxy.map(|proxy| proxy.reveal().to_owned()), problems.join("\n"))
        };
        let others = [("SM_HOST", "h.example"), ("SM_API_KEY", "k")];
        let with = |name, value| [&others[..], &[(name, value)]].concat();
        let url = "http://me:pa55@proxy:3128";
        assert_eq!(read(&with("HTTPS_PROXY", url), &[]), (Some(url.to_owned()), String::new()));
        assert_eq!(read(&with("ONES", url), &[("HTTPS_PROXY", "env:ONES")]), (Some(url.to_owned()), String::new()));
        assert_eq!(read(&others, &[("HTTPS_PROXY", url)]), (Some(url.to_owned()), String::new()));
        for (environment, file) in
            [(with("HTTPS_PROXY", "file:"), vec![]), (others.to_vec(), vec![("HTTPS_PROXY", "http://")])]
        {
            let (proxy, problems) = read(&environment, &file);
            assert_eq!(proxy, None);
            assert!(problems.starts_with("HTTPS_PROXY is invalid (value not shown, from "), "{problems}");
            assert!(problems.ends_with("; use http://user:password@host:port"), "{problems}");
        }
    }

    #[test]
    fn one_problem_of_a_credential_is_not_followed_by_another() {
        let host = ("SM_HOST", "https://h.example");
        for (pairs, lines) in [
            (vec![host, ("SM_API_KEY", "***")], 1),
            (vec![host, ("SM_CLIENT_CERT_FILE", "")], 1),
            (vec![host, ("SM_CLIENT_CERT_FILE", ""), ("SM_CLIENT_KEY_FILE", "/etc/hostname")], 1),
            (vec![host, ("SM_API_KEY", ""), ("SM_CLIENT_CERT_FILE", "")], 2),
        ] {
            let mut sources = sources(&pairs);
            let problems = token(&mut sources).problems;
            assert_eq!(problems.len(), lines, "{problems:?}");
        }
        // A key that is refused is not also said to be missing.
        let mut sources = sources(&[host, ("SM_API_KEY", "***"), ("SM_CLIENT_CERT_FILE_B64", "MIIB")]);
        assert_eq!(token(&mut sources).problems.len(), 1);
        assert!(sources.warnings.is_empty(), "{:?}", sources.warnings);
    }

    #[test]
    fn a_setting_may_be_switched_off_by_its_word() {
        let reuse = |value| ledger(&mut sources(&[("STM_PKCS11_REUSE", value)]));
        let (settings, problems) = reuse("off");
        assert!(settings.reuse.is_none() && problems.is_empty(), "{problems:?}");
        let (settings, problems) = reuse("1h");
        assert!(settings.reuse == Some(Duration::from_secs(3600)) && problems.is_empty(), "{problems:?}");
        let server = |pairs: &[(&str, &str)]| timestamp(&mut sources(pairs));
        assert_eq!(server(&[(row::TIMESTAMP.name, "None")]), None);
        assert_eq!(server(&[(row::TIMESTAMP.name, "http://tsa.example")]).as_deref(), Some("http://tsa.example"));
    }

    #[cfg(not(any(windows, target_os = "macos")))]
    #[test]
    fn timeouts_have_units() {
        let read = settings(&[("SM_CONN_TIMEOUT", "30s"), ("STM_PKCS11_TIMEOUT", "2m")]);
        assert_eq!((read.connect_timeout, read.timeout), (Duration::from_secs(30), Duration::from_secs(120)));
        let read = settings(&[("SM_CONN_TIMEOUT", "500"), ("STM_PKCS11_TIMEOUT", "500ms")]);
        assert_eq!((read.connect_timeout, read.timeout), (Duration::from_millis(500), Duration::from_millis(500)));
        let read = settings(&[]);
        assert_eq!((read.connect_timeout, read.timeout), (Duration::from_secs(30), Duration::from_secs(60)));
    }

    #[test]
    fn a_privileged_host_has_no_cache_no_log_file_and_one_notice() {
        let mut sources =
            sources(&[("SM_LOG_DIR", "/x"), ("SM_PKCS11_DB_DSN", "/x/cache"), ("STM_PKCS11_CACHE", "600")]);
        sources.privileged = true;
        let read = token(&mut sources);
        assert_eq!((read.cache, read.cache_file, read.cache_dir), (CacheMode::Off, None, None));
        let log = log(&mut sources);
        assert_eq!((log.output, log.notices.len()), (LogOutput::Stderr, 1));
    }

    #[test]
    fn a_privileged_host_has_no_ledger_and_a_budget_that_counts_in_one_is_refused() {
        let budget = |budget: &str| {
            let pairs = [("STM_PKCS11_LEDGER", "/x/ledger"), ("STM_PKCS11_REUSE", "1h"), ("STM_PKCS11_BUDGET", budget)];
            let mut sources = sources(&pairs);
            sources.privileged = true;
            ledger(&mut sources)
        };
        let (settings, problems) = budget("5");
        assert_eq!((settings.path, settings.reuse, settings.budget.len(), problems.len()), (None, None, 1, 0));
        let (_, problems) = budget("5,9/year");
        assert!(problems[0].cause.contains("(9/year) counts in a ledger, and a program with rights"), "{problems:?}");
    }

    #[test]
    fn without_any_setting_a_packaged_module_shows_no_token() {
        let load = |reserved: &str, pairs: &[(&str, &str)]| {
            let environment = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            load_from(Sources::new(Some(reserved), environment))
        };
        const HIDE: &str = "STM_PKCS11_UNCONFIGURED=no-token;STM_PKCS11_CONFIG=none";
        let hidden = load("STM_PKCS11_UNCONFIGURED=no-token", &[("SM_LOG_LEVEL", "INFO")]);
        // Settings files of this machine would change the result.
        if !std::path::Path::new(MACHINE).exists() {
            assert_eq!((hidden.tokens.len(), hidden.log.notes.len(), hidden.log.warnings.len()), (0, 1, 0));
        }
        assert_eq!(load(HIDE, &[]).tokens.len(), 1, "a setting in the arguments counts");
        assert_eq!(load("STM_PKCS11_UNCONFIGURED=no-token", &[("SM_HOST", "h.example")]).tokens.len(), 1);
        assert_eq!(load("", &[]).tokens.len(), 1);
    }
}
