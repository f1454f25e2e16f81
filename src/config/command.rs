//! A program that prints a secret: a password manager, a cloud's vault.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How long it may take: somebody may have to touch a key.
const PATIENCE: Duration = Duration::from_secs(30);
/// No secret is longer, in bytes.
const LONGEST: u64 = 64 << 10;

/// What a program prints, without the newline at its end. No shell: the words are the program and its arguments, and
/// quotes hold words together.
pub fn output(line: &str) -> Result<Zeroizing<String>, String> {
    let words = words(line).ok_or_else(|| format!("the command '{line}' has a quote that does not end"))?;
    let Some((program, arguments)) = words.split_first() else { return Err("the command is empty".into()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("the command '{program}' cannot be run ({error})"))?;
    let begun = Instant::now();
    let ended = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.success(),
            // A host that ignores its children's ends has the system collect them.
            Err(_) => break true,
            Ok(None) if begun.elapsed() > PATIENCE => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("the command '{program}' did not end within {} s", PATIENCE.as_secs()));
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let mut text = Zeroizing::new(String::new());
    let read = child.stdout.take().map(|out| out.take(LONGEST).read_to_string(&mut text));
    if !ended {
        return Err(format!("the command '{program}' failed; run it by hand to see why"));
    }
    if !matches!(read, Some(Ok(_))) {
        return Err(format!("what the command '{program}' printed is no text"));
    }
    let end = text.trim_end_matches(['\n', '\r']).len();
    text.truncate(end);
    if text.is_empty() { Err(format!("the command '{program}' printed nothing")) } else { Ok(text) }
}

fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let (mut word, mut quote) = (None::<String>, None);
    for character in line.chars() {
        match (quote, character) {
            (Some(open), character) if character == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, character) if character.is_whitespace() => words.extend(word.take()),
            (_, character) => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_words_together_and_nothing_is_expanded() {
        assert_eq!(words("a  'b c' d\"e f\"").unwrap(), ["a", "b c", "de f"]);
        assert_eq!(words("a '' $HOME *").unwrap(), ["a", "", "$HOME", "*"]);
        assert_eq!(words("a 'b"), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_is_what_a_program_prints_and_failures_have_words() {
        assert_eq!(output("printf 'a secret\\n'").unwrap().as_str(), "a secret");
        assert!(output("false").unwrap_err().contains("'false' failed"));
        assert!(output("true").unwrap_err().contains("printed nothing"));
        assert!(output("/no/such/program").unwrap_err().contains("cannot be run"));
        assert!(output("").unwrap_err().contains("empty"));
    }
}
