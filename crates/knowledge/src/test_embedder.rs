//! An embedder for tests: texts that share words are similar.

use crate::embedder::Embedder;
use crate::error::KnowledgeError;
use crate::words::content_words;

/// Counts content words in hashed places and scales to unit length.
pub(crate) struct WordEmbedder {
    /// What [`Embedder::identity`] gives.
    pub(crate) identity: &'static str,
    /// What [`Embedder::max_tokens`] gives.
    pub(crate) max_tokens: usize,
    /// Length of the vectors actually given, where it differs from the promised 64.
    pub(crate) broken_dim: Option<usize>,
}

impl WordEmbedder {
    pub(crate) const DIM: usize = 64;

    pub(crate) fn new() -> Self {
        Self { identity: "words", max_tokens: 64, broken_dim: None }
    }
}

impl Embedder for WordEmbedder {
    fn identity(&self) -> &str {
        self.identity
    }

    fn dim(&self) -> usize {
        Self::DIM
    }

    fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    fn count_tokens(&self, text: &str) -> usize {
        unicode_segmentation::UnicodeSegmentation::unicode_words(text).count()
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, KnowledgeError> {
        let mut vectors = self.embed_unscaled(texts)?;
        for vector in &mut vectors {
            let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-6);
            for value in vector {
                *value /= norm;
            }
        }
        Ok(vectors)
    }

    fn embed_unscaled(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, KnowledgeError> {
        let embed = |text: &&str| {
            let mut vector = vec![0.0f32; self.broken_dim.unwrap_or(Self::DIM)];
            let places = u32::try_from(vector.len()).expect("a short vector");
            for word in content_words(text).into_iter().take(self.max_tokens) {
                vector[(crc32c::crc32c(word.as_bytes()) % places) as usize] += 1.0;
            }
            vector
        };
        Ok(texts.iter().map(embed).collect())
    }

    fn embed_tokens(&self, texts: &[&str]) -> Result<Vec<Vec<Vec<f32>>>, KnowledgeError> {
        let words = |text: &&str| {
            let words = content_words(text);
            self.embed_unscaled(&words.iter().map(String::as_str).collect::<Vec<_>>())
        };
        texts.iter().map(words).collect()
    }
}
