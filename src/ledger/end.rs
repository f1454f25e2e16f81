//! The end of a ledger's file: number, totals and hash of its last line, which the next line continues.

use super::line::{self, HEAD, Line};
use super::spent::Spent;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// The number of bytes that are read first from the end of a file: a few lines.
pub const GLANCE: u64 = 4096;

/// Where the next line begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The number of the last complete line; 0 before the first.
    pub n: u64,
    pub spent: Spent,
    /// The hash of the last line, complete or not.
    pub hash: String,
    /// Whether the last line is incomplete: it has no line feed.
    pub torn: bool,
    /// The length of the file, in bytes.
    pub length: u64,
}

impl End {
    /// Of an empty file.
    pub fn none() -> Self {
        Self { n: 0, spent: Spent::default(), hash: line::hash(b""), torn: false, length: 0 }
    }

    /// Reads no more of a file than necessary. `None` if it does not begin like a ledger, or has no complete line.
    pub fn read(file: &mut File) -> io::Result<Option<Self>> {
        let length = file.metadata()?.len();
        if length == 0 {
            return Ok(Some(Self::none()));
        }
        let mut head = vec![0; HEAD.len().min(length as usize)];
        file.seek(SeekFrom::Start(0))?;
        file.read_exact(&mut head)?;
        if head != HEAD.as_bytes() {
            return Ok(None);
        }
        let mut glance = GLANCE;
        loop {
            let begin = length.saturating_sub(glance);
            let mut bytes = Vec::with_capacity(glance.min(length) as usize);
            file.seek(SeekFrom::Start(begin))?;
            Read::by_ref(file).take(length - begin).read_to_end(&mut bytes)?;
            if let Some(end) = last(&bytes, begin == 0, length) {
                return Ok(Some(end));
            }
            if begin == 0 {
                return Ok(None);
            }
            glance = glance.saturating_mul(16);
        }
    }
}

/// The end of a file from its last bytes; `None` if they do not contain a complete line.
fn last(bytes: &[u8], whole: bool, length: u64) -> Option<End> {
    let torn = bytes.last() != Some(&b'\n');
    let text = if torn { bytes } else { &bytes[..bytes.len() - 1] };
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    if !whole {
        // It may have begun before these bytes.
        lines.remove(0);
    }
    let hash = line::hash(lines.last()?);
    let found = lines.iter().rev().find_map(|text| Line::parse(text))?;
    Some(End { n: found.n, spent: found.spent, hash, torn, length })
}
