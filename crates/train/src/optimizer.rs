//! AdamW on the flat value vector.

use crate::error::TrainError;
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

/// Adam with decoupled weight decay; moments in f32.
///
/// `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`,
/// `w = w (1 - lr wd) - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)`
///
/// # Source
/// Loshchilov and Hutter 2019, arXiv:1711.05101; the order of operations is PyTorch's.
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
        values: &mut [f32],
        grads: &[f32],
        grad_scale: f32,
        learning_rate: f64,
    ) {
        assert_eq!(values.len(), grads.len(), "values and gradients differ in length");
        assert_eq!(values.len(), self.first_moment.len(), "values and moments differ in length");
        self.step += 1;
        let AdamWConfig { beta1, beta2, eps, weight_decay } = self.config;
        let t = self.step as f64;
        let step_size = (learning_rate / (1.0 - beta1.powf(t))) as f32;
        let root_correction = (1.0 - beta2.powf(t)).sqrt() as f32;
        let keep = (1.0 - learning_rate * weight_decay) as f32;
        let (b1, b2, eps) = (beta1 as f32, beta2 as f32, eps as f32);
        let moments = self.first_moment.iter_mut().zip(self.second_moment.iter_mut());
        for ((w, &g), (m, v)) in values.iter_mut().zip(grads).zip(moments) {
            let g = g * grad_scale;
            *m += (1.0 - b1) * (g - *m);
            *v = b2 * *v + (1.0 - b2) * g * g;
            *w = *w * keep - step_size * *m / (v.sqrt() / root_correction + eps);
        }
    }
}
