//! Removes secrets from everything that is written: whatever the service, a proxy or a setting contains, no message
//! repeats a secret.
//!
//! This file knows every live [`Secret`](crate::config::Secret). [`text`] replaces each, in every form that it may take
//! in a request: base64 at any offset, escapes of URLs, JSON and HTML, and hexadecimal digits. A text may have been cut
//! earlier, so half a secret is replaced as well.

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use data_encoding::HEXLOWER;
use once_cell::race::OnceBox;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::borrow::Cow;
use std::sync::{Arc, Weak};
use zeroize::Zeroizing;

const REDACTED: &str = "[redacted]";
/// A shorter secret, in bytes, could be any word, and messages without it would be meaningless.
const SHORTEST: usize = 6;
/// A shorter secret, in bytes, is replaced only as a whole word: `demo42` is not part of `demo42-rsa`.
const LONG_ENOUGH: usize = 8;
/// A shorter half of a form, in bytes, could be anything.
const SHORTEST_HALF: usize = 12;

/// A value that must not be shown.
pub trait Hidden: Send + Sync {
    /// The secret, if it is known yet.
    fn hidden(&self) -> Option<&str>;
}

/// All live secrets, and some that were dropped. Read and replaced without a lock, because the process may fork at any
/// moment.
static LIVE: OnceBox<ArcSwap<Vec<Weak<dyn Hidden>>>> = OnceBox::new();

fn live() -> &'static ArcSwap<Vec<Weak<dyn Hidden>>> {
    LIVE.get_or_init(Box::default)
}

/// Replaces `secret` from now on, for as long as it lives.
pub fn watch(secret: &Weak<dyn Hidden>) {
    live().rcu(|live| {
        let mut live: Vec<_> = live.iter().filter(|secret| secret.strong_count() > 0).cloned().collect();
        live.push(secret.clone());
        live
    });
}

/// A text without the live secrets.
pub fn text(text: &str) -> Cow<'_, str> {
    let live: Vec<Arc<dyn Hidden>> = live().load().iter().filter_map(Weak::upgrade).collect();
    without(text, live.iter().filter_map(|secret| secret.hidden()))
}

fn without<'a, 's>(text: &'a str, secrets: impl Iterator<Item = &'s str>) -> Cow<'a, str> {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for secret in secrets.flat_map(parts).filter(|secret| secret.len() >= SHORTEST) {
        for form in forms(secret) {
            find(text.as_bytes(), form.as_bytes(), &mut spans);
        }
    }
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    spans.sort_unstable();
    let mut clean = String::with_capacity(text.len());
    let mut done = 0;
    for (begin, end) in spans {
        // A half may begin or end inside a character.
        let (begin, end) = (text.floor_char_boundary(begin), text.ceil_char_boundary(end));
        if done == 0 || begin > done {
            clean.push_str(&text[done..begin]);
            clean.push_str(REDACTED);
        }
        done = done.max(end);
    }
    clean.push_str(&text[done..]);
    Cow::Owned(clean)
}

/// The parts of a secret. Of a URL these are `user:password` and the password, because its host is not secret. Clients
/// send both to proxies in base64.
fn parts(secret: &str) -> impl Iterator<Item = &str> {
    let authority = secret.split_once("://").map(|(_, authority)| authority);
    let user = authority.and_then(|authority| authority.rsplit_once('@')).map(|(user, _)| user);
    let password = user.and_then(|user| user.split_once(':')).map(|(_, password)| password);
    [authority.is_none().then_some(secret), user, password].into_iter().flatten()
}

