//! The shapes.

use super::wsd::WarmupStableDecay;
use crate::check::check;
use crate::error::TrainError;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Time scale of an inverse square root without a warm-up.
const DEFAULT_TIMESCALE: u64 = 10_000;

/// Shape of the learning rate; all but the last begin with a linear warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Stays at the peak; `transformers` calls it `constant_with_warmup`, and `constant` when there
    /// are no warm-up steps.
    #[serde(alias = "constant_with_warmup")]
    Constant,
    /// Falls on a line to zero.
    Linear,
    /// Falls on half a cosine wave to zero.
    Cosine,
    /// Falls on half a cosine wave to zero, several times, each from the peak.
    CosineWithRestarts {
        /// How often it falls.
        num_cycles: u32,
    },
    /// Moves along a cosine wave between the peak and a share of it.
    CosineWithMinLr {
        /// Waves until the end; half a wave only falls.
        num_cycles: f64,
        /// Lowest rate as a share of the peak.
        min_lr_rate: f64,
    },
    /// Falls with the root of the step.
    InverseSqrt {
        /// Steps in which the rate falls to `1 / sqrt(2)`; the warm-up steps if not given, or
        /// 10000 if there are none.
        timescale: Option<u64>,
    },
    /// Falls with a power of what remains.
    Polynomial {
        /// The power; 1 is a line.
        power: f64,
        /// Rate at the end and after it.
        lr_end: f64,
    },
    /// Rises, stays at the peak, and falls in the last steps.
    WarmupStableDecay(WarmupStableDecay),
}

impl Schedule {
    /// `power` and `lr_end` that `transformers` takes when none are given.
    pub const POLYNOMIAL: Self = Self::Polynomial { power: 1.0, lr_end: 1e-7 };

    /// Learning rate of `step`, counted from 0, of `total` steps with `warmup` warm-up steps.
    ///
    /// Warm-up: `peak * step / warmup`. After it, with `p = (step - warmup) / (total - warmup)`, at
    /// most 1:
    ///
    /// | shape | rate |
    /// |---|---|
    /// | constant | `peak` |
    /// | linear | `peak * (1 - p)` |
    /// | cosine | `peak * (1 + cos(pi p)) / 2` |
    /// | with restarts | the same of the fraction of `num_cycles * p` |
    /// | with a minimum | `m = min_lr_rate`: `peak * (m + (1 - m) (1 + cos(2 pi num_cycles p)) / 2)` |
    /// | inverse root | `peak / sqrt((step - warmup) / timescale + 1)` |
    /// | polynomial | `lr_end + (peak - lr_end) * (1 - p)^power` |
    ///
    /// # Source
    /// `get_scheduler` of Hugging Face `transformers`, where the first step of a warm-up also has
    /// rate 0.
    pub fn learning_rate(self, peak: f64, step: u64, warmup: u64, total: u64) -> f64 {
        if let Self::WarmupStableDecay(wsd) = self {
            return peak * wsd.factor(step, warmup, total);
        }
        if step < warmup {
            return peak * (step as f64 / warmup as f64);
        }
        let since = (step - warmup) as f64;
        let span = total.saturating_sub(warmup).max(1) as f64;
        let p = (since / span).min(1.0);
        let wave = |turns: f64| 0.5 * (1.0 + (PI * turns).cos());
        match self {
            Self::Constant | Self::WarmupStableDecay(_) => peak,
            Self::Linear => peak * (1.0 - p),
            Self::Cosine => peak * wave(p),
            Self::CosineWithRestarts { num_cycles } => {
                let fall = wave((f64::from(num_cycles) * p).fract());
                if p < 1.0 { peak * fall } else { 0.0 }
            }
            Self::CosineWithMinLr { num_cycles, min_lr_rate } => {
                peak * (wave(num_cycles * 2.0 * p) * (1.0 - min_lr_rate) + min_lr_rate)
            }
            Self::InverseSqrt { timescale } => {
                let from_warmup = if warmup == 0 { DEFAULT_TIMESCALE } else { warmup };
                let timescale = timescale.unwrap_or(from_warmup) as f64;
                peak / ((since + timescale) / timescale).sqrt()
            }
            Self::Polynomial { power, lr_end } => (peak - lr_end) * (1.0 - p).powf(power) + lr_end,
        }
    }

    /// Checks the parameters against a run of `total` steps.
    ///
    /// # Errors
    /// [`TrainError::InvalidConfig`] names the first key out of range, its value and the range.
    pub fn validate(self, peak: f64, warmup: u64, total: u64) -> Result<(), TrainError> {
        match self {
            Self::Constant
            | Self::Linear
            | Self::Cosine
            | Self::InverseSqrt { timescale: None } => Ok(()),
            Self::CosineWithRestarts { num_cycles } => {
                check("num_cycles", &num_cycles, num_cycles > 0, "1 or more")
            }
            Self::CosineWithMinLr { num_cycles, min_lr_rate } => {
                let holds = num_cycles.is_finite() && num_cycles > 0.0;
                check("num_cycles", &num_cycles, holds, "greater than 0")?;
                let holds = (0.0..=1.0).contains(&min_lr_rate);
                check("min_lr_rate", &min_lr_rate, holds, "0 to 1")
            }
            Self::InverseSqrt { timescale: Some(timescale) } => {
                check("timescale", &timescale, timescale > 0, "1 or more")
            }
            Self::Polynomial { power, lr_end } => {
                check("power", &power, power.is_finite() && power > 0.0, "greater than 0")?;
                let holds = lr_end >= 0.0 && lr_end < peak;
                check("lr_end", &lr_end, holds, "0 or more and below the learning rate")
            }
            Self::WarmupStableDecay(wsd) => wsd.validate(warmup, total),
        }
    }
}
