//! `pReserved` of the initialise arguments (PKCS#11 3.2, 5.4): "MUST be NULL_PTR; if it's not, then `C_Initialize`
//! should return with the value `CKR_ARGUMENTS_BAD`".
//!
//! A text with settings in this field is our extension; p11-kit (`x-init-reserved`), libp11 (`INIT_ARGS`) and NSS can
//! pass one. The standard does not require a valid pointer there, so the module never reads through it. It asks the
//! operating system to copy the bytes, which fails if the address is invalid.

#[cfg(windows)]
mod windows;

use crate::config;
use crate::error::{Error, Result};
use cryptoki_sys::{CK_RV, CKR_ARGUMENTS_BAD};
#[cfg(windows)]
use windows::Memory;

/// The longest text that is accepted, in bytes, without its terminator.
const MAX_TEXT: usize = 4096;

/// No object has a lower address: the first 64 kB are never mapped (`vm.mmap_min_addr`, Windows' null partition). Small
/// numbers are flags or handles in the wrong field.
const FIRST_ADDRESS: usize = 1 << 16;

/// The number of bytes that the system copies at once. It divides every page size, so no piece crosses into a page
/// behind the text's terminator, which may not be readable.
const PIECE: usize = 256;

fn bad(problem: &str) -> Error {
    const CODE: CK_RV = CKR_ARGUMENTS_BAD;
    let cause = format!(
        "pReserved of C_Initialize {problem}; pass a null pointer, or settings such as \
         SM_LOG_LEVEL=DEBUG;STM_PKCS11_TOKEN=Release"
    );
    Error::loud(CODE, cause)
}

/// The settings text at a non-null `pReserved`; `CKR_ARGUMENTS_BAD` with a message for anything else.
pub(super) fn settings(address: usize) -> Result<String> {
    if address < FIRST_ADDRESS {
        return Err(bad(&format!("is not a valid pointer ({address:#x})")));
    }
    let text = String::from_utf8(text(address)?).map_err(|_| bad("does not point to UTF-8 text"))?;
    if config::is_settings(&text) { Ok(text) } else { Err(bad("does not point to settings")) }
}

/// The bytes up to the terminator.
fn text(address: usize) -> Result<Vec<u8>> {
    let mut memory = Memory::open().map_err(|error| bad(&format!("cannot be checked ({error})")))?;
    let (mut text, mut piece) = (Vec::new(), [0; PIECE]);
    while text.len() <= MAX_TEXT {
        let from = address.checked_add(text.len()).ok_or_else(|| bad("points to memory that cannot be read"))?;
        let piece = &mut piece[..PIECE - from % PIECE];
        memory.copy(from, piece).map_err(|error| bad(&format!("points to memory that cannot be read ({error})")))?;
        if let Some(end) = piece.iter().position(|byte| *byte == 0) {
            text.extend_from_slice(&piece[..end]);
            if text.len() <= MAX_TEXT {
                return Ok(text);
            }
        }
        text.extend_from_slice(piece);
    }
    Err(bad(&format!("points to more than {MAX_TEXT} bytes without a terminator")))
}

/// Memory of this process, copied by the system: `write` to a pipe returns EFAULT where a direct read would raise
/// SIGSEGV.
#[cfg(unix)]
struct Memory {
    from: std::io::PipeReader,
    to: std::io::PipeWriter,
}

#[cfg(unix)]
impl Memory {
    fn open() -> std::io::Result<Self> {
        std::io::pipe().map(|(from, to)| Self { from, to })
    }

    /// Fills `piece` with the bytes at `address`, or fails.
    fn copy(&mut self, address: usize, piece: &mut [u8]) -> std::io::Result<()> {
        use std::io::{Error, Read};
        use std::os::fd::AsRawFd;
        // SAFETY: the system checks address and length before it copies. The pipe is empty, has room for a piece, and
        // both ends are ours, so the call neither blocks nor raises SIGPIPE.
        let written =
            unsafe { libc::write(self.to.as_raw_fd(), std::ptr::with_exposed_provenance(address), piece.len()) };
        match usize::try_from(written) {
            Err(_) => Err(Error::last_os_error()),
            Ok(len) if len < piece.len() => Err(Error::from_raw_os_error(libc::EFAULT)),
            Ok(_) => self.from.read_exact(piece),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(address: usize) -> String {
        let error = settings(address).unwrap_err();
        assert_eq!((error.rv, error.audience), (CKR_ARGUMENTS_BAD, crate::error::Audience::User));
        error.cause.into_owned()
    }

    #[test]
    fn numbers_that_are_no_pointers_are_refused() {
        for number in [1, 0x1000, 0xffff] {
            assert!(refused(number).contains("is not a valid pointer"), "{number:#x}");
        }
        for number in [FIRST_ADDRESS, 0x6666_6666_0000, usize::MAX, usize::MAX - 100] {
            assert!(refused(number).contains("cannot be read"), "{number:#x}");
        }
    }

    #[test]
    fn a_text_is_read_to_its_terminator_and_no_further() {
        for len in [0, 1, 255, 256, 257, MAX_TEXT - "SM_LOG_FILE_NAME=".len()] {
            let text = format!("SM_LOG_FILE_NAME={}", "x".repeat(len));
            let ended = [text.as_bytes(), &[0], &[0xff; 300][..]].concat();
            assert_eq!(settings(ended.as_ptr().expose_provenance()).unwrap(), text, "{len}");
        }
        let long = format!("SM_LOG_FILE_NAME={}\0", "x".repeat(MAX_TEXT));
        assert!(refused(long.as_ptr().expose_provenance()).contains("without a terminator"));
    }

    #[test]
    fn text_that_is_not_settings_is_refused() {
        for (text, problem) in [
            (&b"\xff\xfe\0"[..], "UTF-8"),
            (b"hello\0", "does not point to settings"),
            (b"configdir='/etc/pki/nssdb'\0", "does not point to settings"),
            (b"=SM_HOST\0", "does not point to settings"),
        ] {
            assert!(refused(text.as_ptr().expose_provenance()).contains(problem), "{text:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_text_that_ends_where_memory_ends_is_read_and_one_that_does_not_is_refused() {
        // SAFETY: two new pages of our own, the second without access rights; unmapped at the end.
        unsafe {
            let page = libc::sysconf(libc::_SC_PAGESIZE) as usize;
            let none = std::ptr::null_mut();
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let pages = libc::mmap(none, 2 * page, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
            assert_ne!(pages, libc::MAP_FAILED);
            assert_eq!(libc::mprotect(pages.add(page), page, libc::PROT_NONE), 0);
            let text = b"SM_LOG_LEVEL=INFO\0";
            let place = pages.cast::<u8>().add(page - text.len());
            std::ptr::copy_nonoverlapping(text.as_ptr(), place, text.len());
            assert_eq!(settings(place.expose_provenance()).unwrap(), "SM_LOG_LEVEL=INFO");
            place.add(text.len() - 1).write(b'x');
            assert!(refused(place.expose_provenance()).contains("cannot be read"));
            assert!(refused(pages.add(page).expose_provenance()).contains("cannot be read"));
            libc::munmap(pages, 2 * page);
        }
    }
}
