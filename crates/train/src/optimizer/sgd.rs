//! Stochastic gradient descent.

use super::config::{check_beta, check_decay};
use super::memory::OptimizerMemory;
use super::partwise::{PartStep, Placed, Rule, place_alike};
use super::tensor::{TrainedTensor, parts};
use crate::error::TrainError;
use catena_kernels::{SgdFactors, sgd_update};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Hyper-parameters of SGD.
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
pub(super) struct Sgd {
    config: SgdConfig,
}

impl Rule for Sgd {
    type Config = SgdConfig;
    /// The sum of gradients, if there is momentum.
    type Place = Option<Range<usize>>;

    const NAME: &'static str = "sgd";

    fn begin(
        config: SgdConfig,
        tensors: &[TrainedTensor],
        memory: &mut OptimizerMemory,
    ) -> (Self, Placed<Self::Place>) {
        let places = if config.momentum == 0.0 {
            parts(tensors).into_iter().map(|part| (part, None)).collect()
        } else {
            let placed = place_alike(["momentum_buffer"], tensors, memory);
            placed.into_iter().map(|(part, [buffer])| (part, Some(buffer))).collect()
        };
        (Self { config }, places)
    }

    #[expect(clippy::cast_possible_truncation, reason = "f64 coefficients become f32 on purpose")]
    fn update(
        &mut self,
        step: &mut PartStep<'_>,
        buffer: &Self::Place,
        memory: &mut OptimizerMemory,
    ) {
        let factors = SgdFactors {
            learning_rate: step.rate() as f32,
            momentum: self.config.momentum as f32,
            nesterov: self.config.nesterov,
            weight_decay: step.decay(self.config.weight_decay) as f32,
            grad_scale: step.grad_scale,
        };
        let buffer = match buffer {
            Some(buffer) => &mut memory.floats[step.within(buffer)],
            None => &mut [],
        };
        sgd_update(step.pool, &factors, step.values, step.grads, buffer);
    }
}
