//! A word and what the counters ask of it.

use super::characters::is_sentence_end;
use crate::byte_map::AsciiBits;
use crate::classes::{CATEGORY_P, ClassTable, LETTER, PUNCTUATED};
use crate::text_hash::hash_span;

/// A word of a text: where it stands, and what is known of its characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// Byte offset of its first byte.
    pub start: u32,
    /// Byte offset after its last byte.
    pub end: u32,
    /// A hash of its text, equal for equal words.
    pub hash: u64,
    /// Characters, that is Unicode scalar values.
    pub chars: u32,
    /// What the tokenizer's label function said of the text; 0 without one.
    pub label: u8,
    pub(super) flags: u8,
    pub(super) symbol: u16,
}

/// Some character is a letter.
const ALPHABETIC: u8 = 1;
/// Every character is one of DataTrove's punctuation set.
const SYMBOL: u8 = 2;
/// Every character is of a Unicode category of punctuation.
const PUNCTUATION: u8 = 4;
/// The word is one character that ends sentences.
const SENTENCE_END: u8 = 8;

impl Word {
    /// The text of the word, where `text` is the one that was split.
    ///
    /// # Panics
    /// If `text` is another text, too short or cut elsewhere: a caller's bug.
    pub fn text<'t>(&self, text: &'t str) -> &'t str {
        &text[self.start as usize..self.end as usize]
    }

    /// Whether some character is a letter (Python's `str.isalpha`).
    pub fn is_alphabetic(&self) -> bool {
        self.flags & ALPHABETIC != 0
    }

    /// Whether every character stands in DataTrove's punctuation set, so that Gopher's rules do
    /// not count it as a word.
    pub fn is_symbol(&self) -> bool {
        self.flags & SYMBOL != 0
    }

    /// Whether every character is of a Unicode category of punctuation.
    pub fn is_punctuation(&self) -> bool {
        self.flags & PUNCTUATION != 0
    }

    /// Whether the word is one character that ends a sentence.
    pub fn is_sentence_end(&self) -> bool {
        self.flags & SENTENCE_END != 0
    }
}

/// The word `text[start..end]` and what is known of it; `bits` are its own, if it has any.
pub(super) fn describe(
    text: &str,
    start: usize,
    end: usize,
    bits: Option<AsciiBits>,
    symbol: u16,
    label: u8,
) -> Word {
    let word = &text[start..end];
    let (chars, flags) = match bits {
        // A letter or a digit keeps a word from being made of marks.
        Some(bits) if bits.has_letter() => (word.len(), ALPHABETIC),
        Some(bits) if bits.has_digit() => (word.len(), 0),
        _ => chars_and_flags(word),
    };
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Word {
        start: count(start),
        end: count(end),
        hash: hash_span(text.as_bytes(), start, end),
        chars: count(chars),
        label,
        flags,
        symbol,
    }
}

/// How many characters a word has, and what they say of it.
fn chars_and_flags(word: &str) -> (usize, u8) {
    let classes = ClassTable::new();
    let (mut chars, mut some, mut all) = (0, 0, SYMBOL | PUNCTUATION);
    for character in word.chars() {
        chars += 1;
        let flags = flags_of(classes.of(character));
        some |= flags;
        all &= flags;
    }
    let ends = chars == 1 && word.chars().all(is_sentence_end);
    (chars, some & ALPHABETIC | all | if ends { SENTENCE_END } else { 0 })
}

/// What a character of some classes says of a word: [`ALPHABETIC`] if one says so, the others if
/// all do.
#[inline]
fn flags_of(class: u16) -> u8 {
    let flag = |wanted: u16, flag: u8| if class & wanted == 0 { 0 } else { flag };
    flag(LETTER, ALPHABETIC) | flag(PUNCTUATED, SYMBOL) | flag(CATEGORY_P, PUNCTUATION)
}
