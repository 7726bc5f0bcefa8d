//! The trait through which texts and pairs of texts are scored.

use crate::error::KnowledgeError;

/// A text, or a pair of them such as a query and a passage.
pub type TextOrPair<'a> = (&'a str, Option<&'a str>);

/// Scores texts and pairs of texts: a classifier of texts, or a cross-encoder that says how well a
/// passage answers a query.
///
/// The binary implements it over the model crate's encoder; tests implement it over words.
pub trait Classifier: Send + Sync {
    /// What the scores mean, in order. A cross-encoder has one.
    fn labels(&self) -> &[String];

    /// Longest text or pair in tokens, special ones included; what lies beyond is ignored by
    /// [`logits`](Classifier::logits).
    fn max_tokens(&self) -> usize;

    /// Tokens of a text or pair, special ones included.
    fn count_tokens(&self, input: TextOrPair<'_>) -> usize;

    /// One score per label for each text or pair, before any sigmoid or softmax.
    ///
    /// # Errors
    /// Whatever the implementer meets, wrapped by [`KnowledgeError::classify`].
    fn logits(&self, inputs: &[TextOrPair<'_>]) -> Result<Vec<Vec<f32>>, KnowledgeError>;
}
