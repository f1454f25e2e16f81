//! Runs programs that print a secret: a password manager, or a client of a cloud's vault.

#[cfg(not(unix))]
mod windows;

use crate::encoding;
#[cfg(unix)]
use std::io::Read;
#[cfg(unix)]
use std::process::ChildStdout;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
#[cfg(not(unix))]
use windows::Output;
use zeroize::Zeroizing;

/// The longest output that is accepted, in bytes.
const LONGEST: usize = 64 << 10;

/// The output of a program, without the final newline. No shell is involved: the words are the program and its
/// arguments, and quotes keep words together. A program that runs longer than `patience` is killed. Processes that it
/// leaves running (an agent) are not waited for.
pub fn output(line: &str, patience: Duration) -> Result<Zeroizing<String>, String> {
    let words = words(line).ok_or_else(|| format!("the command '{line}' has a quote that does not end"))?;
    let Some((program, arguments)) = words.split_first() else { return Err("the command is empty".into()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("the command '{program}' cannot be run ({error})"))?;
    let gathered = gather(&mut child, patience);
    if gathered.is_err() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let text = gathered.map_err(|reason| format!("the command '{program}' {reason}"))?;
    if text.is_empty() { Err(format!("the command '{program}' printed nothing")) } else { Ok(text) }
}

fn gather(child: &mut Child, patience: Duration) -> Result<Zeroizing<String>, String> {
    let mut output = child.stdout.take().and_then(|out| Output::of(out).ok()).ok_or("has no output")?;
    let (begun, mut printed) = (Instant::now(), Zeroizing::new(Vec::new()));
    loop {
        // Check for the end first, and read the output then, so that no output is missed.
        let ended = child.try_wait();
        output.take_what_is_there(&mut printed);
        match ended {
            _ if printed.len() > LONGEST => return Err(format!("printed more than {} kB", LONGEST >> 10)),
            Ok(Some(status)) if !status.success() => return Err("failed; run it by hand to see why".into()),
            // If the host ignores SIGCHLD, the system reaps the child.
            Ok(Some(_)) | Err(_) => break,
            Ok(None) if begun.elapsed() > patience => {
                return Err(format!("did not end within {:.1} s", patience.as_secs_f32()));
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    let text = encoding::decode(&printed).ok_or("printed something that is not text")?;
    Ok(Zeroizing::new(text.trim_end_matches(['\n', '\r']).to_owned()))
}

/// The pipe from the program; reading it never blocks.
#[cfg(unix)]
struct Output(mio::unix::pipe::Receiver);

#[cfg(unix)]
impl Output {
    fn of(out: ChildStdout) -> std::io::Result<Self> {
        let pipe = mio::unix::pipe::Receiver::from(out);
        pipe.set_nonblocking(true).map(|()| Self(pipe))
    }

    fn take_what_is_there(&mut self, printed: &mut Zeroizing<Vec<u8>>) {
        let mut part = Zeroizing::new([0; 4096]);
        while printed.len() <= LONGEST
            && let Ok(size @ 1..) = self.0.read(&mut part[..])
        {
            append(printed, &part[..size]);
        }
    }
}

/// Appends without leaving copies in memory, as a growing vector would.
fn append(printed: &mut Zeroizing<Vec<u8>>, part: &[u8]) {
    if printed.capacity() - printed.len() < part.len() {
        let mut larger = Zeroizing::new(Vec::with_capacity(2 * (printed.len() + part.len())));
        larger.extend_from_slice(printed);
        *printed = larger;
    }
    printed.extend_from_slice(part);
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

    fn of(line: &str) -> Result<Zeroizing<String>, String> {
        output(line, Duration::from_secs(30))
    }

    #[test]
    fn output_that_may_be_a_secret_is_never_moved_by_a_growing_vector() {
        let mut printed = Zeroizing::new(Vec::new());
        append(&mut printed, &[1; 10]);
        assert_eq!(printed.capacity(), 20, "room for as much again");
        append(&mut printed, &[2; 10]);
        assert_eq!(printed.capacity(), 20, "it fits exactly");
        append(&mut printed, &[3; 5]);
        assert_eq!((printed.capacity(), printed.len()), (50, 25));
    }

    #[test]
    fn quotes_hold_words_together_and_nothing_is_expanded() {
        assert_eq!(words("a  'b c' d\"e f\"").unwrap(), ["a", "b c", "de f"]);
        assert_eq!(words("a '' $HOME *").unwrap(), ["a", "", "$HOME", "*"]);
        assert_eq!(words("a 'b"), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_is_what_a_program_prints_and_failures_have_words() {
        assert_eq!(of("printf 'a secret\\n'").unwrap().as_str(), "a secret");
        assert!(of("false").unwrap_err().contains("'false' failed"));
        assert!(of("true").unwrap_err().contains("printed nothing"));
        assert!(of("/no/such/program").unwrap_err().contains("cannot be run"));
        assert!(of("").unwrap_err().contains("empty"));
        assert!(of("sh -c 'echo half; exit 3'").unwrap_err().contains("failed"));
        assert!(of("printf '\\377'").unwrap_err().contains("not text"));
    }

    #[cfg(unix)]
    #[test]
    fn what_a_program_leaves_running_is_not_waited_for() {
        let begun = Instant::now();
        assert_eq!(of("sh -c 'sleep 20 & echo secret'").unwrap().as_str(), "secret");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_prints_without_end_is_ended() {
        assert!(of("yes").unwrap_err().contains("more than 64 kB"));
        assert_eq!(of("head -c 65536 /dev/zero").unwrap().len(), LONGEST);
        assert!(of("head -c 65537 /dev/zero").unwrap_err().contains("more than 64 kB"));
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let mut child = Command::new("sleep").arg("20").stdout(Stdio::piped()).spawn().unwrap();
        assert!(gather(&mut child, Duration::from_millis(30)).unwrap_err().contains("did not end"));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
