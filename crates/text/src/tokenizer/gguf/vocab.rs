//! What a GGUF file says about its vocabulary.

use std::collections::HashMap;

use crate::error::TextError;
use crate::limits::{MAX_TOKEN_BYTES, MAX_VOCAB_SIZE};

/// What a token is, as `tokenizer.ggml.token_type` numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum TokenType {
    /// A piece of text.
    Normal = 1,
    /// Stands for what the vocabulary cannot write.
    Unknown = 2,
    /// Frames text and is never written.
    Control = 3,
    /// Text that is always one token.
    UserDefined = 4,
    /// A place holder.
    Unused = 5,
    /// One byte.
    Byte = 6,
}

impl TokenType {
    /// The type numbered `id`; numbers that nobody defined are [`TokenType::Normal`], as llama.cpp
    /// takes them.
    pub fn from_id(id: i32) -> Self {
        match id {
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => Self::Normal,
        }
    }
}

/// The `tokenizer.ggml.*` keys of a GGUF file. A key that is absent is `None` or empty; what it
/// then means depends on the kind of vocabulary and is decided by [`crate::Tokenizer::from_gguf`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GgufVocab {
    /// Kind of vocabulary: `gpt2` (byte-level BPE), `gemma4` (BPE over characters), `llama`
    /// (SentencePiece BPE), `t5` (SentencePiece unigram) or `bert` (WordPiece).
    pub model: String,
    /// Name of the pre-tokenizer of byte-level BPE; absent in old files.
    pub pre: Option<String>,
    /// Text of each id.
    pub tokens: Vec<String>,
    /// Type of each id; empty means all normal.
    pub token_types: Vec<TokenType>,
    /// Score of each id (SentencePiece); often empty.
    pub scores: Vec<f32>,
    /// Merge rules, best first, each two pieces with a space between.
    pub merges: Vec<String>,
    /// Begin of text.
    pub bos_token_id: Option<u32>,
    /// End of text or of a turn.
    pub eos_token_id: Option<u32>,
    /// Unknown.
    pub unk_token_id: Option<u32>,
    /// Padding.
    pub pad_token_id: Option<u32>,
    /// Between and after the texts of an encoder (`[SEP]`).
    pub sep_token_id: Option<u32>,
    /// Whether a text begins with begin of text.
    pub add_bos: Option<bool>,
    /// Whether a text ends with end of text.
    pub add_eos: Option<bool>,
    /// Whether the separator stands before the second text of a pair, behind what ended the first.
    pub add_sep: Option<bool>,
    /// Whether a space is put before a text.
    pub add_space_prefix: Option<bool>,
    /// Whether runs of white space count as one space (unigram).
    pub remove_extra_whitespaces: Option<bool>,
    /// SentencePiece's compiled normalization rules (unigram); empty for none.
    pub precompiled_charsmap: Vec<u8>,
    /// Whether text is lowered (WordPiece).
    pub lowercase: Option<bool>,
    /// Whether accents are dropped (WordPiece); absent means as `lowercase`.
    pub strip_accents: Option<bool>,
}

impl GgufVocab {
    /// Refuses lists that disagree or exceed their limits.
    pub(super) fn check(&self) -> Result<(), TextError> {
        let found = self.tokens.len();
        if found == 0 {
            return Err(TextError::EmptyVocab);
        }
        if found > MAX_VOCAB_SIZE {
            return Err(TextError::VocabTooLarge { found, limit: MAX_VOCAB_SIZE });
        }
        if !self.token_types.is_empty() && self.token_types.len() != found {
            return Err(TextError::TokenTypeCount { tokens: found, types: self.token_types.len() });
        }
        let long = self.tokens.iter().position(|token| token.len() > MAX_TOKEN_BYTES);
        if let Some(id) = long {
            let bytes = self.tokens[id].len();
            return Err(TextError::TokenTooLong { id, bytes, limit: MAX_TOKEN_BYTES });
        }
        Ok(())
    }

    /// Refuses a list of scores that does not give each token a number.
    pub(super) fn check_scores(&self) -> Result<(), TextError> {
        if self.scores.len() != self.tokens.len() {
            let (tokens, scores) = (self.tokens.len(), self.scores.len());
            return Err(TextError::ScoreCount { tokens, scores });
        }
        match self.scores.iter().position(|score| !score.is_finite()) {
            Some(id) => Err(TextError::BadScore { id, score: self.scores[id] }),
            None => Ok(()),
        }
    }

    /// The type of a token.
    pub(super) fn type_of(&self, id: usize) -> TokenType {
        self.token_types.get(id).copied().unwrap_or(TokenType::Normal)
    }

    /// The texts of all ids. A token without text gets a name that no text has, as in llama.cpp.
    pub(super) fn texts(&self) -> Vec<String> {
        let named = |(id, token): (usize, &String)| {
            if token.is_empty() { format!("[EMPTY_{id}]") } else { token.clone() }
        };
        self.tokens.iter().enumerate().map(named).collect()
    }
}

/// The id of each text.
///
/// # Errors
/// If two ids have the same text.
pub(super) fn ids_of(texts: &[String]) -> Result<HashMap<&str, u32>, TextError> {
    let mut ids = HashMap::with_capacity(texts.len());
    for (token, second) in texts.iter().zip(0..) {
        if let Some(first) = ids.insert(token.as_str(), second) {
            return Err(TextError::DuplicateToken { token: token.clone(), first, second });
        }
    }
    Ok(ids)
}
