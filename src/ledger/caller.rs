//! The caller of a signature: machine, user, program.
//!
//! A command line may contain passwords (`jarsigner -storepass ...`), so it is never recorded in full. Only words that
//! cannot be secrets are kept ([`plain`]); the others become `...`.

use std::ffi::OsString;
use std::path::Path;

/// The longest text about a caller that is recorded, in characters.
const LONGEST: usize = 200;

/// Options of the documented clients that are longer than one letter. Other options of that form may have their value
/// directly behind the letter, as in `-pSECRET`.
const OPTIONS: &[&str] = &[
    "ac",
    "addprovider",
    "alias",
    "binary",
    "certchain",
    "certfile",
    "certs",
    "cp",
    "classpath",
    "conf",
    "digestalg",
    "dlib",
    "dgst",
    "engine",
    "exec",
    "fd",
    "importcert",
    "in",
    "inkey",
    "jar",
    "key",
    "keyform",
    "keypass",
    "keystore",
    "list",
    "new",
    "nmap",
    "noprompt",
    "out",
    "outform",
    "pass",
    "passin",
    "pkcs11cert",
    "pkcs11engine",
    "pkcs11module",
    "propquery",
    "protected",
    "provider",
    "providerArg",
    "providerClass",
    "providerpath",
    "rawin",
    "sigalg",
    "sigfile",
    "sign",
    "signature",
    "signedjar",
    "signer",
    "sha256",
    "sha384",
    "sha512",
    "sigopt",
    "storepass",
    "storetype",
    "strict",
    "subj",
    "tr",
    "ts",
    "tsa",
    "verbose",
    "verify",
];

/// The caller, determined once in a process. It does not contain the process id, because a forked child has the same
/// caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The machine's name; `unknown` if it has none.
    pub host: String,
    /// The user's name or number; `unknown` if there is neither.
    pub user: String,
    /// The program's file name, without its directory.
    pub process: String,
    /// The program, and those words of its command line that cannot be secrets.
    pub command: String,
}

impl Caller {
    pub fn of_process() -> Self {
        let mut words: Vec<OsString> = std::env::args_os().collect();
        if words.is_empty() {
            // A library that musl loads gets no arguments.
            words = words_of(&std::fs::read("/proc/self/cmdline").unwrap_or_default());
        }
        let program = std::env::current_exe().ok();
        let program = program.as_deref().or(words.first().map(Path::new));
        let process =
            program.and_then(Path::file_name).map_or("unknown".into(), |name| name.to_string_lossy().into_owned());
        let command = command(&words, |word| Path::new(word).exists());
        Self { host: cut(host()), user: cut(user()), process: cut(process), command: cut(command) }
    }
}

/// The words of a command line as Linux shows it: each with a zero byte after it.
fn words_of(line: &[u8]) -> Vec<OsString> {
    let texts = line.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    texts.map(|word| String::from_utf8_lossy(word).into_owned().into()).collect()
}

fn cut(text: String) -> String {
    if text.chars().count() <= LONGEST { text } else { text.chars().take(LONGEST - 3).chain("...".chars()).collect() }
}

fn command(words: &[OsString], exists: impl Fn(&str) -> bool) -> String {
    let mut kept: Vec<String> = Vec::new();
    for (place, word) in words.iter().enumerate() {
        let word = word.to_string_lossy();
        let text = match place {
            0 => Path::new(&*word)
                .file_name()
                .map_or_else(|| word.to_string(), |name| name.to_string_lossy().into_owned()),
            _ => plain(&word, place == 1, &exists),
        };
        if text != "..." || kept.last().is_none_or(|last| last != "...") {
            kept.push(text);
        }
    }
    kept.join(" ")
}

/// A word of a command line if it cannot be a secret: a subcommand in first place, the name of an option without its
/// value, or an existing file.
fn plain(word: &str, first: bool, exists: impl Fn(&str) -> bool) -> String {
    let name = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if let Some(long) = word.strip_prefix("--") {
        let (option, value) = long.split_once('=').map_or((long, ""), |(option, _)| (option, "=..."));
        return if option.is_empty() || name(option) { format!("--{option}{value}") } else { "...".into() };
    }
    if let Some(short) = word.strip_prefix('-') {
        let mut letters = short.chars();
        return match (letters.next(), letters.as_str()) {
            (None, _) => "-".into(),
            (Some(letter), "") if letter.is_ascii_alphanumeric() => word.into(),
            _ if OPTIONS.contains(&short) => word.into(),
            (Some(letter), _) if letter.is_ascii_alphabetic() => format!("-{letter}..."),
            _ => "...".into(),
        };
    }
    let subcommand = first && word.len() <= 24 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    if subcommand && !word.is_empty() || exists(word) { word.into() } else { "...".into() }
}

