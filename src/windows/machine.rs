//! Which file of the library serves which programs of this machine.
//!
//! Windows registers a provider with a bare file name, once for all programs. 64-bit programs load that name from
//! `System32`, 32-bit programs from `SysWOW64`, so both builds have the same name, each in its own directory. The
//! registry key of providers is the same in both views: it is not one of those that Windows redirects.

use std::fmt;

/// The machine type of a library or a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    X86,
    X64,
    Arm64,
}

impl Machine {
    /// The type that this program is compiled for.
    #[cfg(windows)]
    pub const OF_THIS_PROGRAM: Self = if cfg!(target_arch = "x86") {
        Self::X86
    } else if cfg!(target_arch = "aarch64") {
        Self::Arm64
    } else {
        Self::X64
    };

    /// `IMAGE_FILE_MACHINE_...`; `None` for a type that this library is not built for.
    pub fn of_number(number: u16) -> Option<Self> {
        match number {
            0x014c => Some(Self::X86),
            0x8664 => Some(Self::X64),
            0xaa64 => Some(Self::Arm64),
            _ => None,
        }
    }

    /// Reads the type from a DLL's headers.
    pub fn of_library(content: &[u8]) -> Result<Self, NotALibrary> {
        /// `e_lfanew`: the position of the PE header.
        const POSITION: usize = 0x3c;
        /// `IMAGE_FILE_DLL`, in the characteristics.
        const DLL: u16 = 0x2000;
        let bytes = |from: usize, len: usize| from.checked_add(len).and_then(|end| content.get(from..end));
        let number = |from: usize| bytes(from, 2).map(|two| u16::from_le_bytes([two[0], two[1]]));
        let position = bytes(POSITION, 4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]) as usize);
        let header = position.filter(|header| content.starts_with(b"MZ") && bytes(*header, 4) == Some(b"PE\0\0"));
        // Machine is the first field behind the four letters, the characteristics are the last of that header.
        let fields = header.and_then(|header| Some((number(header + 4)?, number(header + 22)?)));
        match fields {
            Some((machine, flags)) if flags & DLL != 0 => Self::of_number(machine).ok_or(NotALibrary::Machine(machine)),
            Some(_) => Err(NotALibrary::Program),
            None => Err(NotALibrary::Other),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X86 => "x86",
            Self::X64 => "x86-64",
            Self::Arm64 => "ARM64",
        })
    }
}

/// Why a file is not a library that Windows could load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotALibrary {
    Other,
    Program,
    Machine(u16),
}

impl fmt::Display for NotALibrary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other => write!(f, "it is not a Windows DLL"),
            Self::Program => write!(f, "it is a program, not a DLL"),
            Self::Machine(number) => write!(f, "its machine type is unknown ({number:#06x})"),
        }
    }
}

/// A directory that Windows loads providers from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Directory {
    /// For programs of the machine's own type, and on ARM64 also for x86-64 programs.
    System32,
    /// For 32-bit programs on 64-bit Windows.
    SysWow64,
}

impl Directory {
    /// Its name in Windows' directory.
    pub fn name(self) -> &'static str {
        match self {
            Self::System32 => "System32",
            Self::SysWow64 => "SysWOW64",
        }
    }
}

/// This machine, as this process sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host {
    /// The type of Windows itself.
    pub native: Machine,
    /// The type of this process.
    pub process: Machine,
}

impl Host {
    /// The directory for a library; `None` if no program of this machine can load it.
    pub fn directory_for(self, library: Machine) -> Option<Directory> {
        match (self.native, library) {
            (native, library) if native == library => Some(Directory::System32),
            (Machine::X64 | Machine::Arm64, Machine::X86) => Some(Directory::SysWow64),
            (Machine::Arm64, Machine::X64) => Some(Directory::System32),
            _ => None,
        }
    }

    /// All directories that this machine may have.
    pub fn directories(self) -> &'static [Directory] {
        match self.native {
            Machine::X86 => &[Directory::System32],
            Machine::X64 | Machine::Arm64 => &[Directory::System32, Directory::SysWow64],
        }
    }

    /// The name by which this process reaches a directory: Windows redirects `System32` of a 32-bit process to
    /// `SysWOW64`.
    pub fn path_name(self, directory: Directory) -> &'static str {
        let redirected = self.process == Machine::X86 && self.native != Machine::X86;
        if directory == Directory::System32 && redirected { "Sysnative" } else { directory.name() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [Machine; 3] = [Machine::X86, Machine::X64, Machine::Arm64];

    /// The headers of a file with this machine type and these characteristics.
    fn headers(machine: u16, flags: u16) -> Vec<u8> {
        let mut file = vec![0; 0x80];
        file[..2].copy_from_slice(b"MZ");
        file[0x3c] = 0x80;
        file.extend(b"PE\0\0");
        file.extend(machine.to_le_bytes());
        file.extend([0; 16]);
        file.extend(flags.to_le_bytes());
        file
    }

    #[test]
    fn the_machine_type_is_read_from_the_headers() {
        for (number, machine) in [(0x014c, Machine::X86), (0x8664, Machine::X64), (0xaa64, Machine::Arm64)] {
            assert_eq!(Machine::of_library(&headers(number, 0x2022)), Ok(machine));
            assert_eq!(Machine::of_library(&headers(number, 0x0022)), Err(NotALibrary::Program));
        }
        assert_eq!(Machine::of_library(&headers(0x01c4, 0x2022)), Err(NotALibrary::Machine(0x01c4)));
        assert_eq!(NotALibrary::Machine(0x01c4).to_string(), "its machine type is unknown (0x01c4)");
    }

    #[test]
    fn other_and_cut_files_are_not_libraries() {
        let whole = headers(0x8664, 0x2022);
        for length in 0..whole.len() {
            assert_eq!(Machine::of_library(&whole[..length]), Err(NotALibrary::Other), "{length}");
        }
        let mut far = whole.clone();
        far[0x3c..0x40].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut elf = whole.clone();
        elf[..4].copy_from_slice(b"\x7fELF");
        let mut unmarked = whole;
        unmarked[0x80] = b'N';
        for file in [far, elf, unmarked] {
            assert_eq!(Machine::of_library(&file), Err(NotALibrary::Other));
        }
    }

    #[test]
    fn each_machine_has_a_directory_for_what_its_programs_load() {
        use Directory::{SysWow64, System32};
        let expected = [
            (Machine::X86, [Some(System32), None, None]),
            (Machine::X64, [Some(SysWow64), Some(System32), None]),
            (Machine::Arm64, [Some(SysWow64), Some(System32), Some(System32)]),
        ];
        for (native, directories) in expected {
            let host = Host { native, process: native };
            assert_eq!(TYPES.map(|library| host.directory_for(library)), directories, "{native}");
            for directory in directories.into_iter().flatten() {
                assert!(host.directories().contains(&directory), "{native}");
            }
        }
    }

    #[test]
    fn only_a_32_bit_process_on_64_bit_windows_is_redirected() {
        for native in TYPES {
            for process in TYPES {
                let host = Host { native, process };
                let redirected = process == Machine::X86 && native != Machine::X86;
                let expected = if redirected { "Sysnative" } else { "System32" };
                assert_eq!(host.path_name(Directory::System32), expected, "{native}, {process}");
                assert_eq!(host.path_name(Directory::SysWow64), "SysWOW64");
            }
        }
    }
}
