//! Documents packed into rows of equal length, for pre-training.

use super::encoder::Encoder;
use super::row::Row;
use super::sample::EncodedBlock;
use crate::error::DataError;

impl Encoder<'_> {
    /// Puts texts one after the other, each between the tokens that the tokenizer puts around a
    /// text (its end token at least), and cuts the whole into rows of `max_tokens`; the last row
    /// may be shorter. Texts are named by their number.
    ///
    /// Documents share a row, but nothing is learned across their border: the last token of one
    /// does not predict the first of the next, and `starts` says where attention must stop.
    ///
    /// # Errors
    /// [`DataError::Encode`].
    pub fn pack_texts<'t>(
        &self,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> Result<Vec<EncodedBlock>, DataError> {
        let max = self.options.max_tokens.max(1);
        let (mut blocks, mut open) = (Vec::new(), Open::default());
        for (number, text) in texts.into_iter().enumerate() {
            let tokens = self.document_tokens(&format!("text {number}"), text)?;
            let mut rest = tokens.as_slice();
            while !rest.is_empty() {
                let (part, after) = rest.split_at(rest.len().min(max - open.tokens.len()));
                open.push(part, rest.len() == tokens.len());
                rest = after;
                if open.tokens.len() == max {
                    blocks.push(std::mem::take(&mut open).close());
                }
            }
        }
        if !open.tokens.is_empty() {
            blocks.push(open.close());
        }
        Ok(blocks)
    }
}

/// A row that is being filled.
#[derive(Default)]
struct Open {
    tokens: Vec<u32>,
    trained: Vec<bool>,
    starts: Vec<usize>,
}

impl Open {
    /// Appends a part of a document, or its begin. The first token of a part has nothing before it
    /// in the row that it could be predicted from.
    fn push(&mut self, part: &[u32], begins: bool) {
        if begins || self.tokens.is_empty() {
            self.starts.push(self.tokens.len());
        }
        let first = self.tokens.len();
        self.tokens.extend(part);
        self.trained.resize(self.tokens.len(), true);
        self.trained[first] = first == 0;
    }

    fn close(self) -> EncodedBlock {
        let len = self.tokens.len();
        let answers = std::iter::once(0..len).collect();
        let row = Row { tokens: self.tokens, trained: self.trained, answers };
        EncodedBlock { row: row.keep(std::slice::from_ref(&(0..len))), starts: self.starts }
    }
}
