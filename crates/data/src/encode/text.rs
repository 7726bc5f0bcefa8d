//! Rows of plain text.

use super::encoder::{Encoder, failed};
use super::join::Joiner;
use super::row::Row;
use super::sample::EncodedSample;
use crate::error::DataError;

impl Encoder<'_> {
    /// The row of a text, all of it trained: the tokens that the tokenizer puts before a text, the
    /// text, and those that it puts after one or its end token.
    ///
    /// # Errors
    /// [`DataError::Encode`].
    pub fn encode_text(&self, name: &str, text: &str) -> Result<EncodedSample, DataError> {
        Ok(Row::whole(self.document_tokens(name, text)?).finish(&self.options))
    }

    /// A text with the tokens around it.
    pub(super) fn document_tokens(&self, name: &str, text: &str) -> Result<Vec<u32>, DataError> {
        let frame = self.text_frame(name)?;
        let control = self.options.control_tokens_in_text;
        let tokens = self.tokenizer.encode(text, false, control);
        let tokens = tokens.map_err(|source| failed(name, source))?;
        Ok(framed(&frame.before, &tokens, &frame.after))
    }

    /// A prompt with its completion, which is trained together with the tokens after it. `apart`
    /// encodes the prompt alone.
    pub(super) fn text_row(
        &self,
        name: &str,
        prompt: &str,
        completion: &str,
        apart: bool,
    ) -> Result<Row, DataError> {
        let frame = self.text_frame(name)?;
        let control = self.options.control_tokens_in_text;
        let joiner = Joiner { tokenizer: self.tokenizer, control, apart };
        let joined = joiner.encode(&format!("{prompt}{completion}"), &[prompt.len()]);
        let joined = joined.map_err(|source| failed(name, source))?;
        let start = frame.before.len() + joined.positions.first().copied().unwrap_or_default();
        let tokens = framed(&frame.before, &joined.tokens, &frame.after);
        let trained = (0..tokens.len()).map(|at| at >= start).collect();
        let answers = std::iter::once(start..tokens.len()).collect();
        Ok(Row { tokens, trained, answers })
    }
}

/// `tokens` between `before` and `after`, neither repeated where the text itself has it.
fn framed(before: &[u32], tokens: &[u32], after: &[u32]) -> Vec<u32> {
    let begins = !before.is_empty() && tokens.starts_with(before);
    let ends = !after.is_empty() && tokens.ends_with(after);
    let before = if begins { &[] } else { before };
    let after = if ends { &[] } else { after };
    [before, tokens, after].concat()
}
