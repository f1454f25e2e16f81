//! Checks that the files and functions in docs/architecture.md exist.

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text in backquotes on a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Paths on the page, relative to the repository or to `src`. Words with a blank or a placeholder do not count.
fn paths(page: &str) -> Vec<&str> {
    let is_path = |text: &&str| {
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
        let file = [".rs", ".sh", ".md", ".toml"].iter().any(|ending| text.ends_with(ending));
        plain && (file || text.ends_with('/') || text.starts_with("tests/"))
    };
    page.lines().flat_map(quoted).filter(is_path).collect()
}

/// The rows of the walk: file and function.
fn walk(page: &str) -> Vec<(&str, &str)> {
    let begin = page.find("| file | function |").expect("the page walks one C_Sign");
    page[begin..]
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let mut quoted = quoted(line);
            (quoted.next().expect("a row has a file"), quoted.next().expect("a row has a function"))
        })
        .collect()
}

/// Whether a source defines a function of this name.
fn defines(source: &str, function: &str) -> bool {
    source.match_indices("fn ").any(|(at, _)| {
        let rest = &source[at + 3..];
        rest.strip_prefix(function).is_some_and(|rest| rest.starts_with(['(', '<']))
    })
}

#[test]
fn every_file_that_the_page_names_is_there() {
    let (page, root) = (read("docs/architecture.md"), Path::new(env!("CARGO_MANIFEST_DIR")));
    let paths = paths(&page);
    assert!(paths.len() > 60, "the page's paths are not read: {paths:?}");
    let missing: Vec<_> = paths
        .into_iter()
        .filter(|path| {
            let found = |start: &str| root.join(start).join(path).exists();
            !(["", "src", "tests", "docs"].iter().any(|start| found(start)))
        })
        .collect();
    assert!(missing.is_empty(), "docs/architecture.md names what is not there: {missing:?}");
}

#[test]
fn every_function_of_the_walk_is_in_its_file() {
    let page = read("docs/architecture.md");
    let walk = walk(&page);
    assert!(walk.len() > 15, "the walk is not read: {walk:?}");
    for (file, function) in walk {
        assert!(defines(&read(file), function), "docs/architecture.md: {file} has no function {function}");
    }
}

#[test]
fn a_function_that_is_not_there_is_missed() {
    assert!(defines("pub fn sign(&self)", "sign"));
    assert!(defines("fn put<T>(place: *mut T)", "put"));
    assert!(!defines("pub fn sign_update(&self)", "sign"));
    assert!(!defines("let sign = 1;", "sign"));
}
