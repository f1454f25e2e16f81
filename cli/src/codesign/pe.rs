//! Windows programs: whether a file is one, whole, and signed ("PE Format" of Microsoft's documentation).

/// A little-endian number of four bytes.
pub fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?).into())
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?).into())
}

/// Where the COFF header begins, behind the signature.
fn header(file: &[u8]) -> Option<usize> {
    let signature = number(file, 0x3c)? as usize;
    (file.get(signature..signature.checked_add(4)?)? == b"PE\0\0").then_some(signature + 4)
}

/// Whether the certificate table, the fifth data directory, has anything in it.
pub fn is_signed(file: &[u8]) -> Option<bool> {
    let optional = header(file)? + 20;
    let directories = optional + if short(file, optional)? == 0x20b { 112 } else { 96 };
    let count = number(file, directories - 4)?;
    Some(count > 4 && number(file, directories + 4 * 8 + 4)? > 0)
}

/// Whether all sections, and the certificate table, are in the file.
pub fn is_whole(file: &[u8]) -> Option<bool> {
    let header = header(file)?;
    let (count, optional) = (short(file, header + 2)?, short(file, header + 16)?);
    let sections = header + 20 + optional;
    for section in (0..count).map(|place| sections + place * 40) {
        let (size, start) = (number(file, section + 16)?, number(file, section + 20)?);
        if size > 0 && start + size > file.len() as u64 {
            return Some(false);
        }
    }
    Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::pe::program;

    #[test]
    fn a_program_without_a_certificate_table_is_unsigned() {
        let mut pe = program();
        assert_eq!(is_signed(&pe), Some(false));
        let entry = header(&pe).unwrap() + 20 + 112 + 36;
        pe[entry] = 8;
        assert_eq!(is_signed(&pe), Some(true));
        assert_eq!(is_signed(b"MZ"), None);
    }

    #[test]
    fn a_program_that_is_cut_off_anywhere_is_not_whole() {
        let pe = program();
        assert_eq!(is_whole(&pe), Some(true));
        for length in 0..pe.len() {
            assert_ne!(is_whole(&pe[..length]), Some(true), "{length}");
        }
    }
}
