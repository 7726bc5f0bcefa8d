//! AdamW on the flat value vector.

use crate::error::TrainError;
use catena_kernels::{Pool, adamw_step};
use serde::{Deserialize, Serialize};

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

/// The state of Adam with decoupled weight decay; moments in f32, the step is
/// [`catena_kernels::adamw_step`].
#[derive(Clone, Debug)]
pub struct AdamW {
    config: AdamWConfig,
    /// Updates done.
    pub step: u64,
    /// First moment of every value.
    pub first_moment: Vec<f32>,
    /// Second moment of every value.
    pub second_moment: Vec<f32>,
}

impl AdamW {
    /// An optimizer of `num_values` values before its first step.
    pub fn new(num_values: usize, config: AdamWConfig) -> Self {
        Self {
            config,
            step: 0,
            first_moment: vec![0.0; num_values],
            second_moment: vec![0.0; num_values],
        }
    }

    /// Puts saved state in place.
    ///
    /// # Errors
    /// [`TrainError::CheckpointMismatch`] when the sizes differ.
    pub fn restore(
        &mut self,
        step: u64,
        first: Vec<f32>,
        second: Vec<f32>,
    ) -> Result<(), TrainError> {
        let expected = self.first_moment.len();
        if first.len() != expected || second.len() != expected {
            return Err(TrainError::CheckpointMismatch {
                what: "number of optimizer values",
                found: first.len().min(second.len()).to_string(),
                expected: expected.to_string(),
            });
        }
        self.step = step;
        self.first_moment = first;
        self.second_moment = second;
        Ok(())
    }

    /// One update of `values` along `grad_scale * grads`.
    ///
    /// # Panics
    /// If the lengths differ.
    #[expect(clippy::cast_possible_truncation, reason = "f64 coefficients become f32 on purpose")]
    pub fn update(
        &mut self,
        pool: &Pool,
        (values, grads): (&mut [f32], &[f32]),
        grad_scale: f32,
        learning_rate: f64,
    ) {
        self.step += 1;
        let config = catena_kernels::AdamW {
            learning_rate: learning_rate as f32,
            beta1: self.config.beta1 as f32,
            beta2: self.config.beta2 as f32,
            eps: self.config.eps as f32,
            weight_decay: self.config.weight_decay as f32,
        };
        let moments = (self.first_moment.as_mut_slice(), self.second_moment.as_mut_slice());
        adamw_step(pool, &config, self.step, grad_scale, values, grads, moments);
    }
}
