//! A scorer made of a function of one text.

use crate::error::CorpusError;
use crate::quality::{DocumentScorer, check_length};

/// A scorer made of a function of one text.
pub(super) struct TextScore<F> {
    pub(super) name: &'static str,
    pub(super) score: F,
}

impl<F: FnMut(&str) -> f64> DocumentScorer for TextScore<F> {
    fn name(&self) -> &str {
        self.name
    }

    fn score(&mut self, texts: &[&str], scores: &mut [f32]) -> Result<(), CorpusError> {
        check_length("scores", scores.len(), texts.len())?;
        #[expect(clippy::cast_possible_truncation, reason = "a column of scores is f32")]
        for (text, score) in texts.iter().zip(scores) {
            *score = (self.score)(text) as f32;
        }
        Ok(())
    }
}
