//! What kind a file is, by its content, and which programs sign files of that kind.

use super::archive;
use super::pe::{self, number};
use super::program::{Tool, Tool::*};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// A kind of file that can carry its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Pe,
    Msi,
    Cab,
    Cat,
    PowerShell,
    WindowsScript,
    Appx,
    NuGet,
    Vsix,
    Jar,
    Apk,
}

pub struct Row {
    pub kind: Kind,
    /// For people.
    pub name: &'static str,
    /// The programs that sign it, the preferred one first: on Windows, and elsewhere.
    windows: &'static [Tool],
    elsewhere: &'static [Tool],
    /// Whether it can have several signatures of this kind.
    pub appends: bool,
    /// Whether its signature can carry a time stamp.
    pub stamps: bool,
}

/// One row a kind.
pub const KINDS: &[Row] = &[
    row(Kind::Pe, "Windows program", &[Signtool, Osslsigncode, Jsign], &[Osslsigncode, Jsign], true, true),
    row(Kind::Msi, "Windows installer", &[Signtool, Osslsigncode, Jsign], &[Osslsigncode, Jsign], true, true),
    row(Kind::Cab, "cabinet", &[Signtool, Osslsigncode, Jsign], &[Osslsigncode, Jsign], true, true),
    row(Kind::Cat, "catalogue", &[Signtool, Osslsigncode, Jsign], &[Osslsigncode, Jsign], false, true),
    row(Kind::PowerShell, "PowerShell script", &[Signtool, Osslsigncode, Jsign], &[Osslsigncode, Jsign], false, true),
    row(Kind::WindowsScript, "Windows script", &[Signtool, Jsign], &[Jsign], false, true),
    row(Kind::Appx, "APPX or MSIX package", &[Signtool, Osslsigncode, Jsign], &[Osslsigncode, Jsign], false, true),
    row(Kind::NuGet, "NuGet package", &[Jsign], &[Jsign], false, true),
    row(Kind::Vsix, "Visual Studio extension", &[Jsign], &[Jsign], false, true),
    row(Kind::Jar, "Java archive", &[Jarsigner], &[Jarsigner], true, true),
    row(Kind::Apk, "Android package", &[Apksigner], &[Apksigner], false, false),
];

const fn row(
    kind: Kind,
    name: &'static str,
    windows: &'static [Tool],
    elsewhere: &'static [Tool],
    appends: bool,
    stamps: bool,
) -> Row {
    Row { kind, name, windows, elsewhere, appends, stamps }
}

impl Kind {
    pub fn row(self) -> &'static Row {
        KINDS.iter().find(|row| row.kind == self).expect("each kind has a row")
    }

    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// "an APPX or MSIX package"
    pub fn with_article(self) -> String {
        let name = self.name();
        format!("{} {name}", if name.starts_with(['A', 'E', 'I', 'O', 'U']) { "an" } else { "a" })
    }

    /// The programs that sign it on this system, the preferred one first.
    pub fn tools(self) -> &'static [Tool] {
        if cfg!(windows) { self.row().windows } else { self.row().elsewhere }
    }

    /// The kind of a file; `None` for one that carries no signature.
    pub fn of(path: &Path) -> io::Result<Option<Kind>> {
        let mut file = File::open(path)?;
        let mut head = Vec::new();
        file.by_ref().take(4096).read_to_end(&mut head)?;
        Ok(match &head[..] {
            [b'M', b'Z', ..] => is_pe(&mut file, &head)?.then_some(Kind::Pe),
            [b'M', b'S', b'C', b'F', ..] => Some(Kind::Cab),
            [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, ..] => {
                is_installer(&mut file, &head)?.then_some(Kind::Msi)
            }
            [b'P', b'K', 3, 4, ..] => archive::kind(file, path),
            [0x30, ..] if is_catalogue(&head) => Some(Kind::Cat),
            _ => script(path),
        })
    }
}

/// `e_lfanew`, at 0x3c, leads to the signature of a PE file.
fn is_pe(file: &mut File, head: &[u8]) -> io::Result<bool> {
    let Some(at) = number(head, 0x3c) else { return Ok(false) };
    let mut signature = [0; 4];
    file.seek(SeekFrom::Start(at))?;
    Ok(file.read_exact(&mut signature).is_ok() && signature == *b"PE\0\0")
}

/// The root entry of a compound file ([MS-CFB] 2.6) has the class of an installer, a patch or a transform.
fn is_installer(file: &mut File, head: &[u8]) -> io::Result<bool> {
    let shift = u16::from_le_bytes([head.get(0x1e).copied().unwrap_or(9), head.get(0x1f).copied().unwrap_or(0)]);
    let Some(sector) = number(head, 0x30).filter(|_| shift < 32) else { return Ok(false) };
    let mut class = [0; 16];
    file.seek(SeekFrom::Start(((sector + 1) << shift) + 0x50))?;
    let read = file.read_exact(&mut class).is_ok();
    let common = [0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];
    Ok(read && [0x82, 0x84, 0x86].contains(&class[0]) && class[1..] == common)
}

/// The object identifier of `szOID_CTL`, 1.3.6.1.4.1.311.10.1, follows that of signed data.
fn is_catalogue(head: &[u8]) -> bool {
    const SIGNED_DATA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
    const CTL: &[u8] = &[6, 9, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 10, 1];
    let place = |wanted: &[u8]| head[..head.len().min(256)].windows(wanted.len()).position(|part| part == wanted);
    place(SIGNED_DATA).zip(place(CTL)).is_some_and(|(first, second)| first < 16 && first < second)
}

