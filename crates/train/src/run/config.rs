//! The hyper-parameters of one run.

use crate::error::TrainError;
use crate::optimizer::OptimizerConfig;
use crate::schedule::Schedule;
use serde::{Deserialize, Serialize};

/// Hyper-parameters that all objectives share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunConfig {
    /// Passes over the training samples.
    pub epochs: u32,
    /// Steps after which the run ends, whatever the epochs.
    pub max_steps: Option<u64>,
    /// Samples per optimizer step.
    pub batch_size: usize,
    /// Most tokens in one forward and backward pass; a step runs as many as it needs.
    pub micro_step_tokens: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Share of all steps spent warming up, 0 to 1.
    pub warmup_ratio: f64,
    /// Steps spent warming up, in the place of the share.
    pub warmup_steps: Option<u64>,
    /// Shape of the learning rate after the warm-up.
    pub schedule: Schedule,
    /// Gradients are scaled down to this norm; 0 turns clipping off.
    pub max_grad_norm: f64,
    /// Whose norm that is.
    #[serde(default, skip_serializing_if = "is_global")]
    pub clip_grad_norm: ClipGradNorm,
    /// The rule of the steps.
    pub optimizer: OptimizerConfig,
    /// How many times as fast the second half of low-rank pairs learns.
    pub loraplus_lr_ratio: f64,
    /// Scale of the noise on embeddings while training.
    pub neftune_alpha: Option<f64>,
    /// Steps between two checkpoints.
    pub checkpoint_steps: u64,
    /// Steps between two evaluations, besides the one at the end.
    pub eval_steps: Option<u64>,
    /// Evaluations without a better one after which the run ends.
    pub early_stopping_patience: Option<u32>,
    /// Whether the values of the best evaluation are the result, not the last ones.
    pub keep_best: bool,
    /// How many times its lowest smoothed value the loss may reach before the run is stopped as
    /// diverged; 0 lets it go on.
    pub divergence_factor: f64,
    /// Seed of the sample order and of noise.
    pub seed: u64,
}

/// Whose norm gradients are scaled down by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClipGradNorm {
    /// That of all gradients together, as PyTorch's `clip_grad_norm_` of all parameters.
    #[default]
    Global,
    /// Each tensor's own, as PyTorch's of one parameter or Keras's `clipnorm`: known before the
    /// gradients below it on the way back are.
    PerTensor,
}

/// Runs of before there was a choice are known by their settings as they were.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_global(clip: &ClipGradNorm) -> bool {
    *clip == ClipGradNorm::Global
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            epochs: 1,
            max_steps: None,
            batch_size: 8,
            micro_step_tokens: 2048,
            learning_rate: 2e-4,
            warmup_ratio: 0.05,
            warmup_steps: None,
            schedule: Schedule::Cosine,
            max_grad_norm: 1.0,
            clip_grad_norm: ClipGradNorm::default(),
            optimizer: OptimizerConfig::default(),
            loraplus_lr_ratio: 1.0,
            neftune_alpha: None,
            checkpoint_steps: 20,
            eval_steps: None,
            early_stopping_patience: None,
            keep_best: false,
            divergence_factor: 4.0,
            seed: 42,
        }
    }
}

impl RunConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`TrainError::InvalidConfig`] names the first key out of range, its value and the range.
    pub fn validate(&self) -> Result<(), TrainError> {
        let check = |key: &'static str, value: &dyn ToString, holds: bool, range: &'static str| {
            if holds {
                return Ok(());
            }
            Err(TrainError::InvalidConfig { key, value: value.to_string(), range })
        };
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let not_negative = |value: f64| value.is_finite() && value >= 0.0;
        check("epochs", &self.epochs, self.epochs > 0, "1 or more")?;
        let steps = self.max_steps.unwrap_or(1);
        check("max_steps", &steps, steps > 0, "1 or more")?;
        check("batch_size", &self.batch_size, self.batch_size > 0, "1 or more")?;
        let tokens = self.micro_step_tokens;
        check("micro_step_tokens", &tokens, tokens > 0, "1 or more")?;
        let rate = self.learning_rate;
        check("learning_rate", &rate, positive(rate), "greater than 0")?;
        let ratio = self.warmup_ratio;
        check("warmup_ratio", &ratio, (0.0..=1.0).contains(&ratio), "0 to 1")?;
        let norm = self.max_grad_norm;
        check("max_grad_norm", &norm, not_negative(norm), "0 or more")?;
        let ratio = self.loraplus_lr_ratio;
        check("loraplus_lr_ratio", &ratio, positive(ratio), "greater than 0")?;
        let alpha = self.neftune_alpha.unwrap_or(0.0);
        check("neftune_alpha", &alpha, not_negative(alpha), "0 or more")?;
        let steps = self.checkpoint_steps;
        check("checkpoint_steps", &steps, steps > 0, "1 or more")?;
        let steps = self.eval_steps.unwrap_or(1);
        check("eval_steps", &steps, steps > 0, "1 or more")?;
        let factor = self.divergence_factor;
        check("divergence_factor", &factor, not_negative(factor), "0 or more")?;
        self.optimizer.validate()
    }

    /// Optimizer steps of a run over so many samples.
    pub fn total_steps(&self, num_samples: usize) -> u64 {
        let steps = self.steps_per_epoch(num_samples) * u64::from(self.epochs);
        self.max_steps.map_or(steps, |most| most.min(steps))
    }

    /// Steps in one pass over so many samples; the last may be smaller.
    pub fn steps_per_epoch(&self, num_samples: usize) -> u64 {
        num_samples.div_ceil(self.batch_size) as u64
    }

    /// Steps spent warming up, of `total`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of the step count is a step count"
    )]
    pub fn warmup(&self, total: u64) -> u64 {
        let share = (self.warmup_ratio * total as f64).ceil() as u64;
        self.warmup_steps.unwrap_or(share)
    }
}
