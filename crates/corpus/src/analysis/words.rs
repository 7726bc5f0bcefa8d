//! Words as spaCy's English rules cut them, which is how DataTrove counts.

use super::characters::CharacterCounts;
use super::measure::{measure_table, ratio};
use super::profile::TextProfile;
use crate::words::Word;
use serde::{Deserialize, Serialize};

/// Counts of words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct WordCounts {
    words: u64,
    non_symbols: u64,
    non_symbol_chars: u64,
    with_letter: u64,
    /// One bit for each of [`STOP_WORDS`] that occurs.
    stop_words: u8,
}

/// The stop words of Gopher.
const STOP_WORDS: [&[u8]; 8] = [b"the", b"be", b"to", b"of", b"and", b"that", b"have", b"with"];

/// Which of the stop words `word` is.
#[inline]
pub(super) fn stop_word(word: &[u8]) -> Option<usize> {
    if word.len() < 2 || word.len() > 4 {
        return None;
    }
    STOP_WORDS.iter().position(|&stop| stop == word)
}

/// The label of a word: a bit for the stop word that it is, or nothing.
pub(super) fn label(word: &str) -> u8 {
    stop_word(word.as_bytes()).map_or(0, |index| 1 << index)
}

impl WordCounts {
    pub(super) fn count(words: &[Word]) -> Self {
        let mut counts = Self { words: words.len() as u64, ..Self::default() };
        for word in words {
            counts.with_letter += u64::from(word.is_alphabetic());
            if !word.is_symbol() {
                counts.non_symbols += 1;
                counts.non_symbol_chars += u64::from(word.chars);
            }
            counts.stop_words |= word.label;
        }
        counts
    }
}

/// A count of the whole text, by words.
fn per_word(profile: &TextProfile, words: u64, count: fn(&CharacterCounts) -> u64) -> f64 {
    profile.characters.as_ref().map_or(0.0, |characters| ratio(count(characters), words))
}

measure_table! { Words, words, |it, profile|
    "words.count", "Words." => it.words as f64;
    "words.non_symbol_count", "Words that are not punctuation alone." => it.non_symbols as f64;
    "words.mean_chars", "Characters of words that are not punctuation alone, by such words."
        => ratio(it.non_symbol_chars, it.non_symbols);
    "words.alphabetic_fraction", "Words with a letter, by words."
        => ratio(it.with_letter, it.words);
    "words.distinct_stop_words", "How many of the, be, to, of, and, that, have, with occur."
        => f64::from(it.stop_words.count_ones());
    "words.hashes_per_word", "Signs `#` by words."
        => per_word(profile, it.words, |characters| characters.hashes);
    "words.ellipses_per_word", "Ellipses by words."
        => per_word(profile, it.words, |characters| characters.ellipses);
    "words.newlines_per_word", "Line feeds by words."
        => per_word(profile, it.words, |characters| characters.newlines);
}