fn host() -> String {
    #[cfg(unix)]
    let named = Some(rustix::system::uname().nodename().to_string_lossy().into_owned());
    #[cfg(not(unix))]
    let named = std::env::var("COMPUTERNAME").ok();
    named.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown".into())
}

fn user() -> String {
    let variable = |name: &str| std::env::var(name).ok();
    #[cfg(unix)]
    {
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        user_of(crate::host::user(), &users, variable)
    }
    #[cfg(not(unix))]
    variable("USERNAME").unwrap_or_else(|| "unknown".into())
}

/// The name in the environment counts only if the system's file does not know the number (LDAP).
#[cfg(unix)]
fn user_of(number: u32, users: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    let environment = || ["LOGNAME", "USER"].iter().find_map(|name| variable(name).filter(|name| !name.is_empty()));
    named(users, number).or_else(environment).unwrap_or_else(|| number.to_string())
}

/// The name of a user in a file like `/etc/passwd`.
#[cfg(unix)]
fn named(users: &str, number: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)?.parse() == Ok(number)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> String {
        let words: Vec<OsString> = line.split(' ').map(Into::into).collect();
        command(&words, |word| ["in.jar", "sunpkcs11.cfg"].contains(&word))
    }

    #[test]
    fn a_command_line_keeps_what_cannot_be_a_secret() {
        assert_eq!(
            said(
                "/usr/bin/jarsigner -keystore NONE -storepass hunter2 -providerArg sunpkcs11.cfg -signedjar out.jar in.jar release"
            ),
            "jarsigner -keystore ... -storepass ... -providerArg sunpkcs11.cfg -signedjar ... in.jar ..."
        );
        assert_eq!(
            said("osslsigncode sign -pkcs11module m.so -in in.jar"),
            "osslsigncode sign -pkcs11module ... -in in.jar"
        );
        assert_eq!(said("x --set-pin=1234 --login"), "x --set-pin=... --login");
        assert_eq!(said("x - -a -1 -pSecret"), "x - -a -1 -p...");
        assert_eq!(said("x -! in.jar -1secret"), "x ... in.jar ...");
    }

    #[test]
    fn a_command_line_without_arguments_is_read_from_the_system() {
        assert_eq!(words_of(b"/usr/bin/x\0-in\0in.jar\0"), ["/usr/bin/x", "-in", "in.jar"]);
        assert_eq!(words_of(b""), [""; 0]);
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(cut("é".repeat(LONGEST)), "é".repeat(LONGEST));
        assert_eq!(cut("é".repeat(LONGEST + 1)), "é".repeat(LONGEST - 3) + "...");
    }

    #[test]
    fn no_form_of_a_password_stays() {
        for line in [
            "x -pHunter2",
            "x -Phunter2",
            "x hunter2 x",
            "x --pin hunter2",
            "x --pin=hunter2",
            "x -p hunter2",
            "x -Dpass=hunter2",
            "x https://me:hunter2@h/",
            "x -- hunter2",
            "x PASS=hunter2",
            "x --hunter2!",
            "x -1hunter2",
        ] {
            let rest = said(line).to_ascii_lowercase();
            assert!(!rest.contains("hunter2"), "{line}: {rest}");
        }
    }

    #[test]
    fn this_process_has_a_name() {
        let own = Caller::of_process();
        assert!(own.process.starts_with("stm_pkcs11") && own.command.starts_with("stm_pkcs11"), "{own:?}");
        #[cfg(unix)]
        assert_eq!(own.host, rustix::system::uname().nodename().to_string_lossy());
        assert_eq!(own.user, user());
    }

    #[cfg(unix)]
    #[test]
    fn users_are_found_by_their_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nci:x:1001:1001::/:/bin/sh\n";
        assert_eq!(named(users, 1001).as_deref(), Some("ci"));
        assert_eq!(named(users, 7), None);
        let owner = std::process::Command::new("id").arg("-un").output().unwrap();
        if owner.status.success() {
            assert_eq!(user(), String::from_utf8(owner.stdout).unwrap().trim_end());
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_user_that_the_system_does_not_know_has_a_name_from_the_environment_or_a_number() {
        for (number, logname, name, expected) in
            [(0, "x", "y", "root"), (7, "x", "y", "x"), (7, "", "y", "y"), (7, "", "", "7")]
        {
            let variable = |variable: &str| Some(if variable == "LOGNAME" { logname } else { name }.to_owned());
            assert_eq!(user_of(number, "root:x:0:0:root:/root:/bin/sh\n", variable), expected);
        }
        assert_eq!(user_of(7, "", |_| None), "7");
    }
}
