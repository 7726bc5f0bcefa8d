//! What Data-Juicer measures without a model.

use super::layout::Layout;
use super::measure::{measure_table, ratio};
use super::sieve::Sieve;
use super::table::CountTable;
use super::windows::WindowScratch;
use crate::classes::{ClassTable, SPECIALLY};
use crate::text_hash::{HEAD, hash_head, hash_span, head, mix};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Words of an n-gram.
const LENGTH: usize = 10;
/// The characters of ASCII that are neither letters nor special nor white space.
const CONTROLS: &[u8] = b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0E\x0F\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1A\x1B\x1C\x1D\x1E\x1F\x7F";
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
    sieve: Sieve,
    /// Keys of n-grams.
    keys: Vec<u64>,
    hashes: Vec<u64>,
    windows: WindowScratch,
}

impl JuicerScratch {
    pub(super) fn count(
        &mut self,
        text: &str,
        layout: &Layout,
        classes: ClassTable,
    ) -> JuicerCounts {
        let mut counts = JuicerCounts::default();
        self.find_words(text, layout, classes);
        counts.words = self.hashes.len() as u64;
        (counts.grams, counts.repeated_grams) = self.repeated_grams();
        (counts.windows, counts.repeated_windows) = self.windows.count(text, layout);
        counts
    }

    pub(super) fn shrink(&mut self, entries: usize) {
        self.table.shrink(entries);
        self.sieve.shrink(entries);
        self.keys = Vec::new();
        self.hashes = Vec::new();
        self.windows.shrink(entries);
    }

    /// Hashes of words between spaces, tabs and line feeds, in lower case and without special
    /// characters at their ends; words of nothing else are left out.
    fn find_words(&mut self, text: &str, layout: &Layout, classes: ClassTable) {
        self.hashes.clear();
        if layout.has_rare_space {
            let words = text.split([' ', '\t', '\n']).filter(|word| !word.is_empty());
            for word in words {
                if word.is_ascii() {
                    self.hashes.extend(hash_ascii(word.as_bytes(), 0, word.len(), classes));
                } else {
                    self.hashes.extend(hash_any(word, classes));
                }
            }
            return;
        }
        let bytes = text.as_bytes();
        // Without control characters, what is special in ASCII is all but the letters.
        let has_controls = layout.histogram.count_of(CONTROLS) > 0;
        for token in &layout.plain_words {
            let (start, end) = (token.start as usize, token.end as usize);
            if token.kinds.has_beyond() {
                self.hashes.extend(hash_any(&text[start..end], classes));
            } else if has_controls || end - start > 64 {
                self.hashes.extend(hash_ascii(bytes, start, end, classes));
            } else {
                let (from, to) = layout.bytes.letter_to_letter(start, end);
                let known = self.hashes.len();
                self.hashes.push(hash_lower(bytes, from, to));
                self.hashes.truncate(known + usize::from(from < to));
            }
        }
    }

    /// How many 10-grams of words there are, and how many of them stand more than once.
    fn repeated_grams(&mut self) -> (u64, u64) {
        let Some(last) = self.hashes.len().checked_sub(LENGTH) else { return (0, 0) };
        let power = (0..LENGTH).fold(1u64, |power, _| power.wrapping_mul(BASE));
        let mut rolling = 0u64;
        self.keys.clear();
        for (index, &hash) in self.hashes.iter().enumerate() {
            rolling = rolling.wrapping_mul(BASE).wrapping_add(hash);
            if index >= LENGTH {
                let gone = self.hashes[index - LENGTH].wrapping_mul(power);
                rolling = rolling.wrapping_sub(gone);
            }
            if index + 1 >= LENGTH {
                self.keys.push(mix(rolling, BASE));
            }
        }
        let left = self.sieve.repeated(self.keys.iter().copied());
        self.table.reset(left.len());
        let mut repeated = 0;
        for &at in left {
            let slot = self.table.add(self.keys[at as usize], 0);
            repeated += match self.table.slot(slot).count {
                1 => 0,
                2 => 2,
                _ => 1,
            };
        }
        (last as u64 + 1, repeated)
    }
}

/// Eight characters of ASCII with their capitals made small.
#[inline]
fn lower(ascii: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // The top bit of each byte that is `A` or above, and of each that is above `Z`.
    let from_a = ascii + ONES * (0x80 - 0x41);
    let above_z = ascii + ONES * (0x80 - 0x5B);
    ascii | (from_a & !above_z & (ONES << 7)) >> 2
}

/// The hash of an ASCII word in lower case without special characters at its ends, if it has
/// others.
#[inline]
fn hash_ascii(bytes: &[u8], start: usize, end: usize, classes: ClassTable) -> Option<u64> {
    let is_special = |byte: u8| classes.of_ascii(byte) & SPECIALLY != 0;
    let (mut from, mut to) = (start, end);
    while from < to && is_special(bytes[from]) {
        from += 1;
    }
    while from < to && is_special(bytes[to - 1]) {
        to -= 1;
    }
    (from < to).then(|| hash_lower(bytes, from, to))
}

/// The hash of an ASCII word in lower case.
#[inline]
fn hash_lower(bytes: &[u8], start: usize, end: usize) -> u64 {
    if end - start <= HEAD {
        return hash_head(head(bytes, start, end).map(lower), end - start);
    }
    let word = bytes[start..end].to_ascii_lowercase();
    hash_span(&word, 0, word.len())
}

/// As [`hash_ascii`], of any word.
fn hash_any(word: &str, classes: ClassTable) -> Option<u64> {
    let small: Cow<'_, str> = if word.chars().any(may_have_small_form) {
        word.to_lowercase().into()
    } else {
        word.into()
    };
    let word = small.trim_matches(|ch| classes.of(ch) & SPECIALLY != 0);
    (!word.is_empty()).then(|| hash_span(word.as_bytes(), 0, word.len()))
}

/// Whether `ch` may have another form in lower case: capitals, and letters with one part a capital.
fn may_have_small_form(ch: char) -> bool {
    ch.is_uppercase() || matches!(ch, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ' | '\u{1F88}'..='\u{1FFC}')
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_small_form_is_known() {
        for ch in '\0'..=char::MAX {
            let is_small = ch.to_lowercase().eq([ch]);
            assert!(is_small || may_have_small_form(ch), "{ch:?}");
        }
    }
}
