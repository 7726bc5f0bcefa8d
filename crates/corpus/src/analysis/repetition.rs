//! N-grams of words that repeat, as DataTrove counts them.

use super::chain::Chain;
use super::layout::{Layout, Piece};
use super::measure::{measure_table, ratio};
use super::sieve::Sieve;
use super::table::CountTable;
use crate::text_hash::{hash_span, load, mix};
use crate::words::Word;
use serde::{Deserialize, Serialize};

/// Bytes of joined words by which places are compared before n-grams are.
const PREFIX: usize = 16;

/// Counts of n-grams.
///
/// The top n-gram of 2 to 4 words is the most frequent one, the first of several; its characters
/// are counted with the spaces between its words, as often as it occurs. A duplicate n-gram of 5
/// to 10 words is one whose words, joined without spaces, stood earlier; after one, the search
/// goes on behind it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RepetitionCounts {
    chars: u64,
    top_chars: [u64; 3],
    duplicate_chars: [u64; 6],
}

impl Piece for Word {
    fn hash(&self) -> u64 {
        self.hash
    }

    fn place(&self) -> (u32, u32) {
        (self.start, self.end)
    }

    fn chars(&self) -> u32 {
        self.chars
    }
}

impl RepetitionCounts {
    /// Characters of the top n-gram, for `n` from 2 to 4, by characters.
    pub(super) fn top(&self, n: usize) -> f64 {
        ratio(self.top_chars[n - 2], self.chars)
    }

    /// Characters of duplicate n-grams, for `n` from 5 to 10, by characters.
    pub(super) fn duplicate(&self, n: usize) -> f64 {
        ratio(self.duplicate_chars[n - 5], self.chars)
    }
}

/// Buffers for [`RepetitionCounts`].
#[derive(Default)]
pub(super) struct RepetitionScratch {
    chain: Chain,
    table: CountTable,
    /// The words without anything between them, and eight zero bytes more than a prefix needs.
    joined: Vec<u8>,
    /// Where each word starts in `joined`: bytes and characters; one entry more than words.
    starts: Vec<(u32, u32)>,
    /// Index of words at which a duplicate n-gram can start.
    suspects: Vec<u32>,
    /// The prefix at each word.
    keys: Vec<u64>,
    sieve: Sieve,
    /// Whether the prefix at a word stands elsewhere too.
    repeats: Vec<bool>,
}

impl RepetitionScratch {
    pub(super) fn count<W: Piece>(
        &mut self,
        text: &str,
        layout: &Layout,
        words: &[W],
    ) -> RepetitionCounts {
        let mut counts =
            RepetitionCounts { chars: layout.chars as u64, ..RepetitionCounts::default() };
        self.join(text, words);
        self.chain.start(words);
        for (index, n) in (2..=4).enumerate() {
            if n > 2 {
                self.chain.grow(words);
            }
            counts.top_chars[index] = self.top_chars(words.len(), n);
        }
        self.find_suspects(words.len());
        for (index, n) in (5..=10).enumerate() {
            counts.duplicate_chars[index] = self.duplicate_chars(words.len(), n);
        }
        counts
    }

    pub(super) fn shrink(&mut self, entries: usize) {
        self.chain.shrink(entries);
        self.table.shrink(entries);
        self.joined = Vec::new();
        self.starts = Vec::new();
        self.suspects = Vec::new();
        self.keys = Vec::new();
        self.sieve.shrink(entries);
        self.repeats = Vec::new();
    }

    #[expect(clippy::cast_possible_truncation, reason = "texts are far below 4 GiB")]
    fn join<W: Piece>(&mut self, text: &str, words: &[W]) {
        let bytes = text.as_bytes();
        let length = text.len() + PREFIX + 8;
        if self.joined.len() < length {
            self.joined.resize(length, 0);
        }
        self.starts.clear();
        let (mut at, mut chars) = (0, 0);
        for word in words {
            self.starts.push((at as u32, chars));
            let (start, end) = word.place();
            let (start, end) = (start as usize, end as usize);
            match bytes.get(start..start + PREFIX) {
                // What is written too much is written over by the next word.
                Some(most) if end - start <= PREFIX => {
                    self.joined[at..at + PREFIX].copy_from_slice(most);
                }
                _ => self.joined[at..at + end - start].copy_from_slice(&bytes[start..end]),
            }
            at += end - start;
            chars += word.chars();
        }
        self.starts.push((at as u32, chars));
        self.joined[at..at + PREFIX + 8].fill(0);
    }

