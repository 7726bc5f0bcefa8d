//! Pairs whose cosines should be ordered as their scores.

use super::result::EmbeddingLoss;
use super::vectors::{RowCosines, num_rows};
use crate::loss::result::wide;
use crate::loss::scalar::log_sum_exp;

/// `ln(1 + sum(exp(scale (cos_j - cos_i))))` over all pairs `i`, `j` of the batch where `i` has the
/// higher score.
///
/// # Shapes
/// `a_bc`, `b_bc` and their gradients `[b, c]`; `scores` `[b]`.
///
/// # Panics
/// If the sizes disagree: a caller's bug.
///
/// # Source
/// `CoSENTLoss` of sentence-transformers, whose usual scale is 20.
pub fn cosent_loss(
    scale: f64,
    a_bc: &[f32],
    b_bc: &[f32],
    scores: &[f32],
    c: usize,
) -> EmbeddingLoss {
    assert_eq!(num_rows(a_bc, c), scores.len(), "pairs and scores");
    assert_eq!(a_bc.len(), b_bc.len(), "both sides of the pairs");
    EmbeddingLoss::new(cosent(scale, &wide(a_bc), &wide(b_bc), &wide(scores), c))
}

pub(super) fn cosent(
    scale: f64,
    a: &[f64],
    b: &[f64],
    scores: &[f64],
    c: usize,
) -> (f64, [Vec<f64>; 2]) {
    let cosines = RowCosines::new(a, b, c);
    let wrong = |i: usize, j: usize| scale * (cosines.cosines[j] - cosines.cosines[i]);
    let ordered: Vec<(usize, usize)> = (0..scores.len())
        .flat_map(|i| (0..scores.len()).map(move |j| (i, j)))
        .filter(|&(i, j)| scores[i] > scores[j])
        .collect();
    let mut terms: Vec<f64> = ordered.iter().map(|&(i, j)| wrong(i, j)).collect();
    terms.push(0.0);
    let loss = log_sum_exp(&terms);
    let mut slopes = vec![0.0; scores.len()];
    for (&(i, j), term) in ordered.iter().zip(&terms) {
        let slope = scale * (term - loss).exp();
        slopes[j] += slope;
        slopes[i] -= slope;
    }
    (loss, cosines.backward(&slopes))
}
