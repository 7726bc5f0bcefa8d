//! AdamW with moments in f32.

use super::config::{check_beta, check_decay, check_positive};
use super::memory::{OptimizerMemory, pair};
use super::partwise::{PartStep, Placed, Rule, place_alike};
use super::tensor::TrainedTensor;
use crate::error::TrainError;
use catena_kernels::{AdamWFactors, adamw_update};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Hyper-parameters of AdamW.
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

    pub(super) fn factors(&self, step: &PartStep<'_>, learning_rate: f64) -> AdamWFactors {
        let betas = (self.beta1, self.beta2);
        let decay = step.decay(self.weight_decay);
        AdamWFactors::new(step.number, learning_rate, betas, self.eps, decay, step.grad_scale)
    }

    /// Moves values of a part whose two moments are in f32.
    pub(super) fn update(
        &self,
        step: &mut PartStep<'_>,
        learning_rate: f64,
        moments: &[Range<usize>; 2],
        memory: &mut OptimizerMemory,
    ) {
        let factors = self.factors(step, learning_rate);
        let moments = moments.each_ref().map(|of_part| step.within(of_part));
        let moments = pair(&mut memory.floats, &moments);
        adamw_update(step.pool, &factors, step.values, step.grads, moments);
    }
}

/// Adam with decoupled weight decay; the step is [`catena_kernels::adamw_update`].
pub(super) struct AdamW {
    config: AdamWConfig,
}

impl Rule for AdamW {
    type Config = AdamWConfig;
    /// First and second moments.
    type Place = [Range<usize>; 2];

    const NAME: &'static str = "adamw";

    fn begin(
        config: AdamWConfig,
        tensors: &[TrainedTensor],
        memory: &mut OptimizerMemory,
    ) -> (Self, Placed<Self::Place>) {
        (Self { config }, place_alike(["exp_avg", "exp_avg_sq"], tensors, memory))
    }

    fn update(
        &mut self,
        step: &mut PartStep<'_>,
        moments: &Self::Place,
        memory: &mut OptimizerMemory,
    ) {
        let learning_rate = step.rate();
        self.config.update(step, learning_rate, moments, memory);
    }
}
