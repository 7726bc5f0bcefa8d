//! Stochastic gradient descent, with or without momentum.

use super::split::split;
use crate::leveled::leveled;
use crate::share::SharedMut;
use crate::{Pool, level};

/// The constants of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdFactors {
    /// Learning rate of this step.
    pub learning_rate: f32,
    /// Decay of the sum of gradients; 0 needs no state.
    pub momentum: f32,
    /// Whether the step looks ahead along the new momentum.
    pub nesterov: bool,
    /// Multiple of the value that is added to its gradient.
    pub weight_decay: f32,
    /// Factor of every gradient.
    pub grad_scale: f32,
}

/// One step of SGD.
///
/// `g += decay * w; b = momentum b + g; w -= lr * b`, with `g + momentum b` in place of `b` for
/// Nesterov's form. `buffer` is empty when `momentum` is 0.
///
/// # Panics
/// If the lengths disagree: a caller's bug.
///
/// # Source
/// `torch.optim.SGD` with `dampening` 0.
pub fn sgd_update(
    pool: &Pool,
    factors: &SgdFactors,
    values: &mut [f32],
    grads: &[f32],
    buffer: &mut [f32],
) {
    assert_eq!(values.len(), grads.len(), "values and gradients");
    let (level, f) = (level(), *factors);
    if f.momentum == 0.0 {
        assert!(buffer.is_empty(), "{} values of momentum 0", buffer.len());
        return split(pool, values, &|part, values| plain(level, f, values, &grads[part]));
    }
    assert_eq!(values.len(), buffer.len(), "values and momentum");
    let buffer = SharedMut::new(buffer);
    split(pool, values, &|part, values| {
        // SAFETY: the parts of different threads are disjoint.
        let buffer = unsafe { buffer.range(part.clone()) };
        with_momentum(level, f, values, &grads[part], buffer);
    });
}

leveled! {
    fn plain(f: SgdFactors, values: &mut [f32], grads: &[f32]) {
        for (value, grad) in values.iter_mut().zip(grads) {
            let grad = grad * f.grad_scale + f.weight_decay * *value;
            *value -= f.learning_rate * grad;
        }
    }
}

leveled! {
    fn with_momentum(f: SgdFactors, values: &mut [f32], grads: &[f32], buffer: &mut [f32]) {
        let (own, ahead) = if f.nesterov { (1.0, f.momentum) } else { (0.0, 1.0) };
        for ((value, grad), buffer) in values.iter_mut().zip(grads).zip(buffer) {
            let grad = grad * f.grad_scale + f.weight_decay * *value;
            *buffer = f.momentum * *buffer + grad;
            *value -= f.learning_rate * (own * grad + ahead * *buffer);
        }
    }
}
