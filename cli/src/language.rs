//! A value as a literal of the language that it is written into. What a language cannot carry is refused by name: nothing is
//! left out, replaced, or trusted to be harmless.

use crate::print::shown;
use data_encoding::HEXLOWER;
use std::fmt::Write;

/// One notation for values. A value in a shell script in YAML is written for the shell first, then for YAML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// A word of a POSIX shell, quotes included.
    Shell,
    /// The same in a pipeline, whose runner fills in `$(...)`, `${{...}}` and `$[[...]]` before the shell sees the text.
    PipelineShell,
    /// A part of a line of a YAML block (`|`).
    YamlBlock,
    /// A comment of one line.
    Comment,
    /// The rest of a line: `name = value`, where the program reads up to the line's end.
    Line,
    /// A value of an INI file that Python's `configparser` reads: it trims values and acts on `%`.
    Ini,
    /// Groovy's `'...'` and `'''...'''`, without the quotes.
    Groovy,
    /// The text of an XML element.
    Xml,
    /// Text that MSBuild reads: `%XX` for what it acts on.
    MsBuild,
    /// A PowerShell expression in ASCII, quotes included: Windows PowerShell reads files without a mark in the system's code page.
    PowerShell,
    /// The value of `set "NAME=..."` in a batch file.
    Cmd,
    /// The inside of a JSON string, with `\u` for everything but letters, digits and `-._`: nothing that carries JSON acts on it.
    PlainJson,
    /// The name under which Java's PKCS11 key store has a label: it reads each byte of the label as one character of Latin-1.
    JavaName,
    /// The last operand of `jarsigner` and `keytool`, which read `-...` as an option.
    JarsignerOperand,
    /// Text that Maven fills `${...}` into, and trims.
    Maven,
    /// Text that Ant fills `${...}` into.
    Ant,
    /// A quoted string of a SunPKCS11 configuration, quotes included.
    JavaConfig,
    /// A value of an OpenSSL configuration file.
    OpensslConfig,
    /// A value of an NSS module specification.
    Nss,
    /// A pattern of `STM_PKCS11_KEYPAIRS` that every shell and `authorized_keys` read as it stands: `?` for all other characters.
    KeypairPattern,
    /// An argument in `ssh_config`.
    SshConfig,
}

/// Why a value cannot be written.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What cannot be carried, such as `U+000A`.
    pub what: String,
    pub language: &'static str,
}

fn refuse<T>(what: impl Into<String>, language: &'static str) -> Result<T, Refusal> {
    Err(Refusal { what: what.into(), language })
}

/// A character as a person can look it up.
fn named(character: char) -> String {
    let number = format!("U+{:04X}", u32::from(character));
    if character.is_control() || shown(character.encode_utf8(&mut [0; 4])) != character.to_string() {
        number
    } else {
        format!("{character} ({number})")
    }
}

/// Refuses the first character for which `bad` holds.
fn without(value: &str, language: &'static str, bad: impl Fn(char) -> bool) -> Result<(), Refusal> {
    value.chars().find(|character| bad(*character)).map_or(Ok(()), |character| refuse(named(character), language))
}

/// Ends a line for some reader of text: also those of YAML 1.1 and JavaScript.
fn ends_line(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Letters, digits and a few signs that no language here acts on.
fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '_')
}

/// A path that needs no quotes anywhere.
fn is_plain_path(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|character| is_plain(character) || character == '/')
}

