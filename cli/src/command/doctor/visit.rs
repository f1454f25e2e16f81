//! The steps that the doctor took, and what each found.

use crate::print::table::coloured;
use crate::print::{self, Exit, Failure, shown};
use serde_json::{Value, json};
use stm_pkcs11::plural::counted;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    Fine,
    /// It works, and somebody should look at it.
    Warning,
    /// It does not; how the program ends for it.
    Wrong(Exit),
    /// Something before it is wrong.
    NotTried,
}

struct Step {
    name: &'static str,
    result: Finding,
    detail: String,
    remedy: String,
}

/// All steps, in order.
const STEPS: [&str; 9] =
    ["settings", "client certificate", "host name", "connection", "service", "clock", "keypairs", "keypair", "chain"];

/// The steps that were taken so far.
#[derive(Default)]
pub struct Visit {
    steps: Vec<Step>,
    /// How many keypairs can sign: ONLINE, of a supported kind, and permitted for this user.
    able: usize,
}

impl Visit {
    pub fn add(&mut self, name: &'static str, result: Finding, detail: impl Into<String>, remedy: impl Into<String>) {
        self.steps.push(Step { name, result, detail: detail.into(), remedy: remedy.into() });
    }

    pub fn fine(&mut self, name: &'static str, detail: impl Into<String>) {
        self.add(name, Finding::Fine, detail, "");
    }

    pub fn warning(&mut self, name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) {
        self.add(name, Finding::Warning, detail, remedy);
    }

    pub fn wrong(&mut self, name: &'static str, exit: Exit, detail: impl Into<String>, remedy: impl Into<String>) {
        self.add(name, Finding::Wrong(exit), detail, remedy);
    }

    /// Whether a step was taken, and is not wrong.
    pub fn is_fine(&self, name: &str) -> bool {
        let mut found = self.steps.iter().filter(|step| step.name == name).peekable();
        found.peek().is_some() && found.all(|step| matches!(step.result, Finding::Fine | Finding::Warning))
    }

    /// Counts a keypair that can sign.
    pub fn can_sign(&mut self) {
        self.able += 1;
    }

    pub fn able(&self) -> usize {
        self.able
    }

    pub fn is_wrong(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.result, Finding::Wrong(_)))
    }

    /// The sum of all steps in one line: whether you can sign, or the first thing that prevents it.
    fn verdict(&self) -> String {
        let warnings = self.steps.iter().filter(|step| step.result == Finding::Warning).count();
        let warnings = counted(warnings, "warning");
        match self.steps.iter().find(|step| matches!(step.result, Finding::Wrong(_))) {
            None => format!("ready: {} can sign; {warnings}", counted(self.able, "keypair")),
            Some(step) => format!("not ready: {}: {}; {warnings}", step.name, step.detail),
        }
    }

    /// After something that is wrong: what was not tried for it.
    pub fn end(&mut self) {
        if self.is_wrong() {
            let tried: Vec<&str> = self.steps.iter().map(|step| step.name).collect();
            let rest = STEPS.iter().filter(|name| !tried.contains(name)).copied().collect::<Vec<_>>();
            rest.into_iter().for_each(|name| self.add(name, Finding::NotTried, "not tried", ""));
        }
    }

    /// The first thing that is wrong.
    pub fn result(&self) -> Result<(), Failure> {
        let wrong = self.steps.iter().find_map(|step| match step.result {
            Finding::Wrong(exit) => Some((step, exit)),
            _ => None,
        });
        let Some((step, exit)) = wrong else { return Ok(()) };
        Err(Failure::new(format!("the step '{}'", step.name), &step.detail, step.remedy.clone()).exit(exit))
    }

    /// `docs/companion.schema.json` describes it.
    pub fn json(&self) -> Value {
        let steps = self.steps.iter().map(|step| {
            json!({"step": step.name, "result": step.result.word(), "detail": step.detail, "remedy": step.remedy})
        });
        json!({"fine": !self.is_wrong(), "verdict": self.verdict(), "steps": steps.collect::<Vec<_>>()})
    }

    /// A line for each, and what to do under it.
    pub fn tell(&self) {
        for step in &self.steps {
            let word = match step.result {
                Finding::Fine => coloured("32", "ok     "),
                Finding::Warning => coloured("33", "warning"),
                Finding::Wrong(_) => coloured("31", "WRONG  "),
                Finding::NotTried => coloured("2", "-      "),
            };
            print::line(&format!("{word}  {:<18}  {}", step.name, shown(&step.detail)));
            if !step.remedy.is_empty() {
                print::line(&format!("{:29}to do: {}", "", shown(&step.remedy)));
            }
        }
        let colour = if self.is_wrong() { "31" } else { "32" };
        print::line(&coloured(colour, &shown(&self.verdict())));
    }
}

impl Finding {
    fn word(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Warning => "warning",
            Self::Wrong(_) => "wrong",
            Self::NotTried => "not tried",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_says_how_many_keypairs_can_sign_or_what_prevents_it() {
        let mut visit = Visit::default();
        visit.fine("settings", "SM_HOST from the environment");
        visit.can_sign();
        assert_eq!(visit.verdict(), "ready: 1 keypair can sign; 0 warnings");
        visit.can_sign();
        visit.warning("clock", "300 s from the service's", "set this machine's clock");
        assert_eq!(visit.verdict(), "ready: 2 keypairs can sign; 1 warning");
        visit.wrong("keypair", Exit::Refused, "a is OFFLINE, and does not sign", "set it ONLINE");
        visit.wrong("chain", Exit::Failed, "a second problem", "mend it");
        assert_eq!(visit.verdict(), "not ready: keypair: a is OFFLINE, and does not sign; 1 warning");
        assert_eq!(visit.json()["verdict"], "not ready: keypair: a is OFFLINE, and does not sign; 1 warning");
    }
}
