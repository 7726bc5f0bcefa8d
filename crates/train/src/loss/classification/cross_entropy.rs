//! One label of several.

use crate::check::check;
use crate::error::TrainError;
use crate::loss::result::{LossAndGrad, wide};
use crate::loss::scalar::log_sum_exp;
use serde::{Deserialize, Serialize};

/// Hyper-parameters of [`label_cross_entropy`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CrossEntropyConfig {
    /// Share of the target that is spread over all labels.
    pub label_smoothing: f64,
    /// Weight of each label; all 1 if not given.
    pub class_weights: Option<Vec<f64>>,
}

impl CrossEntropyConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`TrainError::InvalidConfig`] names the key out of range, its value and the range.
    pub fn validate(&self) -> Result<(), TrainError> {
        let smoothing = self.label_smoothing;
        check(
            "label_smoothing",
            &smoothing,
            (0.0..1.0).contains(&smoothing),
            "0 or more and below 1",
        )
    }

    fn weight(&self, label: usize) -> f64 {
        self.class_weights.as_ref().map_or(1.0, |weights| weights[label])
    }
}

/// What the mean of [`label_cross_entropy`] divides by: the weights of the rows' labels.
pub fn cross_entropy_weight(config: &CrossEntropyConfig, labels: &[Option<u32>]) -> f64 {
    labels.iter().flatten().map(|&label| config.weight(label as usize)).sum()
}

/// Cross-entropy of rows of logits; rows without a label count for nothing.
///
/// With `q = softmax(row)`, label `y`, smoothing `e` and weights `w`:
/// `-(1 - e) w_y ln q_y - e / n * sum(w_i ln q_i)`, summed over rows and divided by `total_weight`.
///
/// # Shapes
/// `logits` and the gradient `[labels.len(), num_labels]`.
///
/// # Panics
/// If the sizes disagree or a label is not below `num_labels`: a caller's bug.
///
/// # Source
/// `torch.nn.CrossEntropyLoss`.
pub fn label_cross_entropy(
    config: &CrossEntropyConfig,
    logits: &[f32],
    labels: &[Option<u32>],
    num_labels: usize,
    total_weight: f64,
) -> LossAndGrad {
    assert_eq!(logits.len(), labels.len() * num_labels, "logits of {} rows", labels.len());
    if let Some(weights) = &config.class_weights {
        assert_eq!(weights.len(), num_labels, "weights of labels");
    }
    LossAndGrad::new(cross_entropy(config, &wide(logits), labels, num_labels, total_weight))
}

pub(super) fn cross_entropy(
    config: &CrossEntropyConfig,
    logits: &[f64],
    labels: &[Option<u32>],
    num_labels: usize,
    total_weight: f64,
) -> (f64, Vec<f64>) {
    let mut loss = 0.0;
    let mut grad = vec![0.0; logits.len()];
    let spread = config.label_smoothing / num_labels as f64;
    let rows = logits.chunks_exact(num_labels).zip(grad.chunks_exact_mut(num_labels));
    for ((logits, grad), label) in rows.zip(labels) {
        let Some(label) = label.map(|label| label as usize) else { continue };
        assert!(label < num_labels, "label {label} of {num_labels}");
        let log_z = log_sum_exp(logits);
        // Targets that need not sum to 1: the derivative is their sum times `q`, less themselves.
        let target = |i: usize| {
            let hit = if i == label { 1.0 - config.label_smoothing } else { 0.0 };
            config.weight(i) * (hit + spread)
        };
        let mass: f64 = (0..num_labels).map(target).sum();
        for (i, (logit, grad)) in logits.iter().zip(grad).enumerate() {
            loss -= target(i) * (logit - log_z) / total_weight;
            *grad = (mass * (logit - log_z).exp() - target(i)) / total_weight;
        }
    }
    (loss, grad)
}
