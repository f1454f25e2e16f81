//! `stm-pkcs11 keypair list`.

use crate::account::describe::{certificate, day, key, keypair_json};
use crate::account::{Choice, refused};
use crate::print::{self, Failure, progress, table};
use serde_json::Value;
use std::sync::Arc;
use stm_pkcs11::service::{Keypair, Wanted};

#[derive(clap::Args)]
pub struct List {
    /// Only these: aliases, ids, and patterns with * and ?; default: all that STM_PKCS11_KEYPAIRS lets through
    #[arg(value_name = "PATTERN")]
    patterns: Vec<String>,
    #[command(flatten)]
    account: Choice,
    /// JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &List) -> Result<(), Failure> {
    let account = arguments.account.open()?;
    let all = progress::during(&account.service, || account.service.keypairs(Wanted::All, account.service.deadline()));
    let mut all = all.map_err(|failure| refused("list the keypairs", &failure))?;
    let patterns = &arguments.patterns;
    all.retain(|keypair| {
        let fits = |pattern: &String| matches(pattern, &keypair.alias) || matches(pattern, &keypair.id);
        patterns.is_empty() || patterns.iter().any(fits)
    });
    if arguments.json {
        print::json(&Value::Array(all.iter().map(|keypair| keypair_json(keypair)).collect()));
    } else {
        let rows: Vec<_> = all.iter().map(row).collect();
        table::print(&["alias", "key", "status", "type", "certificate until", "id"], &rows);
    }
    Ok(())
}

fn row(keypair: &Arc<Keypair>) -> Vec<String> {
    let until = certificate(keypair).map_or("no certificate".to_owned(), |one| day(one.not_after_date()));
    let Keypair { alias, key_status, key_type, id, .. } = &**keypair;
    vec![alias.clone(), key(keypair), key_status.clone(), key_type.clone(), until, id.clone()]
}

/// Whether `text` is like `pattern`: `*` stands for any characters, `?` for one.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut place) = (0, 0);
    // Where the last star was, and how much of the text it stands for.
    let mut star = None;
    while place < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(character) if *character == '?' || *character == text[place] => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((star_at, from)) = star else { return false };
                star = Some((star_at, from + 1));
                (at, place) = (star_at + 1, from + 1);
            }
        }
    }
    pattern[at..].iter().all(|character| *character == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_have_stars_and_question_marks() {
        for (pattern, text) in
            [("*", ""), ("a*c", "abbc"), ("a?c", "abc"), ("*b*", "abc"), ("abc", "abc"), ("?", "\u{fc}")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a", "ab"), ("a*c", "abcd"), ("?", ""), ("A", "a"), ("", "a")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
