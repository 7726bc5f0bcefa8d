//! Lion: steps by the sign of an interpolated momentum.

use super::config::{check_beta, check_decay};
use super::memory::OptimizerMemory;
use super::partwise::{PartStep, Placed, Rule, place_alike};
use super::tensor::TrainedTensor;
use crate::error::TrainError;
use catena_kernels::{LionFactors, lion_update};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Hyper-parameters of Lion.
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
pub(super) struct Lion {
    config: LionConfig,
}

impl Rule for Lion {
    type Config = LionConfig;
    type Place = [Range<usize>; 1];

    const NAME: &'static str = "lion";

    fn begin(
        config: LionConfig,
        tensors: &[TrainedTensor],
        memory: &mut OptimizerMemory,
    ) -> (Self, Placed<Self::Place>) {
        (Self { config }, place_alike(["exp_avg"], tensors, memory))
    }

    fn update(
        &mut self,
        step: &mut PartStep<'_>,
        [momentum]: &Self::Place,
        memory: &mut OptimizerMemory,
    ) {
        let config = &self.config;
        let (betas, decay) = ((config.beta1, config.beta2), step.decay(config.weight_decay));
        let factors = LionFactors::new(step.rate(), betas, decay, step.grad_scale);
        let momentum = &mut memory.floats[step.within(momentum)];
        lion_update(step.pool, &factors, step.values, step.grads, momentum);
    }
}
