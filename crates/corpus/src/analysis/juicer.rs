//! What Data-Juicer measures without a model.

use super::classes::{ClassTable, SPECIALLY};
use super::hash::{hash_span, load, mix};
use super::layout::Layout;
use super::measure::{measure_table, ratio};
use super::table::CountTable;
use serde::{Deserialize, Serialize};

/// Characters of a window, and words of an n-gram.
const LENGTH: usize = 10;
/// Odd, so that powers of it never vanish.
const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

/// Counts of words and windows of characters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct JuicerCounts {
    words: u64,
    grams: u64,
    repeated_grams: u64,
    windows: u64,
    repeated_windows: u64,
}

/// Buffers for [`JuicerCounts`].
#[derive(Default)]
pub(super) struct JuicerScratch {
    table: CountTable,
    windows: WindowTable,
    lower: String,
    hashes: Vec<u64>,
    starts: Vec<u32>,
}

impl JuicerScratch {
    pub(super) fn count(
        &mut self,
        text: &str,
        layout: &Layout,
        classes: ClassTable,
    ) -> JuicerCounts {
        let mut counts = JuicerCounts::default();
        self.find_words(text, classes);
        counts.words = self.hashes.len() as u64;
        (counts.grams, counts.repeated_grams) = self.repeated_grams();
        (counts.windows, counts.repeated_windows) = self.repeated_windows(text, layout);
        counts
    }

    pub(super) fn shrink(&mut self, entries: usize) {
        self.table.shrink(entries);
        self.windows = WindowTable::default();
        self.lower = String::new();
        self.hashes = Vec::new();
        self.starts = Vec::new();
    }

    /// Hashes of words between spaces, tabs and line feeds, in lower case and without special
    /// characters at their ends; words of nothing else are left out.
    fn find_words(&mut self, text: &str, classes: ClassTable) {
        self.hashes.clear();
        let is_special = |ch: char| classes.of(ch) & SPECIALLY != 0;
        let mut add = |word: &str, lower: &mut String| {
            lower.clear();
            if word.is_ascii() {
                lower.push_str(word);
                lower.make_ascii_lowercase();
            } else {
                lower.push_str(&word.to_lowercase());
            }
            let word = lower.trim_matches(is_special);
            if !word.is_empty() {
                self.hashes.push(hash_span(word.as_bytes(), 0, word.len()));
            }
        };
        let mut start = 0;
        for (at, &byte) in text.as_bytes().iter().enumerate() {
            if matches!(byte, b' ' | b'\t' | b'\n') {
                if at > start {
                    add(&text[start..at], &mut self.lower);
                }
                start = at + 1;
            }
        }
        if start < text.len() {
            add(&text[start..], &mut self.lower);
        }
    }

    /// How many 10-grams of words there are, and how many of them stand more than once.
    fn repeated_grams(&mut self) -> (u64, u64) {
        let Some(last) = self.hashes.len().checked_sub(LENGTH) else { return (0, 0) };
        self.table.reset(last + 1);
        let power = (0..LENGTH).fold(1u64, |power, _| power.wrapping_mul(BASE));
        let mut rolling = 0u64;
        let mut repeated = 0;
        for (index, &hash) in self.hashes.iter().enumerate() {
            rolling = rolling.wrapping_mul(BASE).wrapping_add(hash);
            if index >= LENGTH {
                let gone = self.hashes[index - LENGTH].wrapping_mul(power);
                rolling = rolling.wrapping_sub(gone);
            }
            if index + 1 >= LENGTH {
                let slot = self.table.add(mix(rolling, BASE), 0);
                repeated += match self.table.slot(slot).count {
                    1 => 0,
                    2 => 2,
                    _ => 1,
                };
            }
        }
        (last as u64 + 1, repeated)
    }

    /// How many windows of 10 characters there are, and how many fall to the most frequent ones:
    /// at most the root of the number of different ones, and none that stands only once.
    fn repeated_windows(&mut self, text: &str, layout: &Layout) -> (u64, u64) {
        let bytes = text.as_bytes();
        let Some(last) = layout.chars.checked_sub(LENGTH) else { return (0, 0) };
        self.windows.reset(last + 1);
        if layout.is_ascii {
            for at in 0..=last {
                let tail = u64::from(bytes[at + 8]) | u64::from(bytes[at + 9]) << 8;
                self.windows.add(mix(load(bytes, at), tail));
            }
        } else {
            self.starts.clear();
            #[expect(clippy::cast_possible_truncation, reason = "texts are far below 4 GiB")]
            self.starts.extend(text.char_indices().map(|(at, _)| at as u32));
            #[expect(clippy::cast_possible_truncation, reason = "texts are far below 4 GiB")]
            self.starts.push(text.len() as u32);
            for ends in self.starts.windows(LENGTH + 1) {
                self.windows.add(hash_span(bytes, ends[0] as usize, ends[LENGTH] as usize));
            }
        }
        (last as u64 + 1, self.windows.top())
    }
}

/// Bits of a slot that count; the others tell keys apart.
const COUNT_BITS: u32 = 24;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;

/// Counts of keys in eight bytes each: there is one for every character of a text.
///
/// Keys are told apart by 40 bits and their place in the table.
#[derive(Default)]
struct WindowTable {
    slots: Vec<u64>,
    mask: usize,
    /// How many keys stand at least so often, for 2, 3, and so on.
    at_least: Vec<u32>,
    distinct: u64,
}

impl WindowTable {
    fn reset(&mut self, keys: usize) {
        let capacity = (keys + keys / 2).next_power_of_two().max(16);
        if self.slots.len() < capacity {
            self.slots.resize(capacity, 0);
        }
        self.slots[..capacity].fill(0);
        self.mask = capacity - 1;
        self.at_least.clear();
        self.distinct = 0;
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "any bits of a mixed key will do")]
    fn add(&mut self, key: u64) {
        let mut index = key as usize & self.mask;
        loop {
            let slot = &mut self.slots[index];
            if *slot == 0 {
                *slot = key & !COUNT_MASK | 1;
                self.distinct += 1;
                return;
            }
            if (*slot ^ key) & !COUNT_MASK == 0 {
                let count = *slot & COUNT_MASK;
                if count < COUNT_MASK {
                    *slot += 1;
                    if self.at_least.len() < count as usize {
                        self.at_least.push(0);
                    }
                    self.at_least[count as usize - 1] += 1;
                }
                return;
            }
            index = (index + 1) & self.mask;
        }
    }

    /// The sum of the greatest counts of keys that stand more than once.
    fn top(&self) -> u64 {
        let Some(&repeated) = self.at_least.first() else { return 0 };
        let most = self.distinct.isqrt().min(u64::from(repeated));
        // A key that stands k times is counted once in each of the first k - 1 entries.
        most + self.at_least.iter().map(|&keys| u64::from(keys).min(most)).sum::<u64>()
    }
}

measure_table! { Juicer, juicer, |it, profile|
    "juicer.words", "Words in lower case that are not special characters alone."
        => it.words as f64;
    "juicer.word_repetition", "10-grams of words that stand more than once, by 10-grams."
        => ratio(it.repeated_grams, it.grams);
    "juicer.char_repetition",
        "Windows of 10 characters that fall to the most frequent ones, by windows."
        => ratio(it.repeated_windows, it.windows);
}
