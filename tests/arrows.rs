//! The dependencies between files in `src/`, found by parsing their `use` lines and paths: they point only downwards,
//! and form no circles. docs/architecture.md has the picture.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};

/// The layers from the top down. A file may depend on files of its own module and of every lower layer, but not of
/// another module in the same layer.
const FLOORS: &[&[&str]] = &[
    &["abi", "windows"],
    &["boundary"],
    &["token/mod"],
    &["token/direct", "token/login"],
    &["token/module"],
    &["token/session_table"],
    &["token/session"],
    &["token/operation", "token/slot"],
    &["token/object"],
    &["service", "mechanism"],
    &["ledger"],
    &["log"],
    &["config"],
    // The foundation of everything else.
    &[""],
];

/// The layers without circles between their files. (`log` and `config` are single files with submodules.)
const WITHOUT_CIRCLES: &[&str] = &["abi", "boundary", "mechanism", "service", "token", "windows"];

/// The crate's root depends on everything, and nothing depends on it.
const ROOT: &str = "lib";

/// Files by their path below `src`, without `.rs`, each with its dependencies.
type Arrows = BTreeMap<String, BTreeSet<String>>;

/// The paths in a file: absolute ones, as segments from the crate's root.
struct Paths<'a> {
    /// The module that is being read.
    module: Vec<String>,
    /// Every module of the crate.
    modules: &'a BTreeMap<Vec<String>, String>,
    found: BTreeSet<Vec<String>>,
}

impl Paths<'_> {
    /// Makes a path absolute; ignores paths into other crates.
    fn take(&mut self, path: &[String]) {
        let mut from = self.module.clone();
        let mut rest = path;
        match path.first().map(String::as_str) {
            Some("crate") => (from, rest) = (Vec::new(), &path[1..]),
            Some("self") => rest = &path[1..],
            Some("super") => {
                while rest.first().is_some_and(|segment| segment == "super") {
                    from.pop();
                    rest = &rest[1..];
                }
            }
            // A module inside of this one; anything else is a name in scope, or another crate.
            Some(first) if self.modules.contains_key(&[&from[..], &[first.to_owned()]].concat()) => {}
            _ => return,
        }
        self.found.insert([from, rest.to_vec()].concat());
    }

    fn tree(&mut self, tree: &syn::UseTree, before: &[String]) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.tree(&path.tree, &with(&path.ident)),
            syn::UseTree::Name(name) => self.take(&with(&name.ident)),
            syn::UseTree::Rename(name) => self.take(&with(&name.ident)),
            syn::UseTree::Glob(_) => self.take(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(item, before)),
        }
    }

    /// The paths in the words of a macro.
    fn words(&mut self, words: proc_macro2::TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for word in words {
            match word {
                proc_macro2::TokenTree::Punct(colon) if colon.as_char() == ':' => colons += 1,
                proc_macro2::TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.take(&std::mem::take(&mut path));
                    }
                    colons = 0;
                    path.push(name.to_string());
                }
                other => {
                    self.take(&std::mem::take(&mut path));
                    colons = 0;
                    if let proc_macro2::TokenTree::Group(group) = other {
                        self.words(group.stream());
                    }
                }
            }
        }
        self.take(&path);
    }
}

/// Whether an item exists only for tests, which may use anything.
fn for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    })
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if for_tests(&item.attrs) {
            return;
        }
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !for_tests(&item.attrs) {
            self.tree(&item.tree, &[]);
        }
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {
        // `pub(in crate::token)` restricts visibility, and is not a dependency.
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 {
            self.take(&segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        self.words(invocation.tokens.clone());
        visit::visit_macro(self, invocation);
    }
}

/// Every `.rs` file below a folder.
fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("its entries, too").path();
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The dependencies of sources, given by name and text.
fn arrows(sources: &BTreeMap<String, String>) -> Arrows {
    let module = |name: &str| -> Vec<String> {
        let segments = name.split('/').map(str::to_owned);
        segments.filter(|segment| segment != "mod" && segment != "lib").collect()
    };
    let modules: BTreeMap<Vec<String>, String> = sources.keys().map(|name| (module(name), name.clone())).collect();
    assert_eq!(modules.len(), sources.len(), "two files are one module");
    let read = |(name, text): (&String, &String)| {
        let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut paths = Paths { module: module(name), modules: &modules, found: BTreeSet::new() };
        paths.visit_file(&parsed);
        let known = paths.found.iter().filter_map(|path| {
            // The longest prefix that is a file; the rest are names in it.
            (1..=path.len()).rev().find_map(|length| modules.get(&path[..length]))
        });
        (name.clone(), known.filter(|other| *other != name).cloned().collect())
    };
    sources.iter().map(read).collect()
}

/// The floor and the room of a file.
fn place(name: &str) -> (usize, &'static str) {
    let room = |(floor, rooms): (usize, &&[&'static str])| {
        let in_room = |room: &&&str| {
            name.strip_prefix(**room).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || room.is_empty())
        };
        rooms.iter().find(in_room).map(|room| (floor, *room))
    };
    FLOORS.iter().enumerate().find_map(room).expect("the last floor has everything")
}

/// Dependencies that point upwards, or to a neighbouring module.
fn up(arrows: &Arrows) -> Vec<String> {
    let mut found = Vec::new();
    for (name, known) in arrows.iter().filter(|(name, _)| *name != ROOT) {
        let (floor, room) = place(name);
        let wrong = known.iter().filter(|other| {
            let (lower, other_room) = place(other);
            *other == ROOT || lower < floor || lower == floor && other_room != room
        });
        found.extend(wrong.map(|other| format!("{name} knows {other}")));
    }
    found
}

/// Everything that a file depends on, directly and indirectly.
fn reach<'a>(name: &str, arrows: &'a Arrows) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = arrows[name].iter().map(String::as_str).collect();
    while let Some(name) = next.pop() {
        if reached.insert(name) {
            next.extend(arrows[name].iter().map(String::as_str));
        }
    }
    reached
}

