//! From gradients to changed values: clipping and the optimizer's step, of everything at once or of
//! one part of the model after another.

use super::config::{ClipGradNorm, RunConfig};
use crate::optimizer::Optimizer;
use crate::trainable::{Trainable, trained_tensors};
use catena_kernels::{Pool, sum_of_squares};
use catena_model::training::{GradientPart, Param};
use std::ops::Range;

/// An optimizer whose gradients are clipped.
pub struct Updater {
    optimizer: Box<dyn Optimizer>,
    clip_grad_norm: ClipGradNorm,
    max_grad_norm: f64,
    tensors: Vec<Range<usize>>,
    /// Sum of squares of each tensor's gradient, of the last step if norms are taken by tensor.
    squares: Vec<f64>,
}

impl Updater {
    /// The optimizer of a run before its first step, for a model that trains `params`.
    pub fn new(config: &RunConfig, params: &[Param]) -> Self {
        let tensors = trained_tensors(params, config.loraplus_lr_ratio);
        Self {
            optimizer: config.optimizer.build(&tensors),
            clip_grad_norm: config.clip_grad_norm,
            max_grad_norm: config.max_grad_norm,
            squares: vec![0.0; tensors.len()],
            tensors: tensors.into_iter().map(|tensor| tensor.range).collect(),
        }
    }

    /// The optimizer with its state.
    pub fn optimizer(&self) -> &dyn Optimizer {
        self.optimizer.as_ref()
    }

    /// The optimizer, whose state is to be put back.
    pub fn optimizer_mut(&mut self) -> &mut dyn Optimizer {
        self.optimizer.as_mut()
    }

    /// Makes a step along the model's gradients, and returns their norm before they are clipped.
    ///
    /// If it is not finite, nothing is changed by the gradient that is not; of a model whose gradients
    /// come part by part, the parts before it are changed.
    pub fn update(&mut self, model: &mut dyn Trainable, pool: &Pool, learning_rate: f64) -> f64 {
        if model.gradients_by_part() {
            self.optimizer.begin_step();
            while let Some(GradientPart { range, values, grads }) = model.next_gradients() {
                if !self.apply(pool, &range, values, grads, learning_rate) {
                    break;
                }
            }
        } else if self.clips_together() {
            let norm = sum_of_squares(pool, model.grads()).sqrt();
            if norm.is_finite() {
                let scale = clip_scale(norm, self.max_grad_norm);
                let (values, grads) = model.values_and_grads();
                self.optimizer.step(pool, values, grads, scale, learning_rate);
            }
            return norm;
        } else {
            self.optimizer.begin_step();
            let (values, grads) = model.values_and_grads();
            self.apply(pool, &(0..values.len()), values, grads, learning_rate);
        }
        self.squares.iter().sum::<f64>().sqrt()
    }

    /// Sum of squares of each tensor's gradient in the last step.
    pub(super) fn squares(&mut self, model: &dyn Trainable, pool: &Pool) -> &[f64] {
        if self.clips_together() {
            self.square(pool, 0..self.tensors.len(), model.grads());
        }
        &self.squares
    }

    /// Whether one norm, of all gradients, decides how much they are scaled.
    fn clips_together(&self) -> bool {
        self.clip_grad_norm == ClipGradNorm::Global && self.max_grad_norm > 0.0
    }

    /// The step of the tensors in a part, unless a gradient of theirs is not finite.
    fn apply(
        &mut self,
        pool: &Pool,
        part: &Range<usize>,
        values: &mut [f32],
        grads: &[f32],
        learning_rate: f64,
    ) -> bool {
        let first = self.tensors.partition_point(|tensor| tensor.start < part.start);
        let end = self.tensors.partition_point(|tensor| tensor.end <= part.end);
        self.square(pool, first..end, grads);
        if !self.squares[first..end].iter().all(|sum| sum.is_finite()) {
            return false;
        }
        if self.max_grad_norm == 0.0 {
            self.optimizer.apply(pool, part, values, grads, 1.0, learning_rate);
            return true;
        }
        for (tensor, squares) in self.tensors[first..end].iter().zip(&self.squares[first..end]) {
            let own = tensor.start - part.start..tensor.end - part.start;
            let scale = clip_scale(squares.sqrt(), self.max_grad_norm);
            let (values, grads) = (&mut values[own.clone()], &grads[own]);
            self.optimizer.apply(pool, tensor, values, grads, scale, learning_rate);
        }
        true
    }

    /// Notes the sums of squares of some neighbouring tensors, whose gradients are given.
    fn square(&mut self, pool: &Pool, tensors: Range<usize>, grads: &[f32]) {
        let start = self.tensors.get(tensors.start).map_or(0, |first| first.start);
        for (tensor, sum) in self.tensors[tensors.clone()].iter().zip(&mut self.squares[tensors]) {
            *sum = sum_of_squares(pool, &grads[tensor.start - start..tensor.end - start]);
        }
    }
}

/// `min(1, max_norm / (norm + 1e-6))` as PyTorch's `clip_grad_norm_`; 1 when clipping is off.
#[expect(clippy::cast_possible_truncation, reason = "the factor multiplies f32 gradients")]
fn clip_scale(grad_norm: f64, max_norm: f64) -> f32 {
    if max_norm == 0.0 { 1.0 } else { (max_norm / (grad_norm + 1e-6)).min(1.0) as f32 }
}