impl Language {
    /// `value` quoted as this language has it; refused where it has no way to write it.
    pub fn write(self, value: &str) -> Result<String, Refusal> {
        without(value, "a C string", |character| character == '\0')?;
        match self {
            Self::Shell => Ok(format!("'{}'", value.replace('\'', r"'\''"))),
            // A quote between a dollar sign and what follows: the shell joins the two, a runner sees no expression.
            Self::PipelineShell => {
                let quoted = format!("'{}'", value.replace('\'', r"'\''").replace('$', "$''"));
                // A runner acts on these wherever they stand, in the text of a script that it prints as well.
                Ok(quoted.replace("##", "#''#").replace("::", ":'':"))
            }
            Self::YamlBlock => {
                let bad = |c: char| {
                    ends_line(c) || (c.is_control() && c != '\t') || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
                };
                without(value, "a line of YAML", bad).map(|()| value.to_owned())
            }
            Self::Comment => {
                without(value, "a comment of one line", |c| ends_line(c) || c.is_control()).map(|()| value.to_owned())
            }
            Self::Line => line(value),
            Self::Ini => {
                without(value, "an INI file", |c| ends_line(c) || c.is_control() || c == '%')?;
                if value.trim() != value {
                    return refuse("white space at an end", "an INI file, whose values are trimmed");
                }
                Ok(value.to_owned())
            }
            Self::Groovy => Ok(groovy(value)),
            Self::Xml => xml(value),
            Self::MsBuild => {
                let acted_on = |c: char| matches!(c, '%' | '$' | '@' | '\'' | ';' | '?' | '*' | '(' | ')');
                Ok(value
                    .chars()
                    .map(|c| if acted_on(c) { format!("%{:02X}", u32::from(c)) } else { c.into() })
                    .collect())
            }
            Self::PowerShell => powershell(value),
            Self::Cmd => cmd(value),
            Self::PlainJson => Ok(plain_json(value)),
            Self::KeypairPattern => Ok(keypair_pattern(value)),
            Self::JavaName => Ok(value.bytes().map(char::from).collect()),
            Self::JarsignerOperand => match value.as_bytes() {
                [b'-', ..] => refuse("- at the beginning", "jarsigner's command line, where it begins an option"),
                _ => Ok(value.to_owned()),
            },
            Self::Maven if value.trim() != value => refuse("white space at an end", "Maven, which trims values"),
            Self::Maven => without_text(value, &["${", "@{"], "Maven, which fills it in"),
            Self::Ant => without_text(value, &["${", "$$", "@{"], "Ant, which fills it in"),
            Self::JavaConfig => {
                without(value, "a SunPKCS11 configuration", |c| c.is_control())?;
                without_text(value, &["${"], "a SunPKCS11 configuration, which fills it in")?;
                java_config(value)
            }
            Self::OpensslConfig => quoted(value, "an OpenSSL configuration"),
            Self::Nss => quoted(value, "a module specification of NSS"),
            Self::SshConfig => quoted(value, "ssh_config"),
        }
    }

    /// `value` in the first language, that in the second, and so on.
    pub fn nested(languages: &[Self], value: &str) -> Result<String, Refusal> {
        languages.iter().try_fold(value.to_owned(), |value, language| language.write(&value))
    }
}

fn without_text(value: &str, texts: &[&str], language: &'static str) -> Result<String, Refusal> {
    match texts.iter().find(|text| value.contains(**text)) {
        Some(text) => refuse(*text, language),
        None => Ok(value.to_owned()),
    }
}

/// In double quotes with backslashes where it needs any, as three formats have it.
fn quoted(value: &str, language: &'static str) -> Result<String, Refusal> {
    without(value, language, |c| ends_line(c) || c.is_control())?;
    if is_plain_path(value) {
        return Ok(value.to_owned());
    }
    Ok(format!("\"{}\"", value.replace('\\', r"\\").replace('"', "\\\"")))
}

fn line(value: &str) -> Result<String, Refusal> {
    without(value, "a value that ends with its line", |c| ends_line(c) || c.is_control())?;
    if value.trim() != value || value.starts_with(['#', '"', '\'']) {
        return refuse("white space or a quote at an end", "a value without quotes");
    }
    Ok(value.to_owned())
}

fn groovy(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '\\' | '\'' => text.extend(['\\', character]),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            ' '..='~' => text.push(character),
            _ => utf16(&mut text, character),
        }
    }
    text
}

