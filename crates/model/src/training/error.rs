//! What training refuses.

use thiserror::Error;

/// A LoRA configuration or a batch that the model cannot train on. All are to be fixed in the
/// input.
#[derive(Debug, Error)]
pub enum TrainingError {
    /// The model computes what the backward pass does not know.
    #[error("training does not know {what}, which architecture `{model_type}` has")]
    Architecture {
        /// The model's family.
        model_type: &'static str,
        /// The first thing that is not known.
        what: &'static str,
    },
    /// An adapter would be empty.
    #[error("`{key}` is {value}, it must be above 0")]
    NotPositive {
        /// The key of the adapter's configuration.
        key: &'static str,
        /// Its value.
        value: String,
    },
    /// No projection is adapted.
    #[error("`target_modules` is empty; known: {}", known.join(", "))]
    NoTargets {
        /// All projections.
        known: &'static [&'static str],
    },
    /// The method leaves everything frozen.
    #[error("no tensor of the model is trained: the layers and modules named are not in it")]
    NothingTrained,
    /// A projection that the decoder does not have.
    #[error("`target_modules` names `{name}`; known: {}", known.join(", "))]
    UnknownTarget {
        /// The name.
        name: String,
        /// All projections.
        known: &'static [&'static str],
    },
    /// Tokens, labels and sequence starts do not fit together.
    #[error("batch has {tokens} tokens, {labels} labels and sequence starts {seq_starts:?}")]
    BatchShape {
        /// Number of tokens.
        tokens: usize,
        /// Number of labels.
        labels: usize,
        /// Starts of the sequences; they must ascend from 0.
        seq_starts: Vec<usize>,
    },
    /// The family has no such head.
    #[error("`{model_type}` has no head for {task}")]
    NoHead {
        /// The model's family.
        model_type: String,
        /// What the head would be for.
        task: &'static str,
    },
    /// A sequence is longer than there are positions.
    #[error("a sequence has {tokens} tokens, the model takes {max_tokens}")]
    SequenceTooLong {
        /// Its tokens.
        tokens: usize,
        /// The longest.
        max_tokens: usize,
    },
    /// More tokens than activations were planned for.
    #[error("batch has {tokens} tokens, planned for {max_tokens}")]
    BatchTooLong {
        /// Number of tokens.
        tokens: usize,
        /// Number planned.
        max_tokens: usize,
    },
    /// Token types do not go with the tokens.
    #[error("batch has {tokens} tokens and {types} token types")]
    TypeCount {
        /// Number of tokens.
        tokens: usize,
        /// Number of types.
        types: usize,
    },
    /// Noise does not go with the tokens.
    #[error("batch has {noise} values of noise, its embeddings have {expected}")]
    Noise {
        /// Values of noise.
        noise: usize,
        /// Values of the embeddings.
        expected: usize,
    },
    /// A token type that the model does not know.
    #[error("token type {found} is not below the number of types, {type_vocab_size}")]
    TypeRange {
        /// The type.
        found: u32,
        /// Rows of the table of types.
        type_vocab_size: usize,
    },
    /// A sequence of no tokens has nothing to be pooled.
    #[error("sequence {index} of the batch is empty")]
    EmptySequence {
        /// Its number in the batch.
        index: usize,
    },
    /// A token or label outside the vocabulary.
    #[error("token {token} at position {position} is not below the vocabulary size {vocab_size}")]
    TokenRange {
        /// The token.
        token: u32,
        /// Its position in the batch.
        position: usize,
        /// Rows of the embedding.
        vocab_size: usize,
    },
}
