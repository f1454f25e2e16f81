//! The file names of the library in Windows' directories. Each build has its own, so that a new one is placed beside one
//! that programs are using: `stm_pkcs11-1.2.3-0a1b2c3d.dll`, by version and content. Builds for several machine types that
//! are registered together share a name.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// The name that the library is shipped under.
pub const SHIPPED: &str = "stm_pkcs11.dll";

/// The bytes of a content's SHA-256 that are part of the name.
const HASH: usize = 4;

/// The name of a library with these contents, one for each machine type, in the same order each time. `version` as in
/// `1.2.3`; `None` if the file does not say.
pub fn of(contents: &[&[u8]], version: Option<&str>) -> String {
    let hash = match contents {
        [content] => Sha256::digest(content),
        contents => Sha256::digest(contents.iter().flat_map(Sha256::digest).collect::<Vec<u8>>()),
    };
    format!("stm_pkcs11-{}-{}.dll", version.unwrap_or("0"), HEXLOWER.encode(&hash[..HASH]))
}

/// Whether this is a name of ours: the one that the library is shipped under, or one that [`of`] makes. Windows ignores
/// case.
pub fn is_ours(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == SHIPPED || version_of(&name).is_some()
}

/// Whether this file was left behind: a library that was replaced while it was in use, or an unfinished copy.
pub fn is_leftover(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let before = name.rsplit_once('.').filter(|(_, end)| {
        let number = end.strip_prefix("old").or(end.strip_prefix("new"));
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    });
    before.is_some_and(|(name, _)| is_ours(name))
}

/// The version in a name of [`of`], in lower case.
fn version_of(name: &str) -> Option<&str> {
    let (version, hash) = name.strip_prefix("stm_pkcs11-")?.strip_suffix(".dll")?.split_once('-')?;
    let plain = version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && !version.is_empty();
    let hexadecimal = hash.len() == 2 * HASH && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    (plain && hexadecimal).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_content_has_a_name_of_its_own_and_other_files_have_none() {
        let of_these = |contents: &[&[u8]]| of(contents, Some("1.2.3"));
        let one = of_these(&[b"one"]);
        assert_eq!(one, "stm_pkcs11-1.2.3-7692c3ad.dll");
        assert_ne!(one, of_these(&[b"two"]));
        let both = of_these(&[b"one", b"two"]);
        assert_eq!(both, of_these(&[b"one", b"two"]));
        for other in [&one, &of_these(&[b"onetwo"]), &of_these(&[b"two", b"one"])] {
            assert_ne!(&both, other);
        }
        for name in [&one, &both, &of(&[b""], None), "stm_pkcs11.dll", "STM_PKCS11.DLL", "Stm_Pkcs11-0-0A1B2C3D.dll"] {
            assert!(is_ours(name), "{name}");
            assert!(!is_leftover(name), "{name}");
            for end in ["old7", "new123"] {
                assert!(is_leftover(&format!("{name}.{end}")) && !is_ours(&format!("{name}.{end}")), "{name}.{end}");
            }
        }
        for name in [
            "smksp.dll",
            "stm_pkcs11-mine.dll",
            "stm_pkcs11-1.2-0a1b2c3.dll",
            "stm_pkcs11-1.2-0a1b2c3d.sys",
            "stm_pkcs11--0a1b2c3d.dll",
            "stm_pkcs11.dll.old",
            "stm_pkcs11.dll.backup1",
            "other.dll.old1",
            "",
        ] {
            assert!(!is_ours(name) && !is_leftover(name), "{name}");
        }
    }
}
