//! Each document by itself.

use crate::loss::classification::multi_label_loss;
use crate::loss::result::LossAndGrad;

/// Binary cross-entropy of scores against relevance of 0 to 1, the mean over `total` documents.
///
/// # Panics
/// If the sizes disagree: a caller's bug.
///
/// # Source
/// `BinaryCrossEntropyLoss` of sentence-transformers' cross-encoders.
pub fn pointwise_loss(
    scores: &[f32],
    relevance: &[f32],
    positive_weight: f64,
    total: usize,
) -> LossAndGrad {
    multi_label_loss(scores, relevance, Some(&[positive_weight]), total)
}
