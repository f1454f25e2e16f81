//! A fault and its consequences: one row of the table.

use crate::front::tls::Identity;
use crate::front::{Greeting, Plan, Step};
use cryptoki_sys::*;

/// The timeout of a call in these tests (`STM_PKCS11_TIMEOUT`), in seconds.
pub const TIMEOUT: u64 = 2;

/// The call of the application during the fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Call {
    /// `C_FindObjectsInit` for a private key by its label, as the first request of the process.
    Find,
    /// `C_FindObjectsInit` for all private keys.
    List,
    /// `C_Sign` with a key that was found before.
    Sign,
    /// `C_GenerateKeyPair`
    Generate,
}

/// The longest duration of the call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// A second: the call does not wait.
    AtOnce,
    /// The deadline plus a second.
    Deadline,
}

/// The number of requests that the service sees during the call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Requests {
    Exactly(usize),
    /// Retried with pauses until the deadline.
    Several,
    /// Any number up to this.
    UpTo(usize),
}

/// A row.
#[derive(Clone, Copy)]
pub struct Fault {
    pub what: &'static str,
    pub call: Call,
    pub plan: Plan,
    pub rv: CK_RV,
    /// Words of the only message in the log; empty if the call succeeds.
    pub line: &'static str,
    pub bound: Bound,
    pub requests: Requests,
    /// The number of signatures that the service makes.
    pub executed: usize,
    /// Settings of this row; `{front}`, `{emulator}` and `{state}` are replaced.
    pub settings: &'static [(&'static str, &'static str)],
}

/// The call succeeds despite the fault.
pub const fn works(what: &'static str, call: Call, plan: Plan, requests: usize) -> Fault {
    let executed = if matches!(call, Call::Sign) { 1 } else { 0 };
    Fault {
        what,
        call,
        plan,
        rv: CKR_OK,
        line: "",
        bound: Bound::Deadline,
        requests: Requests::Exactly(requests),
        executed,
        settings: &[],
    }
}

/// The call fails at once, with a device error, after one request that the service did not execute.
pub const fn fails(what: &'static str, call: Call, plan: Plan, line: &'static str) -> Fault {
    Fault {
        what,
        call,
        plan,
        rv: CKR_DEVICE_ERROR,
        line,
        bound: Bound::AtOnce,
        requests: Requests::Exactly(1),
        executed: 0,
        settings: &[],
    }
}

impl Fault {
    pub const fn rv(self, rv: CK_RV) -> Self {
        Self { rv, ..self }
    }

    pub const fn requests(self, requests: Requests) -> Self {
        Self { requests, ..self }
    }

    /// It still logs a message.
    pub const fn says(self, line: &'static str) -> Self {
        Self { line, ..self }
    }

    /// Only the deadline ends it.
    pub const fn until_deadline(self) -> Self {
        Self { bound: Bound::Deadline, ..self }
    }

    /// It is retried until the deadline.
    pub const fn again_and_again(self) -> Self {
        Self { bound: Bound::Deadline, requests: Requests::Several, ..self }
    }

    /// The service made the signature.
    pub const fn executed(self) -> Self {
        Self { executed: 1, ..self }
    }

    pub const fn with(self, settings: &'static [(&'static str, &'static str)]) -> Self {
        Self { settings, ..self }
    }

    /// The row's own `STM_PKCS11_TIMEOUT`, or that of all, in seconds.
    pub fn timeout(&self) -> u64 {
        let own = self.settings.iter().find(|(name, _)| *name == "STM_PKCS11_TIMEOUT");
        own.map_or(TIMEOUT, |(_, value)| value.parse().expect("seconds"))
    }

    /// Whether the same session works after the fault; not if the row's own settings are the fault, or if a list stays
    /// valid for a while.
    pub const fn passes(&self) -> bool {
        self.settings.is_empty() && !(matches!(self.call, Call::List) && self.rv == CKR_OK)
    }
}

/// All requests that begin like this meet these steps.
pub const fn on(on: &'static str, steps: &'static [Step]) -> Plan {
    Plan { on, steps, ..Plan::FAIR }
}

/// The first `times` requests that begin like this meet these steps.
pub const fn first(times: u64, on: &'static str, steps: &'static [Step]) -> Plan {
    Plan { on, steps, times, ..Plan::FAIR }
}

/// All connections are greeted like this.
pub const fn greeted(greeting: Greeting) -> Plan {
    Plan { greeting, ..Plan::FAIR }
}

/// Only the first `connections` are.
pub const fn first_greeted(connections: u64, greeting: Greeting) -> Plan {
    Plan { greeting, connections, ..Plan::FAIR }
}

/// All connections get this certificate or demand.
pub const fn shown(identity: Identity) -> Plan {
    greeted(Greeting::Tls(identity))
}
