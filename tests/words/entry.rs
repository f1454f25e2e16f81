//! An entry of the catalogue: how to provoke a message, and what the page says about it.

/// The calls of the application.
#[derive(Clone, Copy)]
pub enum Call {
    /// Begins and ends.
    Start,
    /// Searches for a private key by its label.
    Find(&'static str),
    /// Searches for all certificates, and then for a private key by its label.
    FindAmong(&'static str),
    /// Searches for all certificates.
    List,
    /// Searches for a private key, and signs 32 bytes with it.
    Sign(&'static str),
    /// Signs the same bytes twice with the same private key; the entry is about the second signature.
    SignTwice(&'static str),
    /// As [`Call::SignTwice`]; in between, another file replaces the file `ledger` in the new directory.
    SpoilBetween(&'static str),
    /// As [`Call::Sign`]; another file replaces the file `ledger` during the request.
    SpoilDuring(&'static str),
    /// Logs in with a PIN.
    Login(&'static str),
    /// Creates an EC keypair with this label; `None` for no label.
    Generate(Option<&'static str>),
}

/// How to provoke it.
#[derive(Clone, Copy)]
pub struct Entry {
    pub title: &'static str,
    /// Settings in addition to those of a working account. `{state}` is the emulator's directory, `{folder}` a new one.
    pub settings: &'static [(&'static str, &'static str)],
    /// Files of the new directory: name, mode, content.
    pub files: &'static [(&'static str, u32, &'static str)],
    /// Faults of the emulated service.
    pub faults: &'static str,
    pub call: Call,
    /// Whether the call succeeds, and the message is a warning.
    pub works: bool,
    /// Words that the message must contain.
    pub words: &'static str,
    /// For the page: the cause and the fix, in more words than the message has.
    pub meaning: &'static str,
}

/// Entries that belong together.
pub struct Group {
    pub title: &'static str,
    pub entries: &'static [Entry],
}

pub const fn entry(title: &'static str, call: Call, words: &'static str, meaning: &'static str) -> Entry {
    Entry { title, settings: &[], files: &[], faults: "[]", call, works: false, words, meaning }
}

impl Entry {
    pub const fn with(self, settings: &'static [(&'static str, &'static str)]) -> Self {
        Self { settings, ..self }
    }

    pub const fn file(self, files: &'static [(&'static str, u32, &'static str)]) -> Self {
        Self { files, ..self }
    }

    pub const fn when(self, faults: &'static str) -> Self {
        Self { faults, ..self }
    }

    pub const fn warns(self) -> Self {
        Self { works: true, ..self }
    }
}
