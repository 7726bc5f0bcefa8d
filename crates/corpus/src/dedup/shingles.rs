//! Shingles of a text by their hashes.

use super::config::Shingle;
use super::hash::{high32, mix};
use super::words::for_each_word;

/// Multiplier of the rolling hash: any odd number with bits everywhere.
const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

/// Shingles of a text that are looked at; of a longer one the rest is left out. A hundred megabytes
/// of English have as many.
const MAX_SHINGLES: usize = 1 << 24;

/// Turns texts into shingle hashes; keeps its buffers from text to text.
///
/// The hash of a run `w_1 .. w_n` is the upper half of `mix(sum of w_i BASE^(n - i))`, which moves
/// on by one word with two multiplications.
#[derive(Clone, Debug)]
pub(super) struct Shingler {
    length: usize,
    words: bool,
    /// `BASE^length`: what the oldest word is weighted with once it has left.
    leaving: u64,
    /// The words of the run, as a ring.
    ring: Vec<u64>,
}

impl Shingler {
    pub(super) fn new(shingle: Shingle) -> Self {
        let (length, words) = match shingle {
            Shingle::Words(length) => (length, true),
            Shingle::Characters(length) => (length, false),
        };
        let leaving = (0..length).fold(1, |power: u64, _| power.wrapping_mul(BASE));
        Self { length, words, leaving, ring: vec![0; length] }
    }

    /// Replaces `shingles` by those of `text`, in their order, repeats included; returns a hash of
    /// the numbers of `text` in their order. A text without words (characters) has no shingles.
    pub(super) fn read(&mut self, text: &str, shingles: &mut Vec<u32>) -> u64 {
        shingles.clear();
        let mut roll = Roll { shingler: self, sum: 0, seen: 0, slot: 0, shingles };
        let mut numbers = 0;
        if roll.shingler.words {
            for_each_word(text, |hash, is_number| {
                roll.push(mix(hash));
                if is_number {
                    numbers = mix(numbers ^ hash);
                }
            });
        } else {
            text.chars().for_each(|ch| roll.push(mix(u64::from(u32::from(ch)) + 1)));
            for_each_word(text, |hash, is_number| {
                if is_number {
                    numbers = mix(numbers ^ hash);
                }
            });
        }
        roll.finish();
        numbers
    }
}

struct Roll<'a> {
    shingler: &'a mut Shingler,
    sum: u64,
    seen: usize,
    slot: usize,
    shingles: &'a mut Vec<u32>,
}

impl Roll<'_> {
    #[inline(always)]
    fn push(&mut self, word: u64) {
        let old = &mut self.shingler.ring[self.slot];
        self.sum = self.sum.wrapping_mul(BASE).wrapping_add(word);
        if self.seen >= self.shingler.length {
            self.sum = self.sum.wrapping_sub(old.wrapping_mul(self.shingler.leaving));
        }
        *old = word;
        self.seen += 1;
        self.slot = if self.slot + 1 == self.shingler.length { 0 } else { self.slot + 1 };
        if self.seen >= self.shingler.length && self.shingles.len() < MAX_SHINGLES {
            self.shingles.push(high32(mix(self.sum)));
        }
    }

    fn finish(self) {
        if self.seen > 0 && self.seen < self.shingler.length {
            self.shingles.push(high32(mix(self.sum)));
        }
    }
}

/// Sorts and keeps one of each.
pub(super) fn to_set(shingles: &mut Vec<u32>) {
    shingles.sort_unstable();
    shingles.dedup();
}

/// `|A ∩ B| / |A ∪ B|` of two sorted sets; zero if both are empty.
pub(super) fn jaccard(a: &[u32], b: &[u32]) -> f64 {
    let (mut i, mut k, mut shared) = (0, 0, 0_usize);
    // Branches on random data cost more than the additions: each step moves one or both on.
    while i < a.len() && k < b.len() {
        let (x, y) = (a[i], b[k]);
        shared += usize::from(x == y);
        i += usize::from(x <= y);
        k += usize::from(y <= x);
    }
    shared as f64 / (a.len() + b.len() - shared).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(text: &str, shingle: Shingle) -> Vec<u32> {
        let mut shingles = Vec::new();
        Shingler::new(shingle).read(text, &mut shingles);
        to_set(&mut shingles);
        shingles
    }

    #[test]
    fn similarity_is_that_of_the_runs_of_words() {
        let two = |text: &str| set(text, Shingle::Words(2));
        assert_eq!(two("a b c d").len(), 3);
        assert_eq!(jaccard(&two("a b c d"), &two("A, b. c; d!")), 1.0);
        assert_eq!(jaccard(&two("a b c d"), &two("a b c e")), 0.5);
        assert_eq!(jaccard(&two("a b"), &two("b a")), 0.0);
        assert_eq!((two("a").len(), two("- ").len()), (1, 0));
        assert_eq!(jaccard(&[], &[]), 0.0);
        let letters = |text: &str| set(text, Shingle::Characters(3));
        assert_eq!(jaccard(&letters("abcd"), &letters("bcde")), 1.0 / 3.0);
    }

    proptest! {
        #[test]
        fn a_run_has_the_same_hash_wherever_it_stands(
            words in proptest::collection::vec("[a-c]{1,2}", 1..30), length in 1..6_usize,
        ) {
            let whole = set(&words.join(" "), Shingle::Words(length));
            let mut runs: Vec<u32> = words
                .windows(length.min(words.len()))
                .flat_map(|run| set(&run.join(" "), Shingle::Words(length)))
                .collect();
            to_set(&mut runs);
            prop_assert_eq!(whole, runs);
        }
    }
}
