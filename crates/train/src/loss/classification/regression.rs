//! Numbers in place of labels.

use crate::loss::result::{LossAndGrad, wide};

/// Mean of squared errors over `total` numbers.
///
/// # Panics
/// If the sizes disagree: a caller's bug.
pub fn regression_loss(outputs: &[f32], targets: &[f32], total: usize) -> LossAndGrad {
    assert_eq!(outputs.len(), targets.len(), "outputs and targets");
    LossAndGrad::new(squared_error(&wide(outputs), &wide(targets), total))
}

pub(super) fn squared_error(outputs: &[f64], targets: &[f64], total: usize) -> (f64, Vec<f64>) {
    let share = 1.0 / total as f64;
    let errors = outputs.iter().zip(targets).map(|(output, target)| output - target);
    let loss = errors.clone().map(|error| share * error * error).sum();
    (loss, errors.map(|error| 2.0 * share * error).collect())
}
