//! Where the gradient of a step is large.

use catena_model::training::Param;

/// The tensor whose gradient has the largest norm, in words; its name says the layer.
///
/// `squares` are the sums of squares of each tensor's gradient. Norms are of the whole tensor and
/// before clipping, so that they add up, squared, to the square of the step's own.
pub(super) fn largest_gradient(params: &[Param], squares: &[f64]) -> String {
    let largest = params.iter().zip(squares).max_by(|a, b| a.1.total_cmp(b.1));
    let Some((param, squared)) = largest else {
        return "none: nothing is trained".to_owned();
    };
    let (norm, all) = (squared.sqrt(), squares.iter().sum::<f64>().sqrt());
    format!("that of `{}`, of norm {norm:.3} ({all:.3} for all tensors)", param.name)
}
