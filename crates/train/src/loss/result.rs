//! What most losses return.

/// A loss and its derivative by the model's output.
#[derive(Clone, Debug, PartialEq)]
pub struct LossAndGrad {
    /// The loss, or this micro-step's share of the step's.
    pub loss: f64,
    /// Derivative by each input, in their order.
    pub grad: Vec<f32>,
}

impl LossAndGrad {
    pub(super) fn new((loss, grad): (f64, Vec<f64>)) -> Self {
        Self { loss, grad: narrow(&grad) }
    }
}

/// Inputs in the precision of the arithmetic.
pub(super) fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// Gradients in the precision of the model.
#[expect(clippy::cast_possible_truncation, reason = "the model's backward pass is f32")]
pub(super) fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}
