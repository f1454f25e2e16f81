//! An ad-hoc signature of macOS (`cs_blobs.h` of Apple's xnu): hashes of the file's pages, without which an arm64 Mac refuses to run it.

use sha2::{Digest as _, Sha256};

const EMBEDDED_SIGNATURE: u32 = 0xfade_0cc0;
const CODE_DIRECTORY: u32 = 0xfade_0c02;
const HASH_SHA256: u8 = 2;

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Whether the signature has a hash of each page of `image`, and each is right.
pub fn is_right(signature: &[u8], image: &[u8]) -> bool {
    checked(signature, image).unwrap_or(false)
}

fn checked(signature: &[u8], image: &[u8]) -> Option<bool> {
    if number(signature, 0)? != EMBEDDED_SIGNATURE {
        return None;
    }
    let blobs = (0..number(signature, 8)? as usize).map(|index| number(signature, 12 + 8 * index + 4));
    let offsets: Vec<usize> = blobs.map(|offset| offset.map(|offset| offset as usize)).collect::<Option<_>>()?;
    let directory = offsets.into_iter().find(|&offset| number(signature, offset) == Some(CODE_DIRECTORY))?;
    let directory = signature.get(directory..)?;
    let (hashes, count, limit) = (number(directory, 16)?, number(directory, 28)?, number(directory, 32)? as usize);
    let (size, kind, page) = (*directory.get(36)?, *directory.get(37)?, *directory.get(39)?);
    if size != 32 || kind != HASH_SHA256 {
        return None;
    }
    let pages = image.get(..limit)?.chunks(1 << page);
    if pages.len() != count as usize || count == 0 {
        return None;
    }
    let right = pages.enumerate().all(|(index, page)| {
        let at = hashes as usize + 32 * index;
        directory.get(at..at + 32) == Some(Sha256::digest(page).as_slice())
    });
    Some(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_page_is_noticed_in_a_signature_of_macos() {
        let mut image = vec![7_u8; 5000];
        let hashes: Vec<u8> = image.chunks(4096).flat_map(|page| Sha256::digest(page).to_vec()).collect();
        let mut directory = vec![0_u8; 44];
        let mut put = |at: usize, number: u32| directory[at..at + 4].copy_from_slice(&number.to_be_bytes());
        put(0, 0xfade_0c02);
        put(16, 44);
        put(28, 2);
        put(32, 5000);
        directory[36..40].copy_from_slice(&[32, 2, 0, 12]);
        directory.extend(hashes);
        let mut blob: Vec<u8> = [0xfade_0cc0_u32, 0, 1, 0, 20].iter().flat_map(|number| number.to_be_bytes()).collect();
        blob.extend(directory);
        assert!(is_right(&blob, &image));
        image[4999] = 8;
        assert!(!is_right(&blob, &image));
    }
}
