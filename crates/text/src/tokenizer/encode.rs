//! The tokenizer itself.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use super::stream::{LeadingSpaces, TokenStream};
use super::token_table::TokenTable;
use crate::error::TextError;
use crate::limits::MAX_TEXT_BYTES;

/// Ids of the tokens that frame a text, where the model has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    /// Begin of text.
    pub bos: Option<u32>,
    /// End of text or of a turn: generation stops here.
    pub eos: Option<u32>,
    /// Unknown.
    pub unk: Option<u32>,
    /// Padding.
    pub pad: Option<u32>,
}

/// A vocabulary and the rules that cut text into its tokens. Safe to share between threads.
#[derive(Debug)]
pub struct Tokenizer {
    /// Finds control tokens in the text.
    pub(super) inner: tokenizers::Tokenizer,
    /// Takes control tokens in the text for plain text; made on first use.
    literal: OnceLock<tokenizers::Tokenizer>,
    pub(super) table: TokenTable,
    pub(super) special: SpecialTokens,
}

impl Clone for Tokenizer {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            literal: OnceLock::new(),
            table: self.table.clone(),
            special: self.special,
        }
    }
}

impl Tokenizer {
    /// Wraps a loaded tokenizer; drops its padding and truncation, which are the caller's choice.
    pub(super) fn new(
        mut inner: tokenizers::Tokenizer,
        special: SpecialTokens,
    ) -> Result<Self, TextError> {
        inner.with_padding(None);
        inner.with_truncation(None).map_err(TextError::Vocab)?;
        let table = TokenTable::build(&inner)?;
        let named = [("bos", special.bos), ("eos", special.eos), ("unk", special.unk)];
        for (which, id) in named.into_iter().chain([("pad", special.pad)]) {
            let vocab_size = table.vocab_size();
            if let Some(id) = id.filter(|&id| id as usize >= vocab_size) {
                return Err(TextError::SpecialTokenId { which, id, vocab_size });
            }
        }
        Ok(Self { inner, literal: OnceLock::new(), table, special })
    }

    /// The ids of `text`.
    ///
    /// `add_special` adds the tokens that frame a text (`[CLS]`, begin of text), as the tokenizer's
    /// own post-processor says. `parse_special` reads control tokens written in the text, such as
    /// `<|im_end|>`, as those tokens: right for a rendered template, wrong for what a stranger typed.
    ///
    /// # Errors
    /// If the text is longer than [`MAX_TEXT_BYTES`] or the tokenizer has no way to write it.
    pub fn encode(
        &self,
        text: &str,
        add_special: bool,
        parse_special: bool,
    ) -> Result<Vec<u32>, TextError> {
        check_length(text)?;
        let tokenizer = if parse_special { &self.inner } else { self.literal() };
        let encoding = contain("encoding a text", || tokenizer.encode_fast(text, add_special))?;
        Ok(encoding.map_err(TextError::Encode)?.get_ids().to_vec())
    }

    /// The ids of `text` as plain text without framing tokens, each with the byte range of `text`
    /// that it covers. A character cut into several tokens gives each of them its whole range.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_with_offsets(
        &self,
        text: &str,
    ) -> Result<(Vec<u32>, Vec<Range<usize>>), TextError> {
        offsets(self.literal(), text)
    }

    /// The same of a rendered template: control tokens written in the text are those tokens.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_rendered_with_offsets(
        &self,
        text: &str,
    ) -> Result<(Vec<u32>, Vec<Range<usize>>), TextError> {
        offsets(&self.inner, text)
    }

    /// The text of `ids`. Ids outside the vocabulary are dropped, bytes that are not UTF-8 become
    /// U+FFFD; `skip_special` drops control tokens.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> String {
        let wanted = ids.iter().copied().filter(|&id| !(skip_special && self.is_special(id)));
        if self.table.is_concatenation() {
            let mut bytes = Vec::new();
            let mut leading = LeadingSpaces::new(&self.table);
            for id in wanted {
                bytes.extend_from_slice(leading.cut(self.table.bytes(id)));
            }
            return String::from_utf8_lossy(&bytes).into_owned();
        }
        let wanted: Vec<u32> = wanted.collect();
        let text = contain("decoding ids", || self.inner.decode(&wanted, false));
        text.ok().and_then(Result::ok).unwrap_or_default()
    }

    /// Turns generated ids into text, piece by piece, without control tokens.
    pub fn stream(&self) -> TokenStream<'_> {
        TokenStream::new(self)
    }

    /// The bytes that token `id` adds to the output; none for an id outside the vocabulary.
    /// Single tokens may hold parts of a character.
    pub fn token_bytes(&self, id: u32) -> Vec<u8> {
        self.table.bytes(id).to_vec()
    }

    /// Whether `id` is a control token, which stands for no text.
    pub fn is_special(&self, id: u32) -> bool {
        self.table.is_special(id)
    }

    /// Ids from zero to the highest one in use.
    pub fn vocab_size(&self) -> usize {
        self.table.vocab_size()
    }

    /// The id of a token's exact text in the vocabulary's own spelling (`Ġthe`, `<|im_end|>`).
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// The text of `id` in the vocabulary's own spelling.
    pub fn token_text(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// Begin-of-text token.
    pub fn bos_token_id(&self) -> Option<u32> {
        self.special.bos
    }

    /// End-of-text or end-of-turn token.
    pub fn eos_token_id(&self) -> Option<u32> {
        self.special.eos
    }

    /// Unknown token.
    pub fn unk_token_id(&self) -> Option<u32> {
        self.special.unk
    }

    /// Padding token.
    pub fn pad_token_id(&self) -> Option<u32> {
        self.special.pad
    }

    /// The tokenizer as a `tokenizer.json`, which other programs read.
    ///
    /// # Errors
    /// If the library cannot write it.
    pub fn to_json(&self) -> Result<String, TextError> {
        self.inner.to_string(true).map_err(TextError::TokenizerJson)
    }

    pub(super) fn literal(&self) -> &tokenizers::Tokenizer {
        self.literal.get_or_init(|| {
            let mut literal = self.inner.clone();
            literal.set_encode_special_tokens(true);
            literal
        })
    }
}

/// Ids with the byte ranges that they cover, without framing tokens.
fn offsets(
    tokenizer: &tokenizers::Tokenizer,
    text: &str,
) -> Result<(Vec<u32>, Vec<Range<usize>>), TextError> {
    check_length(text)?;
    let encoding = contain("encoding a text", || tokenizer.encode(text, false))?;
    let encoding = encoding.map_err(TextError::Encode)?;
    let spans = encoding.get_offsets().iter().map(|&(start, end)| start..end).collect();
    Ok((encoding.get_ids().to_vec(), spans))
}

pub(super) fn check_length(text: &str) -> Result<(), TextError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(TextError::TextTooLong { bytes: text.len(), limit: MAX_TEXT_BYTES });
    }
    Ok(())
}

/// Runs library code on a stranger's tokenizer. The library indexes its tables by numbers from the
/// file, so an inconsistent file can make it panic; that is an error of the file, not of ours.
pub(super) fn contain<T>(doing: &'static str, work: impl FnOnce() -> T) -> Result<T, TextError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| TextError::Inconsistent { doing })
}
