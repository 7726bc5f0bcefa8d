//! Lion: the sign of an interpolated momentum.

use super::split::split;
use crate::leveled::leveled;
use crate::share::SharedMut;
use crate::{Pool, level};

/// The constants of one step as its loop uses them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LionFactors {
    keep: f32,
    learning_rate: f32,
    beta1: f32,
    rest1: f32,
    beta2: f32,
    rest2: f32,
    grad_scale: f32,
}

impl LionFactors {
    /// Factors of one step.
    pub fn new(
        learning_rate: f64,
        (beta1, beta2): (f64, f64),
        weight_decay: f64,
        grad_scale: f32,
    ) -> Self {
        LionFactors {
            keep: (1.0 - learning_rate * weight_decay) as f32,
            learning_rate: learning_rate as f32,
            beta1: beta1 as f32,
            rest1: (1.0 - beta1) as f32,
            beta2: beta2 as f32,
            rest2: (1.0 - beta2) as f32,
            grad_scale,
        }
    }
}

/// One step of Lion.
///
/// `w *= 1 - lr * decay; w -= lr * sign(b1 m + (1 - b1) g); m = b2 m + (1 - b2) g`, with
/// `sign(0) = 0`.
///
/// # Panics
/// If the lengths disagree: a caller's bug.
///
/// # Source
/// Chen et al. 2023, arXiv:2302.06675, algorithm 2.
pub fn lion_update(
    pool: &Pool,
    factors: &LionFactors,
    values: &mut [f32],
    grads: &[f32],
    momentum: &mut [f32],
) {
    assert_eq!(values.len(), grads.len(), "values and gradients");
    assert_eq!(values.len(), momentum.len(), "values and momentum");
    let level = level();
    let momentum = SharedMut::new(momentum);
    split(pool, values, &|part, values| {
        // SAFETY: the parts of different threads are disjoint.
        let m = unsafe { momentum.range(part.clone()) };
        update(level, *factors, values, &grads[part], m);
    });
}

leveled! {
    fn update(f: LionFactors, values: &mut [f32], grads: &[f32], momentum: &mut [f32]) {
        for ((value, grad), m) in values.iter_mut().zip(grads).zip(momentum) {
            let grad = grad * f.grad_scale;
            let direction = f.beta1 * *m + f.rest1 * grad;
            let step = f.learning_rate.copysign(direction);
            let step = if direction == 0.0 { 0.0 } else { step };
            *value = *value * f.keep - step;
            *m = f.beta2 * *m + f.rest2 * grad;
        }
    }
}
