//! Words that were cut before, as token classification has them.

use super::encode::{Tokenizer, check_length, contain};
use crate::error::TextError;

/// Tokens of given words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WordTokens {
    /// The ids, special tokens included.
    pub ids: Vec<u32>,
    /// The word that each id belongs to, from zero; none for a special token.
    pub words: Vec<Option<u32>>,
}

impl Tokenizer {
    /// The ids of `words` one after the other, framed as the tokenizer's own post-processor says,
    /// each with its word; control tokens in the words are plain text.
    ///
    /// # Errors
    /// If the words together are longer than [`crate::limits::MAX_TEXT_BYTES`], or the tokenizer has
    /// no way to write one.
    pub fn encode_words(&self, words: &[String]) -> Result<WordTokens, TextError> {
        let mut bytes = 0usize;
        for word in words {
            check_length(word)?;
            bytes = bytes.saturating_add(word.len());
        }
        if bytes > crate::limits::MAX_TEXT_BYTES {
            return Err(TextError::TextTooLong { bytes, limit: crate::limits::MAX_TEXT_BYTES });
        }
        let tokenizer = self.literal();
        let encoding = contain("encoding words", || tokenizer.encode(words, true))?;
        let encoding = encoding.map_err(TextError::Encode)?;
        let (ids, words) = (encoding.get_ids().to_vec(), encoding.get_word_ids().to_vec());
        Ok(WordTokens { ids, words })
    }
}
