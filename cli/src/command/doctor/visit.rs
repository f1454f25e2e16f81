//! The steps that the doctor took, and what each found.

use crate::print::table::coloured;
use crate::print::{self, Exit, Failure, shown};
use serde_json::{Value, json};

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

    pub fn is_wrong(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.result, Finding::Wrong(_)))
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
        json!({"fine": !self.is_wrong(), "steps": steps.collect::<Vec<_>>()})
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