    /// Characters of the n-gram from word `at`, without spaces.
    fn chars_of(&self, at: usize, n: usize) -> u64 {
        u64::from(self.starts[at + n].1 - self.starts[at].1)
    }

    fn top_chars(&self, words: usize, n: usize) -> u64 {
        if words < n {
            return 0;
        }
        let (first, count) =
            self.chain.top().map_or((0, 1), |top| (top.first as usize, u64::from(top.count)));
        (self.chars_of(first, n) + n as u64 - 1) * count
    }

    /// Finds the words at which a duplicate n-gram can start.
    ///
    /// N-grams of [`PREFIX`] bytes or more can only be equal where as many bytes are, whatever
    /// words those bytes fall into; n-grams below that are looked up anyhow.
    #[expect(clippy::cast_possible_truncation, reason = "texts are far below 4 Gi words")]
    fn find_suspects(&mut self, words: usize) {
        self.suspects.clear();
        self.repeats.clear();
        let Some(last) = words.checked_sub(5) else { return };
        self.repeats.resize(last + 1, false);
        let joined = &self.joined;
        self.keys.clear();
        self.keys.extend(self.starts[..=last].iter().map(|&(start, _)| {
            mix(load(joined, start as usize), load(joined, start as usize + 8))
        }));
        let left = self.sieve.repeated(self.keys.iter().copied());
        self.table.reset(left.len());
        for &at in left {
            let slot = self.table.add(self.keys[at as usize], at);
            let slot = self.table.slot(slot);
            if slot.count > 1 {
                self.repeats[at as usize] = true;
                self.repeats[slot.first as usize] = true;
            }
        }
        self.suspects.resize(last + 1, 0);
        let mut found = 0;
        for at in 0..=last {
            self.suspects[found] = at as u32;
            found += usize::from(self.repeats[at]) | usize::from(self.bytes_of(at, 5) < PREFIX);
        }
        self.suspects.truncate(found);
    }

    fn bytes_of(&self, at: usize, n: usize) -> usize {
        (self.starts[at + n].0 - self.starts[at].0) as usize
    }

    fn duplicate_chars(&mut self, words: usize, n: usize) -> u64 {
        let mut duplicate_chars = 0;
        let mut next = 0;
        self.table.reset(self.suspects.len());
        for index in 0..self.suspects.len() {
            let at = self.suspects[index] as usize;
            if at + n > words {
                break;
            }
            if at < next || !(self.repeats[at] || self.bytes_of(at, n) < PREFIX) {
                continue;
            }
            let (start, end) = (self.starts[at].0 as usize, self.starts[at + n].0 as usize);
            let slot = self.table.add(hash_span(&self.joined, start, end), self.suspects[index]);
            if self.table.slot(slot).count > 1 {
                duplicate_chars += self.chars_of(at, n);
                next = at + n;
            }
        }
        duplicate_chars
    }
}

measure_table! { Repetition, repetition, |it, profile|
    "repetition.top_2_gram", "Characters of the most frequent pair of words, by characters."
        => it.top(2);
    "repetition.top_3_gram", "Characters of the most frequent 3-gram, by characters."
        => it.top(3);
    "repetition.top_4_gram", "Characters of the most frequent 4-gram, by characters."
        => it.top(4);
    "repetition.duplicate_5_gram", "Characters of 5-grams that stood earlier, by characters."
        => it.duplicate(5);
    "repetition.duplicate_6_gram", "Characters of 6-grams that stood earlier, by characters."
        => it.duplicate(6);
    "repetition.duplicate_7_gram", "Characters of 7-grams that stood earlier, by characters."
        => it.duplicate(7);
    "repetition.duplicate_8_gram", "Characters of 8-grams that stood earlier, by characters."
        => it.duplicate(8);
    "repetition.duplicate_9_gram", "Characters of 9-grams that stood earlier, by characters."
        => it.duplicate(9);
    "repetition.duplicate_10_gram", "Characters of 10-grams that stood earlier, by characters."
        => it.duplicate(10);
}
