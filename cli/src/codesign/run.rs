//! A plan carried out: each file signed and verified beside the original, then put in its place.

use super::anchors::Anchors;
use super::place::Place;
use super::plan::{Plan, Target, Task};
use super::program::{Job, Made, Verified};
use super::turns::Turns;
use crate::print::Failure;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What became of a file.
pub struct Outcome {
    pub target: Target,
    pub kind: &'static str,
    pub program: &'static str,
    pub result: Result<Signed, Failure>,
}

/// A file that is signed, verified and in its place.
pub struct Signed {
    pub made: Made,
    pub verified: Verified,
}

/// How a run goes.
pub struct Pace<'a> {
    /// How many signatures are requested at once; at least one. Other files are prepared and verified meanwhile.
    pub jobs: usize,
    /// Whether files that have not been begun are left alone after a failure.
    pub stop_at_failure: bool,
    /// Set from outside to begin no further file.
    pub stop: &'a AtomicBool,
}

impl Plan<'_> {
    /// Signs the files, and tells of each as it is done. The outcomes are in the order of the tasks; a file that was not begun has
    /// none.
    pub fn run(&self, pace: &Pace<'_>, done: &(dyn Fn(&Outcome) + Sync)) -> Vec<Outcome> {
        let next = AtomicUsize::new(0);
        let turns = Turns::new(pace.jobs);
        let failed = AtomicBool::new(false);
        let outcomes = Mutex::new(Vec::new());
        let work = || {
            loop {
                let stopped =
                    pace.stop.load(Ordering::Relaxed) || (pace.stop_at_failure && failed.load(Ordering::Relaxed));
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(task) = self.tasks.get(place).filter(|_| !stopped) else { break };
                let outcome = Outcome {
                    target: task.target.clone(),
                    kind: task.kind.name(),
                    program: task.found.program.name,
                    result: self.sign(task, &turns),
                };
                failed.fetch_or(outcome.result.is_err(), Ordering::Relaxed);
                done(&outcome);
                outcomes.lock().expect("no thread panics with it").push((place, outcome));
            }
        };
        // Where a failure stops the others, none is begun beside those that are signed.
        let beside = if pace.stop_at_failure { 0 } else { std::thread::available_parallelism().map_or(1, usize::from) };
        std::thread::scope(|scope| {
            for _ in 1..(pace.jobs + beside).clamp(1, self.tasks.len().max(1)) {
                scope.spawn(work);
            }
            work();
        });
        let mut outcomes = outcomes.into_inner().expect("no thread panics with it");
        outcomes.sort_by_key(|(place, _)| *place);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    fn sign(&self, task: &Task, turns: &Turns) -> Result<Signed, Failure> {
        let place = Place::beside(&task.target.input, &task.target.output)?;
        place.expect(task.seen)?;
        let (source, signed) = (place.copy()?, place.room()?);
        let trust = Anchors::above(&self.signer.certificates(), place.folder())?;
        let trust = trust.trust(task.kind, place.folder());
        let job = Job {
            kind: task.kind,
            source,
            signed: signed.clone(),
            prepared: &task.prepared,
            trust: &trust,
            work: place.folder(),
            is_signed: task.is_signed,
            signer: self.signer,
            turns,
            options: self.options,
            authority: self.authority.as_ref().filter(|_| task.kind.row().stamps),
        };
        let made = task.found.sign(&job)?;
        let spent = |failure: Failure| match made.records.as_slice() {
            [] => failure.after("a signature was spent for it"),
            records => failure.after(format!("a signature was spent for it (record {})", records.join(", "))),
        };
        let verified = match made.verified {
            Some(verified) => verified,
            None => task.found.verify(&signed, &trust).map_err(spent)?,
        };
        place.put(&signed).map_err(spent)?;
        Ok(Signed { made, verified })
    }
}
