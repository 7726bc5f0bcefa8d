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
    STOP_WORDS.iter().position(|&stop| stop == word)
}

/// Whether a word is one of the stop words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum StopWord {
    #[default]
    No,
    /// It is one, with capitals.
    Capital,
    /// It is one as it stands.
    Exactly,
}

/// The bit by which small letters differ from capitals, for four bytes.
const CASE: u32 = 0x2020_2020;
/// Bits that tell the stop words apart once they are multiplied by [`SPREAD`].
const SPREAD_BITS: u32 = 4;
const SPREAD: u32 = spread();

/// A stop word as a number, with spaces up to four bytes; none where its length is 0.
#[derive(Clone, Copy)]
struct Spelled {
    number: u32,
    length: usize,
    /// The spaces.
    padding: u32,
}

static SPELLED: [Spelled; 1 << SPREAD_BITS] = spelled();

const fn spell(word: &[u8]) -> Spelled {
    let mut number = 0;
    let mut at = 0;
    while at < word.len() {
        number |= (word[at] as u32) << (8 * at);
        at += 1;
    }
    let padding = if word.len() < 4 { CASE & !((1 << (8 * word.len())) - 1) } else { 0 };
    Spelled { number: number | padding, length: word.len(), padding }
}

const fn place(number: u32, spread: u32) -> usize {
    (number.wrapping_mul(spread) >> (32 - SPREAD_BITS)) as usize
}

const fn spread() -> u32 {
    let mut spread = 0x9E37_79B1_u32;
    loop {
        let (mut taken, mut index, mut differ) = (0_u32, 0, true);
        while index < STOP_WORDS.len() {
            let bit = 1 << place(spell(STOP_WORDS[index]).number, spread);
            differ &= taken & bit == 0;
            taken |= bit;
            index += 1;
        }
        if differ {
            return spread;
        }
        spread = spread.wrapping_add(2);
    }
}

const fn spelled() -> [Spelled; 1 << SPREAD_BITS] {
    let mut table = [Spelled { number: 0, length: 0, padding: 0 }; 1 << SPREAD_BITS];
    let mut index = 0;
    while index < STOP_WORDS.len() {
        let spelled = spell(STOP_WORDS[index]);
        table[place(spelled.number, SPREAD)] = spelled;
        index += 1;
    }
    table
}

/// Whether a word of `length` bytes, of which `first` are the first four or all, zero behind
/// them, is a stop word in any case.
#[inline]
pub(super) fn stop_word_in_any_case(first: u32, length: usize) -> StopWord {
    // No character but a letter becomes a small letter with this bit.
    let small = first | CASE;
    let spelled = SPELLED[place(small, SPREAD)];
    if spelled.number != small || spelled.length != length {
        StopWord::No
    } else if first ^ small == spelled.padding {
        StopWord::Exactly
    } else {
        StopWord::Capital
    }
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
            let is_word = u64::from(!word.is_symbol());
            counts.non_symbols += is_word;
            counts.non_symbol_chars += is_word * u64::from(word.chars);
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
