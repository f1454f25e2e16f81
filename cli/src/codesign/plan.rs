//! Everything that can fail, tried before anything is spent; what is left is signed.

use super::kind::{self, Kind};
use super::options::{Existing, Options};
use super::place::{Place, Seen};
use super::program::{Found, Look, Use};
use super::signer::Signer;
use super::timestamp::Authority;
use crate::print::{Exit, Failure};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use stm_pkcs11::plural::counted;

/// A file, and where its signed copy goes: the same path to replace it.
#[derive(Debug, Clone)]
pub struct Target {
    pub input: PathBuf,
    pub output: PathBuf,
}

impl Target {
    pub fn in_place(path: PathBuf) -> Target {
        Target { output: path.clone(), input: path }
    }
}

/// A file that will be signed.
pub struct Task {
    pub target: Target,
    pub kind: Kind,
    pub found: Found,
    /// Whether it has a signature already.
    pub is_signed: bool,
    /// What the program read from it.
    pub(super) prepared: Vec<u8>,
    /// What the file was like then.
    pub(super) seen: Seen,
}

/// What a run will do.
pub struct Plan<'a> {
    pub signer: &'a Signer,
    pub options: &'a Options,
    pub authority: Option<Authority>,
    pub tasks: Vec<Task>,
    /// Files that stay as they are, since they are signed already.
    pub skipped: Vec<(PathBuf, Kind)>,
    /// Files that cannot be signed, and why.
    pub problems: Vec<(PathBuf, Failure)>,
    programs: Mutex<Vec<(Kind, Result<Found, Failure>)>>,
}

impl<'a> Plan<'a> {
    /// Looks at each file, chooses its program, and tries the place of the output, the time-stamping server and the budget. An error
    /// concerns the whole run; what concerns a file is among the problems. Spends nothing.
    pub fn new(signer: &'a Signer, targets: Vec<Target>, options: &'a Options) -> Result<Plan<'a>, Failure> {
        let authority = options.timestamp.as_deref().map(|url| Authority::new(url, options.digest)).transpose()?;
        let mut plan = Plan {
            signer,
            options,
            authority,
            tasks: Vec::new(),
            skipped: Vec::new(),
            problems: Vec::new(),
            programs: Mutex::default(),
        };
        let targets = distinct(targets);
        let looks = each(&targets, |target| plan.look(target));
        for (target, look) in targets.into_iter().zip(looks) {
            match look {
                Ok(Looked::Signed(kind)) => plan.skipped.push((target.input, kind)),
                Ok(Looked::Task(task)) => plan.tasks.push(*task),
                Err(failure) => plan.problems.push((target.input, failure)),
            }
        }
        plan.check_budget()?;
        let stamps = plan.tasks.iter().any(|task| task.kind.row().stamps);
        if let Some(authority) = plan.authority.as_ref().filter(|_| stamps && plan.problems.is_empty()) {
            authority.try_once()?;
        }
        Ok(plan)
    }

    /// The program for files of a kind: looked for, and asked what it can, once.
    fn program(&self, kind: Kind) -> Result<Found, Failure> {
        let mut chosen = self.programs.lock().expect("no thread panics with it");
        if let Some((_, known)) = chosen.iter().find(|(known, _)| *known == kind) {
            return known.clone();
        }
        let found = Found::choose(&Use { kind, signer: self.signer, options: self.options });
        chosen.push((kind, found.clone()));
        found
    }

    fn look(&self, target: &Target) -> Result<Looked, Failure> {
        let path = &target.input;
        let what = || format!("sign {}", path.display());
        let unreadable = |error| Failure::new(what(), error, "name a file that is there and can be read");
        let kind = Kind::of(path).map_err(unreadable)?.ok_or_else(|| {
            let remedy = "sign its bytes alone with stm-pkcs11 sign, or put it into a package that can be signed";
            Failure::new(what(), "files of this kind carry no signature", remedy).exit(Exit::Usage)
        })?;
        if !kind::is_whole(kind, path).map_err(unreadable)? {
            let why = format!("the {} is not whole: its end is missing", kind.name());
            return Err(Failure::new(what(), why, "build it, or copy it, again"));
        }
        let is_signed = kind::is_signed(kind, path).map_err(unreadable)?;
        match self.options.existing {
            Existing::Skip if is_signed => return Ok(Looked::Signed(kind)),
            Existing::Refuse if is_signed => {
                let remedy = "use --skip-signed, --append for one more signature, or --force to replace it";
                return Err(Failure::new(what(), "the file is signed already", remedy).exit(Exit::Usage));
            }
            Existing::Append if is_signed && !kind.row().appends => {
                let why = format!("a {} has room for one signature", kind.name());
                return Err(Failure::new(what(), why, "use --force to replace its signature").exit(Exit::Usage));
            }
            _ => {}
        }
        let found = self.program(kind).map_err(|failure| failure.about(what()))?;
        let seen = Seen::of(path).map_err(unreadable)?;
        let place = self.place(target)?;
        let look = Look { kind, path, work: place.folder(), options: self.options };
        let prepared = found.prepare(&look)?;
        let target = target.clone();
        Ok(Looked::Task(Box::new(Task { target, kind, found, is_signed, prepared, seen })))
    }

    /// The place of the output, tried.
    fn place(&self, target: &Target) -> Result<Place, Failure> {
        let Target { input, output } = target;
        let in_place = same(input, output);
        if !in_place && output.exists() && self.options.existing != Existing::Replace {
            let what = format!("write {}", output.display());
            return Err(Failure::new(what, "there is such a file", "use --force to replace it").exit(Exit::Usage));
        }
        let place = Place::beside(input, output)?;
        place.rehearse()?;
        Ok(place)
    }

    /// How many signatures it will spend.
    pub fn cost(&self) -> u64 {
        self.tasks.len() as u64
    }

    fn check_budget(&self) -> Result<(), Failure> {
        let what = || format!("sign {}", counted(self.tasks.len(), "file"));
        let limits = self
            .signer
            .limits()
            .map_err(|refusal| Failure::new(what(), refusal.cause(), refusal.remedy()).exit(Exit::Settings))?;
        for (limit, spent) in limits {
            let left = limit.most.saturating_sub(spent);
            if left < self.cost() {
                let why =
                    format!("it costs {}, and the budget {limit} has {left} left", counted(self.cost(), "signature"));
                return Err(
                    Failure::new(what(), why, "raise STM_PKCS11_BUDGET, or name fewer files").exit(Exit::Refused)
                );
            }
        }
        Ok(())
    }
}

enum Looked {
    Task(Box<Task>),
    /// It is to be left alone, since it is signed.
    Signed(Kind),
}

/// Each target once: a file that is named twice is signed once.
fn distinct(targets: Vec<Target>) -> Vec<Target> {
    let mut outputs = BTreeSet::new();
    let is_new = |target: &Target| {
        outputs.insert(std::fs::canonicalize(&target.output).unwrap_or_else(|_| target.output.clone()))
    };
    targets.into_iter().filter(is_new).collect()
}

/// `work` for each item, on as many threads as the machine has cores; the results in the items' order.
fn each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let work = &work;
        let shares: Vec<_> =
            items.chunks(share).map(|share| scope.spawn(move || share.iter().map(work).collect::<Vec<_>>())).collect();
        shares.into_iter().flat_map(|share| share.join().expect("no thread panics")).collect()
    })
}

/// Whether two paths lead to the same file.
fn same(one: &Path, other: &Path) -> bool {
    one == other
        || std::fs::canonicalize(one)
            .ok()
            .is_some_and(|one| std::fs::canonicalize(other).is_ok_and(|other| one == other))
}
