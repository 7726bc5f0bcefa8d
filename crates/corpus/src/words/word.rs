//! A word and what the counters ask of it.

use super::characters::{is_letter, is_punctuation, is_sentence_end, is_symbol};
use super::hash::hash_text;

/// A word of a text: where it stands, and what is known of its characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// Byte offset of its first byte.
    pub start: u32,
    /// Byte offset after its last byte.
    pub end: u32,
    /// [`hash_text`](super::hash_text) of its text, equal for equal words.
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

/// What is known of a word's text, wherever it stands.
///
/// The result starts at 0 and ends at the text's length.
pub(super) fn describe(text: &str, symbol: u16, label: u8) -> Word {
    let mut chars = 0u32;
    let mut flags = SYMBOL | PUNCTUATION;
    for character in text.chars() {
        chars += 1;
        if flags & SYMBOL != 0 && !is_symbol(character) {
            flags &= !SYMBOL;
        }
        if flags & PUNCTUATION != 0 && !is_punctuation(character) {
            flags &= !PUNCTUATION;
        }
        if flags & ALPHABETIC == 0 && is_letter(character) {
            flags |= ALPHABETIC;
        }
    }
    if chars == 1 && text.chars().all(is_sentence_end) {
        flags |= SENTENCE_END;
    }
    Word {
        start: 0,
        end: u32::try_from(text.len()).unwrap_or(u32::MAX),
        hash: hash_text(text),
        chars,
        label,
        flags,
        symbol,
    }
}
