"""Puts every change that cargo-mutants knows into one copy of the sources, each behind a switch, so that one build has them all.

    switches.py write LIST SOURCES COPY DROPPED    writes the changed files of SOURCES to COPY
    switches.py drop LIST COPY DROPPED < MESSAGES  adds the changes that do not compile to DROPPED, as cargo's messages (JSON) tell

LIST is what `cargo mutants --list --json` prints; a change's number is its place there. A change is made while the environment variable MUTANT
has its number. If MUTANTS_REACHED names a file, a process writes the number of each change that it comes to there, as 32 bits, little endian.
COPY/switches.json has the bytes of the changed files where the text of each change is, and why the others have no switch.

Written as `if switched(7) { CHANGED } else { ORIGINAL }`, a change needs no knowledge of types. What must be constant can have no switch.
"""

import json
import pathlib
import re
import sys

import tree_sitter
import tree_sitter_rust

LANGUAGE = tree_sitter.Language(tree_sitter_rust.language())
SWITCHED = "crate::switches::switched"
ALLOWED = (
    "#![allow(warnings, arithmetic_overflow, unconditional_panic, unconditional_recursion, overflowing_literals)]\n"
    "pub mod switches;\n"
)
MODULE = """//! Which change is made.
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering::Relaxed};

static MADE: AtomicU32 = AtomicU32::new(u32::MAX);
static RECORD: AtomicPtr<libc::c_char> = AtomicPtr::new(std::ptr::null_mut());
static REACHED: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];

// Before any function of the library runs, so that none of them reads the environment later.
extern "C" fn at_load() {
    unsafe {
        let made = libc::getenv(c"MUTANT".as_ptr());
        if !made.is_null() {
            MADE.store(libc::atoi(made) as u32, Relaxed);
        }
        let record = libc::getenv(c"MUTANTS_REACHED".as_ptr());
        if !record.is_null() {
            RECORD.store(libc::strdup(record), Relaxed);
        }
    }
}

#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = at_load;

#[inline(always)]
pub fn switched(number: u32) -> bool {
    if !RECORD.load(Relaxed).is_null() {
        record(number);
    }
    MADE.load(Relaxed) == number
}

#[cold]
fn record(number: u32) {
    if !REACHED[number as usize].swap(true, Relaxed) {
        unsafe {
            let error = *libc::__errno_location();
            // Opened each time, because a host may close any descriptor.
            let file = libc::open(RECORD.load(Relaxed), libc::O_WRONLY | libc::O_APPEND | libc::O_CLOEXEC);
            libc::write(file, number.to_le_bytes().as_ptr().cast(), 4);
            libc::close(file);
            *libc::__errno_location() = error;
        }
    }
}
"""


class NoSwitch(Exception):
    """Why a change has none."""


class File:
    """A source file, and the changes that are to be put into it."""

    def __init__(self, path):
        self.source = path.read_bytes()
        self.root = tree_sitter.Parser(LANGUAGE).parse(self.source).root_node
        self.lines = [0] + [match.end() for match in re.finditer(b"\n", self.source)]
        # The range and the kind of what is replaced: numbers and texts of the changes there.
        self.places = {}

    def offset(self, place):
        """cargo-mutants counts lines and columns from one, and columns in characters."""
        start = self.lines[place["line"] - 1]
        line = self.source[start : start + 4 * place["column"]].decode(errors="ignore")
        return start + len(line[: place["column"] - 1].encode())

    def text(self, node):
        return self.source[node.start_byte : node.end_byte].decode()

    def add(self, number, change):
        start, end = self.offset(change["span"]["start"]), self.offset(change["span"]["end"])
        genre, text = change["genre"], change["replacement"]
        node = self.root.descendant_for_byte_range(start, start + 1 if genre == "StructField" else end)
        refuse_constants(node)
        place, changed = getattr(self, GENRES[genre])(node, start, text, change)
        self.places.setdefault(place, []).append((number, changed))

    def body(self, node, _, text, change):
        if (change["function"]["return_type"] or "").startswith("-> impl"):
            raise NoSwitch("returns an opaque type")
        block = above(node, "block")
        while block.parent.type != "function_item":
            block = above(block.parent, "block")
        return (block.start_byte + 1, block.end_byte, "body"), text

    def binary(self, node, start, text, _):
        node = above(node, "binary_expression", "compound_assignment_expr")
        operator = node.child_by_field_name("operator")
        if operator.start_byte != start:
            raise NoSwitch("part of a condition with patterns")
        left, right = (self.text(node.child_by_field_name(side)) for side in ("left", "right"))
        # `a as u64 < b` would begin the arguments of a type.
        left = left if node.type.startswith("compound") else f"({left})"
        return (node.start_byte, node.end_byte, "value"), f"{left} {text} {right}"

    def unary(self, node, *_):
        node = above(node, "unary_expression")
        return (node.start_byte, node.end_byte, "value"), self.text(node)[1:]

    def arm(self, node, _, text, change):
        pattern = above(node, "match_arm").child_by_field_name("pattern")
        guard = pattern.child_by_field_name("condition")
        changed = text if change["genre"] == "MatchArmGuard" else "delete"
        if guard is None:
            return (pattern.end_byte, pattern.end_byte, "arm"), changed
        if guard.type in ("let_condition", "let_chain"):
            raise NoSwitch("part of a condition with patterns")
        return (guard.start_byte, guard.end_byte, "guard"), changed

    def field(self, node, *_):
        node = above(node, "field_initializer", "shorthand_field_initializer")
        base = next(child for child in node.parent.children if child.type == "base_field_initializer")
        struct = self.text(node.parent.parent.child_by_field_name("name"))
        value = node.child_by_field_name("value")
        name = self.text(node.child_by_field_name("field") if value else node)
        place = (value.start_byte, value.end_byte, "value") if value else (node.start_byte, node.end_byte, f"{name}: ")
        return place, f"({struct} {{ {self.text(base)} }}).{name}"

    def written(self):
        """The new text, and where the text of each change is in it."""
        pieces = []
        for (start, end, kind), changes in self.places.items():
            before, after = surroundings(kind, changes)
            # Of two at one place, the one inside opens last and closes first. A guard is around the value that it consists of.
            inside = kind != "guard"
            pieces.append((start, 1, (-end, inside), before))
            if after:
                pieces.append((end, 0 if end > start else 2, (-start, not inside), after))
        pieces.sort(key=lambda piece: piece[:3])
        out, places, copied = bytearray(), {}, 0
        for at, _, _, texts in pieces:
            out += self.source[copied:at]
            copied = at
            for text in texts:
                if isinstance(text, tuple):
                    number, text = text
                    places[number] = [len(out), len(out) + len(text.encode())]
                out += text.encode()
        return bytes(out + self.source[copied:]), places


