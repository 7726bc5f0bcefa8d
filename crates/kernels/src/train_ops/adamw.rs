//! The optimizer step and the norm of gradients, over flat parameter vectors.

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

/// One step of Adam with decoupled weight decay; `step` counts from 1.
///
/// `w *= 1 - lr * decay; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;`
/// `w -= lr / (1 - b1^step) * m / (sqrt(v) / sqrt(1 - b2^step) + eps)` with `g = grad_scale *
/// grads`: clipping by norm is a scale and needs no pass of its own.
///
/// # Panics
/// If the lengths disagree or `step` is 0: a caller's bug.
///
/// # Source
/// Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2, in the order of operations of
/// PyTorch.
pub fn adamw_step(
    pool: &Pool,
    config: &AdamW,
    step: u64,
    grad_scale: f32,
    values: &mut [f32],
    grads: &[f32],
    (moment1, moment2): (&mut [f32], &mut [f32]),
) {
    assert!(step > 0, "steps count from 1");
    assert_eq!(values.len(), grads.len(), "values and gradients");
    assert_eq!(values.len(), moment1.len(), "values and first moments");
    assert_eq!(values.len(), moment2.len(), "values and second moments");
    if values.is_empty() {
        return;
    }
    let factors = Factors::new(config, step, grad_scale);
    let level = level();
    let (moment1, moment2) = (SharedMut::new(moment1), SharedMut::new(moment2));
    pool.split_rows(values, 1, &|part, values| {
        // SAFETY: the parts of different threads are disjoint.
        let (m, v) = unsafe { (moment1.range(part.clone()), moment2.range(part.clone())) };
        update(level, factors, values, &grads[part], m, v);
    });
}

#[derive(Clone, Copy)]
struct Factors {
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

impl Factors {
    fn new(config: &AdamW, step: u64, grad_scale: f32) -> Self {
        let (beta1, beta2) = (f64::from(config.beta1), f64::from(config.beta2));
        let lr = f64::from(config.learning_rate);
        let correction1 = 1.0 - beta1.powf(step as f64);
        let correction2 = 1.0 - beta2.powf(step as f64);
        Factors {
            keep: (1.0 - lr * f64::from(config.weight_decay)) as f32,
            grad_scale,
            beta1: config.beta1,
            beta2: config.beta2,
            rest1: (1.0 - beta1) as f32,
            rest2: (1.0 - beta2) as f32,
            step_size: (lr / correction1) as f32,
            inv_sqrt_correction2: (1.0 / correction2.sqrt()) as f32,
            eps: config.eps,
        }
    }
}

leveled! {
    fn update(f: Factors, values: &mut [f32], grads: &[f32], m: &mut [f32], v: &mut [f32]) {
        for (((value, grad), m), v) in values.iter_mut().zip(grads).zip(m).zip(v) {
            let grad = grad * f.grad_scale;
            *m = f.beta1 * *m + f.rest1 * grad;
            *v = f.beta2 * *v + f.rest2 * (grad * grad);
            let scale = v.sqrt() * f.inv_sqrt_correction2 + f.eps;
            *value = *value * f.keep - f.step_size * *m / scale;
        }
    }
}

/// Sum of squares in f64, in blocks of fixed size: the same bits for any number of threads.
pub fn sum_of_squares(pool: &Pool, values: &[f32]) -> f64 {
    const BLOCK: usize = 4096;
    if values.is_empty() {
        return 0.0;
    }
    let level = level();
    let mut sums = vec![0.0f64; values.len().div_ceil(BLOCK)];
    pool.split_rows(&mut sums, 1, &|blocks, sums| {
        for (block, sum) in blocks.zip(sums) {
            let end = values.len().min((block + 1) * BLOCK);
            *sum = block_sum(level, &values[block * BLOCK..end]);
        }
    });
    sums.iter().sum()
}

leveled! {
    fn block_sum(values: &[f32]) -> f64 {
        let mut lanes = [0.0f64; 8];
        let (chunks, rest) = values.as_chunks::<8>();
        for chunk in chunks {
            for (lane, &value) in lanes.iter_mut().zip(chunk) {
                *lane += f64::from(value) * f64::from(value);
            }
        }
        for (lane, &value) in lanes.iter_mut().zip(rest) {
            *lane += f64::from(value) * f64::from(value);
        }
        lanes.iter().sum()
    }
}
