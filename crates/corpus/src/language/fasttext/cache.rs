//! What the words of earlier texts summed to.
//!
//! Most words of a text were seen a moment ago. The sum of a word's rows does not depend on where
//! it stands, so a small table of sums saves hashing its n-grams again; and because a word is
//! always summed on its own first, a hit and a miss give the same bits.

use super::matrix::{Lane, lanes_for};

/// Longer words are rare and are summed each time.
const MAX_WORD_BYTES: usize = 24;

/// The table's size: half of a usual second-level cache.
const TARGET_BYTES: usize = 256 * 1024;

type Key = [u64; MAX_WORD_BYTES / 8];

/// A table of word sums with one place for each hash; a new word takes the place of the old.
#[derive(Debug)]
pub(super) struct WordCache {
    keys: Vec<Key>,
    counts: Vec<u32>,
    sums: Vec<Lane>,
    lanes: usize,
}

/// Where a word is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    slot: usize,
    key: Key,
}

impl WordCache {
    pub(super) fn new(dimension: usize) -> Self {
        let lanes = lanes_for(dimension);
        let slot_bytes = lanes * size_of::<Lane>() + size_of::<Key>() + 4;
        let slots = (TARGET_BYTES / slot_bytes).max(64).next_power_of_two();
        Self {
            keys: vec![Key::default(); slots],
            counts: vec![0; slots],
            sums: vec![Lane::default(); slots * lanes],
            lanes,
        }
    }

    /// The place of a word that is short enough. Words have no zero bytes, so padding with them
    /// keeps two words apart.
    #[inline]
    pub(super) fn place(&self, word: &[u8]) -> Option<Place> {
        if word.len() > MAX_WORD_BYTES {
            return None;
        }
        let mut bytes = [0; MAX_WORD_BYTES];
        bytes[..word.len()].copy_from_slice(word);
        let mut key = Key::default();
        let mut mixed = 0_u64;
        for (part, &chunk) in key.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *part = u64::from_le_bytes(chunk);
            mixed = (mixed.rotate_left(23) ^ *part).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
        let shift = u64::BITS - self.keys.len().ilog2();
        let slot = usize::try_from(mixed >> shift).unwrap_or(0);
        Some(Place { slot, key })
    }

    /// The sum of a word's rows and their count, if it is kept.
    #[inline]
    pub(super) fn find(&self, place: Place) -> Option<(&[Lane], u32)> {
        (self.keys[place.slot] == place.key)
            .then(|| (&self.sums[place.slot * self.lanes..][..self.lanes], self.counts[place.slot]))
    }

    pub(super) fn keep(&mut self, place: Place, sum: &[Lane], count: u32) {
        self.keys[place.slot] = place.key;
        self.counts[place.slot] = count;
        self.sums[place.slot * self.lanes..][..self.lanes].copy_from_slice(sum);
    }
}
