//! What losses of embeddings return.

use crate::loss::result::narrow;

/// A loss and its gradient by each matrix of vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddingLoss {
    /// The loss.
    pub loss: f64,
    /// One gradient per input matrix, in their order and shapes.
    pub grads: Vec<Vec<f32>>,
}

impl EmbeddingLoss {
    pub(super) fn new<const N: usize>((loss, grads): (f64, [Vec<f64>; N])) -> Self {
        Self { loss, grads: grads.iter().map(|grad| narrow(grad)).collect() }
    }
}