/// Scripts are text: their names say which language they are in, and which comment carries the signature.
fn script(path: &Path) -> Option<Kind> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    match ending.as_str() {
        "ps1" | "psm1" | "psd1" | "ps1xml" | "psc1" | "cdxml" | "mof" => Some(Kind::PowerShell),
        "js" | "vbs" | "wsf" => Some(Kind::WindowsScript),
        _ => None,
    }
}

/// Whether the file has a signature of its kind already. What cannot be read counts as unsigned: the signing program will say why.
pub fn is_signed(kind: Kind, path: &Path) -> io::Result<bool> {
    let content = || std::fs::read(path);
    Ok(match kind {
        Kind::Pe => pe::is_signed(&content()?).unwrap_or(false),
        Kind::Cab => cab_is_signed(&content()?).unwrap_or(false),
        Kind::Msi => {
            let name: Vec<u8> = "\u{5}DigitalSignature".encode_utf16().flat_map(u16::to_le_bytes).collect();
            content()?.windows(name.len()).any(|part| part == name)
        }
        Kind::Cat => super::cms::signers(&content()?) > 0,
        Kind::PowerShell | Kind::WindowsScript => {
            let text: Vec<u8> = content()?.into_iter().filter(|byte| *byte != 0).collect();
            let text = String::from_utf8_lossy(&text).to_ascii_lowercase();
            text.lines().any(|line| line.contains("sig ") && line.contains("begin signature block"))
        }
        Kind::Appx | Kind::NuGet | Kind::Vsix | Kind::Jar | Kind::Apk => archive::is_signed(kind, File::open(path)?),
    })
}

/// Whether nothing of the file is missing, as far as its head says how much there should be.
pub fn is_whole(kind: Kind, path: &Path) -> io::Result<bool> {
    Ok(match kind {
        Kind::Pe => pe::is_whole(&std::fs::read(path)?).unwrap_or(false),
        Kind::Cab => {
            let mut head = Vec::new();
            File::open(path)?.take(12).read_to_end(&mut head)?;
            number(&head, 8)
                .is_some_and(|length| length <= std::fs::metadata(path).map_or(0, |metadata| metadata.len()))
        }
        _ => true,
    })
}

/// Place and length of the signature are in the reserved area of the header ([MS-CAB] 2.1).
fn cab_is_signed(file: &[u8]) -> Option<bool> {
    const RESERVED: u8 = 4;
    let length = u16::from_le_bytes(file.get(0x24..0x26)?.try_into().ok()?);
    Some(file.get(0x1e)? & RESERVED != 0 && length >= 20 && number(file, 0x30)? > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn kind(name: &str, content: &[u8]) -> Option<Kind> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        Kind::of(&path).unwrap()
    }

    #[test]
    fn each_kind_has_one_row_and_programs_on_each_system() {
        for row in KINDS {
            assert_eq!(KINDS.iter().filter(|other| other.kind == row.kind).count(), 1, "{}", row.name);
            assert!(!row.windows.is_empty() && !row.elsewhere.is_empty(), "{}", row.name);
            assert!(!row.elsewhere.contains(&Signtool), "{}", row.name);
        }
    }

    #[test]
    fn content_decides_and_not_the_name() {
        let pe = crate::demo::pe::program();
        for name in ["a.exe", "addon.node", "setup.e32.tmp", "module.pyd", "none", "a.ps1"] {
            assert_eq!(kind(name, &pe), Some(Kind::Pe), "{name}");
        }
        assert_eq!(kind("a.exe", b"MZ but not a program"), None);
        assert_eq!(kind("a.exe", b"#!/bin/sh\n"), None);
        assert_eq!(kind("a.exe", b""), None);
        assert_eq!(kind("a", b"MSCF\0\0\0\0"), Some(Kind::Cab));
        assert_eq!(kind("a.PS1", b"Write-Output 1"), Some(Kind::PowerShell));
        assert_eq!(kind("a.vbs", b"MsgBox 1"), Some(Kind::WindowsScript));
        assert_eq!(kind("a.txt", b"text"), None);
    }

    #[test]
    fn a_compound_file_is_an_installer_by_its_class() {
        let mut file = vec![0; 2048];
        file[..8].copy_from_slice(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]);
        file[0x1e] = 9;
        assert_eq!(kind("a.doc", &file), None);
        file[512 + 0x50..512 + 0x60].copy_from_slice(&[0x84, 0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46]);
        assert_eq!(kind("a.doc", &file), Some(Kind::Msi));
        file[0x1e..0x20].copy_from_slice(&[0xff, 0xff]);
        assert_eq!(kind("a.msi", &file), None);
    }

    #[test]
    fn a_signature_block_of_a_script_is_seen_in_any_encoding() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ps1");
        let signed = |text: &[u8]| {
            fs::write(&path, text).unwrap();
            is_signed(Kind::PowerShell, &path).unwrap()
        };
        let text = "Write-Output 1\r\n# SIG # Begin signature block\r\n";
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(signed(text.as_bytes()) && signed(&wide) && signed(b"<!-- SIG # Begin signature block -->"));
        assert!(!signed(b"Write-Output 1\r\n"));
    }
}
