//! Pairs whose cosine should be a given number.

use super::result::EmbeddingLoss;
use super::vectors::{RowCosines, num_rows};
use crate::loss::result::wide;

/// Mean over pairs of `(cos(a, b) - score)^2`.
///
/// # Shapes
/// `a_bc`, `b_bc` and their gradients `[b, c]`; `scores` `[b]`.
///
/// # Panics
/// If the sizes disagree: a caller's bug.
///
/// # Source
/// `CosineSimilarityLoss` of sentence-transformers.
pub fn cosine_similarity_loss(
    a_bc: &[f32],
    b_bc: &[f32],
    scores: &[f32],
    c: usize,
) -> EmbeddingLoss {
    assert_eq!(num_rows(a_bc, c), scores.len(), "pairs and scores");
    assert_eq!(a_bc.len(), b_bc.len(), "both sides of the pairs");
    EmbeddingLoss::new(cosine_similarity(&wide(a_bc), &wide(b_bc), &wide(scores), c))
}

pub(super) fn cosine_similarity(
    a: &[f64],
    b: &[f64],
    scores: &[f64],
    c: usize,
) -> (f64, [Vec<f64>; 2]) {
    let cosines = RowCosines::new(a, b, c);
    let share = 1.0 / scores.len() as f64;
    let errors = cosines.cosines.iter().zip(scores).map(|(cosine, score)| cosine - score);
    let loss = errors.clone().map(|error| share * error * error).sum();
    let slopes: Vec<f64> = errors.map(|error| 2.0 * share * error).collect();
    (loss, cosines.backward(&slopes))
}
