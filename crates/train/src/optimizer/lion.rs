//! Lion: steps by the sign of an interpolated momentum.

use super::api::Optimizer;
use super::config::{check_beta, check_decay};
use super::memory::OptimizerMemory;
use super::tensor::{Part, Segment, TrainedTensor, num_values, segments};
use crate::error::TrainError;
use catena_kernels::{LionFactors, Pool, lion_update};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Hyper-parameters of [`Lion`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LionConfig {
    /// Share of the momentum in the direction of a step.
    pub beta1: f64,
    /// Decay of the momentum.
    pub beta2: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
}

impl Default for LionConfig {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.99, weight_decay: 0.0 }
    }
}

impl LionConfig {
    pub(super) fn validate(&self) -> Result<(), TrainError> {
        check_beta("beta1", self.beta1)?;
        check_beta("beta2", self.beta2)?;
        check_decay(self.weight_decay)
    }
}

/// Lion, with one moment in f32; the step is [`catena_kernels::lion_update`].
#[derive(Clone, Debug)]
pub struct Lion {
    config: LionConfig,
    segments: Vec<Segment>,
    num_values: usize,
    memory: OptimizerMemory,
}

impl Lion {
    /// An optimizer before its first step.
    ///
    /// # Panics
    /// If the tensors do not cover a vector in order.
    pub fn new(tensors: &[TrainedTensor], config: LionConfig) -> Self {
        Self::on(OptimizerMemory::default(), tensors, config)
    }

    /// As [`Self::new`] with its state in `memory`.
    pub(super) fn on(
        mut memory: OptimizerMemory,
        tensors: &[TrainedTensor],
        config: LionConfig,
    ) -> Self {
        for tensor in tensors {
            memory.add_floats(&tensor.name, "exp_avg", &tensor.shape);
        }
        let num_values = num_values(tensors);
        Self { config, segments: segments(tensors), num_values, memory }
    }
}

impl Optimizer for Lion {
    fn name(&self) -> &'static str {
        "lion"
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
        for segment in &self.segments {
            let Some(range) = part.common(&segment.range) else { continue };
            let factors = LionFactors::new(
                learning_rate * segment.learning_rate_factor,
                (self.config.beta1, self.config.beta2),
                segment.decay(self.config.weight_decay),
                grad_scale,
            );
            let own = part.moved(&range);
            let momentum = &mut self.memory.floats[range];
            lion_update(pool, &factors, &mut values[own.clone()], &grads[own], momentum);
        }
    }

    fn memory(&self) -> &OptimizerMemory {
        &self.memory
    }

    fn memory_mut(&mut self) -> &mut OptimizerMemory {
        &mut self.memory
    }
}
