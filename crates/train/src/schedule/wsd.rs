//! Warm up, stay, decay.

use crate::check::check;
use crate::error::TrainError;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// How the rate moves between its lowest value and the peak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WsdShape {
    /// On a line.
    #[serde(rename = "linear")]
    Linear,
    /// On a cosine wave.
    #[serde(rename = "cosine")]
    Cosine,
    /// Slowly near the peak when it rises, fast when it falls: `1 - sqrt(.)`.
    #[serde(rename = "1-sqrt")]
    OneMinusSqrt,
}

/// A schedule whose middle part can be made longer later without a change to what came before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WarmupStableDecay {
    /// Steps of the decay.
    pub decay_steps: u64,
    /// Steps at the peak; what is left between warm-up and decay if not given. Steps after the
    /// decay have the lowest rate.
    #[serde(default)]
    pub stable_steps: Option<u64>,
    /// How the rate rises.
    pub warmup: WsdShape,
    /// How it falls.
    pub decay: WsdShape,
    /// Lowest rate as a share of the peak, at the first step too.
    pub min_lr_ratio: f64,
    /// Waves of a decay on a cosine; half a wave only falls.
    pub num_cycles: f64,
}

impl WarmupStableDecay {
    /// The shapes that `transformers` takes when none are given: up a line, down half a cosine
    /// wave to zero.
    pub fn new(decay_steps: u64) -> Self {
        Self {
            decay_steps,
            stable_steps: None,
            warmup: WsdShape::Linear,
            decay: WsdShape::Cosine,
            min_lr_ratio: 0.0,
            num_cycles: 0.5,
        }
    }

    fn stable(self, warmup: u64, total: u64) -> u64 {
        let left = total.saturating_sub(warmup).saturating_sub(self.decay_steps);
        self.stable_steps.unwrap_or(left)
    }

    /// Share of the peak at `step`.
    pub(super) fn factor(self, step: u64, warmup: u64, total: u64) -> f64 {
        let between = |share: f64| (share * (1.0 - self.min_lr_ratio) + self.min_lr_ratio).max(0.0);
        if step < warmup {
            let p = step as f64 / warmup as f64;
            return between(match self.warmup {
                WsdShape::Linear => p,
                WsdShape::Cosine => 0.5 * (1.0 - (PI * p).cos()),
                WsdShape::OneMinusSqrt => 1.0 - (1.0 - p).sqrt(),
            });
        }
        let stable_end = warmup + self.stable(warmup, total);
        if step < stable_end {
            return 1.0;
        }
        if step >= stable_end + self.decay_steps {
            return self.min_lr_ratio;
        }
        let p = (step - stable_end) as f64 / self.decay_steps as f64;
        between(match self.decay {
            WsdShape::Linear => 1.0 - p,
            WsdShape::Cosine => 0.5 * (1.0 + (PI * self.num_cycles * 2.0 * p).cos()),
            WsdShape::OneMinusSqrt => 1.0 - p.sqrt(),
        })
    }

    pub(super) fn validate(self, warmup: u64, total: u64) -> Result<(), TrainError> {
        let holds = (0.0..=1.0).contains(&self.min_lr_ratio);
        check("min_lr_ratio", &self.min_lr_ratio, holds, "0 to 1")?;
        let holds = self.num_cycles.is_finite() && self.num_cycles > 0.0;
        check("num_cycles", &self.num_cycles, holds, "greater than 0")?;
        let planned = warmup.saturating_add(self.stable_steps.unwrap_or(0));
        let holds = planned.saturating_add(self.decay_steps) <= total;
        let range = "at most what warm-up and stable steps leave of the run";
        check("decay_steps", &self.decay_steps, holds, range)
    }
}
