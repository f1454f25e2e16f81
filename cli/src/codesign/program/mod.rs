//! The programs that put signatures into files: what they are called, where they are, how they are run.
//!
//! To add one: a variant of [`Tool`], its row in [`PROGRAMS`], a file with `sign` and `verify`, and its place in the rows of
//! [`super::kind::KINDS`].

mod apksigner;
mod find;
mod jarsigner;
mod java;
mod jsign;
mod osslsigncode;
mod process;
mod second_run;
mod signtool;

pub use osslsigncode::{extract_signature, remove_signature};

use super::kind::{self, Kind};
use super::options::Options;
use super::signer::Signer;
use super::timestamp::Authority;
use super::turns::Turns;
use crate::on_path;
use crate::print::{Exit, Failure};
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Tool {
    Osslsigncode,
    Signtool,
    Jarsigner,
    Apksigner,
    Jsign,
}

/// A program, as people look for it.
pub struct Program {
    pub tool: Tool,
    pub name: &'static str,
    /// Where it is, on this machine.
    find: fn() -> Option<PathBuf>,
    /// How to get it, as an instruction.
    pub install: &'static str,
    /// Whether the installed version can sign files of a kind with these options. Anything that would fail after the first signature
    /// of a run must fail here.
    can: fn(&Path, &Use<'_>) -> Result<(), Unfit>,
    /// What it reads from the file before anything is spent: a file that it cannot read is refused by then. The directory is for
    /// whatever it writes.
    prepare: fn(&Path, &Look<'_>) -> Result<Vec<u8>, Failure>,
    sign: fn(&Path, &Job<'_>) -> Result<Made, Failure>,
    /// Whether the signatures of a file are good, by the program's own word.
    verify: fn(&Path, &Path, &Trust<'_>) -> Result<Verified, Failure>,
}

pub static PROGRAMS: &[Program] = &[
    Program {
        tool: Tool::Osslsigncode,
        name: "osslsigncode",
        find: || on_path::find("osslsigncode"),
        install: "apt-get install osslsigncode",
        can: osslsigncode::can,
        prepare: osslsigncode::prepare,
        sign: osslsigncode::sign,
        verify: osslsigncode::verify,
    },
    Program {
        tool: Tool::Signtool,
        name: "signtool",
        find: find::signtool,
        install: "install the Windows SDK's signing tools, or put signtool.exe on the PATH",
        can: signtool::can,
        prepare: |_, _| Ok(Vec::new()),
        sign: signtool::sign,
        verify: signtool::verify,
    },
    Program {
        tool: Tool::Jarsigner,
        name: "jarsigner",
        find: || find::in_java("jarsigner"),
        install: "apt-get install default-jdk-headless, or set JAVA_HOME",
        can: jarsigner::can,
        prepare: |_, _| Ok(Vec::new()),
        sign: jarsigner::sign,
        verify: jarsigner::verify,
    },
    Program {
        tool: Tool::Apksigner,
        name: "apksigner",
        find: find::apksigner,
        install: "apt-get install apksigner, or set ANDROID_HOME",
        can: apksigner::can,
        prepare: |_, _| Ok(Vec::new()),
        sign: apksigner::sign,
        verify: apksigner::verify,
    },
    Program {
        tool: Tool::Jsign,
        name: "jsign",
        find: || on_path::find("jsign"),
        install: "install the package of https://github.com/ebourg/jsign (7.0 or later)",
        can: jsign::can,
        prepare: |_, _| Ok(Vec::new()),
        sign: jsign::sign,
        verify: jsign::verify,
    },
];

/// What a program is wanted for.
pub struct Use<'a> {
    pub kind: Kind,
    pub signer: &'a Signer,
    pub options: &'a Options,
}

/// Why an installed program does not sign a file.
pub struct Unfit {
    /// Follows the program's name.
    why: String,
    /// The fix, as an imperative.
    remedy: String,
}

impl Unfit {
    fn new(why: impl Into<String>, remedy: impl Into<String>) -> Unfit {
        Unfit { why: why.into(), remedy: remedy.into() }
    }
}

/// A file before it is signed.
pub struct Look<'a> {
    pub kind: Kind,
    pub path: &'a Path,
    /// A directory for whatever is written, which goes away afterwards.
    pub work: &'a Path,
    pub options: &'a Options,
}

/// What signatures are verified against.
pub struct Trust<'a> {
    pub kind: Kind,
    /// Certificates in PEM.
    pub anchors: &'a Path,
    /// Whether a chain that leads to none of them is an error; otherwise the file alone is checked there.
    pub strict: bool,
    /// Whether time stamps are verified against them, too.
    pub stamps: bool,
    /// A directory for whatever is written, which goes away afterwards.
    pub work: &'a Path,
}

/// A file to sign: a copy that belongs to nobody else.
pub struct Job<'a> {
    pub kind: Kind,
    /// The copy, under the name of the original.
    pub source: PathBuf,
    /// Where the signed file is to be.
    pub signed: PathBuf,
    /// What `prepare` read.
    pub prepared: &'a [u8],
    /// What the signature is verified against.
    pub trust: &'a Trust<'a>,
    /// A directory for whatever else is needed, which goes away afterwards.
    pub work: &'a Path,
    /// Whether the file has a signature, which `options` says what to do with.
    pub is_signed: bool,
    pub signer: &'a Signer,
    /// To be taken for each request of a signature.
    pub turns: &'a Turns,
    pub options: &'a Options,
    /// `None`: without a time stamp.
    pub authority: Option<&'a Authority>,
}