fn keypair_pattern(alias: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_.:@%+=/ -".contains(letter);
    alias.chars().map(|letter| if plain(letter) { letter } else { '?' }).collect()
}

fn plain_json(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        if is_plain(character) { text.push(character) } else { utf16(&mut text, character) }
    }
    text
}

/// `\uXXXX`, twice for characters beyond the first plane.
fn utf16(text: &mut String, character: char) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        let _ = write!(text, "\\u{unit:04x}");
    }
}

fn xml(value: &str) -> Result<String, Refusal> {
    without(value, "XML 1.0", |c| {
        (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}')
    })?;
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            ' '..='~' => text.push(character),
            _ => _ = write!(text, "&#x{:x};", u32::from(character)),
        }
    }
    Ok(text)
}

/// Windows PowerShell hands arguments to programs in quotes of its own, and does not mind those in them.
fn powershell(value: &str) -> Result<String, Refusal> {
    without(value, "an argument of Windows PowerShell", |c| c == '"' || c.is_control())?;
    if value.ends_with('\\') {
        return refuse("\\ at the end", "an argument of Windows PowerShell");
    }
    let mut text = String::from("'");
    for character in value.chars() {
        match character {
            '\'' => text.push_str("''"),
            ' '..='~' => text.push(character),
            _ => _ = write!(text, "' + [char]::ConvertFromUtf32(0x{:x}) + '", u32::from(character)),
        }
    }
    text.push('\'');
    Ok(if text.contains(" + ") { format!("({text})") } else { text })
}

/// Java reads the file as Latin-1, and in quotes the escapes of C, octal ones among them.
fn java_config(value: &str) -> Result<String, Refusal> {
    without(value, "a SunPKCS11 configuration, which is Latin-1", |c| c > '\u{ff}')?;
    let mut text = String::from("\"");
    for character in value.chars() {
        match character {
            '\\' | '"' => text.extend(['\\', character]),
            ' '..='~' => text.push(character),
            _ => _ = write!(text, "\\{:03o}", u32::from(character)),
        }
    }
    text.push('"');
    Ok(text)
}

fn cmd(value: &str) -> Result<String, Refusal> {
    without(value, "a batch file, which is read in the console's code page", |c| c == '"' || !matches!(c, ' '..='~'))?;
    Ok(value.replace('%', "%%"))
}

/// A `pkcs11:` URI of a private key (RFC 7512): everything but RFC 3986's unreserved characters by its bytes.
pub fn key_uri(alias: &str) -> String {
    format!("pkcs11:object={};type=private", percent(alias))
}

/// Percent-encoded, except for RFC 3986's unreserved characters.
pub fn percent(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            _ => _ = write!(text, "%{byte:02X}"),
        }
    }
    text
}

