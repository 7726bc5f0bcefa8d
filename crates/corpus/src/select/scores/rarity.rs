//! How rare the words of a text are in a corpus.

use crate::ngrams::{HashSink, Spelling};
use std::collections::HashMap;

/// How often each word occurs in a corpus.
#[derive(Clone, Debug, Default)]
pub struct UnigramCounts {
    /// By the hash of the word, which is spread well already.
    counts: HashMap<u64, u64, ahash::RandomState>,
    total: u64,
}

impl UnigramCounts {
    /// Counts the words of one more text.
    pub fn add(&mut self, text: &str) {
        let visit = |hash, _| {
            *self.counts.entry(hash).or_insert(0) += 1;
            self.total += 1;
            true
        };
        Spelling::Plain.scan(text, &mut HashSink::new(visit));
    }

    /// Adds what another part of the corpus has; the order of parts does not matter.
    pub fn merge(&mut self, other: &Self) {
        for (&hash, &count) in &other.counts {
            *self.counts.entry(hash).or_insert(0) += count;
        }
        self.total += other.total;
    }

    /// Different words.
    pub fn words(&self) -> usize {
        self.counts.len()
    }

    /// `-ln((count + 1) / (total + words + 1))`: one is added so that a word never seen has a
    /// frequency above 0.
    fn surprise(&self, hash: u64) -> f64 {
        let count = self.counts.get(&hash).copied().unwrap_or(0) + 1;
        ((self.total + self.counts.len() as u64 + 1) as f64 / count as f64).ln()
    }
}

/// Mean surprise of the words of a text; 0 for a text without words.
///
/// # Source
/// The word rarity of Platanios et al. 2019, arXiv:1903.09848, by the mean instead of the sum, so
/// that length does not count twice.
pub(super) fn rarity(counts: &UnigramCounts, text: &str) -> f64 {
    let (mut sum, mut words) = (0.0, 0u64);
    let visit = |hash, _| {
        sum += counts.surprise(hash);
        words += 1;
        true
    };
    Spelling::Plain.scan(text, &mut HashSink::new(visit));
    if words == 0 { 0.0 } else { sum / words as f64 }
}
