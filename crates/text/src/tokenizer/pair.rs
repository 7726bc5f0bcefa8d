//! Two texts as one input: a query and a passage for a cross-encoder.

use tokenizers::{PostProcessor, TruncationParams, truncate_encodings};

use super::encode::{Tokenizer, check_length, contain};
use crate::error::TextError;

/// Token ids with the text that each belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypedTokens {
    /// The ids, special tokens included.
    pub ids: Vec<u32>,
    /// The type of each id, as the tokenizer's post-processor says: for BERT 0 in the first text
    /// and its separator, 1 in the second.
    pub types: Vec<u32>,
}

impl Tokenizer {
    /// The ids and types of `first` and, if given, `second`, framed as the tokenizer's own
    /// post-processor says; control tokens in the texts are plain text.
    ///
    /// More than `max_tokens` are cut from the end of the longer text, then of both alike, as
    /// `transformers` does with `truncation=True`; special tokens stay.
    ///
    /// # Errors
    /// If a text is longer than [`crate::limits::MAX_TEXT_BYTES`], the tokenizer has no way to write
    /// it, or `max_tokens` does not leave room for the special tokens.
    pub fn encode_typed(
        &self,
        first: &str,
        second: Option<&str>,
        max_tokens: Option<usize>,
    ) -> Result<TypedTokens, TextError> {
        for text in [Some(first), second].into_iter().flatten() {
            check_length(text)?;
        }
        let tokenizer = self.literal();
        let plain = |text: &str| {
            contain("encoding a text", || tokenizer.encode_fast(text, false))?
                .map_err(TextError::Encode)
        };
        let (mut first, mut second) = (plain(first)?, second.map(plain).transpose()?);
        if let Some(second) = &mut second {
            second.set_type_ids(vec![1; second.len()]);
        }
        if let Some(max_tokens) = max_tokens {
            let processor = tokenizer.get_post_processor();
            let added = processor.map_or(0, |processor| processor.added_tokens(second.is_some()));
            let room = max_tokens.checked_sub(added);
            let max_length = room.ok_or(TextError::NoRoom { max_tokens, added })?;
            let params = TruncationParams { max_length, ..TruncationParams::default() };
            (first, second) =
                contain("cutting a text", || truncate_encodings(first, second, &params))?
                    .map_err(TextError::Encode)?;
        }
        let framed = contain("framing a text", || tokenizer.post_process(first, second, true))?;
        let framed = framed.map_err(TextError::Encode)?;
        Ok(TypedTokens { ids: framed.get_ids().to_vec(), types: framed.get_type_ids().to_vec() })
    }
}
