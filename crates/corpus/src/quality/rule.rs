//! Which scores are kept.

use crate::error::CorpusError;
use crate::seeded::{hash_bytes, open_unit};

/// Which documents are kept by their score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScoreRule {
    /// Scores of this much or more.
    AtLeast(f32),
    /// Scores of this much or less.
    AtMost(f32),
    /// Scores within a range, both ends included.
    Between {
        /// The lowest score kept.
        low: f32,
        /// The highest score kept.
        high: f32,
    },
    /// By chance, the more likely the better the score, so that some documents of every quality
    /// stay: kept if a Pareto draw exceeds `1 - score`, which happens with the probability
    /// `(2 - score)^-alpha`, and always for a score of 1 or more.
    ///
    /// # Source
    /// Brown et al. 2020, arXiv:2005.14165, appendix A, with `alpha` 9; NeMo Curator's English
    /// recipe has 3. Our draw follows from the document's id, so it is the same in every run and
    /// does not move when documents are added.
    Pareto {
        /// The shape; the greater, the fewer documents of low score stay. Above 0.
        alpha: f64,
        /// Seed of the draws.
        seed: u64,
    },
}

impl ScoreRule {
    /// Refuses values that make no sense.
    pub fn check(&self) -> Result<(), CorpusError> {
        let (key, found, expected) = match *self {
            Self::AtLeast(bound) if !bound.is_finite() => ("at_least", bound, "a number"),
            Self::AtMost(bound) if !bound.is_finite() => ("at_most", bound, "a number"),
            Self::Between { low, high } if low > high || low.is_nan() || high.is_nan() => {
                ("low", low, "at most `high`")
            }
            Self::Pareto { alpha, .. } if !(alpha > 0.0 && alpha.is_finite()) => {
                return Err(CorpusError::Config {
                    key: "alpha",
                    found: alpha,
                    expected: "above 0",
                });
            }
            Self::AtLeast(_) | Self::AtMost(_) | Self::Between { .. } | Self::Pareto { .. } => {
                return Ok(());
            }
        };
        Err(CorpusError::Config { key, found: f64::from(found), expected })
    }

    /// Whether the document `id` with this score is kept. A score that is no number never is.
    pub fn keeps(&self, id: &str, score: f32) -> bool {
        match *self {
            Self::AtLeast(bound) => score >= bound,
            Self::AtMost(bound) => score <= bound,
            Self::Between { low, high } => (low..=high).contains(&score),
            Self::Pareto { alpha, seed } => {
                let unit = open_unit(hash_bytes(id.as_bytes(), seed));
                // The inverse of the distribution function of Lomax, as NumPy's `pareto` draws.
                let draw = unit.powf(-1.0 / alpha) - 1.0;
                draw > 1.0 - f64::from(score)
            }
        }
    }
}
