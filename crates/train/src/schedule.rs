//! Learning-rate schedules.

use serde::{Deserialize, Serialize};

/// Shape of the learning rate after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Stays at the peak.
    Constant,
    /// Falls on a line to zero.
    Linear,
    /// Falls on half a cosine wave to zero.
    Cosine,
}

impl Schedule {
    /// Learning rate of `step`, counted from 0, of `total` steps with `warmup` warm-up steps.
    ///
    /// Warm-up: `peak * step / warmup`. After it, with `p = (step - warmup) / (total - warmup)`:
    /// constant `peak`, linear `peak * (1 - p)`, cosine `peak * (1 + cos(pi p)) / 2`.
    ///
    /// # Source
    /// `get_*_schedule_with_warmup` of Hugging Face `transformers`, where the first step of a
    /// warm-up also has rate 0.
    pub fn learning_rate(self, peak: f64, step: u64, warmup: u64, total: u64) -> f64 {
        if step < warmup {
            return peak * step as f64 / warmup as f64;
        }
        let span = total.saturating_sub(warmup).max(1) as f64;
        let p = ((step - warmup) as f64 / span).min(1.0);
        match self {
            Self::Constant => peak,
            Self::Linear => peak * (1.0 - p),
            Self::Cosine => peak * 0.5 * (1.0 + (std::f64::consts::PI * p).cos()),
        }
    }
}
