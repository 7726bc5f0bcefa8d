//! Stochastic gradient descent.

use super::api::Optimizer;
use super::config::{check_beta, check_decay};
use super::memory::OptimizerMemory;
use super::tensor::{Part, Segment, TrainedTensor, num_values, segments};
use crate::error::TrainError;
use catena_kernels::{Pool, SgdFactors, sgd_update};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Hyper-parameters of [`Sgd`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SgdConfig {
    /// Decay of the sum of gradients; 0 keeps no state.
    pub momentum: f64,
    /// Whether steps look ahead along the new momentum.
    pub nesterov: bool,
    /// Multiple of each value that is added to its gradient.
    pub weight_decay: f64,
}

impl Default for SgdConfig {
    fn default() -> Self {
        Self { momentum: 0.9, nesterov: false, weight_decay: 0.0 }
    }
}

impl SgdConfig {
    pub(super) fn validate(&self) -> Result<(), TrainError> {
        check_beta("momentum", self.momentum)?;
        if self.nesterov && self.momentum == 0.0 {
            return Err(TrainError::InvalidConfig {
                key: "momentum",
                value: self.momentum.to_string(),
                range: "greater than 0 with `nesterov`",
            });
        }
        check_decay(self.weight_decay)
    }
}

/// SGD with momentum; the step is [`catena_kernels::sgd_update`].
#[derive(Clone, Debug)]
pub struct Sgd {
    config: SgdConfig,
    segments: Vec<Segment>,
    num_values: usize,
    memory: OptimizerMemory,
}

impl Sgd {
    /// An optimizer before its first step.
    ///
    /// # Panics
    /// If the tensors do not cover a vector in order.
    pub fn new(tensors: &[TrainedTensor], config: SgdConfig) -> Self {
        Self::on(OptimizerMemory::default(), tensors, config)
    }

    /// As [`Self::new`] with its state in `memory`.
    pub(super) fn on(
        mut memory: OptimizerMemory,
        tensors: &[TrainedTensor],
        config: SgdConfig,
    ) -> Self {
        if config.momentum != 0.0 {
            for tensor in tensors {
                memory.add_floats(&tensor.name, "momentum_buffer", &tensor.shape);
            }
        }
        let num_values = num_values(tensors);
        Self { config, segments: segments(tensors), num_values, memory }
    }
}

impl Optimizer for Sgd {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn num_values(&self) -> usize {
        self.num_values
    }

    #[expect(clippy::cast_possible_truncation, reason = "f64 coefficients become f32 on purpose")]
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
            let factors = SgdFactors {
                learning_rate: (learning_rate * segment.learning_rate_factor) as f32,
                momentum: self.config.momentum as f32,
                nesterov: self.config.nesterov,
                weight_decay: segment.decay(self.config.weight_decay) as f32,
                grad_scale,
            };
            let own = part.moved(&range);
            let buffer = match self.config.momentum {
                0.0 => &mut [],
                _ => &mut self.memory.floats[range],
            };
            sgd_update(pool, &factors, &mut values[own.clone()], &grads[own], buffer);
        }
    }

    fn memory(&self) -> &OptimizerMemory {
        &self.memory
    }

    fn memory_mut(&mut self) -> &mut OptimizerMemory {
        &mut self.memory
    }
}
