//! The hyper-parameters of one run.

use crate::error::TrainError;
use crate::optimizer::AdamWConfig;
use crate::schedule::Schedule;
use serde::{Deserialize, Serialize};

/// Hyper-parameters of a supervised fine-tuning run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SftConfig {
    /// Passes over the training samples.
    pub epochs: u32,
    /// Samples per optimizer step.
    pub batch_size: usize,
    /// Most tokens in one forward and backward pass; a step runs as many as it needs.
    pub micro_step_tokens: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Share of all steps spent warming up, 0 to 1.
    pub warmup_ratio: f64,
    /// Shape of the learning rate after the warm-up.
    pub schedule: Schedule,
    /// Gradients are scaled down to this norm; 0 turns clipping off.
    pub max_grad_norm: f64,
    /// Moments and decay.
    pub optimizer: AdamWConfig,
    /// Steps between two checkpoints.
    pub checkpoint_steps: u64,
    /// Seed of the sample order.
    pub seed: u64,
}

impl Default for SftConfig {
    fn default() -> Self {
        Self {
            epochs: 1,
            batch_size: 8,
            micro_step_tokens: 2048,
            learning_rate: 2e-4,
            warmup_ratio: 0.05,
            schedule: Schedule::Cosine,
            max_grad_norm: 1.0,
            optimizer: AdamWConfig::default(),
            checkpoint_steps: 20,
            seed: 42,
        }
    }
}

impl SftConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`TrainError::InvalidConfig`] names the first key out of range, its value and the range.
    pub fn validate(&self) -> Result<(), TrainError> {
        let bad = |key: &'static str, value: String, range: &'static str| {
            Err(TrainError::InvalidConfig { key, value, range })
        };
        if self.epochs == 0 {
            return bad("epochs", self.epochs.to_string(), "1 or more");
        }
        if self.batch_size == 0 {
            return bad("batch_size", self.batch_size.to_string(), "1 or more");
        }
        if self.micro_step_tokens == 0 {
            return bad("micro_step_tokens", self.micro_step_tokens.to_string(), "1 or more");
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return bad("learning_rate", self.learning_rate.to_string(), "greater than 0");
        }
        if !(0.0..=1.0).contains(&self.warmup_ratio) {
            return bad("warmup_ratio", self.warmup_ratio.to_string(), "0 to 1");
        }
        if !(self.max_grad_norm.is_finite() && self.max_grad_norm >= 0.0) {
            return bad("max_grad_norm", self.max_grad_norm.to_string(), "0 or more");
        }
        if self.checkpoint_steps == 0 {
            return bad("checkpoint_steps", self.checkpoint_steps.to_string(), "1 or more");
        }
        Ok(())
    }
}
