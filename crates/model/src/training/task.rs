//! What a trained model is for.

use super::task_head::HeadPooling;

/// What a trained model is for: which head stands on its trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Predicts the next token.
    LanguageModel,
    /// Scores texts or pairs of texts by so many labels; one for a reward or a relevance.
    Sequence {
        /// Number of scores.
        labels: usize,
    },
    /// Scores each token by so many labels.
    Token {
        /// Number of scores.
        labels: usize,
    },
    /// Gives the vector of a text.
    Vector {
        /// How token vectors become one.
        pooling: HeadPooling,
    },
}
