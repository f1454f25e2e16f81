//! One example for each command, at the end of its help and of its manual page.

use crate::Arguments;
use clap::{Command, CommandFactory};

/// The names that lead to a command, and what follows the program's name in its example.
const EXAMPLES: &[(&[&str], &str)] = &[
    (&["doctor"], "doctor --keypair release-key"),
    (&["keypair", "list"], "keypair list 'release-*'"),
    (&["keypair", "show"], "keypair show release-key --only cka-id"),
    (&["keypair", "certificate"], "keypair certificate release-key --leaf --out cert.pem"),
    (&["keypair", "public-key"], "keypair public-key release-key"),
    (&["keypair", "create"], "keypair create release-key --algorithm rsa-3072 --type TEST --dry-run"),
    (&["certificate", "list"], "certificate list --json"),
    (&["sign"], "sign release-key firmware.bin --format raw --out firmware.sig"),
    (&["sign-file"], "sign-file --keypair release-key setup.exe setup.msi program.jar"),
    (&["verify"], "verify release-key firmware.bin firmware.sig"),
    (&["verify-file"], "verify-file setup.exe program.jar"),
    (&["signature", "show"], "signature show d6f2c6b0-6a5c-4c0f-9d5c-7a3c3a0f6f0e --wait"),
    (&["ledger", "list"], "ledger list --since 7d --keypair release-key"),
    (&["ledger", "summary"], "ledger summary --by day --chart"),
    (&["ledger", "report"], "ledger report --html report.html --since 30d"),
    (&["ledger", "verify"], "ledger verify"),
    (&["ledger", "reconcile"], "ledger reconcile"),
    (&["config"], "config osslsigncode --keypair release-key --out osslsigncode.sh"),
    (&["trace"], "trace -- jarsigner -verify program.jar"),
    (&["demo"], "demo"),
    #[cfg(windows)]
    (&["windows", "register"], "windows register"),
    #[cfg(windows)]
    (&["windows", "unregister"], "windows unregister"),
    #[cfg(windows)]
    (&["windows", "status"], "windows status"),
    #[cfg(windows)]
    (&["windows", "certsync"], "windows certsync release-key"),
    #[cfg(windows)]
    (&["windows", "certdesync"], "windows certdesync release-key"),
    #[cfg(windows)]
    (&["windows", "ksp", "register"], "windows ksp register"),
    #[cfg(windows)]
    (&["windows", "ksp", "list"], "windows ksp list"),
    #[cfg(windows)]
    (&["windows", "ksp", "unregister"], "windows ksp unregister"),
    (&["credentials", "save"], "credentials save"),
    (&["credentials", "delete"], "credentials delete"),
    (&["smctl", "healthcheck"], "smctl healthcheck --user"),
    (&["smctl", "keypair", "list"], "smctl keypair list --filter alias=release-key"),
    (&["smctl", "keypair", "describe"], "smctl keypair describe release-key"),
    (&["smctl", "certificate", "list"], "smctl certificate list"),
    (&["smctl", "certificate", "download"], "smctl certificate download --keypair-alias release-key --name cert.pem"),
    (&["smctl", "sign"], "smctl sign --keypair-alias release-key --input program.exe"),
    (&["smctl", "sign", "verify"], "smctl sign verify --input program.exe"),
    (&["smctl", "sign", "remove"], "smctl sign remove --input program.exe"),
    (
        &["smctl", "sign", "sign-hash"],
        "smctl sign sign-hash --file firmware.bin --signature-file firmware.sig release-key",
    ),
    (
        &["smctl", "sign", "verify-hash"],
        "smctl sign verify-hash --file firmware.bin --signature-file firmware.sig release-key",
    ),
    (&["smctl", "credentials", "save"], "smctl credentials save API_KEY PASSWORD"),
    (&["smctl", "credentials", "delete"], "smctl credentials delete"),
    (&["smctl", "windows", "certsync"], "smctl windows certsync --keypair-alias=release-key"),
    (&["smctl", "windows", "certdesync"], "smctl windows certdesync --keypair-alias=release-key"),
    (&["smctl", "windows", "ksp", "register"], "smctl windows ksp register"),
    (&["smctl", "windows", "ksp", "list"], "smctl windows ksp list"),
    (&["smctl", "windows", "ksp", "unregister"], "smctl windows ksp unregister"),
    (&["smctl", "link"], "smctl link /usr/local/bin"),
    (&["sample"], "sample pe hello.exe"),
    (&["completions"], "completions bash"),
    (&["man"], "man /usr/local/share/man/man1"),
];

/// The command line, with the examples in its help.
pub fn command() -> Command {
    let all = Arguments::command().mut_subcommand("smctl", crate::smctl::command);
    EXAMPLES.iter().fold(all, |command, (path, example)| with(command, path, example))
}

fn with(command: Command, path: &[&str], example: &str) -> Command {
    match path {
        [] => command.after_help(format!("Example:\n  stm-pkcs11 {example}")),
        [first, rest @ ..] => command.mut_subcommand(first, |command| with(command, rest, example)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_example(command: &Command, path: &str, found: &mut Vec<String>) {
        let path = format!("{path} {}", command.get_name());
        if command.is_hide_set() {
            return;
        }
        match command.has_subcommands() {
            true => command.get_subcommands().for_each(|command| without_example(command, &path, found)),
            false if command.get_after_help().is_none() => found.push(path),
            false => {}
        }
    }

    #[test]
    fn every_command_has_an_example() {
        let mut found = Vec::new();
        without_example(&command(), "", &mut found);
        assert_eq!(found, [] as [String; 0]);
    }

    #[test]
    fn every_example_is_a_command_line() {
        for (path, example) in EXAMPLES {
            assert!(example.starts_with(&path.join(" ")), "{example}");
            let words = std::iter::once("stm-pkcs11").chain(example.split(' '));
            command().try_get_matches_from(words).unwrap_or_else(|error| panic!("{example}: {error}"));
        }
    }
}