/// A signature that a program put into a file.
#[derive(Debug, Default)]
pub struct Made {
    /// The ids of the service's records, where they are known.
    pub records: Vec<String>,
    /// When it was stamped (UTC); `None` without a stamp.
    pub stamp: Option<String>,
    /// How far the program has verified the signed file already; `None`: not at all.
    pub verified: Option<Verified>,
}

/// How far a signed file was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// By a program that verifies the whole file.
    Wholly,
    /// No program here verifies files of this kind: the service's signature was verified, and is in the file.
    SignatureOnly,
}

/// What is known of a file that no program here verifies: that there is a signature in it.
fn present(kind: Kind, file: &Path, signed_by: &str) -> Result<Verified, Failure> {
    match kind::is_signed(kind, file) {
        Ok(true) => Ok(Verified::SignatureOnly),
        Ok(false) => {
            let what = format!("verify what {signed_by} signed");
            Err(Failure::new(what, "the file has no signature", "report it as a defect"))
        }
        Err(error) => Err(Failure::new(format!("read {}", file.display()), error, "check the disk")),
    }
}

/// A program that is installed.
#[derive(Clone)]
pub struct Found {
    pub program: &'static Program,
    pub path: PathBuf,
}

impl Tool {
    pub fn program(self) -> &'static Program {
        PROGRAMS.iter().find(|program| program.tool == self).expect("each tool has a row")
    }

    pub fn find(self) -> Option<Found> {
        let program = self.program();
        Some(Found { program, path: (program.find)()? })
    }

    /// The fix where it does not verify files of a kind because it is missing or too old; `None` where another version would not either.
    pub fn to_verify(self, kind: Kind) -> Option<&'static str> {
        match (self, self.find()) {
            (Tool::Jsign, _) => None,
            (_, None) => Some(self.program().install),
            (Tool::Osslsigncode, Some(found)) if !osslsigncode::knows_kind(&found.path, kind) => {
                Some(osslsigncode::NEWER)
            }
            _ => None,
        }
    }
}

impl Found {
    /// The program that signs files of a kind so: the first that is installed and can, or the one that `options` names.
    pub fn choose(wanted: &Use<'_>) -> Result<Found, Failure> {
        let what = || format!("sign {}", wanted.kind.with_article());
        let tools = wanted.kind.tools();
        if let Some(tool) = wanted.options.tool.filter(|tool| !tools.contains(tool)) {
            let names: Vec<&str> = tools.iter().map(|tool| tool.program().name).collect();
            let why = format!("{} does not sign files of this kind on this system", tool.program().name);
            return Err(Failure::new(what(), why, format!("use --tool {}", names.join(" or "))).exit(Exit::Usage));
        }
        let mut unfit = Vec::new();
        for tool in tools.iter().filter(|tool| wanted.options.tool.is_none_or(|named| named == **tool)) {
            let Some(found) = tool.find() else { continue };
            match (found.program.can)(&found.path, wanted) {
                Ok(()) => return Ok(found),
                Err(Unfit { why, remedy }) => {
                    unfit.push((format!("{} ({}) {why}", found.program.name, found.path.display()), remedy));
                }
            }
        }
        let first = wanted.options.tool.unwrap_or(tools[0]).program();
        let why = match unfit.is_empty() {
            true => format!("{} is not installed, nor is any other program that can", first.name),
            false => unfit.iter().map(|(why, _)| why.as_str()).collect::<Vec<_>>().join("\n"),
        };
        let remedy = unfit.into_iter().next().map_or_else(|| first.install.to_owned(), |(_, remedy)| remedy);
        Err(Failure::new(what(), why, remedy))
    }

    pub fn sign(&self, job: &Job<'_>) -> Result<Made, Failure> {
        (self.program.sign)(&self.path, job)
    }

    pub fn prepare(&self, look: &Look<'_>) -> Result<Vec<u8>, Failure> {
        (self.program.prepare)(&self.path, look)
    }

    pub fn verify(&self, file: &Path, trust: &Trust<'_>) -> Result<Verified, Failure> {
        (self.program.verify)(&self.path, file, trust)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn each_tool_has_one_row_under_the_name_of_its_option() {
        for tool in Tool::value_variants() {
            assert_eq!(PROGRAMS.iter().filter(|program| program.tool == *tool).count(), 1, "{tool:?}");
            assert_eq!(tool.to_possible_value().unwrap().get_name(), tool.program().name);
        }
    }
}
