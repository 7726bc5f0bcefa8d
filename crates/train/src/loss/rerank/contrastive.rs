//! The right document among wrong ones.

use crate::loss::result::{LossAndGrad, wide};
use crate::loss::scalar::{log_sum_exp, sigmoid};
use serde::{Deserialize, Serialize};

/// Hyper-parameters of [`contrastive_loss`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContrastiveConfig {
    /// Multiple of the activated scores.
    pub scale: f64,
    /// Take the sigmoid of scores first.
    pub sigmoid: bool,
}

impl Default for ContrastiveConfig {
    fn default() -> Self {
        Self { scale: 10.0, sigmoid: true }
    }
}

/// Cross-entropy of picking the first document of each query, the mean over `total` queries.
///
/// # Shapes
/// `scores` and the gradient `[b, documents]`: the positive, then in-batch and hard negatives.
///
/// # Panics
/// If `scores` is not a whole number of rows: a caller's bug.
///
/// # Source
/// `MultipleNegativesRankingLoss` of sentence-transformers' cross-encoders.
pub fn contrastive_loss(
    config: &ContrastiveConfig,
    scores: &[f32],
    documents: usize,
    total: usize,
) -> LossAndGrad {
    assert!(scores.len().is_multiple_of(documents), "rows of {documents} scores");
    LossAndGrad::new(contrastive(config, &wide(scores), documents, total))
}

pub(super) fn contrastive(
    config: &ContrastiveConfig,
    scores: &[f64],
    documents: usize,
    total: usize,
) -> (f64, Vec<f64>) {
    let share = 1.0 / total as f64;
    let mut loss = 0.0;
    let mut grad = Vec::with_capacity(scores.len());
    for row in scores.chunks_exact(documents) {
        let activated = |x: &f64| config.scale * if config.sigmoid { sigmoid(*x) } else { *x };
        let logits: Vec<f64> = row.iter().map(activated).collect();
        let log_z = log_sum_exp(&logits);
        loss += share * (log_z - logits[0]);
        for (i, (x, logit)) in row.iter().zip(&logits).enumerate() {
            let hit = if i == 0 { 1.0 } else { 0.0 };
            let slope = if config.sigmoid { sigmoid(*x) * sigmoid(-x) } else { 1.0 };
            grad.push(share * config.scale * slope * ((logit - log_z).exp() - hit));
        }
    }
    (loss, grad)
}
