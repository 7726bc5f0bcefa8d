//! Texts for classifiers, embeddings and rerankers.

use super::classes::{Classes, EncodedLabel};
use super::encoder::failed;
use crate::error::DataError;
use catena_protocol::{ClassificationSample, EmbeddingSample, RerankSample, TokenLabelSample};
use catena_text::{TextError, Tokenizer, TypedTokens};

/// Encodes texts as their model frames them: by the tokenizer's post-processor, control tokens
/// taken for text.
#[derive(Clone, Copy, Debug)]
pub struct TextEncoder<'a> {
    tokenizer: &'a Tokenizer,
    max_tokens: usize,
}

/// One text, or two in one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedText {
    /// The ids with the text that each belongs to.
    pub tokens: TypedTokens,
    /// Tokens that did not fit.
    pub lost_tokens: usize,
}

/// Words with a label for the first token of each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EncodedWords {
    /// The ids, special tokens included.
    pub tokens: Vec<u32>,
    /// The label of each token that begins a word.
    pub labels: Vec<Option<EncodedLabel>>,
    /// Words that did not fit, wholly or in part.
    pub lost_words: usize,
}

impl<'a> TextEncoder<'a> {
    /// Rows of at most `max_tokens`.
    pub fn new(tokenizer: &'a Tokenizer, max_tokens: usize) -> Self {
        Self { tokenizer, max_tokens }
    }

    /// A text, and a second one in the same row. What is too long is cut from the end of the
    /// longer text.
    ///
    /// # Errors
    /// [`DataError::Encode`].
    pub fn encode(
        &self,
        name: &str,
        first: &str,
        second: Option<&str>,
    ) -> Result<EncodedText, DataError> {
        let whole = self.tokenizer.encode_typed(first, second, None);
        let tokens = whole.map_err(|source| failed(name, source))?;
        if tokens.ids.len() <= self.max_tokens {
            return Ok(EncodedText { tokens, lost_tokens: 0 });
        }
        let cut = self.tokenizer.encode_typed(first, second, Some(self.max_tokens));
        let cut = cut.map_err(|source| failed(name, source))?;
        let lost_tokens = tokens.ids.len() - cut.ids.len();
        Ok(EncodedText { tokens: cut, lost_tokens })
    }

    /// The row and the label of a classified text or pair of texts.
    ///
    /// # Errors
    /// [`DataError::Encode`], [`DataError::UnknownLabel`].
    pub fn encode_classification(
        &self,
        name: &str,
        sample: &ClassificationSample,
        classes: &Classes,
    ) -> Result<(EncodedText, EncodedLabel), DataError> {
        let row = self.encode(name, &sample.text, sample.text_pair.as_deref())?;
        Ok((row, classes.encode(name, &sample.label)?))
    }

    /// The row of a query and a document, with its score.
    ///
    /// # Errors
    /// [`DataError::Encode`].
    pub fn encode_rerank(
        &self,
        name: &str,
        sample: &RerankSample,
    ) -> Result<(EncodedText, f64), DataError> {
        Ok((self.encode(name, &sample.query, Some(&sample.document))?, sample.score))
    }

    /// The rows of anchor, positive and negatives, in this order.
    ///
    /// # Errors
    /// [`DataError::Encode`].
    pub fn encode_embedding(
        &self,
        name: &str,
        sample: &EmbeddingSample,
    ) -> Result<Vec<EncodedText>, DataError> {
        let texts = [&sample.anchor, &sample.positive].into_iter().chain(&sample.negatives);
        texts.map(|text| self.encode(name, text, None)).collect()
    }

    /// The row of classified words. The first token of a word has its label, the others none, and
    /// special tokens none, as in Hugging Face's examples.
    ///
    /// # Errors
    /// [`DataError::Encode`], [`DataError::UnknownLabel`].
    pub fn encode_words(
        &self,
        name: &str,
        sample: &TokenLabelSample,
        classes: &Classes,
    ) -> Result<EncodedWords, DataError> {
        let labels = sample.labels.iter().map(|label| classes.encode(name, label));
        let labels = labels.collect::<Result<Vec<_>, _>>()?;
        let encoded = self.tokenizer.encode_words(&sample.tokens);
        let encoded = encoded.map_err(|source| failed(name, source))?;
        let of_word = |at: &usize| encoded.words[*at].is_some();
        let first = (0..encoded.ids.len()).find(of_word).unwrap_or(encoded.ids.len());
        let last = (0..encoded.ids.len()).rfind(of_word).map_or(first, |last| last + 1);
        let added = first + encoded.ids.len() - last;
        let room = self.max_tokens.checked_sub(added).ok_or_else(|| {
            failed(name, TextError::NoRoom { max_tokens: self.max_tokens, added })
        })?;
        let kept = (last - first).min(room);
        let places: Vec<usize> = (0..first + kept).chain(last..encoded.ids.len()).collect();
        let begins = |at: usize| {
            let word = encoded.words[at]?;
            let begins = at == 0 || encoded.words[at - 1] != Some(word);
            begins.then(|| labels.get(word as usize).copied()).flatten()
        };
        let mut lost: Vec<u32> =
            encoded.words[first + kept..last].iter().flatten().copied().collect();
        lost.dedup();
        Ok(EncodedWords {
            tokens: places.iter().map(|&at| encoded.ids[at]).collect(),
            labels: places.iter().map(|&at| begins(at)).collect(),
            lost_words: lost.len(),
        })
    }
}
