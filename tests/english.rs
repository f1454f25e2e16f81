//! Keeps the worst habits of our first texts out of everything that users read: pages, configuration files, help, messages.

use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};

/// Habits, and what to write instead.
const HABITS: &[(&str, &str)] = &[
    ("is no", "is not a"),
    ("are no", "are not"),
    ("want", "require"),
    ("wants", "requires"),
    ("who has", "users with"),
    ("for who", "for users who"),
    ("what answers", "the server"),
    ("anew", "again"),
    ("are taken", "are accepted"),
    ("is taken", "is accepted, is in use"),
    ("the case of", "case-sensitive"),
    ("by way of", "through, with"),
    ("look-up", "lookup"),
    ("look-ups", "lookups"),
    ("does no harm", "is ignored"),
    ("nothing to pay", "not billed"),
    ("whoever has", "users with"),
    ("whoever", "users who, programs that"),
    ("folder", "directory"),
    ("folders", "directories"),
    ("is told", "gets, reads"),
    ("are told", "get, read"),
    ("is asked for", "is requested, is required"),
    ("are asked for", "are requested, are required"),
    ("stands in", "is in"),
    ("stands beside", "is beside"),
    ("lies in", "is in"),
    ("lies beside", "is beside"),
    ("but for", "except for"),
    ("nobody's", "not owned"),
    ("somebody's", "another user's"),
    ("takes the place of", "replaces"),
    ("takes its place", "replaces it"),
    ("goes on", "continues"),
    ("go on", "continue"),
    ("lets through", "includes"),
    ("spends no", "uses up no"),
    ("has no end", "does not end"),
];

/// Where a habit is right: the beginning of the path, the surrounding words, and the reason.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("", "there is no", "an ordinary sentence: the subject is there"),
    ("", "there are no", "the same"),
    ("", "you want", "a person may want something"),
    ("", "user who has", "a relative clause with its noun"),
    ("packaging", "folder", "FOLDER is a variable of these scripts"),
    ("emulator/src", "alias is taken", "already in use is what it means"),
];

/// The habits in a text, each with the words around it.
fn found(path: &str, text: &str) -> Vec<String> {
    let words: Vec<String> = text
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '\'')))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let mut bad = Vec::new();
    for (habit, instead) in HABITS {
        let habit: Vec<&str> = habit.split(' ').collect();
        for (at, window) in words.windows(habit.len()).enumerate() {
            if window != habit {
                continue;
            }
            let around = words[at.saturating_sub(2)..words.len().min(at + habit.len() + 2)].join(" ");
            let right = ALLOWED.iter().any(|(file, words, _)| path.starts_with(file) && around.contains(words));
            if !right {
                bad.push(format!("{path}: \"{around}\": write {instead}"));
            }
        }
    }
    bad
}

/// The prose of a page, without code.
fn prose(page: &str) -> String {
    let mut text = String::new();
    let mut fenced = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            text.extend(line.split('`').step_by(2).flat_map(|part| [part, " code "]));
            text.push('\n');
        }
    }
    text
}

/// The string literals of a source outside tests, and with `help` the help texts (doc comments of the command line's types).
#[derive(Default)]
struct Texts {
    help: bool,
    found: Vec<String>,
}

impl Texts {
    fn tokens(&mut self, tokens: proc_macro2::TokenStream) {
        for token in tokens {
            match token {
                proc_macro2::TokenTree::Group(group) => self.tokens(group.stream()),
                proc_macro2::TokenTree::Literal(literal) => {
                    if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                        self.found.push(text.value());
                    }
                }
                _ => {}
            }
        }
    }
}

fn for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string().contains("test"),
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::NameValue(_) => false,
    })
}

impl<'ast> Visit<'ast> for Texts {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !for_tests(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if self.help || !attribute.path().is_ident("doc") {
            visit::visit_attribute(self, attribute);
        }
    }

    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        self.found.push(text.value());
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
    }
}

