//! The example settings file, generated from the table of settings.

use super::setting::{Scope, Setting, of};
use std::fmt::Write;

const HEAD: &str = "\
# Settings of the stm-pkcs11 module: for setups with several accounts, or where environment variables are impractical.
#
# Put it at ~/.config/stm-pkcs11/stm-pkcs11.toml or /etc/stm-pkcs11/stm-pkcs11.toml, or set its path in STM_PKCS11_CONFIG
# (in the environment, or in the module's initialise arguments). It must belong to you or to root, and nobody else may be
# able to change it: chmod 600.
#
# With one [[token]] the environment comes first: a variable that is set there overrides the file. With several, the
# environment sets nothing for them (except HTTPS_PROXY, NO_PROXY and STM_PKCS11_CACHE, where a token does not set them),
# so that one account's credentials are never sent to another's host.
#
# An unknown key is an error that names the line. Keys in comments show their defaults, or an example.
#
# Secrets are given literally or by reference:
#   env:NAME                 a variable of the environment
#   file:PATH                the content of a file; relative paths are relative to this file
#   command:PROGRAM ARGS     what a program prints; it runs without a shell, once, when the secret is first needed
";

const TAIL: &str = "
# A second account, with TEST keypairs to practise with.
#[[token]]
#name = \"demo\"
#host = \"https://clientauth.demo.one.digicert.com\"
#api_key = \"file:demo-api-key\"
#client_cert_file = \"demo.p12\"
#client_cert_password = \"env:STM_DEMO_PASSWORD\"
";

/// The text of config/stm-pkcs11.toml; a test keeps the file equal to it.
pub fn example() -> String {
    let mut text = HEAD.to_owned();
    of(Scope::File).for_each(|setting| add(&mut text, setting));
    text += "\n[log]";
    of(Scope::Log).for_each(|setting| add(&mut text, setting));
    text += "\n[ledger]";
    of(Scope::Ledger).for_each(|setting| add(&mut text, setting));
    text += "\n# Each [[token]] is an account with a slot of its own, and a second one for EdDSA and post-quantum keypairs.\n[[token]]";
    of(Scope::Token).for_each(|setting| add(&mut text, setting));
    text += TAIL;
    text
}

/// The meaning of a setting as a comment, and its line.
fn add(text: &mut String, setting: &Setting) {
    // Ends the head of a table, or separates the key from the one before.
    text.push('\n');
    let mut line = String::from("#");
    for word in setting.meaning.split_whitespace() {
        if line.len() + word.len() >= 118 {
            let _ = writeln!(text, "{line}");
            line = String::from("#");
        }
        line.push(' ');
        line += word;
    }
    let _ = writeln!(text, "{line}");
    match (setting.example, setting.default) {
        ("", Some(default)) => {
            let _ = writeln!(text, "#{} = {}", setting.key, as_toml(default));
        }
        (example, _) => {
            let _ = writeln!(text, "{example}");
        }
    }
}

/// TOML writes numbers and Booleans bare, and everything else as text.
fn as_toml(value: &str) -> String {
    match value {
        "TRUE" | "on" => "true".into(),
        "FALSE" => "false".into(),
        number if number.parse::<u64>().is_ok() => number.into(),
        text => format!("\"{text}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_switches_are_bare_and_the_rest_is_text() {
        for (value, toml) in [("600", "600"), ("on", "true"), ("TRUE", "true"), ("FALSE", "false"), ("HSM", "\"HSM\"")]
        {
            assert_eq!(as_toml(value), toml);
        }
    }

    #[test]
    fn the_lines_of_a_meaning_are_full_and_not_too_long() {
        for setting in [Scope::File, Scope::Log, Scope::Ledger, Scope::Token].into_iter().flat_map(of) {
            let mut text = String::new();
            add(&mut text, setting);
            // An empty line, the meaning, the setting.
            let lines: Vec<&str> = text.lines().collect();
            let meaning = &lines[1..lines.len() - 1];
            let words = meaning.iter().flat_map(|line| line.trim_start_matches('#').split_whitespace());
            assert!(words.eq(setting.meaning.split_whitespace()), "{text}");
            assert!(meaning.iter().all(|line| line.len() <= 118 && line.len() > 1), "{text}");
            for pair in meaning.windows(2) {
                let next = pair[1].trim_start_matches("# ").split(' ').next().map_or(0, str::len);
                assert!(pair[0].len() + 1 + next > 118, "{text}");
            }
        }
    }
}
