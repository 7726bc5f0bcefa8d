//! One step.

use super::apply::{Update, apply};
use super::directions::{Moments, factored_directions, full_directions};
use super::inputs::{AdafactorFactors, AdafactorMoment, AdafactorScratch};
use crate::Pool;
use crate::optim::norm::sum_of_squares_in;

/// One step of Adafactor on one tensor.
///
/// With `g = grad_scale * grads` and `s = g^2 + eps`: the second moment decays towards `s`, as means
/// of rows `R` and columns `C` for matrices; `u = g / sqrt(R C / mean(R))`, or `g / sqrt(V)`;
/// `u /= max(1, rms(u) / clip_threshold)`; `u *= lr`; the first moment, if there is one, becomes
/// `b1 m + (1 - b1) u` and takes the place of `u`; `w -= lr * decay * w + u`.
///
/// # Panics
/// If the lengths disagree or `scratch` has no room: a caller's bug.
///
/// # Source
/// Shazeer and Stern 2018, arXiv:1804.04235, in the order of operations of `Adafactor` of
/// `transformers`. Means and root mean squares are taken in f64.
pub fn adafactor_step(
    pool: &Pool,
    factors: &AdafactorFactors,
    values: &mut [f32],
    grads: &[f32],
    moment: AdafactorMoment<'_>,
    first_moment: Option<&mut [f32]>,
    scratch: &mut AdafactorScratch,
) {
    assert_eq!(values.len(), grads.len(), "values and gradients");
    if values.is_empty() {
        return;
    }
    let count = values.len() as f64;
    let rms = |sum: f64| (sum / count).sqrt();
    let mut learning_rate = factors.learning_rate;
    if let Some(smallest) = factors.smallest_scale {
        let size = rms(sum_of_squares_in(pool, values, &mut scratch.sums));
        learning_rate *= size.max(smallest);
    }
    let moments = Moments::new(factors);
    let directions = match moment {
        AdafactorMoment::Factored { shape, rows, cols } => {
            factored_directions(pool, moments, grads, shape, (rows, cols), scratch)
        }
        AdafactorMoment::Full(full) => full_directions(pool, moments, grads, full, scratch),
    };
    let update = Update {
        divisor: (rms(directions.sum_of_squares) / factors.clip_threshold).max(1.0) as f32,
        learning_rate: learning_rate as f32,
        keep: (1.0 - factors.weight_decay * learning_rate) as f32,
        beta1: factors.beta1 as f32,
        rest1: (1.0 - factors.beta1) as f32,
        grad_scale: factors.grad_scale,
    };
    apply(pool, update, values, grads, &directions, first_moment);
}
