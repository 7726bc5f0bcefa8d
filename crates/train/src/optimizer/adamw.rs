//! AdamW with moments in f32.

use super::api::Optimizer;
use super::config::{check_beta, check_decay, check_positive};
use super::memory::OptimizerMemory;
use super::tensor::{Part, Segment, TrainedTensor, num_values, segments};
use crate::error::TrainError;
use catena_kernels::{AdamWFactors, Pool, adamw_update};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Hyper-parameters of [`AdamW`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamWConfig {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
}

impl Default for AdamWConfig {
    /// PyTorch's defaults without weight decay, as is usual for LoRA.
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 }
    }
}

impl AdamWConfig {
    pub(super) fn validate(&self) -> Result<(), TrainError> {
        check_beta("beta1", self.beta1)?;
        check_beta("beta2", self.beta2)?;
        check_positive("eps", self.eps)?;
        check_decay(self.weight_decay)
    }

    pub(super) fn factors(
        &self,
        step: u64,
        learning_rate: f64,
        weight_decay: f64,
        grad_scale: f32,
    ) -> AdamWFactors {
        let betas = (self.beta1, self.beta2);
        AdamWFactors::new(step, learning_rate, betas, self.eps, weight_decay, grad_scale)
    }
}

/// Adam with decoupled weight decay; the step is [`catena_kernels::adamw_update`].
#[derive(Clone, Debug)]
pub struct AdamW {
    config: AdamWConfig,
    segments: Vec<Segment>,
    num_values: usize,
    /// First moments of all values, then second moments.
    memory: OptimizerMemory,
}

impl AdamW {
    /// An optimizer before its first step.
    ///
    /// # Panics
    /// If the tensors do not cover a vector in order.
    pub fn new(tensors: &[TrainedTensor], config: AdamWConfig) -> Self {
        Self::on(OptimizerMemory::default(), tensors, config)
    }

    /// As [`Self::new`] with its state in `memory`.
    pub(super) fn on(
        mut memory: OptimizerMemory,
        tensors: &[TrainedTensor],
        config: AdamWConfig,
    ) -> Self {
        for kind in ["exp_avg", "exp_avg_sq"] {
            for tensor in tensors {
                memory.add_floats(&tensor.name, kind, &tensor.shape);
            }
        }
        let num_values = num_values(tensors);
        Self { config, segments: segments(tensors), num_values, memory }
    }
}

impl Optimizer for AdamW {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn num_values(&self) -> usize {
        self.num_values
    }

    fn apply(
        &mut self,
        pool: &Pool,
        part: &Range<usize>,
        values: &mut [f32],
        grads: &[f32],
        grad_scale: f32,
        learning_rate: f64,
    ) {
        let part = Part::of(part, self.num_values, values, grads);
        let step = self.memory.steps();
        let (first, second) = self.memory.floats.split_at_mut(self.num_values);
        for segment in &self.segments {
            let Some(range) = part.common(&segment.range) else { continue };
            let factors = self.config.factors(
                step,
                learning_rate * segment.learning_rate_factor,
                segment.decay(self.config.weight_decay),
                grad_scale,
            );
            let own = part.moved(&range);
            let moments = (&mut first[range.clone()], &mut second[range]);
            adamw_update(pool, &factors, &mut values[own.clone()], &grads[own], moments);
        }
    }

    fn memory(&self) -> &OptimizerMemory {
        &self.memory
    }

    fn memory_mut(&mut self) -> &mut OptimizerMemory {
        &mut self.memory
    }
}
