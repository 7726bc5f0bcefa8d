//! The trait through which this crate turns texts into vectors.

use crate::error::KnowledgeError;

/// Turns texts into unit vectors whose dot product is their similarity.
///
/// The binary implements it over the model crate's encoder; tests implement it over words.
pub trait Embedder: Send + Sync {
    /// What identifies the vectors: a model name with a hash of its weights. An index remembers
    /// it and refuses to be searched with another.
    fn identity(&self) -> &str;

    /// Length of every vector.
    fn dim(&self) -> usize;

    /// Longest text in tokens; what lies beyond is ignored by [`embed`](Embedder::embed).
    fn max_tokens(&self) -> usize;

    /// Tokens of `text` as [`embed`](Embedder::embed) counts them, without special ones.
    fn count_tokens(&self, text: &str) -> usize;

    /// [`count_tokens`](Embedder::count_tokens) of each text.
    fn count_all(&self, texts: &[&str]) -> Vec<usize> {
        texts.iter().map(|text| self.count_tokens(text)).collect()
    }

    /// One unit vector per text, in the order of `texts`.
    ///
    /// # Errors
    /// Whatever the implementer meets, wrapped by [`KnowledgeError::embed`].
    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, KnowledgeError>;

    /// The vectors of [`embed`](Embedder::embed) before they are scaled to unit length.
    ///
    /// # Errors
    /// As [`embed`](Embedder::embed).
    fn embed_unscaled(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, KnowledgeError>;

    /// One vector per token of each text, special ones included, as the encoder gives them.
    ///
    /// # Errors
    /// As [`embed`](Embedder::embed).
    fn embed_tokens(&self, texts: &[&str]) -> Result<Vec<Vec<Vec<f32>>>, KnowledgeError>;
}
