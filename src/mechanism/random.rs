//! Random numbers (PKCS#11 3.2, 5.21): those of the operating system, mixed with the application's seeds.

use crate::error::{Error, Result};
use cryptoki_sys::*;
use sha2::{Digest as _, Sha512};
use std::sync::atomic::{AtomicU64, Ordering};
use zeroize::{Zeroize, Zeroizing};

/// The number of bytes drawn at once: the length of the mask that one digest makes.
const PIECE: usize = 64;

/// A generator: the operating system's random numbers, XOR a mask derived from the seeds. The mask does not depend on
/// the numbers drawn, so the result is never weaker than the operating system's, whatever the seeds are.
///
/// All seeds together are reduced to 64 bytes. There is no lock that a fork could leave held. Threads that seed and
/// draw at the same time may see one seed or both; either is correct.
#[derive(Default)]
pub struct Random {
    pool: [AtomicU64; PIECE / 8],
    /// The number of seeds and draws; 0 until the first seed.
    uses: AtomicU64,
}

impl Random {
    /// `C_SeedRandom`: mixes in a seed of any length. A repeated seed counts again.
    pub fn seed(&self, seed: &[u8]) {
        let number = self.uses.fetch_add(1, Ordering::Relaxed);
        let mut digest =
            Sha512::new().chain_update(b"seed").chain_update(number.to_be_bytes()).chain_update(seed).finalize();
        for (word, bytes) in self.pool.iter().zip(digest.as_chunks::<8>().0) {
            word.fetch_xor(u64::from_be_bytes(*bytes), Ordering::Relaxed);
        }
        digest.as_mut_slice().zeroize();
    }

    /// `C_GenerateRandom`: fills `out`; `CKR_DEVICE_ERROR` if the operating system provides no random numbers.
    pub fn fill(&self, out: &mut [u8]) -> Result<()> {
        for piece in out.chunks_mut(PIECE) {
            getrandom::fill(piece).map_err(|error| {
                Error::loud(CKR_DEVICE_ERROR, format!("the operating system provides no random numbers: {error}"))
            })?;
            if self.uses.load(Ordering::Relaxed) > 0 {
                piece.iter_mut().zip(self.mask().iter()).for_each(|(byte, mask)| *byte ^= mask);
            }
        }
        Ok(())
    }

    /// A mask that is used only once. The pool then changes by a digest of its own, so that nobody who reads it later
    /// can compute an earlier mask.
    fn mask(&self) -> Zeroizing<[u8; PIECE]> {
        let number = self.uses.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mut state = Zeroizing::new([0; PIECE]);
        for (bytes, word) in state.as_chunks_mut::<8>().0.iter_mut().zip(&self.pool) {
            *bytes = word.load(Ordering::Relaxed).to_be_bytes();
        }
        let digest = |purpose: &[u8]| {
            let digest = Sha512::new().chain_update(purpose).chain_update(number).chain_update(*state).finalize();
            Zeroizing::new(<[u8; PIECE]>::from(digest))
        };
        let next = digest(b"next");
        for (word, bytes) in self.pool.iter().zip(next.as_chunks::<8>().0) {
            word.fetch_xor(u64::from_be_bytes(*bytes), Ordering::Relaxed);
        }
        digest(b"mask")
    }
}

impl Drop for Random {
    fn drop(&mut self) {
        self.pool.iter().for_each(|word| word.store(0, Ordering::Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(random: &Random) -> Vec<u64> {
        random.pool.iter().map(|word| word.load(Ordering::Relaxed)).collect()
    }

    #[test]
    fn a_seed_changes_the_masks_and_two_equal_seeds_do_not_cancel_out() {
        let (one, two) = (Random::default(), Random::default());
        one.seed(b"seed");
        two.seed(b"seed");
        assert_eq!(one.mask(), two.mask(), "masks come of the seeds alone");
        two.seed(b"seed");
        assert_ne!(state(&two), vec![0; 8]);
        assert_ne!(one.mask(), two.mask());
        assert_ne!(one.mask(), one.mask(), "no mask comes again");
        let long = Random::default();
        long.seed(&vec![7; 1 << 20]);
        assert_ne!(state(&long), state(&Random::default()));
    }

    #[test]
    fn what_is_drawn_is_never_the_mask_alone() {
        let (one, two) = (Random::default(), Random::default());
        one.seed(b"the same seed");
        two.seed(b"the same seed");
        let (mut of_one, mut of_two) = ([0; 200], [0; 200]);
        one.fill(&mut of_one).unwrap();
        two.fill(&mut of_two).unwrap();
        assert_ne!(of_one, of_two, "the operating system's part differs");
        assert!(of_one.windows(16).all(|window| window != [0; 16]));
        one.fill(&mut []).unwrap();
    }
    #[test]
    fn only_a_generator_with_a_seed_has_masks() {
        let random = Random::default();
        random.fill(&mut [0; 3 * PIECE]).unwrap();
        assert_eq!(random.uses.load(Ordering::Relaxed), 0);
        random.seed(b"seed");
        random.fill(&mut [0; 3 * PIECE]).unwrap();
        assert_eq!(random.uses.load(Ordering::Relaxed), 1 + 3, "the seed, and a mask for each piece");
    }

    #[test]
    fn as_many_ones_as_zeros_are_drawn() {
        let random = Random::default();
        random.seed(b"seed");
        let mut drawn = vec![0; 100_000];
        random.fill(&mut drawn).unwrap();
        let ones: u32 = drawn.iter().map(|byte| byte.count_ones()).sum();
        // The standard deviation is 447.
        assert!(ones.abs_diff(400_000) < 8_000, "{ones} of 800000 bits are ones");
    }
}