/// The characters that a URL may contain unescaped.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A secret, and the forms in which it may have been sent.
fn forms(secret: &str) -> Vec<Zeroizing<String>> {
    let json = serde_json::to_string(secret).unwrap_or_default();
    let json = Zeroizing::new(json);
    let json = json.trim_matches('"');
    let mut forms = vec![
        secret.to_owned(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        utf8_percent_encode(secret, UNRESERVED).to_string(),
        secret.replace(' ', "+"),
        json.to_owned(),
        json.replace('/', "\\/"),
        html(secret),
        HEXLOWER.encode(secret.as_bytes()),
    ];
    for engine in [&STANDARD, &URL_SAFE] {
        forms.extend((0..3).flat_map(|offset| base64_from(engine, secret, offset)));
    }
    forms.sort_unstable();
    forms.dedup();
    forms.into_iter().filter(|form| form.len() >= SHORTEST).map(Zeroizing::new).collect()
}

/// Base64 of a secret that begins this many bytes after a multiple of three: only the characters that depend on nothing
/// else, with and without more data behind the secret.
fn base64_from(engine: &GeneralPurpose, secret: &str, offset: usize) -> [String; 2] {
    let bytes = Zeroizing::new([&[0; 2][..offset], secret.as_bytes()].concat());
    let encoded = Zeroizing::new(engine.encode(&bytes));
    let own = encoded.trim_end_matches('=').get([0, 2, 3][offset]..).unwrap_or_default();
    // The last character may contain bits of the data behind it.
    [own[..own.len().saturating_sub(1)].to_owned(), own.to_owned()]
}

fn html(secret: &str) -> String {
    let escapes = [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&#39;")];
    escapes.iter().fold(secret.to_owned(), |text, (character, escape)| text.replace(*character, escape))
}

/// Finds a form in a text, or one of its halves with as much of the rest as there is. Case is ignored, because escapes
/// and hexadecimal digits use both.
fn find(text: &[u8], form: &[u8], spans: &mut Vec<(usize, usize)>) {
    let half = form.len() / 2;
    let halves = half >= SHORTEST_HALF;
    let (front, back) = if halves { (&form[..half], &form[half..]) } else { (form, form) };
    let mut at = 0;
    while let Some(candidate) = [front, back].iter().filter_map(|part| next(&text[at..], part)).min() {
        at += candidate;
        let rest = &text[at..];
        if starts_with(rest, front) {
            let length = rest.iter().zip(form).take_while(|(one, other)| one.eq_ignore_ascii_case(other)).count();
            let within = at.checked_sub(1).is_some_and(|before| is_part(text[before]))
                || text.get(at + length).is_some_and(|after| is_part(*after));
            if form.len() >= LONG_ENOUGH || !within {
                spans.push((at, at + length));
            }
            at += length;
        } else if halves && starts_with(rest, back) {
            let before = text[..at].iter().rev().zip(form[..half].iter().rev());
            let length = before.take_while(|(one, other)| one.eq_ignore_ascii_case(other)).count();
            spans.push((at - length, at + back.len()));
            at += back.len();
        } else {
            at += 1;
        }
    }
}

/// Where a part may begin in a text: at its first byte, in either case.
fn next(text: &[u8], part: &[u8]) -> Option<usize> {
    let first = part.first()?;
    memchr::memchr2(first.to_ascii_lowercase(), first.to_ascii_uppercase(), text)
}

/// Whether the byte can continue a name.
fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn starts_with(text: &[u8], form: &[u8]) -> bool {
    text.len() >= form.len() && text[..form.len()].eq_ignore_ascii_case(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "01_9f\"/ab&c?d e~ö7_c4d8e5f6a7b8c9";

    fn clean(line: &str) -> String {
        without(line, [KEY].into_iter()).into_owned()
    }

    #[test]
    fn every_form_of_a_secret_is_replaced() {
        for form in forms(KEY) {
            for form in [form.to_string(), form.to_ascii_uppercase()] {
                assert_eq!(clean(&format!("HTTP 400: '{form}' is bad")), "HTTP 400: '[redacted]' is bad", "{form}");
            }
        }
        assert_eq!(clean("nothing of it"), "nothing of it");
    }

    #[test]
    fn base64_is_replaced_wherever_the_secret_begins_in_it() {
        for before in ["", "u", "us", "user", "user:"] {
            for engine in [&STANDARD, &URL_SAFE] {
                for after in ["", "x", "xy"] {
                    let encoded = engine.encode(format!("{before}{KEY}{after}"));
                    let line = clean(&format!("Basic {encoded}"));
                    assert!(line.contains(REDACTED), "{line}");
                    // The characters at both ends may contain bits of the neighbouring data.
                    assert!(line.len() <= "Basic ".len() + REDACTED.len() + 4 + 8 + 8, "{line}");
                }
            }
        }
    }

    #[test]
    fn a_short_secret_is_replaced_in_base64_and_html_too() {
        let secret = "a<b>&'\"c";
        for said in [
            "a&lt;b&gt;&amp;&#39;&quot;c".to_owned(),
            STANDARD.encode(secret),
            STANDARD.encode("user:".to_owned() + secret + ", more"),
        ] {
            let line = without(&said, [secret].into_iter()).into_owned();
            assert!(line.contains(REDACTED), "{said}: {line}");
        }
    }

    #[test]
    fn halves_that_a_cut_leaves_are_replaced() {
        for form in forms(KEY).iter().filter(|form| form.len() >= 2 * SHORTEST_HALF) {
            let cut = form.floor_char_boundary(form.len() * 2 / 3);
            let from = form.ceil_char_boundary(form.len() / 3);
            assert_eq!(clean(&format!("a {} ...", &form[..cut])), "a [redacted] ...");
            assert_eq!(clean(&format!("... {} z", &form[from..])), "... [redacted] z");
        }
    }

    #[test]
    fn several_secrets_and_repetitions_are_replaced_and_short_words_are_not() {
        let secrets = ["hunter2hunter2", "wrong", "demo42", "pass:word", "https://me:proxy-pass@h:1", "http://h:80"];
        let said = "hunter2hunter2 wrong demo42 demo42-rsa hunter2hunter2pass:word me proxy-pass bWU6cHJveHktcGFzcw== http://h:80";
        let line = without(said, secrets.into_iter());
        let clean = "[redacted] wrong [redacted] demo42-rsa [redacted] me [redacted] [redacted]== http://h:80";
        assert_eq!(line, clean);
        assert_eq!(without("wrong password", ["not-the-password"].into_iter()), "wrong password");
    }

    #[test]
    fn secrets_that_were_dropped_leave_nothing_behind_and_the_others_stay() {
        let first = crate::config::Secret::new("the first secret of this test");
        for number in 0..500 {
            drop(crate::config::Secret::new(format!("dropped secret {number}")));
        }
        let last = crate::config::Secret::new("the last secret of this test");
        assert_eq!(text("the first secret of this test, the last secret of this test"), "[redacted], [redacted]");
        assert!(live().load().len() < 400, "{}", live().load().len());
        drop((first, last));
    }

    #[test]
    fn a_secret_is_known_for_as_long_as_it_lives() {
        let secret = crate::config::Secret::new("a secret of this test alone");
        assert_eq!(text("x a secret of this test alone"), "x [redacted]");
        drop(secret);
        assert_eq!(text("x a secret of this test alone"), "x a secret of this test alone");
    }
}
