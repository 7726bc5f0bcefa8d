//! N-grams of words that repeat, as DataTrove counts them.

use super::chain::Chain;
use super::layout::{Layout, Piece};
use super::measure::{measure_table, ratio};
use super::sieve::Sieve;
use super::table::CountTable;
use crate::text_hash::{hash_span, load, mix};
use crate::words::Word;
use serde::{Deserialize, Serialize};

/// Bytes of joined words that are hashed at once.
const STEP: usize = 16;
/// Bytes of joined words by which places are compared before n-grams are, steps of them.
const PREFIXES: [u32; 2] = [16, 32];
/// Zeros behind the words.
const PADDING: usize = 32;

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
    /// The words without anything between them, and zeros for the longest prefix behind them.
    joined: Vec<u8>,
    /// Where each word starts in `joined`: bytes and characters; one entry more than words.
    starts: Vec<(u32, u32)>,
    /// Index of words at which a duplicate n-gram can start.
    suspects: Vec<u32>,
    /// Bytes below which an n-gram from each word may stand elsewhere too.
    limits: Vec<u32>,
    /// Words whose prefixes are compared.
    places: Vec<u32>,
    /// Those prefixes.
    keys: Vec<u64>,
    sieve: Sieve,
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
        self.limits = Vec::new();
        self.places = Vec::new();
    }

    #[expect(clippy::cast_possible_truncation, reason = "texts are far below 4 GiB")]
    fn join<W: Piece>(&mut self, text: &str, words: &[W]) {
        let bytes = text.as_bytes();
        let length = text.len() + STEP + PADDING;
        if self.joined.len() < length {
            self.joined.resize(length, 0);
        }
        self.starts.clear();
        let (mut at, mut chars) = (0, 0);
        for word in words {
            self.starts.push((at as u32, chars));
            let (start, end) = word.place();
            let (start, end) = (start as usize, end as usize);
            match bytes.get(start..start + STEP) {
                // What is written too much is written over by the next word.
                Some(most) if end - start <= STEP => {
                    self.joined[at..at + STEP].copy_from_slice(most);
                }
                _ => self.joined[at..at + end - start].copy_from_slice(&bytes[start..end]),
            }
            at += end - start;
            chars += word.chars();
        }
        self.starts.push((at as u32, chars));
        self.joined[at..at + PADDING].fill(0);
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
    /// N-grams of as many bytes as a prefix or more can only be equal where those bytes are,
    /// whatever words they fall into; n-grams below the first are looked up anyhow.
    #[expect(clippy::cast_possible_truncation, reason = "texts are far below 4 Gi words")]
    fn find_suspects(&mut self, words: usize) {
        self.suspects.clear();
        let Some(last) = words.checked_sub(5) else { return };
        self.limits.clear();
        self.limits.resize(last + 1, PREFIXES[0]);
        self.places.clear();
        self.places.extend(0..=last as u32);
        self.keys.clear();
        self.keys.resize(last + 1, 0);
        for (index, &prefix) in PREFIXES.iter().enumerate() {
            let longer = PREFIXES.get(index + 1).copied();
            self.raise_limits(prefix as usize, longer.unwrap_or(u32::MAX));
        }
        self.suspects.resize(last + 1, 0);
        let mut found = 0;
        for at in 0..=last {
            self.suspects[found] = at as u32;
            found += usize::from(self.bytes_of(at, 5) < self.limits[at]);
        }
        self.suspects.truncate(found);
    }

    /// Sets the limit of every place whose next `prefix` bytes stand elsewhere too, and leaves
    /// those places. The keys are of the prefix before.
    fn raise_limits(&mut self, prefix: usize, limit: u32) {
        let (joined, starts) = (&self.joined, &self.starts);
        for (key, &place) in self.keys.iter_mut().zip(&self.places) {
            let end = starts[place as usize].0 as usize + prefix;
            *key = mix(*key ^ load(joined, end - STEP), load(joined, end - STEP / 2));
        }
        let left = self.sieve.repeated(self.keys.iter().copied());
        self.table.reset(left.len());
        for &index in left {
            let slot = self.table.add(self.keys[index as usize], index);
            let slot = self.table.slot(slot);
            if slot.count > 1 {
                for index in [index, slot.first] {
                    self.limits[self.places[index as usize] as usize] = limit;
                }
            }
        }
        let mut kept = 0;
        for index in 0..self.places.len() {
            let place = self.places[index];
            (self.places[kept], self.keys[kept]) = (place, self.keys[index]);
            kept += usize::from(self.limits[place as usize] == limit);
        }
        self.places.truncate(kept);
        self.keys.truncate(kept);
    }

    fn bytes_of(&self, at: usize, n: usize) -> u32 {
        self.starts[at + n].0 - self.starts[at].0
    }

    fn duplicate_chars(&mut self, words: usize, n: usize) -> u64 {
        let mut duplicate_chars = 0;
        let mut next = 0;
        self.table.reset(self.suspects.len());
        for &suspect in &self.suspects {
            let at = suspect as usize;
            if at + n > words {
                break;
            }
            if at < next || self.bytes_of(at, n) >= self.limits[at] {
                continue;
            }
            let (start, end) = (self.starts[at].0 as usize, self.starts[at + n].0 as usize);
            let slot = self.table.add(hash_span(&self.joined, start, end), suspect);
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
