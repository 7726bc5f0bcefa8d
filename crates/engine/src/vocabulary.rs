//! What the engine must know of a tokenizer: each token's bytes and which tokens end a sequence.

use crate::constraint::GrammarCompiler;
use crate::error::EngineError;
use std::sync::OnceLock;

/// The bytes of every token.
///
/// Text of an output is the concatenation of its tokens' bytes, special tokens left out.
pub struct Vocabulary {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    special: Vec<bool>,
    eos_tokens: Vec<u32>,
    grammars: OnceLock<Result<GrammarCompiler, String>>,
}

impl Vocabulary {
    /// A vocabulary of `tokens` (bytes, and whether the token is special) in order of id;
    /// generation ends at any of `eos_tokens`.
    pub fn new(tokens: impl IntoIterator<Item = (Vec<u8>, bool)>, eos_tokens: Vec<u32>) -> Self {
        let mut vocabulary = Self {
            bytes: Vec::new(),
            ends: Vec::new(),
            special: Vec::new(),
            eos_tokens,
            grammars: OnceLock::new(),
        };
        for (bytes, special) in tokens {
            vocabulary.bytes.extend_from_slice(&bytes);
            vocabulary.ends.push(vocabulary.bytes.len());
            vocabulary.special.push(special);
        }
        vocabulary
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Tokens that end a sequence.
    pub fn eos_tokens(&self) -> &[u32] {
        &self.eos_tokens
    }

    /// Bytes of `token` as stored, or nothing for ids beyond the vocabulary (padding rows of a
    /// model's embedding).
    pub fn token_bytes(&self, token: u32) -> &[u8] {
        let idx = token as usize;
        let Some(&end) = self.ends.get(idx) else { return &[] };
        let start = if idx == 0 { 0 } else { self.ends[idx - 1] };
        &self.bytes[start..end]
    }

    /// Whether `token` is special: part of the conversation's frame, not of its text.
    pub fn is_special(&self, token: u32) -> bool {
        self.special.get(token as usize).copied().unwrap_or(true)
    }

    /// Bytes of `token` that belong to the text: none for special tokens.
    pub fn text_bytes(&self, token: u32) -> &[u8] {
        if self.is_special(token) { &[] } else { self.token_bytes(token) }
    }

    /// Whether a model of the tokens `draft` may write ahead for one of these: all tokens that both
    /// have must be the same. Those that only one has do not count, as models pad their vocabularies
    /// differently.
    ///
    /// # Errors
    /// [`EngineError::DraftVocabulary`] with the first that differs.
    pub fn check_draft(&self, draft: &Self) -> Result<(), EngineError> {
        let common = self.len().min(draft.len());
        let differs = |&token: &u32| self.token_bytes(token) != draft.token_bytes(token);
        let different = (0..).take(common).find(differs);
        different.map_or(Ok(()), |token| Err(EngineError::DraftVocabulary { token }))
    }

    /// The compiler of constraints over this vocabulary, built at first use.
    pub(crate) fn grammars(&self) -> Result<&GrammarCompiler, EngineError> {
        self.grammars.get_or_init(|| GrammarCompiler::new(self)).as_ref().map_err(|reason| {
            EngineError::ConstraintInvalid { kind: "vocabulary", reason: reason.clone() }
        })
    }
}

impl std::fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vocabulary")
            .field("len", &self.len())
            .field("eos_tokens", &self.eos_tokens)
            .finish_non_exhaustive()
    }
}
