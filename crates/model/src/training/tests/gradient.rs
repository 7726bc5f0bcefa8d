//! Comparing gradients: with differences of the loss, with themselves computed in other ways, and
//! with those of a model that trains more.

use std::ops::Range;

use super::*;
use crate::training::Param;

pub(super) fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

/// The length of a tensor's gradient, and the direction that it gives to the values of all.
pub(super) fn direction(grads: &[f32], range: &Range<usize>) -> (f64, Vec<f32>) {
    let part = &grads[range.clone()];
    let norm = dot(part, part).sqrt();
    let mut direction = vec![0.0; grads.len()];
    for (to, grad) in direction[range.clone()].iter_mut().zip(part) {
        *to = grad / norm as f32;
    }
    (norm, direction)
}

/// The loss a step behind the values along `direction`, and a step ahead.
pub(super) fn losses_around(
    model: &mut TrainModel,
    batch: &TrainBatch,
    direction: &[f32],
    step: f32,
) -> [f64; 2] {
    let start = model.values().to_vec();
    let losses = [-step, step].map(|step| {
        for ((value, start), d) in model.values_mut().iter_mut().zip(&start).zip(direction) {
            *value = start + step * d;
        }
        model.loss(batch).unwrap().loss_sum
    });
    model.values_mut().copy_from_slice(&start);
    losses
}

/// Slope of the loss along `direction` by central differences.
pub(super) fn slope(
    model: &mut TrainModel,
    batch: &TrainBatch,
    direction: &[f32],
    step: f32,
) -> f64 {
    let [behind, ahead] = losses_around(model, batch, direction, step);
    (ahead - behind) / (2.0 * f64::from(step))
}

/// Compares the slope along the gradient of a tensor with the gradient's length.
pub(super) fn check_slope(
    name: &str,
    model: &mut TrainModel,
    batch: &TrainBatch,
    grads: &[f32],
    param: &Param,
) {
    let (norm, direction) = direction(grads, &param.range);
    assert!(norm > 1e-3, "{name} {} has no gradient", param.name);
    let step = 3e-3 * (param.range.len() as f32).sqrt().min(10.0);
    let found = slope(model, batch, &direction, step);
    let bound = 3e-2 * norm + 0.02;
    assert!((found - norm).abs() < bound, "{name} {}: {found}, not {norm}", param.name);
}

/// Compares loss and gradient of layers that are computed again, on more threads, with those of
/// layers that are kept, bit for bit.
pub(super) fn check_bits(
    name: &str,
    batch: &TrainBatch,
    model: impl Fn((Recompute, DenseType), usize) -> TrainModel,
) {
    for dtype in [DenseType::F32, DenseType::Bf16] {
        let run = |recompute, threads| {
            let mut model = model((recompute, dtype), threads);
            let loss = model.forward_backward(batch, 0.3).unwrap();
            (loss, model.grads().to_vec())
        };
        let kept = run(Recompute::Off, 1);
        for recompute in [Recompute::Layers(1), Recompute::Layers(2), Recompute::All] {
            assert!(run(recompute, 3) == kept, "{name} {recompute:?} {dtype:?}");
        }
    }
}

/// Compares the gradient of a model that trains a part of its tensors with that of all.
pub(super) fn check_part(name: &str, part: &TrainModel, whole: &TrainModel) {
    for param in part.params() {
        let of_whole = whole.params().iter().find(|of| of.name == param.name).unwrap();
        let found = &part.grads()[param.range.clone()];
        let expected = &whole.grads()[of_whole.range.clone()];
        let norm = dot(expected, expected).sqrt();
        for (a, b) in found.iter().zip(expected) {
            assert!(f64::from((a - b).abs()) <= 1e-5 * norm, "{name} {}", param.name);
        }
    }
}
