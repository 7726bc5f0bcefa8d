//! Documents packed into rows of equal length, for pre-training.

use super::encoder::Encoder;
use super::sample::EncodedBlock;
use crate::error::DataError;

impl Encoder<'_> {
    /// Puts texts one after the other, each between the tokens that the tokenizer puts around a
    /// text (its end token at least), and cuts the whole into rows of `max_tokens`; the last row
    /// may be shorter. Texts are named by their number.
    ///
    /// Every token of a document but its first is learned once: where a document goes on in the
    /// next row, the last position of the row predicts the first token of the next.
    ///
    /// Documents share a row, but nothing is learned across their border: the last token of one
    /// does not predict the first of the next, and `starts` says where attention must stop. With
    /// [`EncodeOptions::join_texts`](super::EncodeOptions::join_texts) all are one text.
    ///
    /// # Errors
    /// [`DataError::Encode`].
    pub fn pack_texts<'t>(
        &self,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> Result<Vec<EncodedBlock>, DataError> {
        let mut packer = Packer {
            max_tokens: self.options.max_tokens.max(1),
            join: self.options.join_texts,
            blocks: Vec::new(),
            open: EncodedBlock::default(),
        };
        for (number, text) in texts.into_iter().enumerate() {
            packer.push(&self.document_tokens(&format!("text {number}"), text)?);
        }
        packer.close();
        Ok(packer.blocks)
    }
}

/// Rows that are being filled.
struct Packer {
    max_tokens: usize,
    join: bool,
    blocks: Vec<EncodedBlock>,
    open: EncodedBlock,
}

impl Packer {
    fn push(&mut self, document: &[u32]) {
        if self.join {
            self.predict(document.first().copied());
        }
        for (at, &token) in document.iter().enumerate() {
            if self.open.row.tokens.len() == self.max_tokens {
                self.close();
            }
            let place = self.open.row.tokens.len();
            if place == 0 || (at == 0 && !self.join) {
                self.open.starts.push(place);
            }
            self.open.row.tokens.push(token);
            self.open.row.labels.push(document.get(at + 1).copied());
        }
    }

    /// Lets the last token so far, if there is one, predict `next`.
    fn predict(&mut self, next: Option<u32>) {
        let last = if self.open.row.labels.is_empty() {
            self.blocks.last_mut().and_then(|block| block.row.labels.last_mut())
        } else {
            self.open.row.labels.last_mut()
        };
        if let Some(last) = last {
            *last = next;
        }
    }

    fn close(&mut self) {
        if !self.open.row.tokens.is_empty() {
            self.blocks.push(std::mem::take(&mut self.open));
        }
    }
}
