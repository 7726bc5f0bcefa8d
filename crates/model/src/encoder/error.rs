//! What can be wrong with a text.

use thiserror::Error;

/// A text that cannot be encoded. Nothing was computed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EncodeError {
    /// Fix the input: a text without tokens has no vectors.
    #[error("text {text} of the batch has no tokens")]
    Empty {
        /// Index of the text in the batch.
        text: usize,
    },
    /// Fix the input: split the text, or cut it with [`super::TextEmbedder::truncate`].
    #[error("text {text} of the batch has {tokens} tokens, the encoder takes at most {max_tokens}")]
    TooLong {
        /// Index of the text in the batch.
        text: usize,
        /// Its tokens.
        tokens: usize,
        /// The encoder's limit.
        max_tokens: usize,
    },
    /// Fix the input: the token is not in the vocabulary.
    #[error("text {text} of the batch has token {token}, the vocabulary has {vocab_size}")]
    UnknownToken {
        /// Index of the text in the batch.
        text: usize,
        /// The token.
        token: u32,
        /// The encoder's `vocab_size`.
        vocab_size: usize,
    },
    /// Fix the input: each token has one type, or none has.
    #[error("text {text} of the batch has {tokens} tokens and {types} token types")]
    TypeCount {
        /// Index of the text in the batch.
        text: usize,
        /// Its tokens.
        tokens: usize,
        /// Its types.
        types: usize,
    },
    /// Fix the input: the encoder does not tell so many texts apart.
    #[error("text {text} of the batch has token type {found}, the encoder has {type_vocab_size}")]
    UnknownType {
        /// Index of the text in the batch.
        text: usize,
        /// The type.
        found: u32,
        /// The encoder's `type_vocab_size`.
        type_vocab_size: usize,
    },
}
