//! The data that clients pass to `CKM_RSA_PKCS`: a DigestInfo (RFC 8017, 9.2) that they made themselves.

use super::digest::{DIGESTS, Digest};

/// The digest inside, if the data is exactly the canonical DigestInfo. The service builds that form itself. Any other
/// encoding would be replaced by it, and the signature would be of other data; so it is not recognised here, and is
/// sent unchanged.
pub fn parse(data: &[u8]) -> Option<(Digest, &[u8])> {
    DIGESTS.iter().find_map(|row| {
        let digest = data.strip_prefix(row.info)?;
        (digest.len() == row.len).then_some((row.digest, digest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_canonical_info_is_recognised() {
        for row in &DIGESTS {
            let data = [row.info, &vec![7; row.len]].concat();
            assert_eq!(parse(&data), Some((row.digest, &vec![7; row.len][..])));
        }
    }

    #[test]
    fn other_spellings_lengths_and_plain_digests_are_not() {
        let row = Digest::Sha256.row();
        let data = [row.info, &[7; 32]].concat();
        assert_eq!(parse(&data[..data.len() - 1]), None);
        assert_eq!(parse(&[7; 32]), None);
        assert_eq!(parse(&[7; 36]), None);
        let mut without_null = data.clone();
        without_null.drain(15..17);
        assert_eq!(parse(&without_null), None);
    }
}
