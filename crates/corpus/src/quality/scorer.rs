//! What gives a document a number.

use crate::error::CorpusError;

/// Gives each text one number: perplexity under a language model, the probability of a class,
/// its length.
///
/// What a high number means is the scorer's business; a [`super::ScoreRule`] or a selection says
/// which numbers are wanted.
pub trait DocumentScorer {
    /// Name of the column of scores, such as `perplexity`.
    fn name(&self) -> &str;

    /// Writes the score of each of `texts` to the same place in `scores`.
    ///
    /// The score of a text depends on nothing but the text.
    ///
    /// # Errors
    /// [`CorpusError::Lengths`] unless both have the same length; what the scorer itself meets.
    fn score(&mut self, texts: &[&str], scores: &mut [f32]) -> Result<(), CorpusError>;
}

/// The scores of `texts`, each of them finite.
///
/// # Errors
/// What the scorer meets, and [`CorpusError::NotFinite`] for a score that is no number.
pub fn score_column(
    scorer: &mut dyn DocumentScorer,
    texts: &[&str],
) -> Result<Vec<f32>, CorpusError> {
    let mut scores = vec![0.0; texts.len()];
    scorer.score(texts, &mut scores)?;
    check_finite("score", &scores)?;
    Ok(scores)
}

/// Refuses a column with a number that is none.
pub(crate) fn check_finite(what: &'static str, column: &[f32]) -> Result<(), CorpusError> {
    match column.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(row) => Err(CorpusError::NotFinite { what, row, found: f64::from(column[row]) }),
    }
}

/// Refuses a column that has not one value for each row.
pub(crate) fn check_length(
    what: &'static str,
    found: usize,
    expected: usize,
) -> Result<(), CorpusError> {
    if found == expected { Ok(()) } else { Err(CorpusError::Lengths { what, found, expected }) }
}
