//! A Windows program that does nothing: a file to try a signing tool on.

/// Size of each part of the file on disk, and its alignment there.
const FILE_ALIGNMENT: usize = 0x200;
/// Alignment of each part in memory; one page.
const PAGE: u32 = 0x1000;

/// A complete 64-bit Windows program: `xor eax, eax; ret`.
///
/// Layout (Microsoft's "PE Format"): DOS header, PE signature, COFF header, optional header with its sixteen data
/// directories (the fifth is where a signing tool enters the signature), one section header; then the code.
pub fn program() -> Vec<u8> {
    const CODE: [u8; 3] = [0x31, 0xc0, 0xc3];
    let mut file = Vec::with_capacity(2 * FILE_ALIGNMENT);

    // DOS header: only the magic and, at 0x3c, the place of the PE signature are read today.
    file.extend_from_slice(b"MZ");
    file.resize(0x3c, 0);
    word32(&mut file, 0x40);

    file.extend_from_slice(b"PE\0\0");
    word16(&mut file, 0x8664); // machine: x86-64
    word16(&mut file, 1); // sections
    word32(&mut file, 0); // time: none, so that the file is the same every time
    word32(&mut file, 0); // symbol table
    word32(&mut file, 0); // symbols
    word16(&mut file, 0xf0); // size of the optional header
    word16(&mut file, 0x0022); // executable, large addresses

    word16(&mut file, 0x020b); // PE32+
    word16(&mut file, 0); // linker version
    word32(&mut file, FILE_ALIGNMENT as u32); // size of code
    word32(&mut file, 0); // size of initialised data
    word32(&mut file, 0); // size of uninitialised data
    word32(&mut file, PAGE); // entry point
    word32(&mut file, PAGE); // base of code
    word64(&mut file, 0x1_4000_0000); // image base
    word32(&mut file, PAGE);
    word32(&mut file, FILE_ALIGNMENT as u32);
    for version in [6, 0, 0, 0, 6, 0] {
        word16(&mut file, version); // operating system, image, subsystem: major, minor
    }
    word32(&mut file, 0); // reserved
    word32(&mut file, 2 * PAGE); // size of image
    word32(&mut file, FILE_ALIGNMENT as u32); // size of headers
    word32(&mut file, 0); // checksum: not needed by programs
    word16(&mut file, 3); // subsystem: console
    word16(&mut file, 0x0100); // no-execute compatible
    for size in [0x10_0000, 0x1000, 0x10_0000, 0x1000] {
        word64(&mut file, size); // stack and heap: reserve, commit
    }
    word32(&mut file, 0); // loader flags
    word32(&mut file, 16); // data directories
    file.resize(file.len() + 16 * 8, 0);

    file.extend_from_slice(b".text\0\0\0");
    word32(&mut file, CODE.len() as u32); // size in memory
    word32(&mut file, PAGE); // address
    word32(&mut file, FILE_ALIGNMENT as u32); // size in the file
    word32(&mut file, FILE_ALIGNMENT as u32); // place in the file
    file.resize(file.len() + 12, 0); // relocations and line numbers: none
    word32(&mut file, 0x6000_0020); // code, execute, read

    file.resize(FILE_ALIGNMENT, 0);
    file.extend_from_slice(&CODE);
    file.resize(2 * FILE_ALIGNMENT, 0);
    file
}

fn word16(file: &mut Vec<u8>, value: u16) {
    file.extend_from_slice(&value.to_le_bytes());
}

fn word32(file: &mut Vec<u8>, value: u32) {
    file.extend_from_slice(&value.to_le_bytes());
}

fn word64(file: &mut Vec<u8>, value: u64) {
    file.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn u32_at(file: &[u8], place: usize) -> u32 {
        u32::from_le_bytes(file[place..place + 4].try_into().unwrap())
    }

    #[test]
    fn the_program_is_laid_out_as_its_headers_say() {
        let file = program();
        let signature = u32_at(&file, 0x3c) as usize;
        assert_eq!(&file[signature..signature + 4], b"PE\0\0");
        let optional = signature + 4 + 20;
        let optional_size = usize::from(u16::from_le_bytes(file[signature + 20..signature + 22].try_into().unwrap()));
        let section = optional + optional_size;
        assert_eq!(&file[section..section + 5], b".text");
        let code = u32_at(&file, section + 20) as usize;
        assert_eq!(&file[code..code + 3], &[0x31, 0xc0, 0xc3]);
        assert_eq!(file.len(), code + u32_at(&file, section + 16) as usize);
        assert_eq!(u32_at(&file, optional + 16), u32_at(&file, section + 12), "the entry point is the code");
    }

    #[test]
    fn the_program_is_the_same_every_time() {
        assert_eq!(program(), program());
    }
}
