//! An entry of the catalogue: how to provoke it, and what a person is told about it.

/// What the application does.
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
    /// Signs the same bytes twice with the same private key; the second signature is what it is about.
    SignTwice(&'static str),
    /// As [`Call::SignTwice`]; between the two, a diary takes the place of the file `ledger` in the fresh folder.
    SpoilBetween(&'static str),
    /// As [`Call::Sign`]; a diary takes the place of the file `ledger` while the request is under way.
    SpoilDuring(&'static str),
    /// Logs in with a PIN.
    Login(&'static str),
    /// Makes an EC keypair with this label; `None` for none.
    Generate(Option<&'static str>),
}

/// How it is provoked.
#[derive(Clone, Copy)]
pub struct Entry {
    pub title: &'static str,
    /// Beside those of an account that works. `{state}` is the emulator's folder, `{folder}` a fresh one.
    pub settings: &'static [(&'static str, &'static str)],
    /// Files of the fresh folder: name, mode, content.
    pub files: &'static [(&'static str, u32, &'static str)],
    /// Faults of the emulated service.
    pub faults: &'static str,
    pub call: Call,
    /// Whether it works all the same, and the line is a warning.
    pub works: bool,
    /// Words that the line must have.
    pub words: &'static str,
    /// For people: why it comes to this, and what to do, in more words than the line has.
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