GENRES = {
    "FnValue": "body",
    "BinaryOperator": "binary",
    "UnaryOperator": "unary",
    "MatchArm": "arm",
    "MatchArmGuard": "arm",
    "StructField": "field",
}


def above(node, *types):
    while node is not None and node.type not in types:
        node = node.parent
    if node is None:
        raise NoSwitch("part of a condition with patterns")
    return node


def refuse_constants(node):
    while node is not None and node.type not in ("closure_expression", "function_item"):
        if node.type in ("const_item", "static_item", "array_type"):
            raise NoSwitch("constant")
        node = node.parent
    if node is not None and any(child.type == "function_modifiers" and b"const" in child.text for child in node.children):
        raise NoSwitch("constant function")


def surroundings(kind, changes):
    """What is written before and after the original; a change is a pair of number and text."""
    if kind == "body":
        before = []
        for number, text in changes:
            before += [f" if {SWITCHED}({number}) {{ ", (number, "return;" if text == "()" else f"return {text};"), " }"]
        return [*before, " "], []
    if kind in ("arm", "guard"):
        before = [" if (" if kind == "arm" else "("]
        for number, _ in (change for change in changes if change[1] == "true"):
            before += [(number, f"{SWITCHED}({number})"), " || "]
        before.append("(")
        for number, _ in (change for change in changes if change[1] != "true"):
            before += [(number, f"!{SWITCHED}({number})"), " && "]
        return ([*before, "("], [")))"]) if kind == "guard" else ([*before, "true))"], [])
    # A field without a value of its own, `Struct { name }`, gets one.
    before = ["(" if kind == "value" else f"{kind}("]
    for number, text in changes:
        before += [f"if {SWITCHED}({number}) {{ ", (number, text), " } else "]
    return [*before, "{ "], [" })"]


def write(list_, sources, copy, dropped):
    files, reasons, places = {}, {}, {}
    for number, change in enumerate(list_):
        name = change["file"]
        if name not in files:
            files[name] = File(sources / name)
        if number not in dropped:
            try:
                files[name].add(number, change)
            except NoSwitch as reason:
                reasons[number] = str(reason)
    for name, file in files.items():
        text, placed = file.written()
        (copy / name).write_bytes(text)
        places.update({number: [name, *range_] for number, range_ in placed.items()})
    (copy / "src/switches.rs").write_text(MODULE.replace("COUNT", str(len(list_))))
    library = (sources / "src/lib.rs").read_text()
    # The first line that is not of the library as a whole.
    at = re.search(r"^(#\[|mod |pub )", library, re.M).start()
    (copy / "src/lib.rs").write_text(library[:at].replace("#![deny(unsafe_code)]", "") + ALLOWED + library[at:])
    (copy / "switches.json").write_text(json.dumps({"places": places, "reasons": reasons}))


def drop(list_, copy, messages):
    """The numbers of the changes that compiler errors are about."""
    of_file = {}
    for number, (name, start, end) in json.loads((copy / "switches.json").read_text())["places"].items():
        of_file.setdefault(name, []).append((end - start, start, end, int(number)))
    numbers, unknown = set(), []
    for line in messages:
        message = json.loads(line).get("message") if line.startswith("{") else None
        if not isinstance(message, dict) or message["level"] != "error" or not message["spans"]:
            continue
        found = None
        for span in sorted(message["spans"], key=lambda span: not span["is_primary"]):
            around = [each for each in of_file.get(span["file_name"], []) if each[1] <= span["byte_start"] and span["byte_end"] <= each[2]]
            if around:
                found = min(around)[3]
                break
        if found is None and (message["code"] or {}).get("code") == "E0004":
            # Without one of its arms, a match is not exhaustive; the next try finds whether it is this one.
            span = message["spans"][0]
            arms = [each for each in of_file.get(span["file_name"], []) if each[1] >= span["byte_start"] and list_[each[3]]["genre"] == "MatchArm"]
            found = min(arms, key=lambda each: each[1])[3] if arms else None
        if found is None:
            unknown.append(message["rendered"])
        else:
            numbers.add(found)
    if not numbers:
        sys.exit("no change is known to be the reason of:\n" + "\n".join(unknown))
    return numbers


def main():
    list_ = json.loads(pathlib.Path(sys.argv[2]).read_text())
    dropped = pathlib.Path(sys.argv[-1])
    numbers = set(map(int, dropped.read_text().split())) if dropped.exists() else set()
    if sys.argv[1] == "write":
        write(list_, pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4]), numbers)
    else:
        numbers |= drop(list_, pathlib.Path(sys.argv[3]), sys.stdin)
        dropped.write_text("".join(f"{number}\n" for number in sorted(numbers)))


main()