/// A file's name for an alias: the alias itself where every file system and shell takes it, else what is left of it, and a
/// part of its SHA-256.
pub fn file_name(alias: &str) -> String {
    use sha2::{Digest, Sha256};
    let begins = alias.starts_with(|first: char| first.is_ascii_alphanumeric());
    if begins && alias.len() <= 100 && alias.chars().all(is_plain) {
        return alias.to_owned();
    }
    let kept: String = alias.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    let digest = HEXLOWER.encode(&Sha256::digest(alias.as_bytes())[..4]);
    if kept.is_empty() { format!("keypair-{digest}") } else { format!("{kept}-{digest}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::*;

    fn written(languages: &[Language], value: &str) -> String {
        Language::nested(languages, value).unwrap_or_else(|refusal| panic!("{languages:?} {value:?}: {refusal:?}"))
    }

    fn refused(languages: &[Language], value: &str) -> String {
        Language::nested(languages, value).err().unwrap_or_else(|| panic!("{languages:?} {value:?}")).what
    }

    #[test]
    fn each_language_quotes_as_it_reads() {
        for (languages, value, text) in [
            (&[Shell][..], "it's $(x) `y` \\ \"z\"\n", "'it'\\''s $(x) `y` \\ \"z\"\n'"),
            (&[PipelineShell, YamlBlock], "a$(B)${{ c }}##vso[", "'a$''(B)$''{{ c }}#''#vso['"),
            (&[Shell, Groovy], "it's \\ \u{fc}\n", "\\'it\\'\\\\\\'\\'s \\\\ \\u00fc\\n\\'"),
            (&[Xml], "a<b>&\"'\u{9c}", "a&lt;b&gt;&amp;\"'&#x9c;"),
            (&[MsBuild, Xml], r"C:\50% (x); $y\s.dll", r"C:\50%25 %28x%29%3B %24y\s.dll"),
            (&[PowerShell], "it's $x `y", "'it''s $x `y'"),
            (
                &[PowerShell],
                "\u{2019}\u{1f600}",
                "('' + [char]::ConvertFromUtf32(0x2019) + '' + [char]::ConvertFromUtf32(0x1f600) + '')",
            ),
            (&[Cmd], r"C:\50%\a&b", r"C:\50%%\a&b"),
            (&[PlainJson], "a\"%PATH%\u{1f600}", r"a\u0022\u0025PATH\u0025\ud83d\ude00"),
            (&[JavaName], "\u{fc}", "\u{c3}\u{bc}"),
            (&[KeypairPattern, Shell], "a, \"b\" c\u{fc}", "'a? ?b? c?'"),
            (&[JarsignerOperand], "@file", "@file"),
            (&[JavaConfig], "/a \"b\" \\c \u{fc}", r#""/a \"b\" \\c \374""#),
            (&[OpensslConfig], "/usr/lib/x.so", "/usr/lib/x.so"),
            (&[OpensslConfig], "/a b#$c.so", "\"/a b#$c.so\""),
        ] {
            assert_eq!(written(languages, value), text, "{languages:?}");
        }
    }

    #[test]
    fn what_a_language_cannot_carry_is_refused_by_name() {
        for (language, value, what) in [
            (YamlBlock, "a\nb", "U+000A"),
            (YamlBlock, "a\u{2028}b", "U+2028"),
            (Comment, "a\u{1b}b", "U+001B"),
            (Line, " a", "white space or a quote at an end"),
            (Ini, "50%", "% (U+0025)"),
            (Ini, "a\nb = c", "U+000A"),
            (Ini, "a ", "white space at an end"),
            (Xml, "a\u{1}", "U+0001"),
            (PowerShell, "a\"b", "\" (U+0022)"),
            (PowerShell, "a\\", "\\ at the end"),
            (Cmd, "C:\\\u{fc}", "\u{fc} (U+00FC)"),
            (JarsignerOperand, "-keystore", "- at the beginning"),
            (Maven, "a${b}", "${"),
            (Maven, "a ", "white space at an end"),
            (Ant, "a$$b", "$$"),
            (JavaConfig, "/${user.home}/x.so", "${"),
            (JavaConfig, "/\u{9375}.so", "\u{9375} (U+9375)"),
            (Shell, "a\0b", "U+0000"),
        ] {
            assert_eq!(refused(&[language], value), what, "{language:?}");
        }
    }

    #[test]
    fn uris_and_file_names_have_plain_characters_only() {
        assert_eq!(key_uri("a;b?c#d%e&\u{fc}~"), "pkcs11:object=a%3Bb%3Fc%23d%25e%26%C3%BC~;type=private");
        assert_eq!(file_name("release-key_1.0"), "release-key_1.0");
        for alias in ["../x", "-x", "a b", "\u{fc}", ".", "", &"x".repeat(300)] {
            let name = file_name(alias);
            assert!(name.len() < 60 && name.chars().all(is_plain) && !name.starts_with(['.', '-']), "{alias}: {name}");
        }
        assert_ne!(file_name("a b"), file_name("a  b"));
    }
}
