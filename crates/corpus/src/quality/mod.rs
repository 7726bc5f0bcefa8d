//! Scores of documents and what they decide.

mod rule;
mod scorer;
#[cfg(test)]
mod tests;

pub use rule::ScoreRule;
pub use scorer::{DocumentScorer, score_column};
pub(crate) use scorer::{check_finite, check_length};