/// The circles, one line for each, with the dependencies in it.
fn circles(arrows: &Arrows) -> Vec<String> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = arrows.keys().map(|name| (&name[..], reach(name, arrows))).collect();
    let knot = |name: &str| -> BTreeSet<&str> {
        reached[name].iter().filter(|other| reached[**other].contains(name)).copied().collect()
    };
    let knots: BTreeSet<BTreeSet<&str>> = reached
        .keys()
        .map(|name| knot(name))
        .filter(|knot| {
            knot.iter().any(|name| name.split('/').next().is_some_and(|floor| WITHOUT_CIRCLES.contains(&floor)))
        })
        .collect();
    let line = |knot: BTreeSet<&str>| {
        let inside = |(one, other): &(&str, &String)| knot.contains(one) && knot.contains(&other[..]);
        let all = arrows.iter().flat_map(|(one, known)| known.iter().map(move |other| (&one[..], other)));
        all.filter(inside).map(|(one, other)| format!("{one} -> {other}")).collect::<Vec<_>>().join(", ")
    };
    knots.into_iter().map(line).collect()
}

fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    files(&root, &mut paths);
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&root).expect("it is below src").with_extension("");
        (name.to_string_lossy().replace('\\', "/"), fs::read_to_string(&path).expect("a source can be read"))
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn arrows_run_down_only() {
    let arrows = arrows(&sources());
    assert!(arrows["token/module"].contains("token/session_table"), "the arrows are not read: {arrows:?}");
    let up = up(&arrows);
    assert!(up.is_empty(), "arrows that run up or aside:\n{}", up.join("\n"));
}

#[test]
fn no_files_know_each_other_in_a_circle() {
    let circles = circles(&arrows(&sources()));
    assert!(circles.is_empty(), "circles:\n{}", circles.join("\n"));
}

/// The sources with an additional line in one of them.
fn with(name: &str, line: &str) -> Arrows {
    let mut sources = sources();
    sources.get_mut(name).unwrap_or_else(|| panic!("there is no {name}")).push_str(line);
    arrows(&sources)
}

#[test]
fn an_arrow_that_runs_up_is_found_however_it_is_written() {
    for (name, line, expected) in [
        ("service/retry", "use crate::token::Module;", "service/retry knows token/mod"),
        ("mechanism/digest", "use crate::{error, service::Failure};", "mechanism/digest knows service/mod"),
        ("token/object/class", "fn up(_: &super::super::slot::Slot) {}", "token/object/class knows token/slot/mod"),
        ("token/slot/account", "const UP: &str = stringify!(crate::abi::C_Sign);", "token/slot/account knows abi/mod"),
        ("windows/status", "use crate::abi::C_Sign as sign;", "windows/status knows abi/mod"),
        ("config/mod", "mod inner { use super::super::boundary; }", "config/mod knows boundary/mod"),
    ] {
        let up = up(&with(name, line));
        assert!(up.iter().any(|arrow| arrow == expected), "{line} in {name}: {up:?}");
    }
}

#[test]
fn a_circle_is_found() {
    let found = circles(&with("token/object/class", "use super::object::Object;")).join("\n");
    let arrows = ["token/object/class -> token/object/object", "token/object/object -> token/object/class"];
    assert!(arrows.iter().all(|arrow| found.contains(arrow)), "{found}");
}

#[test]
fn unsafe_code_is_allowed_in_three_rooms() {
    let allows =
        |text: &str| text.lines().any(|line| line.trim_start().starts_with("#") && line.contains("allow(unsafe_code"));
    let rooms: Vec<String> = sources().into_iter().filter(|(_, text)| allows(text)).map(|(name, _)| name).collect();
    assert_eq!(rooms, ["abi/mod", "boundary/mod", "windows/mod"]);
    assert!(include_str!("../src/lib.rs").contains("#![deny(unsafe_code)]"));
}
