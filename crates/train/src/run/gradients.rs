//! Where the gradient of a step is large.

use crate::trainable::Trainable;
use catena_kernels::{Pool, sum_of_squares};

/// The tensor whose gradient has the largest norm, in words; its name says the layer.
///
/// Norms are of the whole tensor and before clipping, so that they add up, squared, to the square
/// of the step's own.
pub(super) fn largest_gradient(pool: &Pool, model: &dyn Trainable) -> String {
    let grads = model.grads();
    let norms = model.params().iter().map(|param| {
        let squares = sum_of_squares(pool, &grads[param.range.clone()]);
        (squares.sqrt(), param)
    });
    let Some((norm, param)) = norms.max_by(|a, b| a.0.total_cmp(&b.0)) else {
        return "none: nothing is trained".to_owned();
    };
    let all = sum_of_squares(pool, grads).sqrt();
    format!("that of `{}`, of norm {norm:.3} ({all:.3} for all tensors)", param.name)
}
