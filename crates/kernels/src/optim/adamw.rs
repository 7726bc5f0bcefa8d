//! Adam with decoupled weight decay, moments in f32.

use super::split::split;
use crate::leveled::leveled;
use crate::share::SharedMut;
use crate::{Pool, level};

/// Constants of one AdamW step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Learning rate of this step.
    pub learning_rate: f32,
    /// Decay of the mean of gradients.
    pub beta1: f32,
    /// Decay of the mean of squared gradients.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub eps: f32,
    /// Decoupled weight decay.
    pub weight_decay: f32,
}

impl Default for AdamW {
    /// PyTorch's defaults, without weight decay.
    fn default() -> Self {
        AdamW { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 }
    }
}

/// [`adamw_update`] with constants in f32.
///
/// # Panics
/// If the lengths disagree or `step` is 0: a caller's bug.
pub fn adamw_step(
    pool: &Pool,
    config: &AdamW,
    step: u64,
    grad_scale: f32,
    values: &mut [f32],
    grads: &[f32],
    moments: (&mut [f32], &mut [f32]),
) {
    let wide = f64::from;
    let factors = AdamWFactors::new(
        step,
        wide(config.learning_rate),
        (wide(config.beta1), wide(config.beta2)),
        wide(config.eps),
        wide(config.weight_decay),
        grad_scale,
    );
    adamw_update(pool, &factors, values, grads, moments);
}

/// The constants of one step as its loop uses them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWFactors {
    keep: f32,
    grad_scale: f32,
    beta1: f32,
    beta2: f32,
    rest1: f32,
    rest2: f32,
    step_size: f32,
    inv_sqrt_correction2: f32,
    eps: f32,
}

impl AdamWFactors {
    /// Factors of step `step`, counted from 1.
    ///
    /// # Panics
    /// If `step` is 0.
    pub fn new(
        step: u64,
        learning_rate: f64,
        (beta1, beta2): (f64, f64),
        eps: f64,
        weight_decay: f64,
        grad_scale: f32,
    ) -> Self {
        assert!(step > 0, "steps count from 1");
        let correction1 = 1.0 - beta1.powf(step as f64);
        let correction2 = 1.0 - beta2.powf(step as f64);
        AdamWFactors {
            keep: (1.0 - learning_rate * weight_decay) as f32,
            grad_scale,
            beta1: beta1 as f32,
            beta2: beta2 as f32,
            rest1: (1.0 - beta1) as f32,
            rest2: (1.0 - beta2) as f32,
            step_size: (learning_rate / correction1) as f32,
            inv_sqrt_correction2: (1.0 / correction2.sqrt()) as f32,
            eps: eps as f32,
        }
    }

    /// The moments after `grad`.
    #[inline(always)]
    pub(super) fn moments(&self, grad: f32, m: f32, v: f32) -> (f32, f32) {
        let grad = grad * self.grad_scale;
        let m = self.beta1 * m + self.rest1 * grad;
        let v = self.beta2 * v + self.rest2 * (grad * grad);
        (m, v)
    }

    /// The value after a step along the moments.
    #[inline(always)]
    pub(super) fn value(&self, value: f32, m: f32, v: f32) -> f32 {
        let scale = v.sqrt() * self.inv_sqrt_correction2 + self.eps;
        value * self.keep - self.step_size * m / scale
    }
}

/// One step of Adam with decoupled weight decay.
///
/// `w *= 1 - lr * decay; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;`
/// `w -= lr / (1 - b1^step) * m / (sqrt(v) / sqrt(1 - b2^step) + eps)` with `g = grad_scale *
/// grads`.
///
/// # Panics
/// If the lengths disagree: a caller's bug.
///
/// # Source
/// Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2, in the order of operations of
/// PyTorch.
pub fn adamw_update(
    pool: &Pool,
    factors: &AdamWFactors,
    values: &mut [f32],
    grads: &[f32],
    (moment1, moment2): (&mut [f32], &mut [f32]),
) {
    assert_eq!(values.len(), grads.len(), "values and gradients");
    assert_eq!(values.len(), moment1.len(), "values and first moments");
    assert_eq!(values.len(), moment2.len(), "values and second moments");
    let level = level();
    let (moment1, moment2) = (SharedMut::new(moment1), SharedMut::new(moment2));
    split(pool, values, &|part, values| {
        // SAFETY: the parts of different threads are disjoint.
        let (m, v) = unsafe { (moment1.range(part.clone()), moment2.range(part.clone())) };
        update(level, *factors, values, &grads[part], m, v);
    });
}

leveled! {
    fn update(f: AdamWFactors, values: &mut [f32], grads: &[f32], m: &mut [f32], v: &mut [f32]) {
        for (((value, &grad), m), v) in values.iter_mut().zip(grads).zip(m).zip(v) {
            (*m, *v) = f.moments(grad, *m, *v);
            *value = f.value(*value, *m, *v);
        }
    }
}
