//! Several labels at once.

use crate::loss::result::{LossAndGrad, wide};
use crate::loss::scalar::{log_sigmoid, sigmoid};

/// Binary cross-entropy of each logit, the mean over all of `total` logits.
///
/// `-w y ln sigmoid(x) - (1 - y) ln sigmoid(-x)` with targets `y` of 0 to 1 and the positive weight
/// `w` of the label, 1 if none are given.
///
/// # Shapes
/// `logits`, `targets` and the gradient `[b, num_labels]`; `positive_weights` `[num_labels]`.
///
/// # Panics
/// If the sizes disagree: a caller's bug.
///
/// # Source
/// `torch.nn.BCEWithLogitsLoss`.
pub fn multi_label_loss(
    logits: &[f32],
    targets: &[f32],
    positive_weights: Option<&[f64]>,
    total: usize,
) -> LossAndGrad {
    assert_eq!(logits.len(), targets.len(), "logits and targets");
    if let Some(weights) = positive_weights {
        assert!(logits.len().is_multiple_of(weights.len()), "rows of {} labels", weights.len());
    }
    LossAndGrad::new(binary_cross_entropy(&wide(logits), &wide(targets), positive_weights, total))
}

pub(in crate::loss) fn binary_cross_entropy(
    logits: &[f64],
    targets: &[f64],
    positive_weights: Option<&[f64]>,
    total: usize,
) -> (f64, Vec<f64>) {
    let share = 1.0 / total as f64;
    let mut loss = 0.0;
    let mut grad = Vec::with_capacity(logits.len());
    for (i, (&x, &y)) in logits.iter().zip(targets).enumerate() {
        let weight = positive_weights.map_or(1.0, |weights| weights[i % weights.len()]);
        loss -= share * (weight * y * log_sigmoid(x) + (1.0 - y) * log_sigmoid(-x));
        grad.push(share * ((1.0 - y) * sigmoid(x) - weight * y * sigmoid(-x)));
    }
    (loss, grad)
}
