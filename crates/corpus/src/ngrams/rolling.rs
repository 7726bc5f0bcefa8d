//! Hashes of the runs of words that end at each word, for several lengths at once.

use crate::dedup::mix;

/// Odd, so that multiplying by it loses nothing.
const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

/// Hashes runs of words as the words come in.
///
/// With `w` the hashes of the words, the sum `p(i) = p(i-1) * b + w(i)` over the text so far gives
/// the hash of the last `n` words as `p(i) - p(i-n) * b^n`, modulo 2^64. One multiplication for
/// each length, whatever the lengths.
#[derive(Clone, Debug)]
pub(crate) struct RunHasher {
    /// The sums after the last words; its length is a power of two.
    sums: Vec<u64>,
    /// For each length, the length and `b^n`.
    lengths: Vec<(usize, u64)>,
    count: usize,
}

impl RunHasher {
    /// Hashes runs of each of `lengths` words.
    pub(crate) fn new(lengths: &[usize]) -> Self {
        let power = |n: usize| (0..n).fold(1u64, |power, _| power.wrapping_mul(BASE));
        let longest = lengths.iter().copied().max().unwrap_or(0);
        Self {
            sums: vec![0; (longest + 1).next_power_of_two()],
            lengths: lengths.iter().map(|&n| (n, power(n))).collect(),
            count: 0,
        }
    }

    /// Forgets every word.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
        self.sums.fill(0);
    }

    /// Takes one more word and hands each run that now ends to `visit`: its words and its hash.
    /// Stops when `visit` returns false, and says so.
    #[inline(always)]
    pub(crate) fn push(
        &mut self,
        word_hash: u64,
        mut visit: impl FnMut(usize, u64) -> bool,
    ) -> bool {
        let mask = self.sums.len() - 1;
        let sum = self.sums[self.count & mask].wrapping_mul(BASE).wrapping_add(word_hash);
        self.count += 1;
        self.sums[self.count & mask] = sum;
        for &(words, power) in &self.lengths {
            if self.count < words {
                continue;
            }
            let before = self.sums[(self.count - words) & mask];
            let run = sum.wrapping_sub(before.wrapping_mul(power));
            if !visit(words, mix(run)) {
                return false;
            }
        }
        true
    }
}