/// The files below a directory of the repository.
fn files(below: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut todo = vec![root.join(below)];
    let mut files = Vec::new();
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("the directory");
            todo.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn name(path: &Path) -> String {
    let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("of the repository");
    name.display().to_string().replace('\\', "/")
}

#[test]
fn pages_and_ready_made_files_are_plain_english() {
    let pages = [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs",
        "config",
        "packaging",
        "emulator/README.md",
        "fuzz/README.md",
        "tests/clients/README.md",
        ".github",
        ".cargo",
        "Cargo.toml",
        "charts/Cargo.toml",
        "cli/Cargo.toml",
        "emulator/Cargo.toml",
        "deny.toml",
    ];
    let mut bad = Vec::new();
    for path in pages.iter().flat_map(|below| files(below)) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let name = name(&path);
        let text = if name.ends_with(".md") { prose(&text) } else { text };
        bad.extend(found(&name, &text));
    }
    assert!(bad.is_empty(), "{} places:\n{}", bad.len(), bad.join("\n"));
}

#[test]
fn messages_and_help_are_plain_english() {
    let mut bad = Vec::new();
    for (below, help) in [("src", false), ("cli/src", true), ("emulator/src", true)] {
        for path in files(below) {
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let source = fs::read_to_string(&path).expect("a source");
            let mut texts = Texts { help, ..Texts::default() };
            texts.visit_file(&syn::parse_file(&source).expect("Rust"));
            let name = name(&path);
            bad.extend(texts.found.iter().flat_map(|text| found(&name, text)));
        }
    }
    assert!(bad.is_empty(), "{} places:\n{}", bad.len(), bad.join("\n"));
}

/// Nouns that messages count; `stm_pkcs11::plural` puts them into the right number.
const COUNTED: &[&str] = &[
    "addresses",
    "bytes",
    "bits",
    "certificates",
    "characters",
    "entries",
    "files",
    "keypairs",
    "lines",
    "operations",
    "requests",
    "retries",
    "signatures",
    "warnings",
];

/// Where a plural after a value is right: the beginning of the path, the surrounding words, and the reason.
const PLURAL: &[(&str, &str, &str)] = &[
    ("src/mechanism/key.rs", "has {} bytes", "a constant: the length of post-quantum public keys"),
    ("src/mechanism/signing.rs", "at most {most} bytes", "a limit of many bytes"),
    ("src/mechanism/signing.rs", "a salt of {", "the length of a digest"),
    (
        "src/mechanism/signing.rs",
        "(it has a salt of {salt} bytes)",
        "a salt of one byte would be no defect worth a rule",
    ),
    ("src/service/transport.rs", "longer than {limit} bytes", "a limit of many bytes"),
    ("src/abi/reserved.rs", "{MAX_TEXT} bytes", "a constant"),
    ("cli/src/codesign", "can sign code: {}", "the message for several keypairs"),
    ("cli/src/command/sign_file.rs", "files are named", "the message for several files"),
    ("cli/src", "{} keypairs do not sign", "the value is a kind of key, not a count"),
];

#[test]
fn a_count_has_its_noun_in_the_right_number() {
    let mut bad = Vec::new();
    for path in
        ["src", "cli/src"].iter().flat_map(|below| files(below)).filter(|path| path.extension() == Some("rs".as_ref()))
    {
        let mut texts = Texts::default();
        texts.visit_file(&syn::parse_file(&fs::read_to_string(&path).expect("a source")).expect("Rust"));
        let name = name(&path);
        for text in &texts.found {
            let right = PLURAL.iter().any(|(file, words, _)| name.starts_with(file) && text.contains(words));
            if let (false, Some(noun)) = (right, COUNTED.iter().find(|noun| text.contains(&format!("}} {noun}")))) {
                bad.push(format!("{name}: \"{text}\": use plural::counted for {noun}"));
            }
        }
    }
    assert!(bad.is_empty(), "{} places:\n{}", bad.len(), bad.join("\n"));
}

#[test]
fn a_habit_is_found_and_what_is_right_is_left_alone() {
    assert_eq!(found("x", "the file is no certificate").len(), 1);
    assert_eq!(found("x", "there is no certificate"), [] as [String; 0]);
    assert_eq!(found("x", "the client\nwants it anew").len(), 2);
    assert_eq!(found("x", &prose("`wants`\n```\nanew\n```\n")), [] as [String; 0]);
    let mut texts = Texts::default();
    let source = r#"fn f() { g("one", format!("two {x}")); } #[cfg(test)] mod tests { fn t() { g("three"); } }"#;
    texts.visit_file(&syn::parse_file(source).expect("Rust"));
    assert_eq!(texts.found, ["one", "two {x}"]);
}
