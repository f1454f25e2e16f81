//! The names that lead here: a link or a copy of this program with one of the vendor's names.

use std::ffi::OsString;
use std::path::Path;

/// A name of the vendor's, and the words of `smctl` that it stands for.
pub struct Name {
    pub name: &'static str,
    words: &'static [&'static str],
}

pub const NAMES: &[Name] = &[
    Name { name: "smctl", words: &[] },
    Name { name: "smctl-mac-x64", words: &[] },
    Name { name: "smksp_registrar", words: &["windows", "ksp"] },
    Name { name: "smksp_cert_sync", words: &["windows", "certsync"] },
];

/// The command line as if it had been given to `stm-pkcs11`.
pub fn words(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments = arguments.into_iter();
    let program = arguments.next().unwrap_or_default();
    let called = Path::new(&program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let called = called.strip_suffix(".exe").or(called.strip_suffix(".EXE")).unwrap_or(called);
    let ours = NAMES.iter().find(|known| called.eq_ignore_ascii_case(known.name));
    let before = ours.into_iter().flat_map(|known| ["stm-pkcs11", "smctl"].iter().chain(known.words));
    let mut words: Vec<OsString> = before.map(OsString::from).collect();
    if words.is_empty() {
        words.push(program);
    }
    words.extend(arguments);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> String {
        let words = words(line.split(' ').map(OsString::from));
        words.into_iter().map(|word| word.into_string().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_programs_name_stands_for_words() {
        for (given, meant) in [
            ("stm-pkcs11 doctor", "stm-pkcs11 doctor"),
            ("/usr/bin/smctl kp ls", "stm-pkcs11 smctl kp ls"),
            ("./SMCTL.exe -v", "stm-pkcs11 smctl -v"),
            ("smctl-mac-x64 healthcheck", "stm-pkcs11 smctl healthcheck"),
            ("smksp_registrar.exe list", "stm-pkcs11 smctl windows ksp list"),
            ("smksp_cert_sync", "stm-pkcs11 smctl windows certsync"),
            ("target/smctl-2 x", "target/smctl-2 x"),
        ] {
            assert_eq!(read(given), meant);
        }
    }
}
